"""The drawing of experts from one center's pool, sealed by the other center.

    NEW ─RequestDraw→ REQUESTED ─Open→ OPENED ─AcceptDraw→ ACCEPTED ─Commit(owner)→ HALF
        └───────────────Open──────────↗           ─Commit(sealer)→ COMMITTED ─Reveal→ WALKING
    WALKING ─Next→ ASKED ─Verdict.INVITE→ INVITED ─Report→ WALKING
                        └Verdict.SKIP→ WALKING
    WALKING ─Shortfall→ WALKING ─Result→ SEALED ─Close→ CLOSED
    SEALED ─Report(leave)→ WALKING: the supplement (补抽) comes from the same ranking.
    Whoever waits in vain says Fault: → VOID.
    WALKING, SEALED ─Rescue→ RESCUED: the sealer is silent, its escrow is open, the owner goes on.

The owner knows who the people are and reveals first; the sealer sees only salted handles
and is the only one who knows the order until Close (``draw-and-evidence.md`` §1.5). Values of
outside contributors come by the owner, which is blind: were the sealer to bring them, it
could choose between the order with a value and the one without.

What the words mean for the lottery is ``federation.lottery``; it also tells whose word is next
in WALKING, from the slots that both sides see: Next while one can be filled, else
Shortfall or Result. A Close stands whatever it crossed: the order is public from then on.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Final

from typing_extensions import override

from federation.protocol.conversation import EITHER, Kind, Phase, Role, Table, Wait, Word

OWNER: Final = Role("OWNER")
SEALER: Final = Role("SEALER")

NEW: Final = Phase("NEW")
REQUESTED: Final = Phase("REQUESTED")
OPENED: Final = Phase("OPENED")
ACCEPTED: Final = Phase("ACCEPTED")
HALF: Final = Phase("HALF")
COMMITTED: Final = Phase("COMMITTED")
WALKING: Final = Phase("WALKING")
ASKED: Final = Phase("ASKED")
INVITED: Final = Phase("INVITED")
SEALED: Final = Phase("SEALED")
CLOSED: Final = Phase("CLOSED")
VOID: Final = Phase("VOID")
RESCUED: Final = Phase("RESCUED")

MACHINE_MS: Final = 1_800_000  # half an hour for a node to come back and do its step
CALL_MS: Final = 3_600_000  # an hour to reach an expert by voice and SMS
LIST_MS: Final = 60 * 86_400_000  # a sealed list waits for its evaluation
MAX_SLOTS: Final = 16
MAX_PER_SLOT: Final = 64
MAX_OUTSIDE: Final = 6  # a regulator and a few neighbours; each is waited for
MAX_STEPS: Final = 2_000  # a walk longer than this has left chance behind


class Ruling(IntEnum):
    """What the committed attributes of an entry allow."""

    INVITE = 1
    SKIP_STATUS = 2
    SKIP_LINK = 3
    SKIP_EMPLOYER = 4
    SKIP_EXCLUDED = 5


class Response(IntEnum):
    """What an invited expert answered."""

    ACCEPT = 1
    DECLINE = 2
    NO_ANSWER = 3
    LEAVE = 4
    RECUSED = 5
    ABSENT = 6


GONE: Final = frozenset({Response.LEAVE, Response.RECUSED, Response.ABSENT})
"""Of those who had accepted: the list was sealed with them, and is drawn on without them."""


@dataclass(frozen=True, slots=True)
class Slot:
    """So many experts of one specialty."""

    specialty: str
    count: int


@dataclass(frozen=True, slots=True)
class RequestDraw(Word):
    """The owner asks the other center to seal a draw from the owner's pool."""

    kind = Kind.DRAW
    speaker = OWNER

    booking_id: bytes
    pool: str
    epoch: str
    slots: tuple[Slot, ...]
    bid_deadline_ms: int
    evaluation_start_ms: int
    exclusion_commitment: bytes = b""
    supersedes: bytes = b""
    permit: bytes = b""


@dataclass(frozen=True, slots=True)
class Open(Word):
    """The sealer opens the draw; its bytes go into the seed."""

    kind = Kind.DRAW
    speaker = SEALER

    booking_id: bytes
    sequence: int
    pool: str
    epoch: str
    root: bytes
    slots: tuple[Slot, ...]
    contributors: tuple[str, ...]
    bid_deadline_ms: int
    evaluation_start_ms: int
    exclusion_commitment: bytes = b""
    exclusion_sealed: bytes = b""
    supersedes: bytes = b""
    permit: bytes = b""

    @property
    def outside(self) -> tuple[str, ...]:
        """Contributors besides the two centers, in the order of the seed."""
        return self.contributors[1:-1]


