"""Errands: what must still be done outside. SQL only; who runs them is services' affair."""

import json
import sqlite3
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Errand:
    """One thing to do outside, under a key that makes repeating harmless."""

    id: int
    kind: str
    key: str
    argument: dict[str, Any]
    tries: int


def add(
    connection: sqlite3.Connection,
    *,
    kind: str,
    key: str,
    argument: dict[str, Any],
    not_before_ms: int,
) -> None:
    """Leave an errand; one of the same key is there already when asked twice.

    ``argument`` is stored in clear: codes and ids only, never personal data.
    """
    connection.execute(
        "INSERT INTO errand (kind, key, argument, not_before_ms) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (key) DO NOTHING",
        (kind, key, json.dumps(argument, sort_keys=True), not_before_ms),
    )


def due(connection: sqlite3.Connection, now_ms: int, at_most: int) -> list[Errand]:
    """Errands that may be run now, oldest first."""
    rows = connection.execute(
        "SELECT id, kind, key, argument, tries FROM errand"
        " WHERE done_at_ms IS NULL AND not_before_ms <= ? ORDER BY not_before_ms, id LIMIT ?",
        (now_ms, at_most),
    ).fetchall()
    return [
        Errand(i, kind, key, json.loads(argument), tries) for i, kind, key, argument, tries in rows
    ]


def next_ms(connection: sqlite3.Connection) -> int | None:
    """When the next errand may be run."""
    (earliest,) = connection.execute(
        "SELECT min(not_before_ms) FROM errand WHERE done_at_ms IS NULL"
    ).fetchone()
    return None if earliest is None else int(earliest)


def done(connection: sqlite3.Connection, errand: int, now_ms: int) -> bool:
    """Mark an errand as done; False when it was done already."""
    cursor = connection.execute(
        "UPDATE errand SET done_at_ms = ?, last_error = NULL WHERE id = ? AND done_at_ms IS NULL",
        (now_ms, errand),
    )
    return cursor.rowcount == 1


def failed(connection: sqlite3.Connection, errand: int, error: str, not_before_ms: int) -> None:
    """Note a failed try and when to try again."""
    connection.execute(
        "UPDATE errand SET tries = tries + 1, last_error = ?, not_before_ms = ? WHERE id = ?",
        (error[:500], not_before_ms, errand),
    )
