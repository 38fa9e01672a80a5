"""What two peers say to each other outside any project, handed to whoever knows about it.

Joint tests are ``joint_tests``, pools ``pool_announcements``, statements of usage a reaction
that is handed in. A conversation between peers is about one of the three from its first word
to its last, so the word, or where there is none the phase, tells which.
"""

from collections.abc import Mapping
from typing import Final

from typing_extensions import override

from federation.engine.floor import Said
from federation.errors import Refused
from federation.ids import AgreementId, CenterId
from federation.protocol.agreement import AgreementTerms
from federation.protocol.conversation import Conversation, Word
from federation.protocol.peering import (
    STATED,
    AgreeUsage,
    AnnouncePool,
    DisputeUsage,
    StateUsage,
)
from federation.wire.envelopes import Receipt, Statement
from node.services.errands import Handler
from node.services.house import Desk, Reaction
from node.services.joint_tests import JointTests, TestWord
from node.services.pool_announcements import PoolAnnouncements
from node.store import pools
from node.store.joint_tests import JointTestRow

USAGE_WORDS: Final = (StateUsage, AgreeUsage, DisputeUsage)


class Peering(Reaction):
    """Joint tests, pool announcements and statements of usage.

    Args:
        tests: Joint tests.
        pools: Pool announcements.
        usage: Statements of usage; without it they are refused.
    """

    def __init__(
        self, *, tests: JointTests, pools: PoolAnnouncements, usage: Reaction | None = None
    ) -> None:
        self._tests = tests
        self._pools = pools
        self._usage = usage

    # Use cases, for those who know only this

    def start_test(self, desk: Desk, peer: CenterId) -> bytes:
        """Begin a joint test; see ``JointTests.start``."""
        return self._tests.start(desk, peer)

    def test(self, desk: Desk, test: bytes) -> JointTestRow:
        """One joint test. Raises NotFound."""
        return self._tests.test(desk, test)

    def tests(self, desk: Desk) -> list[JointTestRow]:
        """All joint tests, the newest first."""
        return self._tests.tests(desk)

    def passed_recently(
        self, desk: Desk, peer: CenterId, agreement_id: AgreementId, terms: AgreementTerms
    ) -> bool:
        """Whether the joint test that an agreement demands was passed in time."""
        return self._tests.passed_recently(desk, peer, agreement_id, terms)

    def announce(self, desk: Desk, pool: str, epoch: str, valid_hours: int) -> bytes:
        """Commit to the expert register and tell every partner; see ``PoolAnnouncements``."""
        return self._pools.announce(desk, pool, epoch, valid_hours)

    def handlers(self) -> Mapping[str, Handler]:
        """How our errands are run."""
        return self._tests.handlers()

    # Reactions

    @override
    def admit(
        self, desk: Desk, conversation: Conversation, word: Word, statement: Statement
    ) -> None:
        """Refuse what no draw could be checked against, a second test at once, unasked counts."""
        match word:
            case AnnouncePool():
                self._pools.admit(desk, conversation, word)
            case StateUsage() | AgreeUsage() | DisputeUsage():
                if self._usage is None:
                    raise Refused("this center does not compare usage")
                self._usage.admit(desk, conversation, word, statement)
            case _:
                self._tests.admit(desk, conversation, _of_a_test(word))

    @override
    def said(self, desk: Desk, spoken: Said) -> None:
        """Keep our own word."""
        word = spoken.word
        if isinstance(word, AnnouncePool):
            self._pools.said(desk, spoken, word)
        elif isinstance(word, USAGE_WORDS):
            if self._usage is not None:
                self._usage.said(desk, spoken)
        else:
            self._tests.said(desk, spoken, _of_a_test(word))

    @override
    def heard(self, desk: Desk, spoken: Said) -> None:
        """Keep the peer's word, and do what follows from it."""
        word = spoken.word
        if isinstance(word, AnnouncePool):
            self._pools.heard(desk, spoken, word)
        elif isinstance(word, USAGE_WORDS):
            if self._usage is not None:
                self._usage.heard(desk, spoken)
        else:
            self._tests.heard(desk, spoken, _of_a_test(word))

    @override
    def refused(self, desk: Desk, conversation: Conversation, receipt: Receipt) -> None:
        """The peer refused: a test has failed, a pool is void there, or it will not compare."""
        if self._tests.refused(desk, conversation, receipt):
            return
        if pools.of_conversation(desk.ledger.connection, conversation.id) or self._usage is None:
            self._pools.refused(desk, conversation, receipt)
        else:
            self._usage.refused(desk, conversation, receipt)

    @override
    def lapsed(self, desk: Desk, before: Conversation, after: Conversation) -> None:
        """The other side went silent: in the middle of a test, or on our counts."""
        if before.phase != STATED:
            self._tests.lapsed(desk, before)
        elif self._usage is not None:
            self._usage.lapsed(desk, before, after)

    @override
    def cosigned(self, desk: Desk, peer: CenterId, suite_id: str, size: int) -> None:
        """Our pools are dated by the peer's cosignature."""
        self._pools.cosigned(desk, peer, suite_id, size)


def _of_a_test(word: Word) -> TestWord:
    assert isinstance(word, TestWord), f"{word.case} is no word of peering"
    return word
