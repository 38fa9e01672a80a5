"""A booking and the evaluation called under it: cancelled before the start, extended after."""

from pathlib import Path

import pytest

from federation.protocol.booking import Cancel
from node.services.errors import Conflicting, NotAllowed
from node.services.house import Desk
from node.store import sessions
from node.store.sessions import SessionRow
from tests.node.services.session_stage import END_MS, Side, Stage, booked_stage
from tests.support.liar import Liar
from tests.support.pair import HOUR_MS


async def _cancel(stage: Stage, side: Side) -> None:
    await side.center.do(
        lambda desk: side.bookings.after.cancelling.cancel(
            desk, stage.booking, "项目终止", "staff-1"
        )
    )
    await stage.pair.settle()


async def _row(stage: Stage, side: Side) -> SessionRow:
    def look(desk: Desk) -> SessionRow:
        row = sessions.get(desk.ledger.connection, stage.session)
        assert row is not None
        return row

    return await side.center.do(look)


@pytest.mark.parametrize("by_host", [True, False])
async def test_a_called_evaluation_is_given_up_with_its_booking(
    tmp_path: Path, by_host: bool
) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.everybody_in()
        await _cancel(stage, stage.host if by_host else stage.sub)
        for side in stage.sides:
            assert await side.phase(stage.booking) == "CANCELLED"
            assert (await _row(stage, side)).superseded
            assert await side.todos() == set()
        with pytest.raises((Conflicting, NotAllowed)):
            await stage.act(stage.host, lambda it, desk, sid: it.start(desk, sid, "staff-1"))


async def test_a_running_evaluation_is_not_cancelled_but_suspended(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.started()
        for side in stage.sides:
            with pytest.raises(Conflicting, match="suspend it"):
                await _cancel(stage, side)
            assert await side.phase(stage.booking) == "CONFIRMED"


async def test_a_peer_that_cancels_a_running_evaluation_ends_it_and_people_are_told(
    tmp_path: Path,
) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.started()
        liar = Liar(stage.sub.center, stage.host.center)
        assert (await liar.tell(stage.booking, Cancel("机房断电"))).reason == ""
        assert await stage.host.phase(stage.booking) == "CANCELLED"
        assert (await _row(stage, stage.host)).superseded
        found = await stage.host.center.sql(
            "SELECT text_zh FROM todo WHERE kind = 'leg_lost' AND done_at_ms IS NULL"
        )
        assert len(found) == 1
        assert "评标已开始" in found[0][0]


async def test_a_running_evaluation_is_extended_and_so_is_its_session(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.started()
        later = END_MS + HOUR_MS
        stage.pair.watch.now_ms = END_MS - HOUR_MS
        await stage.host.center.do(
            lambda desk: stage.host.bookings.after.changing.extend(
                desk, stage.project, later, "评审时间不足", by_law=True, by="staff-1"
            )
        )
        await stage.pair.settle()
        for side in stage.sides:
            row = await _row(stage, side)
            assert (row.convene.end_ms, row.end_ms) == (END_MS, later)
            assert await side.phase(stage.booking) == "CONFIRMED"


async def test_an_evaluation_that_was_called_is_not_moved_and_one_that_ended_not_extended(
    tmp_path: Path,
) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.finished()
        with pytest.raises(Conflicting, match="has ended"):
            await stage.host.center.do(
                lambda desk: stage.host.bookings.after.changing.extend(
                    desk, stage.project, END_MS + HOUR_MS, "不够", by_law=False, by="staff-1"
                )
            )
