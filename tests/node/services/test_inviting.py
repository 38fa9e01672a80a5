"""Calls to experts: records that count, codes, hours, and statistics of what came of them."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from adapters.messaging.port import Answer, CallResult
from federation.errors import TooEarly
from node.domain.calling import CallingHours
from node.domain.statistics import Thresholds
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.house import Desk
from node.services.inviting import RECEIPT_WRONG, TOO_LATE, InvitationPolicy
from node.services.pool_statistics import POOL_ALERT, PoolStatistics
from node.services.pool_warnings import PLAN_SMALL, POOL_SMALL
from node.store import invited, todos
from tests.node.services.test_draws import Board, Table, laid
from tests.support.gateway import GATEWAY, USUAL, Gateway
from tests.support.pair import HOUR_MS


@pytest.fixture
async def table() -> AsyncIterator[Table]:
    async with laid() as ready:
        yield ready


async def kinds(board: Board, role: str) -> list[str]:
    found = await board.center.do(lambda desk: todos.open_for(desk.ledger.connection, role))
    return [each.kind for each in found]


async def answered(board: Board) -> list[str | None]:
    rows = await board.center.sql("SELECT response FROM invitation ORDER BY invited_at_ms, draw")
    return [response for (response,) in rows]


Forger = Callable[[str, str, str, str, CallResult], CallResult]


def forged(change: Forger) -> Any:
    """A gateway whose answers are changed on the way."""

    async def invite(key: str, phone: str, text: str, suite: str = "") -> CallResult:
        honest = GATEWAY.called(suite, key, phone, text, Answer.ATTEND)
        return change(suite, key, phone, text, honest)

    return invite


FORGERIES: dict[str, Forger] = {
    "unsigned": lambda *told: replace(told[-1], receipt=b"nobody answered"),
    "another key": lambda suite, key, phone, text, _: Gateway(bytes(range(2, 34))).called(
        suite, key, phone, text, Answer.ATTEND
    ),
    "another call": lambda suite, _key, phone, text, _: GATEWAY.called(
        suite, "call_expert:00:00", phone, text, Answer.ATTEND
    ),
    "another telephone": lambda suite, key, _phone, text, _: GATEWAY.called(
        suite, key, "13900000000", text, Answer.ATTEND
    ),
    "another text": lambda suite, key, phone, _text, _: GATEWAY.called(
        suite, key, phone, "hello", Answer.ATTEND
    ),
    "another answer": lambda *told: replace(told[-1], answer=Answer.NO_ANSWER),
    "a message's": lambda suite, key, phone, text, honest: replace(
        honest,
        receipt=GATEWAY.signed(
            suite,
            replace(USUAL, kind="sms", key=key, phone=phone, text=text, answer="", keys=""),
        ),
    ),
}


@pytest.mark.parametrize("how", FORGERIES)
async def test_without_a_good_record_no_answer_counts_and_the_operator_is_told(
    table: Table, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    sub = table.sub
    with monkeypatch.context() as wrong:
        wrong.setattr(sub.phones, "invite", forged(FORGERIES[how]))
        await table.start()
        assert await answered(sub) == [None]
        assert RECEIPT_WRONG in await kinds(sub, "operator")
    table.pair.watch.pass_ms(HOUR_MS // 4)
    await table.turn()
    assert await answered(sub) == ["ACCEPT"] * 3
    assert RECEIPT_WRONG not in await kinds(sub, "operator")


async def test_a_message_without_a_good_record_is_tried_again(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    sub = table.sub

    async def sms(*_order: str) -> bytes:
        return b"sent, believe me"

    with monkeypatch.context() as wrong:
        wrong.setattr(sub.phones, "sms", sms)
        await table.start()
        assert RECEIPT_WRONG in await kinds(sub, "operator")
    table.pair.watch.pass_ms(HOUR_MS // 4)
    await table.turn()
    assert len(sub.phones.messages) == 3


async def test_the_record_is_kept_sealed_and_its_digest_is_what_was_reported(table: Table) -> None:
    table.sub.phones.script = [Answer.DECLINE]
    await table.start()
    rows = await table.sub.center.sql(
        "SELECT draw, entry, sealed_receipt, keys, evidence FROM invitation"
        " WHERE response = 'DECLINE'"
    )
    ((draw, entry, sealed, keys, evidence),) = rows
    assert keys == "32"
    assert b"lianping" not in sealed
    cipher = table.sub.center.cipher
    row = await table.sub.center.do(
        lambda desk: invited.one(desk.ledger.connection, cipher, draw, entry)
    )
    assert row is not None
    assert table.sub.center.suite.tagged("evidence", row.record) == evidence


def code_in(text: str) -> str:
    start = text.index("码") + 1
    return text[start : start + 9]


async def test_whoever_was_called_reads_with_the_code_what_was_recorded(table: Table) -> None:
    table.sub.phones.script = [Answer.NO_ANSWER, Answer.DECLINE]
    await table.start()
    sub = table.sub
    texts = [text for _, text in sub.phones.messages]
    assert len(texts) == len(sub.phones.calls) == 5
    missed = next(text for text in texts if "未应答" in text)
    inviting = sub.draws.errands.inviting
    code = code_in(missed)
    typed = code.lower().replace("-", " ")
    found = await sub.center.do(lambda desk: inviting.recorded(desk, typed))
    assert (found.response, found.keys, found.called) == ("NO_ANSWER", "", True)
    others = {code_in(text) for text in texts}
    assert len(others) == 5
    for strange in ("0000-0000", "", "x"):
        with pytest.raises(NotFound):
            await sub.center.do(partial(inviting.recorded, code=strange))
    kept = await sub.center.sql("SELECT sealed_code, blind_code FROM invitation")
    assert all(sealed is None and len(blind) == 32 for sealed, blind in kept)


async def test_a_code_is_for_one_expert_and_one_evaluation(table: Table) -> None:
    await table.start()
    sub = table.sub
    code = code_in(sub.phones.messages[0][1])
    found = await sub.center.do(
        lambda desk: invited.by_code(desk.ledger.connection, sub.center.cipher, code)
    )
    assert found is not None
    rows = await sub.center.do(lambda desk: sub.draws.members(desk, table.booking))
    other = next(row.uid for row in rows if row.uid not in {None, found.uid})

    async def fits(draws: list[bytes], uid: str, shown: str) -> bool:
        cipher = sub.center.cipher
        return await sub.center.do(
            lambda desk: invited.is_code_of(desk.ledger.connection, cipher, draws, uid, shown)
        )

    assert await fits([found.draw], found.uid, code)
    assert not await fits([found.draw], other or "", code)
    assert not await fits([bytes(16)], found.uid, code)
    assert not await fits([found.draw], found.uid, "0000-0000")


async def test_a_member_shows_the_code_of_this_evaluation_and_a_representative_none(
    table: Table,
) -> None:
    await table.start()
    sub = table.sub
    inviting = sub.draws.errands.inviting
    rows = await sub.center.do(lambda desk: sub.draws.members(desk, table.booking))
    one = next(row for row in rows if row.uid is not None)
    phone = await sub.center.do(
        lambda desk: table.offices.sub.experts.get(desk, one.uid or "").phone
    )
    code = next(code_in(text) for to, text in sub.phones.messages if to == phone)
    session = b"\x07" * 16

    def seat(desk: Desk) -> None:
        run = desk.ledger.connection.execute
        run(
            "INSERT INTO session (conversation, role, peer, project, booking, convene)"
            " VALUES (?, 'SUB', ?, NULL, ?, x'')",
            (session, table.pair.host.id, table.booking),
        )
        for member, uid in ((one.entry, one.uid), (bytes(32), None)):
            run(
                "INSERT INTO member (session, code, site, capacity, uid)"
                " VALUES (?, ?, ?, 'EXPERT', ?)",
                (session, member, sub.center.id, uid),
            )

    await sub.center.do(seat)

    async def fits(member: bytes, shown: str) -> bool:
        return await sub.center.do(lambda desk: inviting.fits_seat(desk, session, member, shown))

    assert await fits(one.entry, code.lower())
    assert not await fits(one.entry, "")
    assert not await fits(one.entry, "0000-0000")
    assert await fits(bytes(32), "")
    assert not await fits(b"nobody" * 5, code)


NIGHT = InvitationPolicy(hours=CallingHours(quiet_from=11 * 60, quiet_until=13 * 60))
"""The table is laid at noon."""


def at_night(board: Board) -> None:
    board.draws.errands.inviting.policy = NIGHT


async def test_no_draw_from_our_pool_begins_in_hours_without_calls(table: Table) -> None:
    inviting = table.host.draws.errands.inviting
    at_night(table.host)
    opens = await table.host.center.do(lambda desk: inviting.policy.hours.opens_ms(desk.now_ms))
    with pytest.raises(Conflicting, match="13:00"):
        await table.host.center.do(inviting.check_hours)
    with pytest.raises(TooEarly) as caught:
        await table.host.center.do(inviting.admit_hours)
    assert caught.value.alternative == f"at_ms>={opens}"


async def test_nobody_is_called_shortly_before_the_start_and_the_staff_is_told(
    table: Table,
) -> None:
    sub = table.sub
    sub.draws.errands.inviting.policy = InvitationPolicy(
        hours=CallingHours(cut_off_minutes=24 * 60)
    )
    ((start_ms,),) = await sub.center.sql("SELECT start_ms FROM booking")
    assert start_ms - table.pair.watch.now_ms < 24 * HOUR_MS
    await table.start()
    assert sub.phones.calls == []
    assert TOO_LATE in await kinds(sub, "staff")
    sub.draws.errands.inviting.policy = InvitationPolicy()
    table.pair.watch.pass_ms(HOUR_MS // 4)
    await table.turn()
    assert len(sub.phones.calls) == 3
    assert TOO_LATE not in await kinds(sub, "staff")


# Statistics and warnings


async def test_both_centers_count_the_same_and_pairs_are_for_supervisors(table: Table) -> None:
    table.sub.phones.script = [Answer.DECLINE, Answer.NO_ANSWER]
    await table.start()
    counts = PoolStatistics(Thresholds())
    host, sub = [await board.center.do(counts.figures) for board in (table.host, table.sub)]
    assert host.answers == sub.answers
    theirs = [each for each in host.answers if each.center == table.pair.sub.id]
    assert sum(each.invited for each in theirs) == 5
    assert sum(each.responses.get("DECLINE", 0) for each in theirs) == 1
    assert sum(each.responses.get("NO_ANSWER", 0) for each in theirs) == 1
    assert (sub.pairs, sub.repeated) == (None, 0)
    shown = await table.sub.center.do(lambda desk: counts.figures(desk, pairs=True))
    assert shown.pairs == ()
    with pytest.raises(Invalid, match="days"):
        await table.sub.center.do(lambda desk: counts.figures(desk, 0))


async def test_a_figure_above_its_threshold_becomes_a_to_do_without_a_person(table: Table) -> None:
    table.sub.phones.script = [Answer.DECLINE] * 4
    await table.start()
    strict = PoolStatistics(Thresholds(decline_percent=10, at_least=1))
    await table.sub.center.do(strict.look)
    found = await table.sub.center.do(lambda desk: todos.open_for(desk.ledger.connection, "staff"))
    (alert,) = [each for each in found if each.kind == POOL_ALERT]
    assert "DECLINE" in alert.zh
    assert "E2-" not in alert.zh + alert.en
    await table.sub.center.do(PoolStatistics(Thresholds(at_least=100)).look)
    assert POOL_ALERT not in await kinds(table.sub, "staff")


async def test_small_strata_are_told_when_announced_and_when_planned(table: Table) -> None:
    for board in (table.host, table.sub):
        assert POOL_SMALL in await kinds(board, "staff")
    small = await table.sub.center.do(
        lambda desk: table.sub.pools.small(desk, "experts", "2026-05")
    )
    assert small
    assert all(each.candidates < each.needed == 20 for each in small)
    assert list(small) == sorted(small, key=lambda each: (each.candidates, each.specialty))
    planned = await table.host.center.do(
        lambda desk: todos.open_for(desk.ledger.connection, "staff")
    )
    told = [each for each in planned if each.kind == PLAN_SMALL]
    assert len(told) == 1
    assert table.pair.sub.id not in told[0].zh + told[0].en
