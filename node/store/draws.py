"""Draws, invitations and sealed lists. SQL only."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

_DRAW = (
    "draw.conversation, draw.role, draw.peer, draw.booking, draw.project, draw.pool, draw.epoch,"
    " draw.sealed_value, draw.reveal_after, draw.exclusion_salt, conversation.phase,"
    " conversation.agreement"
)
_BY_LOG = (
    "coalesce((SELECT min(log_index) FROM said WHERE said.conversation = draw.conversation),"
    " (SELECT min(log_index) FROM heard WHERE heard.conversation = draw.conversation))"
)
"""The place of our first word in our log: none is older than the draw in which it was said."""


@dataclass(frozen=True, slots=True)
class DrawRow:
    """Our share of a draw; ``phase`` and ``agreement`` are its conversation's."""

    id: bytes
    role: str
    peer: str
    booking: bytes
    project: bytes | None
    pool: str
    epoch: str
    sealed_value: bytes | None
    reveal_after: int | None
    exclusion_salt: bytes | None
    phase: str
    agreement: bytes


@dataclass(frozen=True, slots=True)
class Invitation:
    """One expert of ours who was asked."""

    entry: bytes
    slot: int
    uid: str
    response: str | None


@dataclass(frozen=True, slots=True)
class SealedList:
    """A list sealed to the e-trading system; ``receipt`` is what that system answered."""

    draw: bytes
    revision: int
    sealed: bytes
    info: bytes
    members: int
    salt: bytes
    receipt: str | None


def add(
    connection: sqlite3.Connection,
    row: DrawRow,
    now_ms: int,
) -> None:
    """Store a new draw. ``phase`` and ``agreement`` stay with the conversation."""
    connection.execute(
        "INSERT INTO draw (conversation, role, peer, booking, project, pool, epoch, sealed_value,"
        " reveal_after, exclusion_salt, created_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            row.id,
            row.role,
            row.peer,
            row.booking,
            row.project,
            row.pool,
            row.epoch,
            row.sealed_value,
            row.reveal_after,
            row.exclusion_salt,
            now_ms,
        ),
    )


def get(connection: sqlite3.Connection, draw: bytes) -> DrawRow | None:
    """One draw."""
    found = _select(connection, "draw.conversation = ?", draw)
    return found[0] if found else None


def of_booking(connection: sqlite3.Connection, booking: bytes) -> list[DrawRow]:
    """The draws under a booking, oldest first: by our log, as a clock may be set back."""
    return _select(connection, "draw.booking = ?", booking, order=_BY_LOG)


def of_project(connection: sqlite3.Connection, project: bytes) -> list[DrawRow]:
    """The draws of a project of ours, oldest first."""
    return _select(connection, "draw.project = ?", project)


def inviting(connection: sqlite3.Connection, uid: str) -> list[DrawRow]:
    """The draws in which an expert of our own was asked, oldest first."""
    return _select(
        connection,
        "draw.conversation IN (SELECT draw FROM invitation WHERE uid = ?)",
        uid,
    )


def everything(connection: sqlite3.Connection) -> list[DrawRow]:
    """All draws, oldest first."""
    return _select(connection, "draw.conversation IS NOT ?", b"")


def waiting_to_reveal(
    connection: sqlite3.Connection, peer: str, suite_id: str, size: int
) -> list[DrawRow]:
    """Draws of ours whose commits a peer's cosignature over ``size`` entries of a log covers."""
    return [
        row
        for row in _select(
            connection,
            "draw.peer = ? AND draw.reveal_after IS NOT NULL AND conversation.suite = ?",
            peer,
            suite_id,
        )
        if row.reveal_after is not None and row.reveal_after <= size
    ]


def set_reveal_after(connection: sqlite3.Connection, draw: bytes, size: int | None) -> None:
    """Reveal once the peer has cosigned ``size`` entries; None: revealed."""
    connection.execute("UPDATE draw SET reveal_after = ? WHERE conversation = ?", (size, draw))


def set_exclusion_salt(connection: sqlite3.Connection, draw: bytes, salt: bytes) -> None:
    """Keep what opens our exclusion commitment."""
    connection.execute("UPDATE draw SET exclusion_salt = ? WHERE conversation = ?", (salt, draw))


def invite(
    connection: sqlite3.Connection, draw: bytes, entry: bytes, slot: int, uid: str, now_ms: int
) -> None:
    """An expert of ours is going to be called."""
    connection.execute(
        "INSERT INTO invitation (draw, entry, slot, uid, invited_at_ms) VALUES (?, ?, ?, ?, ?)",
        (draw, entry, slot, uid, now_ms),
    )


def answer(
    connection: sqlite3.Connection,
    draw: bytes,
    entry: bytes,
    response: str,
    evidence: bytes,
    now_ms: int,
) -> None:
    """What the expert answered."""
    connection.execute(
        "UPDATE invitation SET response = ?, evidence = ?, answered_at_ms = ?"
        " WHERE draw = ? AND entry = ?",
        (response, evidence, now_ms, draw, entry),
    )


def invitations(connection: sqlite3.Connection, draw: bytes) -> dict[bytes, Invitation]:
    """Who of ours was asked, by entry."""
    rows = connection.execute(
        "SELECT entry, slot, uid, response FROM invitation WHERE draw = ?", (draw,)
    ).fetchall()
    return {row[0]: Invitation(*row) for row in rows}


def add_list(connection: sqlite3.Connection, sealed: SealedList) -> None:
    """Keep a sealed list until the e-trading system has it."""
    connection.execute(
        "INSERT INTO sealed_list (draw, revision, sealed, info, members, salt, receipt)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            sealed.draw,
            sealed.revision,
            sealed.sealed,
            sealed.info,
            sealed.members,
            sealed.salt,
            sealed.receipt,
        ),
    )


def lists(connection: sqlite3.Connection, draw: bytes) -> list[SealedList]:
    """The lists of a draw, oldest first."""
    rows = connection.execute(
        "SELECT draw, revision, sealed, info, members, salt, receipt FROM sealed_list"
        " WHERE draw = ? ORDER BY revision",
        (draw,),
    ).fetchall()
    return [SealedList(*row) for row in rows]


def set_list_receipt(
    connection: sqlite3.Connection, draw: bytes, revision: int, receipt: str
) -> None:
    """The e-trading system has the list."""
    connection.execute(
        "UPDATE sealed_list SET receipt = ? WHERE draw = ? AND revision = ?",
        (receipt, draw, revision),
    )


def by_phase(connection: sqlite3.Connection) -> dict[str, int]:
    """How many draws are in which phase, for metrics."""
    rows: Sequence[tuple[str, int]] = connection.execute(
        "SELECT conversation.phase, count(*) FROM draw"
        " JOIN conversation ON conversation.id = draw.conversation GROUP BY 1"
    ).fetchall()
    return dict(rows)


def _select(
    connection: sqlite3.Connection, where: str, *values: object, order: str = "draw.created_at_ms"
) -> list[DrawRow]:
    rows = connection.execute(
        f"SELECT {_DRAW} FROM draw JOIN conversation ON conversation.id = draw.conversation"  # noqa: S608
        f" WHERE {where} ORDER BY {order}, draw.conversation",
        values,
    ).fetchall()
    return [DrawRow(*row) for row in rows]
