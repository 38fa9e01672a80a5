"""A change of the window of a booked bundle, as its host sees it: moved or extended on all legs.

    ASKED ─every sub consents→ DECIDED(CONFIRM) ─every leg has settled→ CLOSED
      └──any no, any leg lost, or no time left──→ DECIDED(ABORT) ─┘

Presumed abort, as of a bundle: without a durable CONFIRM the old window counts. A sub that has
not answered cannot be settled with; it is told when it answers, and by then the answer is known.
Who may ask for what is ``booking.py``; when a bundle is booked at all is ``bundle.py``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from federation.ids import ConversationId
from federation.protocol import booking
from federation.protocol.booking import Decision
from federation.protocol.conversation import Phase


class ChangePhase(StrEnum):
    """How far a change has come."""

    ASKED = "ASKED"
    DECIDED = "DECIDED"
    CLOSED = "CLOSED"


@dataclass(frozen=True, slots=True)
class Change:
    """A host's change. ``decision`` is set once and never changes."""

    id: bytes
    legs: tuple[ConversationId, ...]
    phase: ChangePhase
    decide_by_ms: int
    decision: Decision | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ChangingLeg:
    """What the host knows of one leg."""

    phase: Phase
    told: bool
    """Whether the sub's receipt for the settlement has arrived, or none was needed."""


def decide(change: Change, legs: Mapping[ConversationId, ChangingLeg], now_ms: int) -> Change:
    """Decide if it is time; answers the same change when it is not."""
    if change.phase is not ChangePhase.ASKED:
        return change
    phases = [legs[leg].phase for leg in change.legs]
    lost = [phase for phase in phases if phase not in _OPEN]
    if lost:
        why = "a sub-venue said no" if lost[0] == booking.CONFIRMED else f"a leg is {lost[0]}"
        return _decided(change, Decision.ABORT, why)
    if all(phase == booking.CHANGE_PROMISED for phase in phases):
        return _decided(change, Decision.CONFIRM, "")
    if now_ms >= change.decide_by_ms:
        return _decided(change, Decision.ABORT, "not every sub-venue answered in time")
    return change


def close(change: Change, legs: Mapping[ConversationId, ChangingLeg]) -> Change:
    """Close the change once no leg waits for it any more and every settlement has arrived."""
    if change.phase is ChangePhase.DECIDED and all(
        legs[leg].phase not in _OPEN and legs[leg].told for leg in change.legs
    ):
        return replace(change, phase=ChangePhase.CLOSED)
    return change


_OPEN: Final = frozenset({booking.CHANGING, booking.CHANGE_PROMISED})


def _decided(change: Change, decision: Decision, reason: str) -> Change:
    return replace(change, phase=ChangePhase.DECIDED, decision=decision, reason=reason)
