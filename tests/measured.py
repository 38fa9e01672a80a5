"""How much of the code the tests went through, told file by file and held to a least.

``python -m tests.measured build/coverage-*.json``: SlipCover's files, one per row of tests, are
merged. What a test starts in a process of its own is not in them.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from slipcover import merge_coverage

LEAST: Final = {
    "": 85.0,
    # The protocol, the lottery and the evidence are pure: what is not tried there was forgotten.
    "federation/protocol/": 95.0,
    "federation/trust/": 95.0,
    "federation/lottery/": 95.0,
    "federation/evidence/": 95.0,
}
"""Per cent of lines and branches, by where a file lies."""

LINES_SHOWN: Final = 12


def merged(paths: Sequence[Path]) -> Mapping[str, Mapping[str, Any]]:
    """What all rows of tests went through together, by file.

    Args:
        paths: SlipCover's JSON files, at least one.
    """
    first, *others = (json.loads(path.read_bytes()) for path in paths)
    for other in others:
        merge_coverage(first, other)
    files: Mapping[str, Mapping[str, Any]] = first["files"]
    return files


def per_cent(files: Iterable[Mapping[str, Any]]) -> float:
    """The share of lines and branches that were gone through, 0 to 100."""
    done = missed = 0
    for file in files:
        done += len(file["executed_lines"]) + len(file["executed_branches"])
        missed += len(file["missing_lines"]) + len(file["missing_branches"])
    return 100.0 * done / max(1, done + missed)


def too_little(files: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """A sentence per place of which less was tried than must be."""
    for place, least in LEAST.items():
        found = per_cent(file for name, file in files.items() if name.startswith(place))
        if found < least:
            yield f"{place or 'all'}: {found:.1f} %, at least {least:.0f} % must be tried"


def main(paths: Sequence[str]) -> int:
    """Print the table; the exit code is 1 if too little was tried."""
    files = merged([Path(path) for path in paths])
    for name, file in sorted(files.items()):
        if missing := [str(line) for line in file["missing_lines"]]:
            more = " …" if len(missing) > LINES_SHOWN else ""
            lines = ", ".join(missing[:LINES_SHOWN])
            sys.stdout.write(f"{per_cent([file]):5.1f} %  {name}: {lines}{more}\n")
    for place in LEAST:
        found = per_cent(file for name, file in files.items() if name.startswith(place))
        sys.stdout.write(f"{found:5.1f} %  {place or 'all'}\n")
    wrong = [*too_little(files)]
    sys.stdout.writelines(f"{line}\n" for line in wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
