"""A pool has too few experts of a specialty: the missing seats are drawn from others."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from adapters.messaging.port import Answer
from federation.ids import ConversationId
from federation.lottery.supplement import Taken
from federation.protocol import draw as words
from federation.protocol.conversation import REFUSED
from federation.protocol.draw import Fault, Open, RequestDraw, Response, Slot, Verdict
from federation.wire.envelopes import decode_statement
from federation.wire.words import PAYLOAD_TYPES, decode_word
from node.services.draw_files import DrawFiles
from node.services.draw_news import SHORT, VOID
from node.services.draws import DRAW_REFUSED, DrawnMember
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.house import Desk
from node.services.supplementing import Lacking
from node.services.why import Whys
from node.store import draws
from tests.node.services.test_draw_news import told
from tests.node.services.test_draws import Board, Table, laid
from tests.node.services.test_draws_with_a_liar import (
    NEW_ID,
    agreement_of,
    refused_as,
    the_draw,
    words_of,
)
from tests.support.liar import Liar
from tests.support.signed import report_signed

SPENT = "A0801"
"""Everybody of the sub's who is asked under it declines."""
OTHER = "A0802"


async def short(table: Table) -> Lacking:
    """The sub's list lacks one expert of ``SPENT``."""
    return await short_of(table, 2)


async def short_of(table: Table, attending: int) -> Lacking:
    """Of the sub's experts who are called, the first so many come, and nobody else."""
    table.sub.phones.script = [Answer.ATTEND] * attending + [Answer.DECLINE] * 500
    await table.start()
    for _ in range(60):
        found = await lacking(table)
        if found:
            (one,) = found
            table.sub.phones.script = []
            return one
        await table.turn()
    raise AssertionError("the list never fell short")


async def lacking(table: Table) -> list[Lacking]:
    host = table.host
    return await host.center.do(lambda desk: host.draws.supplementing.lacking(desk, table.project))


async def begin(table: Table, draw: bytes, *slots: Slot) -> bytes:
    host = table.host
    return await host.center.do(
        lambda desk: host.draws.supplementing.start(desk, table.project, draw, slots)
    )


async def choose(table: Table, draw: bytes, *slots: Slot) -> bytes:
    made = await begin(table, draw, *slots)
    await table.turn()
    return made


async def of_sub(table: Table, board: Board) -> Sequence[DrawnMember]:
    members = await board.center.do(lambda desk: board.draws.members(desk, table.booking))
    return [one for one in members if one.owner == table.pair.sub.id]


async def sealed(table: Table, board: Board) -> bool:
    return await board.center.do(lambda desk: board.draws.sealed(desk, table.booking))


async def standing(table: Table, board: Board) -> Sequence[bytes]:
    return await board.center.do(lambda desk: board.draws.standing(desk, table.booking))


async def test_the_missing_seat_is_drawn_from_another_specialty_of_the_same_pool() -> None:
    async with laid() as table:
        one = await short(table)
        assert (one.owner, one.missing, one.exhausted) == (table.pair.sub.id, 1, (SPENT,))
        assert OTHER in {each.specialty for each in one.strata}
        before = await of_sub(table, table.sub)
        assert len(before) == 2

        made = await choose(table, one.draw, Slot(OTHER, 1))

        for board in (table.host, table.sub):
            drawn = {each.id: each for each in await table.status(board)}
            assert drawn[made].phase == words.SEALED
            assert await sealed(table, board)
            after = await of_sub(table, board)
            assert {each.entry for each in before} < {each.entry for each in after}
            assert [each.draw for each in after if each.draw != one.draw] == [made]
            assert {one.draw, made} < set(await standing(table, board))
        assert await lacking(table) == []
        uids = [each.uid for each in await of_sub(table, table.sub)]
        assert len(set(uids)) == 3


async def test_nobody_whom_the_short_draw_had_asked_is_asked_again() -> None:
    async with laid() as table:
        one = await short(table)
        asked = await table.sub.center.sql("SELECT uid FROM invitation WHERE draw = ?", one.draw)
        made = await choose(table, one.draw, Slot(OTHER, 1))
        anew = await table.sub.center.sql("SELECT uid FROM invitation WHERE draw = ?", made)
        assert anew
        assert not set(asked) & set(anew)


