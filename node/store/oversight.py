"""What we asked of our regulator; as a regulator, what we were asked and decided. SQL only.

Words are kept as they were signed: an answer is shown again, years later, to whoever did not
hear it. Submissions of bidders and employers stay sealed here; nothing in clear is stored.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_ASKED: Final = (
    "oversight_asked.conversation, word, draw, asked_at_ms, answer, envelope,"
    " conversation.peer, conversation.phase"
)
_REQUEST: Final = (
    "id, word, peer, suite, subject, body, reason, asked_at_ms, state, decision, grounds,"
    " proposed_by, confirmed_by, decided_at_ms, false_escrow"
)


class State(StrEnum):
    """How far the officers are."""

    OPEN = "OPEN"
    PROPOSED = "PROPOSED"
    DECIDED = "DECIDED"


@dataclass(frozen=True, slots=True)
class Asked:
    """One thing that we asked; ``answer`` is the word's name, ``envelope`` as it was signed."""

    conversation: bytes
    word: str
    draw: bytes | None
    asked_at_ms: int
    answer: str | None
    envelope: bytes | None
    peer: str
    phase: str


@dataclass(frozen=True, slots=True)
class RequestRow:
    """One thing that two officers decide.

    Attributes:
        id: The conversation; of an act of our own accord a fresh id.
        word: ``AskPermit``, ``AskUnseal``, or ``StateAct`` for an act of our own accord.
        subject: The draw, or the digest of what is to be opened.
        body: The word that asks, serialised; of an act the file's label.
        decision: What the first officer proposes: a word's name.
        grounds: Why, for people.
        false_escrow: What is wrong with the escrow that was opened; None: nothing.
    """

    id: bytes
    word: str
    peer: str
    suite: str
    subject: bytes
    body: bytes
    reason: str
    asked_at_ms: int
    state: State
    decision: str | None = None
    grounds: str | None = None
    proposed_by: str | None = None
    confirmed_by: str | None = None
    decided_at_ms: int | None = None
    false_escrow: str | None = None


@dataclass(frozen=True, slots=True)
class Submission:
    """Bidders or employers for one draw, sealed as they came."""

    conversation: bytes
    word: str
    peer: str
    suite: str
    draw: bytes
    body: bytes
    at_ms: int
    evaluation: bytes = b""
    """As the host names it; empty for employers."""


def add_asked(
    connection: sqlite3.Connection,
    *,
    conversation: bytes,
    word: str,
    draw: bytes | None,
    now_ms: int,
) -> None:
    """We asked something."""
    connection.execute(
        "INSERT INTO oversight_asked (conversation, word, draw, asked_at_ms) VALUES (?, ?, ?, ?)",
        (conversation, word, draw, now_ms),
    )


def set_answer(connection: sqlite3.Connection, conversation: bytes, word: str) -> None:
    """Keep what was answered: the last word that was heard in the conversation."""
    connection.execute(
        "UPDATE oversight_asked SET answer = ?, envelope = (SELECT envelope FROM heard"
        " WHERE heard.conversation = oversight_asked.conversation AND accepted = 1"
        " ORDER BY revision DESC LIMIT 1) WHERE conversation = ?",
        (word, conversation),
    )


def asked(connection: sqlite3.Connection, conversation: bytes) -> Asked | None:
    """One thing that we asked."""
    found = _asked(connection, "oversight_asked.conversation = ?", conversation)
    return found[0] if found else None


def asked_about(connection: sqlite3.Connection, draw: bytes) -> list[Asked]:
    """What we asked about a draw, the newest first."""
    return _asked(connection, "draw = ?", draw)


def everything_asked(connection: sqlite3.Connection) -> list[Asked]:
    """All that we asked, the newest first."""
    return _asked(connection, "oversight_asked.conversation IS NOT ?", b"")


def permit_for(connection: sqlite3.Connection, draw: bytes) -> bytes | None:
    """The signed Permit to draw again in place of a draw, as an envelope; None if we have none."""
    return _envelope(connection, draw, "Permit")


def unsealed_for(connection: sqlite3.Connection, draw: bytes) -> bytes | None:
    """The signed Unseal of a draw's escrow, as an envelope; None if we have none."""
    return _envelope(connection, draw, "Unseal")


def recused_for(connection: sqlite3.Connection, draw: bytes) -> bytes | None:
    """The newest signed Recuse about a draw, as an envelope; None if we have none."""
    return _envelope(connection, draw, "Recuse")


def add_request(connection: sqlite3.Connection, row: RequestRow) -> None:
    """Somebody asks something that two officers decide."""
    connection.execute(
        f"INSERT INTO oversight_request ({_REQUEST})"  # noqa: S608 (a constant)
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            row.id,
            row.word,
            row.peer,
            row.suite,
            row.subject,
            row.body,
            row.reason,
            row.asked_at_ms,
            row.state.value,
            row.decision,
            row.grounds,
            row.proposed_by,
            row.confirmed_by,
            row.decided_at_ms,
            row.false_escrow,
        ),
    )


