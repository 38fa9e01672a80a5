"""What two peers say to each other outside any project, handed to whoever knows about it.

Joint tests are ``joint_tests``, pools ``pool_announcements``; statements of usage never come
here (``usage`` keeps them). A conversation between peers is about one thing from its first
word to its last, so the word, or what is stored of it, tells which.
"""

from collections.abc import Mapping

from typing_extensions import override

from federation.engine.inside import Said
from federation.errors import OutOfTurn
from federation.ids import AgreementId, CenterId
from federation.protocol.agreement import AgreementTerms
from federation.protocol.conversation import Conversation, Word
from federation.protocol.peering import AnnouncePool
from federation.wire.envelopes import Receipt, Statement
from node.domain.small_pools import Small
from node.services.errands import Handler
from node.services.house import Desk, Reaction
from node.services.joint_tests import JointTests
from node.services.joint_words import TestWord
from node.services.pool_announcements import PoolAnnouncements
from node.store.joint_tests import JointTestRow


class Peering(Reaction):
    """Joint tests and pool announcements.

    Args:
        tests: Joint tests.
        pools: Pool announcements.
    """

    def __init__(self, *, tests: JointTests, pools: PoolAnnouncements) -> None:
        self._tests = tests
        self._pools = pools

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

    def announce(self, desk: Desk, pool: str, epoch: str, valid_hours: int) -> Mapping[str, bytes]:
        """Commit to the expert register and tell every partner; see ``PoolAnnouncements``."""
        return self._pools.announce(desk, pool, epoch, valid_hours)

    def small(self, desk: Desk, pool: str, epoch: str) -> tuple[Small, ...]:
        """The small strata of one of our epochs."""
        return self._pools.small(desk, pool, epoch)

    def handlers(self) -> Mapping[str, Handler]:
        """How our errands are run."""
        return self._tests.handlers()

    # Reactions

    @override
    def admit(
        self, desk: Desk, conversation: Conversation, word: Word, statement: Statement
    ) -> None:
        """Refuse pools that no draw could be checked against, and a second test at once."""
        del statement
        if isinstance(word, AnnouncePool):
            self._pools.admit(desk, conversation, word)
        elif isinstance(word, TestWord):
            self._tests.admit(desk, conversation, word)
        else:
            raise OutOfTurn(f"{word.case} is no word of a joint test or a pool")

    @override
    def said(self, desk: Desk, spoken: Said) -> None:
        """Keep our own word."""
        word = spoken.word
        if isinstance(word, AnnouncePool):
            self._pools.said(desk, spoken, word)
        else:
            assert isinstance(word, TestWord), f"{word.case} is not said from here"
            self._tests.said(desk, spoken, word)

    @override
    def heard(self, desk: Desk, spoken: Said) -> None:
        """Keep the peer's word, and do what follows from it."""
        word = spoken.word
        if isinstance(word, AnnouncePool):
            self._pools.heard(desk, spoken, word)
        else:
            assert isinstance(word, TestWord), f"{word.case} was not admitted"
            self._tests.heard(desk, spoken, word)

    @override
    def refused(self, desk: Desk, conversation: Conversation, receipt: Receipt) -> None:
        """The peer refused: a test has failed, or a pool is void there."""
        if not self._tests.refused(desk, conversation, receipt):
            self._pools.refused(desk, conversation, receipt)

    @override
    def lapsed(self, desk: Desk, before: Conversation, after: Conversation) -> None:
        """The other side went silent in the middle of a test."""
        del after
        self._tests.lapsed(desk, before)

    @override
    def cosigned(self, desk: Desk, peer: CenterId, suite_id: str, size: int) -> None:
        """Our pools are dated by the peer's cosignature."""
        self._pools.cosigned(desk, peer, suite_id, size)
