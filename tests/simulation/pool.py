"""Runs seeds and mutants on all cores."""

import multiprocessing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Final

from tests.simulation.mutants import SLIPS, mutant
from tests.simulation.run import STORM_MINUTES, Report, run

CHUNK = 4  # seeds handed to a process at once
FIRST_ROUND = 8  # seeds in which most mutants are found
ROUNDS_GROW = 3
LAST_FOUND_BY: Final[Mapping[str, int]] = MappingProxyType(
    {
        "answers before the commit": 8,
        "counts only confirmed bookings": 3,
        "decides again when time is up": 23,
        "forgets what waits when it restarts": 4,
        "gives seats that others hold": 2,
        "gives seats up and tells nobody": 8,
        "gives the old seats free when it consents": 10,
        "gives up seats that it agreed to keep": 62,
        "goes on when the disk is full": 12,
        "hears a hold and reserves nothing": 4,
        "hears of a move and stays": 7,
        "keeps the seats after an abort": 2,
        "keeps the seats of an expired hold": 2,
        "keeps the seats of the window before": 10,
        "lets a booking stand that an abort crossed": 40,
        "lets the other side's deadline lapse": 2,
        "never looks at deadlines": 4,
        "never runs errands": 2,
        "pays no heed to quotas": 3,
        "refuses for good what is only early": 21,
        "settles a move when the first consents": 7,
        "skips the order check": 47,
        "takes other seats and keeps the first": 15,
        "takes silence for an abort": 62,
        "trusts the log's tip after a rollback": 2,
    }
)
"""Seeds that are tried first, where the first two do not find a mutant. What the nodes do changes,
and with it which seed finds it: then all are searched as ever."""


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
        likely = {name: LAST_FOUND_BY.get(name, first) for name in left}
        tries = [(name, range(seed, seed + 1)) for name, seed in likely.items() if seed in seeds]
        for name, report in pool.imap_unordered(hunt, tries):
            if report is not None:
                left.remove(name)
                yield name, report
        while left and first < seeds.stop:
            last = min(first + length, seeds.stop)
            # As long as there are mutants for all, none of them is looked for by two at once: one
            # would go on when the other has found it.
            split = 1 if len(left) > workers else workers
            parts = [range(first + part, last, split) for part in range(split)]
            found: dict[str, Report] = {}
            tasks = [(name, part) for name in left for part in parts]
            for name, report in pool.imap_unordered(hunt, tasks):
                if report is not None and (name not in found or report.seed < found[name].seed):
                    found[name] = report
            yield from found.items()
            left = [name for name in left if name not in found]
            first, length = last, length * ROUNDS_GROW
    yield from ((name, None) for name in left)
