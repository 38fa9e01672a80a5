"""Joint tests: what each side found, and whether it passed. SQL only.

A test's id is its conversation's; its phase is joined, never copied.
"""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from federation.protocol.peering import REPORTED, TESTING, Check

_SELECT: Final = (
    "SELECT t.conversation, t.peer, t.agreement, t.their_agreement, t.our_checks, t.their_checks,"
    " t.passed, t.at_ms, c.phase FROM joint_test t JOIN conversation c ON c.id = t.conversation"
)


@dataclass(frozen=True, slots=True)
class JointTestRow:
    """One joint test.

    Args:
        id: Its conversation.
        peer: The other side.
        agreement: The agreement that we hold; 32 zero bytes if none is in force.
        their_agreement: The one that the peer says it holds; None until it has said so.
        ours: What we found; empty until we have measured.
        theirs: What the peer found; empty until it has said so.
        passed: None until it is over.
        at_ms: When it began, or was over.
        phase: The conversation's.
    """

    id: bytes
    peer: str
    agreement: bytes
    their_agreement: bytes | None
    ours: tuple[Check, ...]
    theirs: tuple[Check, ...]
    passed: bool | None
    at_ms: int
    phase: str

    @property
    def sound(self) -> bool:
        """Whether both sides found everything in order and hold the same agreement."""
        return (
            bool(self.ours)
            and bool(self.theirs)
            and self.agreement == self.their_agreement
            and all(check.passed for check in self.ours + self.theirs)
        )


def add(connection: sqlite3.Connection, row: JointTestRow) -> None:
    """Store a test that begins."""
    connection.execute(
        "INSERT INTO joint_test (conversation, peer, agreement, their_agreement, our_checks,"
        " their_checks, passed, at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            row.id,
            row.peer,
            row.agreement,
            row.their_agreement,
            _written(row.ours),
            _written(row.theirs),
            row.passed,
            row.at_ms,
        ),
    )


def set_ours(connection: sqlite3.Connection, test: bytes, checks: Sequence[Check]) -> None:
    """Store what we found."""
    connection.execute(
        "UPDATE joint_test SET our_checks = ? WHERE conversation = ?", (_written(checks), test)
    )


def set_theirs(
    connection: sqlite3.Connection, test: bytes, agreement: bytes, checks: Sequence[Check]
) -> None:
    """Store what the peer found, and the agreement that it holds."""
    connection.execute(
        "UPDATE joint_test SET their_agreement = ?, their_checks = ? WHERE conversation = ?",
        (agreement, _written(checks), test),
    )


def conclude(connection: sqlite3.Connection, test: bytes, *, passed: bool, now_ms: int) -> None:
    """The test is over."""
    connection.execute(
        "UPDATE joint_test SET passed = ?, at_ms = ? WHERE conversation = ?", (passed, now_ms, test)
    )


def get(connection: sqlite3.Connection, test: bytes) -> JointTestRow | None:
    """A test by its id."""
    row = connection.execute(f"{_SELECT} WHERE t.conversation = ?", (test,)).fetchone()
    return None if row is None else _row(row)


def every(connection: sqlite3.Connection) -> list[JointTestRow]:
    """All tests, the newest first."""
    rows = connection.execute(f"{_SELECT} ORDER BY t.at_ms DESC, t.conversation").fetchall()
    return [_row(row) for row in rows]


def running(connection: sqlite3.Connection, peer: str) -> bool:
    """Whether a test with a peer is under way."""
    row = connection.execute(
        "SELECT 1 FROM joint_test t JOIN conversation c ON c.id = t.conversation"
        " WHERE t.peer = ? AND c.phase IN (?, ?) LIMIT 1",
        (peer, TESTING, REPORTED),
    ).fetchone()
    return row is not None


def last_over(
    connection: sqlite3.Connection, peer: str, agreement: bytes
) -> tuple[bool, int] | None:
    """The newest test of an agreement that is over: whether it passed, and when."""
    row = connection.execute(
        "SELECT passed, at_ms FROM joint_test WHERE peer = ? AND agreement = ?"
        " AND passed IS NOT NULL ORDER BY at_ms DESC, conversation LIMIT 1",
        (peer, agreement),
    ).fetchone()
    return None if row is None else (bool(row[0]), int(row[1]))


def _written(checks: Sequence[Check]) -> str:
    return json.dumps(
        [[check.name, check.passed, check.measured] for check in checks], ensure_ascii=False
    )


def _read(text: str | None) -> tuple[Check, ...]:
    return tuple(Check(*item) for item in json.loads(text or "[]"))


def _row(row: Sequence[Any]) -> JointTestRow:
    test, peer, agreement, theirs, our_checks, their_checks, passed, at_ms, phase = row
    return JointTestRow(
        test,
        peer,
        agreement,
        theirs,
        _read(our_checks),
        _read(their_checks),
        None if passed is None else bool(passed),
        at_ms,
        phase,
    )
