"""Puts a signed agreement into a node's database without the words that lead to it.

The database lets nothing but a signed word make an agreement; a test that is not about
agreements takes those two rules away for one statement, and puts them back.
"""

import sqlite3

from federation.wire.words import TERMS

KEY_ID = bytes(16)
SIGNATURES = (b"p" * 64, b"a" * 64)
_RULES = ("agreement_begins", "agreement_proposed")


def put_signed(
    connection: sqlite3.Connection,
    *,
    agreement: bytes,
    peer: str,
    document: bytes,
    we_proposed: bool,
    at_ms: int,
    conversation: bytes | None = None,
    signatures: tuple[bytes, bytes] = SIGNATURES,
) -> None:
    """Store an agreement as signed by both; the signatures are the author's, then the other's."""
    terms = TERMS.decode(document)
    talk = agreement[:16] if conversation is None else conversation
    rules = [
        connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (name,)).fetchone()[0]
        for name in _RULES
    ]
    for name in _RULES:
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute(
        "INSERT INTO agreement (id, conversation, round, peer, version, supersedes, document,"
        " proposer_signature, proposer_key_id, answerer_signature, answerer_key_id, we_proposed,"
        " state, signed_at_ms, changed_by, changed_in, changed_at_ms)"
        " VALUES (?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'ACTIVE', ?, x'', ?, ?)",
        (
            agreement,
            talk,
            peer,
            terms.version,
            terms.supersedes or None,
            document,
            signatures[0],
            KEY_ID,
            signatures[1],
            KEY_ID,
            we_proposed,
            at_ms,
            talk,
            at_ms,
        ),
    )
    for rule in rules:
        connection.execute(rule)
