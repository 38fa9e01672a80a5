"""Who holds which seats when, beyond a single hold: for changes and for other seats. SQL only.

A holder may hold the same seat for two windows that overlap; what overlaps is held once. That no
seat is held by two is the primary key of ``seat_slot``, here as in ``node.store.venues``.
"""

import sqlite3
from collections.abc import Collection, Iterable

from node.domain.calendar import Window, slots


def hold_more(
    connection: sqlite3.Connection, holder: bytes, seats: Iterable[str], window: Window
) -> None:
    """Hold seats for a window, beside what the holder holds already.

    Raises:
        sqlite3.IntegrityError: Somebody else holds one of them, in some slot of the window.
    """
    own = set(
        connection.execute(
            "SELECT seat, slot FROM seat_slot WHERE holder = ?", (holder,)
        ).fetchall()
    )
    connection.executemany(
        "INSERT INTO seat_slot (seat, slot, holder) VALUES (?, ?, ?)",
        [
            (int(seat), slot, holder)
            for seat in seats
            for slot in slots(window)
            if (int(seat), slot) not in own
        ],
    )


def keep_only(
    connection: sqlite3.Connection, holder: bytes, seats: Collection[str], window: Window
) -> None:
    """Give back all that a holder holds but these seats in this window."""
    span, kept = slots(window), {int(seat) for seat in seats}
    rows = connection.execute(
        "SELECT seat, slot FROM seat_slot WHERE holder = ?", (holder,)
    ).fetchall()
    connection.executemany(
        "DELETE FROM seat_slot WHERE seat = ? AND slot = ?",
        [(seat, slot) for seat, slot in rows if seat not in kept or slot not in span],
    )


def holders(
    connection: sqlite3.Connection, seats: Iterable[str], window: Window, besides: bytes
) -> list[bytes]:
    """Who else holds one of some seats at some time in a window, whoever begins first first."""
    span = slots(window)
    found: dict[bytes, int] = {}
    for seat in seats:
        for holder, slot in connection.execute(
            "SELECT holder, min(slot) FROM seat_slot"
            " WHERE seat = ? AND slot >= ? AND slot < ? AND holder <> ? GROUP BY holder",
            (int(seat), span.start, span.stop, besides),
        ):
            found[holder] = min(slot, found.get(holder, slot))
    return sorted(found, key=lambda holder: (found[holder], holder))
