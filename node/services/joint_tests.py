"""The joint test (联调联试): who says what next, what is kept, and how it ends.

The tester measures as an errand and then says ``StartTest``; the tested side measures as an
errand too and reports. A booking and a draw are rehearsed, and the tester concludes with a
report that the tested side makes again from the same words, and signs only if it is the same.
A lie is a finding, not a refusal, so that both sides hold at once what was wrong.

Measuring is ``joint_checks``, what follows from the words ``domain.joint_test``, seats
``rehearsal_calendar``; the tables are ``store.joint_tests``.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from federation.engine.inside import Said
from federation.errors import Conflict, OutOfTurn
from federation.ids import DIGEST_BYTES, AgreementId, CenterId, ConversationId
from federation.lottery.ranking import VALUE_BYTES, commitment
from federation.lottery.rehearsal import rehearsal_pool
from federation.protocol import peering
from federation.protocol.agreement import AgreementTerms
from federation.protocol.booking import Answer, Check, Decision
from federation.protocol.conversation import Conversation
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
from federation.trust.suite import Suite
from federation.wire.envelopes import Receipt
from federation.wire.reports import REPORT
from node.services import joint_signing
from node.services.agreements import Agreements
from node.services.errands import Handler, Result
from node.services.errors import Conflicting, NotFound
from node.services.house import Desk
from node.services.joint_checks import AGREEMENT, JointChecks, ordered
from node.services.joint_words import (
    MAX_REASON,
    TestWord,
    check_room,
    compare,
    ended,
    said_at_ms,
    talk,
    transcript,
)
from node.services.rehearsal_calendar import RehearsalCalendar, wish
from node.store import errands, joint_tests, todos, workdays
from node.store.joint_tests import JointTestRow, State

MEASURE: Final = "joint_test_measure"
REPORT_BACK: Final = "joint_test_report"
TEST_FAILED: Final = "joint_test_failed"
NO_AGREEMENT: Final = bytes(DIGEST_BYTES)
DAY_MS: Final = 86_400_000

SIGNED_REPORT: Final = "report"
"""The finding that the report is signed by both, or why it is not."""
Fits = Callable[[CenterId, Suite, bytes, bytes, int], bool]


class JointTests:
    """Joint tests with all partners.

    Args:
        agreements: Which agreement is tested.
        checks: What we measure.
        calendar: Where bookings are rehearsed.
        fits: Whether a peer signed a report; see ``joint_signing``.
    """

    def __init__(
        self,
        *,
        agreements: Agreements,
        checks: JointChecks,
        calendar: RehearsalCalendar,
        fits: Fits,
    ) -> None:
        self._agreements = agreements
        self._checks = checks
        self._calendar = calendar
        self._fits = fits

    # Use cases

    def start(self, desk: Desk, peer: CenterId) -> bytes:
        """Begin a joint test: we measure at once, and talk when the peer answers.

        Args:
            desk: The floor.
            peer: Whom to test with.

        Returns:
            The test's id, 16 bytes.

        Raises:
            NotFound: No agreement with the peer is in force.
            Conflicting: A test is under way.
        """
        agreement, terms = self._agreements.in_force(desk, peer)
        connection = desk.ledger.connection
        if joint_tests.running(connection, peer):
            raise Conflicting(
                "与该中心的联调联试正在进行,请等待结果",
                "a joint test with this peer is under way; wait for its result",
            )
        test = desk.new_id()
        joint_tests.add(
            connection, test=test, peer=peer, tester=True, agreement=agreement, now_ms=desk.now_ms
        )
        self._leave(desk, MEASURE, test, peer, terms.suite)
        return test

    def test(self, desk: Desk, test: bytes) -> JointTestRow:
        """One joint test. Raises NotFound."""
        row = joint_tests.get(desk.ledger.connection, test)
        if row is None:
            raise NotFound("没有这次联调联试", f"there is no joint test {test.hex()}")
        return row

    def tests(self, desk: Desk) -> list[JointTestRow]:
        """All joint tests, the newest first."""
        return joint_tests.every(desk.ledger.connection)

    def passed_recently(
        self, desk: Desk, peer: CenterId, agreement_id: AgreementId, terms: AgreementTerms
    ) -> bool:
        """Whether the last joint test under an agreement passed, and is recent enough.

        True also when the agreement demands none. A failed test takes a passed one's place.
        """
        if terms.joint_test_valid_days == 0:
            return True
        last = joint_tests.last_over(desk.ledger.connection, peer, agreement_id)
        if last is None:
            return False
        passed, at_ms = last
        return passed and desk.now_ms - at_ms <= terms.joint_test_valid_days * DAY_MS

    # Errands

    def handlers(self) -> Mapping[str, Handler]:
        """How our errands are run. Measuring twice harms nobody."""
        return {MEASURE: self._measure, REPORT_BACK: self._report_back}

    async def _measure(self, key: str, argument: dict[str, Any]) -> Result:
        del key
        test, peer = bytes.fromhex(argument["test"]), CenterId(argument["peer"])
        measured = await self._checks.measure(peer, argument["suite"])

        def begin(desk: Desk) -> None:
            row = self.test(desk, test)
            if row.state is not State.RUNNING:
                return  # the peer's own test came first
            found = Check(AGREEMENT, passed=True, measured=row.agreement.hex())
            checks = ordered((*measured.checks, found))
            joint_tests.set_ours(desk.ledger.connection, test, checks)
            if not measured.reached:
                self._break_off(desk, row, "the peer does not answer; nothing was said to it")
                return
            word = StartTest(row.agreement, checks)
            spoken = desk.open(peer, None, word, suite_id=argument["suite"])
            joint_tests.set_conversation(desk.ledger.connection, test, spoken.conversation.id)

        return begin

    async def _report_back(self, key: str, argument: dict[str, Any]) -> Result:
        del key
        test, peer = ConversationId(bytes.fromhex(argument["test"])), CenterId(argument["peer"])
        measured = await self._checks.measure(peer, argument["suite"])

        def report(desk: Desk) -> None:
            row = self.test(desk, test)
            if row.phase != peering.TESTING:
                return  # the peer could not be reached for too long
            held = self._held(desk, peer)
            measured_here, wrong = held.hex(), ""
            if held != row.their_agreement:
                wrong = f"differs: {held.hex()} is in force here"
            elif desk.suite_of(test).suite_id != argument["suite"]:
                wrong = f"the agreement is under {argument['suite']}, the test is not"
            found = Check(AGREEMENT, passed=not wrong, measured=wrong or measured_here)
            desk.say(test, ReportTest(held, ordered((*measured.checks, found))))

        return report

    # Reactions

    def admit(self, desk: Desk, conversation: Conversation, word: TestWord) -> None:
        """Refuse a second test at once, and what belongs to no test of ours."""
        connection = desk.ledger.connection
        if isinstance(word, StartTest | ReportTest):
            check_room(word.checks)
        if not isinstance(word, StartTest):
            if joint_tests.of_conversation(connection, conversation.id) is None:
                raise OutOfTurn("no joint test is under way in this conversation")
            return
        running = joint_tests.running(connection, conversation.peer)
        if running is None:
            return
        # Of two that begin at the same moment, the one with the lower center id goes on.
        early = running.phase in {joint_tests.MEASURING, peering.TESTING}
        if not running.tester or not early or desk.identity.center < conversation.peer:
            raise Conflict("a joint test with you is under way; wait for its end")

    def said(self, desk: Desk, spoken: Said, word: TestWord) -> None:
        """Keep our own word."""
        connection, conversation = desk.ledger.connection, spoken.conversation.id
        row = joint_tests.of_conversation(connection, conversation)
        if row is not None and isinstance(word, ReportTest):
            joint_tests.set_ours(connection, row.id, word.checks)

    def heard(self, desk: Desk, spoken: Said, word: TestWord) -> None:
        """Keep the peer's word, and do what follows from it."""
        if isinstance(word, StartTest):
            self._tested(desk, spoken.conversation, word)
            return
        row = joint_tests.of_conversation(desk.ledger.connection, spoken.conversation.id)
        if (
            row is None
            or row.state is State.SUPERSEDED
            or spoken.conversation.phase == peering.LAPSED
        ):
            return  # somebody stopped waiting; the word changes nothing any more
        if row.tester:
            self._heard_as_tester(desk, row, word)
        else:
            self._heard_as_tested(desk, row, spoken, word)

    def refused(self, desk: Desk, conversation: Conversation, receipt: Receipt) -> bool:
        """The peer refused a word of a test; answers whether the conversation is one."""
        row = joint_tests.of_conversation(desk.ledger.connection, conversation.id)
        if row is None:
            return False
        if receipt.reason == Conflict.reason and row.state is State.RUNNING:
            found = ended("another test of the two is under way")
            self._finish(desk, row, State.SUPERSEDED, [found])
        elif row.state is not State.SUPERSEDED:
            # Whatever we had found: a report that the peer refuses is not signed by both.
            why = f"the peer refused: {receipt.reason}: {receipt.detail}"
            self._finish(desk, row, State.FAILED, [*row.findings, ended(why)])
        return True

    def lapsed(self, desk: Desk, before: Conversation) -> None:
        """The other side went silent in the middle of a test."""
        row = joint_tests.of_conversation(desk.ledger.connection, before.id)
        if row is not None:
            self._break_off(desk, row, f"no answer while {before.phase}")

    # The tested side

    def _heard_as_tested(self, desk: Desk, row: JointTestRow, spoken: Said, word: TestWord) -> None:
        match word:
            case RehearseHold():
                self._rehearse_hold(desk, row, word)
            case RehearseDecide():
                self._calendar.release(desk, row.id)
                self._commit(desk, row)
            case RehearseCommit():
                assert row.secret is not None, "we committed before the tester could"
                desk.say(talk(row), RehearseReveal(row.secret))
            case ConcludeTest():
                self._countersign(desk, row, spoken, word)
            case _:
                raise AssertionError(f"{word.case} is ours to say")

    def _tested(self, desk: Desk, conversation: Conversation, word: StartTest) -> None:
        connection, peer = desk.ledger.connection, conversation.peer
        ours = joint_tests.running(connection, peer)
        if ours is not None:
            self._finish(desk, ours, State.SUPERSEDED, [ended("the peer's own test came first")])
        held = self._held(desk, peer)
        joint_tests.add(
            connection,
            test=conversation.id,
            peer=peer,
            tester=False,
            agreement=held,
            now_ms=desk.now_ms,
        )
        joint_tests.set_theirs(connection, conversation.id, word.agreement_digest, word.checks)
        terms = self._terms(desk, held)
        suite_id = conversation.suite if terms is None else terms.suite
        self._leave(desk, REPORT_BACK, conversation.id, peer, suite_id)

    def _rehearse_hold(self, desk: Desk, row: JointTestRow, word: RehearseHold) -> None:
        terms = self._terms(desk, row.agreement)
        us = desk.identity.center
        sub_venue = terms is not None and any(
            (direction.host, direction.sub) == (row.peer, us) for direction in terms.directions
        )
        vote = self._calendar.reserve(desk, row.id, word, sub_venue=sub_venue)
        desk.say(talk(row), vote)

    def _commit(self, desk: Desk, row: JointTestRow) -> None:
        """Show our root of the rehearsal pool, and commit to a value of ours."""
        secret = desk.new_secret()[:VALUE_BYTES]
        joint_tests.set_secret(desk.ledger.connection, row.id, secret)
        digests = desk.suite_of(talk(row))
        opened = transcript(desk, row).open_hash(digests)
        desk.say(
            talk(row),
            RehearseCommit(
                rehearsal_pool(digests, opened).root,
                commitment(digests, opened, desk.identity.center, secret),
            ),
        )

    def _countersign(self, desk: Desk, row: JointTestRow, spoken: Said, word: ConcludeTest) -> None:
        """Make the report ourselves; sign it if it is the tester's, contest it if not."""
        connection = desk.ledger.connection
        ended_at_ms = said_at_ms(spoken)
        used = desk.suite_of(talk(row))
        report = transcript(desk, row).report(used, word.value, ended_at_ms)
        ours = REPORT.encode(report)
        signature = joint_signing.sign(desk.identity, CenterId(row.peer), used, ours, desk.now_ms)
        wrong = []
        if not self._signed(desk, row, word.document, word.signature):
            wrong.append("the signature is not by the tester's message key")
        if word.document != ours:
            wrong += compare(word.document, ours)
        if word.passed != report.passed:
            wrong.append(f"passed is {word.passed}, not {report.passed}")
        joint_tests.set_report(
            connection,
            row.id,
            report=word.document,
            ours=signature,
            theirs=word.signature,
            contested=ours if wrong else None,
        )
        if wrong:
            reason = "; ".join(wrong)[:MAX_REASON]
            found = Check(SIGNED_REPORT, passed=False, measured=f"contested by us: {reason}")
            self._finish(desk, row, State.FAILED, [*report.rehearsals, found])
            desk.say(talk(row), ContestTest(reason, ours, signature))
            return
        found = Check(SIGNED_REPORT, passed=True, measured="signed by both")
        state = State.PASSED if report.passed else State.FAILED
        self._finish(desk, row, state, [*report.rehearsals, found])
        desk.say(talk(row), CountersignTest(signature))

    # The tester

    def _heard_as_tester(self, desk: Desk, row: JointTestRow, word: TestWord) -> None:
        match word:
            case ReportTest(agreement, checks):
                joint_tests.set_theirs(desk.ledger.connection, row.id, agreement, checks)
                calendar = workdays.calendar(desk.ledger.connection)
                desk.say(talk(row), wish(desk.now_ms, calendar))
            case RehearseVote(answer):
                yes = answer is Answer.YES
                desk.say(talk(row), RehearseDecide(Decision.CONFIRM if yes else Decision.ABORT))
            case RehearseCommit():
                self._commit(desk, row)
            case RehearseReveal():
                self._conclude(desk, row)
            case CountersignTest(signature):
                self._countersigned(desk, row, signature)
            case ContestTest():
                self._contested(desk, row, word)
            case _:
                raise AssertionError(f"{word.case} is ours to say")

    def _conclude(self, desk: Desk, row: JointTestRow) -> None:
        assert row.secret is not None, "we committed before the tested side could reveal"
        used = desk.suite_of(talk(row))
        report = transcript(desk, row).report(used, row.secret, desk.now_ms)
        document = REPORT.encode(report)
        signature = joint_signing.sign(
            desk.identity, CenterId(row.peer), used, document, desk.now_ms
        )
        joint_tests.set_report(desk.ledger.connection, row.id, report=document, ours=signature)
        desk.say(talk(row), ConcludeTest(report.passed, row.secret, document, signature))

    def _countersigned(self, desk: Desk, row: JointTestRow, signature: bytes) -> None:
        """The last word stands, also when we had stopped waiting for it."""
        if row.report is None:
            return  # countersigning what was never said means nothing
        report = REPORT.decode(row.report)
        joint_tests.set_report(desk.ledger.connection, row.id, report=row.report, theirs=signature)
        fits = self._signed(desk, row, row.report, signature)
        measured = "signed by both" if fits else "the peer's signature is not by its message key"
        state = State.PASSED if fits and report.passed else State.FAILED
        found = Check(SIGNED_REPORT, passed=fits, measured=measured)
        self._finish(desk, row, state, [*report.rehearsals, found])

    def _contested(self, desk: Desk, row: JointTestRow, word: ContestTest) -> None:
        rehearsals: tuple[Check, ...] = ()
        if row.report is not None:
            rehearsals = REPORT.decode(row.report).rehearsals
            joint_tests.set_report(
                desk.ledger.connection,
                row.id,
                report=row.report,
                theirs=word.signature,
                contested=word.document,
            )
        fits = self._signed(desk, row, word.document, word.signature)
        signed = "" if fits else " (its signature is not by its message key)"
        found = Check(
            SIGNED_REPORT,
            passed=False,
            measured=f"contested by the peer{signed}: {word.reason}"[:MAX_REASON],
        )
        self._finish(desk, row, State.FAILED, [*rehearsals, found])

    # Both

    def _signed(self, desk: Desk, row: JointTestRow, document: bytes, signature: bytes) -> bool:
        used = desk.suite_of(talk(row))
        return self._fits(CenterId(row.peer), used, document, signature, desk.now_ms)

    def _held(self, desk: Desk, peer: CenterId) -> bytes:
        try:
            return self._agreements.in_force(desk, peer)[0]
        except NotFound:
            return NO_AGREEMENT

    def _terms(self, desk: Desk, agreement: bytes) -> AgreementTerms | None:
        return desk.ledger.agreement(AgreementId(agreement))

    def _leave(self, desk: Desk, kind: str, test: bytes, peer: CenterId, suite: str) -> None:
        errands.add(
            desk.ledger.connection,
            kind=kind,
            key=f"{kind}/{test.hex()}",
            argument={"test": test.hex(), "peer": peer, "suite": suite},
            not_before_ms=desk.now_ms,
        )
        desk.woken.add(peer)  # nobody is told a word, but errands are looked at when bells ring

    def _break_off(self, desk: Desk, row: JointTestRow, why: str) -> None:
        if row.state is not State.RUNNING:
            return  # what we found stands
        self._finish(desk, row, State.FAILED, [ended(why)])

    def _finish(
        self, desk: Desk, row: JointTestRow, state: State, findings: Iterable[Check]
    ) -> None:
        connection = desk.ledger.connection
        self._calendar.release(desk, row.id)
        joint_tests.finish(connection, row.id, state, findings, desk.now_ms)
        done = self.test(desk, row.id)
        if state is State.PASSED:
            for test in joint_tests.over_with(connection, row.peer):
                todos.done(
                    connection, kind=TEST_FAILED, subject=test, by="system", now_ms=desk.now_ms
                )
        if state is not State.FAILED:
            return
        what = ", ".join(done.failed)
        todos.add(
            connection,
            role="operator",
            kind=TEST_FAILED,
            subject=row.id,
            zh=f"与{row.peer}的联调联试未通过:{what},处理后请重新测试",
            en=f"the joint test with {row.peer} failed: {what}; see to it and test again",
            now_ms=desk.now_ms,
        )
