"""Joint tests: what each side found, what was rehearsed, and the report. SQL only.

A test that the peer heard of is known by its conversation there; its phase is joined and its
words are read from what was said and heard, never copied. Seats of the rehearsal calendar
are held here too: no row of it outlives its test.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from federation.protocol.booking import Check
from node.domain.calendar import Window, slots

MEASURING: Final = "MEASURING"
"""The phase of a test whose conversation has not begun."""

_SELECT: Final = (
    "SELECT t.id, t.conversation, t.peer, t.tester, t.agreement, t.their_agreement, t.our_checks,"
    " t.their_checks, t.findings, t.secret, t.report, t.our_signature, t.their_signature,"
    " t.contested, t.state, t.began_at_ms, t.at_ms, c.phase, c.suite"
    " FROM joint_test t LEFT JOIN conversation c ON c.id = t.conversation"
)


class State(StrEnum):
    """What became of a test."""

    RUNNING = "RUNNING"
    PASSED = "PASSED"
    FAILED = "FAILED"
    SUPERSEDED = "SUPERSEDED"
    """Another test of the same two was under way; what that one finds counts."""


@dataclass(frozen=True, slots=True)
class JointTestRow:
    """One joint test.

    Args:
        id: Ours; the tested side takes the conversation's.
        conversation: None if the peer was never reached.
        peer: The other side.
        tester: Whether we began it.
        agreement: The agreement that we hold; 32 zero bytes if none is in force.
        their_agreement: The one that the peer says it holds; None until it has said so.
        ours: What we found; empty until we have measured.
        theirs: What the peer found; empty until it has said so.
        findings: What came out apart from the two sides' checks.
        secret: Our value of the rehearsal draw, while it is needed.
        report: The tester's report, a ``JointTestReport``.
        our_signature: Over ``report``; over ``contested`` if we contested it.
        their_signature: Over ``report``; over ``contested`` if the peer contested it.
        contested: The tested side's own report, if it would not sign the tester's.
        state: What became of it.
        began_at_ms: When it began here.
        at_ms: When it began, or was over.
        phase: The conversation's, or ``MEASURING``.
        suite: The conversation's, which the signatures are under; "" if it has not begun.
    """

    id: bytes
    conversation: bytes | None
    peer: str
    tester: bool
    agreement: bytes
    their_agreement: bytes | None
    ours: tuple[Check, ...]
    theirs: tuple[Check, ...]
    findings: tuple[Check, ...]
    secret: bytes | None
    report: bytes | None
    our_signature: bytes | None
    their_signature: bytes | None
    contested: bytes | None
    state: State
    began_at_ms: int
    at_ms: int
    phase: str
    suite: str

    @property
    def passed(self) -> bool | None:
        """None while it runs, and where another test counts."""
        return {State.PASSED: True, State.FAILED: False}.get(self.state)

    @property
    def failed(self) -> list[str]:
        """Names of all that failed, each once."""
        checks = (*self.ours, *self.theirs, *self.findings)
        return sorted({check.name for check in checks if not check.passed})


def add(
    connection: sqlite3.Connection,
    *,
    test: bytes,
    peer: str,
    tester: bool,
    agreement: bytes,
    now_ms: int,
) -> None:
    """Store a test that begins; the tested side's is known by its conversation from the start."""
    connection.execute(
        "INSERT INTO joint_test (id, conversation, peer, tester, agreement, state, began_at_ms,"
        " at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            test,
            None if tester else test,
            peer,
            tester,
            agreement,
            State.RUNNING.value,
            now_ms,
            now_ms,
        ),
    )


def set_conversation(connection: sqlite3.Connection, test: bytes, conversation: bytes) -> None:
    """The test's first word was said."""
    connection.execute("UPDATE joint_test SET conversation = ? WHERE id = ?", (conversation, test))


def set_ours(connection: sqlite3.Connection, test: bytes, checks: Iterable[Check]) -> None:
    """Store what we found."""
    connection.execute(
        "UPDATE joint_test SET our_checks = ? WHERE id = ?", (_written(checks), test)
    )


def set_theirs(
    connection: sqlite3.Connection, test: bytes, agreement: bytes, checks: Iterable[Check]
) -> None:
    """Store what the peer found, and the agreement that it holds."""
    connection.execute(
        "UPDATE joint_test SET their_agreement = ?, their_checks = ? WHERE id = ?",
        (agreement, _written(checks), test),
    )


def set_secret(connection: sqlite3.Connection, test: bytes, secret: bytes) -> None:
    """Store our value of the rehearsal draw."""
    connection.execute("UPDATE joint_test SET secret = ? WHERE id = ?", (secret, test))


def set_report(
    connection: sqlite3.Connection,
    test: bytes,
    *,
    report: bytes,
    ours: bytes | None = None,
    theirs: bytes | None = None,
    contested: bytes | None = None,
) -> None:
    """Store the report, and the signatures that are there; what is None stays."""
    connection.execute(
        "UPDATE joint_test SET report = ?, our_signature = coalesce(?, our_signature),"
        " their_signature = coalesce(?, their_signature), contested = coalesce(?, contested)"
        " WHERE id = ?",
        (report, ours, theirs, contested, test),
    )


