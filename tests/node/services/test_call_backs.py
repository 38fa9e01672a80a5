"""A regulator checks by chance what was reported of invitations; owners lie to it as they can."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from itertools import count
from typing import Any, Final

import pytest

from adapters.messaging.port import Answer, CallResult
from federation.errors import Refused, Unauthenticated
from federation.evidence import call_back
from federation.evidence.call_back import Produced
from federation.evidence.call_record import CallRecord
from federation.ids import ConversationId
from federation.protocol import oversight as words
from federation.protocol.conversation import Word
from federation.protocol.draw import CLOSED, RESCUED, VOID, Fault, Open, Report, Response
from federation.protocol.oversight import (
    AskRecords,
    FaultRecord,
    Finding,
    ProduceRecords,
    StateCallBack,
    SubmitReports,
    Wrong,
)
from federation.protocol.peering import AnnouncePool
from federation.trust.keyring import Keyring
from federation.trust.keys import Descriptor, PublicKey, Purpose
from federation.wire.envelopes import Outcome, Statement, encode_envelope, encode_statement
from federation.wire.words import PAYLOAD_TYPES, encode_word
from node.domain.statistics import CalledBack, Thresholds
from node.metrics import Metrics
from node.services.accounts import Role
from node.services.call_backs import (
    AWAY_MS,
    CALL,
    CONFIRM,
    RECORD_FAULT,
    Call,
    CallBackPolicy,
)
from node.services.call_records import FOUND
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.house import Desk
from node.services.inviting import Inviting, Order
from node.services.officers import SamePerson
from node.services.outside_values import envelope_of
from node.services.oversight_deciding import Decision
from node.services.pool_statistics import PoolStatistics
from node.store import call_backs as store
from node.store import figures
from node.store.call_backs import CallBackRow, State
from tests.node.services.overseen import FIRST, SECOND, Scene, overseen
from tests.node.services.test_rescue import asked, overdue, silent
from tests.support.gateway import GATEWAY, USUAL, Gateway
from tests.support.liar import Liar
from tests.support.pair import SPOKEN, Center

ALL: Final = CallBackPolicy(percent=100)
NEW: Final = bytes([200]) * 16
_FRESH: Final = count(201)


def fresh() -> bytes:
    """The id of a conversation that nobody has begun."""
    return next(_FRESH).to_bytes(16, "big")


async def close(at: Scene) -> None:
    """Everybody has signed: both draws are closed."""
    for board in (at.table.host, at.table.sub):
        await board.center.do(lambda desk, b=board: b.draws.close_all(desk, at.table.booking))  # type: ignore[misc]
    await at.pair.greet()


async def over(at: Scene) -> ConversationId:
    """Both draws are drawn and closed; answers the one from the sub's pool."""
    await at.start()
    await close(at)
    draw = await at.draw()
    assert await at.host.phase(draw) == CLOSED
    return draw


async def rows(at: Scene, owner: Center | None = None) -> list[CallBackRow]:
    """What the choice fell on, of one center or of both."""
    found = await at.regulator.do(at.of(at.regulator).calling.everything)
    return [row for row in found if owner is None or row.owner == owner.id]


async def stated(at: Scene, row: CallBackRow, finding: Finding) -> None:
    """Two officers state what they found."""
    await at.decide(lambda service, desk: service.calling.propose(
        desk, row.id, finding, "已致电专家本人", FIRST))  # fmt: skip
    await at.decide(lambda service, desk: service.calling.confirm(desk, row.id, SECOND))


async def checked(center: Center, draw: bytes) -> list[str]:
    """What a center was told of a draw."""
    found = await center.do(lambda desk: store.checked(desk.ledger.connection, draw))
    return sorted(each.outcome for each in found)


@pytest.fixture
async def at() -> AsyncIterator[Scene]:
    async with overseen(call_backs=ALL) as scene:
        scene.table.host.phones.script = [Answer.DECLINE]
        scene.table.sub.phones.script = [Answer.NO_ANSWER]
        yield scene


async def test_what_was_reported_is_told_by_the_sealer_and_produced_by_the_owner(
    at: Scene,
) -> None:
    draw = await over(at)
    (told,) = await at.said(at.host, SubmitReports)
    assert (told.draw_id, len(told.reports)) == (draw, 4)
    assert len(await at.said(at.sub, Report)) == 4
    every = await rows(at)
    assert {row.owner for row in every} == {at.host.id, at.sub.id}
    assert {(row.state, row.wrong) for row in every} == {(State.PRODUCED, None)}
    assert sorted(row.response for row in every) == [
        *["ACCEPT"] * 5, "DECLINE", "NO_ANSWER",
    ]  # fmt: skip
    assert await at.todos(at.regulator) == {CALL}
    assert await at.said(at.regulator, FaultRecord) == []


