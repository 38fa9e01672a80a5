"""Every threat has a test, every test exists, and runs in both suites unless there is a reason."""

import re
import subprocess
import sys
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

from tests.support.pair import SPOKEN
from tests.threats.table import THREATS, Threat

ROOT = Path(__file__).parents[2]
SUITES = ("intl-1", "gm-1")
COLLECT_SECONDS = 120  # a file a second where everybody works


@cache
def collected() -> dict[str, tuple[str, ...]]:
    """What pytest collects of all named files: parameters by ``file::function``.

    In the suite that these tests are run under: the gate runs them under both.
    """
    files = sorted({test.partition("::")[0] for threat in THREATS for test in threat.tests})
    listed = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "--suite", SPOKEN[0], *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=COLLECT_SECONDS,
        check=True,
    )
    found: defaultdict[str, list[str]] = defaultdict(list)
    for line in listed.stdout.splitlines():
        if match := re.fullmatch(r"(tests/\S+?\.py::\w+)(\[.*\])?", line):
            found[match[1]].append(match[2] or "")
    return {name: tuple(parameters) for name, parameters in found.items()}


@cache
def run_in_both() -> tuple[str, ...]:
    """What the gate runs once more under gm-1."""
    lines = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    (line,) = [line for line in lines if line.startswith("SPOKEN_ALIKE :=")]
    return tuple(word for word in line.split() if word.startswith("tests/") and "::" not in word)


def is_in_both(test: str) -> bool:
    """Run again as a whole, or with a parameter for each suite."""
    file = test.partition("::")[0]
    if any(file == path or file.startswith(f"{path}/") for path in run_in_both()):
        return True
    parameters = " ".join(collected()[test])
    return all(suite in parameters for suite in SUITES)


@pytest.mark.parametrize("threat", THREATS, ids=lambda threat: threat.name)
def test_every_threat_is_tried_in_both_suites(threat: Threat) -> None:
    assert threat.tests
    for test in threat.tests:
        assert test in collected(), f"{test} is not collected"
        if not threat.one_suite:
            assert is_in_both(test), f"{test} runs in one suite only"


def test_what_is_tried_here_has_a_row() -> None:
    """A test in this folder that no row names would be found by nobody who reads the table."""
    named = {test for threat in THREATS for test in threat.tests}
    here = {test for test in collected() if test.startswith("tests/threats/")}
    assert here - named == {"tests/threats/test_sealer.py::test_an_honest_seal_is_opened"}


def test_what_is_not_there_yet_is_said_and_is_not_more() -> None:
    assert {threat.name for threat in THREATS if threat.left} == set()
