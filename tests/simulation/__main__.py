"""Simulates federations under faults, one seed each.

python -m tests.simulation                     2,000 seeds on all cores
python -m tests.simulation --seeds 50000       before a release
python -m tests.simulation --nodes 3..7        how many centers; 5 is five in every run
python -m tests.simulation --seed 1234         one seed again, with its trace hash
python -m tests.simulation --mutants           every mistake that must be found, and by which seed
python -m tests.simulation --mutant "skips the order check"
"""

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tests.simulation.goals import FAULTS, SOMETIMES
from tests.simulation.mutants import MUTANTS
from tests.simulation.pool import every, hunt_all
from tests.simulation.run import MOST_NODES, STORM_MINUTES, Report, run

ENOUGH_SEEDS = 2_000  # from so many on, every goal and every fault must have been reached
LEAST_NODES = 2
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
    parser.add_argument("--nodes", type=_nodes, help="how many centers: 5, or 3..7 by the seed")
    parser.add_argument("--minutes", type=float, default=STORM_MINUTES, help="of faults (20)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--mutant", choices=sorted(MUTANTS), help="look for this mistake")
    parser.add_argument("--mutants", action="store_true", help="look for every mistake too")
    chosen = parser.parse_args()
    seeds = range(chosen.start, chosen.start + chosen.seeds)
    if chosen.mutant is not None:
        return len(_hunted([chosen.mutant], seeds, chosen.workers)["escaped"])
    if chosen.seed is not None:
        return _again(run(chosen.seed, minutes=chosen.minutes, nodes=chosen.nodes))
    return _all(seeds, chosen)


def _nodes(text: str) -> Sequence[int]:
    least, dots, most = text.partition("..")
    try:
        found = range(int(least), int(most if dots else least) + 1)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number nor like 3..7") from error
    if not found or not LEAST_NODES <= found[0] <= found[-1] <= MOST_NODES:
        raise argparse.ArgumentTypeError(f"from {LEAST_NODES} to {MOST_NODES} centers")
    return found


def _all(seeds: range, chosen: argparse.Namespace) -> int:
    began = told = time.perf_counter()
    sums: dict[str, Counter[str]] = {"goals": Counter(), "faults": Counter(), "nodes": Counter()}
    failed: list[Report] = []
    words = bundles = done = 0
    hours = 0.0
    for report in every(seeds, minutes=chosen.minutes, nodes=chosen.nodes, workers=chosen.workers):
        done += 1
        hours += report.simulated_seconds / HOUR_SECONDS
        words += report.words
        bundles += report.bundles
        sums["goals"].update(report.goals)
        sums["faults"].update(report.faults)
        sums["nodes"][str(report.nodes)] += 1
        if report.violation is not None:
            failed.append(report)
            _say(f"seed {report.seed}: {report.violation}")
            _say(f"    again: {_command(report.seed, chosen)}")
        now = time.perf_counter()
        if now - told > TELL_SECONDS or done == len(seeds):
            told = now
            _say(f"{done}/{len(seeds)} seeds, {done / (now - began):.1f}/s, {len(failed)} failed")
    missed = [*sorted(SOMETIMES - set(sums["goals"])), *sorted(FAULTS - set(sums["faults"]))]
    for what, names in (("goals", SOMETIMES), ("faults", FAULTS)):
        _say(what)
        for name in sorted(names):
            _say(f"    {sums[what][name]:>8}  {name}")
    result: dict[str, Any] = {
        "seeds": done,
        "seconds": round(time.perf_counter() - began),
        "simulated_hours": round(hours),
        "nodes": dict(sorted(sums["nodes"].items())),
        "words": words,
        "bundles": bundles,
        "faults": dict(sorted(sums["faults"].items())),
        "goals": len(SOMETIMES),
        "goals_reached": len(SOMETIMES & set(sums["goals"])),
        "missed": missed,
        "violations": len(failed),
        "failed_seeds": [report.seed for report in failed],
    }
    if chosen.mutants:
        result["mutants"] = _hunted(sorted(MUTANTS), seeds, chosen.workers)
    if missed and done >= ENOUGH_SEEDS:
        _say(f"never reached: {'; '.join(missed)}. The runs have a blind spot.")
    _say(json.dumps(result, ensure_ascii=False))
    escaped = chosen.mutants and result["mutants"]["escaped"]
    return 1 if failed or escaped or (missed and done >= ENOUGH_SEEDS) else 0


def _hunted(names: Sequence[str], seeds: range, workers: int) -> dict[str, Any]:
    """Hunt for mutants; answers how many there are, how many were found, and who escaped."""
    escaped = []
    for name, report in hunt_all(names, seeds, workers=workers):
        if report is None:
            escaped.append(name)
            _say(f"     escaped  {name}: {len(seeds)} seeds did not find it")
        else:
            _say(f"    {report.seed:>8}  {name}: {report.violation}")
    return {"hunted": len(names), "found": len(names) - len(escaped), "escaped": escaped}


def _again(report: Report) -> int:
    _say(f"seed {report.seed}: {report.violation or 'at rest, nothing violated'}")
    _say(f"trace {report.trace}")
    _say(f"{report.simulated_seconds:.0f} s simulated in {report.seconds:.2f} s")
    for what, counts in (("goals", report.goals), ("faults", report.faults)):
        _say(what)
        for name, count in sorted(counts.items()):
            _say(f"    {count:>8}  {name}")
    return 1 if report.violation else 0


def _command(seed: int, chosen: argparse.Namespace) -> str:
    options = f"SEED={seed}"
    if chosen.nodes is not None:
        options += f" NODES={chosen.nodes[0]}..{chosen.nodes[-1]}"
    if chosen.minutes != STORM_MINUTES:
        options += f' ARGS="--minutes {chosen.minutes:g}"'
    return f"make simulate {options}"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
