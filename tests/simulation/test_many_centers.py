"""Small federations under faults, and the proof that their mistakes would be seen.

``make simulate`` runs 2,000 seeds, and so does the gate; these are the first of them.
"""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation import __main__ as command
from tests.simulation.goals import FAULTS, SOMETIMES
from tests.simulation.mutants import MUTANTS, mutant
from tests.simulation.pool import every, hunt_all
from tests.simulation.run import Report, run
from tests.simulation.timeless import Deadlock, TimelessLoop

SEEDS = 40
MUTANT_SEEDS = 250  # the most that a mutant may need here
RARE = frozenset({
    "counts a booking that is moved in one window", "never restarts a pump",
    "takes any settlement for the one that waits",
})  # fmt: skip
"""Found by one seed in some hundreds: ``make simulate MUTANTS=1`` insists on these too."""
WORKERS = os.cpu_count() or 1


@pytest.fixture(scope="module")
def reports() -> list[Report]:
    return sorted(every(range(SEEDS), workers=WORKERS), key=lambda report: report.seed)


def test_no_seed_violates_anything_and_all_come_to_rest(reports: list[Report]) -> None:
    assert len(reports) == SEEDS
    assert {report.seed: report.violation for report in reports if report.violation} == {}


def test_what_is_reached_is_what_2000_seeds_must_reach(reports: list[Report]) -> None:
    reached = {goal for report in reports for goal in report.goals}
    suffered = {fault for report in reports for fault in report.faults}
    assert reached - SOMETIMES == set(), "a goal that nobody demands"
    assert suffered - FAULTS == set(), "a fault that nobody demands"
    assert len(reached) > len(SOMETIMES) // 2
    assert len(SOMETIMES) >= 40
    assert len(FAULTS) >= 9


def test_seeds_leave_faults_out(reports: list[Report]) -> None:
    for fault in FAULTS:
        assert any(not report.faults[fault] for report in reports), fault


def test_every_mutant_but_the_rarest_is_found() -> None:
    assert set(MUTANTS) >= RARE
    common = sorted(set(MUTANTS) - RARE)
    found = dict(hunt_all(common, range(MUTANT_SEEDS), workers=WORKERS))
    assert len(found) >= 24
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


def test_a_run_has_as_many_centers_as_were_asked_for() -> None:
    assert run(1, nodes=[7]).nodes == 7
    assert run(2, nodes=range(3, 5)).nodes in {3, 4}


def test_the_command_ends_with_one_line_of_figures(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["simulate", "--seeds", "3", "--nodes", "3..4", "--workers=1"])
    assert command.main() == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (figures["seeds"], figures["violations"]) == (3, 0)
    assert sum(figures["nodes"].values()) == 3
    assert set(figures["nodes"]) <= {"3", "4"}
    assert figures["words"] > 0
    assert set(figures["faults"]) <= FAULTS
    assert {"bundles", "goals_reached", "missed"} <= set(figures)


def test_a_failing_seed_prints_the_command_that_replays_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "frees the seats when it promises"
    with mutant(name):
        found = next(seed for seed in range(MUTANT_SEEDS) if run(seed, nodes=(3,)).violation)
    for arguments in (
        [f"--start={found}", "--seeds=1", "--nodes=3", "--workers=1"],
        [f"--seed={found}", "--nodes=3"],
    ):
        monkeypatch.setattr(sys, "argv", ["simulate", *arguments])
        with mutant(name):
            assert command.main() == 1
    shown = capsys.readouterr().out
    assert f"again: make simulate SEED={found} NODES=3..3\n" in shown
    first, _, replayed = shown.partition(f"seed {found}: ")[2].partition(f"seed {found}: ")
    assert first.splitlines()[0] == replayed.splitlines()[0]


@pytest.mark.parametrize("nodes", ["1", "8", "3..9", "5..3", "many"])
def test_an_impossible_number_of_centers_is_refused(
    nodes: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["simulate", f"--nodes={nodes}"])
    with pytest.raises(SystemExit):
        command.main()
    assert "--nodes" in capsys.readouterr().err


def test_time_passes_only_when_everybody_waits() -> None:
    loop = TimelessLoop()
    try:
        loop.run_until_complete(asyncio.sleep(86_400))  # noqa: TID251 (this loop's own)
        assert loop.time() == pytest.approx(86_400)
        with pytest.raises(Deadlock):
            loop.run_until_complete(loop.create_future())
    finally:
        loop.close()
