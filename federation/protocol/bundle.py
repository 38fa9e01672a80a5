"""Several bookings that stand or fall together, as the host sees them.

    HOLDING ─all legs promised, time enough→ DECIDED(CONFIRM) ─all subs told→ CLOSED
       └──any no, any refusal, or no time left──→ DECIDED(ABORT) ─┘
    Confirmed, and a leg lost all the same: CLOSED_WITH_EXCEPTIONS, for people to see to.

Presumed abort: without a durable CONFIRM there is none. The host confirms only when every
sub said yes and enough of the shortest promise is left for the decision to arrive. A leg that
is alone books itself with its yes; the decision is then a record, not a question.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from federation.ids import ConversationId
from federation.protocol import booking
from federation.protocol.booking import Decision
from federation.protocol.conversation import REFUSED, Phase

DECIDE_MARGIN_MS: Final = 60_000  # two re-deliveries with back-off; federation.md §7.5


class BundlePhase(StrEnum):
    """How far a bundle has come."""

    HOLDING = "HOLDING"
    DECIDED = "DECIDED"
    CLOSED = "CLOSED"
    CLOSED_WITH_EXCEPTIONS = "CLOSED_WITH_EXCEPTIONS"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A host's bundle. ``decision`` is set once and never changes."""

    id: bytes
    legs: tuple[ConversationId, ...]
    phase: BundlePhase
    decide_by_ms: int
    decision: Decision | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Leg:
    """What the host knows of one leg."""

    phase: Phase
    promise_ends_ms: int | None
    told: bool
    """Whether the sub's receipt for the decision has arrived."""
    given_up: bool = False
    """Whether the host itself let it go after the decision."""


def decide(bundle: Bundle, legs: Mapping[ConversationId, Leg], now_ms: int) -> Bundle:
    """Decide if it is time; answers the same bundle when it is not."""
    if bundle.phase is not BundlePhase.HOLDING:
        return bundle
    states = [legs[leg] for leg in bundle.legs]
    if all(leg.phase in booking.BOOKED for leg in states):
        return _decided(bundle, Decision.CONFIRM, "")
    lost = [leg.phase for leg in states if leg.phase in _LOST]
    if lost:
        return _decided(bundle, Decision.ABORT, f"a sub-venue is {lost[0]}")
    if all(leg.phase == booking.PROMISED for leg in states):
        if now_ms < bundle.decide_by_ms and all(_in_time(leg, now_ms) for leg in states):
            return _decided(bundle, Decision.CONFIRM, "")
        return _decided(bundle, Decision.ABORT, "the promises leave no time to tell the decision")
    if now_ms >= bundle.decide_by_ms:
        return _decided(bundle, Decision.ABORT, "not every sub-venue answered in time")
    return bundle


def withdraw(bundle: Bundle, reason: str) -> Bundle:
    """Decide ABORT while nothing is decided, as people want none of it any more."""
    if bundle.phase is not BundlePhase.HOLDING:
        return bundle
    return _decided(bundle, Decision.ABORT, reason)


def close(bundle: Bundle, legs: Mapping[ConversationId, Leg]) -> Bundle:
    """Close the bundle once every leg has acknowledged the decision or had ended anyway.

    A confirmed bundle of which a leg is lost is never closed silently, not even afterwards.
    """
    if bundle.phase not in {BundlePhase.DECIDED, BundlePhase.CLOSED}:
        return bundle
    states = [legs[leg] for leg in bundle.legs]
    if not all(leg.told or leg.phase == REFUSED for leg in states):
        return bundle
    lost = bundle.decision is Decision.CONFIRM and any(
        leg.phase in _LOST_LATER and not leg.given_up for leg in states
    )
    phase = BundlePhase.CLOSED_WITH_EXCEPTIONS if lost else BundlePhase.CLOSED
    return bundle if bundle.phase is phase else replace(bundle, phase=phase)


_LOST: Final = frozenset({booking.DECLINED, booking.EXPIRED, booking.RELEASED, REFUSED})
_LOST_LATER: Final = _LOST | {booking.CANCELLED}


def _in_time(leg: Leg, now_ms: int) -> bool:
    if leg.promise_ends_ms is None:
        return False
    return leg.promise_ends_ms - now_ms > DECIDE_MARGIN_MS


def _decided(bundle: Bundle, decision: Decision, reason: str) -> Bundle:
    return replace(bundle, phase=BundlePhase.DECIDED, decision=decision, reason=reason)
