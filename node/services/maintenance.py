"""Maintenance: closing a room or a seat for a time, and opening it again.

A place where somebody has seats is not closed unless it is said to be so despite them: then
each booking is named, and the staff has a to-do for each to move it. Nothing is taken from
anybody here; what is closed is only never given again (``node.services.venues``).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from node.domain.workday import DAY_MS, local_time
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.house import Desk
from node.services.todos import BY_SYSTEM
from node.store import bookings, closures, todos
from node.store.closures import Closure, Standing

MEETS: Final = "closure_meets_booking"
"""The to-do that asks the staff to move a booking out of a closed place."""
MAX_CLOSED_MS: Final = 5 * 366 * DAY_MS  # a place that is closed for longer is no place any more
MAX_REASON_CHARS: Final = 200
KEPT_MS: Final = 90 * DAY_MS
"""Closures that ended so long ago are not shown any more."""
SHORT: Final = 12  # digits of an id that people see


@dataclass(frozen=True, slots=True)
class Closing:
    """What is to be closed, by name, from when until when, and why."""

    venue: str
    room: str
    seat: str | None
    start_ms: int
    end_ms: int
    reason: str


def _stays(_desk: Desk, _holder: bytes, _reason: str) -> bool:
    """Nobody is seated elsewhere by the node."""
    return False


class Maintenance:
    """Closes places and opens them.

    Args:
        reseat: Seats a holder elsewhere, if it can; whom it cannot, people move.
    """

    def __init__(self, reseat: Callable[[Desk, bytes, str], bool] = _stays) -> None:
        self._reseat = reseat

    def close(self, desk: Desk, closing: Closing, *, despite_bookings: bool, by: str) -> int:
        """Close a place; answers the closure's number.

        Raises:
            Invalid: No reason, or a time that is past, backwards or longer than five years.
            NotFound: There is no such room or seat.
            Conflicting: Somebody has seats there, and ``despite_bookings`` is False; each is
                named in the detail.
        """
        reason = closing.reason.strip()
        if not 0 < len(reason) <= MAX_REASON_CHARS or not reason.isprintable():
            raise Invalid(
                f"请填写维护原因,不超过{MAX_REASON_CHARS}字",
                f"say why, in at most {MAX_REASON_CHARS} characters",
            )
        if not desk.now_ms < closing.end_ms or not closing.start_ms < closing.end_ms:
            raise Invalid(
                "维护的结束时间须晚于开始时间和现在",
                "maintenance ends after it begins, and after now",
            )
        if closing.end_ms - closing.start_ms > MAX_CLOSED_MS:
            raise Invalid("维护时间最长五年", "maintenance lasts five years at the most")
        connection = desk.ledger.connection
        place = closures.find_place(connection, closing.venue, closing.room, closing.seat)
        if place is None:
            raise NotFound(
                "没有这个评标室或席位,请核对场地、评标室、席位名称",
                "there is no such room or seat; give venue, room and seat by their names",
            )
        start_ms = max(closing.start_ms, desk.now_ms)
        standing = closures.standing(connection, place, start_ms, closing.end_ms)
        if standing and not despite_bookings:
            raise Conflicting(
                f"维护期间已有{len(standing)}个预约,见明细;如仍须关闭,请确认后再提交",
                f"{len(standing)} booking(s) stand in that time, see the detail; to close all the "
                "same, say so (despite_bookings)",
                detail=told(desk, standing),
            )
        number = closures.add(
            connection,
            place=place,
            start_ms=closing.start_ms,
            end_ms=closing.end_ms,
            reason=reason,
            by=by,
            now_ms=desk.now_ms,
        )
        where = "/".join(each for each in (closing.venue, closing.room, closing.seat) if each)
        for each in standing:
            if self._reseat(desk, each.holder, f"维护({reason}) · maintenance"):
                continue
            when = f"{local_time(each.start_ms)}–{local_time(each.end_ms)}"
            todos.add(
                connection,
                role="staff",
                kind=MEETS,
                subject=each.holder,
                zh=f"{where}将因维护关闭({reason}),{when}的预约须改期或换席位",
                en=f"{where} is closed for maintenance; move the booking of {when}",
                now_ms=desk.now_ms,
            )
        return number

    def lift(self, desk: Desk, closure: int, by: str) -> None:
        """Open a place again; whoever was to be moved need not be.

        Raises:
            NotFound: There is no such closure, or it was lifted.
        """
        connection = desk.ledger.connection
        found, place = closures.get(connection, closure), closures.place_of(connection, closure)
        if (
            found is None
            or place is None
            or not closures.lift(connection, closure, by, desk.now_ms)
        ):
            raise NotFound(
                "没有这项维护,或已取消", "there is no such maintenance; it may be lifted"
            )
        for each in closures.standing(connection, place, found.start_ms, found.end_ms):
            settled(desk, each.holder)

    def all(self, desk: Desk) -> list[Closure]:
        """Every closure that has not long ended, the earliest first."""
        return closures.since(desk.ledger.connection, desk.now_ms - KEPT_MS)

    def meets(self, desk: Desk, closure: Closure) -> list[str]:
        """The bookings that stand in a closure, by name."""
        place = closures.place_of(desk.ledger.connection, closure.id)
        if place is None or closure.lifted_at_ms is not None:
            return []
        start_ms = max(closure.start_ms, desk.now_ms)
        if start_ms >= closure.end_ms:
            return []
        return told(
            desk, closures.standing(desk.ledger.connection, place, start_ms, closure.end_ms)
        )


def settled(desk: Desk, holder: bytes) -> None:
    """Let nobody move a booking any more whose seats no closure meets, if none does."""
    connection = desk.ledger.connection
    if not closures.met(connection, holder, desk.now_ms):
        todos.done(connection, kind=MEETS, subject=holder, by=BY_SYSTEM, now_ms=desk.now_ms)


def told(desk: Desk, standing: Sequence[Standing]) -> list[str]:
    """Bookings by name, for people: which one and when."""
    return [_told(desk, each) for each in standing]


def _told(desk: Desk, standing: Standing) -> str:
    legs = [
        found.conversation.hex()[:SHORT]
        for found in (
            bookings.get(desk.ledger.connection, standing.holder),
            *bookings.of_bundle(desk.ledger.connection, standing.holder),
        )
        if found is not None
    ]
    name = "、".join(legs) or standing.holder.hex()[:SHORT]
    return f"预约 booking {name}: {local_time(standing.start_ms)}–{local_time(standing.end_ms)}"
