"""A random value from outside: what the owner of a pool asks of a third center or a regulator.

    NEW ─AskValue→ ASKED ─Pledge→ PLEDGED ─Bind→ BOUND ─Contribute→ GIVEN ─Account→ ACCOUNTED
                     └PassValue→ PASSED      Release, where the draw is void: → RELEASED
    BOUND ─Account→ ACCOUNTED: the value did not come in time and counts as none.
    PLEDGED ─a day→ UNBOUND: nobody needs it any more. GIVEN ─a day→ UNACCOUNTED: nobody has said
    what became of it. Words that come late still count.

The owner asks because it is blind: it does not know the sealer's value, so that it gains
nothing by leaving a contributor out (``draw-and-evidence.md`` §1.5). What it tells the
sealer are the contributor's own signed words; ``Account`` shows the contributor what was
told, so that a value that was left out is found by whom it was taken from. The draw itself
is a conversation of its own (``protocol.draw``). Needs no agreement with the contributor:
the two centers of the draw have agreed on whom to ask.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from federation.protocol.conversation import Kind, Phase, Role, Table, Wait, Word

ASKER: Final = Role("ASKER")
CONTRIBUTOR: Final = Role("CONTRIBUTOR")

NEW: Final = Phase("NEW")
ASKED: Final = Phase("ASKED")
PLEDGED: Final = Phase("PLEDGED")
BOUND: Final = Phase("BOUND")
GIVEN: Final = Phase("GIVEN")
ACCOUNTED: Final = Phase("ACCOUNTED")
PASSED: Final = Phase("PASSED")
RELEASED: Final = Phase("RELEASED")
UNBOUND: Final = Phase("UNBOUND")
UNACCOUNTED: Final = Phase("UNACCOUNTED")

ANSWER_MS: Final = 600_000
"""For a node to answer by itself: as long as the longest back-off to a peer that was away."""
DAY_MS: Final = 86_400_000  # a draw whose other side is away may take as long to become void


@dataclass(frozen=True, slots=True)
class AskValue(Word):
    """The owner asks for a value, and shows the draw as it was opened."""

    kind = Kind.CONTRIBUTION
    speaker = ASKER

    draw_id: bytes
    opening: bytes


@dataclass(frozen=True, slots=True)
class Pledge(Word):
    """The contributor commits to a value."""

    kind = Kind.CONTRIBUTION
    speaker = CONTRIBUTOR

    commitment: bytes


@dataclass(frozen=True, slots=True)
class PassValue(Word):
    """The contributor takes no part."""

    kind = Kind.CONTRIBUTION
    speaker = CONTRIBUTOR

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Bind(Word):
    """The owner shows that everybody has committed."""

    kind = Kind.CONTRIBUTION
    speaker = ASKER

    commits: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Contribute(Word):
    """The contributor opens its value, blind to the sealer's."""

    kind = Kind.CONTRIBUTION
    speaker = CONTRIBUTOR

    value: bytes


@dataclass(frozen=True, slots=True)
class Account(Word):
    """The owner shows what it has told the sealer of all values."""

    kind = Kind.CONTRIBUTION
    speaker = ASKER

    reveal: bytes


@dataclass(frozen=True, slots=True)
class Release(Word):
    """The owner: the draw is void."""

    kind = Kind.CONTRIBUTION
    speaker = ASKER

    reason: str = ""


CONTRIBUTION: Final = Table(
    kind=Kind.CONTRIBUTION,
    roles=(ASKER, CONTRIBUTOR),
    words=(AskValue, Pledge, PassValue, Bind, Contribute, Account, Release),
    next=MappingProxyType({
        (NEW, "AskValue"): ASKED,
        (ASKED, "Pledge"): PLEDGED,
        (ASKED, "PassValue"): PASSED,
        (PLEDGED, "Bind"): BOUND,
        (BOUND, "Contribute"): GIVEN,
        (BOUND, "Account"): ACCOUNTED,
        (GIVEN, "Account"): ACCOUNTED,
        # Words that crossed a Release, or the Account of an owner that had waited long enough.
        (PASSED, "Release"): PASSED,
        (RELEASED, "Pledge"): RELEASED,
        (RELEASED, "PassValue"): PASSED,
        (RELEASED, "Contribute"): RELEASED,
        # What comes after the contributor has stopped waiting.
        (UNBOUND, "Bind"): BOUND,
        (UNBOUND, "Release"): RELEASED,
        (UNACCOUNTED, "Account"): ACCOUNTED,
        (UNACCOUNTED, "Release"): RELEASED,
        (ACCOUNTED, "Contribute"): ACCOUNTED,
    } | {(phase, "Release"): RELEASED for phase in (ASKED, PLEDGED, BOUND, GIVEN)}),
    waits=MappingProxyType({
        ASKED: Wait(CONTRIBUTOR, authority=ASKER, limit_ms=ANSWER_MS),
        PLEDGED: Wait(ASKER, authority=CONTRIBUTOR, limit_ms=DAY_MS, lapses_to=UNBOUND),
        BOUND: Wait(CONTRIBUTOR, authority=ASKER, limit_ms=ANSWER_MS),
        GIVEN: Wait(ASKER, authority=CONTRIBUTOR, limit_ms=DAY_MS, lapses_to=UNACCOUNTED),
    }),
    over=frozenset({ACCOUNTED, PASSED, RELEASED, UNBOUND, UNACCOUNTED}),
    crossings=frozenset({
        (PASSED, "Release"), (RELEASED, "Pledge"), (RELEASED, "PassValue"),
        (RELEASED, "Contribute"), (ACCOUNTED, "Contribute"),
        (UNBOUND, "Bind"), (UNBOUND, "Release"),
        (UNACCOUNTED, "Account"), (UNACCOUNTED, "Release"),
    }),
)  # fmt: skip
