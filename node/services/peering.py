"""What two peers say to each other outside any project: joint tests and pool announcements.

A joint test ends with both sides holding each other's signed findings. The tester measures
and says so; the tested side measures the same from its end, as an errand, and reports; the
test is passed if both found everything in order and hold the same agreement. What is
measured is ``joint_checks``; pools are ``pool_announcements``.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from typing_extensions import override

from federation.engine.floor import Said
from federation.errors import Conflict, Refused
from federation.ids import DIGEST_BYTES, AgreementId, CenterId, ConversationId
from federation.protocol.agreement import AgreementTerms
from federation.protocol.conversation import Conversation, Word
from federation.protocol.peering import (
    REPORTED,
    TESTING,
    AgreeUsage,
    AnnouncePool,
    Check,
    ConcludeTest,
    DisputeUsage,
    ReportTest,
    StartTest,
    StateUsage,
)
from federation.wire.envelopes import Receipt, Statement
from node.services.agreements import Agreements
from node.services.errands import Handler, Result
from node.services.errors import Conflicting, NotFound
from node.services.house import Desk, Reaction
from node.services.joint_checks import JointChecks
from node.services.pool_announcements import PoolAnnouncements
from node.store import errands, joint_tests, todos
from node.store.joint_tests import JointTestRow

REPORT: Final = "joint_test_report"
TEST_FAILED: Final = "joint_test_failed"
AGREEMENT_CHECK: Final = "agreement_digest"
NO_AGREEMENT: Final = bytes(DIGEST_BYTES)
DAY_MS: Final = 86_400_000

Transact = Callable[[Callable[[Desk], bytes]], Awaitable[bytes]]


class Peering(Reaction):
    """Joint tests and pool announcements.

    Args:
        agreements: Which agreement is tested.
        checks: What we measure.
        pools: Pool announcements.
        transact: ``Negotiator.transact``: a test begins with a measurement, not a transaction.
    """

    def __init__(
        self,
        *,
        agreements: Agreements,
        checks: JointChecks,
        pools: PoolAnnouncements,
        transact: Transact,
    ) -> None:
        self._agreements = agreements
        self._checks = checks
        self._pools = pools
        self._transact = transact

    # Use cases

    async def start_test(self, peer: CenterId, transact: Transact | None = None) -> bytes:
        """Measure our side and begin a joint test with a peer.

        Args:
            peer: Whom to test with.
            transact: What begins the test; the node's own transaction if None.

        Returns:
            The test's id, 16 bytes.

        Raises:
            NotFound: No agreement with the peer is in force.
            Conflicting: A test is under way.
            Unreachable: The peer's node does not answer now.
        """
        await self._transact(lambda desk: self._testable(desk, peer))
        checks = await self._checks.measure(peer)

        def begin(desk: Desk) -> bytes:
            agreement = self._testable(desk, peer)
            found = Check(AGREEMENT_CHECK, passed=True, measured=agreement.hex())
            return desk.open(peer, None, StartTest(agreement, (*checks, found))).conversation.id

        return await (transact or self._transact)(begin)

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

    def announce(self, desk: Desk, pool: str, epoch: str, valid_hours: int) -> bytes:
        """Commit to the expert register and tell every partner; see ``PoolAnnouncements``."""
        return self._pools.announce(desk, pool, epoch, valid_hours)

    # Errands

    def handlers(self) -> Mapping[str, Handler]:
        """How our errands are run."""
        return {REPORT: self._report}

    async def _report(self, key: str, argument: dict[str, Any]) -> Result:
        del key  # measuring twice harms nobody
        test = ConversationId(bytes.fromhex(argument["test"]))
        checks = await self._checks.measure(CenterId(argument["peer"]))

        def report(desk: Desk) -> None:
            row = self.test(desk, test)
            if row.phase != TESTING:
                return  # the peer could not be reached for too long
            agreement = self._held(desk, CenterId(row.peer))
            same = agreement == row.their_agreement
            found = Check(
                AGREEMENT_CHECK,
                passed=same,
                measured=agreement.hex()
                if same
                else f"differs: {agreement.hex()} is in force here",
            )
            desk.say(test, ReportTest(agreement, (*checks, found)))

        return report

    # Reactions

    @override
    def admit(
        self, desk: Desk, conversation: Conversation, word: Word, statement: Statement
    ) -> None:
        """Refuse pools that cannot be checked, and a second test at once."""
        del statement
        if isinstance(word, AnnouncePool):
            self._pools.admit(desk, conversation, word)
        elif isinstance(word, StartTest) and joint_tests.running(
            desk.ledger.connection, conversation.peer
        ):
            raise Conflict("a joint test with you is under way; wait for its end")
        elif isinstance(word, StateUsage | AgreeUsage | DisputeUsage):
            raise Refused("this center does not compare usage yet")

    @override
    def said(self, desk: Desk, spoken: Said) -> None:
        """Keep our own word."""
        connection, test = desk.ledger.connection, spoken.conversation.id
        match spoken.word:
            case AnnouncePool() as word:
                self._pools.said(desk, spoken, word)
            case StartTest(agreement, checks):
                self._begin(desk, spoken.conversation, agreement, None, checks)
            case ReportTest(_, checks):
                joint_tests.set_ours(connection, test, checks)
            case ConcludeTest(passed):
                self._conclude(desk, test, passed=passed)
            case other:
                raise AssertionError(f"{other.case} is no word of peering")

    @override
    def heard(self, desk: Desk, spoken: Said) -> None:
        """Keep the peer's word, and do what follows from it."""
        connection, test = desk.ledger.connection, spoken.conversation.id
        match spoken.word:
            case AnnouncePool() as word:
                self._pools.heard(desk, spoken, word)
            case StartTest(agreement, checks):
                peer = spoken.conversation.peer
                self._begin(desk, spoken.conversation, self._held(desk, peer), agreement, ())
                joint_tests.set_theirs(connection, test, agreement, checks)
                errands.add(
                    connection,
                    kind=REPORT,
                    key=f"{REPORT}/{test.hex()}",
                    argument={"test": test.hex(), "peer": peer},
                    not_before_ms=desk.now_ms,
                )
            case ReportTest(agreement, checks):
                joint_tests.set_theirs(connection, test, agreement, checks)
                if spoken.conversation.phase == REPORTED:
                    desk.say(
                        spoken.conversation.id, ConcludeTest(passed=self.test(desk, test).sound)
                    )
            case ConcludeTest(passed):
                # We have both findings, so we need not take the tester's word for it.
                self._conclude(desk, test, passed=passed and self.test(desk, test).sound)
            case other:
                raise AssertionError(f"{other.case} is no word of peering")

    @override
    def refused(self, desk: Desk, conversation: Conversation, receipt: Receipt) -> None:
        """The peer refused: a pool is void there, a test has failed."""
        if joint_tests.get(desk.ledger.connection, conversation.id) is None:
            self._pools.refused(desk, conversation, receipt)
        else:
            self._fail(desk, conversation, f"{receipt.reason}: {receipt.detail}")

    @override
    def lapsed(self, desk: Desk, before: Conversation, after: Conversation) -> None:
        """The other side went silent in the middle of a test."""
        self._fail(desk, after, f"no answer while {before.phase}")

    @override
    def cosigned(self, desk: Desk, peer: CenterId, size: int) -> None:
        """Our pools are dated by the peer's cosignature."""
        self._pools.cosigned(desk, peer, size)

    def _testable(self, desk: Desk, peer: CenterId) -> bytes:
        agreement, _ = self._agreements.in_force(desk, peer)
        if joint_tests.running(desk.ledger.connection, peer):
            raise Conflicting(
                "与该中心的联调联试正在进行,请等待结果",
                "a joint test with this peer is under way; wait for its result",
            )
        return agreement

    def _held(self, desk: Desk, peer: CenterId) -> bytes:
        try:
            return self._agreements.in_force(desk, peer)[0]
        except NotFound:
            return NO_AGREEMENT

    def _begin(
        self,
        desk: Desk,
        conversation: Conversation,
        agreement: bytes,
        theirs: bytes | None,
        checks: tuple[Check, ...],
    ) -> None:
        joint_tests.add(
            desk.ledger.connection,
            JointTestRow(
                id=conversation.id,
                peer=conversation.peer,
                agreement=agreement,
                their_agreement=theirs,
                ours=checks,
                theirs=(),
                passed=None,
                at_ms=desk.now_ms,
                phase=conversation.phase,
            ),
        )

    def _conclude(self, desk: Desk, test: bytes, *, passed: bool) -> None:
        connection = desk.ledger.connection
        joint_tests.conclude(connection, test, passed=passed, now_ms=desk.now_ms)
        row = self.test(desk, test)
        if not passed:
            failed = sorted({c.name for c in row.ours + row.theirs if not c.passed})
            self._ask_for_repair(desk, row, ", ".join(failed) or AGREEMENT_CHECK)

    def _fail(self, desk: Desk, conversation: Conversation, why: str) -> None:
        connection = desk.ledger.connection
        joint_tests.conclude(connection, conversation.id, passed=False, now_ms=desk.now_ms)
        self._ask_for_repair(desk, self.test(desk, conversation.id), why)

    def _ask_for_repair(self, desk: Desk, row: JointTestRow, what: str) -> None:
        todos.add(
            desk.ledger.connection,
            role="operator",
            kind=TEST_FAILED,
            subject=row.id,
            zh=f"与{row.peer}的联调联试未通过:{what},处理后请重新测试",
            en=f"the joint test with {row.peer} failed: {what}; see to it and test again",
            now_ms=desk.now_ms,
        )
