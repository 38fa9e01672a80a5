"""A bundle: all sub-venues are booked, or none is."""

from hypothesis import given
from hypothesis import strategies as st

from federation.ids import ConversationId
from federation.protocol.booking import BOOKED, Decision
from federation.protocol.bundle import Bundle, BundlePhase, Leg, close, decide, withdraw
from federation.protocol.conversation import Phase
from tests.protocol.grids import NOW
from tests.protocol.laws import OPEN, check_closing, check_decisions

PHASES = [
    "NEW",
    "HELD",
    "PROMISED",
    "CONFIRMED",
    "COMPLETED",
    "DECLINED",
    "RELEASED",
    "EXPIRED",
    "IN_DOUBT",
    "REFUSED",
]
ENDED = {"DECLINED", "RELEASED", "EXPIRED", "REFUSED"}


def test_a_bundle_decides_as_its_legs_and_the_time_demand() -> None:
    check_decisions()


def test_a_bundle_closes_when_every_leg_knows() -> None:
    check_closing()


def test_a_leg_that_was_booked_by_its_yes_confirms_its_bundle_at_any_time() -> None:
    (leg, _) = OPEN.legs
    alone = Bundle(OPEN.id, (leg,), BundlePhase.HOLDING, NOW - 1)
    decided = decide(alone, {leg: Leg(Phase("CONFIRMED"), None, told=True)}, NOW)
    assert (decided.phase, decided.decision) == (BundlePhase.DECIDED, Decision.CONFIRM)


def test_only_what_is_not_decided_is_withdrawn() -> None:
    withdrawn = withdraw(OPEN, "all is cancelled")
    assert (withdrawn.phase, withdrawn.decision) == (BundlePhase.DECIDED, Decision.ABORT)
    assert withdrawn.reason == "all is cancelled"
    confirmed = Bundle(OPEN.id, OPEN.legs, BundlePhase.DECIDED, NOW, Decision.CONFIRM)
    assert withdraw(confirmed, "too late") is confirmed


def test_a_closed_bundle_stays_as_it_is() -> None:
    told = {leg: Leg(Phase("CONFIRMED"), None, told=True) for leg in OPEN.legs}
    closed = Bundle(OPEN.id, OPEN.legs, BundlePhase.CLOSED, OPEN.decide_by_ms, Decision.CONFIRM)
    assert close(closed, told) is closed
    assert decide(closed, told, NOW) is closed


def test_a_confirmed_bundle_that_loses_a_leg_is_never_closed_silently() -> None:
    first, second = OPEN.legs
    for phase, given_up, expected in (
        ("REFUSED", False, BundlePhase.CLOSED_WITH_EXCEPTIONS),
        ("CANCELLED", False, BundlePhase.CLOSED_WITH_EXCEPTIONS),
        ("CANCELLED", True, BundlePhase.CLOSED),
        ("COMPLETED", False, BundlePhase.CLOSED),
        ("CHANGING", False, BundlePhase.CLOSED),
    ):
        legs = {
            first: Leg(Phase("CONFIRMED"), None, told=True),
            second: Leg(Phase(phase), None, told=phase != "REFUSED", given_up=given_up),
        }
        for begun in (BundlePhase.DECIDED, BundlePhase.CLOSED):
            bundle = Bundle(OPEN.id, OPEN.legs, begun, NOW, Decision.CONFIRM)
            assert close(bundle, legs).phase is expected, (phase, begun)
        aborted = Bundle(OPEN.id, OPEN.legs, BundlePhase.DECIDED, NOW, Decision.ABORT)
        assert close(aborted, legs).phase is BundlePhase.CLOSED


LEGS = st.lists(
    st.builds(
        Leg,
        st.sampled_from([Phase(phase) for phase in PHASES]) | st.just(Phase("PROMISED")),
        st.none() | st.integers(NOW - 10, NOW + 200_000),
        told=st.booleans(),
    ),
    min_size=1,
    max_size=6,
)


@given(states=LEGS, left_ms=st.integers(-5, 200_000))
def test_a_bundle_confirms_exactly_when_every_sub_promised_long_enough(
    states: list[Leg], left_ms: int
) -> None:
    known = {ConversationId(bytes([n]) * 16): leg for n, leg in enumerate(states)}
    bundle = Bundle(b"b" * 16, tuple(known), BundlePhase.HOLDING, NOW + left_ms)
    after = decide(bundle, known, NOW)
    safe = all(
        leg.phase == "PROMISED" and (leg.promise_ends_ms or 0) > NOW + 60_000 for leg in states
    )
    booked = {leg.phase for leg in states} <= BOOKED
    assert (after.decision is Decision.CONFIRM) == (booked or (safe and left_ms > 0))
    if (left_ms <= 0 and not booked) or ENDED & {leg.phase for leg in states}:
        assert after.decision is Decision.ABORT
    assert (after.phase is BundlePhase.DECIDED) == (after.decision is not None)
    assert decide(after, known, NOW + 1_000_000).decision in {after.decision, Decision.ABORT}
    closed = close(after, known)
    if closed.phase is BundlePhase.CLOSED:
        assert after.decision is not None
        assert all(leg.told or leg.phase == "REFUSED" for leg in states)
