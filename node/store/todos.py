"""What people still have to do. SQL only; services decide what is to be done and by whom.

A to-do is named by its kind and its subject, so that leaving it twice leaves it once. The
texts carry numbers and times, never personal data.
"""

import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Todo:
    """One open to-do of a role; ``subject`` is the id of what it is about."""

    id: int
    role: str
    kind: str
    subject: bytes
    zh: str
    en: str
    created_at_ms: int


def add(
    connection: sqlite3.Connection,
    *,
    role: str,
    kind: str,
    subject: bytes,
    zh: str,
    en: str,
    now_ms: int,
) -> None:
    """Leave a to-do; one that was done is open again, with the new words."""
    connection.execute(
        "INSERT INTO todo (role, kind, subject, text_zh, text_en, created_at_ms)"
        " VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (kind, subject) DO UPDATE SET role = excluded.role,"
        " text_zh = excluded.text_zh, text_en = excluded.text_en,"
        " created_at_ms = excluded.created_at_ms, done_at_ms = NULL, done_by = NULL"
        " WHERE done_at_ms IS NOT NULL",
        (role, kind, subject, zh, en, now_ms),
    )


def done(
    connection: sqlite3.Connection, *, kind: str, subject: bytes, by: str, now_ms: int
) -> bool:
    """Mark a to-do as done by an account, or by ``system``; False when none was open."""
    cursor = connection.execute(
        "UPDATE todo SET done_at_ms = ?, done_by = ?"
        " WHERE kind = ? AND subject = ? AND done_at_ms IS NULL",
        (now_ms, by, kind, subject),
    )
    return cursor.rowcount == 1


def get(connection: sqlite3.Connection, todo: int) -> Todo | None:
    """An open to-do by its number."""
    row = connection.execute(
        "SELECT id, role, kind, subject, text_zh, text_en, created_at_ms FROM todo"
        " WHERE id = ? AND done_at_ms IS NULL",
        (todo,),
    ).fetchone()
    return None if row is None else Todo(*row)


def open_for(connection: sqlite3.Connection, role: str) -> list[Todo]:
    """What a role has to do, oldest first."""
    rows = connection.execute(
        "SELECT id, role, kind, subject, text_zh, text_en, created_at_ms FROM todo"
        " WHERE role = ? AND done_at_ms IS NULL ORDER BY created_at_ms, id",
        (role,),
    ).fetchall()
    return [Todo(*row) for row in rows]
