"""Reports of readiness, and what the sub's people said before one. SQL only."""

import json
import sqlite3
from dataclasses import dataclass

from federation.protocol.booking import Check, Moment, Readiness


@dataclass(frozen=True, slots=True)
class Report:
    """One report, at both sides; ``start_ms`` is of the window that it was made for."""

    moment: Moment
    start_ms: int
    ready: bool
    checks: tuple[Check, ...]
    reason: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Said:
    """What the sub's people said of their site for one window."""

    ready: bool
    reason: str
    by: str
    at_ms: int


def add(
    connection: sqlite3.Connection, booking: bytes, word: Readiness, start_ms: int, at_ms: int
) -> None:
    """Store a report that was said or heard."""
    checks = [[check.name, check.passed, check.measured] for check in word.checks]
    connection.execute(
        "INSERT INTO readiness (conversation, moment, start_ms, ready, checks, reason, at_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            booking, word.moment.name, start_ms, word.ready,
            json.dumps(checks, ensure_ascii=False), word.reason, at_ms,
        ),
    )  # fmt: skip


def of_booking(connection: sqlite3.Connection, booking: bytes) -> list[Report]:
    """All reports of a booking, oldest first."""
    rows = connection.execute(
        "SELECT moment, start_ms, ready, checks, reason, at_ms FROM readiness"
        " WHERE conversation = ? ORDER BY rowid",
        (booking,),
    ).fetchall()
    return [
        Report(
            Moment[moment],
            start_ms,
            bool(ready),
            tuple(Check(name, passed, measured) for name, passed, measured in json.loads(checks)),
            reason,
            at_ms,
        )
        for moment, start_ms, ready, checks, reason, at_ms in rows
    ]


def answer(connection: sqlite3.Connection, booking: bytes, start_ms: int, said: Said) -> None:
    """Store what people said; the last answer counts."""
    connection.execute(
        "INSERT INTO readiness_answer (conversation, start_ms, ready, reason, answered_by, at_ms)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (conversation, start_ms) DO UPDATE SET"
        " ready = excluded.ready, reason = excluded.reason, answered_by = excluded.answered_by,"
        " at_ms = excluded.at_ms",
        (booking, start_ms, said.ready, said.reason, said.by, said.at_ms),
    )


def answered(connection: sqlite3.Connection, booking: bytes, start_ms: int) -> Said | None:
    """What people said for a window; None if nobody has."""
    row = connection.execute(
        "SELECT ready, reason, answered_by, at_ms FROM readiness_answer"
        " WHERE conversation = ? AND start_ms = ?",
        (booking, start_ms),
    ).fetchone()
    return None if row is None else Said(bool(row[0]), *row[1:])
