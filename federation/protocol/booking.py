"""One leg of a booking: a host asks one sub for seats.

    NEW ─Hold→ HELD ─Vote.YES→ PROMISED ─Decide.CONFIRM→ CONFIRMED ─Complete→ COMPLETED
                 │ Vote.NO        │ Decide.ABORT → RELEASED
                 ▼                │ silence      → IN_DOUBT ─Decide.*→ CONFIRMED | RELEASED
             DECLINED
    Silence in HELD → EXPIRED. Decide.ABORT before its Hold leaves a tombstone: RELEASED.
    A leg that is alone in its bundle needs no second round: HELD ─Vote.BOOK→ CONFIRMED.

    CONFIRMED ─Move | Extend→ CHANGING ─Consent.YES→ CHANGE_PROMISED ─Settle.*→ CONFIRMED
                                  └──Consent.NO→ CONFIRMED
    Cancel by either ends what is booked: CANCELLED. Substitute and Readiness tell.

The sub owns the seats, so its clock decides all deadlines. The host confirms only what
was promised; the table cannot say CONFIRM in any other phase. How legs make a bundle, and
how a change is settled on all of them, is ``bundle.py`` and ``change.py``.
"""

from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Final

from typing_extensions import override

from federation.protocol.conversation import EITHER, Kind, Phase, Role, Table, Wait, Word

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
CHANGING: Final = Phase("CHANGING")
CHANGE_PROMISED: Final = Phase("CHANGE_PROMISED")
CANCELLED: Final = Phase("CANCELLED")

HOLD_LIMIT_MS: Final = 1_800_000  # project default, not law: domain.md §1.6
PROMISE_LIMIT_MS: Final = 86_400_000  # federation.md §7.5
MAX_PARTICIPANTS: Final = 16  # more sub-venues than any evaluation has had; bounds a Hold
MAX_EQUIPMENT: Final = 32

BOOKED: Final = frozenset({CONFIRMED, CHANGING, CHANGE_PROMISED})
"""Phases in which the leg is booked, whatever is being asked of it."""
KEEPS_SEATS: Final = frozenset({HELD, PROMISED, IN_DOUBT}) | BOOKED
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
    BOOK = 3
    """Yes, and booked with it: the leg is alone in its bundle, so nothing else is awaited."""


class Moment(IntEnum):
    """Before which a readiness report was made."""

    DAY_BEFORE = 1
    HALF_HOUR_BEFORE = 2
    ASKED = 3


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was checked: for a joint test, or before a session."""

    name: str
    passed: bool
    measured: str


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
    selection_id: bytes = b""


@dataclass(frozen=True, slots=True)
class Vote(Word):
    """The sub's staff say yes or no. Yes promises to keep the seats until the decision.

    The last yes of a bundle that has no other leg books at once: BOOK.
    """

    kind = Kind.BOOKING
    speaker = SUB

    answer: Answer
    reason: str = ""
    alternative_start_ms: int = 0
    promise_ms: int = 0

    @property
    @override
    def case(self) -> str:
        """``Vote.YES``, ``Vote.NO`` or ``Vote.BOOK``."""
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


@dataclass(frozen=True, slots=True)
class Move(Word):
    """The host asks for another window; the sub keeps the old one until all is settled."""

    kind = Kind.BOOKING
    speaker = HOST

    change_id: bytes
    start_ms: int
    end_ms: int
    reason: str


@dataclass(frozen=True, slots=True)
class Extend(Word):
    """The host asks for more time at the end of the window.

    ``by_law``: more than a third of the members find it too short (招标投标法实施条例第四十八条).
    """

    kind = Kind.BOOKING
    speaker = HOST

    change_id: bytes
    end_ms: int
    reason: str
    by_law: bool = False


@dataclass(frozen=True, slots=True)
class Consent(Word):
    """The sub answers a change. Yes promises both windows until it is settled."""

    kind = Kind.BOOKING
    speaker = SUB

    change_id: bytes
    answer: Answer
    reason: str = ""
    clause: str = ""
    alternative_start_ms: int = 0
    promise_ms: int = 0

    @property
    @override
    def case(self) -> str:
        """``Consent.YES`` or ``Consent.NO``."""
        return f"Consent.{self.answer.name}"

    @property
    @override
    def wait_ms(self) -> int | None:
        """How long the promise lasts."""
        return self.promise_ms or None


@dataclass(frozen=True, slots=True)
class Settle(Word):
    """The host's one decision on a change, for all legs of the bundle."""

    kind = Kind.BOOKING
    speaker = HOST

    change_id: bytes
    decision: Decision
    reason: str = ""

    @property
    @override
    def case(self) -> str:
        """``Settle.CONFIRM`` or ``Settle.ABORT``."""
        return f"Settle.{self.decision.name}"


@dataclass(frozen=True, slots=True)
class Cancel(Word):
    """Either side gives a booking up, by the agreement's terms of cancellation."""

    kind = Kind.BOOKING
    speaker = EITHER

    reason: str


@dataclass(frozen=True, slots=True)
class Substitute(Word):
    """The sub: other seats take the place of the booked ones, and meet what was asked."""

    kind = Kind.BOOKING
    speaker = SUB

    reason: str


@dataclass(frozen=True, slots=True)
class Readiness(Word):
    """The sub: whether its site is ready for the session, and what was checked."""

    kind = Kind.BOOKING
    speaker = SUB

    moment: Moment
    ready: bool
    checks: tuple[Check, ...]
    reason: str = ""


