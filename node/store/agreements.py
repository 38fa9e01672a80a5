"""Agreements: the signed bytes, both signatures, and what became of them. SQL only.

A row is one document. Its state says how far it came; ``ACTIVE`` is signed by both, and stays
so for what was begun under it, also when it is suspended, terminated or replaced. Every change
names the signed word that made it (``By``); the database refuses any other (triggers).
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from federation.ids import AgreementId, CenterId, ConversationId
from federation.protocol.agreement import AgreementTerms, DocumentSignature
from federation.protocol.standing import Standing
from federation.wire.words import DOCUMENT_SIGNATURE, TERMS

_COLUMNS: Final = (
    "id, conversation, round, peer, document, proposer_signature, proposer_key_id,"
    " proposer_former, answerer_signature, answerer_key_id, answerer_former, we_proposed, state,"
    " note, suspended_by_us, suspended_by_peer, ends_at_ms, superseded_by, superseded_from_ms,"
    " signed_at_ms, changed_by, changed_in, changed_at_ms"
)
Signatures = tuple[DocumentSignature, ...]


@dataclass(frozen=True, slots=True)
class By:
    """The signed word that makes a change: its hash, its conversation, and when."""

    word: bytes
    conversation: bytes
    at_ms: int


@dataclass(frozen=True, slots=True)
class AgreementRow:
    """One document, proposed or more.

    Args:
        id: Digest of the document, 32 bytes.
        conversation: The conversation in which it is agreed on.
        round: 0 for the proposal, n for the n-th counter.
        peer: The other center.
        document: The serialised terms, exactly as they are signed.
        proposed: The signatures of who wrote it, one a suite.
        answered: The other side's; empty until it is signed.
        we_proposed: Whether this center wrote it.
        state: ``PROPOSED``, ``COUNTERED``, ``ACTIVE``, ``DECLINED``, ``WITHDRAWN``, ``REFUSED``.
        note: Why it stands as it does, for people.
        suspended_by_us: We have suspended it.
        suspended_by_peer: The peer has.
        ends_at_ms: When a notice takes effect, or None.
        superseded_by: The version that replaced it, or None.
        superseded_from_ms: From when on.
        signed_at_ms: When the second signature came; None before.
        by: What made the row what it is.
    """

    id: AgreementId
    conversation: ConversationId
    round: int
    peer: CenterId
    document: bytes = field(repr=False)
    proposed: Signatures = field(repr=False)
    answered: Signatures = field(repr=False)
    we_proposed: bool
    state: str
    by: By
    note: str = ""
    suspended_by_us: bool = False
    suspended_by_peer: bool = False
    ends_at_ms: int | None = None
    superseded_by: AgreementId | None = None
    superseded_from_ms: int = 0
    signed_at_ms: int | None = None

    @property
    def terms(self) -> AgreementTerms:
        """What the document says."""
        return TERMS.decode(self.document)

    @property
    def standing(self) -> Standing:
        """What became of it since both signed."""
        return Standing(
            suspended=self.suspended_by_us or self.suspended_by_peer,
            ends_at_ms=self.ends_at_ms,
            superseded_by=self.superseded_by,
            superseded_from_ms=self.superseded_from_ms,
        )


def add(connection: sqlite3.Connection, row: AgreementRow) -> None:
    """Store a new document, as proposed. Raises sqlite3.IntegrityError if it is known."""
    terms = row.terms
    own, former = _stored(terms.suite, row.proposed)
    connection.execute(
        "INSERT INTO agreement (id, conversation, round, peer, version, supersedes, document,"
        " proposer_signature, proposer_key_id, proposer_former, we_proposed, state, note,"
        " changed_by, changed_in, changed_at_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            row.id,
            row.conversation,
            row.round,
            row.peer,
            terms.version,
            terms.supersedes or None,
            row.document,
            own.signature,
            own.key_id,
            former,
            row.we_proposed,
            row.state,
            row.note,
            row.by.word,
            row.by.conversation,
            row.by.at_ms,
        ),
    )


def get(connection: sqlite3.Connection, agreement: bytes) -> AgreementRow | None:
    """A document by its id."""
    rows = _rows(connection, "id = ?", agreement)
    return rows[0] if rows else None


def on_the_table(connection: sqlite3.Connection, conversation: bytes) -> AgreementRow | None:
    """The last document of a conversation: the one that is being asked about, or was signed."""
    rows = _rows(connection, "conversation = ? ORDER BY round DESC LIMIT 1", conversation)
    return rows[0] if rows else None


def every(connection: sqlite3.Connection) -> list[AgreementRow]:
    """All documents, the last changed first."""
    return _rows(connection, "true ORDER BY changed_at_ms DESC, id")


def ids(connection: sqlite3.Connection) -> list[bytes]:
    """The ids of all agreements, whatever became of them; no document is read."""
    return [found for (found,) in connection.execute("SELECT id FROM agreement ORDER BY id")]


def active(connection: sqlite3.Connection) -> list[AgreementRow]:
    """All that both sides signed, whether in force today or not."""
    return _rows(connection, "state = 'ACTIVE' ORDER BY peer, id")


def amendments(connection: sqlite3.Connection, agreement: bytes) -> list[AgreementRow]:
    """What both sides signed to replace an agreement."""
    return _rows(connection, "supersedes = ? AND state = 'ACTIVE'", agreement)


def standing(connection: sqlite3.Connection, agreement: bytes) -> Standing | None:
    """What became of an agreement that both sides signed; None if they did not."""
    row = connection.execute(
        "SELECT suspended_by_us OR suspended_by_peer, ends_at_ms, superseded_by,"
        " superseded_from_ms FROM agreement WHERE id = ? AND state = 'ACTIVE'",
        (agreement,),
    ).fetchone()
    if row is None:
        return None
    suspended, ends_at_ms, superseded_by, superseded_from_ms = row
    return Standing(bool(suspended), ends_at_ms, superseded_by, superseded_from_ms or 0)


def set_state(
    connection: sqlite3.Connection, agreement: bytes, state: str, by: By, *, note: str = ""
) -> None:
    """Change how far a document came, and why. Never to ``ACTIVE``: see ``set_signed``."""
    assert state != "ACTIVE", "only a signature puts an agreement into force"
    connection.execute(
        "UPDATE agreement SET state = ?, note = ?, changed_by = ?, changed_in = ?,"
        " changed_at_ms = ? WHERE id = ?",
        (state, note, by.word, by.conversation, by.at_ms, agreement),
    )


def set_signed(
    connection: sqlite3.Connection, row: AgreementRow, signatures: Signatures, by: By
) -> None:
    """The other side has signed: the agreement is active."""
    own, former = _stored(row.terms.suite, signatures)
    connection.execute(
        "UPDATE agreement SET state = 'ACTIVE', answerer_signature = ?, answerer_key_id = ?,"
        " answerer_former = ?, signed_at_ms = ?, note = '', changed_by = ?, changed_in = ?,"
        " changed_at_ms = ? WHERE id = ?",
        (
            own.signature,
            own.key_id,
            former,
            by.at_ms,
            by.word,
            by.conversation,
            by.at_ms,
            row.id,
        ),
    )


def set_suspended(
    connection: sqlite3.Connection, row: AgreementRow, by: By, *, note: str, ours: bool, yes: bool
) -> None:
    """One side suspends or resumes."""
    column = "suspended_by_us" if ours else "suspended_by_peer"
    connection.execute(
        f"UPDATE agreement SET {column} = ?, note = ?, changed_by = ?, changed_in = ?,"  # noqa: S608
        " changed_at_ms = ? WHERE id = ?",
        (yes, note, by.word, by.conversation, by.at_ms, row.id),
    )


def set_ending(
    connection: sqlite3.Connection, row: AgreementRow, ends_at_ms: int, by: By, *, note: str
) -> None:
    """One side gives notice; the earlier end counts."""
    ends = ends_at_ms if row.ends_at_ms is None else min(ends_at_ms, row.ends_at_ms)
    connection.execute(
        "UPDATE agreement SET ends_at_ms = ?, note = ?, changed_by = ?, changed_in = ?,"
        " changed_at_ms = ? WHERE id = ?",
        (ends, note, by.word, by.conversation, by.at_ms, row.id),
    )


def set_superseded(
    connection: sqlite3.Connection,
    agreement: bytes,
    successor: tuple[AgreementId, int] | None,
    by: By,
) -> None:
    """A newer version replaces an agreement from a moment on; None: it does not after all."""
    replaced_by, from_ms = successor or (None, None)
    connection.execute(
        "UPDATE agreement SET superseded_by = ?, superseded_from_ms = ?, changed_by = ?,"
        " changed_in = ?, changed_at_ms = ? WHERE id = ?",
        (replaced_by, from_ms, by.word, by.conversation, by.at_ms, agreement),
    )


def last_refused(connection: sqlite3.Connection, conversation: bytes) -> str:
    """Payload type of the last word of ours that the peer refused in a conversation."""
    row = connection.execute(
        "SELECT payload_type FROM said WHERE conversation = ? AND accepted = 0"
        " ORDER BY revision DESC LIMIT 1",
        (conversation,),
    ).fetchone()
    return "" if row is None else str(row[0])


def _stored(suite: str, signatures: Signatures) -> tuple[DocumentSignature, bytes | None]:
    """The signature under the document's own suite, and the other one as bytes."""
    (own,) = [each for each in signatures if each.suite == suite]
    others = [DOCUMENT_SIGNATURE.encode(each) for each in signatures if each.suite != suite]
    return own, others[0] if others else None