def finish(
    connection: sqlite3.Connection,
    test: bytes,
    state: State,
    findings: Iterable[Check],
    now_ms: int,
) -> None:
    """The test is over; its secret is no longer needed."""
    connection.execute(
        "UPDATE joint_test SET state = ?, findings = ?, secret = NULL, at_ms = ? WHERE id = ?",
        (state.value, _written(findings), now_ms, test),
    )


def get(connection: sqlite3.Connection, test: bytes) -> JointTestRow | None:
    """A test by its id."""
    return _one(connection, "WHERE t.id = ?", test)


def of_conversation(connection: sqlite3.Connection, conversation: bytes) -> JointTestRow | None:
    """A test by its conversation."""
    return _one(connection, "WHERE t.conversation = ?", conversation)


def running(connection: sqlite3.Connection, peer: str) -> JointTestRow | None:
    """The test that is under way with a peer, if one is."""
    return _one(connection, "WHERE t.peer = ? AND t.state = 'RUNNING'", peer)


def every(connection: sqlite3.Connection) -> list[JointTestRow]:
    """All tests, the newest first."""
    rows = connection.execute(f"{_SELECT} ORDER BY t.at_ms DESC, t.id DESC").fetchall()
    return [_row(row) for row in rows]


def over_with(connection: sqlite3.Connection, peer: str) -> list[bytes]:
    """Ids of all tests with a peer that are over and count."""
    rows = connection.execute(
        "SELECT id FROM joint_test WHERE peer = ? AND state IN ('PASSED', 'FAILED')", (peer,)
    ).fetchall()
    return [bytes(test) for (test,) in rows]


def last_over(
    connection: sqlite3.Connection, peer: str, agreement: bytes
) -> tuple[bool, int] | None:
    """The newest test of an agreement that counts and is over: whether it passed, and when."""
    row = connection.execute(
        "SELECT state, at_ms FROM joint_test WHERE peer = ? AND agreement = ?"
        " AND state IN ('PASSED', 'FAILED') ORDER BY at_ms DESC, id DESC LIMIT 1",
        (peer, agreement),
    ).fetchone()
    return None if row is None else (row[0] == State.PASSED, int(row[1]))


def words_said(connection: sqlite3.Connection, conversation: bytes) -> list[tuple[str, bytes]]:
    """Payload type and payload of our own words in a conversation, in order."""
    return connection.execute(
        "SELECT payload_type, payload FROM said WHERE conversation = ? ORDER BY revision",
        (conversation,),
    ).fetchall()


def words_heard(connection: sqlite3.Connection, conversation: bytes) -> list[tuple[str, bytes]]:
    """Payload type and envelope of the accepted words of the peer, in order."""
    return connection.execute(
        "SELECT payload_type, envelope FROM heard WHERE conversation = ? AND accepted = 1"
        " ORDER BY revision",
        (conversation,),
    ).fetchall()


# The rehearsal calendar


def rehearsal_taken(connection: sqlite3.Connection, window: Window) -> frozenset[int]:
    """Row ids of seats that a rehearsal holds at some time in a window."""
    span = slots(window)
    rows = connection.execute(
        "SELECT DISTINCT seat FROM rehearsal_slot WHERE slot >= ? AND slot < ?",
        (span.start, span.stop),
    ).fetchall()
    return frozenset(seat for (seat,) in rows)


def rehearsal_hold(
    connection: sqlite3.Connection, holder: bytes, seats: Iterable[int], window: Window
) -> None:
    """Hold seats in the rehearsal calendar.

    Raises:
        sqlite3.IntegrityError: One of them is held, in some slot of the window.
    """
    connection.executemany(
        "INSERT INTO rehearsal_slot (seat, slot, holder) VALUES (?, ?, ?)",
        [(seat, slot, holder) for seat in seats for slot in slots(window)],
    )


def rehearsal_release(connection: sqlite3.Connection, holder: bytes) -> int:
    """Give back all that a rehearsal holds; answers how many slots."""
    return connection.execute("DELETE FROM rehearsal_slot WHERE holder = ?", (holder,)).rowcount


def _written(checks: Iterable[Check]) -> str:
    return json.dumps(
        [[check.name, check.passed, check.measured] for check in checks], ensure_ascii=False
    )


def _read(text: str) -> tuple[Check, ...]:
    return tuple(Check(*item) for item in json.loads(text))


def _one(connection: sqlite3.Connection, where: str, value: object) -> JointTestRow | None:
    row = connection.execute(f"{_SELECT} {where} LIMIT 1", (value,)).fetchone()
    return None if row is None else _row(row)


def _row(row: Sequence[Any]) -> JointTestRow:
    (
        test, conversation, peer, tester, agreement, their_agreement, ours, theirs, findings,
        secret, report, our_signature, their_signature, contested, state, began_at_ms, at_ms, phase,
        suite,
    ) = row  # fmt: skip
    return JointTestRow(
        id=test,
        conversation=conversation,
        peer=peer,
        tester=bool(tester),
        agreement=agreement,
        their_agreement=their_agreement,
        ours=_read(ours),
        theirs=_read(theirs),
        findings=_read(findings),
        secret=secret,
        report=report,
        our_signature=our_signature,
        their_signature=their_signature,
        contested=contested,
        state=State(state),
        began_at_ms=began_at_ms,
        at_ms=at_ms,
        phase=phase or MEASURING,
        suite=suite or "",
    )
