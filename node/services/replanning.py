"""Planning once more with another date: a sub's alternative, or a date that is fixed at last.

Here: the two actions by which people turn what they know now into an ordinary plan, and the
pseudo-booking before it, which holds no capacity. What a plan must satisfy is checked by
``node.services.bundling``, for every leg; whether the other subs have seats at the new time,
only they can say, and they do when the Holds arrive.
"""

from typing import Protocol

from federation.protocol import booking
from federation.wire.envelopes import Receipt
from node.domain.calendar import Window
from node.domain.project import BookingRequest, ProjectState
from node.domain.refusal import Inadmissible
from node.domain.undated import UndatedRequest
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.house import Desk
from node.services.projects import found_project
from node.store import alternatives, bookings, undated
from node.store.undated import UndatedRow


class Planner(Protocol):
    """What is needed of ``node.services.bookings``."""

    def plan(self, desk: Desk, project_id: bytes, request: BookingRequest, by: str) -> bytes:
        """Book all sub-venues, or none. Raises UseCaseError."""


class Replanning:
    """Fixes dates.

    Args:
        planner: Makes plans.
    """

    def __init__(self, planner: Planner) -> None:
        self._planner = planner

    def take_alternative(self, desk: Desk, booking_id: bytes, by: str) -> bytes:
        """Plan the whole project anew for the window that a sub proposed.

        Returns:
            As ``Bookings.plan``.

        Raises:
            NotFound: No such booking at this host, or nothing was proposed.
            Conflicting, Invalid: As ``Bookings.plan``: all legs must fit the new window.
        """
        row = bookings.get(desk.ledger.connection, booking_id)
        if row is None or row.role != booking.HOST or row.project is None:
            raise NotFound("没有该预约", "there is no such booking at this host")
        start_ms = alternatives.get(desk.ledger.connection, booking_id)
        if start_ms is None:
            raise NotFound("副场没有提出其他时间", "the sub has proposed no other time")
        project = found_project(desk, row.project)
        assert project.plan is not None, "a booking is made by a plan"
        kept = project.plan.window
        if (kept.start_ms, kept.end_ms) != (row.hold.start_ms, row.hold.end_ms):
            raise Conflicting(
                "该项目已改为其他时间,此提议已过时",
                "the project was planned for another time since",
            )
        moved = UndatedRequest.of(project.plan).dated(
            _window(start_ms, start_ms + kept.end_ms - kept.start_ms)
        )
        return self._planner.plan(desk, row.project, moved, by)

    def file(self, desk: Desk, project_id: bytes, request: UndatedRequest, by: str) -> None:
        """File a request without a date (pseudo-booking); it holds no capacity.

        Raises:
            NotFound: No such project.
            Conflicting: The project was rejected.
        """
        if found_project(desk, project_id).state is ProjectState.REJECTED:
            raise Conflicting("项目已被退回", "the project was rejected")
        undated.put(desk.ledger.connection, UndatedRow(project_id, request, by, desk.now_ms))

    def withdraw(self, desk: Desk, project_id: bytes) -> None:
        """Take the request without a date back. Raises NotFound."""
        if not undated.remove(desk.ledger.connection, project_id):
            raise _nothing_filed()

    def fix(self, desk: Desk, project_id: bytes, start_ms: int, end_ms: int, by: str) -> bytes:
        """The date is fixed: plan what was filed; answers as ``Bookings.plan``.

        Raises:
            NotFound: Nothing was filed without a date.
            Invalid, Conflicting: As ``Bookings.plan``; what was filed stays.
        """
        found = undated.get(desk.ledger.connection, project_id)
        if found is None:
            raise _nothing_filed()
        request = found.request.dated(_window(start_ms, end_ms))
        made = self._planner.plan(desk, project_id, request, by)
        undated.remove(desk.ledger.connection, project_id)
        return made

    def filed(self, desk: Desk, project_id: bytes) -> UndatedRow | None:
        """What was filed without a date."""
        return undated.get(desk.ledger.connection, project_id)

    def alternative_ms(self, desk: Desk, booking_id: bytes) -> int | None:
        """The start that the sub proposed instead, if it did."""
        return alternatives.get(desk.ledger.connection, booking_id)


def proposed_in(receipt: Receipt) -> int | None:
    """The start that a refusal proposes, unix milliseconds; the first if there are several."""
    for each in receipt.alternative.split(";"):
        key, _, value = each.partition("=")
        # A window that begins not before is free from there on; one not after is no proposal.
        if key in {"start_ms", "start_ms>"} and value.isdigit():
            return int(value)
    return None


def _window(start_ms: int, end_ms: int) -> Window:
    try:
        return Window(start_ms, end_ms)
    except Inadmissible as error:
        raise Invalid(error.zh, error.en) from error


def _nothing_filed() -> NotFound:
    return NotFound("该项目没有未定时间的预约", "nothing was filed without a date for the project")