async def test_the_staff_is_told_what_to_choose_and_the_to_do_is_done_with_it() -> None:
    async with laid() as table:
        one = await short(table)
        (text,) = await told(table.host.center, SHORT)
        assert SPENT in text
        assert "缺1人" in text
        assert f"/api/projects/{table.project.hex()}/supplement" in text
        assert await told(table.sub.center, SHORT) == []
        whys = Whys(
            negotiator=table.pair.host.negotiator, outbox=table.pair.host.outbox,
            paused=lambda _peer: False,
        )  # fmt: skip
        (sight,) = (await whys.explain(one.draw.hex())).sights
        assert sight.advice.how == f"POST /api/projects/{table.project.hex()}/supplement"
        assert "另选专业" in sight.advice.zh
        missing = {each.id: each.missing for each in await table.status(table.host)}
        assert {draw: count for draw, count in missing.items() if count} == {one.draw: 1}
        await choose(table, one.draw, Slot(OTHER, 1))
        open_ = "SELECT count(*) FROM todo WHERE kind = ? AND done_at_ms IS NULL"
        assert await table.host.center.sql(open_, SHORT) == [(0,)]
        (sight,) = (await whys.explain(one.draw.hex())).sights
        assert "supplement" not in sight.advice.how
        assert not any(each.missing for each in await table.status(table.host))


@pytest.mark.parametrize(
    ("slots", "problem"),
    [
        ((Slot(SPENT, 1),), "everybody was asked"),
        ((Slot(OTHER, 2),), "short of 1, not of 2"),
        ((Slot(OTHER, 1), Slot(OTHER, 1)), "two slots"),
        ((), "short of 1, not of 0"),
        ((Slot(OTHER, -1), Slot("A0804", 2)), "one or more"),
        ((Slot(OTHER, 0), Slot("A0804", 1)), "one or more"),
        ((Slot("Z99", 1),), "no experts of Z99"),
    ],
)
async def test_other_specialties_and_numbers_are_invalid(
    slots: tuple[Slot, ...], problem: str
) -> None:
    async with laid() as table:
        one = await short(table)
        with pytest.raises(Invalid, match=problem):
            await choose(table, one.draw, *slots)
        assert await lacking(table) == [one]


async def test_a_list_that_is_not_short_or_not_there_is_not_added_to() -> None:
    async with laid() as table:
        await table.start()
        own, other = sorted(await standing(table, table.host), key=lambda each: each.hex())
        for draw in (own, other):
            with pytest.raises(Conflicting, match="not short"):
                await choose(table, draw, Slot(OTHER, 1))
        with pytest.raises(NotFound):
            await choose(table, bytes(16), Slot(OTHER, 1))
        with pytest.raises(NotFound):
            await table.host.center.do(
                lambda desk: table.host.draws.supplementing.lacking(desk, bytes(16))
            )
        assert await lacking(table) == []


async def test_it_is_added_to_once_and_not_while_a_supplement_is_drawing() -> None:
    async with laid() as table:
        one = await short(table)
        table.pair.cut()
        await begin(table, one.draw, Slot(OTHER, 1))
        with pytest.raises(Conflicting, match="goes on"):
            await choose(table, one.draw, Slot(OTHER, 1))
        table.pair.restore()
        await table.turn()
        with pytest.raises(Conflicting, match="not short"):
            await choose(table, one.draw, Slot(OTHER, 1))


async def test_it_is_added_to_on_any_day_until_the_report_is_signed() -> None:
    async with laid() as table:
        one = await short(table)
        ((start_ms,),) = await table.host.center.sql("SELECT start_ms FROM booking")
        table.pair.watch.now_ms = int(start_ms) - 1
        await table.host.center.do(lambda desk: report_signed(desk, table.booking))
        with pytest.raises(Conflicting, match="report is signed"):
            await choose(table, one.draw, Slot(OTHER, 1))


