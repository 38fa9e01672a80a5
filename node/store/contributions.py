"""Random values from outside, as their asker and their giver keep them. SQL only."""

import sqlite3
from dataclasses import dataclass

_COLUMNS = (
    "contribution.conversation, draw, contribution.role, contribution.peer, sealer, open_hash,"
    " sealed_value, conversation.phase, conversation.deadline_ms"
)


@dataclass(frozen=True, slots=True)
class ContributionRow:
    """Our share of one contribution; phase and deadline are its conversation's.

    Args:
        conversation: Its id.
        draw: The draw's id.
        role: ASKER or CONTRIBUTOR.
        peer: The contributor, or the owner of the pool that asked us.
        sealer: The draw's sealer.
        open_hash: O.
        sealed_value: Our value, as the column cipher keeps it; None at the asker.
        phase: Of the conversation.
        deadline_ms: Of the conversation, on our clock; None when nothing is waited for.
    """

    conversation: bytes
    draw: bytes
    role: str
    peer: str
    sealer: str
    open_hash: bytes
    sealed_value: bytes | None
    phase: str = ""
    deadline_ms: int | None = None


def add(connection: sqlite3.Connection, row: ContributionRow) -> None:
    """Keep a new one. Raises sqlite3.IntegrityError where there is one for this draw."""
    connection.execute(
        "INSERT INTO contribution (conversation, draw, role, peer, sealer, open_hash, sealed_value)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            row.conversation,
            row.draw,
            row.role,
            row.peer,
            row.sealer,
            row.open_hash,
            row.sealed_value,
        ),
    )


def get(connection: sqlite3.Connection, conversation: bytes) -> ContributionRow | None:
    """One contribution."""
    found = _select(connection, "contribution.conversation = ?", conversation)
    return found[0] if found else None


def of_draw(connection: sqlite3.Connection, draw: bytes, role: str) -> dict[str, ContributionRow]:
    """Contributions to a draw in which we have that role, by peer."""
    found = _select(connection, "draw = ? AND contribution.role = ?", draw, role)
    return {row.peer: row for row in found}


def _select(connection: sqlite3.Connection, where: str, *values: object) -> list[ContributionRow]:
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM contribution JOIN conversation"  # noqa: S608
        f" ON conversation.id = contribution.conversation WHERE {where}",
        values,
    ).fetchall()
    return [ContributionRow(*row) for row in rows]
