"""Hosts' decisions, as their own signed envelopes, whoever brought them. SQL only.

One row for each thing that a host has decided on a bundle or on a change of it. Two rows of one
host on one subject prove that it told two decisions. Nothing is ever deleted here: it is little.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from federation.ids import CenterId
from federation.protocol.booking import Decision


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision.

    Args:
        host: Whose.
        bundle: The bundle, 16 bytes.
        change: The change of it, or b"".
        decision: What was decided.
        envelope: The host's word, as it was signed.
        brought_by: Who handed it over: the host itself, or a co-participant.
        at_ms: When we got it.
    """

    host: CenterId
    bundle: bytes
    change: bytes
    decision: Decision
    envelope: bytes
    brought_by: CenterId
    at_ms: int


def add(connection: sqlite3.Connection, decided: Decided) -> None:
    """Keep a decision; a further copy of a known one changes nothing."""
    connection.execute(
        "INSERT INTO decision (host, bundle, change, decision, envelope, brought_by, at_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (
            decided.host,
            decided.bundle,
            decided.change,
            decided.decision.name,
            decided.envelope,
            decided.brought_by,
            decided.at_ms,
        ),
    )


def on(
    connection: sqlite3.Connection, host: CenterId, bundle: bytes, change: bytes
) -> list[Decided]:
    """What a host has decided on a bundle or a change, what we got first first."""
    rows = connection.execute(
        "SELECT decision, envelope, brought_by, at_ms FROM decision"
        " WHERE host = ? AND bundle = ? AND change = ? ORDER BY at_ms, rowid",
        (host, bundle, change),
    ).fetchall()
    return [
        Decided(host, bundle, change, Decision[decision], envelope, CenterId(by), at_ms)
        for decision, envelope, by, at_ms in rows
    ]


def heard_envelope(connection: sqlite3.Connection, conversation: bytes, word_hash: bytes) -> bytes:
    """The envelope of a word that was heard, accepted or not."""
    (envelope,) = connection.execute(
        "SELECT envelope FROM heard WHERE conversation = ? AND hash = ?", (conversation, word_hash)
    ).fetchone()
    return bytes(envelope)


def told(
    connection: sqlite3.Connection, payload_type: str, conversations: Iterable[bytes]
) -> list[bytes]:
    """The envelopes of our own words of a type that their hearers have receipted."""
    return [
        bytes(envelope)
        for conversation in conversations
        for (envelope,) in connection.execute(
            "SELECT envelope FROM said WHERE conversation = ? AND payload_type = ?"
            " AND envelope IS NOT NULL ORDER BY number",
            (conversation, payload_type),
        ).fetchall()
    ]


def receipt_for(
    connection: sqlite3.Connection, conversation: bytes, payload_type: str
) -> bytes | None:
    """The peer's receipt (an envelope) for our last word of a type in a conversation."""
    row = connection.execute(
        "SELECT receipt FROM said WHERE conversation = ? AND payload_type = ?"
        " AND (receipt IS NULL OR receipt <> x'')"  # those that were withdrawn were never heard
        " ORDER BY number DESC LIMIT 1",
        (conversation, payload_type),
    ).fetchone()
    return None if row is None or row[0] is None else bytes(row[0])
