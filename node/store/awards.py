"""Awards that were determined (中标结果确定), each recorded once. SQL only."""

import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Award:
    """One award.

    Args:
        subject: The project's id at its host, the booking's at a sub; 16 bytes.
        determined_on: The day, ``YYYY-MM-DD``.
        by: The account that recorded it.
        at_ms: When it was recorded.
    """

    subject: bytes
    determined_on: str
    by: str
    at_ms: int


def add(connection: sqlite3.Connection, award: Award) -> None:
    """Record an award.

    Raises:
        sqlite3.IntegrityError: One was recorded before.
    """
    connection.execute(
        "INSERT INTO award (subject, determined_on, recorded_by, recorded_at_ms)"
        " VALUES (?, ?, ?, ?)",
        (award.subject, award.determined_on, award.by, award.at_ms),
    )


def get(connection: sqlite3.Connection, subject: bytes) -> Award | None:
    """The award of a project or booking, if it was recorded."""
    row = connection.execute(
        "SELECT subject, determined_on, recorded_by, recorded_at_ms FROM award WHERE subject = ?",
        (subject,),
    ).fetchone()
    return None if row is None else Award(*row)
