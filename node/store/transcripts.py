"""What was said and heard in a conversation, in the order of our evidence log."""

import sqlite3
from dataclasses import dataclass

from federation.wire.envelopes import decode_envelope


@dataclass(frozen=True, slots=True)
class Line:
    """One word of a conversation.

    Args:
        ours: Whether we said it.
        payload_type: Names the word.
        payload: The exact signed bytes.
        hash: The envelope's leaf hash.
        envelope: As signed; None while our word has no receipt yet.
        receipt: The receipt's envelope (ours: from the peer); for heard words its payload.
        log_index: Its place in our log.
        at_ms: When it was said or heard, by our clock.
    """

    ours: bool
    payload_type: str
    payload: bytes
    hash: bytes
    envelope: bytes | None
    receipt: bytes | None
    log_index: int
    at_ms: int


def of_conversation(connection: sqlite3.Connection, conversation: bytes) -> list[Line]:
    """All words that were not refused, in the order of our log; none of them if erased."""
    said = connection.execute(
        "SELECT payload_type, payload, hash, envelope, receipt, log_index, said_at_ms FROM said"
        " WHERE conversation = ? AND coalesce(accepted, 1) = 1 AND payload <> x''",
        (conversation,),
    ).fetchall()
    heard = connection.execute(
        "SELECT payload_type, hash, envelope, receipt_payload, log_index, heard_at_ms FROM heard"
        " WHERE conversation = ? AND accepted = 1 AND envelope <> x''",
        (conversation,),
    ).fetchall()
    lines = [Line(True, *row) for row in said]
    lines += [
        Line(False, kind, decode_envelope(raw).payload, digest, raw, receipt, index, at_ms)
        for kind, digest, raw, receipt, index, at_ms in heard
    ]
    return sorted(lines, key=lambda line: line.log_index)


def refused_at(connection: sqlite3.Connection, conversation: bytes) -> int | None:
    """Where in our log the last word is that was refused, ours or theirs; None: none was."""
    (at,) = connection.execute(
        "SELECT max(log_index) FROM (SELECT log_index FROM said WHERE conversation = ?1"
        " AND accepted = 0 UNION ALL SELECT log_index FROM heard WHERE conversation = ?1"
        " AND accepted = 0)",
        (conversation,),
    ).fetchone()
    return None if at is None else int(at)
