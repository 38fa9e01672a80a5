"""What two peers say to each other outside any project.

    NEW ─StartTest→ TESTING ─ReportTest→ REPORTED ─ConcludeTest→ TESTED
    NEW ─AnnouncePool→ ANNOUNCED
    NEW ─StateUsage→ STATED ─AgreeUsage→ AGREED
                            └DisputeUsage→ DISPUTED

A joint test (联调联试) ends with both sides holding each other's signed findings. A pool
announcement commits its owner before any draw knows of it. A statement of usage compares
what both sides have counted under one agreement on one day.
"""

from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Final

from federation.protocol.conversation import EITHER, Kind, Phase, Role, Table, Wait, Word

FIRST: Final = Role("FIRST")
SECOND: Final = Role("SECOND")

NEW: Final = Phase("NEW")
TESTING: Final = Phase("TESTING")
REPORTED: Final = Phase("REPORTED")
TESTED: Final = Phase("TESTED")
LAPSED: Final = Phase("LAPSED")
ANNOUNCED: Final = Phase("ANNOUNCED")
STATED: Final = Phase("STATED")
AGREED: Final = Phase("AGREED")
DISPUTED: Final = Phase("DISPUTED")
UNANSWERED: Final = Phase("UNANSWERED")

TEST_LASTS_MS: Final = 600_000  # ten minutes: machines answer, nobody is asked

USAGE_LASTS_MS: Final = 86_400_000  # a day: by then the next statement is due
MAX_USAGE_WORDS: Final = 4_000  # a quarter of a call; no two centers book so much in a day


@dataclass(frozen=True, slots=True)
class Check:
    """One point of a joint test."""

    name: str
    passed: bool
    measured: str


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
class ConcludeTest(Word):
    """The tester concludes."""

    kind = Kind.PEERING
    speaker = FIRST

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


PEERING: Final = Table(
    kind=Kind.PEERING,
    roles=(FIRST, SECOND),
    words=(
        StartTest, ReportTest, ConcludeTest, AnnouncePool, StateUsage, AgreeUsage, DisputeUsage,
    ),
    next=MappingProxyType({
        (NEW, "StartTest"): TESTING,
        (TESTING, "ReportTest"): REPORTED,
        (REPORTED, "ConcludeTest"): TESTED,
        (NEW, "AnnouncePool"): ANNOUNCED,
        (NEW, "StateUsage"): STATED,
        (STATED, "AgreeUsage"): AGREED,
        (STATED, "DisputeUsage"): DISPUTED,
        # The answer came when nobody waited for it any more: it stands.
        (UNANSWERED, "AgreeUsage"): AGREED,
        (UNANSWERED, "DisputeUsage"): DISPUTED,
        # The tester stopped waiting just when the report was on its way.
        (LAPSED, "ReportTest"): LAPSED,
        # The tested stopped waiting just when the conclusion was on its way: it stands.
        (LAPSED, "ConcludeTest"): TESTED,
    }),
    waits=MappingProxyType({
        TESTING: Wait(SECOND, authority=FIRST, limit_ms=TEST_LASTS_MS, lapses_to=LAPSED),
        REPORTED: Wait(FIRST, authority=SECOND, limit_ms=TEST_LASTS_MS, lapses_to=LAPSED),
        STATED: Wait(SECOND, authority=FIRST, limit_ms=USAGE_LASTS_MS, lapses_to=UNANSWERED),
    }),
    over=frozenset({TESTED, LAPSED, ANNOUNCED, AGREED, DISPUTED, UNANSWERED}),
    crossings=frozenset({
        (LAPSED, "ReportTest"), (LAPSED, "ConcludeTest"),
        (UNANSWERED, "AgreeUsage"), (UNANSWERED, "DisputeUsage"),
    }),
)  # fmt: skip
