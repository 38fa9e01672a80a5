"""Agreements: the signed bytes, both signatures, and how they stand. SQL only.

Only an agreement in state ``ACTIVE`` counts (``SqlLedger.agreement``). The state follows the
conversation's phase, but for one case: a signature that the proposer refused leaves the
answerer's conversation where it is, and the agreement ``REFUSED``.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from federation.ids import AgreementId, CenterId, ConversationId
from federation.protocol.agreement import AgreementTerms
from federation.wire.words import TERMS

_COLUMNS: Final = (
    "id, conversation, peer, document, proposer_signature, answerer_signature, we_proposed,"
    " state, note, decided_by, changed_at_ms"
)


@dataclass(frozen=True, slots=True)
class AgreementRow:
    """One agreement, proposed or more.

    Args:
        id: Digest of the document, 32 bytes.
        conversation: The conversation in which it is agreed on.
        peer: The other center.
        document: The serialised terms, exactly as they are signed.
        proposer_signature: 64 bytes.
        answerer_signature: 64 bytes; None until it is signed.
        we_proposed: Whether this center proposed it.
        state: ``PROPOSED``, ``ACTIVE``, ``DECLINED``, ``WITHDRAWN`` or ``REFUSED``.
        note: Why it did not come into force, for people.
        decided_by: Our account that signed, if we signed as the answerer.
        changed_at_ms: Unix milliseconds.
    """

    id: AgreementId
    conversation: ConversationId
    peer: CenterId
    document: bytes = field(repr=False)
    proposer_signature: bytes = field(repr=False)
    answerer_signature: bytes | None = field(repr=False)
    we_proposed: bool
    state: str
    note: str
    decided_by: str | None
    changed_at_ms: int

    @property
    def terms(self) -> AgreementTerms:
        """What the document says."""
        return TERMS.decode(self.document)


def add(connection: sqlite3.Connection, row: AgreementRow) -> None:
    """Store a new agreement. Raises sqlite3.IntegrityError if the document is known."""
    connection.execute(
        f"INSERT INTO agreement ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        (
            row.id,
            row.conversation,
            row.peer,
            row.document,
            row.proposer_signature,
            row.answerer_signature,
            row.we_proposed,
            row.state,
            row.note,
            row.decided_by,
            row.changed_at_ms,
        ),
    )


def get(connection: sqlite3.Connection, agreement: bytes) -> AgreementRow | None:
    """An agreement by its id."""
    return _one(connection, "id = ?", agreement)


def of_conversation(connection: sqlite3.Connection, conversation: bytes) -> AgreementRow | None:
    """An agreement by its conversation."""
    return _one(connection, "conversation = ?", conversation)


def every(connection: sqlite3.Connection) -> list[AgreementRow]:
    """All agreements, the last changed first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM agreement ORDER BY changed_at_ms DESC, id"  # noqa: S608
    ).fetchall()
    return [_row(row) for row in rows]


def active(connection: sqlite3.Connection) -> list[AgreementRow]:
    """All agreements with two signatures, whether in force today or not."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM agreement WHERE state = 'ACTIVE' ORDER BY peer, id"  # noqa: S608
    ).fetchall()
    return [_row(row) for row in rows]


def set_state(
    connection: sqlite3.Connection, agreement: bytes, state: str, now_ms: int, *, note: str = ""
) -> None:
    """Change how an agreement stands, and why."""
    connection.execute(
        "UPDATE agreement SET state = ?, note = ?, changed_at_ms = ? WHERE id = ?",
        (state, note, now_ms, agreement),
    )


def set_signed(
    connection: sqlite3.Connection, agreement: bytes, signature: bytes, now_ms: int
) -> None:
    """The answerer has signed: the agreement is active."""
    connection.execute(
        "UPDATE agreement SET state = 'ACTIVE', answerer_signature = ?, note = '',"
        " changed_at_ms = ? WHERE id = ?",
        (signature, now_ms, agreement),
    )


def set_decided_by(connection: sqlite3.Connection, agreement: bytes, account: str) -> None:
    """Note which account of ours signed."""
    connection.execute("UPDATE agreement SET decided_by = ? WHERE id = ?", (account, agreement))


def _one(connection: sqlite3.Connection, where: str, value: bytes) -> AgreementRow | None:
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM agreement WHERE {where}",  # noqa: S608 (constants)
        (value,),
    ).fetchone()
    return None if row is None else _row(row)


def _row(row: Sequence[Any]) -> AgreementRow:
    agreement, conversation, peer, document, proposed, answered, ours, *rest = row
    return AgreementRow(
        AgreementId(agreement),
        ConversationId(conversation),
        CenterId(peer),
        document,
        proposed,
        answered,
        bool(ours),
        *rest,
    )
