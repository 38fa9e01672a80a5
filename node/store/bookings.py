"""Bookings: one row per leg, at the host and at the sub alike. SQL only.

A booking's id is its conversation's, and its phase is the conversation's: it is joined,
never copied, so that the two cannot disagree.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from federation.ids import AgreementId, CenterId, ConversationId
from federation.protocol import booking
from federation.protocol.booking import Decide, Hold
from federation.protocol.conversation import Phase, Role, Word
from federation.protocol.quota import Counted
from federation.wire.words import PAYLOAD_TYPES, decode_word, encode_word


@dataclass(frozen=True, slots=True)
class BookingRow:
    """One leg.

    Args:
        conversation: The booking's id.
        role: Ours: ``booking.HOST`` or ``booking.SUB``.
        peer: The other center.
        bundle: The bundle it is a leg of.
        project: The project's id; None at the sub, who is not told.
        hold: What was asked for.
        start_ms: Start of the window that counts now, unix milliseconds; the Hold keeps the one
            that was first asked for.
        end_ms: End of that window.
        promise_ends_ms: At the host, when the sub's promise ends on our clock; else None.
        note: Why the leg ended, in words for people, or "".
        phase: The conversation's.
        agreement: Under which agreement.
        held_at_ms: When the Hold was said or heard, by our clock.
        cancelled: How it was cancelled, if it was.
    """

    conversation: ConversationId
    role: Role
    peer: CenterId
    bundle: bytes
    project: bytes | None
    hold: Hold
    start_ms: int
    end_ms: int
    promise_ends_ms: int | None
    note: str
    phase: Phase
    agreement: AgreementId
    held_at_ms: int
    cancelled: "Cancelled | None" = None


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A cancellation. ``at_ms`` and ``fee_fen`` are None until the sub's receipt has told when.

    Args:
        by: The side that cancelled.
        at_ms: When, by the sub's clock.
        fee_fen: What it costs that side by the agreement, fen.
    """

    by: Role
    at_ms: int | None
    fee_fen: int | None


@dataclass(frozen=True, slots=True)
class NewBooking:
    """What is stored when a Hold was said or heard."""

    conversation: ConversationId
    role: Role
    peer: CenterId
    project: bytes | None
    hold: Hold


_SELECT: Final = (
    "SELECT b.conversation, b.role, b.peer, b.bundle, b.project, b.hold, b.start_ms, b.end_ms,"
    " b.promise_ends_ms, b.note, c.phase, c.agreement, c.opened_at_ms, b.cancelled_by,"
    " b.cancelled_at_ms, b.cancel_fee_fen"
    " FROM booking b JOIN conversation c ON c.id = b.conversation"
)
_HOLD: Final = PAYLOAD_TYPES[Hold]
_ASKED: Final = (  # what may still be settled: nobody else's booking may use it up meanwhile
    "SELECT l.{} FROM leg_change l WHERE l.conversation = b.conversation AND l.decision IS NULL"
    " AND l.answer IS NOT 'NO' AND c.phase IN ('CHANGING', 'CHANGE_PROMISED')"
    " ORDER BY l.asked_at_ms DESC, l.change DESC LIMIT 1"
)


def add(connection: sqlite3.Connection, new: NewBooking) -> None:
    """Store a leg."""
    connection.execute(
        "INSERT INTO booking (conversation, role, peer, bundle, project, hold, start_ms, end_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            new.conversation,
            new.role,
            new.peer,
            new.hold.bundle_id,
            new.project,
            encode_word(new.hold),
            new.hold.start_ms,
            new.hold.end_ms,
        ),
    )


def get(connection: sqlite3.Connection, booking_id: bytes) -> BookingRow | None:
    """A booking by id."""
    row = connection.execute(_SELECT + " WHERE b.conversation = ?", (booking_id,)).fetchone()
    return None if row is None else _booking(row)


def all(connection: sqlite3.Connection) -> list[BookingRow]:  # noqa: A001
    """Every booking, the latest window first."""
    return _rows(connection, " ORDER BY b.start_ms DESC, b.conversation")


