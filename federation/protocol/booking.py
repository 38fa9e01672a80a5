"""One leg of a booking: a host asks one sub for seats.

    NEW ─Hold→ HELD ─Vote.YES→ PROMISED ─Decide.CONFIRM→ CONFIRMED ─Complete→ COMPLETED
                 │ Vote.NO        │ Decide.ABORT → RELEASED
                 ▼                │ silence      → IN_DOUBT ─Decide.*→ CONFIRMED | RELEASED
             DECLINED
    Silence in HELD → EXPIRED. Decide.ABORT before its Hold leaves a tombstone: RELEASED.

The sub owns the seats, so its clock decides both deadlines. The host confirms only what
was promised; the table cannot say CONFIRM in any other phase. How legs make a bundle is
``bundle.py``.
"""

from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Final

from typing_extensions import override

from federation.protocol.conversation import Kind, Phase, Role, Table, Wait, Word

HOST: Final = Role("HOST")
SUB: Final = Role("SUB")

NEW: Final = Phase("NEW")
HELD: Final = Phase("HELD")
PROMISED: Final = Phase("PROMISED")
CONFIRMED: Final = Phase("CONFIRMED")
COMPLETED: Final = Phase("COMPLETED")
DECLINED: Final = Phase("DECLINED")
RELEASED: Final = Phase("RELEASED")
EXPIRED: Final = Phase("EXPIRED")
IN_DOUBT: Final = Phase("IN_DOUBT")

HOLD_LIMIT_MS: Final = 1_800_000  # project default, not law: domain.md §1.6
PROMISE_LIMIT_MS: Final = 86_400_000  # federation.md §7.5
MAX_PARTICIPANTS: Final = 16  # more sub-venues than any evaluation has had; bounds a Hold
MAX_EQUIPMENT: Final = 32

KEEPS_SEATS: Final = frozenset({HELD, PROMISED, IN_DOUBT, CONFIRMED})
"""Phases in which the sub keeps the seats reserved."""


class SelectionMode(IntEnum):
    """How the sub-venue was found."""

    CHOSEN = 1
    RANDOM = 2
    BLIND = 3


class Answer(IntEnum):
    """A yes or a no."""

    YES = 1
    NO = 2


class Decision(IntEnum):
    """What became of a bundle."""

    CONFIRM = 1
    ABORT = 2


@dataclass(frozen=True, slots=True)
class ExpertNeed:
    """How many experts of which specialty."""

    specialty: str
    count: int


@dataclass(frozen=True, slots=True)
class Hold(Word):
    """The host asks the sub to keep seats free; they are reserved at once."""

    kind = Kind.BOOKING
    speaker = HOST

    bundle_id: bytes
    participants: tuple[str, ...]
    start_ms: int
    end_ms: int
    seats: int
    equipment: tuple[str, ...]
    overnight: bool
    project_kind: str
    experts: tuple[ExpertNeed, ...]
    selection: SelectionMode
    value_wan: int = 0


@dataclass(frozen=True, slots=True)
class Vote(Word):
    """The sub's staff say yes or no. Yes promises to keep the seats until the decision."""

    kind = Kind.BOOKING
    speaker = SUB

    answer: Answer
    reason: str = ""
    alternative_start_ms: int = 0
    promise_ms: int = 0

    @property
    @override
    def case(self) -> str:
        """``Vote.YES`` or ``Vote.NO``."""
        return f"Vote.{self.answer.name}"

    @property
    @override
    def wait_ms(self) -> int | None:
        """How long the promise lasts."""
        return self.promise_ms or None


@dataclass(frozen=True, slots=True)
class Decide(Word):
    """The host's one decision for the whole bundle."""

    kind = Kind.BOOKING
    speaker = HOST

    bundle_id: bytes
    decision: Decision
    reason: str = ""

    @property
    @override
    def case(self) -> str:
        """``Decide.CONFIRM`` or ``Decide.ABORT``."""
        return f"Decide.{self.decision.name}"


@dataclass(frozen=True, slots=True)
class Complete(Word):
    """The host: the evaluation is over."""

    kind = Kind.BOOKING
    speaker = HOST

    session_id: bytes


BOOKING: Final = Table(
    kind=Kind.BOOKING,
    roles=(HOST, SUB),
    words=(Hold, Vote, Decide, Complete),
    next=MappingProxyType({
        (NEW, "Hold"): HELD,
        (HELD, "Vote.YES"): PROMISED,
        (HELD, "Vote.NO"): DECLINED,
        (HELD, "Decide.ABORT"): RELEASED,
        (PROMISED, "Decide.CONFIRM"): CONFIRMED,
        (PROMISED, "Decide.ABORT"): RELEASED,
        (IN_DOUBT, "Decide.CONFIRM"): CONFIRMED,
        (IN_DOUBT, "Decide.ABORT"): RELEASED,
        (CONFIRMED, "Complete"): COMPLETED,
        # An abort that overtakes its Hold leaves a tombstone, and the Hold changes nothing.
        (NEW, "Decide.ABORT"): RELEASED,
        (RELEASED, "Hold"): RELEASED,
        # The host's abort crossed the sub's vote, or reached a leg that had ended by itself.
        # Both ends come to the same phase: a no stays a no, and an abort ends an expiry.
        (RELEASED, "Vote.YES"): RELEASED,
        (RELEASED, "Vote.NO"): DECLINED,
        (DECLINED, "Decide.ABORT"): DECLINED,
        (EXPIRED, "Decide.ABORT"): RELEASED,
    }),
    waits=MappingProxyType({
        HELD: Wait(SUB, authority=SUB, limit_ms=HOLD_LIMIT_MS, lapses_to=EXPIRED),
        PROMISED: Wait(HOST, authority=SUB, limit_ms=PROMISE_LIMIT_MS, lapses_to=IN_DOUBT),
    }),
    over=frozenset({COMPLETED, DECLINED, RELEASED, EXPIRED}),
    crossings=frozenset({
        (RELEASED, "Hold"), (RELEASED, "Vote.YES"), (RELEASED, "Vote.NO"),
        (EXPIRED, "Decide.ABORT"),
    }),
)  # fmt: skip
