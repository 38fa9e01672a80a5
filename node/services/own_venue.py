"""A project that is evaluated with no sub-venue: seats of our own, and nobody to ask.

Booking is all sub-venues or none, and a project may need none: then only the host's own seats
are reserved, so that the calendar is whole. Nothing is said to anybody. Drawing by lottery and
evaluating jointly both need a second center and are refused (``evaluated.evaluated_legs``).
"""

from typing import Final

from federation.protocol import bundle as rules
from federation.protocol.booking import Decision
from federation.protocol.bundle import Bundle, BundlePhase
from node.domain.project import BookingRequest
from node.domain.venue import Requirement
from node.services.errors import Conflicting
from node.services.house import Desk
from node.services.venues import Venues
from node.store import bookings, bundles, projects, todos
from node.store.projects import ProjectRow

BOOKED_HERE: Final = "seats_booked_here"
"""The to-do by which the agency learns that its seats stand, and what is not done here."""


def book(desk: Desk, venues: Venues, row: ProjectRow, request: BookingRequest, by: str) -> bytes:
    """Reserve the host's seats for a project without sub-venues; answers the bundle's id.

    Raises:
        Conflicting: The seats are not free in that window.
    """
    seats = venues.free_seats(desk, request.window, Requirement(request.host_seats))
    if not seats:
        raise Conflicting(
            f"主场在该时段没有{request.host_seats}个空闲席位,请另选时间",
            f"the host has not {request.host_seats} free seats in that window; choose another time",
        )
    connection, bundle_id = desk.ledger.connection, desk.new_id()
    venues.reserve(desk, bundle_id, seats, request.window)
    planned = Bundle(bundle_id, (), BundlePhase.HOLDING, decide_by_ms=desk.now_ms)
    bundles.add(connection, planned, row.id, by, desk.now_ms)
    decided = rules.decide(planned, {}, desk.now_ms)
    assert decided.decision is Decision.CONFIRM, "nobody was asked, so nobody said no"
    bundles.set_phase(connection, rules.close(decided, {}))
    projects.set_plan(connection, row.id, request)
    todos.add(
        connection,
        role="agency",
        kind=BOOKED_HERE,
        subject=bundle_id,
        zh=f"项目{row.project.code}无副场,主场{request.host_seats}个席位已预留;专家抽取和评标请在"
        "本地系统进行",
        en=f"project {row.project.code} has no sub-venue: {request.host_seats} seats of the host "
        "are reserved; draw and evaluate in your own systems",
        now_ms=desk.now_ms,
    )
    return bundle_id


def release(desk: Desk, venues: Venues, project_id: bytes, by: str) -> None:
    """Give back what was reserved before for a project without sub-venues: it is planned anew."""
    connection = desk.ledger.connection
    for other in bundles.of_project(connection, project_id):
        if not bookings.of_bundle(connection, other.bundle.id):
            venues.release(desk, other.bundle.id)
            todos.done(
                connection,
                kind=BOOKED_HERE,
                subject=other.bundle.id,
                by=by,
                now_ms=desk.now_ms,
            )
