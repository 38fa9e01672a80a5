"""A pool has too few experts of a specialty: the missing seats are drawn from others."""

from collections.abc import Sequence

from adapters.messaging.port import Answer
from federation.protocol import draw as words
from federation.protocol.draw import Slot
from node.services.draws import DrawnMember
from node.services.supplementing import Lacking
from tests.node.services.test_draws import Board, Table, laid

SPENT = "A0801"
"""Everybody of the sub's who is asked under it declines."""
OTHER = "A0802"


async def short(table: Table) -> Lacking:
    """The sub's list lacks one expert of ``SPENT``."""
    table.sub.phones.script = [Answer.ATTEND] * 2 + [Answer.DECLINE] * 500
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


async def choose(table: Table, draw: bytes, *slots: Slot) -> bytes:
    host = table.host
    made = await host.center.do(
        lambda desk: host.draws.supplementing.start(desk, table.project, draw, slots)
    )
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
