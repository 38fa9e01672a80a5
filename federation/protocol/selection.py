"""A lottery of sub-venues (随机挑选, 盲选), as its host and one of its candidates hold it.

    NEW ─Invite→ INVITED ─Enter→ ENTERED ─Gather→ GATHERED ─Disclose→ DISCLOSED ─Rank→ RANKED
                   └Pass→ PASSED      Abandon, from anywhere in between: → VOID

The host opens one such conversation with every candidate, under one ``selection_id``. It
commits to its value first, in ``Invite``, and opens it last, in ``Rank``: no candidate can
know the outcome when it opens its own, so none gains by keeping silent. What the host could
gain by silence is why an attempt in which anybody's value is missing is void, and counted;
see ``proto/README.md``. How the values make an order is ``federation.lottery.selection``.

An Invite is answered by a node from its calendar; it reserves nothing. What is drawn is
booked by an ordinary ``Hold``, which a candidate's staff may still decline.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from federation.protocol.booking import MAX_PARTICIPANTS, ExpertNeed, SelectionMode
from federation.protocol.conversation import EITHER, Kind, Phase, Role, Table, Wait, Word

HOST: Final = Role("HOST")
SUB: Final = Role("SUB")

NEW: Final = Phase("NEW")
INVITED: Final = Phase("INVITED")
ENTERED: Final = Phase("ENTERED")
GATHERED: Final = Phase("GATHERED")
DISCLOSED: Final = Phase("DISCLOSED")
RANKED: Final = Phase("RANKED")
PASSED: Final = Phase("PASSED")
VOID: Final = Phase("VOID")

ANSWER_MS: Final = 600_000
"""For a node to answer by itself: as long as the longest back-off to a peer that was away."""
HOST_MS: Final = 1_800_000
"""For the host, who waits for the slowest candidate, and may be started anew meanwhile."""
MAX_CANDIDATES: Final = 64  # two for each province, roughly; bounds an Invite and its Rank
MIN_CANDIDATES: Final = 2  # of one there is nothing to draw
MAX_PLACES: Final = MAX_PARTICIPANTS
MAX_ATTEMPTS: Final = 3
"""So often may one lottery be held: a host that does not like an outcome has two more."""
MAX_SKIPPED: Final = 3
"""So many of those drawn may be passed over because they declined, before people decide."""


@dataclass(frozen=True, slots=True)
class Place:
    """What one of the wanted sub-venues must offer."""

    seats: int
    equipment: tuple[str, ...]
    overnight: bool
    experts: tuple[ExpertNeed, ...]


@dataclass(frozen=True, slots=True)
class Invite(Word):
    """The host invites a center to a lottery; its bytes go into the seed."""

    kind = Kind.SELECTION
    speaker = HOST

    selection_id: bytes
    attempt: int
    candidates: tuple[str, ...]
    selection: SelectionMode
    start_ms: int
    end_ms: int
    project_kind: str
    places: tuple[Place, ...]
    commitment: bytes


@dataclass(frozen=True, slots=True)
class Enter(Word):
    """The candidate takes part, and commits to its value."""

    kind = Kind.SELECTION
    speaker = SUB

    commitment: bytes


@dataclass(frozen=True, slots=True)
class Pass(Word):
    """The candidate takes no part."""

    kind = Kind.SELECTION
    speaker = SUB

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Entrant:
    """One who entered, with its commitment."""

    center_id: str
    commitment: bytes


@dataclass(frozen=True, slots=True)
class Gather(Word):
    """The host closes the list of entrants."""

    kind = Kind.SELECTION
    speaker = HOST

    entrants: tuple[Entrant, ...]
    absent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Disclose(Word):
    """The candidate opens its commitment to the host, blind to the host's value."""

    kind = Kind.SELECTION
    speaker = SUB

    value: bytes


@dataclass(frozen=True, slots=True)
class Rank(Word):
    """The host opens everything and says the order; everybody can recompute it."""

    kind = Kind.SELECTION
    speaker = HOST

    value: bytes
    values: tuple[bytes, ...]
    order: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Abandon(Word):
    """Either side: this attempt is void."""

    kind = Kind.SELECTION
    speaker = EITHER

    phase: str
    at_fault: tuple[str, ...] = ()
    detail: str = ""


_BEGUN: Final = (INVITED, ENTERED, GATHERED, DISCLOSED)

SELECTION: Final = Table(
    kind=Kind.SELECTION,
    roles=(HOST, SUB),
    words=(Invite, Enter, Pass, Gather, Disclose, Rank, Abandon),
    next=MappingProxyType({
        (NEW, "Invite"): INVITED,
        (INVITED, "Enter"): ENTERED,
        (INVITED, "Pass"): PASSED,
        (ENTERED, "Gather"): GATHERED,
        (GATHERED, "Disclose"): DISCLOSED,
        (DISCLOSED, "Rank"): RANKED,
        # Words that crossed an Abandon. A Rank stands whatever it crossed: it opens everything.
        (VOID, "Abandon"): VOID,
        (VOID, "Enter"): VOID,
        (VOID, "Gather"): VOID,
        (VOID, "Disclose"): VOID,
        (VOID, "Pass"): PASSED,
        (PASSED, "Abandon"): PASSED,
        (VOID, "Rank"): RANKED,
        (RANKED, "Abandon"): RANKED,
    } | {(phase, "Abandon"): VOID for phase in _BEGUN}),
    waits=MappingProxyType({
        INVITED: Wait(SUB, authority=HOST, limit_ms=ANSWER_MS),
        ENTERED: Wait(HOST, authority=SUB, limit_ms=HOST_MS),
        GATHERED: Wait(SUB, authority=HOST, limit_ms=ANSWER_MS),
        DISCLOSED: Wait(HOST, authority=SUB, limit_ms=HOST_MS),
    }),
    over=frozenset({RANKED, PASSED, VOID}),
    # Whoever does not want to take part passes; to give up is for those who wait for others.
    speakers=MappingProxyType({(INVITED, "Abandon"): HOST}),
    crossings=frozenset({
        (PASSED, "Abandon"), (RANKED, "Abandon"),
        *((VOID, case) for case in ("Abandon", "Enter", "Pass", "Gather", "Disclose", "Rank")),
    }),
)  # fmt: skip