def _rows(connection: sqlite3.Connection, where: str, *values: object) -> list[AgreementRow]:
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM agreement WHERE {where}",  # noqa: S608 (constants)
        values,
    ).fetchall()
    return [_row(row) for row in rows]


def _row(row: Sequence[Any]) -> AgreementRow:
    agreement, conversation, turn, peer, document, *rest = row
    suite = TERMS.decode(document).suite
    signatures, (ours, state, note, by_us, by_peer, *dates, word, where, at_ms) = rest[:6], rest[6:]
    ends_at_ms, superseded_by, superseded_from_ms, signed_at_ms = dates
    return AgreementRow(
        id=AgreementId(agreement),
        conversation=ConversationId(conversation),
        round=turn,
        peer=CenterId(peer),
        document=document,
        proposed=_read(suite, *signatures[:3]),
        answered=_read(suite, *signatures[3:]),
        we_proposed=bool(ours),
        state=state,
        by=By(word, where, at_ms),
        note=note,
        suspended_by_us=bool(by_us),
        suspended_by_peer=bool(by_peer),
        ends_at_ms=ends_at_ms,
        superseded_by=superseded_by,
        superseded_from_ms=superseded_from_ms or 0,
        signed_at_ms=signed_at_ms,
    )


def _read(
    suite: str, signature: bytes | None, key_id: bytes | None, former: bytes | None
) -> Signatures:
    if signature is None or key_id is None:
        return ()
    own = DocumentSignature(suite, key_id, signature)
    return (own,) if former is None else (own, DOCUMENT_SIGNATURE.decode(former))
