"""What people must see to after a booking stood: a leg that is lost, seats given free in doubt.

A bundle of which a leg is lost is closed with exceptions, never silently; seats that a sub
gave free although its promise was never settled are in dispute until both sides' people say how
they settled it, each for its own side.
"""

from typing import Final

from federation.protocol import booking
from node.domain.workday import local_time
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.house import Desk
from node.services.todos import BOOKING_DISPUTE, BY_SYSTEM
from node.store import booking_disputes, bundles, todos
from node.store.booking_disputes import Dispute
from node.store.bookings import BookingRow

LOST: Final = "leg_lost"
"""The to-do that asks the host's staff what becomes of an evaluation that lost a sub-venue."""
MAX_RESOLUTION_CHARS: Final = 1_000


def tell_lost(desk: Desk, row: BookingRow, zh: str, en: str) -> None:
    """At the host: a leg is lost after the decision; people choose what follows.

    Args:
        desk: The floor.
        row: The leg.
        zh: What happened, in Chinese, as the beginning of a sentence.
        en: The same in English.
    """
    if row.role != booking.HOST:
        return
    day = local_time(row.start_ms)
    todos.add(
        desk.ledger.connection,
        role="staff",
        kind=LOST,
        subject=row.conversation,
        zh=f"{zh}({day}评标)。请选择:另选副场替换、改期,或取消全部预约",
        en=f"{en} (evaluation of {day}). Choose: another sub-venue in its place, another time, "
        "or cancel all",
        now_ms=desk.now_ms,
    )


def replaced(desk: Desk, leg: bytes, by: str) -> None:
    """A lost leg has been dealt with."""
    todos.done(desk.ledger.connection, kind=LOST, subject=leg, by=by, now_ms=desk.now_ms)


def open_dispute(desk: Desk, row: BookingRow) -> None:
    """Seats in doubt were given free, as the agreement allows: each side's people settle it."""
    if row.role == booking.SUB:
        zh = f"主场{row.peer}一直未告知预约决定,席位已按协议收回;如主场曾确认,双方须协商处理"
        en = (
            f"host {row.peer} never told its decision and the seats were given free, as agreed; "
            "if the host had confirmed, settle it with the host"
        )
    else:
        zh = f"副场{row.peer}未在约定时间内收到确认,已按协议收回席位;请与副场协商处理"
        en = (
            f"sub-venue {row.peer} had no confirmation in time and gave the seats free, as "
            "agreed; settle it with the sub-venue"
        )
    connection = desk.ledger.connection
    booking_disputes.add(connection, row.conversation, zh, en, desk.now_ms)
    todos.add(
        connection,
        role="staff",
        kind=BOOKING_DISPUTE,
        subject=row.conversation,
        zh=zh,
        en=en,
        now_ms=desk.now_ms,
    )


def disputes(desk: Desk) -> list[Dispute]:
    """All disputes over bookings, the open ones first."""
    return booking_disputes.every(desk.ledger.connection)


def resolve(desk: Desk, booking_id: bytes, resolution: str, by: str) -> None:
    """Settle a dispute for this center; the other side settles its own.

    Raises:
        NotFound: There is none.
        Conflicting: It is settled already.
        Invalid: Nothing is said of how, or too much.
    """
    connection = desk.ledger.connection
    found = booking_disputes.get(connection, booking_id)
    if found is None:
        raise NotFound("该预约没有争议", "there is no dispute over this booking")
    if found.resolved_at_ms is not None:
        raise Conflicting("该争议已处理", "this dispute is settled already")
    resolution = resolution.strip()
    if not 0 < len(resolution) <= MAX_RESOLUTION_CHARS:
        raise Invalid(
            f"请填写处理结果,不超过{MAX_RESOLUTION_CHARS}字",
            f"say how it was settled, in at most {MAX_RESOLUTION_CHARS} characters",
        )
    booking_disputes.resolve(
        connection, booking_id, by=by, resolution=resolution, now_ms=desk.now_ms
    )
    todos.done(connection, kind=BOOKING_DISPUTE, subject=booking_id, by=by, now_ms=desk.now_ms)


def dispute_is_over(desk: Desk, booking_id: bytes) -> None:
    """The host's decision came after all, and it was to book nothing: nobody was harmed."""
    found = booking_disputes.get(desk.ledger.connection, booking_id)
    if found is not None and found.resolved_at_ms is None:
        resolve(desk, booking_id, "主场决定不予预约 · the host had booked nothing", BY_SYSTEM)


def count_exceptions(desk: Desk) -> int:
    """How many bundles are closed with exceptions."""
    return bundles.with_exceptions(desk.ledger.connection)
