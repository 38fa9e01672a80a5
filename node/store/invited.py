"""Invitations of our own experts: what became of each, what the gateway recorded. SQL only.

The gateway's record names a telephone, and a code opens what is told to the expert alone: both
are sealed. ``store.draws`` keeps who was asked; here is what happened on the telephone.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from node.store.cipher import ColumnCipher

_RECEIPT: Final = "invitation.receipt"
_CODE: Final = "invitation.code"
_COLUMNS: Final = (
    "invitation.draw, invitation.entry, invitation.uid, draw.peer, conversation.suite, draw.pool,"
    " draw.epoch, conversation.phase, invitation.response, invitation.invited_at_ms,"
    " invitation.answered_at_ms, invitation.keys, invitation.sealed_receipt"
)
_FROM: Final = (
    " FROM invitation JOIN draw ON draw.conversation = invitation.draw"
    " JOIN conversation ON conversation.id = invitation.draw"
)


@dataclass(frozen=True, slots=True)
class InvitationRow:
    """One invitation with its draw.

    Args:
        draw: The draw's id.
        entry: The handle that was drawn.
        uid: Whose.
        peer: Whom it is reported to.
        suite: That the draw is under.
        pool: Drawn from.
        epoch: Drawn from.
        phase: Of the draw.
        response: What was reported last, or None.
        invited_at_ms: When we began to call.
        answered_at_ms: When the last report was made.
        keys: What was pressed, in order; None while nobody was called.
        record: The gateway's signed record, or b"".
    """

    draw: bytes
    entry: bytes
    uid: str
    peer: str
    suite: str
    pool: str
    epoch: str
    phase: str
    response: str | None
    invited_at_ms: int
    answered_at_ms: int | None
    keys: str | None
    record: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Seat:
    """Whose seat it is (None: no expert of ours), in which booking and project."""

    uid: str | None
    booking: bytes
    project: bytes | None


def seat(connection: sqlite3.Connection, session: bytes, member: bytes) -> Seat | None:
    """The seat of a member of our own site."""
    row = connection.execute(
        "SELECT uid, booking, project FROM member JOIN session ON conversation = session"
        " WHERE session = ? AND code = ?",
        (session, member),
    ).fetchone()
    return None if row is None else Seat(*row)


def of_expert(
    connection: sqlite3.Connection, cipher: ColumnCipher, uid: str, since_ms: int
) -> list[InvitationRow]:
    """Invitations of an expert since a moment, the oldest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS}{_FROM} WHERE uid = ? AND invited_at_ms >= ?"
        " ORDER BY invited_at_ms, invitation.draw",
        (uid, since_ms),
    ).fetchall()
    return [_row(cipher, row) for row in rows]


def one(
    connection: sqlite3.Connection, cipher: ColumnCipher, draw: bytes, entry: bytes
) -> InvitationRow | None:
    """One invitation."""
    row = connection.execute(
        f"SELECT {_COLUMNS}{_FROM} WHERE invitation.draw = ? AND entry = ?",
        (draw, entry),
    ).fetchone()
    return None if row is None else _row(cipher, row)


def draws_since(connection: sqlite3.Connection, since_ms: int) -> frozenset[bytes]:
    """The draws that began since a moment."""
    rows = connection.execute(
        "SELECT conversation FROM draw WHERE created_at_ms >= ?", (since_ms,)
    ).fetchall()
    return frozenset(draw for (draw,) in rows)


def standing(
    connection: sqlite3.Connection, response: str, not_in: str, since_ms: int
) -> list[tuple[bytes, str, int]]:
    """(draw, expert, when) of our own experts whose last response is this one.

    Args:
        connection: The database.
        response: E.g. ``ACCEPT``.
        not_in: Draws in this phase do not count.
        since_ms: Nor what was answered before.
    """
    return connection.execute(
        "SELECT draw, uid, answered_at_ms FROM invitation"
        " JOIN conversation ON conversation.id = draw"
        " WHERE response = ? AND phase <> ? AND answered_at_ms >= ? ORDER BY 3, 1, 2",
        (response, not_in, since_ms),
    ).fetchall()


def by_response(connection: sqlite3.Connection) -> dict[str, int]:
    """How many invitations of our own experts ended how, for metrics."""
    rows = connection.execute(
        "SELECT coalesce(response, 'WAITING'), count(*) FROM invitation GROUP BY 1"
    ).fetchall()
    return dict(rows)


def by_code(
    connection: sqlite3.Connection, cipher: ColumnCipher, code: str
) -> InvitationRow | None:
    """The invitation that a code was sent for."""
    row = connection.execute(
        f"SELECT {_COLUMNS}{_FROM} WHERE blind_code = ?",
        (cipher.blind(_CODE, code),),
    ).fetchone()
    return None if row is None else _row(cipher, row)


def keep_receipt(
    connection: sqlite3.Connection,
    cipher: ColumnCipher,
    draw: bytes,
    entry: bytes,
    receipt: bytes,
    keys: str,
) -> None:
    """Keep the gateway's record of the call."""
    connection.execute(
        "UPDATE invitation SET sealed_receipt = ?, keys = ? WHERE draw = ? AND entry = ?",
        (
            cipher.seal(_RECEIPT, _place(draw, entry), receipt.decode()),
            keys,
            draw,
            entry,
        ),
    )


def keep_code(
    connection: sqlite3.Connection, cipher: ColumnCipher, draw: bytes, entry: bytes, code: str
) -> None:
    """Keep a code until it is sent; afterwards only what it is known again by."""
    connection.execute(
        "UPDATE invitation SET sealed_code = ?, blind_code = ? WHERE draw = ? AND entry = ?",
        (
            cipher.seal(_CODE, _place(draw, entry), code),
            cipher.blind(_CODE, code),
            draw,
            entry,
        ),
    )


def code_to_send(
    connection: sqlite3.Connection, cipher: ColumnCipher, draw: bytes, entry: bytes
) -> str | None:
    """The code that is still to be sent, or None."""
    row = connection.execute(
        "SELECT sealed_code FROM invitation WHERE draw = ? AND entry = ?", (draw, entry)
    ).fetchone()
    if row is None or row[0] is None:
        return None
    return cipher.open(_CODE, _place(draw, entry), row[0])


def forget_code(connection: sqlite3.Connection, draw: bytes, entry: bytes) -> None:
    """The code is sent: from now on only its digest is kept."""
    connection.execute(
        "UPDATE invitation SET sealed_code = NULL WHERE draw = ? AND entry = ?", (draw, entry)
    )


def is_code_of(
    connection: sqlite3.Connection,
    cipher: ColumnCipher,
    draws: Sequence[bytes],
    uid: str,
    code: str,
) -> bool:
    """Whether a code was sent to an expert for one of some draws."""
    found = by_code(connection, cipher, code)
    return found is not None and found.uid == uid and found.draw in draws


def _place(draw: bytes, entry: bytes) -> str:
    return f"{draw.hex()}/{entry.hex()}"


def _row(cipher: ColumnCipher, row: Sequence[Any]) -> InvitationRow:
    draw, entry, uid, peer, suite, pool, epoch, phase, response, *rest = row
    invited_at_ms, answered_at_ms, keys, sealed = rest
    opened = "" if sealed is None else cipher.open(_RECEIPT, _place(draw, entry), sealed)
    return InvitationRow(
        draw=draw,
        entry=entry,
        uid=uid,
        peer=peer,
        suite=suite,
        pool=pool,
        epoch=epoch,
        phase=phase,
        response=response,
        invited_at_ms=invited_at_ms,
        answered_at_ms=answered_at_ms,
        keys=keys,
        record=opened.encode(),
    )
