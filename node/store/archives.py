"""Reports and archive manifests of sessions. SQL only.

The manifest names what there is: a digest, a size and how long it is kept. The media
themselves stay where they are; only the report is kept here.
"""

import sqlite3
from collections.abc import Sequence

from federation.protocol.session import ArchiveItem


def set_report(connection: sqlite3.Connection, session: bytes, report: bytes) -> None:
    """Keep the report that is being signed."""
    connection.execute("UPDATE session SET report = ? WHERE conversation = ?", (report, session))


def report(connection: sqlite3.Connection, session: bytes) -> bytes | None:
    """The report, if this session keeps it."""
    row = connection.execute(
        "SELECT report FROM session WHERE conversation = ?", (session,)
    ).fetchone()
    return None if row is None or row[0] is None else bytes(row[0])


def add_items(
    connection: sqlite3.Connection, session: bytes, owner: str, items: Sequence[ArchiveItem]
) -> None:
    """Put items of one center into a session's archive; the same item twice is there once."""
    connection.executemany(
        "INSERT INTO archive_item (session, owner, name, digest, size, retention)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (session, owner, name) DO NOTHING",
        [(session, owner, item.name, item.digest, item.size, item.retention) for item in items],
    )


def items(connection: sqlite3.Connection, session: bytes) -> list[tuple[str, ArchiveItem]]:
    """(owner, item) of a session's archive, by owner and name."""
    rows = connection.execute(
        "SELECT owner, name, digest, size, retention FROM archive_item WHERE session = ?"
        " ORDER BY owner, name",
        (session,),
    ).fetchall()
    return [(owner, ArchiveItem(*item)) for owner, *item in rows]
