"""A project with no sub-venue: its seats are reserved, and nobody else is asked for anything."""

from dataclasses import replace

import pytest

from federation.ids import CenterId
from node.domain import codes
from node.domain.project import BookingRequest, ExpertSlots, SelectionMode
from node.domain.refusal import Inadmissible
from node.services.draws import Draws
from node.services.errors import Conflicting, Invalid
from node.services.house import Desk
from node.services.own_venue import BOOKED_HERE
from node.services.sessions import Sessions
from node.store import todos
from tests.node.services.joint_stage import JointStage, staged
from tests.support import planning
from tests.support.pair import TwoCenters, two_centers


def _alone(seats: int = 5) -> BookingRequest:
    """Two representatives and three experts, all at the host."""
    slots = (ExpertSlots(codes.specialty("A08"), 5),)
    return replace(
        planning.request(CenterId("lp1" + "a" * 32)),
        host_seats=max(seats, 7),
        host_slots=slots,
        subs=(),
        chosen=(),
    )


async def _plan(offices: planning.Offices, project: bytes, request: BookingRequest) -> bytes:
    host = offices.host
    return await host.center.do(
        lambda desk: host.bookings.plan(desk, project, request, planning.AGENCY)
    )


async def _slots(pair: TwoCenters, holder: bytes) -> int:
    ((found,),) = await pair.host.sql("SELECT count(*) FROM seat_slot WHERE holder = ?", holder)
    return int(found)


async def test_the_seats_stand_at_once_and_no_word_is_said() -> None:
    offices = planning.Offices()
    async with two_centers(offices) as pair:
        await planning.seated(offices, host=8)
        project = await planning.accepted(offices)

        bundle = await _plan(offices, project, _alone())
        await pair.settle()

        assert await _slots(pair, bundle) > 0
        assert await pair.host.sql("SELECT phase, decision FROM bundle") == [("CLOSED", "CONFIRM")]
        assert await pair.host.sql("SELECT count(*) FROM said") == [(0,)]
        told = await pair.host.do(lambda desk: todos.open_for(desk.ledger.connection, "agency"))
        assert [one.kind for one in told] == [BOOKED_HERE]


async def test_planned_anew_the_seats_are_exchanged_not_added() -> None:
    offices = planning.Offices()
    async with two_centers(offices) as pair:
        await pair.agree()
        await planning.seated(offices, host=8)
        project = await planning.accepted(offices)
        first = await _plan(offices, project, _alone())
        second = await _plan(offices, project, _alone())

        assert await _slots(pair, first) == 0
        assert await _slots(pair, second) > 0

        third = await _plan(offices, project, planning.request(pair.sub.id))
        assert await _slots(pair, second) == 0
        assert await _slots(pair, third) > 0
        told = await pair.host.do(lambda desk: todos.open_for(desk.ledger.connection, "agency"))
        assert told == []


async def test_the_law_and_the_calendar_count_here_too() -> None:
    offices = planning.Offices()
    async with two_centers(offices):
        await planning.seated(offices, host=6)
        project = await planning.accepted(offices)

        with pytest.raises(Conflicting, match="not 7 free seats"):
            await _plan(offices, project, _alone())
        with pytest.raises(Invalid):
            await _plan(offices, project, replace(_alone(), host_slots=()))


def test_nobody_is_drawn_at_random_from_none() -> None:
    for mode in (SelectionMode.RANDOM, SelectionMode.BLIND):
        with pytest.raises(Inadmissible, match="no sub-venue to be drawn"):
            replace(_alone(), mode=mode)


async def test_neither_draw_nor_joint_evaluation_is_begun_without_a_second_center(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    stage = JointStage(tmp_path_factory.mktemp("alone"))
    async with staged(stage):
        await planning_alone(stage)
        draws: Draws = stage.host.draws
        service: Sessions = stage.host.sessions

        def draw(desk: Desk) -> object:
            return planning.begin(draws, desk, stage.project, planning.AGENCY)

        def convene(desk: Desk) -> object:
            return service.convene(desk, stage.project, planning.STAFF)

        for begin in (draw, convene):
            with pytest.raises(Conflicting, match="a draw needs a second center") as caught:
                await stage.host.center.do(begin)
            assert "没有副场" in caught.value.zh


async def planning_alone(stage: JointStage) -> None:
    """A project at a host that has partners and needs none."""

    def bring(desk: Desk) -> None:
        stage.offices.host.venues.import_seats(desk, planning.seat_rows(8))

    await stage.host.center.do(bring)
    stage.project = await planning.accepted(stage.offices)
    await _plan(stage.offices, stage.project, _alone())
