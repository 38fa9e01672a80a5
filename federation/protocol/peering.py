"""What two peers say to each other outside any project.

    NEW ─StartTest→ TESTING ─ReportTest→ REPORTED ─ConcludeTest→ TESTED
    NEW ─AnnouncePool→ ANNOUNCED

A joint test (联调联试) ends with both sides holding each other's signed findings. A pool
announcement commits its owner before any draw knows of it.
"""

from dataclasses import dataclass
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

TEST_LASTS_MS: Final = 600_000  # ten minutes: machines answer, nobody is asked


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


PEERING: Final = Table(
    kind=Kind.PEERING,
    roles=(FIRST, SECOND),
    words=(StartTest, ReportTest, ConcludeTest, AnnouncePool),
    next=MappingProxyType({
        (NEW, "StartTest"): TESTING,
        (TESTING, "ReportTest"): REPORTED,
        (REPORTED, "ConcludeTest"): TESTED,
        (NEW, "AnnouncePool"): ANNOUNCED,
        # The tester stopped waiting just when the report was on its way.
        (LAPSED, "ReportTest"): LAPSED,
        # The tested stopped waiting just when the conclusion was on its way: it stands.
        (LAPSED, "ConcludeTest"): TESTED,
    }),
    waits=MappingProxyType({
        TESTING: Wait(SECOND, authority=FIRST, limit_ms=TEST_LASTS_MS, lapses_to=LAPSED),
        REPORTED: Wait(FIRST, authority=SECOND, limit_ms=TEST_LASTS_MS, lapses_to=LAPSED),
    }),
    over=frozenset({TESTED, LAPSED, ANNOUNCED}),
    crossings=frozenset({(LAPSED, "ReportTest"), (LAPSED, "ConcludeTest")}),
)  # fmt: skip
