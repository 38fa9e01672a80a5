"""An evaluation that failed is ended by the host's staff, and its project is planned anew."""

from pathlib import Path

import pytest

from federation.protocol.booking import Complete
from node.domain.calendar import Window
from node.domain.project import BookingRequest, ExpertSlots, SelectionMode, SubRequirement
from node.domain.venue import Requirement
from node.services.errors import Conflicting, NotFound
from tests.node.services.session_stage import END_MS, SPECIALTY, START_MS, Stage, booked_stage
from tests.support.pair import DAY_MS, HOUR_MS, MINUTE_MS

LIMITS = {"fault_wait_ms": 30 * MINUTE_MS, "fault_repair_ms": HOUR_MS, "max_open_bookings": 1}


async def end(stage: Stage) -> None:
    service, center = stage.host.sessions, stage.host.center
    await center.do(lambda desk: service.end_failed(desk, stage.project, "staff-1"))
    await stage.pair.settle()


async def plan_anew(stage: Stage) -> None:
    """A week later; under a quota of one open booking."""
    days = 7 * DAY_MS
    request = BookingRequest(
        window=Window(START_MS + days, END_MS + days),
        host_seats=4,
        representatives=2,
        host_slots=(ExpertSlots(SPECIALTY, 2),),
        subs=(SubRequirement(Requirement(3), (ExpertSlots(SPECIALTY, 3),)),),
        mode=SelectionMode.CHOSEN,
        chosen=(stage.sub.center.id,),
    )
    await stage.host.center.do(
        lambda desk: stage.host.bookings.plan(desk, stage.project, request, "agency-1")
    )
    await stage.pair.settle()
    assert [
        await side.center.sql(
            "SELECT phase FROM conversation WHERE kind = 'booking' ORDER BY changed_at_ms, id"
        )
        for side in stage.sides
    ] == [[("COMPLETED",), ("HELD",)]] * 2


async def seats_taken(stage: Stage) -> list[int]:
    return [(await side.center.sql("SELECT count(*) FROM seat_slot"))[0][0] for side in stage.sides]


async def test_what_never_started_is_ended_after_the_agreed_wait_and_planned_anew(
    tmp_path: Path,
) -> None:
    async with booked_stage(tmp_path, **LIMITS) as stage:
        await stage.everybody_in()
        stage.pair.watch.now_ms = START_MS + 30 * MINUTE_MS
        with pytest.raises(Conflicting, match="can still be held"):
            await end(stage)
        stage.pair.watch.now_ms += 1
        await end(stage)
        assert await stage.host.phase(stage.booking) == "COMPLETED"
        assert await seats_taken(stage) == [0, 0]
        assert await stage.sub.phase(stage.booking) == "COMPLETED"
        assert await stage.host.todos() == set()
        assert await stage.sub.todos() == set()
        ((kind,),) = await stage.host.center.sql(
            "SELECT kind FROM todo WHERE role = 'agency' AND kind LIKE 'evaluation%'"
        )
        assert kind == "evaluation_failed"
        await plan_anew(stage)


async def test_before_it_was_convened_it_can_be_ended_too(tmp_path: Path) -> None:
    async with booked_stage(tmp_path, **LIMITS) as stage:
        stage.pair.watch.now_ms = START_MS + HOUR_MS
        await end(stage)
        await plan_anew(stage)


async def test_a_fault_that_lasted_too_long_is_ended_on_both_sides(tmp_path: Path) -> None:
    async with booked_stage(tmp_path, **LIMITS) as stage:
        await stage.chaired()
        await stage.act(
            stage.sub, lambda service, desk, sid: service.suspend(desk, sid, "音视频中断", "staff")
        )
        stage.pair.watch.now_ms += HOUR_MS
        with pytest.raises(Conflicting, match="can still be held"):
            await end(stage)
        signed = [await side.members(stage.session) for side in stage.sides]
        stage.pair.watch.now_ms += 1
        await end(stage)
        for side in stage.sides:
            with pytest.raises(Conflicting, match="ended"):
                await stage.act(
                    side, lambda service, desk, sid: service.suspend(desk, sid, "again", "staff")
                )
        # What people did there is kept.
        assert [await side.members(stage.session) for side in stage.sides] == signed
        await plan_anew(stage)


async def test_what_nobody_suspended_is_ended_when_its_window_is_long_over(tmp_path: Path) -> None:
    async with booked_stage(tmp_path, **LIMITS) as stage:
        await stage.presented()
        stage.pair.watch.now_ms = END_MS + HOUR_MS
        with pytest.raises(Conflicting, match="can still be held"):
            await end(stage)
        stage.pair.watch.now_ms += 1
        await end(stage)
        await plan_anew(stage)


async def test_what_was_held_is_not_ended_and_not_planned_anew(tmp_path: Path) -> None:
    async with booked_stage(tmp_path, **LIMITS) as stage:
        await stage.finished()
        stage.pair.watch.now_ms = END_MS + 9 * HOUR_MS
        with pytest.raises(Conflicting, match="was held"):
            await end(stage)
        with pytest.raises(Conflicting, match="under way or confirmed"):
            await plan_anew(stage)


async def test_a_failed_evaluation_is_ended_once_and_only_at_the_host(tmp_path: Path) -> None:
    async with booked_stage(tmp_path, **LIMITS) as stage:
        stage.pair.watch.now_ms = START_MS + HOUR_MS
        with pytest.raises(NotFound):
            await stage.sub.center.do(
                lambda desk: stage.sub.sessions.end_failed(desk, stage.project, "staff-2")
            )
        await end(stage)
        with pytest.raises(Conflicting, match="nothing to end"):
            await end(stage)


async def test_a_host_that_ends_a_booking_early_leaves_no_open_work_at_the_sub(
    tmp_path: Path,
) -> None:
    """A host that is no node of ours may say it at any time; the sub is none the worse."""
    async with booked_stage(tmp_path) as stage:
        await stage.everybody_in()
        await stage.host.center.do(
            lambda desk: desk.say(stage.booking, Complete(stage.session))  # type: ignore[arg-type]
        )
        await stage.pair.settle()
        assert await stage.sub.phase(stage.booking) == "COMPLETED"
        assert await stage.sub.todos() == set()
