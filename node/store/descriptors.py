"""Peers' descriptors: all that were ever taken, what they revoke, and twins. SQL only."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class DescriptorRow:
    """One descriptor of a peer; ``signed`` is as its roots signed it."""

    center: str
    sequence: int
    digest: bytes
    signed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class TwinRow:
    """Two descriptors of one number, or of two chains."""

    center: str
    held: bytes = field(repr=False)
    shown: bytes = field(repr=False)
    seen_at_ms: int


def put(connection: sqlite3.Connection, row: DescriptorRow, revoked: Sequence[bytes]) -> bool:
    """Store one that goes on from the pinned one, which it replaces; False if it was here."""
    added = connection.execute(
        "INSERT OR IGNORE INTO descriptor (center, sequence, digest, signed) VALUES (?, ?, ?, ?)",
        (row.center, row.sequence, row.digest, row.signed),
    )
    connection.executemany(
        "INSERT OR IGNORE INTO revoked_key (center, key_id, sequence) VALUES (?, ?, ?)",
        [(row.center, key_id, row.sequence) for key_id in revoked],
    )
    connection.execute(
        "UPDATE peer SET descriptor = ?, sequence = ? WHERE center = ? AND sequence < ?",
        (row.signed, row.sequence, row.center, row.sequence),
    )
    return added.rowcount == 1


def chain(connection: sqlite3.Connection, center: str) -> list[DescriptorRow]:
    """All descriptors of a peer that were taken, oldest first."""
    rows = connection.execute(
        "SELECT center, sequence, digest, signed FROM descriptor WHERE center = ?"
        " ORDER BY sequence",
        (center,),
    ).fetchall()
    return [DescriptorRow(*row) for row in rows]


def twins(connection: sqlite3.Connection, center: str) -> list[TwinRow]:
    """The contradictions of a peer, oldest first."""
    rows = connection.execute(
        "SELECT center, held, shown, seen_at_ms FROM twin WHERE center = ? ORDER BY seen_at_ms",
        (center,),
    ).fetchall()
    return [TwinRow(*row) for row in rows]
