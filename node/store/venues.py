"""Seats, the rooms and venues they stand in, and who holds them when. SQL only.

The primary key of ``seat_slot`` is the guarantee that no seat is held twice; ``hold`` lets
it speak. Which seats suit a request is decided in ``node.domain.venue``.
"""

import json
import sqlite3
from collections.abc import Iterable
from typing import Final

from node.domain.calendar import Window, slots
from node.domain.tabular import SeatRow
from node.domain.venue import OVERNIGHT, Room, Seat, SeatKind, Venue

ID_DIGITS: Final = 10  # row ids as text in the order of the numbers; SQLite gives no longer ones


def put_seat(connection: sqlite3.Connection, row: SeatRow) -> None:
    """Store a seat, new or changed, and the room and venue it stands in."""
    (venue,) = connection.execute(
        "INSERT INTO venue (name) VALUES (?)"
        " ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id",
        (row.venue,),
    ).fetchone()
    (room,) = connection.execute(
        "INSERT INTO room (venue, name, overnight) VALUES (?, ?, ?)"
        " ON CONFLICT (venue, name) DO UPDATE SET overnight = excluded.overnight RETURNING id",
        (venue, row.room, row.overnight),
    ).fetchone()
    connection.execute(
        "INSERT INTO seat (room, name, kind, equipment) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (room, name) DO UPDATE SET kind = excluded.kind,"
        " equipment = excluded.equipment",
        (room, row.seat, row.kind.value, json.dumps(sorted(row.equipment))),
    )


def catalogue(connection: sqlite3.Connection) -> list[Venue]:
    """All venues with their rooms and seats; ids are row ids as text of ``ID_DIGITS``."""
    seats: dict[int, list[Seat]] = {}
    for seat, room, kind, equipment in connection.execute(
        "SELECT id, room, kind, equipment FROM seat ORDER BY id"
    ):
        seats.setdefault(room, []).append(
            Seat(seat_text(seat), SeatKind(kind), frozenset(json.loads(equipment)))
        )
    rooms: dict[int, list[Room]] = {}
    for room, venue, name, overnight in connection.execute(
        "SELECT id, venue, name, overnight FROM room ORDER BY id"
    ):
        rooms.setdefault(venue, []).append(
            Room(
                seat_text(room),
                name,
                tuple(seats.get(room, ())),
                frozenset({OVERNIGHT}) if overnight else frozenset(),
            )
        )
    return [
        Venue(seat_text(venue), name, tuple(rooms.get(venue, ())))
        for venue, name in connection.execute("SELECT id, name FROM venue ORDER BY id").fetchall()
    ]


def seats_with_names(connection: sqlite3.Connection, holder: bytes) -> list[tuple[str, str, str]]:
    """(venue, room, seat) by name that a holder holds, for people who show the way."""
    return connection.execute(
        "SELECT DISTINCT v.name, r.name, s.name FROM seat_slot t JOIN seat s ON s.id = t.seat"
        " JOIN room r ON r.id = s.room JOIN venue v ON v.id = r.venue"
        " WHERE t.holder = ? ORDER BY v.name, r.name, s.name",
        (holder,),
    ).fetchall()


def taken(
    connection: sqlite3.Connection, window: Window, *, besides: bytes | None = None
) -> frozenset[str]:
    """Ids, as in the catalogue, of seats held at some time in a window, ``besides`` by a holder."""
    span = slots(window)
    rows = connection.execute(
        "SELECT DISTINCT seat FROM seat_slot WHERE slot >= ? AND slot < ? AND holder IS NOT ?",
        (span.start, span.stop, besides),
    ).fetchall()
    return frozenset(seat_text(seat) for (seat,) in rows)


def hold(
    connection: sqlite3.Connection, holder: bytes, seats: Iterable[str], window: Window
) -> None:
    """Hold seats for a window.

    Raises:
        sqlite3.IntegrityError: One of them is held by somebody, in some slot of the window.
    """
    chosen = [int(seat) for seat in seats]
    connection.executemany(
        "INSERT INTO seat_slot (seat, slot, holder) VALUES (?, ?, ?)",
        [(seat, slot, holder) for seat in chosen for slot in slots(window)],
    )
    connection.executemany(
        "INSERT INTO room_use (holder, room) SELECT ?, room FROM seat WHERE id = ?"
        " ON CONFLICT DO NOTHING",
        [(holder, seat) for seat in chosen],
    )


def release(connection: sqlite3.Connection, holder: bytes) -> int:
    """Give back all that a holder holds; answers how many slots."""
    return connection.execute("DELETE FROM seat_slot WHERE holder = ?", (holder,)).rowcount


def held(connection: sqlite3.Connection, holder: bytes) -> tuple[str, ...]:
    """Ids of the seats that a holder holds."""
    rows = connection.execute(
        "SELECT DISTINCT seat FROM seat_slot WHERE holder = ? ORDER BY seat", (holder,)
    ).fetchall()
    return tuple(seat_text(seat) for (seat,) in rows)


def seat_text(row_id: int) -> str:
    """A row's id as the catalogue has it."""
    return f"{row_id:0{ID_DIGITS}d}"