async def test_an_officer_sees_whom_to_call_and_no_word_and_no_table_has_it_in_clear(
    at: Scene,
) -> None:
    await over(at)
    row = next(each for each in await rows(at, at.sub) if each.response == "NO_ANSWER")
    found, call = await at.regulator.do(lambda desk: at.of(at.regulator).calling.call(desk, row.id))
    assert found == row
    assert isinstance(call, Call)
    assert (call.phone, call.answer) == (at.table.sub.phones.calls[0][0], "no_answer")
    assert call.phone not in repr(call)
    assert call.name not in repr(call)
    secrets = [call.phone.encode(), call.name.encode(), call.uid.encode()]
    for center in (at.regulator, at.host):
        for table in ("said", "heard", "log_entry", "call_back", "call_checked", "todo"):
            for cells in await center.sql(f"SELECT * FROM {table}"):
                texts = [each.encode() if isinstance(each, str) else each for each in cells]
                blobs = [each for each in texts if isinstance(each, bytes)]
                assert not any(secret in blob for secret in secrets for blob in blobs), table


async def test_two_officers_state_a_mismatch_and_both_centers_are_told(at: Scene) -> None:
    draw = await over(at)
    row = next(each for each in await rows(at, at.sub) if each.response == "NO_ANSWER")
    await at.decide(lambda service, desk: service.calling.propose(
        desk, row.id, Finding.MISMATCH, "专家称未接到电话", FIRST))  # fmt: skip
    assert CONFIRM in await at.todos(at.regulator)
    assert await at.said(at.regulator, StateCallBack) == []
    with pytest.raises(SamePerson):
        await at.decide(lambda service, desk: service.calling.confirm(desk, row.id, FIRST))
    await at.decide(lambda service, desk: service.calling.confirm(desk, row.id, SECOND))

    to_owner, to_sealer = await at.said(at.regulator, StateCallBack)
    assert to_owner == to_sealer
    assert (to_owner.entry, to_owner.finding) == (row.entry, Finding.MISMATCH)
    assert len(set(to_owner.officers)) == 2
    for center in (at.host, at.sub):
        assert await checked(center, draw) == ["MISMATCH"]
        ((role, text),) = await center.sql(
            "SELECT role, text_zh || text_en FROM todo WHERE kind = ?", FOUND
        )
        assert role == Role.SUPERVISOR
        assert at.sub.id in text
        assert "otherwise than was reported" in text
    assert await at.regulator.do(lambda desk: store.outcomes(desk.ledger.connection)) == {
        "MISMATCH": 1
    }


async def test_a_match_is_told_and_troubles_nobody(at: Scene) -> None:
    draw = await over(at)
    one, other, *_ = await rows(at, at.sub)
    await stated(at, one, Finding.MATCH)
    await stated(at, other, Finding.UNREACHED)
    assert await checked(at.host, draw) == await checked(at.sub, draw) == ["MATCH", "UNREACHED"]
    for center in (at.host, at.sub):
        assert FOUND not in await at.todos(center)


async def test_whom_it_was_about_is_forgotten_unless_it_has_to_be_investigated(at: Scene) -> None:
    await over(at)
    one, other, third, *_ = await rows(at, at.sub)
    for row, finding in (
        (one, Finding.MATCH), (other, Finding.UNREACHED), (third, Finding.MISMATCH),
    ):  # fmt: skip
        await stated(at, row, finding)
    kept = []
    for row in (one, other, third):
        _, call = await at.regulator.do(
            lambda desk, row=row: at.of(at.regulator).calling.call(desk, row.id)  # type: ignore[misc]
        )
        kept.append(call is not None)
    assert kept == [False, False, True]


