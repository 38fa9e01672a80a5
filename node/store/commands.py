"""Commands that came over the API under an idempotency key, and what they came to. SQL only."""

import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Done:
    """A command that was carried out."""

    path: str
    result: str


def find(connection: sqlite3.Connection, subject: str, key: str) -> Done | None:
    """What a caller's command under a key came to, if it was carried out."""
    row = connection.execute(
        "SELECT path, result FROM command WHERE subject = ? AND key = ?", (subject, key)
    ).fetchone()
    return None if row is None else Done(*row)


def add(connection: sqlite3.Connection, *, subject: str, key: str, done: Done, now_ms: int) -> None:
    """Remember a command with its result, in the transaction that carried it out."""
    connection.execute(
        "INSERT INTO command (subject, key, path, result, at_ms) VALUES (?, ?, ?, ?, ?)",
        (subject, key, done.path, done.result, now_ms),
    )


def forget(connection: sqlite3.Connection, before_ms: int) -> int:
    """Forget commands that nobody will repeat any more; answers how many."""
    return connection.execute("DELETE FROM command WHERE at_ms < ?", (before_ms,)).rowcount