def sealer_for_host(participants: Iterable[str]) -> str:
    """Which of a booking's subs seals the draw from the host's own pool: the lowest center id.

    A center id is the digest of a root key that was made before there was any project, so
    nobody chooses the sealer: not by the order in which subs are named, not by answering late,
    not by trying times or ids until the lot falls right. Every sub knows all participants from
    its ``Hold`` and can tell for itself whether it is the one.

    Args:
        participants: ``Hold.participants``.

    Raises:
        ValueError: There are none: without a second center nobody can seal a draw.
    """
    return min(participants)


@dataclass(frozen=True, slots=True)
class Listing:
    """The sorted entries of one stratum, joined."""

    specialty: str
    entries: bytes


@dataclass(frozen=True, slots=True)
class AcceptDraw(Word):
    """The owner accepts and shows the committed entries."""

    kind = Kind.DRAW
    speaker = OWNER

    listings: tuple[Listing, ...]


@dataclass(frozen=True, slots=True)
class Commit(Word):
    """Either side commits to its random value; the owner first, with the outside pledges."""

    kind = Kind.DRAW
    speaker = EITHER

    commitment: bytes
    outside: tuple[bytes, ...] = ()
    escrow: bytes = b""


@dataclass(frozen=True, slots=True)
class Reveal(Word):
    """The owner reveals its value and the outside ones, blind to the sealer's."""

    kind = Kind.DRAW
    speaker = OWNER

    value: bytes
    outside: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Next(Word):
    """The sealer names the next entry in the order."""

    kind = Kind.DRAW
    speaker = SEALER

    step: int
    slot: int
    rank: int
    entry: bytes
    previous_step: bytes


@dataclass(frozen=True, slots=True)
class Opening:
    """One attribute of an entry, opened."""

    attribute: str
    salt: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class Verdict(Word):
    """The owner rules on an entry and opens what justifies it."""

    kind = Kind.DRAW
    speaker = OWNER

    entry: bytes
    ruling: Ruling
    digests: tuple[bytes, ...]
    openings: tuple[Opening, ...]
    previous_step: bytes

    @property
    @override
    def case(self) -> str:
        """``Verdict.INVITE`` or ``Verdict.SKIP``."""
        return "Verdict.INVITE" if self.ruling is Ruling.INVITE else "Verdict.SKIP"


@dataclass(frozen=True, slots=True)
class Report(Word):
    """The owner reports what an invited expert answered."""

    kind = Kind.DRAW
    speaker = OWNER

    entry: bytes
    response: Response
    evidence: bytes
    previous_step: bytes
    proof: bytes = b""

    @property
    @override
    def case(self) -> str:
        """``Report.LEAVE`` after the list was sealed, ``Report.ANSWER`` otherwise."""
        return "Report.LEAVE" if self.response in GONE else "Report.ANSWER"


@dataclass(frozen=True, slots=True)
class Shortfall(Word):
    """The owner: a stratum is exhausted."""

    kind = Kind.DRAW
    speaker = OWNER

    slot: int
    missing: int


@dataclass(frozen=True, slots=True)
class Result(Word):
    """The owner: the list is complete and sealed to the e-trading system."""

    kind = Kind.DRAW
    speaker = OWNER

    list_commitment: bytes
    sealed_digest: bytes
    revision: int
    members: int


@dataclass(frozen=True, slots=True)
class Close(Word):
    """The sealer reveals its value; everybody can recompute the draw."""

    kind = Kind.DRAW
    speaker = SEALER

    value: bytes
    head: bytes


@dataclass(frozen=True, slots=True)
class Fault(Word):
    """Either side: the other did not do its part in time. The draw is void."""

    kind = Kind.DRAW
    speaker = EITHER

    phase: str
    detail: str
    silent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rescue(Word):
    """The owner: the regulator has opened the silent sealer's escrow."""

    kind = Kind.DRAW
    speaker = OWNER

    unsealed: bytes


@dataclass(frozen=True, slots=True)
class Proceed(Word):
    """The owner names the next entry of an order that is public, in the sealer's place."""

    kind = Kind.DRAW
    speaker = OWNER

    step: int
    slot: int
    rank: int
    entry: bytes
    previous_step: bytes


@dataclass(frozen=True, slots=True)
class Conclude(Word):
    """The owner ends a draw that it went on with alone."""

    kind = Kind.DRAW
    speaker = OWNER

    head: bytes


