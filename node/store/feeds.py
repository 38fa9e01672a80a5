"""Calendar feeds: their tokens, and the bookings that they show. SQL only.

How often an event has changed is read off its conversation: words are only ever added to it,
so their number grows with every change that both centers know of. What a lapse or our own
people change beside that is added, below the weight of one word.
"""

import sqlite3
from dataclasses import dataclass
from typing import Final

from federation.protocol import booking
from federation.protocol.conversation import Phase

GOES_ON: Final = booking.KEEPS_SEATS | {booking.NEW, booking.COMPLETED}
"""Phases of a leg that was not called off."""
_WORD: Final = 3  # one word outweighs what can happen between two: a lapse, and a giving up


@dataclass(frozen=True, slots=True)
class Feed:
    """One feed; its token was shown once.

    Attributes:
        venue: Of the room by name, as ``room``; None for the whole center.
        revoked_at_ms: Since when its token counts no more; None while it does.
    """

    id: bytes
    account: str
    room_id: int | None
    venue: str | None
    room: str | None
    made_at_ms: int
    revoked_at_ms: int | None


@dataclass(frozen=True, slots=True)
class Booked:
    """What one holder of seats does in our rooms: a bundle as the host, a booking as the sub.

    Attributes:
        holder: The id; it never changes.
        is_host: Whether it is a bundle of ours.
        phases: Of its legs.
        seats: Of its legs; 0 for a bundle, whose seats here are the holder's.
        given_up: Whether our seats were given free while the decision was in doubt.
        sequence: Grows with every change.
        rooms: (venue, room) where it has seats, or had them if it has none any more.
        here: Whether it still has a seat in the room that was asked for.
    """

    holder: bytes
    is_host: bool
    phases: tuple[Phase, ...]
    seats: int
    given_up: bool
    start_ms: int
    end_ms: int
    changed_at_ms: int
    sequence: int
    rooms: tuple[tuple[str, str], ...]
    here: bool


_SELECT: Final = (
    "SELECT f.id, f.account, f.room, v.name, r.name, f.made_at_ms, f.revoked_at_ms"
    " FROM calendar_feed f LEFT JOIN room r ON r.id = f.room LEFT JOIN venue v ON v.id = r.venue"
)


def add(
    connection: sqlite3.Connection,
    *,
    feed: bytes,
    token_hash: bytes,
    account: str,
    room: int | None,
    now_ms: int,
) -> None:
    """Store a feed."""
    connection.execute(
        "INSERT INTO calendar_feed (id, token_hash, account, room, made_at_ms)"
        " VALUES (?, ?, ?, ?, ?)",
        (feed, token_hash, account, room, now_ms),
    )


def by_token(connection: sqlite3.Connection, token_hash: bytes) -> Feed | None:
    """The feed of a token that was not revoked."""
    row = connection.execute(
        _SELECT + " WHERE f.token_hash = ? AND f.revoked_at_ms IS NULL", (token_hash,)
    ).fetchone()
    return None if row is None else Feed(*row)


def get(connection: sqlite3.Connection, feed: bytes) -> Feed | None:
    """A feed by its id."""
    row = connection.execute(_SELECT + " WHERE f.id = ?", (feed,)).fetchone()
    return None if row is None else Feed(*row)


def of(connection: sqlite3.Connection, account: str | None) -> list[Feed]:
    """The feeds of an account, or of all, the oldest first."""
    rows = connection.execute(
        _SELECT + " WHERE ?1 IS NULL OR f.account = ?1 ORDER BY f.made_at_ms, f.id", (account,)
    ).fetchall()
    return [Feed(*row) for row in rows]


def revoke(connection: sqlite3.Connection, feed: bytes, by: str, now_ms: int) -> None:
    """Make a feed's token void."""
    connection.execute(
        "UPDATE calendar_feed SET revoked_at_ms = ?, revoked_by = ?"
        " WHERE id = ? AND revoked_at_ms IS NULL",
        (now_ms, by, feed),
    )


def booked(
    connection: sqlite3.Connection, room: int | None, from_ms: int, at_most: int
) -> list[Booked]:
    """Who has or had seats here, in one room or all, and is not over before a moment.

    The latest first, so that a limit cuts off the past.
    """
    legs: dict[bytes, list[tuple[str, str, int, int, int, int, int, int | None]]] = {}
    for holder, *leg in connection.execute(
        "SELECT CASE b.role WHEN 'HOST' THEN b.bundle ELSE b.conversation END, b.role, c.phase,"
        " b.start_ms, b.end_ms, c.said + c.heard, c.changed_at_ms, c.opened_at_ms,"
        " b.given_up_at_ms FROM booking b JOIN conversation c ON c.id = b.conversation"
        " WHERE b.end_ms > ? ORDER BY b.start_ms DESC, b.conversation",
        (from_ms,),
    ):
        legs.setdefault(holder, []).append(tuple(leg))
    found: list[Booked] = []
    for holder, all_legs in legs.items():
        if len(found) == at_most:
            break
        rooms = _rooms(connection, holder)
        now_in = {each[0] for each in rooms if each[3]}
        if room is not None and room not in {each[0] for each in rooms}:
            continue
        phases = tuple(Phase(leg[1]) for leg in all_legs)
        given_up = any(leg[7] is not None for leg in all_legs)
        sequence = sum(_WORD * leg[4] + (leg[1] == booking.EXPIRED) for leg in all_legs)
        times = [leg[2:4] for leg in all_legs if leg[1] in GOES_ON] or [
            leg[2:4] for leg in all_legs
        ]
        found.append(
            Booked(
                holder=holder,
                is_host=all_legs[0][0] == booking.HOST,
                phases=phases,
                seats=_seats(connection, holder),
                given_up=given_up,
                start_ms=min(start_ms for start_ms, _ in times),
                end_ms=max(end_ms for _, end_ms in times),
                changed_at_ms=max(leg[5] for leg in all_legs),
                sequence=sequence + given_up,
                rooms=tuple(each[1:3] for each in rooms if each[0] in (now_in or {each[0]})),
                here=room is None or room in now_in,
            )
        )
    return found


def _rooms(connection: sqlite3.Connection, holder: bytes) -> list[tuple[int, str, str, int]]:
    """(room, venue, name, whether seats are held there now) of all rooms it ever had seats in."""
    return connection.execute(
        "SELECT r.id, v.name, r.name, EXISTS (SELECT 1 FROM seat_slot t JOIN seat s"
        " ON s.id = t.seat WHERE t.holder = u.holder AND s.room = r.id)"
        " FROM room_use u JOIN room r ON r.id = u.room JOIN venue v ON v.id = r.venue"
        " WHERE u.holder = ? ORDER BY v.name, r.name",
        (holder,),
    ).fetchall()


def _seats(connection: sqlite3.Connection, holder: bytes) -> int:
    (count,) = connection.execute(
        "SELECT count(DISTINCT seat) FROM seat_slot WHERE holder = ?", (holder,)
    ).fetchone()
    return int(count)
