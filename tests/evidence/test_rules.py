"""The table of the draw's rules is whole, and every refusal finds its rule in it."""

import pytest

from federation.evidence.case import Refuted, Step
from federation.evidence.rules import BEYOND, RULES, broken, rule


def test_the_rules_are_v1_to_v15_in_order() -> None:
    assert [each.name for each in RULES] == [f"V{number}" for number in range(1, 16)]


def test_every_step_holds_a_rule_or_is_known_to_hold_none() -> None:
    holding = {step for each in RULES for step in each.steps}
    assert holding | BEYOND == set(Step)
    assert not holding & BEYOND


@pytest.mark.parametrize("step", Step)
def test_a_refusal_at_a_step_is_blamed_on_a_rule_of_that_step(step: Step) -> None:
    found = broken(Refuted(step, "here", "不对", "wrong"))
    assert (found is None) == (step in BEYOND)
    assert found is None or step in found.steps


def test_a_refusal_that_names_its_rule_is_believed_and_an_unknown_name_is_not() -> None:
    assert broken(Refuted(Step.DRAWS, "here", "不对", "wrong", rule="V9")) is rule("V9")
    assert broken(Refuted(Step.DRAWS, "here", "不对", "wrong", rule="too_late")) is rule("V2")


def test_all_is_said_in_both_languages() -> None:
    for each in RULES:
        assert all((each.zh, each.en, each.unit_zh, each.unit_en, each.steps))
        assert each.en.isascii()
