"""Many small federations under faults, and the proof that their mistakes would be seen.

``make simulate`` runs 2,000 seeds; these are the first of them.
"""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.goals import SOMETIMES
from tests.simulation.mutants import MUTANTS
from tests.simulation.pool import every, hunt_all
from tests.simulation.run import Report, run
from tests.simulation.timeless import Deadlock, TimelessLoop

SEEDS = 150
MUTANT_SEEDS = 100  # the most that any mutant may need
WORKERS = os.cpu_count() or 1
RARE = frozenset({"a no crossed an abort"})
"""Reached by one seed in forty; ``make simulate`` insists on it."""


@pytest.fixture(scope="module")
def reports() -> list[Report]:
    return sorted(every(range(SEEDS), workers=WORKERS), key=lambda report: report.seed)


def test_no_seed_violates_anything_and_all_come_to_rest(reports: list[Report]) -> None:
    assert len(reports) == SEEDS
    assert {report.seed: report.violation for report in reports if report.violation} == {}


def test_the_seeds_reach_what_is_worth_reaching(reports: list[Report]) -> None:
    reached = {goal for report in reports for goal in report.goals}
    assert SOMETIMES - RARE - reached == set()
    assert reached - SOMETIMES == set(), "a goal that nobody demands"


def test_every_mutant_is_found() -> None:
    found = dict(hunt_all(MUTANTS, range(MUTANT_SEEDS), workers=WORKERS))
    assert len(found) >= 12
    assert [name for name, report in found.items() if report is None] == []


def test_a_seed_replays_to_the_last_byte_in_another_process(reports: list[Report]) -> None:
    seed = 7
    again = run(seed)
    assert again.trace == reports[seed].trace
    assert again.goals == reports[seed].goals
    for hash_seed in ("1", "2"):
        shown = subprocess.run(
            [sys.executable, "-m", "tests.simulation", "--seed", str(seed)],
            cwd=Path(__file__).parents[2],
            env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert f"trace {again.trace}\n" in shown.stdout


def test_other_seeds_are_other_runs(reports: list[Report]) -> None:
    assert len({report.trace for report in reports}) == SEEDS


def test_time_passes_only_when_everybody_waits() -> None:
    loop = TimelessLoop()
    try:
        loop.run_until_complete(asyncio.sleep(86_400))  # noqa: TID251 (this loop's own)
        assert loop.time() == pytest.approx(86_400)
        with pytest.raises(Deadlock):
            loop.run_until_complete(loop.create_future())
    finally:
        loop.close()
