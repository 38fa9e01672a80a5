"""What is worked out of the terms alone: pay, sides, the draw's window."""

from dataclasses import replace

import pytest

from federation.protocol.terms import DrawAnchor, FeeRule, Fees, draw_opens_ms
from tests.protocol.agreed import HOST, SUB, TERMS, fees


@pytest.mark.parametrize(
    ("rule", "minutes", "nights", "fen"),
    [
        # The host: 400 yuan for 4 h, 100 for each further hour; the sub: 600 for 8 h, then 50.
        (FeeRule.HIGHER_OF, 240, 0, 60_000),
        (FeeRule.HIGHER_OF, 360, 0, 60_000),
        (FeeRule.HIGHER_OF, 361, 0, 70_000),
        (FeeRule.HIGHER_OF, 241, 1, 80_000),
        (FeeRule.HOST, 241, 0, 50_000),
        (FeeRule.HOST, 1, 0, 40_000),
        (FeeRule.SUB, 480, 0, 60_000),
        (FeeRule.SUB, 481, 0, 65_000),
    ],
)
def test_pay_is_the_higher_of_two_schedules_or_one_of_them(
    rule: FeeRule, minutes: int, nights: int, fen: int
) -> None:
    agreed = replace(fees(overnight_fen=30_000), rule=rule)
    assert agreed.expert_fen(HOST, SUB, minutes, nights=nights) == fen


def test_without_schedules_the_pool_decides_what_is_paid() -> None:
    assert Fees().expert_fen(HOST, SUB, 240) is None


def test_a_side_is_found_by_its_center() -> None:
    assert TERMS.party(SUB) is TERMS.parties[1]
    with pytest.raises(KeyError):
        TERMS.party("lp1" + "x" * 32)


@pytest.mark.parametrize(
    ("anchor", "opens"), [(DrawAnchor.BID_DEADLINE, 90), (DrawAnchor.EVALUATION_START, 190)]
)
def test_a_draw_opens_before_the_anchor_of_the_agreement(anchor: DrawAnchor, opens: int) -> None:
    terms = replace(TERMS, draw_anchor=anchor, draw_earliest_ms=10)
    assert draw_opens_ms(terms, bid_deadline_ms=100, evaluation_start_ms=200) == opens
