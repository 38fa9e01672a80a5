"""A center that runs on an old copy: its seats, bundles and people after its words are back."""

from federation.engine.recovery import WHOLE
from federation.protocol import booking
from node.services import recovery_todos
from node.services.recovering import Recovering
from node.store import bookings as store
from node.store import todos, venues
from tests.node.services.test_bookings import phases, todo_kinds
from tests.support.pair import Center, TwoCenters, two_centers
from tests.support.planning import (
    AGENCY,
    Office,
    Offices,
    accepted,
    held,
    request,
    seated,
    vote,
)
from tests.support.restored import Nurse


def recovering(pair: TwoCenters, center: Center) -> Recovering:
    return Recovering(
        negotiator=center.negotiator,
        ask=center.outbox.ask,
        peers=lambda: [pair.other(center).id],
        observe=lambda _: None,
    )


async def seats_held(office: Office, holder: bytes) -> int:
    return len(await office.center.do(lambda desk: venues.held(desk.ledger.connection, holder)))


async def heal(nurse: Nurse, loop: Recovering) -> None:
    """What the loop does, and what the operator types."""
    await nurse.greet()
    standing = await loop.round()
    if standing.epoch_needed:
        await nurse.announce()
        standing = await loop.round()
    assert standing == WHOLE


async def test_a_sub_that_voted_yes_keeps_its_seats_reserved_again() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        nurse = Nurse(pair, pair.sub)
        loop = recovering(pair, pair.sub)
        await pair.agree()
        await seated(offices)
        project_id = await accepted(offices)
        copy = await nurse.backup()
        await offices.host.center.do(
            lambda desk: offices.host.bookings.plan(desk, project_id, request(pair.sub.id), AGENCY)
        )
        await pair.settle()
        (leg,) = await offices.host.center.do(
            lambda desk: offices.host.bookings.of_project(desk, project_id)
        )
        await vote(offices, leg.conversation, yes=True)
        await pair.settle()
        seats = await seats_held(offices.sub, leg.conversation)
        assert seats > 0

        await nurse.restore(copy)
        assert await seats_held(offices.sub, leg.conversation) == 0
        await heal(nurse, loop)
        assert await seats_held(offices.sub, leg.conversation) == seats
        assert await phases(pair, leg.conversation) == [booking.CONFIRMED, booking.CONFIRMED]
        row = await offices.sub.center.do(
            lambda desk: store.get(desk.ledger.connection, leg.conversation)
        )
        assert row is not None
        assert row.phase == booking.CONFIRMED
        assert recovery_todos.GAP not in await todo_kinds(offices.sub, "staff")
        kinds = await todo_kinds(offices.sub, "operator")
        assert recovery_todos.RECOVERED in kinds
        assert recovery_todos.RECOVERING not in kinds


async def test_a_host_knows_its_decision_again() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        nurse = Nurse(pair, pair.host)
        loop = recovering(pair, pair.host)
        _, booking_id = await held(pair, offices)
        copy = await nurse.backup()
        await vote(offices, booking_id, yes=True)
        await pair.settle()
        before = await pair.host.sql("SELECT phase, decision FROM bundle")
        words = await pair.host.sql("SELECT hash FROM said ORDER BY number")

        await nurse.restore(copy)
        await heal(nurse, loop)
        assert await pair.host.sql("SELECT phase, decision FROM bundle") == before
        assert await pair.host.sql("SELECT hash FROM said ORDER BY number") == words
        assert await phases(pair, booking_id) == [booking.CONFIRMED, booking.CONFIRMED]
        assert recovery_todos.GAP not in await todo_kinds(offices.host, "staff")


async def test_a_bundle_whose_project_is_lost_is_told_to_the_staff() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        nurse = Nurse(pair, pair.host)
        loop = recovering(pair, pair.host)
        copy = await nurse.backup()
        _, booking_id = await held(pair, offices)
        await vote(offices, booking_id, yes=True)
        await pair.settle()
        agreements = await pair.host.sql("SELECT 1 FROM agreement")
        assert agreements

        await nurse.restore(copy)
        await heal(nurse, loop)
        # No promise is forgotten: the conversation stands, and people know what to do.
        assert await pair.host.phase(booking_id) == booking.CONFIRMED
        assert recovery_todos.GAP in await todo_kinds(offices.host, "staff")
        found = await pair.host.do(lambda desk: todos.open_for(desk.ledger.connection, "staff"))
        (told,) = [each for each in found if each.kind == recovery_todos.GAP]
        assert told.subject == booking_id
        assert "CONFIRMED" in told.en