async def test_officers_may_think_again_and_state_nothing_twice(at: Scene) -> None:
    await over(at)
    row = (await rows(at, at.sub))[0]
    calling = at.of(at.regulator).calling
    with pytest.raises(Conflicting, match="nothing is proposed"):
        await at.regulator.do(lambda desk: calling.confirm(desk, row.id, SECOND))
    with pytest.raises(Conflicting, match="nothing is proposed"):
        await at.regulator.do(lambda desk: calling.withdraw(desk, row.id))
    with pytest.raises(Invalid):
        await at.regulator.do(lambda desk: calling.propose(desk, row.id, Finding.MATCH, " ", FIRST))
    with pytest.raises(NotFound):
        await at.regulator.do(lambda desk: calling.call(desk, bytes(16)))
    await at.regulator.do(
        lambda desk: calling.propose(desk, row.id, Finding.MISMATCH, "误记", FIRST)
    )
    with pytest.raises(Conflicting, match="has said what was found"):
        await at.regulator.do(
            lambda desk: calling.propose(desk, row.id, Finding.MATCH, "属实", SECOND)
        )
    await at.regulator.do(lambda desk: calling.withdraw(desk, row.id))
    await stated(at, row, Finding.MATCH)
    for use_case in (
        lambda desk: calling.propose(desk, row.id, Finding.MISMATCH, "又变", FIRST),
        lambda desk: calling.confirm(desk, row.id, SECOND),
    ):
        with pytest.raises(Conflicting, match="stated already"):
            await at.regulator.do(use_case)
    assert len(await at.said(at.regulator, StateCallBack)) == 2


async def test_the_share_of_none_asks_for_nothing_and_the_answer_comes_all_the_same() -> None:
    async with overseen() as at:
        await over(at)
        assert len(await at.said(at.host, SubmitReports)) == 1
        assert await at.said(at.regulator, AskRecords) == []


async def test_no_regulator_no_report() -> None:
    async with overseen(regulator=False, call_backs=ALL) as at:
        await over(at)
        assert await at.said(at.host, SubmitReports) == []


async def test_what_came_to_nothing_is_checked_too() -> None:
    """An owner that does not like who accepts could let the draw fail."""
    async with overseen(call_backs=ALL) as at:
        await at.start()
        draw = await at.draw()
        await at.host.do(lambda desk: desk.say(draw, Fault("SEALED", "nobody comes")))
        await at.pair.greet()
        assert await at.host.phase(draw) == VOID
        assert {row.state for row in await rows(at, at.sub)} == {State.PRODUCED}


async def test_whoever_tells_again_changes_nothing(at: Scene) -> None:
    await over(at)
    before = await rows(at)
    (told,) = await at.said(at.host, SubmitReports)
    receipt = await Liar(at.host, at.regulator).tell(fresh(), told)
    assert receipt.outcome is Outcome.ACCEPTED
    await at.pair.greet()
    assert await rows(at) == before
    questions = await at.said(at.regulator, AskRecords)
    assert len({each.value for each in questions if each.draw_id == told.draw_id}) == 1


async def test_an_owner_that_went_on_alone_tells_of_itself() -> None:
    async with silent(call_backs=ALL) as (at, draw):
        await overdue(at)
        await asked(at, draw, Decision.GRANT)
        assert await at.host.phase(draw) == RESCUED
        await at.host.do(lambda desk: at.table.host.draws.close_all(desk, at.table.booking))
        await at.pair.greet()
        assert len(await at.said(at.host, SubmitReports)) == 1
        found = await rows(at, at.host)
        assert len(found) >= 2
        assert {(row.sealer, row.wrong) for row in found} == {(at.sub.id, None)}


# What a lying owner produces


Lie = Callable[[Produced], Produced | None]


async def produced(at: Scene, monkeypatch: pytest.MonkeyPatch, lie: Lie) -> set[str | None]:
    """What is found wrong with the records of a sub that lies when it is asked for them."""
    await at.start()
    honest = call_back.encode

    def lying(found: list[Produced]) -> bytes:
        lies = [lie(one) for one in found]
        return honest([one for one in lies if one is not None])

    with monkeypatch.context() as patched:
        patched.setattr(call_back, "encode", lying)
        await close(at)
    found = await rows(at, at.sub)
    assert len(found) == 4
    assert {row.state for row in found} == {State.FAULTY}
    return {row.wrong for row in found}


def _of_another_call(suite_id: str) -> Lie:
    def lie(one: Produced) -> Produced:
        said = GATEWAY.called(suite_id, "call_expert:00:00", "13800138000", "x", Answer.DECLINE)
        return replace(one, record=said.receipt)

    return lie


