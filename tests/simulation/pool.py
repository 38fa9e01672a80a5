"""Runs seeds and mutants on all cores."""

import multiprocessing
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from tests.simulation.mutants import SLIPS, mutant
from tests.simulation.run import STORM_MINUTES, Report, run

CHUNK = 4  # seeds handed to a process at once


def every(
    seeds: Iterable[int],
    *,
    minutes: float = STORM_MINUTES,
    nodes: Sequence[int] | None = None,
    workers: int,
) -> Iterator[Report]:
    """Run seeds in processes of their own, in no order."""
    one = partial(run, minutes=minutes, nodes=nodes)
    if workers == 1:
        yield from map(one, seeds)
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap_unordered(one, seeds, CHUNK)


def hunt(name: str, seeds: range) -> tuple[str, Report | None]:
    """Look for a mutant; answers the first report that shows it, or None."""
    for seed in seeds:
        with mutant(name):
            report = run(seed)
        if report.violation is not None:
            slipped = any(slip in report.violation for slip in SLIPS)
            assert not slipped, f"the mutant that {name} does not fit: {report.violation}"
            return name, report
    return name, None


def hunt_all(
    names: Iterable[str], seeds: range, *, workers: int
) -> Iterator[tuple[str, Report | None]]:
    """Look for mutants, each in a process that serves nothing else meanwhile."""
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap_unordered(partial(hunt, seeds=seeds), names)
