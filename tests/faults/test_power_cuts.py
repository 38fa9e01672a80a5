"""Power cuts at every act of two nodes' disks lose nothing that was acknowledged.

The gate runs what ``python -m tests.faults`` runs. What that finds is worth as much as what
it would find, so the same runs over a store that is made worse: with a weaker sync, on a drive
that ignores syncs, and judged over databases that somebody took a row out of.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.faults.disk import Act, Op
from tests.faults.power_cuts import IMAGES, WORKLOADS, jobs, replay, run, run_all, turned
from tests.faults.workload import CHECKPOINTS, Turned, record

ROOT = Path(__file__).resolve().parents[2]
SEED = 1
SOME = 1_500  # images are enough to find a store that loses


def faults(*arguments: str) -> tuple[int, dict[str, Any], str]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults", *arguments],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'proto' / 'gen'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.count("\n") == 1, done.stderr
    return done.returncode, json.loads(done.stdout), done.stderr


@pytest.mark.timeout(600)
def test_fifty_thousand_power_cuts_lose_nothing_that_was_acknowledged() -> None:
    code, told, said = faults("--seed", str(SEED))

    assert (told["lost"], told["corrupt"], code) == (0, 0, 0), said
    assert told["images"] == IMAGES == 50_000
    assert told["acknowledged"] > 1_000_000, "the cuts came before there was anything to lose"


@pytest.mark.parametrize(
    "worse",
    [Turned(synchronous="NORMAL"), Turned(keeps_syncs=False)],
    ids=["synchronous=NORMAL", "a drive that ignores syncs"],
)
def test_a_store_that_syncs_less_is_found_to_lose(worse: Turned) -> None:
    found = run_all(turned(list(jobs(SEED, SOME, 1)), worse), processes=2)

    assert found.images == SOME
    assert found.lost > 10
    assert found.corrupt == 0 or not worse.keeps_syncs, "NORMAL may lose, and never corrupts"
    assert all("python -m tests.faults --seed 1 --replay 0/" in said for said in found.findings)


@pytest.mark.parametrize("statement", ["INSERT INTO heard", "INSERT INTO said"])
def test_a_word_that_is_half_there_is_found(statement: str) -> None:
    """A store that commits the state and the log entry first, and the word a moment later."""
    worse = Turned(splits_before=statement)
    found = run_all(turned(list(jobs(SEED, SOME, 1)), worse), processes=2)

    assert found.lost == 0
    assert found.corrupt > 10
    assert "its state is not that of its words" in found.findings[0]
    assert "was neither said nor heard" in found.findings[0]


def test_the_command_of_a_finding_finds_it_again() -> None:
    worse = Turned(synchronous="NORMAL")
    first = run_all(turned(list(jobs(SEED, SOME, 1)), worse), processes=2).findings[0]
    place = first.rsplit(" ", 1)[1]

    again = replay(SEED, place, worse)

    assert again.images == 1
    assert again.findings == [first]
    assert replay(SEED, place).lost == 0, "as it is shipped, nothing is lost there"


def test_a_workload_is_the_same_each_time_and_tries_what_it_should() -> None:
    for number in range(WORKLOADS):
        made = record(SEED, number)
        for node, of in made.items():
            acts = {act: sum(op.act is act for op in of.ops) for act in Act}
            files = {op.file.removeprefix(node) for op in of.ops if op.file}
            assert files == {".db", ".db-journal", ".db-wal"}
            assert acts[Act.ACKNOWLEDGE] == acts[Act.BEGIN_COMMIT] == len(of.states)
            assert len(set(of.states)) > 20, "too few transactions wrote anything"
            if CHECKPOINTS[number % len(CHECKPOINTS)] is not None:
                assert _restarts(of.ops, f"{node}.db-wal") >= 1, "the WAL was never written back"


def _restarts(ops: list[Op], wal: str) -> int:
    """How often the WAL began anew, which is after a checkpoint."""
    return sum(op.act is Act.WRITE and op.file == wal and op.offset == 0 for op in ops) - 1


def test_one_seed_gives_the_same_sum_each_time() -> None:
    job = next(iter(jobs(SEED, 400, 1)))

    assert run_all([job], 1) == run_all([job], 1)


def test_a_job_judges_as_many_images_as_it_was_asked_for() -> None:
    total = [run(job) for job in jobs(SEED, 101, 1)]

    assert [part.images for part in total] == [50, 51]