def of_project(connection: sqlite3.Connection, project: bytes) -> list[BookingRow]:
    """The legs of all bundles of a project, in a fixed order."""
    return _rows(connection, " WHERE b.project = ? ORDER BY b.conversation", project)


def of_bundle(connection: sqlite3.Connection, bundle: bytes) -> list[BookingRow]:
    """The legs of one of our bundles, in a fixed order."""
    return _rows(
        connection, " WHERE b.bundle = ? AND b.role = 'HOST' ORDER BY b.conversation", bundle
    )


def named(connection: sqlite3.Connection, bundle: bytes) -> list[BookingRow]:
    """The legs that name a bundle, ours or another host's."""
    return _rows(connection, " WHERE b.bundle = ? ORDER BY b.conversation", bundle)


def of_family(connection: sqlite3.Connection, root: bytes) -> list[BookingRow]:
    """The legs of a bundle of ours and of those that joined it, in a fixed order."""
    return _rows(
        connection,
        " WHERE b.role = 'HOST' AND b.bundle IN"
        " (SELECT id FROM bundle WHERE id = ? UNION ALL SELECT id FROM bundle WHERE joins = ?)"
        " ORDER BY b.conversation",
        root,
        root,
    )


def set_promise(connection: sqlite3.Connection, booking_id: bytes, promise_ends_ms: int) -> None:
    """Store until when the sub keeps its promise."""
    connection.execute(
        "UPDATE booking SET promise_ends_ms = ? WHERE conversation = ?",
        (promise_ends_ms, booking_id),
    )


def set_window(
    connection: sqlite3.Connection, booking_id: bytes, start_ms: int, end_ms: int
) -> None:
    """Store the window that counts from now on."""
    connection.execute(
        "UPDATE booking SET start_ms = ?, end_ms = ? WHERE conversation = ?",
        (start_ms, end_ms, booking_id),
    )


def set_cancelled(
    connection: sqlite3.Connection, booking_id: bytes, cancelled: Cancelled | None
) -> None:
    """Store how a booking was cancelled; None if it was not, after all."""
    values = (
        (None, None, None)
        if cancelled is None
        else (cancelled.by, cancelled.at_ms, cancelled.fee_fen)
    )
    connection.execute(
        "UPDATE booking SET cancelled_by = ?, cancelled_at_ms = ?, cancel_fee_fen = ?"
        " WHERE conversation = ?",
        (*values, booking_id),
    )


def cancelled_untold(connection: sqlite3.Connection, peer: CenterId) -> list[BookingRow]:
    """Bookings with a peer that we, the host, cancelled and it has not receipted yet."""
    return _rows(
        connection,
        " WHERE b.peer = ? AND b.role = 'HOST' AND b.cancelled_by = 'HOST'"
        " AND b.cancelled_at_ms IS NULL ORDER BY b.conversation",
        peer,
    )


def receipt_of(connection: sqlite3.Connection, booking_id: bytes, word: type[Word]) -> bytes | None:
    """The peer's receipt, an envelope, for the last word of a type that we said in a booking."""
    row = connection.execute(
        "SELECT receipt FROM said WHERE conversation = ? AND payload_type = ?"
        " AND (receipt IS NULL OR receipt <> x'')"  # those that were withdrawn were never heard
        " ORDER BY revision DESC LIMIT 1",
        (booking_id, PAYLOAD_TYPES[word]),
    ).fetchone()
    return None if row is None else cast("bytes | None", row[0])


def given_up_ms(connection: sqlite3.Connection, booking_id: bytes) -> int | None:
    """When the seats of a booking in doubt were given free; None if they were not."""
    row = connection.execute(
        "SELECT given_up_at_ms FROM booking WHERE conversation = ?", (booking_id,)
    ).fetchone()
    return None if row is None else row[0]


