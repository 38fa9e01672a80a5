"""Cuts the power of two nodes at every act of their disks, and judges what is left.

python -m tests.faults                        50,000 images on all cores, as the gate does
python -m tests.faults --images 1000000       before a release
python -m tests.faults --seed 7               other workloads, other cuts
python -m tests.faults --worse NORMAL         with synchronous=NORMAL: must find losses
python -m tests.faults --worse lying-drive    on a drive that ignores syncs: must find losses
python -m tests.faults --seed 1 --replay 3/host/6250/17    one image again, as a finding says

Prints one JSON line; the exit code is 1 if anything was lost or corrupt.
"""

import argparse
import json
import os
import sys
import time
from typing import Final

from tests.faults.power_cuts import IMAGES, WORKLOADS, jobs, replay, run_all, turned
from tests.faults.workload import AS_SHIPPED, Turned

WORSE: Final = {
    "": AS_SHIPPED,
    "NORMAL": Turned(synchronous="NORMAL"),
    "lying-drive": Turned(keeps_syncs=False),
}
IMAGES_PER_WORKLOAD: Final = 25_000  # what one workload's record has in it, with room to spare


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--images", type=int, default=IMAGES, help=f"how many ({IMAGES})")
    parser.add_argument("--seed", type=int, default=1, help="of workloads and cuts (1)")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--worse", choices=sorted(WORSE), default="", help="than what is shipped")
    parser.add_argument("--replay", metavar="WORKLOAD/NODE/IMAGES/IMAGE", help="one image again")
    chosen = parser.parse_args()
    started = time.perf_counter()
    if chosen.replay is not None:
        total = replay(chosen.seed, chosen.replay, WORSE[chosen.worse])
    else:
        work = list(
            jobs(chosen.seed, chosen.images, max(WORKLOADS, chosen.images // IMAGES_PER_WORKLOAD))
        )
        total = run_all(turned(work, WORSE[chosen.worse]), chosen.processes)
    for finding in total.findings:
        print(finding, file=sys.stderr)  # noqa: T201 (the command's output)
    print(  # noqa: T201 (the command's output)
        json.dumps(
            {
                "seed": chosen.seed,
                "images": total.images,
                "commits": total.commits,
                "acts": total.acts,
                "acknowledged": total.acknowledged,
                "lost": total.lost,
                "corrupt": total.corrupt,
                "seconds": round(time.perf_counter() - started, 1),
            }
        )
    )
    return 1 if total.lost or total.corrupt else 0


if __name__ == "__main__":
    sys.exit(main())