_CROSS_A_FAULT: Final = (
    "Open", "AcceptDraw", "Commit", "Reveal", "Next", "Verdict.INVITE", "Verdict.SKIP",
    "Report.ANSWER", "Report.LEAVE", "Shortfall", "Result",
)  # fmt: skip
_WALKED_ALONE: Final = (
    "Proceed", "Verdict.INVITE", "Verdict.SKIP", "Report.ANSWER", "Report.LEAVE", "Shortfall",
    "Result",
)  # fmt: skip
_CROSS_A_CLOSE: Final = (*_WALKED_ALONE, "Fault", "Rescue", "Conclude")

DRAW: Final = Table(
    kind=Kind.DRAW,
    roles=(OWNER, SEALER),
    words=(
        RequestDraw, Open, AcceptDraw, Commit, Reveal, Next, Verdict, Report, Shortfall, Result,
        Close, Fault, Rescue, Proceed, Conclude,
    ),
    next=MappingProxyType({
        (NEW, "RequestDraw"): REQUESTED,
        (NEW, "Open"): OPENED,
        (REQUESTED, "Open"): OPENED,
        (OPENED, "AcceptDraw"): ACCEPTED,
        (ACCEPTED, "Commit"): HALF,
        (HALF, "Commit"): COMMITTED,
        (COMMITTED, "Reveal"): WALKING,
        (WALKING, "Next"): ASKED,
        (ASKED, "Verdict.INVITE"): INVITED,
        (ASKED, "Verdict.SKIP"): WALKING,
        (INVITED, "Report.ANSWER"): WALKING,
        (WALKING, "Shortfall"): WALKING,
        (WALKING, "Result"): SEALED,
        (SEALED, "Report.LEAVE"): WALKING,
        (SEALED, "Close"): CLOSED,
        (WALKING, "Rescue"): RESCUED,
        (SEALED, "Rescue"): RESCUED,
        **{(RESCUED, case): RESCUED for case in _WALKED_ALONE},
        (RESCUED, "Conclude"): CLOSED,
        # Words that crossed a Fault, a Rescue, the Close. A Rescue stands: all is open by then.
        (VOID, "Rescue"): RESCUED,
        (ASKED, "Rescue"): RESCUED,
        (RESCUED, "Fault"): RESCUED,
        (RESCUED, "Next"): RESCUED,
        (RESCUED, "Close"): CLOSED,
        (CLOSED, "Close"): CLOSED,
        (CLOSED, "Next"): CLOSED,
        (VOID, "Fault"): VOID,
        **{(VOID, case): VOID for case in _CROSS_A_FAULT},
        (VOID, "Close"): CLOSED,
        (WALKING, "Close"): CLOSED,
        **{(CLOSED, case): CLOSED for case in _CROSS_A_CLOSE},
    } | {
        (phase, "Fault"): VOID
        for phase in (
            REQUESTED, OPENED, ACCEPTED, HALF, COMMITTED, WALKING, ASKED, INVITED, SEALED,
        )
    }),
    waits=MappingProxyType({
        REQUESTED: Wait(SEALER, authority=OWNER, limit_ms=MACHINE_MS),
        OPENED: Wait(OWNER, authority=SEALER, limit_ms=MACHINE_MS),
        ACCEPTED: Wait(OWNER, authority=SEALER, limit_ms=MACHINE_MS),
        HALF: Wait(SEALER, authority=OWNER, limit_ms=MACHINE_MS),
        COMMITTED: Wait(OWNER, authority=SEALER, limit_ms=MACHINE_MS),
        WALKING: Wait(SEALER, authority=OWNER, limit_ms=MACHINE_MS),
        ASKED: Wait(OWNER, authority=SEALER, limit_ms=MACHINE_MS),
        INVITED: Wait(OWNER, authority=SEALER, limit_ms=CALL_MS),
        SEALED: Wait(SEALER, authority=OWNER, limit_ms=LIST_MS),
        RESCUED: Wait(OWNER, authority=OWNER, limit_ms=LIST_MS),
    }),
    over=frozenset({CLOSED, VOID}),
    # Were the sealer to commit first, or one side twice, the other could choose its value late.
    speakers=MappingProxyType({(ACCEPTED, "Commit"): OWNER, (HALF, "Commit"): SEALER}),
    crossings=frozenset({
        *((VOID, case) for case in ("Fault", "Close", "Rescue", *_CROSS_A_FAULT)),
        *((RESCUED, case) for case in ("Fault", "Next", "Close")),
        (ASKED, "Rescue"), (CLOSED, "Close"), (CLOSED, "Next"),
        (WALKING, "Close"),
        *((CLOSED, case) for case in _CROSS_A_CLOSE),
    }),
)  # fmt: skip
