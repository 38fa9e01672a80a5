"""What went against a promise of a booking, and how people settled it. SQL only."""

import sqlite3
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Dispute:
    """One dispute over a booking; open while ``resolution`` is None."""

    booking: bytes
    zh: str
    en: str
    opened_at_ms: int
    resolved_by: str | None
    resolved_at_ms: int | None
    resolution: str | None


_SELECT: Final = (
    "SELECT conversation, text_zh, text_en, opened_at_ms, resolved_by, resolved_at_ms, resolution"
    " FROM booking_dispute"
)


def add(connection: sqlite3.Connection, booking: bytes, zh: str, en: str, now_ms: int) -> None:
    """Open a dispute; one that is there stays as it is."""
    connection.execute(
        "INSERT INTO booking_dispute (conversation, text_zh, text_en, opened_at_ms)"
        " VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (booking, zh, en, now_ms),
    )


def get(connection: sqlite3.Connection, booking: bytes) -> Dispute | None:
    """The dispute over a booking."""
    row = connection.execute(_SELECT + " WHERE conversation = ?", (booking,)).fetchone()
    return None if row is None else Dispute(*row)


def every(connection: sqlite3.Connection) -> list[Dispute]:
    """All disputes, the open ones first."""
    rows = connection.execute(
        _SELECT + " ORDER BY resolved_at_ms IS NOT NULL, opened_at_ms, conversation"
    ).fetchall()
    return [Dispute(*row) for row in rows]


def resolve(
    connection: sqlite3.Connection, booking: bytes, *, by: str, resolution: str, now_ms: int
) -> None:
    """Store how people settled an open dispute."""
    connection.execute(
        "UPDATE booking_dispute SET resolved_by = ?, resolved_at_ms = ?, resolution = ?"
        " WHERE conversation = ? AND resolved_at_ms IS NULL",
        (by, now_ms, resolution, booking),
    )
