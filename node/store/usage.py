"""What bookings used under an agreement, day by day, and what both sides said of it. SQL only.

What counts are the host's words that the sub accepted. Both sides hold the sub's signed
receipt for each of them, so both read the same moment and the same phase off the same bytes.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, cast

from federation.engine.identity import WORD_LASTS_MS
from federation.ids import CenterId, ConversationId
from federation.protocol.booking import Complete, Decide, Hold
from federation.protocol.conversation import Conversation, Phase
from federation.protocol.peering import (
    DISPUTED,
    AgreeUsage,
    DisputeUsage,
    Stage,
    StateUsage,
    Usage,
    UsedWord,
)
from federation.wire.envelopes import (
    Outcome,
    decode_envelope,
    decode_receipt,
    decode_statement,
)
from federation.wire.words import PAYLOAD_TYPES, decode_word, encode_word

STAGES: Final = MappingProxyType(
    {
        PAYLOAD_TYPES[Hold]: Stage.HELD,
        PAYLOAD_TYPES[Decide]: Stage.CONFIRMED,
        PAYLOAD_TYPES[Complete]: Stage.COMPLETED,
    }
)
"""The words that count, and what each must have led to: an abort uses nothing."""

_LONGEST_MS: Final = 2 * WORD_LASTS_MS  # nobody accepts a word that was said so long ago


@dataclass(frozen=True, slots=True)
class Used:
    """One word that counts.

    Args:
        word: Its booking, what it made of it, and its envelope hash.
        log_index: Its place in our evidence log.
        at_ms: When the sub accepted it, by the sub's clock.
        hold: What the booking asked for.
    """

    word: UsedWord
    log_index: int
    at_ms: int
    hold: Hold


def accepted_by_us(
    connection: sqlite3.Connection, agreement: bytes, peer: str, from_ms: int, until_ms: int
) -> list[Used]:
    """As the sub: a host's words that we accepted in ``[from_ms, until_ms)``."""
    rows = connection.execute(
        "SELECT b.conversation, b.hold, h.payload_type, h.hash, h.log_index, h.receipt_payload"
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
        "SELECT b.conversation, b.hold, s.payload_type, s.hash, s.log_index, s.receipt"
        " FROM booking b JOIN conversation c ON c.id = b.conversation"
        " JOIN said s ON s.conversation = b.conversation"
        " WHERE b.role = 'HOST' AND b.peer = ? AND c.agreement = ? AND c.changed_at_ms >= ?"
        " AND s.accepted = 1 AND s.receipt IS NOT NULL AND s.said_at_ms >= ?",
        (peer, agreement, earliest_ms, earliest_ms),
    ).fetchall()
    opened = [(*row[:5], decode_envelope(row[5]).payload) for row in rows if row[2] in STAGES]
    return _counted(opened, from_ms, until_ms)


def pending(connection: sqlite3.Connection, agreement: bytes, peer: str) -> list[Used]:
    """As the host: our words that would count, were they accepted; we do not know yet.

    ``at_ms`` is when we said them, by our clock.
    """
    rows = connection.execute(
        "SELECT b.conversation, b.hold, s.payload_type, s.hash, s.log_index, s.said_at_ms"
        " FROM said s JOIN booking b ON b.conversation = s.conversation"
        " JOIN conversation c ON c.id = b.conversation"
        " WHERE b.role = 'HOST' AND s.peer = ? AND c.agreement = ? AND s.receipt IS NULL",
        (peer, agreement),
    ).fetchall()
    return [
        Used(UsedWord(conversation, STAGES[kind], word), index, at_ms, _hold(hold))
        for conversation, hold, kind, word, index, at_ms in rows
        if kind in STAGES
    ]


def log_index(connection: sqlite3.Connection, word: bytes) -> int | None:
    """Where a word stands in our evidence log; None if it does not."""
    row = connection.execute(
        "SELECT min(idx) FROM log_entry WHERE envelope_hash = ?", (word,)
    ).fetchone()
    return None if row is None else row[0]


@dataclass(frozen=True, slots=True)
class Statement:
    """What one side stated of a day, and what the other answered.

    Args:
        conversation: Its id.
        agreement: Under which agreement.
        peer: The other center.
        day: ISO 8601, in Beijing, by the clock of whoever stated it.
        stated_by: The sub.
        stated: Its counts.
        answered: The host's, or None while it has not answered.
        at_ms: When it was said or heard.
        phase: The conversation's.
        resolved_by: Our account that settled a dispute, or None.
        resolved_at_ms: When.
        resolution: How, in its words.
    """

    conversation: ConversationId
    agreement: bytes
    peer: CenterId
    day: str
    stated_by: CenterId
    stated: Usage
    answered: Usage | None
    at_ms: int
    phase: Phase
    resolved_by: str | None
    resolved_at_ms: int | None
    resolution: str | None


