"""The words of a joint test, read back from what was said and heard.

Nothing of a test is in memory: a node that was killed in the middle goes on from these.
"""

from collections.abc import Sequence
from typing import Final

from federation.engine.inside import Said
from federation.errors import Malformed
from federation.ids import ConversationId
from federation.protocol.booking import Check
from federation.protocol.peering import (
    ConcludeTest,
    ContestTest,
    CountersignTest,
    RehearseCommit,
    RehearseDecide,
    RehearseHold,
    RehearseReveal,
    RehearseVote,
    ReportTest,
    StartTest,
)
from federation.wire.envelopes import decode_envelope, decode_statement
from federation.wire.reports import REPORT
from federation.wire.words import decode_word
from node.domain.joint_test import Spoken, Transcript, differences
from node.services.house import Desk
from node.store import joint_tests
from node.store.joint_tests import JointTestRow

MAX_REASON: Final = 900  # of what differs in a report; a note in a word has 1,000 characters
MAX_CHECKS_BYTES: Final = 24_576
"""Of one side's checks: two of them and two rehearsals fit a report, ``MAX_DOCUMENT_BYTES``."""
ENDED: Final = "ended"
"""The finding that a test broke off, and where."""

TestWord = (
    StartTest | ReportTest | RehearseHold | RehearseVote | RehearseDecide | RehearseCommit
    | RehearseReveal | ConcludeTest | CountersignTest | ContestTest
)  # fmt: skip


def transcript(desk: Desk, row: JointTestRow) -> Transcript:
    """All words of a test, ours and the peer's."""
    connection, of_test = desk.ledger.connection, talk(row)
    us, them = desk.identity.center, row.peer
    ours = [
        _spoken(us, kind, payload) for kind, payload in joint_tests.words_said(connection, of_test)
    ]
    theirs = [
        _spoken(them, kind, decode_envelope(raw).payload)
        for kind, raw in joint_tests.words_heard(connection, of_test)
    ]
    tester, tested = (us, them) if row.tester else (them, us)
    return Transcript(of_test, tester, tested, (*ours, *theirs))


def talk(row: JointTestRow) -> ConversationId:
    """The conversation of a test that talks."""
    assert row.conversation is not None, "a test that talks has its conversation"
    return ConversationId(row.conversation)


def check_room(checks: Sequence[Check]) -> None:
    """Check that a side's checks fit the report of both.

    Raises:
        Malformed: They do not; nobody could say that report.
    """
    size = sum(len(each.name.encode()) + len(each.measured.encode()) for each in checks)
    if size > MAX_CHECKS_BYTES:
        raise Malformed(f"checks: {size} bytes of names and findings, more than {MAX_CHECKS_BYTES}")


def said_at_ms(spoken: Said) -> int:
    """When the speaker says that it said a word."""
    return decode_statement(spoken.payload).sent_at_ms


def ended(why: str) -> Check:
    """The finding that a test broke off."""
    return Check(ENDED, passed=False, measured=" ".join(why.split())[:MAX_REASON])


def compare(theirs: bytes, ours: bytes) -> list[str]:
    """In what a peer's report, as bytes, is not the one that we made."""
    try:
        found = differences(REPORT.decode(theirs), REPORT.decode(ours))
    except Malformed as error:
        return [f"the report cannot be read: {error.detail}"]
    return found or ["the report is not in the bytes that its contents give"]


def _spoken(sender: str, kind: str, payload: bytes) -> Spoken:
    statement = decode_statement(payload)
    return Spoken(sender, statement.sent_at_ms, decode_word(kind, statement.body), payload)
