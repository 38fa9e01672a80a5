"""Supplements where a regulator is agreed: no leave for a short list, but for a void supplement."""

import pytest

from federation.protocol import draw as words
from federation.protocol.draw import MACHINE_MS, Open, Report, Response, Slot
from federation.protocol.oversight import DenyRequest, Permit, SubmitBidders
from node.services.errors import Conflicting
from node.services.oversight_deciding import Decision
from tests.node.services.overseen import Scene, overseen
from tests.node.services.test_oversight import decided
from tests.node.services.test_recusal import NOBODY, compared, employers, opened, submit
from tests.node.services.test_supplementing import (
    OTHER,
    begin,
    choose,
    lacking,
    of_sub,
    sealed,
    short_of,
)


async def short(at: Scene) -> bytes:
    """The sub's list lacks one; answers the draw to add to."""
    return (await short_of(at.table, 2)).draw


async def test_a_short_list_is_added_to_without_leave_though_a_regulator_is_agreed() -> None:
    async with overseen() as at:
        draw = await short(at)
        made = await choose(at.table, draw, Slot(OTHER, 1))
        await at.pair.greet()
        for board in (at.table.host, at.table.sub):
            assert await board.center.phase(made) == words.SEALED
            assert len(await of_sub(at.table, board)) == 3
        assert await at.said(at.regulator, Permit) == []
        added = (await at.said(at.host, Open))[-1]
        assert (added.supersedes, added.permit) == (draw, b"")


async def test_a_void_supplement_is_drawn_again_only_with_leave() -> None:
    async with overseen() as at:
        draw = await short(at)
        at.pair.silent.add("sub")
        void = await begin(at.table, draw, Slot(OTHER, 1))
        await at.pair.later(MACHINE_MS + 1)
        at.pair.silent.discard("sub")
        await at.pair.greet()
        assert await at.host.phase(void) == words.VOID
        (one,) = await lacking(at.table)
        with pytest.raises(Conflicting, match="permit another one"):
            await begin(at.table, one.draw, Slot("A0804", 1))
        request = await at.host.do(
            lambda desk: at.of(at.host).asking.ask_permit(desk, one.draw, "副场设备故障")
        )
        await at.pair.greet()
        await decided(at, request, Decision.GRANT)
        await choose(at.table, one.draw, Slot("A0804", 1))
        await at.pair.greet()
        for board in (at.table.host, at.table.sub):
            assert len(await of_sub(at.table, board)) == 3
            assert await sealed(at.table, board)
        again = (await at.said(at.host, Open))[-1]
        assert again.supersedes == one.draw
        assert again.permit


@pytest.mark.parametrize("declining", [2, 0])
async def test_bidders_are_compared_with_the_lists_of_all_draws(declining: int) -> None:
    """Also where nobody at all of the first draw's list came: an empty list is not compared."""
    async with compared(starts=False) as at:
        one = await short_of(at.table, declining)
        added = (Slot(OTHER, 1),) if declining else (Slot(OTHER, 2), Slot("A0804", 1))
        made = await choose(at.table, one.draw, *added)
        await at.pair.greet()
        mine = await employers(at, at.table.sub)
        listed = [each for each in await of_sub(at.table, at.table.sub) if each.draw == made]
        bidder = mine[listed[0].entry]
        await opened(at)
        assert await submit(at, NOBODY, bidder) == (3 if declining else 2)
        for _ in range(8):
            at.pair.watch.pass_ms(1)
            await at.pair.greet()
        after = await employers(at, at.table.sub)
        assert len(after) == 3
        assert bidder not in after.values()
        told = (await at.said(at.host, SubmitBidders))[-1]
        assert {each.draw_id for each in told.draws} >= {made}
        reports = [one for one in await at.said(at.sub, Report)
                   if one.response is Response.RECUSED]  # fmt: skip
        assert listed[0].entry in {one.entry for one in reports}
        assert await at.said(at.regulator, DenyRequest) == []