async def test_on_the_day_itself_a_supplement_is_opened_and_heard() -> None:
    async with laid() as table:
        one = await short(table)
        ((start_ms,),) = await table.host.center.sql("SELECT start_ms FROM booking")
        table.pair.watch.now_ms = int(start_ms) + 60_000
        made = await begin(table, one.draw, Slot(OTHER, 1))
        await table.host.center.outbox.deliver(table.pair.sub.id)
        assert await table.sub.center.phase(made) == words.HALF


async def test_a_supplement_that_is_short_itself_is_followed_by_another() -> None:
    async with laid() as table:
        one = await short(table)
        table.sub.phones.calls.clear()
        table.sub.phones.script = [Answer.DECLINE] * 500
        await choose(table, one.draw, Slot(OTHER, 1))
        for _ in range(60):
            if await lacking(table):
                break
            await table.turn()
        (again,) = await lacking(table)
        assert (again.missing, again.exhausted) == (1, (SPENT, OTHER))
        assert again.draw != one.draw
        table.sub.phones.script = []
        await choose(table, again.draw, Slot("A0803", 1))
        assert await lacking(table) == []
        assert len(await of_sub(table, table.host)) == 3


async def test_our_own_short_list_is_added_to_under_the_same_sealer() -> None:
    async with laid() as table:
        table.host.phones.script = [Answer.DECLINE] * 500
        await table.start()
        for _ in range(60):
            if await lacking(table):
                break
            await table.turn()
        (one,) = await lacking(table)
        assert (one.owner, one.missing) == (table.pair.host.id, 2)
        table.host.phones.script = []
        made = await choose(table, one.draw, Slot(OTHER, 1), Slot("A0804", 1))
        for board in (table.host, table.sub):
            drawn = {each.id: each for each in await table.status(board)}
            assert (drawn[made].phase, drawn[made].accepted) == (words.SEALED, 2)
            assert await sealed(table, board)
        assert await lacking(table) == []


async def leave(table: Table, member: DrawnMember) -> None:
    await table.sub.center.do(
        lambda desk: table.sub.draws.depart(
            desk, member.draw, member.entry, Response.LEAVE, "", "staff"
        )
    )


async def test_who_leaves_the_short_list_later_is_replaced_from_its_own_ranking() -> None:
    async with laid() as table:
        one = await short(table)
        await choose(table, one.draw, Slot(OTHER, 1))
        before = await of_sub(table, table.sub)
        leaving = next(each for each in before if each.draw == one.draw)
        await leave(table, leaving)
        await table.turn()
        for board in (table.host, table.sub):
            after = await of_sub(table, board)
            assert leaving.entry not in {each.entry for each in after}
            assert sorted(each.draw == one.draw for each in after) == [False, True, True]
            assert await sealed(table, board)
        uids = {each.uid for each in await of_sub(table, table.sub)}
        assert len(uids) == 3
        people = await table.sub.center.do(table.offices.sub.experts.all)
        employers = [each.employer_uscc for each in people if each.uid in uids]
        assert len(set(employers)) == 3


async def test_who_leaves_while_a_supplement_is_drawing_is_replaced_after_it() -> None:
    async with laid() as table:
        one = await short(table)
        leaving = (await of_sub(table, table.sub))[0]
        made = await begin(table, one.draw, Slot(OTHER, 1))
        await table.host.center.outbox.deliver(table.pair.sub.id)
        assert await table.sub.center.phase(made) == words.HALF
        await leave(table, leaving)
        assert await table.sub.center.phase(one.draw) == words.SEALED
        assert not await sealed(table, table.sub)

        await table.turn()

        for board in (table.host, table.sub):
            after = await of_sub(table, board)
            assert len(after) == 3
            assert leaving.entry not in {each.entry for each in after}
            assert await sealed(table, board)


