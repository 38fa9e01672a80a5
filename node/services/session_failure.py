"""Ending an evaluation that can no longer be held, so that its project can be booked anew.

After a fault beyond the agreed limits nothing goes on: the material is sealed, another committee
evaluates anew (domain.md §1.7). Only then may the host's staff end what was booked: the sub hears
that the booking is complete, and both sides' seats and quotas are free again.
"""

from collections.abc import Sequence
from typing import Final

from federation.errors import FederationError
from federation.protocol import booking, execution
from federation.protocol import session as words
from node.services import session_view as view
from node.services.errors import Conflicting, NotFound
from node.services.house import Desk
from node.store import bookings, projects, sessions, todos
from node.store.bookings import BookingRow
from node.store.sessions import SessionRow

FAILED: Final = "evaluation_failed"
"""The to-do that asks the agency to plan a project anew."""
NOTE: Final = "评标未能完成,已终止 · the evaluation failed and was ended"
_DONE: Final = frozenset({words.FINISHED, words.HANDED_OVER, words.ARCHIVED})


def end_failed(desk: Desk, closing: view.Bookings, project_id: bytes, by: str) -> int:
    """End the confirmed bookings of a project whose evaluation cannot be held any more.

    Args:
        desk: The floor.
        closing: Says to the subs that the bookings are over.
        project_id: The host's project.
        by: Whose act it is.

    Returns:
        How many bookings were ended.

    Raises:
        NotFound: No such project here.
        Conflicting: Nothing is confirmed, an evaluation was held, or it still can be.
    """
    connection = desk.ledger.connection
    project = projects.get(connection, project_id)
    if project is None:
        raise NotFound("没有这个项目", f"there is no project {project_id.hex()}")
    legs = [
        leg for leg in bookings.of_project(connection, project_id) if leg.phase in booking.BOOKED
    ]
    if not legs:
        raise Conflicting(
            "项目没有已确认的副场预约,无须终止",
            "no booking of the project is confirmed; there is nothing to end",
        )
    held = [(leg, sessions.live_of_booking(connection, leg.conversation)) for leg in legs]
    _check_failed(desk, held)
    for leg, row in held:
        if row is not None:
            view.give_up(desk, row, by)
        closing.complete(desk, leg.conversation, leg.conversation if row is None else row.id)
        bookings.set_note(connection, leg.conversation, NOTE)
    todos.add(
        connection,
        role="agency",
        kind=FAILED,
        subject=legs[0].bundle,
        zh=f"项目{project.project.code}的评标因故未能完成,请重新安排时间、副场和专家抽取",
        en=f"project {project.project.code}: the evaluation failed; plan, book and draw anew",
        now_ms=desk.now_ms,
    )
    return len(legs)


def heard_the_end(desk: Desk, booking_id: bytes, by: str) -> None:
    """At the sub: the host says that a booking is over; an evaluation that was not held is, too."""
    row = sessions.live_of_booking(desk.ledger.connection, booking_id)
    if row is not None and row.phase not in _DONE:
        view.give_up(desk, row, by)


def _check_failed(desk: Desk, held: Sequence[tuple[BookingRow, SessionRow | None]]) -> None:
    if any(row is not None and row.phase in _DONE for _, row in held):
        raise Conflicting("评标已经结束,不能终止", "the evaluation was held; it cannot be ended")
    if not any(_is_lost(desk, leg, row) for leg, row in held):
        raise Conflicting(
            "评标仍可进行:故障超过协议约定的时限后,才能终止并重新安排",
            "the evaluation can still be held; only after a fault beyond the agreed limits may "
            "it be ended and planned anew",
        )


def _is_lost(desk: Desk, leg: BookingRow, row: SessionRow | None) -> bool:
    terms = desk.ledger.agreement(leg.agreement)
    assert terms is not None, "a booking is under an agreement that both signed"
    try:
        if row is None or not view.has_started(row):
            execution.check_start(terms, leg.start_ms, desk.now_ms)
        elif row.phase == words.SUSPENDED:
            since_ms = view.suspended_at_ms(desk, row)
            execution.check_resume(terms, since_ms or desk.now_ms, desk.now_ms)
        else:  # it runs, and nobody has suspended it: a fault may have come in its last moment
            execution.check_resume(terms, leg.end_ms, desk.now_ms)
    except FederationError:
        return True
    return False
