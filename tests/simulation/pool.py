"""Runs seeds and mutants on all cores."""

import multiprocessing
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from tests.simulation.mutants import SLIPS, mutant
from tests.simulation.run import STORM_MINUTES, Report, run

CHUNK = 4  # seeds handed to a process at once
FIRST_ROUND = 8  # seeds in which most mutants are found
ROUNDS_GROW = 3


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


def hunt(wanted: tuple[str, range]) -> tuple[str, Report | None]:
    """Look for a mutant; answers the first report that shows it, or None."""
    name, seeds = wanted
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
    """Look for mutants, in rounds that grow: most are found at once, and the rest by all cores."""
    left = list(names)
    first, length = seeds.start, FIRST_ROUND
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        while left and first < seeds.stop:
            last = min(first + length, seeds.stop)
            parts = [range(first + part, last, workers) for part in range(workers)]
            found: dict[str, Report] = {}
            tasks = [(name, part) for name in left for part in parts]
            for name, report in pool.imap_unordered(hunt, tasks):
                if report is not None and (name not in found or report.seed < found[name].seed):
                    found[name] = report
            yield from found.items()
            left = [name for name in left if name not in found]
            first, length = last, length * ROUNDS_GROW
    yield from ((name, None) for name in left)