async def test_a_leave_that_crosses_the_supplement_goes_first() -> None:
    async with laid() as table:
        one = await short(table)
        leaving = (await of_sub(table, table.sub))[0]
        made = await begin(table, one.draw, Slot(OTHER, 1))
        await leave(table, leaving)  # before the host's Open is here
        await table.turn()
        await table.turn()
        assert await table.host.center.phase(made) == REFUSED
        (text,) = await told(table.host.center, DRAW_REFUSED)
        assert "同一专家库的抽取未全部封存" in text
        (again,) = await lacking(table)
        assert (again.draw, again.missing) == (one.draw, 1)
        await choose(table, again.draw, Slot(OTHER, 1))
        for board in (table.host, table.sub):
            assert len(await of_sub(table, board)) == 3
            assert await sealed(table, board)


async def test_a_void_supplement_is_drawn_again_and_the_staff_is_told_how() -> None:
    async with laid() as table:
        one = await short(table)
        table.pair.cut()
        void = await begin(table, one.draw, Slot(OTHER, 1))
        await table.pair.later(words.MACHINE_MS + 1)
        table.pair.restore()
        await table.turn()
        assert await table.host.center.phase(void) == words.VOID
        (text,) = await told(table.host.center, VOID)
        assert "重新选择专业补抽" in text
        (again,) = await lacking(table)
        assert again.missing == 1
        await choose(table, again.draw, Slot("A0804", 1))
        for board in (table.host, table.sub):
            assert len(await of_sub(table, board)) == 3
            assert await sealed(table, board)


@pytest.mark.parametrize(
    ("change", "reason", "clause"),
    [
        ({"slots": (Slot(SPENT, 1),)}, "NOT_ALLOWED", "slots"),
        ({"slots": (Slot(OTHER, 2),)}, "NOT_ALLOWED", "slots"),
        ({"supersedes": b""}, "NOT_ALLOWED", "supersedes"),
        ({"supersedes": bytes(16)}, "NOT_ALLOWED", "supersedes"),
        ({"root": bytes(32)}, "NOT_ALLOWED", "V3"),
    ],
)
async def test_the_owner_refuses_what_the_shortfall_does_not_prove(
    change: dict[str, Any], reason: str, clause: str
) -> None:
    async with laid() as table:
        one = await short(table)
        (payload,) = await words_of(table.host.center, one.draw, "Open")
        first = decode_word(PAYLOAD_TYPES[Open], decode_statement(payload).body)
        assert isinstance(first, Open)
        honest = replace(first, slots=(Slot(OTHER, 1),), supersedes=one.draw, sequence=3)
        agreement = await agreement_of(table.host.center)
        liar = Liar(table.host.center, table.sub.center)
        receipt = await liar.tell(NEW_ID, replace(honest, **change), agreement)
        assert (receipt.reason, receipt.clause) == (reason, clause)
        assert (await liar.tell(NEW_ID[::-1], honest, agreement)).reason == ""


async def test_the_owner_refuses_a_supplement_after_the_report_is_signed() -> None:
    async with laid() as table:
        one = await short(table)
        made = await begin(table, one.draw, Slot(OTHER, 1))
        await table.sub.center.do(lambda desk: report_signed(desk, table.booking))
        await table.turn()
        assert await table.host.center.phase(made) == REFUSED
        (text,) = await told(table.host.center, DRAW_REFUSED)
        assert "before the report is signed" in text


async def test_the_sealer_refuses_a_request_where_nothing_is_missing() -> None:
    async with laid() as table:
        await table.start()
        owner = table.host.center
        own = await the_draw(owner, words.OWNER)
        (payload,) = await words_of(owner, own, "RequestDraw")
        first = decode_word(PAYLOAD_TYPES[RequestDraw], decode_statement(payload).body)
        assert isinstance(first, RequestDraw)
        another = replace(first, slots=(Slot(OTHER, 1),), supersedes=own)
        liar = Liar(owner, table.sub.center)
        receipt = await liar.tell(NEW_ID, another, await agreement_of(owner))
        assert refused_as(receipt, "NOT_ALLOWED")
        assert "not short" in receipt.detail


