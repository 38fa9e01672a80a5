"""Pinned peers: their signed descriptors, as they were given to us. SQL only."""

import sqlite3
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PeerRow:
    """One pinned peer; ``signed`` is the descriptor with its root key's signature."""

    center: str
    signed: bytes = field(repr=False)
    sequence: int
    pinned_at_ms: int


def put(connection: sqlite3.Connection, peer: PeerRow) -> None:
    """Pin a peer, or replace its descriptor."""
    connection.execute(
        "INSERT INTO peer (center, descriptor, sequence, pinned_at_ms) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (center) DO UPDATE SET descriptor = excluded.descriptor,"
        " sequence = excluded.sequence, pinned_at_ms = excluded.pinned_at_ms",
        (peer.center, peer.signed, peer.sequence, peer.pinned_at_ms),
    )


def get(connection: sqlite3.Connection, center: str) -> PeerRow | None:
    """A pinned peer."""
    row = connection.execute(
        "SELECT center, descriptor, sequence, pinned_at_ms FROM peer WHERE center = ?", (center,)
    ).fetchone()
    return None if row is None else PeerRow(*row)


def every(connection: sqlite3.Connection) -> list[PeerRow]:
    """All pinned peers, by center id."""
    rows = connection.execute(
        "SELECT center, descriptor, sequence, pinned_at_ms FROM peer ORDER BY center"
    ).fetchall()
    return [PeerRow(*row) for row in rows]
