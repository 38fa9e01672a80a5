"""Simulates federations under faults, one seed each.

python -m tests.simulation                     2,000 seeds on all cores
python -m tests.simulation --seeds 50000       before a release
python -m tests.simulation --seed 1234         one seed again, with its trace hash
python -m tests.simulation --mutant "skips the order check"
"""

import argparse
import os
import sys
import time
from collections import Counter

from tests.simulation.goals import SOMETIMES
from tests.simulation.mutants import MUTANTS, mutant
from tests.simulation.pool import every
from tests.simulation.run import STORM_MINUTES, Report, run

ENOUGH_SEEDS = 500  # from so many on, every goal must have been reached
TELL_SECONDS = 2.0
HOUR_SECONDS = 3600


def main() -> int:
    """Run what was asked for; the exit code is 1 if anything was violated or missed."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation", description="Federations under faults, from seeds."
    )
    parser.add_argument("--seeds", type=int, default=2_000, help="how many (2000)")
    parser.add_argument("--start", type=int, default=0, help="the first seed (0)")
    parser.add_argument("--seed", type=int, help="run this one alone and show its trace")
    parser.add_argument("--minutes", type=float, default=STORM_MINUTES, help="of faults (20)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--mutant", choices=sorted(MUTANTS), help="look for this mistake")
    chosen = parser.parse_args()
    if chosen.mutant is not None:
        return _hunt(chosen.mutant, range(chosen.start, chosen.start + chosen.seeds))
    if chosen.seed is not None:
        return _again(run(chosen.seed, minutes=chosen.minutes))
    seeds = range(chosen.start, chosen.start + chosen.seeds)
    return _all(seeds, chosen.minutes, chosen.workers)


def _all(seeds: range, minutes: float, workers: int) -> int:
    began = told = time.perf_counter()
    goals: Counter[str] = Counter()
    failed: list[Report] = []
    days, done = 0.0, 0
    for report in every(seeds, minutes=minutes, workers=workers):
        done += 1
        days += report.simulated_seconds / HOUR_SECONDS / 24
        goals.update(report.goals)
        if report.violation is not None:
            failed.append(report)
            _say(f"seed {report.seed}: {report.violation}")
            _say(f"    again: {_command(report.seed, minutes)}")
        now = time.perf_counter()
        if now - told > TELL_SECONDS or done == len(seeds):
            told = now
            _say(f"{done}/{len(seeds)} seeds, {done / (now - began):.1f}/s, {len(failed)} failed")
    missed = sorted(SOMETIMES - set(goals))
    _say(
        f"{done} seeds, {days:.1f} simulated days, {workers} processes, "
        f"{time.perf_counter() - began:.0f} s: {len(failed)} violation(s)"
    )
    for goal in sorted(SOMETIMES):
        _say(f"    {goals[goal]:>8}  {goal}")
    if missed and done >= ENOUGH_SEEDS:
        _say(f"never reached: {'; '.join(missed)}. The runs have a blind spot.")
        return 1
    return 1 if failed else 0


def _hunt(name: str, seeds: range) -> int:
    for seed in seeds:
        with mutant(name):
            report = run(seed)
        if report.violation is not None:
            _say(f"seed {seed} finds a node that {name}: {report.violation}")
            return 0
    _say(f"{len(seeds)} seeds did not find a node that {name}")
    return 1


def _again(report: Report) -> int:
    _say(f"seed {report.seed}: {report.violation or 'at rest, nothing violated'}")
    _say(f"trace {report.trace}")
    _say(f"{report.simulated_seconds:.0f} s simulated in {report.seconds:.2f} s")
    for goal, count in sorted(report.goals.items()):
        _say(f"    {count:>8}  {goal}")
    return 1 if report.violation else 0


def _command(seed: int, minutes: float) -> str:
    options = "" if minutes == STORM_MINUTES else f" --minutes {minutes:g}"
    return f"python -m tests.simulation --seed {seed}{options}"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
