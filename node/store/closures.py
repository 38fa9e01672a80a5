"""Maintenance: rooms and seats that are closed for a time, and who has seats there. SQL only."""

import sqlite3
from dataclasses import dataclass
from typing import Final

from node.domain.calendar import SLOT_MS, Window
from node.store.venues import seat_text


@dataclass(frozen=True, slots=True)
class Closure:
    """A room, or one seat of it, that is closed for a time.

    Attributes:
        venue: By name, as ``room`` and ``seat``; the whole room where ``seat`` is None.
        lifted_at_ms: When it was taken back; None while it counts.
    """

    id: int
    venue: str
    room: str
    seat: str | None
    start_ms: int
    end_ms: int
    reason: str
    made_by: str
    made_at_ms: int
    lifted_at_ms: int | None


@dataclass(frozen=True, slots=True)
class Place:
    """A room by its row, or one seat of it."""

    room: int
    seat: int | None


@dataclass(frozen=True, slots=True)
class Standing:
    """Somebody who holds seats in a place, from the first slot to the end of the last."""

    holder: bytes
    start_ms: int
    end_ms: int


_SELECT: Final = (
    "SELECT c.id, v.name, r.name, s.name, c.start_ms, c.end_ms, c.reason, c.made_by,"
    " c.made_at_ms, c.lifted_at_ms FROM closure c JOIN room r ON r.id = c.room"
    " JOIN venue v ON v.id = r.venue LEFT JOIN seat s ON s.id = c.seat"
)


def find_room(connection: sqlite3.Connection, venue: str, room: str) -> int | None:
    """A room's row, by name."""
    place = find_place(connection, venue, room, None)
    return None if place is None else place.room


def find_place(
    connection: sqlite3.Connection, venue: str, room: str, seat: str | None
) -> Place | None:
    """A room, or a seat of it, by name."""
    row = connection.execute(
        "SELECT r.id, (SELECT s.id FROM seat s WHERE s.room = r.id AND s.name = ?3)"
        " FROM room r JOIN venue v ON v.id = r.venue WHERE v.name = ?1 AND r.name = ?2",
        (venue, room, seat),
    ).fetchone()
    if row is None or (seat is not None and row[1] is None):
        return None
    return Place(*row)


def add(
    connection: sqlite3.Connection,
    *,
    place: Place,
    start_ms: int,
    end_ms: int,
    reason: str,
    by: str,
    now_ms: int,
) -> int:
    """Close a place; answers the closure's number."""
    (number,) = connection.execute(
        "INSERT INTO closure (room, seat, start_ms, end_ms, reason, made_by, made_at_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (place.room, place.seat, start_ms, end_ms, reason, by, now_ms),
    ).fetchone()
    return int(number)


def lift(connection: sqlite3.Connection, closure: int, by: str, now_ms: int) -> bool:
    """Take a closure back; False when there is none that counts."""
    cursor = connection.execute(
        "UPDATE closure SET lifted_by = ?, lifted_at_ms = ? WHERE id = ? AND lifted_at_ms IS NULL",
        (by, now_ms, closure),
    )
    return cursor.rowcount == 1


def place_of(connection: sqlite3.Connection, closure: int) -> Place | None:
    """What a closure closes."""
    row = connection.execute("SELECT room, seat FROM closure WHERE id = ?", (closure,)).fetchone()
    return None if row is None else Place(*row)


def get(connection: sqlite3.Connection, closure: int) -> Closure | None:
    """A closure by its number."""
    row = connection.execute(_SELECT + " WHERE c.id = ?", (closure,)).fetchone()
    return None if row is None else Closure(*row)


def since(connection: sqlite3.Connection, from_ms: int) -> list[Closure]:
    """All closures that end after a moment, lifted ones among them, the earliest first."""
    rows = connection.execute(
        _SELECT + " WHERE c.end_ms > ? ORDER BY c.start_ms, c.id", (from_ms,)
    ).fetchall()
    return [Closure(*row) for row in rows]


def closed(connection: sqlite3.Connection, window: Window) -> frozenset[str]:
    """Ids, as in the catalogue, of seats that are closed at some time in a window."""
    rows = connection.execute(
        "SELECT DISTINCT s.id FROM closure c JOIN seat s ON s.room = c.room"
        " AND (c.seat IS NULL OR c.seat = s.id)"
        " WHERE c.lifted_at_ms IS NULL AND c.end_ms > ? AND c.start_ms < ?",
        (window.start_ms, window.end_ms),
    ).fetchall()
    return frozenset(seat_text(seat) for (seat,) in rows)


def standing(
    connection: sqlite3.Connection, place: Place, start_ms: int, end_ms: int
) -> list[Standing]:
    """Who holds seats in a place at some time between two moments, the earliest first."""
    rows = connection.execute(
        "SELECT t.holder, min(t.slot), max(t.slot) + 1 FROM seat s JOIN seat_slot t"
        " ON t.seat = s.id AND t.slot >= ?3 AND t.slot < ?4"
        " WHERE s.room = ?1 AND (?2 IS NULL OR s.id = ?2) GROUP BY t.holder ORDER BY 2, 1",
        (place.room, place.seat, start_ms // SLOT_MS, -(-end_ms // SLOT_MS)),
    ).fetchall()
    return [Standing(holder, first * SLOT_MS, last * SLOT_MS) for holder, first, last in rows]


def met(connection: sqlite3.Connection, holder: bytes, from_ms: int) -> bool:
    """Whether a holder has a seat somewhere while it is closed, after a moment."""
    (found,) = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM seat_slot t JOIN seat s ON s.id = t.seat"
        " JOIN closure c ON c.room = s.room AND (c.seat IS NULL OR c.seat = s.id)"
        " WHERE t.holder = ?1 AND c.lifted_at_ms IS NULL AND c.end_ms > max(?2, t.slot * ?3)"
        " AND c.start_ms < (t.slot + 1) * ?3)",
        (holder, from_ms, SLOT_MS),
    ).fetchone()
    return bool(found)


def stretches(
    connection: sqlite3.Connection, room: int, start_ms: int, end_ms: int
) -> list[Standing]:
    """The same for a room, each stretch without a gap for itself.

    A booking that is being moved holds seats in two windows, which may be weeks apart.
    """
    rows = connection.execute(
        "SELECT holder, min(slot), max(slot) + 1 FROM (SELECT holder, slot,"
        " slot - row_number() OVER (PARTITION BY holder ORDER BY slot) AS stretch"
        " FROM (SELECT DISTINCT t.holder, t.slot FROM seat s JOIN seat_slot t"
        " ON t.seat = s.id AND t.slot >= ?2 AND t.slot < ?3 WHERE s.room = ?1))"
        " GROUP BY holder, stretch ORDER BY 2, 1",
        (room, start_ms // SLOT_MS, -(-end_ms // SLOT_MS)),
    ).fetchall()
    return [Standing(holder, first * SLOT_MS, last * SLOT_MS) for holder, first, last in rows]
