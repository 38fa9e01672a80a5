"""Bidders of a project, encrypted, and which lists the regulator was told of. SQL only."""

import sqlite3
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class BiddersRow:
    """Who bids in a project of ours; ``sealed`` has the codes and the salt, encrypted."""

    project: bytes
    sealed: bytes = field(repr=False)
    entered_by: str
    entered_at_ms: int


def put(connection: sqlite3.Connection, row: BiddersRow) -> None:
    """Enter the bidders of a project; the last entry counts."""
    connection.execute(
        "INSERT INTO bidders (project, sealed, entered_by, entered_at_ms) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (project) DO UPDATE SET sealed = excluded.sealed,"
        " entered_by = excluded.entered_by, entered_at_ms = excluded.entered_at_ms",
        (row.project, row.sealed, row.entered_by, row.entered_at_ms),
    )


def get(connection: sqlite3.Connection, project: bytes) -> BiddersRow | None:
    """The bidders of a project, if they were entered."""
    row = connection.execute(
        "SELECT project, sealed, entered_by, entered_at_ms FROM bidders WHERE project = ?",
        (project,),
    ).fetchone()
    return None if row is None else BiddersRow(*row)


def told(connection: sqlite3.Connection, subject: bytes) -> bytes | None:
    """What the regulator was told last of a draw (employers) or a booking (bidders), by a mark."""
    row = connection.execute("SELECT mark FROM compared WHERE subject = ?", (subject,)).fetchone()
    return None if row is None else bytes(row[0])


def set_told(connection: sqlite3.Connection, subject: bytes, mark: bytes) -> None:
    """The regulator was told."""
    connection.execute(
        "INSERT INTO compared (subject, mark) VALUES (?, ?)"
        " ON CONFLICT (subject) DO UPDATE SET mark = excluded.mark",
        (subject, mark),
    )
