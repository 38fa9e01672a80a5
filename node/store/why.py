"""What ``why`` reads: what an id, or its beginning, names, and the last words about it. SQL only.

An id's beginning is a range of keys, so each look-up is one walk of an index, whatever the size
of the tables. A word is named by its hash.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from federation.ids import ConversationId
from node.domain.todo_rules import rule_of

MAX_FOUND: Final = 8  # enough to show that a beginning is too short
MAX_CONVERSATIONS: Final = 64  # of one project: three bundles of sixteen, and what follows


class What(StrEnum):
    """What an id names."""

    CONVERSATION = "conversation"
    BUNDLE = "bundle"
    PROJECT = "project"
    AGREEMENT = "agreement"
    WORD = "word"


@dataclass(frozen=True, slots=True)
class Found:
    """One thing whose id begins so."""

    what: What
    id: bytes


@dataclass(frozen=True, slots=True)
class LastWord:
    """The latest word of one side in a conversation.

    Args:
        payload_type: Which word it is.
        revision: The how-manieth of that side.
        at_ms: When we said or heard it.
        receipt: The envelope of its receipt; of a word of ours, None while there is none.
        accepted: Whether it was accepted; None: not answered.
    """

    payload_type: str
    revision: int
    at_ms: int
    receipt: bytes | None
    accepted: bool | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """Words of ours in a conversation that the peer has not receipted."""

    words: int
    oldest_ms: int


@dataclass(frozen=True, slots=True)
class OpenTodo:
    """A to-do about one of some subjects."""

    role: str
    kind: str
    zh: str
    en: str
    due_ms: int


OPERATOR: Final = "operator"
"""Whose page it is."""

_KEYS: Final = (
    (What.BUNDLE, "SELECT DISTINCT bundle FROM booking WHERE bundle BETWEEN ? AND ?"),
    (What.PROJECT, "SELECT id FROM project WHERE id BETWEEN ? AND ?"),
    (What.CONVERSATION, "SELECT id FROM conversation WHERE id BETWEEN ? AND ?"),
    (What.AGREEMENT, "SELECT id FROM agreement WHERE id BETWEEN ? AND ?"),
    (
        What.WORD,
        "SELECT DISTINCT envelope_hash FROM log_entry WHERE envelope_hash BETWEEN ? AND ?",
    ),
)  # fmt: skip


def find(connection: sqlite3.Connection, low: bytes, high: bytes) -> list[Found]:
    """Everything whose id is between two keys, at most ``MAX_FOUND`` of each sort."""
    found: list[Found] = []
    for what, sql in _KEYS:
        rows = connection.execute(f"{sql} LIMIT {MAX_FOUND}", (low, high)).fetchall()
        found += [Found(what, bytes(row[0])) for row in rows]
    return found


def conversations(connection: sqlite3.Connection, found: Found) -> list[ConversationId]:
    """The conversations that something is about, the oldest first."""
    queries: dict[What, tuple[str, ...]] = {
        What.CONVERSATION: ("SELECT id FROM conversation WHERE id = ?",),
        What.BUNDLE: ("SELECT conversation FROM booking WHERE bundle = ?",),
        What.PROJECT: (
            "SELECT conversation FROM booking WHERE project = ?",
            "SELECT conversation FROM draw WHERE project = ?",
            "SELECT conversation FROM session WHERE project = ?",
        ),
        What.AGREEMENT: ("SELECT conversation FROM agreement WHERE id = ?",),
        What.WORD: (
            "SELECT conversation FROM said WHERE hash = ?",
            "SELECT conversation FROM heard WHERE hash = ?",
        ),
    }
    named: list[bytes] = []
    for sql in queries[found.what]:
        named += [row[0] for row in connection.execute(sql, (found.id,)).fetchall()]
        if found.what is What.WORD and named:
            break  # a word is said or heard; and what was heard has no index by hash
    named = sorted(dict.fromkeys(named))
    return [ConversationId(each) for each in named[-MAX_CONVERSATIONS:]]


def last_said(connection: sqlite3.Connection, conversation: ConversationId) -> LastWord | None:
    """The latest word of ours in a conversation."""
    row = connection.execute(
        "SELECT payload_type, revision, said_at_ms, receipt, accepted FROM said"
        " WHERE conversation = ? ORDER BY revision DESC, number DESC LIMIT 1",
        (conversation,),
    ).fetchone()
    return None if row is None else _word(row)


def last_heard(connection: sqlite3.Connection, conversation: ConversationId) -> LastWord | None:
    """The latest word of the peer's in a conversation."""
    row = connection.execute(
        "SELECT payload_type, revision, heard_at_ms, NULL, accepted FROM heard"
        " WHERE conversation = ? ORDER BY revision DESC LIMIT 1",
        (conversation,),
    ).fetchone()
    return None if row is None else _word(row)


def waiting(connection: sqlite3.Connection, conversation: ConversationId) -> Waiting | None:
    """Words of ours that wait for a receipt; None if there are none."""
    count, oldest_ms = connection.execute(
        "SELECT count(*), min(said_at_ms) FROM said WHERE conversation = ? AND receipt IS NULL",
        (conversation,),
    ).fetchone()
    return Waiting(count, oldest_ms) if count else None


def agreement_of(connection: sqlite3.Connection, conversation: ConversationId) -> bytes | None:
    """The document on the table of an agreement's conversation."""
    row = connection.execute(
        "SELECT id FROM agreement WHERE conversation = ? ORDER BY round DESC LIMIT 1",
        (conversation,),
    ).fetchone()
    return None if row is None else bytes(row[0])


def related(connection: sqlite3.Connection, conversation: ConversationId) -> dict[str, bytes]:
    """Ids that a person needs to act on a conversation: its bundle and its project, if any."""
    row = connection.execute(
        "SELECT bundle, project FROM booking WHERE conversation = ?1 UNION ALL"
        " SELECT NULL, project FROM draw WHERE conversation = ?1 UNION ALL"
        " SELECT NULL, project FROM session WHERE conversation = ?1",
        (conversation,),
    ).fetchone()
    if row is None:
        return {}
    named = zip(("bundle", "project"), row, strict=True)
    return {name: value for name, value in named if value is not None}


def open_todos(connection: sqlite3.Connection, subjects: Sequence[bytes]) -> list[OpenTodo]:
    """What people still have to do about some subjects, what is due first first.

    This is the operator's page: what is not for the operator is called by its kind, as in a text
    message, and its words, which may tell of a project, are not read.
    """
    marks = ", ".join("?" * len(subjects))
    rows = connection.execute(
        "SELECT role, kind, text_zh, text_en, due_ms FROM todo"  # noqa: S608 (question marks)
        f" WHERE done_at_ms IS NULL AND subject IN ({marks}) ORDER BY due_ms, id",
        subjects,
    ).fetchall()
    return [_called(OpenTodo(*row)) for row in rows]


def _called(todo: OpenTodo) -> OpenTodo:
    if todo.role == OPERATOR:
        return todo
    rule = rule_of(todo.kind)
    return replace(todo, zh=rule.zh, en=rule.en)


def _word(row: tuple[str, int, int, bytes | None, int | None]) -> LastWord:
    payload_type, revision, at_ms, receipt, accepted = row
    told = None if accepted is None else bool(accepted)
    return LastWord(payload_type, revision, at_ms, receipt, told)
