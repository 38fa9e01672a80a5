"""Documents of ours that wait for a second person, and who of ours stood by which. SQL only."""

import sqlite3
from dataclasses import dataclass, field

from federation.ids import AgreementId, CenterId, ConversationId
from federation.protocol.agreement import AgreementTerms
from federation.wire.words import TERMS


@dataclass(frozen=True, slots=True)
class Draft:
    """A document that is not said yet.

    Args:
        id: Digest of the document, 32 bytes.
        conversation: The negotiation that it counters in; None for a proposal.
        peer: The other center.
        document: The serialised terms.
        drafted_at_ms: Unix milliseconds.
    """

    id: AgreementId
    conversation: ConversationId | None
    peer: CenterId
    document: bytes = field(repr=False)
    drafted_at_ms: int

    @property
    def terms(self) -> AgreementTerms:
        """What the document says."""
        return TERMS.decode(self.document)


def add(connection: sqlite3.Connection, draft: Draft) -> None:
    """Keep a draft; the same document twice is kept once."""
    connection.execute(
        "INSERT OR IGNORE INTO agreement_draft (id, conversation, peer, document, drafted_at_ms)"
        " VALUES (?, ?, ?, ?, ?)",
        (draft.id, draft.conversation, draft.peer, draft.document, draft.drafted_at_ms),
    )


def get(connection: sqlite3.Connection, agreement: bytes) -> Draft | None:
    """A draft by its id."""
    row = connection.execute(
        "SELECT id, conversation, peer, document, drafted_at_ms FROM agreement_draft WHERE id = ?",
        (agreement,),
    ).fetchone()
    return None if row is None else Draft(*row)


def every(connection: sqlite3.Connection) -> list[Draft]:
    """All drafts, newest first."""
    rows = connection.execute(
        "SELECT id, conversation, peer, document, drafted_at_ms FROM agreement_draft"
        " ORDER BY drafted_at_ms DESC, id"
    ).fetchall()
    return [Draft(*row) for row in rows]


def of_conversation(connection: sqlite3.Connection, conversation: bytes) -> list[Draft]:
    """The counters that wait in one negotiation."""
    return [each for each in every(connection) if each.conversation == conversation]


def remove(connection: sqlite3.Connection, agreement: bytes) -> None:
    """Forget a draft: it was said, or nobody wants it any more."""
    connection.execute("DELETE FROM agreement_draft WHERE id = ?", (agreement,))


def approve(connection: sqlite3.Connection, agreement: bytes, account: str, now_ms: int) -> bool:
    """Note that an account stands by a document; False if it did so before."""
    cursor = connection.execute(
        "INSERT OR IGNORE INTO agreement_approval (agreement, account, approved_at_ms)"
        " VALUES (?, ?, ?)",
        (agreement, account, now_ms),
    )
    return cursor.rowcount == 1


def approvals(connection: sqlite3.Connection, agreement: bytes) -> list[str]:
    """The accounts that stand by a document, in the order in which they said so."""
    rows = connection.execute(
        "SELECT account FROM agreement_approval WHERE agreement = ?"
        " ORDER BY approved_at_ms, account",
        (agreement,),
    ).fetchall()
    return [row[0] for row in rows]


def withdraw_approvals(connection: sqlite3.Connection, agreement: bytes) -> None:
    """Forget who stood by a document that was never signed."""
    connection.execute("DELETE FROM agreement_approval WHERE agreement = ?", (agreement,))
