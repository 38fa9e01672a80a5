"""What two peers say to each other outside any project.

    NEW ─StartTest→ TESTING ─ReportTest→ REPORTED
    REPORTED ─RehearseHold→ HELD ─RehearseVote→ PROMISED ─RehearseDecide→ DECIDED
    DECIDED ─RehearseCommit(second)→ HALF ─RehearseCommit(first)→ COMMITTED
    COMMITTED ─RehearseReveal→ REVEALED ─ConcludeTest→ CONCLUDED
    CONCLUDED ─CountersignTest→ TESTED
             └ContestTest→ CONTESTED
    NEW ─AnnouncePool→ ANNOUNCED
    NEW ─StateUsage→ STATED ─AgreeUsage→ AGREED
                            └DisputeUsage→ DISPUTED

A joint test (联调联试) rehearses a booking and a draw and ends with one report that both
sides have signed; what fails is a finding of the report, so that a test that fails ends like
one that passes. A pool announcement commits its owner before any draw knows of it. A
statement of usage compares what both sides have counted under one agreement on one day.
"""

from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Final

from federation.protocol.booking import Answer, Check, Decision
from federation.protocol.conversation import EITHER, Kind, Phase, Role, Table, Wait, Word

FIRST: Final = Role("FIRST")
SECOND: Final = Role("SECOND")

NEW: Final = Phase("NEW")
TESTING: Final = Phase("TESTING")
REPORTED: Final = Phase("REPORTED")
HELD: Final = Phase("HELD")
PROMISED: Final = Phase("PROMISED")
DECIDED: Final = Phase("DECIDED")
HALF: Final = Phase("HALF")
COMMITTED: Final = Phase("COMMITTED")
REVEALED: Final = Phase("REVEALED")
CONCLUDED: Final = Phase("CONCLUDED")
TESTED: Final = Phase("TESTED")
CONTESTED: Final = Phase("CONTESTED")
LAPSED: Final = Phase("LAPSED")
ANNOUNCED: Final = Phase("ANNOUNCED")
STATED: Final = Phase("STATED")
AGREED: Final = Phase("AGREED")
DISPUTED: Final = Phase("DISPUTED")
UNANSWERED: Final = Phase("UNANSWERED")

TEST_STEP_MS: Final = 180_000
"""Three minutes for each step: machines answer, nobody is asked, and somebody watches. The
longest step, measuring a line that is half dead, takes less than two."""

USAGE_LASTS_MS: Final = 86_400_000  # a day: by then the next statement is due
MAX_USAGE_WORDS: Final = 4_000  # a quarter of a call; no two centers book so much in a day


@dataclass(frozen=True, slots=True)
class StartTest(Word):
    """The tester begins with what it found on its own side."""

    kind = Kind.PEERING
    speaker = FIRST

    agreement_digest: bytes
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class ReportTest(Word):
    """The tested side reports what it found."""

    kind = Kind.PEERING
    speaker = SECOND

    agreement_digest: bytes
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class RehearseHold(Word):
    """The tester asks for seats in the rehearsal calendar."""

    kind = Kind.PEERING
    speaker = FIRST

    start_ms: int
    end_ms: int
    seats: int
    equipment: tuple[str, ...]
    overnight: bool


@dataclass(frozen=True, slots=True)
class RehearseVote(Word):
    """The tested side has reserved them in its rehearsal calendar, or could not."""

    kind = Kind.PEERING
    speaker = SECOND

    answer: Answer
    reason: str = ""
    alternative_start_ms: int = 0


@dataclass(frozen=True, slots=True)
class RehearseDecide(Word):
    """The tester decides; the tested side releases the seats in either case."""

    kind = Kind.PEERING
    speaker = FIRST

    decision: Decision


@dataclass(frozen=True, slots=True)
class RehearseCommit(Word):
    """A side shows its root over the rehearsal pool and commits to its value; the tested first."""

    kind = Kind.PEERING
    speaker = EITHER

    root: bytes
    commitment: bytes


@dataclass(frozen=True, slots=True)
class RehearseReveal(Word):
    """The tested side reveals its value."""

    kind = Kind.PEERING
    speaker = SECOND

    value: bytes


@dataclass(frozen=True, slots=True)
class ConcludeTest(Word):
    """The tester reveals its value and concludes with the report, signed."""

    kind = Kind.PEERING
    speaker = FIRST

    passed: bool
    value: bytes
    document: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class CountersignTest(Word):
    """The tested side signs the same bytes."""

    kind = Kind.PEERING
    speaker = SECOND

    signature: bytes


@dataclass(frozen=True, slots=True)
class ContestTest(Word):
    """The tested side found otherwise, and signs its own report."""

    kind = Kind.PEERING
    speaker = SECOND

    reason: str
    document: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class JointTestReport:
    """What both sides sign: all that was found, as the words of the test say it.

    Args:
        test_id: The conversation.
        tester: Center id of whoever began.
        tested: Center id of the other.
        agreement_digest: The agreement that the tester holds.
        tested_agreement_digest: The agreement that the tested side holds.
        tester_checks: What the tester found.
        tested_checks: What the tested side found.
        rehearsals: How the rehearsal booking and the rehearsal draw went.
        started_at_ms: When ``StartTest`` was said, on the tester's clock.
        ended_at_ms: When ``ConcludeTest`` was said, on the tester's clock.
        passed: Whether everything above was in order and both hold one agreement.
    """

    test_id: bytes
    tester: str
    tested: str
    agreement_digest: bytes
    tested_agreement_digest: bytes
    tester_checks: tuple[Check, ...]
    tested_checks: tuple[Check, ...]
    rehearsals: tuple[Check, ...]
    started_at_ms: int
    ended_at_ms: int
    passed: bool


