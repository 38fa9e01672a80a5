"""``lianping peer test``: each step is told once, and the end is the report."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from typing_extensions import override

from node.commands import joint_test
from node.commands.joint_test import watch
from node.commands.link import CannotDo, Link

CENTER = "lp1" + "a" * 32


class Told(Link):
    """A line to a node whose test goes through these (phase, state)."""

    def __init__(self, *steps: tuple[str, str]) -> None:
        super().__init__(httpx.Client(), Path("node.sock"))
        self.steps = list(steps)
        self.asked: list[str] = []

    @override
    def get(self, path: str, **query: object) -> Any:
        self.asked.append(path)
        phase, state = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        return {"phase": phase, "state": state, "passed": state == "PASSED", "text": "report\n"}

    @override
    def post(self, path: str, body: Mapping[str, Any] | None = None, *, key: str = "") -> Any:
        self.asked.append(path)
        return {"id": "5f"}


@pytest.fixture(autouse=True)
def _in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joint_test, "LOOK_SECONDS", 0.0)


def test_each_step_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    link = Told(
        ("MEASURING", "RUNNING"),
        ("MEASURING", "RUNNING"),
        ("TESTING", "RUNNING"),
        ("REVEALED", "RUNNING"),
        ("TESTED", "PASSED"),
    )
    done = watch(link, CENTER, quiet=False)
    assert done["passed"] is True
    lines = capsys.readouterr().err.splitlines()
    assert [line.split("·")[1].strip() for line in lines] == [
        "measuring the line and our own systems",
        "the peer is measuring",
    ]
    assert link.asked[0] == f"/api/peers/{CENTER}/test"
    assert set(link.asked[1:]) == {"/api/joint-tests/5f"}


def test_programs_are_told_nothing_but_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    watch(Told(("MEASURING", "RUNNING"), ("LAPSED", "FAILED")), CENTER, quiet=True)
    assert capsys.readouterr() == ("", "")


def test_a_test_that_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joint_test, "MAX_WAIT_SECONDS", 0.01)
    with pytest.raises(CannotDo, match="has not ended"):
        watch(Told(("MEASURING", "RUNNING")), CENTER, quiet=True)
