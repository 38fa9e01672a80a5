"""Invitations that we made, and those of peers that we accepted. SQL only."""

import sqlite3
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class InvitationRow:
    """One invitation of ours. ``peer`` answered it; closed without a peer is withdrawn."""

    id: bytes
    digest: bytes
    suite: str
    answer_key: bytes = field(repr=False)
    fingerprint: str
    meant_for: str
    made_by: str
    made_at_ms: int
    expires_at_ms: int
    closed_at_ms: int | None = None
    closed_by: str | None = None
    peer: str | None = None
    peer_fingerprint: str | None = None


@dataclass(frozen=True, slots=True)
class AcceptanceRow:
    """One invitation of a peer that we accepted, with our reply's text."""

    invitation: bytes
    peer: str
    reply: str = field(repr=False)
    our_fingerprint: str
    peer_fingerprint: str
    accepted_by: str
    accepted_at_ms: int


_INVITATION: Final = (
    "id, digest, suite, answer_key, fingerprint, meant_for, made_by, made_at_ms, expires_at_ms,"
    " closed_at_ms, closed_by, peer, peer_fingerprint"
)
_ACCEPTANCE: Final = (
    "invitation, peer, reply, our_fingerprint, peer_fingerprint, accepted_by, accepted_at_ms"
)


def add(connection: sqlite3.Connection, row: InvitationRow) -> None:
    """Remember an invitation of ours."""
    connection.execute(
        "INSERT INTO peer_invitation (id, digest, suite, answer_key, fingerprint, meant_for,"
        " made_by, made_at_ms, expires_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            row.id,
            row.digest,
            row.suite,
            row.answer_key,
            row.fingerprint,
            row.meant_for,
            row.made_by,
            row.made_at_ms,
            row.expires_at_ms,
        ),
    )


def get(connection: sqlite3.Connection, invitation: bytes) -> InvitationRow | None:
    """An invitation of ours."""
    row = connection.execute(
        f"SELECT {_INVITATION} FROM peer_invitation WHERE id = ?",  # noqa: S608 - our own columns
        (invitation,),
    ).fetchone()
    return None if row is None else InvitationRow(*row)


def every(connection: sqlite3.Connection, at_most: int) -> list[InvitationRow]:
    """The newest invitations of ours, newest first."""
    rows = connection.execute(
        f"SELECT {_INVITATION} FROM peer_invitation"  # noqa: S608 - our own columns
        " ORDER BY made_at_ms DESC, id LIMIT ?",
        (at_most,),
    ).fetchall()
    return [InvitationRow(*row) for row in rows]


def count_open(connection: sqlite3.Connection, now_ms: int) -> int:
    """How many of ours can be answered now."""
    (count,) = connection.execute(
        "SELECT count(*) FROM peer_invitation WHERE closed_at_ms IS NULL AND expires_at_ms > ?",
        (now_ms,),
    ).fetchone()
    return int(count)


def close(
    connection: sqlite3.Connection,
    invitation: bytes,
    *,
    by: str,
    at_ms: int,
    peer: str | None = None,
    peer_fingerprint: str | None = None,
) -> None:
    """Note that it was answered by ``peer``, or withdrawn."""
    connection.execute(
        "UPDATE peer_invitation SET closed_at_ms = ?, closed_by = ?, peer = ?, peer_fingerprint = ?"
        " WHERE id = ?",
        (at_ms, by, peer, peer_fingerprint, invitation),
    )


def accept(connection: sqlite3.Connection, row: AcceptanceRow) -> None:
    """Remember that we accepted a peer's invitation."""
    connection.execute(
        f"INSERT INTO peer_acceptance ({_ACCEPTANCE})"  # noqa: S608 - our columns
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            row.invitation,
            row.peer,
            row.reply,
            row.our_fingerprint,
            row.peer_fingerprint,
            row.accepted_by,
            row.accepted_at_ms,
        ),
    )


def accepted(connection: sqlite3.Connection, invitation: bytes) -> AcceptanceRow | None:
    """A peer's invitation, if we accepted it."""
    row = connection.execute(
        f"SELECT {_ACCEPTANCE} FROM peer_acceptance WHERE invitation = ?",  # noqa: S608
        (invitation,),
    ).fetchone()
    return None if row is None else AcceptanceRow(*row)


def accepted_of(connection: sqlite3.Connection, peer: str) -> AcceptanceRow | None:
    """The newest invitation of a peer that we accepted."""
    row = connection.execute(
        f"SELECT {_ACCEPTANCE} FROM peer_acceptance"  # noqa: S608 - our own columns
        " WHERE peer = ? ORDER BY accepted_at_ms DESC LIMIT 1",
        (peer,),
    ).fetchone()
    return None if row is None else AcceptanceRow(*row)


def answered_by(connection: sqlite3.Connection, peer: str) -> InvitationRow | None:
    """The newest invitation of ours that a peer answered."""
    row = connection.execute(
        f"SELECT {_INVITATION} FROM peer_invitation"  # noqa: S608 - our own columns
        " WHERE peer = ? ORDER BY closed_at_ms DESC LIMIT 1",
        (peer,),
    ).fetchone()
    return None if row is None else InvitationRow(*row)
