"""How a refusal is told."""

import pytest

from federation.errors import Malformed
from federation.evidence.case import Refuted, Step, examining, refute


def test_the_steps_are_numbered_without_a_gap() -> None:
    assert [step.value for step in Step] == list(range(1, len(Step) + 1))


@pytest.mark.parametrize("error", [Malformed("a bad word"), ValueError("a bad word")])
def test_what_the_pure_packages_raise_becomes_a_refusal_of_the_step(error: Exception) -> None:
    told = r"step 7 \(logs\), there: a bad word"
    with pytest.raises(Refuted, match=told) as caught, examining(Step.LOGS, "there", "不对"):
        raise error
    assert caught.value.zh == "不对 (a bad word)"


def test_a_refusal_and_a_fault_of_ours_pass_unchanged() -> None:
    with pytest.raises(Refuted, match="step 1 "), examining(Step.LOGS, "there", "不对"):
        refute(Step.FILE, "here", "坏", "bad")
    with pytest.raises(KeyError), examining(Step.LOGS, "there", "不对"):
        raise KeyError
