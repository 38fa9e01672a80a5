"""What bookings used under an agreement, day by day, and what both sides said of it. SQL only.

What counts are the host's words that the sub accepted. Both sides hold the sub's signed
receipt for each of them, so both read the same moment and the same phase off the same bytes.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from federation.engine.identity import WORD_LASTS_MS
from federation.protocol import booking
from federation.protocol.booking import Complete, Decide, Hold
from federation.wire.envelopes import (
    Outcome,
    decode_envelope,
    decode_receipt,
    decode_statement,
)
from federation.wire.words import PAYLOAD_TYPES

STAGES: Final = MappingProxyType(
    {
        PAYLOAD_TYPES[Hold]: booking.HELD,
        PAYLOAD_TYPES[Decide]: booking.CONFIRMED,
        PAYLOAD_TYPES[Complete]: booking.COMPLETED,
    }
)
"""The words that count, and the phase that each must have led to: an abort uses nothing."""

_LONGEST_MS: Final = 2 * WORD_LASTS_MS  # nobody accepts a word that was said so long ago


@dataclass(frozen=True, slots=True)
class Used:
    """One word that counts.

    Args:
        booking: Its conversation, 16 bytes.
        stage: ``HELD``, ``CONFIRMED`` or ``COMPLETED``.
        word: The word's envelope hash, 32 bytes.
        log_index: Its place in our evidence log.
        at_ms: When the sub accepted it, by the sub's clock.
    """

    booking: bytes
    stage: str
    word: bytes
    log_index: int
    at_ms: int


def accepted_by_us(
    connection: sqlite3.Connection, agreement: bytes, peer: str, from_ms: int, until_ms: int
) -> list[Used]:
    """As the sub: a host's words that we accepted in ``[from_ms, until_ms)``."""
    rows = connection.execute(
        "SELECT b.conversation, h.payload_type, h.hash, h.log_index, h.receipt_payload"
        " FROM booking b JOIN conversation c ON c.id = b.conversation"
        " JOIN heard h ON h.conversation = b.conversation"
        " WHERE b.role = 'SUB' AND b.peer = ? AND c.agreement = ? AND c.changed_at_ms >= ?"
        " AND h.accepted = 1 AND h.heard_at_ms >= ? AND h.heard_at_ms < ?",
        (peer, agreement, from_ms, from_ms, until_ms),
    ).fetchall()
    return _counted(rows, from_ms, until_ms)


def accepted_by_peer(
    connection: sqlite3.Connection, agreement: bytes, peer: str, from_ms: int, until_ms: int
) -> list[Used]:
    """As the host: our words whose receipts say ``[from_ms, until_ms)``, the sub's clock."""
    earliest_ms = from_ms - _LONGEST_MS
    rows = connection.execute(
        "SELECT b.conversation, s.payload_type, s.hash, s.log_index, s.receipt"
        " FROM booking b JOIN conversation c ON c.id = b.conversation"
        " JOIN said s ON s.conversation = b.conversation"
        " WHERE b.role = 'HOST' AND b.peer = ? AND c.agreement = ? AND c.changed_at_ms >= ?"
        " AND s.accepted = 1 AND s.receipt IS NOT NULL AND s.said_at_ms >= ?",
        (peer, agreement, earliest_ms, earliest_ms),
    ).fetchall()
    opened = [(*row[:4], decode_envelope(row[4]).payload) for row in rows if row[1] in STAGES]
    return _counted(opened, from_ms, until_ms)


def pending(connection: sqlite3.Connection, agreement: bytes, peer: str) -> list[Used]:
    """As the host: our words that would count, were they accepted; nobody knows yet.

    ``at_ms`` is when we said them, by our clock.
    """
    rows = connection.execute(
        "SELECT b.conversation, s.payload_type, s.hash, s.log_index, s.said_at_ms"
        " FROM said s JOIN booking b ON b.conversation = s.conversation"
        " JOIN conversation c ON c.id = b.conversation"
        " WHERE b.role = 'HOST' AND s.peer = ? AND c.agreement = ? AND s.receipt IS NULL",
        (peer, agreement),
    ).fetchall()
    return [
        Used(conversation, STAGES[kind], word, index, at_ms)
        for conversation, kind, word, index, at_ms in rows
        if kind in STAGES
    ]


def log_index(connection: sqlite3.Connection, word: bytes) -> int | None:
    """Where a word stands in our evidence log; None if it does not."""
    row = connection.execute(
        "SELECT min(idx) FROM log_entry WHERE envelope_hash = ?", (word,)
    ).fetchone()
    return None if row is None else row[0]


def _counted(rows: Sequence[Sequence[Any]], from_ms: int, until_ms: int) -> list[Used]:
    found = []
    for conversation, kind, word, index, receipt in rows:
        if kind not in STAGES:
            continue
        statement = decode_statement(receipt)
        answer = decode_receipt(statement.body)
        if (
            answer.outcome is Outcome.ACCEPTED
            and answer.phase == STAGES[kind]
            and from_ms <= statement.sent_at_ms < until_ms
        ):
            found.append(Used(conversation, answer.phase, word, index, statement.sent_at_ms))
    return sorted(found, key=lambda used: (used.booking, used.word))
