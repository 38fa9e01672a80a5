"""Other windows that subs proposed when they could not keep a booking. SQL only."""

import sqlite3


def put(connection: sqlite3.Connection, booking: bytes, start_ms: int) -> None:
    """Keep the start of the window that a sub proposed; its last word counts."""
    connection.execute(
        "INSERT INTO alternative (booking, start_ms) VALUES (?, ?)"
        " ON CONFLICT (booking) DO UPDATE SET start_ms = excluded.start_ms",
        (booking, start_ms),
    )


def get(connection: sqlite3.Connection, booking: bytes) -> int | None:
    """The start that was proposed for a booking, unix milliseconds."""
    row = connection.execute(
        "SELECT start_ms FROM alternative WHERE booking = ?", (booking,)
    ).fetchone()
    return None if row is None else int(row[0])