async def test_who_was_on_a_list_that_the_other_center_refused_takes_no_seat() -> None:
    """Else a sealer that refuses a word of a sealed list would leave its people there for ever."""
    async with laid() as table:
        one = await short(table)
        made = await choose(table, one.draw, Slot(OTHER, 1))
        assert len(await of_sub(table, table.sub)) == 3
        await table.sub.center.do(
            lambda desk: desk.ledger.connection.execute(
                "UPDATE conversation SET phase = ? WHERE id = ?", (REFUSED, made)
            )
        )
        assert made not in await standing(table, table.sub)
        assert {each.draw for each in await of_sub(table, table.sub)} == {one.draw}


async def test_after_the_first_list_is_void_nobody_is_told_to_add_to_the_supplement() -> None:
    """What the booking needs is told by the first list alone: without it no other is short."""
    async with laid() as table:
        one = await short(table)
        await choose(table, one.draw, Slot(OTHER, 1))
        leaving = next(each for each in await of_sub(table, table.sub) if each.draw == one.draw)
        await leave(table, leaving)
        await table.sub.center.outbox.deliver(table.pair.host.id)
        table.pair.cut()
        await table.pair.later(words.MACHINE_MS + 1)
        table.pair.restore()
        await table.turn()
        assert await table.host.center.phase(one.draw) == words.VOID
        assert await lacking(table) == []
        (text,) = await told(table.host.center, VOID)
        assert "取消预约后重新安排" in text
        assert "补抽" not in text


async def test_what_was_ruled_beside_a_supplement_still_holds_once_that_was_refused() -> None:
    """Else a sealer that refuses a later word would make the first list unreadable."""
    async with laid() as table:
        one = await short(table)
        made = await choose(table, one.draw, Slot(OTHER, 1))
        await leave(table, next(x for x in await of_sub(table, table.sub) if x.draw == one.draw))
        await table.turn()
        before = await beside_last_verdict(table, one.draw)
        assert before.links
        await table.sub.center.do(lambda desk: refuse(desk, made))
        assert await beside_last_verdict(table, one.draw) == before


def refuse(desk: Desk, draw: bytes) -> None:
    """The sealer refuses the owner's next word."""
    said = desk.say(ConversationId(draw), Fault(words.SEALED, "late"))
    desk.ledger.connection.execute("UPDATE said SET accepted = 0 WHERE hash = ?", (said.hash,))
    desk.ledger.connection.execute(
        "UPDATE conversation SET phase = ? WHERE id = ?", (REFUSED, draw)
    )


async def beside_last_verdict(table: Table, draw: bytes) -> Taken:
    """Whom other draws had asked then, as a node sees it that has just begun."""
    center = table.sub.center
    files = DrawFiles(center.cipher)
    seen = await center.do(lambda desk: files.view(desk, files.row(desk, draw)))
    return [each for each in seen.spoken if isinstance(each.word, Verdict)][-1].taken


async def test_two_supplements_of_one_booking_never_have_one_number() -> None:
    """The host opens one, the sub the other: two of one number would refute the dossier."""
    async with laid() as table:
        table.host.phones.script = [Answer.DECLINE] * 500
        table.sub.phones.script = [Answer.ATTEND] * 2 + [Answer.DECLINE] * 500
        await table.start()
        for _ in range(60):
            if len(await lacking(table)) > 1:
                break
            await table.turn()
        table.host.phones.script, table.sub.phones.script = [], []
        short_ones = {one.owner: one for one in await lacking(table)}
        ours, theirs = short_ones[table.pair.host.id], short_ones[table.pair.sub.id]
        await begin(table, ours.draw, Slot(OTHER, 1))
        with pytest.raises(Conflicting, match="not opened yet"):
            await begin(table, theirs.draw, Slot(OTHER, 1))
        await table.turn()
        await choose(table, theirs.draw, Slot(OTHER, 1))
        files = DrawFiles(table.host.center.cipher)

        def numbers(desk: Desk) -> list[int]:
            rows = draws.of_booking(desk.ledger.connection, table.booking)
            opened = [files.view(desk, row).opening for row in rows]
            return sorted(one.sequence for one in opened if one is not None)

        assert await table.host.center.do(numbers) == [1, 2, 3, 4]
