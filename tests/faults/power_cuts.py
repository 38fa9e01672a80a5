"""Runs power cuts: workloads, their images, and the sum of what was found.

Work is cut into jobs of one workload each, and each job runs in a fresh process in which
Python's hashes have no chance: a seed, a job's number and an image's number name the same
bytes every time. That is what the command of a finding says again.
"""

import asyncio
import multiprocessing
import os
import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.faults.disk import images
from tests.faults.judge import Fault, Finding, Judge
from tests.faults.workload import AS_SHIPPED, Record, Turned, record

IMAGES: Final = 50_000  # of a CI run
WORKLOADS: Final = 4  # of a run: both suites, all distances of checkpoints
NODES: Final = ("host", "sub")
MEMORY: Final = Path("/dev/shm")  # images are small and many; a disk would only be worn out
SHOWN: Final = 10  # findings of one job that are told in full; the rest is counted


@dataclass(frozen=True, slots=True)
class Job:
    """How many images of one node's disk in one workload; ``only`` one of them."""

    seed: int
    number: int
    node: str
    images: int
    only: int | None = None
    turned: Turned = AS_SHIPPED

    def again(self, image: int) -> str:
        """The command that judges one image once more."""
        return (
            f"python -m tests.faults --seed {self.seed} --replay "
            f"{self.number}/{self.node}/{self.images}/{image}"
        )


@dataclass
class Sum:
    """What came out.

    Attributes:
        images: How many different images were judged.
        commits: How many commits the workloads made.
        acknowledged: Over all images, commits that had to be there.
        lost: Images in which one of them was not.
        corrupt: Images that the node cannot go on from, or a state that never was.
        findings: The first of them, with the command for each.
    """

    images: int = 0
    commits: int = 0
    acts: int = 0
    acknowledged: int = 0
    lost: int = 0
    corrupt: int = 0
    findings: list[str] = field(default_factory=list)

    def add(self, other: "Sum") -> None:
        """Take another sum in."""
        self.images += other.images
        self.commits += other.commits
        self.acts += other.acts
        self.acknowledged += other.acknowledged
        self.lost += other.lost
        self.corrupt += other.corrupt
        self.findings += other.findings


def jobs(seed: int, count: int, workloads: int = WORKLOADS) -> Iterator[Job]:
    """The jobs of a run."""
    places = [(number, node) for number in range(workloads) for node in NODES]
    for at, (number, node) in enumerate(places):
        share = count * (at + 1) // len(places) - count * at // len(places)
        yield Job(seed, number, node, share)


def run(job: Job) -> Sum:
    """One job, in this process."""
    made = record(job.seed, job.number, job.turned)[job.node]
    with TemporaryDirectory(
        prefix="lianping-images-", dir=MEMORY if MEMORY.is_dir() else None
    ) as folder:
        return asyncio.run(_judged(Path(folder), job, made))


def run_all(work: list[Job], processes: int) -> Sum:
    """All jobs, each in a process of its own."""
    os.environ["PYTHONHASHSEED"] = "0"  # noqa: TID251 (the children inherit it)
    total = Sum()
    # Spawned, and one job each: a child knows nothing that another one did.
    with ProcessPoolExecutor(
        processes, multiprocessing.get_context("spawn"), max_tasks_per_child=1
    ) as pool:
        for part in pool.map(run, work):
            total.add(part)
    return total


def replay(seed: int, place: str, how: Turned = AS_SHIPPED) -> Sum:
    """Judge one image again, by the place that a finding gave: ``workload/node/images/image``."""
    number, node, count, image = place.split("/")
    return run_all([Job(seed, int(number), node, int(count), int(image), how)], 1)


async def _judged(folder: Path, job: Job, made: Record) -> Sum:
    total = Sum(commits=len(made.states), acts=len(made.ops))
    judge = Judge(folder, job.node, made.states)
    rng = random.Random(f"{job.seed}/{job.number}/{job.node}")
    for number, build in enumerate(images(made.ops, rng, job.images)):
        if job.only not in (None, number):
            continue
        image = build()
        total.images += 1
        total.acknowledged += image.acknowledged
        finding = await judge.judge(image)
        if finding is not None:
            _count(total, job, finding)
    return total


def _count(total: Sum, job: Job, finding: Finding) -> None:
    total.lost += finding.fault is Fault.LOST
    total.corrupt += finding.fault is Fault.CORRUPT
    if len(total.findings) < SHOWN:
        image = finding.image
        total.findings.append(
            f"{finding.fault.value}: {job.node} after act {image.point} ({image.kept}) "
            f"{finding.said}\n  {job.again(image.number)}"
        )


def turned(work: list[Job], how: Turned) -> list[Job]:
    """The same jobs with something made worse."""
    return [replace(job, turned=how) for job in work]
