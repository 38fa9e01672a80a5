"""Leave and suspensions of experts, and how often each was drawn. SQL only.

A reason is about a person, so it is sealed. What follows for a pool is ``node.domain.absence``.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from node.domain.absence import AbsenceKind, Span
from node.store.cipher import ColumnCipher

_COLUMNS: Final = (
    "id, uid, kind, from_ms, until_ms, sealed_reason, filed_by, filed_at_ms, withdrawn_by,"
    " withdrawn_at_ms"
)
_REASON: Final = "expert_absence.reason"


@dataclass(frozen=True, slots=True)
class AbsenceRow:
    """One leave or suspension; withdrawn ones are kept."""

    id: bytes
    uid: str
    kind: AbsenceKind
    span: Span
    reason: str = field(repr=False)
    filed_by: str
    filed_at_ms: int
    withdrawn_by: str | None = None
    withdrawn_at_ms: int | None = None


def add(connection: sqlite3.Connection, cipher: ColumnCipher, row: AbsenceRow) -> None:
    """Store an absence of an expert of the register."""
    connection.execute(
        "INSERT INTO expert_absence (id, uid, kind, from_ms, until_ms, sealed_reason, filed_by,"
        " filed_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            row.id,
            row.uid,
            row.kind.value,
            row.span.from_ms,
            row.span.until_ms,
            cipher.seal(_REASON, row.id.hex(), row.reason),
            row.filed_by,
            row.filed_at_ms,
        ),
    )


def get(connection: sqlite3.Connection, cipher: ColumnCipher, absence: bytes) -> AbsenceRow | None:
    """One absence."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM expert_absence WHERE id = ?",  # noqa: S608 (a constant)
        (absence,),
    ).fetchone()
    return None if row is None else _row(cipher, row)


def of_expert(connection: sqlite3.Connection, cipher: ColumnCipher, uid: str) -> list[AbsenceRow]:
    """All of one expert, the newest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM expert_absence WHERE uid = ?"  # noqa: S608 (a constant)
        " ORDER BY filed_at_ms DESC, id",
        (uid,),
    ).fetchall()
    return [_row(cipher, row) for row in rows]


def withdraw(connection: sqlite3.Connection, absence: bytes, by: str, now_ms: int) -> bool:
    """Withdraw an absence; False when it was withdrawn before."""
    cursor = connection.execute(
        "UPDATE expert_absence SET withdrawn_by = ?, withdrawn_at_ms = ?"
        " WHERE id = ? AND withdrawn_at_ms IS NULL",
        (by, now_ms, absence),
    )
    return cursor.rowcount == 1


def standing(
    connection: sqlite3.Connection, now_ms: int
) -> Mapping[str, Sequence[tuple[AbsenceKind, Span]]]:
    """Absences that are neither over nor withdrawn, by expert. Opens nothing."""
    found: dict[str, list[tuple[AbsenceKind, Span]]] = defaultdict(list)
    for uid, kind, from_ms, until_ms in connection.execute(
        "SELECT uid, kind, from_ms, until_ms FROM expert_absence"
        " WHERE until_ms > ? AND withdrawn_at_ms IS NULL",
        (now_ms,),
    ):
        found[uid].append((AbsenceKind(kind), Span(from_ms, until_ms)))
    return found


def accepted(connection: sqlite3.Connection, since_ms: int) -> Mapping[str, Sequence[int]]:
    """When experts of ours accepted invitations that still stand, by expert.

    Not of draws that became void: nobody evaluates after those.
    """
    found: dict[str, list[int]] = defaultdict(list)
    for uid, at_ms in connection.execute(
        "SELECT uid, answered_at_ms FROM invitation"
        " JOIN conversation ON conversation.id = invitation.draw"
        " WHERE response = 'ACCEPT' AND answered_at_ms > ? AND phase <> 'VOID'",
        (since_ms,),
    ):
        found[uid].append(at_ms)
    return found


def _row(cipher: ColumnCipher, row: Sequence[Any]) -> AbsenceRow:
    absence, uid, kind, from_ms, until_ms, reason, *rest = row
    return AbsenceRow(
        absence,
        uid,
        AbsenceKind(kind),
        Span(from_ms, until_ms),
        cipher.open(_REASON, absence.hex(), reason),
        *rest,
    )
