"""A change of a bundle: moved or extended on all legs, or on none."""

from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.ids import ConversationId
from federation.protocol import booking
from federation.protocol.booking import Decision
from federation.protocol.change import Change, ChangePhase, ChangingLeg, close, decide
from federation.protocol.conversation import REFUSED, Phase

NOW: Final = 1_900_000_000_000
ONE: Final = ConversationId(bytes(15) + b"1")
TWO: Final = ConversationId(bytes(15) + b"2")
ASKED: Final = Change(bytes(16), (ONE, TWO), ChangePhase.ASKED, decide_by_ms=NOW + 10)
OPEN: Final = (booking.CHANGING, booking.CHANGE_PROMISED)
LOST: Final = (booking.CONFIRMED, booking.CANCELLED, booking.COMPLETED, REFUSED)


def _legs(one: Phase, two: Phase, *, told: bool = True) -> dict[ConversationId, ChangingLeg]:
    return {ONE: ChangingLeg(one, told=told), TWO: ChangingLeg(two, told=told)}


def test_it_is_confirmed_when_every_sub_consents_however_late() -> None:
    legs = _legs(booking.CHANGE_PROMISED, booking.CHANGE_PROMISED)
    for now_ms in (NOW, NOW + 10, NOW + 10_000):
        decided = decide(ASKED, legs, now_ms)
        assert (decided.phase, decided.decision) == (ChangePhase.DECIDED, Decision.CONFIRM)


@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize("other", OPEN)
def test_one_leg_that_is_lost_ends_it_at_once(lost: Phase, other: Phase) -> None:
    decided = decide(ASKED, _legs(lost, other), NOW)
    assert decided.decision is Decision.ABORT
    assert decided.reason == (
        "a sub-venue said no" if lost == booking.CONFIRMED else f"a leg is {lost}"
    )


def test_it_waits_for_answers_until_its_time_is_up() -> None:
    legs = _legs(booking.CHANGE_PROMISED, booking.CHANGING)
    assert decide(ASKED, legs, NOW + 9) is ASKED
    late = decide(ASKED, legs, NOW + 10)
    assert (late.decision, late.reason) == (
        Decision.ABORT, "not every sub-venue answered in time",
    )  # fmt: skip


@given(
    st.sampled_from(Decision),
    st.sampled_from((*OPEN, *LOST)),
    st.sampled_from((*OPEN, *LOST)),
    st.integers(0, 100),
)
def test_a_decision_never_changes(
    decision: Decision, one: Phase, two: Phase, later_ms: int
) -> None:
    decided = replace(ASKED, phase=ChangePhase.DECIDED, decision=decision)
    assert decide(decided, _legs(one, two), NOW + later_ms) is decided


def test_it_is_closed_when_no_leg_waits_and_every_settlement_has_arrived() -> None:
    decided = replace(ASKED, phase=ChangePhase.DECIDED, decision=Decision.ABORT)
    confirmed = booking.CONFIRMED
    assert close(decided, _legs(confirmed, confirmed)).phase is ChangePhase.CLOSED
    assert close(decided, _legs(confirmed, confirmed, told=False)) is decided
    for still in OPEN:
        assert close(decided, _legs(confirmed, still)) is decided
    assert close(ASKED, _legs(confirmed, confirmed)) is ASKED
