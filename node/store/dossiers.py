"""What a dossier is made of, as our tables have it, and which dossiers were made. SQL only."""

import sqlite3
from dataclasses import dataclass

from node.store.pools import Between


@dataclass(frozen=True, slots=True)
class Kept:
    """One word with all that this side has of its evidence.

    Args:
        ours: Whether we said it.
        payload_type: Names the word.
        hash: The envelope's leaf hash.
        envelope: As signed; None while our word has no receipt.
        receipt: For our words the peer's receipt envelope, for the peer's our receipt's payload.
        accepted: What the receipt says; None while there is none.
        log_index: Its place in our log.
        entry: The log entry's data.
    """

    ours: bool
    payload_type: str
    hash: bytes
    envelope: bytes | None
    receipt: bytes | None
    accepted: bool | None
    log_index: int
    entry: bytes


@dataclass(frozen=True, slots=True)
class Signed:
    """An agreement with both signatures."""

    conversation: bytes
    document: bytes
    proposer_signature: bytes
    answerer_signature: bytes
    we_proposed: bool


@dataclass(frozen=True, slots=True)
class Made:
    """A dossier that was made."""

    session: bytes
    file_name: str
    digest: bytes
    made_at_ms: int


def words(connection: sqlite3.Connection, conversation: bytes) -> list[Kept]:
    """All words of a conversation in the order of our log, refused and pending ones too."""
    rows = connection.execute(
        "SELECT 1, payload_type, hash, envelope, receipt, accepted, log_index, data FROM said"
        " JOIN log_entry ON log_entry.suite = said.suite AND log_entry.idx = said.log_index"
        " WHERE conversation = ?1"
        " UNION ALL"
        " SELECT 0, payload_type, hash, envelope, receipt_payload, accepted, log_index, data"
        " FROM heard JOIN log_entry"
        " ON log_entry.suite = heard.suite AND log_entry.idx = heard.log_index"
        " WHERE conversation = ?1"
        " ORDER BY 7",
        (conversation,),
    ).fetchall()
    return [
        Kept(bool(ours), kind, digest, raw, receipt, _flag(accepted), index, data)
        for ours, kind, digest, raw, receipt, accepted, index, data in rows
    ]


def agreement(connection: sqlite3.Connection, agreement_id: bytes) -> Signed | None:
    """An agreement that both sides have signed."""
    row = connection.execute(
        "SELECT conversation, document, proposer_signature, answerer_signature, we_proposed"
        " FROM agreement WHERE id = ? AND answerer_signature IS NOT NULL",
        (agreement_id,),
    ).fetchone()
    if row is None:
        return None
    conversation, document, proposer, answerer, we_proposed = row
    return Signed(conversation, document, proposer, answerer, bool(we_proposed))


def announcement(
    connection: sqlite3.Connection, between: Between, pool: str, epoch: str
) -> bytes | None:
    """The conversation in which a pool was announced."""
    row = connection.execute(
        "SELECT conversation FROM pool_announcement"
        " WHERE owner = ? AND peer = ? AND suite = ? AND pool = ? AND epoch = ?",
        (between.owner, between.peer, between.suite, pool, epoch),
    ).fetchone()
    return None if row is None else bytes(row[0])


def joint_test(
    connection: sqlite3.Connection, peer: str, agreement_id: bytes, before: int
) -> bytes | None:
    """The newest joint test under an agreement that was passed before an entry of our log."""
    row = connection.execute(
        "SELECT joint_test.conversation FROM joint_test JOIN"
        " (SELECT conversation, max(log_index) AS last FROM"
        " (SELECT conversation, log_index FROM said UNION ALL"
        " SELECT conversation, log_index FROM heard) GROUP BY conversation) AS words"
        " ON words.conversation = joint_test.conversation"
        " WHERE peer = ? AND agreement = ? AND state = 'PASSED' AND last < ?"
        " ORDER BY last DESC LIMIT 1",
        (peer, agreement_id, before),
    ).fetchone()
    return None if row is None else bytes(row[0])


def put(connection: sqlite3.Connection, made: Made) -> None:
    """Remember a dossier; a newer one of the same session takes its place."""
    connection.execute(
        "INSERT OR REPLACE INTO dossier (session, file_name, digest, made_at_ms)"
        " VALUES (?, ?, ?, ?)",
        (made.session, made.file_name, made.digest, made.made_at_ms),
    )


def get(connection: sqlite3.Connection, session: bytes) -> Made | None:
    """The dossier of a session, if it was made."""
    row = connection.execute(
        "SELECT session, file_name, digest, made_at_ms FROM dossier WHERE session = ?", (session,)
    ).fetchone()
    return None if row is None else Made(*row)


def _flag(value: int | None) -> bool | None:
    return None if value is None else bool(value)
