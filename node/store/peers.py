"""Pinned peers: their signed descriptors, as they were given to us, and pauses. SQL only."""

import sqlite3
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class PeerRow:
    """One pinned peer; ``signed`` is the descriptor with its root key's signature.

    ``paused`` is the operator's reason, or None; ``knows`` is the number of the newest descriptor
    of ours that it has taken, None if it never told.
    """

    center: str
    signed: bytes = field(repr=False)
    sequence: int
    pinned_at_ms: int
    paused: str | None = None
    knows: int | None = None


_COLUMNS: Final = "center, descriptor, sequence, pinned_at_ms, paused, knows"


def put(connection: sqlite3.Connection, peer: PeerRow) -> None:
    """Pin a peer, or replace its descriptor; a pause stays as it is."""
    connection.execute(
        "INSERT INTO peer (center, descriptor, sequence, pinned_at_ms) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (center) DO UPDATE SET descriptor = excluded.descriptor,"
        " sequence = excluded.sequence, pinned_at_ms = excluded.pinned_at_ms",
        (peer.center, peer.signed, peer.sequence, peer.pinned_at_ms),
    )


def get(connection: sqlite3.Connection, center: str) -> PeerRow | None:
    """A pinned peer."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM peer WHERE center = ?",  # noqa: S608 - our own columns
        (center,),
    ).fetchone()
    return None if row is None else PeerRow(*row)


def every(connection: sqlite3.Connection) -> list[PeerRow]:
    """All pinned peers, by center id."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM peer ORDER BY center"  # noqa: S608 - our own columns
    ).fetchall()
    return [PeerRow(*row) for row in rows]


def known_to(connection: sqlite3.Connection) -> list[tuple[str, int]]:
    """Which descriptor of ours each peer has taken, of those that ever told."""
    rows = connection.execute("SELECT center, knows FROM peer WHERE knows IS NOT NULL").fetchall()
    return [(center, knows) for center, knows in rows]


def pause(connection: sqlite3.Connection, center: str, *, reason: str, by: str, at_ms: int) -> None:
    """Note that a peer is paused."""
    connection.execute(
        "UPDATE peer SET paused = ?, paused_by = ?, paused_at_ms = ? WHERE center = ?",
        (reason, by, at_ms, center),
    )


def resume(connection: sqlite3.Connection, center: str) -> None:
    """Note that it is paused no more."""
    connection.execute(
        "UPDATE peer SET paused = NULL, paused_by = NULL, paused_at_ms = NULL WHERE center = ?",
        (center,),
    )