def set_given_up(connection: sqlite3.Connection, booking_id: bytes, now_ms: int) -> None:
    """Store that the seats of a booking in doubt were given free."""
    connection.execute(
        "UPDATE booking SET given_up_at_ms = ? WHERE conversation = ?", (now_ms, booking_id)
    )


def set_note(connection: sqlite3.Connection, booking_id: bytes, note: str) -> None:
    """Store why a leg ended."""
    connection.execute("UPDATE booking SET note = ? WHERE conversation = ?", (note, booking_id))


def counted(
    connection: sqlite3.Connection,
    role: Role,
    peer: CenterId,
    agreements: Sequence[bytes],
    besides: bytes = b"",
) -> tuple[Counted, ...]:
    """Every booking of one direction under some agreements, as their quotas count them.

    ``besides`` is a booking that is not counted, as it is its own window that is asked about.
    """
    rows = connection.execute(
        "SELECT b.start_ms, b.end_ms, c.phase, c.agreement, b.given_up_at_ms,"  # noqa: S608 (constants)
        f" ({_ASKED.format('start_ms')}), ({_ASKED.format('end_ms')})"
        " FROM booking b JOIN conversation c ON c.id = b.conversation"
        " WHERE b.role = ? AND b.peer = ? AND b.conversation <> ?",
        (role, peer, besides),
    ).fetchall()
    return tuple(
        # In doubt for ever, but of seats that are free again: as if it had expired.
        Counted(
            start_ms,
            end_ms,
            Phase(phase) if given_up is None else booking.EXPIRED,
            None if asked_start_ms is None else (asked_start_ms, asked_end_ms),
        )
        for start_ms, end_ms, phase, agreement, given_up, asked_start_ms, asked_end_ms in rows
        if agreement in agreements
    )


def at_work(connection: sqlite3.Connection, now_ms: int) -> list[tuple[CenterId, AgreementId]]:
    """Peers and agreements of bookings whose evaluation may still come."""
    rows = connection.execute(
        "SELECT DISTINCT b.peer, c.agreement, c.phase"
        " FROM booking b JOIN conversation c ON c.id = b.conversation"
        " WHERE b.end_ms > ? ORDER BY b.peer, c.agreement",
        (now_ms,),
    ).fetchall()
    kept = [row[:2] for row in rows if row[2] in booking.KEEPS_SEATS]
    return [(CenterId(peer), AgreementId(agreement)) for peer, agreement in dict.fromkeys(kept)]


def decision_pending(
    connection: sqlite3.Connection, booking_id: bytes, word: type[Word] = Decide
) -> bool:
    """Whether a Decide of ours, or another word, waits for the sub's receipt."""
    row = connection.execute(
        "SELECT 1 FROM said WHERE conversation = ? AND payload_type = ? AND receipt IS NULL",
        (booking_id, PAYLOAD_TYPES[word]),
    ).fetchone()
    return row is not None


def _rows(connection: sqlite3.Connection, clause: str, *values: object) -> list[BookingRow]:
    return [_booking(row) for row in connection.execute(_SELECT + clause, values).fetchall()]


def _booking(row: Sequence[Any]) -> BookingRow:
    (
        conversation, role, peer, bundle, project, hold, start_ms, end_ms, promise_ends_ms, note,
        phase, agreement, held_at_ms, cancelled_by, cancelled_at_ms, cancel_fee_fen,
    ) = row  # fmt: skip
    return BookingRow(
        conversation=ConversationId(conversation),
        role=Role(role),
        peer=CenterId(peer),
        bundle=bundle,
        project=project,
        hold=cast("Hold", decode_word(_HOLD, hold)),
        start_ms=start_ms,
        end_ms=end_ms,
        promise_ends_ms=promise_ends_ms,
        note=note,
        phase=Phase(phase),
        agreement=AgreementId(agreement),
        held_at_ms=held_at_ms,
        cancelled=(
            None
            if cancelled_by is None
            else Cancelled(Role(cancelled_by), cancelled_at_ms, cancel_fee_fen)
        ),
    )
