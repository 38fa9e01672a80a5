"""A refusal that comes when the host has given the leg up already: what its people are told."""

from pathlib import Path

from federation.protocol import booking
from node.services.bookings import EXCEPTION
from node.store import todos
from tests.support.pair import HOUR_MS, two_centers
from tests.support.planning import AGENCY, Offices, accepted, request, seated


async def test_the_first_refusal_stays_the_reason_and_nobody_is_asked_to_act(
    tmp_path: Path,
) -> None:
    """The sub was away; both the Hold and the abort reach it later, and it refuses both."""
    offices = Offices()
    async with two_centers(offices, folder=tmp_path) as pair:
        await pair.agree()
        await seated(offices, sub=1)
        project = await accepted(offices)
        pair.cut()
        await offices.host.center.do(
            lambda desk: offices.host.bookings.plan(desk, project, request(pair.sub.id), AGENCY)
        )
        await pair.later(2 * HOUR_MS)
        (leg,) = await offices.host.center.do(
            lambda desk: offices.host.bookings.of_project(desk, project)
        )
        assert leg.phase == booking.RELEASED, "the vote never came"

        pair.restore()
        await pair.settle()

        (leg,) = await offices.host.center.do(
            lambda desk: offices.host.bookings.of_project(desk, project)
        )
        open_todos = await offices.host.center.do(
            lambda desk: todos.open_for(desk.ledger.connection, "staff")
        )
        refused = await offices.host.center.sql("SELECT count(*) FROM said WHERE accepted = 0")
    assert refused == [(2,)], "the Hold, and the abort of what never was"
    assert leg.phase == booking.RELEASED
    assert "SEATS_TAKEN" in leg.note
    assert EXCEPTION not in {todo.kind for todo in open_todos}
