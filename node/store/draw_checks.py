"""What the staff has verified before a project's experts are drawn (核验抽取信息). SQL only."""

import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DrawCheck:
    """One verification.

    Args:
        project: The project, 16 bytes.
        verified: What was verified, as text: compared, never read back.
        by: The account that verified it.
        at_ms: When.
    """

    project: bytes
    verified: str
    by: str
    at_ms: int


def put(connection: sqlite3.Connection, check: DrawCheck) -> None:
    """Record a verification; a later one takes the place of an earlier one."""
    connection.execute(
        "INSERT INTO draw_check (project, verified, verified_by, verified_at_ms)"
        " VALUES (?, ?, ?, ?) ON CONFLICT (project) DO UPDATE SET verified = excluded.verified,"
        " verified_by = excluded.verified_by, verified_at_ms = excluded.verified_at_ms",
        (check.project, check.verified, check.by, check.at_ms),
    )


def get(connection: sqlite3.Connection, project: bytes) -> DrawCheck | None:
    """The last verification of a project."""
    row = connection.execute(
        "SELECT project, verified, verified_by, verified_at_ms FROM draw_check WHERE project = ?",
        (project,),
    ).fetchone()
    return None if row is None else DrawCheck(*row)