@dataclass(frozen=True, slots=True)
class Stratum:
    """One specialty of a pool: so many entries under this root."""

    specialty: str
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class AnnouncePool(Word):
    """A pool's owner commits to it for an epoch."""

    kind = Kind.PEERING
    speaker = EITHER

    pool: str
    epoch: str
    strata: tuple[Stratum, ...]
    root: bytes
    audit_digest: bytes
    valid_from_ms: int
    valid_until_ms: int
    gateway_key: bytes = b""


class Stage(IntEnum):
    """What a word of the host's, accepted by the sub, made of a booking."""

    HELD = 1
    CONFIRMED = 2
    COMPLETED = 3


@dataclass(frozen=True, slots=True, order=True)
class UsedWord:
    """One word that counts: a Hold, a Decide.CONFIRM or a Complete.

    Args:
        booking_id: Its booking.
        stage: What it made of it.
        word: Its envelope hash.
    """

    booking_id: bytes
    stage: Stage
    word: bytes


@dataclass(frozen=True, slots=True)
class Usage:
    """What one side has counted under an agreement on one day, in one direction.

    Args:
        bookings_held: Bookings held that day.
        bookings_confirmed: Bookings confirmed that day.
        bookings_completed: Bookings completed that day.
        seats: Seats of those confirmed.
        experts: Experts asked of the sub by those confirmed.
        words: What was counted, ascending; the first ``MAX_USAGE_WORDS`` of it.
    """

    bookings_held: int
    bookings_confirmed: int
    bookings_completed: int
    seats: int
    experts: int
    words: tuple[UsedWord, ...]


@dataclass(frozen=True, slots=True)
class StateUsage(Word):
    """The sub states what it has counted. ``day`` is ISO 8601, in Beijing, by the sub's clock."""

    kind = Kind.PEERING
    speaker = FIRST

    agreement_digest: bytes
    day: str
    usage: Usage


@dataclass(frozen=True, slots=True)
class AgreeUsage(Word):
    """The other side has counted the same."""

    kind = Kind.PEERING
    speaker = SECOND

    usage: Usage


@dataclass(frozen=True, slots=True)
class DisputeUsage(Word):
    """The other side has counted otherwise, and states its own counts with their evidence."""

    kind = Kind.PEERING
    speaker = SECOND

    usage: Usage
    reason: str = ""


_STEPS: Final = (
    (TESTING, SECOND), (REPORTED, FIRST), (HELD, SECOND), (PROMISED, FIRST), (DECIDED, SECOND),
    (HALF, FIRST), (COMMITTED, SECOND), (REVEALED, FIRST), (CONCLUDED, SECOND),
)  # fmt: skip
"""The steps of a joint test, and whose turn each is; whoever waits lets it lapse."""

_CROSS_A_LAPSE: Final = (
    "ReportTest", "RehearseHold", "RehearseVote", "RehearseDecide", "RehearseCommit",
    "RehearseReveal", "ConcludeTest",
)  # fmt: skip

PEERING: Final = Table(
    kind=Kind.PEERING,
    roles=(FIRST, SECOND),
    words=(
        StartTest, ReportTest, RehearseHold, RehearseVote, RehearseDecide, RehearseCommit,
        RehearseReveal, ConcludeTest, CountersignTest, ContestTest, AnnouncePool, StateUsage,
        AgreeUsage, DisputeUsage,
    ),
    next=MappingProxyType({
        (NEW, "StartTest"): TESTING,
        (TESTING, "ReportTest"): REPORTED,
        (REPORTED, "RehearseHold"): HELD,
        (HELD, "RehearseVote"): PROMISED,
        (PROMISED, "RehearseDecide"): DECIDED,
        (DECIDED, "RehearseCommit"): HALF,
        (HALF, "RehearseCommit"): COMMITTED,
        (COMMITTED, "RehearseReveal"): REVEALED,
        (REVEALED, "ConcludeTest"): CONCLUDED,
        (CONCLUDED, "CountersignTest"): TESTED,
        (CONCLUDED, "ContestTest"): CONTESTED,
        (NEW, "AnnouncePool"): ANNOUNCED,
        (NEW, "StateUsage"): STATED,
        (STATED, "AgreeUsage"): AGREED,
        (STATED, "DisputeUsage"): DISPUTED,
        # Somebody stopped waiting just when the word was on its way. The last word stands.
        **{(LAPSED, case): LAPSED for case in _CROSS_A_LAPSE},
        (LAPSED, "CountersignTest"): TESTED,
        (LAPSED, "ContestTest"): CONTESTED,
        # The answer came when nobody waited for it any more: it stands.
        (UNANSWERED, "AgreeUsage"): AGREED,
        (UNANSWERED, "DisputeUsage"): DISPUTED,
    }),
    waits=MappingProxyType({
        **{
            phase: Wait(
                turn,
                authority=FIRST if turn == SECOND else SECOND,
                limit_ms=TEST_STEP_MS,
                lapses_to=LAPSED,
            )
            for phase, turn in _STEPS
        },
        STATED: Wait(SECOND, authority=FIRST, limit_ms=USAGE_LASTS_MS, lapses_to=UNANSWERED),
    }),
    over=frozenset({TESTED, CONTESTED, LAPSED, ANNOUNCED, AGREED, DISPUTED, UNANSWERED}),
    # Whoever reveals second must have committed without knowing the other's value.
    speakers=MappingProxyType({
        (DECIDED, "RehearseCommit"): SECOND, (HALF, "RehearseCommit"): FIRST,
    }),
    crossings=frozenset({
        *((LAPSED, case) for case in (*_CROSS_A_LAPSE, "CountersignTest", "ContestTest")),
        (UNANSWERED, "AgreeUsage"), (UNANSWERED, "DisputeUsage"),
    }),
)  # fmt: skip