async def test_a_record_of_another_call_in_place_of_the_reported_one_is_a_fault(
    at: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    lie = _of_another_call(at.sub.suite.suite_id)
    assert await produced(at, monkeypatch, lie) == {Wrong.OTHER_RECORD.name}
    draw = await at.draw()
    assert RECORD_FAULT in await at.todos(at.regulator)
    for center in (at.host, at.sub):
        assert await checked(center, draw) == ["OTHER_RECORD"] * 4
        assert FOUND in await at.todos(center)
    row = (await rows(at, at.sub))[0]
    with pytest.raises(Conflicting, match="no good record"):
        await at.decide(lambda service, desk: service.calling.propose(
            desk, row.id, Finding.MATCH, "属实", FIRST))  # fmt: skip


async def test_what_is_left_out_is_a_fault(at: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await produced(at, monkeypatch, lambda _: None) == {Wrong.NOT_PRODUCED.name}


async def test_a_record_shown_with_somebody_else_is_a_fault(
    at: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = await produced(at, monkeypatch, lambda one: replace(one, person=bytes(8)))
    assert found == {Wrong.OTHER_PERSON.name}


def _lied(how: str, suite_id: str, key: str, phone: str, text: str) -> CallResult:
    """What a bent vendor or a bent owner keeps, and reports the digest of."""
    if how == "unsigned":
        return replace(
            GATEWAY.called(suite_id, key, phone, text, Answer.NO_ANSWER),
            receipt=b"nobody has signed this",
        )
    if how == "own key":
        own = Gateway(bytes([9]) * 32)
        return own.called(suite_id, key, phone, text, Answer.NO_ANSWER)
    if how == "another draw":
        other = ":".join([key.split(":", maxsplit=1)[0], "00" * 16, key.split(":")[2]])
        return GATEWAY.called(suite_id, other, phone, text, Answer.NO_ANSWER)
    attended = GATEWAY.called(suite_id, key, phone, text, Answer.ATTEND)
    return replace(attended, answer=Answer.NO_ANSWER)


@pytest.mark.parametrize(
    ("how", "wrong"),
    [
        ("unsigned", Wrong.NOT_SIGNED),
        ("own key", Wrong.NOT_SIGNED),
        ("another draw", Wrong.OTHER_CALL),
        ("another answer", Wrong.OTHER_ANSWER),
    ],
)
async def test_a_record_that_was_false_when_its_digest_was_reported_is_a_fault(
    at: Scene, monkeypatch: pytest.MonkeyPatch, how: str, wrong: Wrong
) -> None:
    """The owner's own program would not report of such a record: this one was told to."""
    honest = at.table.sub.phones.invite
    lies: list[str] = []

    async def invite(key: str, phone: str, text: str, suite: str = "") -> CallResult:
        if lies:
            return await honest(key, phone, text, suite)
        lies.append(key)
        return _lied(how, suite, key, phone, text)

    def trusting(_self: Inviting, _messaging: Any, order: Order, result: CallResult) -> CallRecord:
        return replace(USUAL, key=order.key, phone=order.phone, text=order.text,
                       answer=result.answer.value, keys="")  # fmt: skip

    monkeypatch.setattr(at.table.sub.phones, "invite", invite)
    monkeypatch.setattr(Inviting, "check_call", trusting)
    await over(at)
    found = {row.wrong for row in await rows(at, at.sub)}
    assert found == {None, wrong.name}
    entry = lies[0].split(":")[2]
    (row,) = [row for row in await rows(at, at.sub) if row.wrong is not None]
    assert row.entry.hex() == entry


async def test_a_gateway_that_is_not_in_the_register_of_the_regulator_does_not_count() -> None:
    register = {SPOKEN[0]: frozenset({Gateway(bytes([9]) * 32).receipt_key(SPOKEN[0])})}
    async with overseen(call_backs=CallBackPolicy(100, register)) as at:
        await over(at)
        assert {row.wrong for row in await rows(at)} == {Wrong.NOT_SIGNED.name}
    register = {SPOKEN[0]: frozenset({GATEWAY.receipt_key(SPOKEN[0])})}
    async with overseen(call_backs=CallBackPolicy(100, register)) as at:
        await over(at)
        assert {row.wrong for row in await rows(at)} == {None}


async def test_who_never_produces_is_told_of_and_what_comes_late_is_looked_at(at: Scene) -> None:
    await at.start()
    at.pair.silent.add("sub")
    await close(at)
    draw = await at.draw()
    assert {row.state for row in await rows(at, at.sub)} == {State.ASKED}
    await at.pair.later(words.RECORDS_MS + 1)
    assert {row.wrong for row in await rows(at, at.sub)} == {"NOT_PRODUCED"}
    assert await checked(at.host, draw) == ["NOT_PRODUCED"] * 4

    at.pair.silent.discard("sub")
    await at.pair.later(3_600_000)
    late = await rows(at, at.sub)
    assert {(row.state, row.wrong) for row in late} == {(State.PRODUCED, "NOT_PRODUCED")}
    assert await checked(at.sub, draw) == ["NOT_PRODUCED"] * 4
    await stated(at, late[0], Finding.MATCH)
    assert await checked(at.sub, draw) == ["MATCH", *["NOT_PRODUCED"] * 4]


async def test_nobody_is_blamed_for_what_the_regulator_was_not_there_to_hear(at: Scene) -> None:
    await at.start()
    at.pair.silent.add("sub")
    await close(at)
    draw = await at.draw()
    (asked, *_) = await rows(at, at.sub)
    at.pair.silent.add("regulator")
    at.pair.silent.discard("sub")
    await at.pair.later(words.RECORDS_MS + AWAY_MS)

    at.pair.silent.discard("regulator")
    await at.regulator.alarms.ring()  # before the owner can be heard
    (again, *_) = await rows(at, at.sub)
    assert again.conversation != asked.conversation
    assert again.state is State.ASKED
    await at.pair.later(3_600_000)
    assert {(row.state, row.wrong) for row in await rows(at)} == {(State.PRODUCED, None)}
    assert await checked(at.sub, draw) == []
    assert await at.regulator.phase(asked.conversation) == words.PRODUCED


async def test_who_does_not_produce_when_asked_again_either_is_told_of(at: Scene) -> None:
    await at.start()
    at.pair.silent.add("sub")
    await close(at)
    at.pair.silent.add("regulator")
    await at.pair.later(words.RECORDS_MS + AWAY_MS)
    at.pair.silent.discard("regulator")
    await at.pair.later(0)
    assert {row.wrong for row in await rows(at, at.sub)} == {None}
    await at.pair.later(words.RECORDS_MS + 1)
    assert {row.wrong for row in await rows(at, at.sub)} == {"NOT_PRODUCED"}


async def test_who_refuses_to_produce_has_not_produced(
    at: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(*_: object) -> None:
        raise Refused("we show nothing to anybody", clause="")

    monkeypatch.setattr(at.of(at.sub).records, "admit", refusing)
    await over(at)
    assert {row.wrong for row in await rows(at, at.sub)} == {"NOT_PRODUCED"}
    assert {row.wrong for row in await rows(at, at.host)} == {None}


async def test_what_does_not_open_is_not_produced_and_nobody_answers_twice(at: Scene) -> None:
    await at.start()
    at.pair.silent.add("sub")
    await close(at)
    first = (await rows(at, at.sub))[0]
    liar = Liar(at.sub, at.regulator)
    another = await liar.tell(first.conversation, ProduceRecords(bytes(16), b"sealed"))
    assert (another.reason, another.clause) == ("MALFORMED", "draw_id")
    receipt = await liar.tell(first.conversation, ProduceRecords(first.draw, b"sealed"))
    assert receipt.outcome is Outcome.ACCEPTED
    assert {row.wrong for row in await rows(at, at.sub)} == {"NOT_PRODUCED"}
    again = await liar.tell(first.conversation, ProduceRecords(first.draw, b"sealed"))
    assert again.reason == "OUT_OF_TURN"


# What a lying teller tells


async def told(at: Scene, **lies: Any) -> SubmitReports:
    """What the sealer of the sub's pool has told, changed."""
    (word,) = await at.said(at.host, SubmitReports)
    assert isinstance(word, SubmitReports)
    return replace(word, **lies)


async def signed(
    by: Center, to: Center, conversation: bytes, word: Word, *, at_ms: int | None = None
) -> bytes:
    """A word as a center could sign it in a conversation, whenever it likes."""

    def envelope(desk: Desk) -> bytes:
        sent_at_ms = desk.now_ms if at_ms is None else at_ms
        said = Statement(
            sender=by.id,
            recipient=to.id,
            message_id=fresh(),
            conversation_id=conversation,
            revision=1,
            previous_hash=b"",
            answers_hash=b"",
            sent_at_ms=sent_at_ms,
            expires_at_ms=sent_at_ms + words.RECORDS_MS,
            agreement_id=b"",
            log_size=0,
            log_root=b"",
            body=encode_word(word),
        )
        kind, payload = PAYLOAD_TYPES[type(word)], encode_statement(said)
        suite_id = by.suite.suite_id
        (found,) = desk.identity.sign(to.id, suite_id, [(kind, payload)], desk.now_ms)
        return encode_envelope(found)

    return await by.do(envelope)


async def test_a_key_that_was_made_up_after_the_draw_is_refused(at: Scene) -> None:
    """Owner and sealer together: the announcement that they show is younger than the draw."""
    await over(at)
    word = await told(at)
    (pool,) = await at.said(at.sub, AnnouncePool)
    made_up = replace(pool, gateway_key=Gateway(bytes([9]) * 32).receipt_key(at.sub.suite.suite_id))
    at.pair.watch.pass_ms(1)
    shown = await signed(at.sub, at.host, NEW, made_up)
    receipt = await Liar(at.host, at.regulator).tell(fresh(), replace(word, announcement=shown))
    assert (receipt.reason, receipt.clause) == ("MALFORMED", "announcement")
    assert "after the draw was opened" in receipt.detail
    older = await signed(at.sub, at.host, NEW, replace(made_up, epoch="2026-04"), at_ms=1)
    receipt = await Liar(at.host, at.regulator).tell(fresh(), replace(word, announcement=older))
    assert receipt.reason == "MALFORMED"


async def test_an_owner_learns_nothing_of_the_choice_while_its_draw_goes_on(at: Scene) -> None:
    """It signs an end of its own and tells of one honest call, to be shown the value."""
    await at.start()
    draw = await at.draw()
    report = (await at.said(at.sub, Report))[0]
    (pool,) = await at.said(at.sub, AnnouncePool)
    word = SubmitReports(
        draw,
        await at.host.do(lambda desk: envelope_of(desk, draw, Open)),
        await signed(at.sub, at.host, NEW, pool, at_ms=1),
        (await signed(at.sub, at.host, draw, report),),
        await signed(at.sub, at.host, draw, Fault("SEALED", "nobody comes")),
    )
    receipt = await Liar(at.sub, at.regulator).tell(fresh(), word)
    assert (receipt.reason, receipt.clause) == ("NOT_ALLOWED", "opening")
    await at.pair.greet()
    assert await at.said(at.regulator, AskRecords) == []


async def test_who_has_signed_two_answers_of_one_call_is_told_of(at: Scene) -> None:
    draw = await over(at)
    report = (await at.said(at.sub, Report))[0]
    shown = await signed(at.sub, at.host, draw, replace(report, evidence=bytes(32)))
    receipt = await Liar(at.host, at.regulator).tell(fresh(), await told(at, reports=(shown,)))
    assert receipt.outcome is Outcome.ACCEPTED
    await at.pair.greet()
    (row,) = [each for each in await rows(at, at.sub) if each.wrong]
    assert (row.entry, row.wrong, row.state) == (report.entry, "OTHER_RECORD", State.PRODUCED)
    assert await checked(at.host, draw) == await checked(at.sub, draw) == ["OTHER_RECORD"]
    await stated(at, row, Finding.MATCH)


async def test_who_shows_another_key_of_its_gateway_is_told_of(at: Scene) -> None:
    await over(at)
    honest = await told(at)
    (pool,) = await at.said(at.sub, AnnouncePool)
    other = replace(pool, gateway_key=Gateway(bytes([9]) * 32).receipt_key(at.sub.suite.suite_id))
    shown = await signed(at.sub, at.host, NEW, other, at_ms=1)
    await Liar(at.host, at.regulator).tell(fresh(), replace(honest, announcement=shown))
    assert {row.wrong for row in await rows(at, at.sub)} == {"NOT_SIGNED"}
    assert {row.wrong for row in await rows(at, at.host)} == {None}


async def test_a_report_that_is_none_is_refused(at: Scene) -> None:
    draw = await over(at)
    liar = Liar(at.host, at.regulator)
    honest = await told(at)
    report = next(each for each in await at.said(at.sub, Report))
    left = replace(report, response=Response.LEAVE)
    for lie, clause in (
        (await signed(at.sub, at.host, NEW, report), "reports"),  # of another draw
        (await signed(at.sub, at.host, draw, left), "reports"),
        (await signed(at.host, at.sub, draw, report), ""),  # by the sealer itself
        (await signed(at.sub, at.regulator, draw, report), ""),  # told to somebody else
        (honest.opening, ""),
    ):
        receipt = await liar.tell(fresh(), replace(honest, reports=(lie,)))
        assert (receipt.reason, receipt.clause) == ("MALFORMED", clause)


async def test_an_end_that_is_none_is_refused(at: Scene) -> None:
    draw = await over(at)
    liar = Liar(at.host, at.regulator)
    honest = await told(at)
    fault = Fault("SEALED", "nobody comes")
    for lie in (
        honest.opening,
        await signed(at.host, at.sub, NEW, fault),
        await signed(at.host, at.regulator, draw, fault),
        await signed(at.neighbour, at.sub, draw, fault),
    ):
        receipt = await liar.tell(fresh(), replace(honest, ending=lie))
        assert receipt.reason == "MALFORMED"


@pytest.mark.parametrize(
    ("cause", "outcome"),
    [
        ("key_out_of_time", Outcome.ACCEPTED),
        ("unknown_key", Outcome.GAP),
        ("revoked_key", Outcome.REFUSED),
    ],
)
async def test_an_owner_that_renews_its_keys_is_checked_all_the_same(
    at: Scene, monkeypatch: pytest.MonkeyPatch, cause: str, outcome: Outcome
) -> None:
    """Its pool was announced under the key before, or the regulator knows the new one later."""
    await over(at)
    word = await told(at)
    at.pair.watch.pass_ms(1)
    renewed_ms, usual = at.pair.watch.now_ms, Keyring.message_key

    def renewed(ring: Keyring, center: str, key_id: bytes, now_ms: int) -> PublicKey:
        late = now_ms >= renewed_ms or cause != "key_out_of_time"
        if center == at.sub.id and late:
            raise Unauthenticated(cause)
        return usual(ring, center, key_id, now_ms)

    monkeypatch.setattr(Keyring, "message_key", renewed)
    receipt = await Liar(at.host, at.regulator).tell(fresh(), word)
    assert receipt.outcome is outcome


async def test_who_has_no_part_in_a_draw_tells_nothing_of_it(at: Scene) -> None:
    await over(at)
    receipt = await Liar(at.neighbour, at.regulator).tell(fresh(), await told(at))
    assert (receipt.reason, receipt.clause) == ("MALFORMED", "opening")


# What a lying regulator asks and states


async def asking(at: Scene, **lies: Any) -> AskRecords:
    """What the regulator has asked the sub, changed."""
    word = (await at.said(at.regulator, AskRecords))[0]
    draw = await at.draw()
    every = [each for each in await at.said(at.regulator, AskRecords) if each.draw_id == draw]
    word = every[0]
    assert isinstance(word, AskRecords)
    return replace(word, **lies)


async def test_a_regulator_asks_for_nothing_that_chance_did_not_choose(at: Scene) -> None:
    await over(at)
    liar = Liar(at.regulator, at.sub)
    honest = await asking(at)
    entry = honest.entries[0]
    values = (bytes([each]) * 32 for each in range(200))
    passing = next(v for v in values if not call_back.is_chosen(at.sub.suite, v, 1, entry))
    for lie, reason, clause in (
        (replace(honest, value=passing, percent=1, entries=(entry,)), "MALFORMED", "value"),
        (replace(honest, value=passing), "CONFLICT", "value"),
        (replace(honest, entries=(bytes(32),)), "MALFORMED", "entries"),
        (replace(honest, entries=(entry, entry)), "MALFORMED", "entries"),
        (replace(honest, draw_id=bytes(16)), "CONFLICT", "draw_id"),
        (replace(honest, draw_id=await at.draw("OWNER")), "CONFLICT", "draw_id"),
    ):
        receipt = await liar.tell(fresh(), lie)
        assert (receipt.reason, receipt.clause) == (reason, clause)
    neighbour = await Liar(at.neighbour, at.sub).tell(fresh(), honest)
    assert (neighbour.reason, neighbour.clause) == ("NOT_ALLOWED", "regulator")
    again = await liar.tell(fresh(), honest)
    assert again.outcome is Outcome.ACCEPTED, "the same records once more tell nothing new"


async def test_nobody_is_called_back_before_the_draw_is_over(at: Scene) -> None:
    await at.start()
    draw = await at.draw()
    report = (await at.said(at.sub, Report))[0]
    opening = await at.host.do(lambda desk: envelope_of(desk, draw, Open))
    word = AskRecords(draw, bytes(32), 100, (report.entry,), opening)
    receipt = await Liar(at.regulator, at.sub).tell(fresh(), word)
    assert (receipt.reason, receipt.clause) == ("TOO_EARLY", "ending")
    assert receipt.outcome is Outcome.GAP  # its end may be on the way, under a new key
    own = await signed(at.regulator, at.sub, draw, Fault("SEALED", "over, we say"))
    receipt = await Liar(at.regulator, at.sub).tell(fresh(), replace(word, ending=own))
    assert receipt.reason == "TOO_EARLY"


async def test_a_question_waits_for_a_key_that_its_answer_can_be_sealed_to(
    at: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The regulator has renewed its keys: the owner has done nothing wrong."""
    await at.start()
    at.pair.silent.add("sub")
    await close(at)
    usual = Descriptor.key_for

    def out(one: Descriptor, purpose: Purpose, suite_id: str, now_ms: int) -> PublicKey | None:
        return None if purpose is Purpose.SEALING else usual(one, purpose, suite_id, now_ms)

    with monkeypatch.context() as renewing:
        renewing.setattr(Descriptor, "key_for", out)
        at.pair.silent.discard("sub")
        await at.pair.later(60_000)
        assert {row.state for row in await rows(at, at.sub)} == {State.ASKED}
    await at.pair.later(3_600_000)
    assert {(row.state, row.wrong) for row in await rows(at, at.sub)} == {(State.PRODUCED, None)}


async def test_a_regulator_states_nothing_of_what_was_not_reported_and_nothing_twice(
    at: Scene,
) -> None:
    draw = await over(at)
    entry = (await rows(at, at.sub))[0].entry
    two = (bytes([1]) * 32, bytes([2]) * 32)
    honest = StateCallBack(draw, entry, Finding.MATCH, two)
    for center in (at.host, at.sub):
        liar = Liar(at.regulator, center)
        for lie, reason, clause in (
            (replace(honest, officers=(two[0], two[0])), "MALFORMED", "officers"),
            (replace(honest, entry=bytes(32)), "MALFORMED", "entry"),
            (replace(honest, draw_id=bytes(16)), "CONFLICT", "draw_id"),
            (FaultRecord(draw, bytes(32), Wrong.NOT_SIGNED), "MALFORMED", "entry"),
        ):
            receipt = await liar.tell(fresh(), lie)
            assert (receipt.reason, receipt.clause) == (reason, clause)
        stranger = await Liar(at.neighbour, center).tell(fresh(), honest)
        assert (stranger.reason, stranger.clause) == ("NOT_ALLOWED", "regulator")
        assert (await liar.tell(fresh(), honest)).outcome is Outcome.ACCEPTED
        twice = await liar.tell(fresh(), replace(honest, finding=Finding.MISMATCH))
        assert (twice.reason, twice.clause) == ("CONFLICT", "entry")
        assert await checked(center, draw) == ["MATCH"]


async def test_a_lost_record_is_left_out_and_the_owner_says_no_more(at: Scene) -> None:
    await at.start()
    lose = "UPDATE invitation SET sealed_receipt = NULL WHERE response = 'NO_ANSWER'"
    await at.sub.do(lambda desk: desk.ledger.connection.execute(lose).rowcount)
    await close(at)
    found = {row.response: row.wrong for row in await rows(at, at.sub)}
    assert found == {"ACCEPT": None, "NO_ANSWER": "NOT_PRODUCED"}


async def test_long_draws_are_told_and_asked_for_in_pieces(
    at: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words, "MAX_REPORTS", 3)
    monkeypatch.setattr(words, "MAX_RECORDS", 2)
    await over(at)
    told = await at.said(at.host, SubmitReports)
    assert [len(each.reports) for each in told] == [3, 1]
    questions = [each for each in await at.said(at.regulator, AskRecords)
             if each.draw_id == told[0].draw_id]  # fmt: skip
    assert sorted(len(each.entries) for each in questions) == [1, 1, 2]
    assert {row.state for row in await rows(at)} == {State.PRODUCED}


async def test_statistics_and_metrics_count_what_was_found_and_name_nobody(at: Scene) -> None:
    await over(at)
    one, other, *_ = await rows(at, at.sub)
    await stated(at, one, Finding.MATCH)
    await stated(at, other, Finding.MISMATCH)
    for center in (at.host, at.sub):
        shown = await center.do(PoolStatistics(Thresholds()).figures)
        assert shown.called_back == (CalledBack(at.sub.id, 2, 1, 1, 0),)
        counted = await center.do(lambda desk: figures.count(desk.ledger.connection, desk.now_ms))
        assert counted.call_backs == {"MATCH": 1, "MISMATCH": 1}
        assert counted.call_back_faults == 1
        text = Metrics(Keyring(), "test").page(counted, 0).decode()
        assert 'lianping_call_backs{outcome="MISMATCH"} 1.0' in text
        assert "lianping_call_back_faults 1.0" in text