_SELECT: Final = (
    "SELECT u.conversation, u.agreement, u.peer, u.day, u.stated_by, u.stated, u.answer_type,"
    " u.answered, u.at_ms, c.phase, u.resolved_by, u.resolved_at_ms, u.resolution"
    " FROM usage_statement u JOIN conversation c ON c.id = u.conversation"
)


def add(
    connection: sqlite3.Connection,
    conversation: Conversation,
    stated_by: str,
    word: StateUsage,
    now_ms: int,
) -> None:
    """Store a statement. Raises sqlite3.IntegrityError if that day was stated before."""
    connection.execute(
        "INSERT INTO usage_statement (conversation, agreement, peer, day, stated_by, stated, at_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            conversation.id,
            word.agreement_digest,
            conversation.peer,
            word.day,
            stated_by,
            encode_word(word),
            now_ms,
        ),
    )


def set_answer(
    connection: sqlite3.Connection, conversation: bytes, word: AgreeUsage | DisputeUsage
) -> None:
    """Store what the host answered."""
    connection.execute(
        "UPDATE usage_statement SET answer_type = ?, answered = ? WHERE conversation = ?",
        (PAYLOAD_TYPES[type(word)], encode_word(word), conversation),
    )


def set_resolved(
    connection: sqlite3.Connection, conversation: bytes, *, by: str, note: str, now_ms: int
) -> None:
    """Store how our people settled a dispute."""
    connection.execute(
        "UPDATE usage_statement SET resolved_by = ?, resolved_at_ms = ?, resolution = ?"
        " WHERE conversation = ?",
        (by, now_ms, note, conversation),
    )


def get(connection: sqlite3.Connection, conversation: bytes) -> Statement | None:
    """A statement by its conversation."""
    row = connection.execute(_SELECT + " WHERE u.conversation = ?", (conversation,)).fetchone()
    return None if row is None else _statement(row)


def of_day(
    connection: sqlite3.Connection, agreement: bytes, stated_by: str, day: str
) -> Statement | None:
    """What a center stated of a day."""
    row = connection.execute(
        _SELECT + " WHERE u.agreement = ? AND u.stated_by = ? AND u.day = ?",
        (agreement, stated_by, day),
    ).fetchone()
    return None if row is None else _statement(row)


def every(connection: sqlite3.Connection, at_most: int) -> list[Statement]:
    """Statements, the newest day first."""
    rows = connection.execute(
        _SELECT + " ORDER BY u.day DESC, u.conversation LIMIT ?", (at_most,)
    ).fetchall()
    return [_statement(row) for row in rows]


def disputed(connection: sqlite3.Connection, at_most: int) -> list[Statement]:
    """Disputes, those that are open first, then the newest day first."""
    rows = connection.execute(
        _SELECT + " WHERE c.phase = ?"
        " ORDER BY u.resolved_at_ms IS NOT NULL, u.day DESC, u.conversation LIMIT ?",
        (DISPUTED, at_most),
    ).fetchall()
    return [_statement(row) for row in rows]


def open_disputes(connection: sqlite3.Connection) -> int:
    """How many disputes our people have not settled."""
    (count,) = connection.execute(
        "SELECT count(*) FROM usage_statement u JOIN conversation c ON c.id = u.conversation"
        " WHERE c.phase = ? AND u.resolved_at_ms IS NULL",
        (DISPUTED,),
    ).fetchone()
    return int(count)


def _statement(row: Sequence[Any]) -> Statement:
    conversation, agreement, peer, day, by, stated, kind, answered, at_ms, phase, *rest = row
    said = cast("StateUsage", decode_word(PAYLOAD_TYPES[StateUsage], stated))
    answer = None
    if answered is not None:
        answer = cast("AgreeUsage | DisputeUsage", decode_word(kind, answered)).usage
    return Statement(
        ConversationId(conversation),
        agreement,
        CenterId(peer),
        day,
        CenterId(by),
        said.usage,
        answer,
        at_ms,
        Phase(phase),
        *rest,
    )


def _counted(rows: Sequence[Sequence[Any]], from_ms: int, until_ms: int) -> list[Used]:
    found = []
    for conversation, hold, kind, word, index, receipt in rows:
        if kind not in STAGES:
            continue
        statement = decode_statement(receipt)
        answer = decode_receipt(statement.body)
        stage = STAGES[kind]
        if (
            answer.outcome is Outcome.ACCEPTED
            and answer.phase == stage.name
            and from_ms <= statement.sent_at_ms < until_ms
        ):
            used = UsedWord(conversation, stage, word)
            found.append(Used(used, index, statement.sent_at_ms, _hold(hold)))
    return sorted(found, key=lambda used: used.word)


def _hold(raw: bytes) -> Hold:
    return cast("Hold", decode_word(PAYLOAD_TYPES[Hold], raw))
