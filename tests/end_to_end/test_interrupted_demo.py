"""Whoever ends the demonstration, not by Ctrl-C, finds no process and no file left either."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import pytest

from tests.node.test_serving import ROOT

PATIENCE_SECONDS: Final = 90.0  # the set-up stretches two passphrases first


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_terminated_demonstration_leaves_nothing(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    temporary = tmp_path_factory.mktemp("t")  # short: a socket's path has at most 107 bytes
    environment = {
        **os.environ,  # noqa: TID251 - the child inherits it
        "PYTHONPATH": f"{ROOT}:{ROOT / 'proto' / 'gen'}",
        "TMPDIR": str(temporary),
    }
    with (tmp_path / "said").open("wb") as said:
        demo = subprocess.Popen(
            [sys.executable, "-m", "node.cli", "demo", "--lang", "en"],
            stdout=said,
            stderr=subprocess.STDOUT,
            env=environment,
        )
        try:
            ends = time.monotonic() + PATIENCE_SECONDS
            while len(started := children_of(demo.pid)) < 3:
                assert time.monotonic() < ends, "two nodes and the e-trading system did not start"
                time.sleep(0.05)
            demo.terminate()
            # A shell shows 130 for both: CPython ends by SIGINT itself if the interrupt, although
            # it was caught, came inside an exec, as importing a dataclass is one.
            assert demo.wait(PATIENCE_SECONDS) in {130, -signal.SIGINT}
        finally:
            demo.kill()
            demo.wait()
    assert [pid for pid in started if is_running(pid)] == []
    assert list(temporary.iterdir()) == []
    assert "interrupted" in (tmp_path / "said").read_text()
    assert "Traceback" not in (tmp_path / "said").read_text()
