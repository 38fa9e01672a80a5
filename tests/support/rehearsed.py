"""The words of a joint test that passes, for tests in which nobody looks into them."""

from typing import Final

from federation.protocol.booking import Answer, Check, Decision
from federation.protocol.conversation import Word
from federation.protocol.peering import (
    FIRST,
    SECOND,
    ConcludeTest,
    CountersignTest,
    RehearseCommit,
    RehearseDecide,
    RehearseHold,
    RehearseReveal,
    RehearseVote,
    ReportTest,
    StartTest,
)

DIGEST: Final = bytes(32)
SIGNATURE: Final = bytes(64)
CHECKS: Final = (Check("clock_skew", passed=True, measured="0 ms"),)
CONCLUDED: Final = ConcludeTest(passed=True, value=DIGEST, document=b"report", signature=SIGNATURE)


def words_after(start: StartTest) -> list[tuple[str, Word]]:
    """Who says what after ``StartTest``, up to both signatures."""
    return [
        (SECOND, ReportTest(start.agreement_digest, start.checks)),
        (FIRST, RehearseHold(1, 2, seats=1, equipment=(), overnight=False)),
        (SECOND, RehearseVote(Answer.YES)),
        (FIRST, RehearseDecide(Decision.CONFIRM)),
        (SECOND, RehearseCommit(DIGEST, DIGEST)),
        (FIRST, RehearseCommit(DIGEST, DIGEST)),
        (SECOND, RehearseReveal(DIGEST)),
        (FIRST, CONCLUDED),
        (SECOND, CountersignTest(SIGNATURE)),
    ]
