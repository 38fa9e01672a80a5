"""Requests for sub-venues whose date is not fixed. SQL only."""

import json
import sqlite3
from dataclasses import dataclass

from node.domain.undated import UndatedRequest
from node.store.projects import plan_document, read_plan


@dataclass(frozen=True, slots=True)
class UndatedRow:
    """A project's request without a date.

    Args:
        project: Its id.
        request: What is asked for.
        filed_by: The account.
        filed_at_ms: When.
    """

    project: bytes
    request: UndatedRequest
    filed_by: str
    filed_at_ms: int


def put(connection: sqlite3.Connection, row: UndatedRow) -> None:
    """Store a request; the last one of a project counts."""
    document = plan_document(row.request.somewhen())
    connection.execute(
        "INSERT INTO undated (project, request, filed_by, filed_at_ms) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (project) DO UPDATE SET request = excluded.request,"
        " filed_by = excluded.filed_by, filed_at_ms = excluded.filed_at_ms",
        (row.project, json.dumps(document, sort_keys=True), row.filed_by, row.filed_at_ms),
    )


def get(connection: sqlite3.Connection, project: bytes) -> UndatedRow | None:
    """A project's request, if there is one."""
    row = connection.execute(
        "SELECT project, request, filed_by, filed_at_ms FROM undated WHERE project = ?", (project,)
    ).fetchone()
    if row is None:
        return None
    found, document, filed_by, filed_at_ms = row
    request = UndatedRequest.of(read_plan(json.loads(document)))
    return UndatedRow(found, request, filed_by, filed_at_ms)


def remove(connection: sqlite3.Connection, project: bytes) -> bool:
    """Forget a project's request; answers whether there was one."""
    return connection.execute("DELETE FROM undated WHERE project = ?", (project,)).rowcount > 0
