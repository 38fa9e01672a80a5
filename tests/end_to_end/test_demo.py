"""``lianping demo`` as a visitor runs it: real processes, one JSON object, nothing left over."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from federation.trust.keys import fingerprint
from node.demo.world import CHANGLE, JIAN
from tests.evidence.logs import hidden

DEMO: Final = [sys.executable, "-m", "node.cli", "demo"]
PATIENCE_SECONDS: Final = 60.0


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "kept"


@pytest.fixture(scope="module")
def told(kept: Path) -> dict[str, Any]:
    done = subprocess.run(
        [*DEMO, "--json", "--keep", str(kept)],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS * 2,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_json_says_what_the_issue_asks_for(told: dict[str, Any]) -> None:
    assert told["agreement"]["signatures"] == 2
    assert len(told["agreement"]["id"]) == 64
    assert {leg["state"] for leg in told["bookings"]} == {"COMPLETED"}
    assert told["committee"]["size"] == 7
    assert sorted(told["committee"]["experts_by_center"].values()) == [2, 3]
    assert {draw["verified"] for draw in told["draws"]} == {True}
    assert sorted(
        (draw["invited"], draw["accepted"], draw["supplements"]) for draw in told["draws"]
    ) == [(3, 2, 1), (4, 3, 1)]
    assert "stand-in e-trading system" in told["roster"]["opened_by"]
    assert told["evaluation"]["state"] == "ARCHIVED"
    assert told["dossier"]["verified"]
    assert told["dossier"]["tampered_refused"]
    assert told["elapsed_seconds"] > 0
    assert told["chaos"] == {}


def test_the_dossier_is_for_anybody(told: dict[str, Any]) -> None:
    command = [sys.executable, "-m", "node.cli", "verify", told["dossier"]["path"], "--lang", "en"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    for center in told["committee"]["experts_by_center"]:
        assert fingerprint(center) in done.stdout


def test_a_fault_in_a_copy_is_named(told: dict[str, Any], kept: Path) -> None:
    copy = kept / "evaluation.tampered.dossier"
    command = [sys.executable, "-m", "node.cli", "verify", str(copy), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    fault = json.loads(done.stdout)

    assert done.returncode == 1
    assert fault["where"]
    assert f"{fault['where']}: {fault['en']}" == told["dossier"]["fault_named"]


@pytest.mark.usefixtures("told")
def test_both_centers_logs_say_the_same_and_a_word_that_one_hides_is_named(
    kept: Path, tmp_path: Path
) -> None:
    audit = [sys.executable, "-m", "node.cli", "audit"]
    files = []
    for center in ("jian", "changle"):
        command = [*audit, "export", "--config", str(kept / center / "node.toml")]
        done = subprocess.run(command, capture_output=True, check=True)
        files.append(tmp_path / f"{center}.log")
        files[-1].write_bytes(done.stdout)
    command = [*audit, "diff", *map(str, files), "--json"]
    equal = subprocess.run(command, capture_output=True, text=True, check=False)
    told = json.loads(equal.stdout)

    assert (equal.returncode, told["equal"], told["differences"]) == (0, True, [])
    assert [side["heads"] for side in told["files"]] == [1, 1]

    files[1].write_bytes(hidden(files[1].read_bytes(), 20))
    differ = subprocess.run(command, capture_output=True, text=True, check=False)
    assert differ.returncode == 1
    missing = [each for each in json.loads(differ.stdout)["differences"] if each["word"]]
    assert [each["kind"] for each in missing] == ["missing"]
    assert missing[0]["by"] == told["files"][1]["center"]


@pytest.mark.usefixtures("told")
def test_no_person_is_in_a_log_line_or_in_clear_on_disk(kept: Path) -> None:
    """Names, ID numbers and telephones stay sealed; only the telephones' own spool has them."""
    secrets = {
        expert[column].encode()
        for center in (JIAN, CHANGLE)
        for expert in center.experts
        for column in ("身份证号", "手机")
    }
    files = [
        *kept.glob("*.log"),
        *kept.glob("*/data/node.db*"),
        *kept.glob("*/data/dossiers/*"),
        *kept.glob("*.dossier"),
    ]
    assert len(files) >= 6
    for file in files:
        content = file.read_bytes()
        assert not [secret for secret in secrets if secret in content], file.name


@pytest.mark.usefixtures("told")
def test_a_folder_with_something_in_it_is_not_taken(kept: Path) -> None:
    done = subprocess.run([*DEMO, "--keep", str(kept)], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "not empty" in done.stdout or "不是空的" in done.stdout


def test_ctrl_c_leaves_no_process_behind(tmp_path: Path) -> None:
    folder = tmp_path / "interrupted"
    with subprocess.Popen(
        [*DEMO, "--keep", str(folder)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if " 4. " in line:
                break
        assert len(list(_processes(folder))) == 3
        demo.send_signal(signal.SIGINT)
        demo.stdout.read()
        # A shell shows 130 for both; see test_interrupted_demo.
        assert demo.wait(PATIENCE_SECONDS) in {130, -signal.SIGINT}

    ends = time.monotonic() + PATIENCE_SECONDS
    while list(_processes(folder)) and time.monotonic() < ends:
        time.sleep(0.05)
    assert list(_processes(folder)) == []


def _processes(folder: Path) -> Iterator[int]:
    """Running processes that were started for a demonstration in this folder, but for itself."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue  # it ended while we looked
            if b"demo" not in command and any(str(folder).encode() in part for part in command):
                yield int(entry.name)
