"""A joint test (联调联试) as its words tell it, and the report that follows from them.

Here: what the rehearsals came to, the report that both sides make alone and sign, and in
what two reports differ. Not here: measuring (``services.joint_checks``), saying and storing.
Nothing but the words goes into a report: whoever holds them can make it again.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Final, TypeVar

from federation.lottery.ranking import open_hash
from federation.lottery.rehearsal import BadRehearsal, rehearsed_order
from federation.protocol.booking import Answer, Check, Decision
from federation.protocol.conversation import Word
from federation.protocol.peering import (
    JointTestReport,
    RehearseCommit,
    RehearseDecide,
    RehearseReveal,
    RehearseVote,
    ReportTest,
    StartTest,
)
from federation.trust.suite import Digests

BOOKING: Final = "rehearsal_booking"
DRAW: Final = "rehearsal_draw"
NOT_REACHED: Final = "not reached"
MAX_REASON: Final = 200  # of a peer's words; the report must fit into a word

W = TypeVar("W", bound=Word)


@dataclass(frozen=True, slots=True)
class Spoken:
    """One word of a test: by whom (center id), when it says it was said, and its payload."""

    sender: str
    sent_at_ms: int
    word: Word
    payload: bytes


@dataclass(frozen=True, slots=True)
class Transcript:
    """The words of one joint test, so far.

    Args:
        test_id: The conversation.
        tester: Who began.
        tested: The other.
        words: Of both, each side's in its order.
    """

    test_id: bytes
    tester: str
    tested: str
    words: tuple[Spoken, ...]

    def started(self) -> tuple[Spoken, StartTest]:
        """The first word. Raises LookupError: it was not said."""
        return self._first(StartTest)

    def open_hash(self, digests: Digests) -> bytes:
        """What the rehearsal draw is bound to. Raises LookupError."""
        return open_hash(digests, self.started()[0].payload)

    def report(self, digests: Digests, value: bytes, ended_at_ms: int) -> JointTestReport:
        """The report, once both sides have told what they found.

        Args:
            digests: The agreement's suite.
            value: What the tester reveals with ``ConcludeTest``.
            ended_at_ms: When it says so.

        Raises:
            LookupError: ``StartTest`` or ``ReportTest`` was not said yet.
        """
        spoken, start = self.started()
        _, theirs = self._first(ReportTest)
        rehearsals = (self.booking(), self.draw(digests, value))
        checks = (*start.checks, *theirs.checks, *rehearsals)
        return JointTestReport(
            test_id=self.test_id,
            tester=self.tester,
            tested=self.tested,
            agreement_digest=start.agreement_digest,
            tested_agreement_digest=theirs.agreement_digest,
            tester_checks=start.checks,
            tested_checks=theirs.checks,
            rehearsals=rehearsals,
            started_at_ms=spoken.sent_at_ms,
            ended_at_ms=ended_at_ms,
            passed=start.agreement_digest == theirs.agreement_digest
            and all(check.passed for check in checks),
        )

    def booking(self) -> Check:
        """How the rehearsal booking went."""
        try:
            _, vote = self._first(RehearseVote)
            _, decide = self._first(RehearseDecide)
        except LookupError:
            return Check(BOOKING, passed=False, measured=NOT_REACHED)
        if vote.answer is not Answer.YES:
            return Check(BOOKING, passed=False, measured=f"declined: {vote.reason[:MAX_REASON]}")
        if decide.decision is not Decision.CONFIRM:
            return Check(BOOKING, passed=False, measured="promised, but not confirmed")
        return Check(BOOKING, passed=True, measured="confirmed and released")

    def draw(self, digests: Digests, value: bytes) -> Check:
        """How the rehearsal draw went, with the value that the tester reveals."""
        try:
            owner, sealer = self._commits()
            _, reveal = self._first(RehearseReveal)
        except LookupError:
            return Check(DRAW, passed=False, measured=NOT_REACHED)
        try:
            order = rehearsed_order(
                digests,
                self.open_hash(digests),
                centers=(self.tested, self.tester),
                roots=(owner.root, sealer.root),
                commitments=(owner.commitment, sealer.commitment),
                values=(reveal.value, value),
            )
        except BadRehearsal as error:
            return Check(DRAW, passed=False, measured=str(error))
        return Check(DRAW, passed=True, measured=f"order {order.hex()}")

    def _commits(self) -> tuple[RehearseCommit, RehearseCommit]:
        said = {spoken.sender: word for spoken, word in self._all(RehearseCommit)}
        return said[self.tested], said[self.tester]

    def _first(self, kind: type[W]) -> tuple[Spoken, W]:
        for found in self._all(kind):
            return found
        raise LookupError(f"{kind.__name__} was not said in this test")

    def _all(self, kind: type[W]) -> Iterator[tuple[Spoken, W]]:
        for spoken in self.words:
            if isinstance(spoken.word, kind):
                yield spoken, spoken.word


def differences(theirs: JointTestReport, ours: JointTestReport) -> list[str]:
    """Names the fields in which a peer's report is not the one that we would have made."""
    return [
        f"{field.name} is {_brief(getattr(theirs, field.name))},"
        f" not {_brief(getattr(ours, field.name))}"
        for field in fields(JointTestReport)
        if getattr(theirs, field.name) != getattr(ours, field.name)
    ]


def _brief(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        failed = [check.name for check in value if not check.passed]
        return f"{len(value)} checks, failed: {', '.join(failed) or 'none'}"
    return str(value)
