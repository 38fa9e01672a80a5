"""What the Makefile's help promises of its options."""

import re
import subprocess
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]

MAKEFILE: Final = (ROOT / "Makefile").read_text(encoding="utf-8")
OPTIONS: Final = frozenset(re.findall(r"\b([A-Z]{4,})=", "\n".join(
    line for line in MAKEFILE.splitlines() if line.startswith("# ") or "## " in line
)))  # fmt: skip


def test_no_option_of_a_command_is_a_variable_of_the_makefile_itself() -> None:
    assert {"SEEDS", "NODES", "SEED", "MUTANTS", "ARGS"} <= OPTIONS
    assigned = set(re.findall(r"(?m)^(?:export )?([A-Z_]+) *[:+?]?= ?", MAKEFILE))
    assert not assigned & OPTIONS, "give the Makefile's own variable another name"


def test_simulate_alone_chooses_everything_itself() -> None:
    told = subprocess.run(
        ["make", "--no-print-directory", "-n", "simulate"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert told.replace("\\\n", " ").split()[-2:] == ["-m", "tests.simulation"]