_TOLD: Final = ("Substitute", "Readiness")
"""Words of the sub's that change no phase, and are late wherever the leg has ended."""
_CONSENTS: Final = ("Consent.YES", "Consent.NO")
_SETTLED: Final = ("Settle.CONFIRM", "Settle.ABORT")
_LATE: Final = ("Move", "Extend", *_CONSENTS, *_SETTLED, *_TOLD, "Decide.CONFIRM", "Cancel")
"""Words that may have been on their way when the other side cancelled."""

BOOKING: Final = Table(
    kind=Kind.BOOKING,
    roles=(HOST, SUB),
    words=(
        Hold, Vote, Decide, Complete, Move, Extend, Consent, Settle, Cancel, Substitute, Readiness,
    ),
    next=MappingProxyType({
        (NEW, "Hold"): HELD,
        (HELD, "Vote.YES"): PROMISED,
        (HELD, "Vote.NO"): DECLINED,
        (HELD, "Decide.ABORT"): RELEASED,
        (PROMISED, "Decide.CONFIRM"): CONFIRMED,
        (PROMISED, "Decide.ABORT"): RELEASED,
        (IN_DOUBT, "Decide.CONFIRM"): CONFIRMED,
        (IN_DOUBT, "Decide.ABORT"): RELEASED,
        # Alone in its bundle: booked by the yes. The host's decision follows for the record.
        (HELD, "Vote.BOOK"): CONFIRMED,
        (CONFIRMED, "Decide.CONFIRM"): CONFIRMED,
        # What is booked can be changed, and ends whatever was being asked.
        (CONFIRMED, "Move"): CHANGING,
        (CONFIRMED, "Extend"): CHANGING,
        (CHANGING, "Consent.YES"): CHANGE_PROMISED,
        (CHANGING, "Consent.NO"): CONFIRMED,
        (CHANGE_PROMISED, "Settle.CONFIRM"): CONFIRMED,
        (CHANGE_PROMISED, "Settle.ABORT"): CONFIRMED,
        **{(CONFIRMED, told): CONFIRMED for told in _TOLD},
        **{(phase, "Cancel"): CANCELLED for phase in BOOKED},
        **{(phase, "Complete"): COMPLETED for phase in BOOKED},
        # An abort that overtakes its Hold leaves a tombstone, and the Hold changes nothing.
        (NEW, "Decide.ABORT"): RELEASED,
        (RELEASED, "Hold"): RELEASED,
        # The host's abort crossed the sub's vote, or reached a leg that had ended by itself.
        # Both ends come to the same phase: a no stays a no, and an abort ends an expiry.
        (RELEASED, "Vote.YES"): RELEASED,
        (RELEASED, "Vote.NO"): DECLINED,
        (DECLINED, "Decide.ABORT"): DECLINED,
        (EXPIRED, "Decide.ABORT"): RELEASED,
        # The host's abort crossed the vote that booked, and whatever the sub said after it.
        (RELEASED, "Vote.BOOK"): RELEASED,
        (CONFIRMED, "Decide.ABORT"): RELEASED,
        (CANCELLED, "Decide.ABORT"): RELEASED,
        **{(RELEASED, late): RELEASED for late in (*_TOLD, "Cancel")},
        # A decision that a co-participant had handed over comes from the host itself.
        (RELEASED, "Decide.ABORT"): RELEASED,
        **{(CONFIRMED, case): CONFIRMED for case in _SETTLED},
        # The sub's word crossed a change, a cancellation or the end.
        **{(CHANGING, told): CHANGING for told in _TOLD},
        **{(CANCELLED, late): CANCELLED for late in _LATE},
        **{(COMPLETED, late): COMPLETED for late in (*_CONSENTS, *_TOLD, "Cancel")},
        (CANCELLED, "Complete"): COMPLETED,
    }),
    waits=MappingProxyType({
        HELD: Wait(SUB, authority=SUB, limit_ms=HOLD_LIMIT_MS, lapses_to=EXPIRED),
        PROMISED: Wait(HOST, authority=SUB, limit_ms=PROMISE_LIMIT_MS, lapses_to=IN_DOUBT),
        # Silence is no answer to a change: the sub's node says no, or asks for the decision.
        CHANGING: Wait(SUB, authority=SUB, limit_ms=HOLD_LIMIT_MS),
        CHANGE_PROMISED: Wait(HOST, authority=SUB, limit_ms=PROMISE_LIMIT_MS),
    }),
    over=frozenset({COMPLETED, DECLINED, RELEASED, EXPIRED, CANCELLED}),
    crossings=frozenset({
        (RELEASED, "Hold"), (RELEASED, "Vote.YES"), (RELEASED, "Vote.NO"),
        (EXPIRED, "Decide.ABORT"),
        (RELEASED, "Vote.BOOK"), (CONFIRMED, "Decide.ABORT"), (CANCELLED, "Decide.ABORT"),
        (RELEASED, "Decide.ABORT"), (CANCELLED, "Complete"),
        *((RELEASED, late) for late in (*_TOLD, "Cancel")),
        *((CONFIRMED, case) for case in _SETTLED),
        *((CHANGING, told) for told in _TOLD),
        *((CANCELLED, late) for late in _LATE),
        *((COMPLETED, late) for late in (*_CONSENTS, *_TOLD, "Cancel")),
    }),
)  # fmt: skip
