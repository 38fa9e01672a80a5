"""The script of the README: from two empty folders to a signed agreement, in minutes."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "deploy" / "two-centers.sh"
AT_MOST_SECONDS = 300  # what the issue promises to an IT person
MEASURED = re.compile(r"完成 · done: (\d+):(\d\d)")


def run(folder: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    environment = {
        key: value
        for key, value in os.environ.items()  # noqa: TID251 - the child inherits it
        if not key.startswith("LIANPING_")
    }
    environment |= {
        "PYTHONPATH": f"{ROOT}:{ROOT / 'proto' / 'gen'}",
        "PYTHON": sys.executable,
        "LIANPING": f"{sys.executable} -m node.cli",
        "LC_ALL": "C.UTF-8",
    } | changes
    return subprocess.run(
        [str(SCRIPT), str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=AT_MOST_SECONDS,
        check=False,
    )


@pytest.mark.parametrize("suite", ["intl-1", "gm-1"])
def test_two_empty_folders_become_two_federated_nodes(tmp_path: Path, suite: str) -> None:
    done = run(tmp_path / "two", SUITE=suite)
    assert done.returncode == 0, done.stdout + done.stderr
    measured = MEASURED.search(done.stdout)
    assert measured is not None, done.stdout
    assert int(measured[1]) * 60 + int(measured[2]) < AT_MOST_SECONDS
    assert "UP" in done.stdout
    assert "ACTIVE" in done.stdout or "生效" in done.stdout
    for center in ("jian", "changle"):
        log = (tmp_path / "two" / center / "log").read_text(encoding="utf-8")
        assert '"the node is down"' in log, "what was started was ended, in order"
        assert "Traceback" not in log
        assert not (tmp_path / "two" / center / "data" / "node.sock").exists()


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    done = run(tmp_path)
    assert done.returncode == 2
    assert "is not empty" in done.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["mine"]


def test_the_script_has_no_slip_that_shellcheck_knows() -> None:
    assert subprocess.run(["bash", "-n", str(SCRIPT)], check=False).returncode == 0
    checker = shutil.which("shellcheck")
    if checker is not None:
        assert subprocess.run([checker, str(SCRIPT)], check=False).returncode == 0