def propose(
    connection: sqlite3.Connection, request: bytes, decision: str, grounds: str, by: str
) -> None:
    """The first officer says what should be answered."""
    connection.execute(
        "UPDATE oversight_request SET state = ?, decision = ?, grounds = ?, proposed_by = ?"
        " WHERE id = ?",
        (State.PROPOSED.value, decision, grounds, by, request),
    )


def withdraw(connection: sqlite3.Connection, request: bytes) -> None:
    """The first officer has thought again."""
    connection.execute(
        "UPDATE oversight_request SET state = ?, decision = NULL, grounds = NULL,"
        " proposed_by = NULL WHERE id = ?",
        (State.OPEN.value, request),
    )


def decide(
    connection: sqlite3.Connection,
    request: bytes,
    *,
    by: str,
    now_ms: int,
    false_escrow: str | None = None,
) -> None:
    """The second officer has confirmed it, and the word is said."""
    connection.execute(
        "UPDATE oversight_request SET state = ?, confirmed_by = ?, decided_at_ms = ?,"
        " false_escrow = ? WHERE id = ?",
        (State.DECIDED.value, by, now_ms, false_escrow, request),
    )


def request(connection: sqlite3.Connection, identifier: bytes) -> RequestRow | None:
    """One request."""
    found = _requests(connection, "id = ?", identifier)
    return found[0] if found else None


def requests(connection: sqlite3.Connection) -> list[RequestRow]:
    """All requests, those to be decided first, then the newest."""
    return _requests(connection, "id IS NOT ?", b"")


def requests_about(connection: sqlite3.Connection, subject: bytes) -> list[RequestRow]:
    """What was asked about one draw or file."""
    return _requests(connection, "subject = ?", subject)


def false_escrows(connection: sqlite3.Connection) -> int:
    """How many escrows turned out to be false, for metrics."""
    (count,) = connection.execute(
        "SELECT count(*) FROM oversight_request WHERE false_escrow IS NOT NULL"
    ).fetchone()
    return int(count)


def submit(connection: sqlite3.Connection, row: Submission) -> None:
    """Keep bidders or employers, sealed as they came."""
    connection.execute(
        "INSERT INTO oversight_submission"
        " (conversation, word, peer, suite, draw, body, at_ms, evaluation)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            row.conversation, row.word, row.peer, row.suite, row.draw, row.body, row.at_ms,
            row.evaluation,
        ),
    )  # fmt: skip


def submissions(connection: sqlite3.Connection, draw: bytes) -> list[Submission]:
    """What was submitted about a draw, the newest first."""
    rows = connection.execute(
        "SELECT conversation, word, peer, suite, draw, body, at_ms, evaluation"
        " FROM oversight_submission WHERE draw = ? ORDER BY at_ms DESC, conversation DESC",
        (draw,),
    ).fetchall()
    return [Submission(*row) for row in rows]


def draws_of_evaluation(
    connection: sqlite3.Connection, host: str, evaluation: bytes
) -> list[bytes]:
    """All draws that a host has named for one evaluation, at whichever sub-venue."""
    rows = connection.execute(
        "SELECT DISTINCT draw FROM oversight_submission WHERE peer = ? AND evaluation = ?"
        " ORDER BY draw",
        (host, evaluation),
    ).fetchall()
    return [draw for (draw,) in rows]


def _envelope(connection: sqlite3.Connection, draw: bytes, word: str) -> bytes | None:
    for each in asked_about(connection, draw):
        if each.answer == word and each.envelope is not None:
            return each.envelope
    return None


def _asked(connection: sqlite3.Connection, where: str, *values: object) -> list[Asked]:
    rows: Sequence[tuple[object, ...]] = connection.execute(
        f"SELECT {_ASKED} FROM oversight_asked"  # noqa: S608 (constants)
        " JOIN conversation ON conversation.id = oversight_asked.conversation"
        f" WHERE {where} ORDER BY asked_at_ms DESC, oversight_asked.conversation DESC",
        values,
    ).fetchall()
    return [Asked(*row) for row in rows]  # type: ignore[arg-type]


def _requests(connection: sqlite3.Connection, where: str, *values: object) -> list[RequestRow]:
    rows = connection.execute(
        f"SELECT {_REQUEST} FROM oversight_request WHERE {where}"  # noqa: S608 (constants)
        " ORDER BY state = 'DECIDED', asked_at_ms DESC, id DESC",
        values,
    ).fetchall()
    return [RequestRow(*(*row[:8], State(row[8]), *row[9:])) for row in rows]
