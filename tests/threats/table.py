"""The threat table: who attacks how, and the tests that try it.

The rows of ``threats.toml`` are those of the design's threat model, in its order, then the bad
input that the work on the draw and the evidence was to be held to. An attack that is tried where
its defence lives is named there and not written twice; ``test_table`` holds every name to a test
that exists and is collected in both suites.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FILE: Final = Path(__file__).with_name("threats.toml")


@dataclass(frozen=True)
class Threat:
    """One row.

    Args:
        attacker: Who.
        attack: What is tried.
        name: The row's name in the threat model.
        tests: ``file::function`` of every test that tries it.
        one_suite: Why it is tried in one suite only; empty where it is in both.
        left: What of the defence is not there yet, so that no test can hold it.
    """

    attacker: str
    attack: str
    name: str
    tests: tuple[str, ...]
    one_suite: str = ""
    left: str = ""


def threats() -> tuple[Threat, ...]:
    """All rows."""
    told = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return tuple(Threat(**{**row, "tests": tuple(row["tests"])}) for row in told["threat"])


THREATS: Final = threats()
