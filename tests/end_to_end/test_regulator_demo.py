"""``lianping demo --regulator``: a third node gives values, and officers audit the pools."""

import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from node.demo.world import CHANGLE, JIAN, POOL_SIZE, REGULATOR
from tests.support import pair

PATIENCE_SECONDS: Final = 180.0  # the usual time is half a minute; other tests run beside it


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "kept"


@pytest.fixture(scope="module")
def told(kept: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "node.cli", "demo", "--regulator", "--json"]
    done = subprocess.run(
        [*command, "--keep", str(kept), "--suite", pair.SPOKEN[0]],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def rows(kept: Path, statement: str) -> list[tuple[Any, ...]]:
    """What the regulator's database says."""
    path = kept / REGULATOR.key / "data" / "node.db"
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


def test_the_dossier_has_a_value_from_outside_and_anybody_can_see_it(told: dict[str, Any]) -> None:
    assert told["agreement"]["suite"] == pair.SPOKEN[0]
    assert told["oversight"]["outside_contributors"] == 1
    assert {draw["verified"] for draw in told["draws"]} == {True}
    command = [sys.executable, "-m", "node.cli", "verify", "--json", told["dossier"]["path"]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout)["outside_contributors"] == 1


def test_two_officers_built_every_pool_again(told: dict[str, Any]) -> None:
    audits = told["oversight"]["audits"]
    assert [each["members"] for each in audits] == [POOL_SIZE, POOL_SIZE]
    assert all(each["rebuilt"] for each in audits)
    assert [each["ghosts"] for each in audits] == [0, 0]


def test_every_record_of_a_call_was_examined_and_an_expert_of_each_center_called(
    told: dict[str, Any], kept: Path
) -> None:
    checked = sum(draw["invited"] for draw in told["draws"])
    assert told["oversight"]["call_backs"] == {"checked": checked, "faults": 0}
    states = rows(kept, "SELECT state, finding, count(*) FROM call_back GROUP BY 1, 2")
    assert sorted(states, key=str) == [
        ("DECIDED", "MATCH", 2), ("PRODUCED", None, checked - 2),
    ]  # fmt: skip


@pytest.mark.usefixtures("told")
def test_the_regulator_gave_a_value_to_each_draw_and_told_each_center_of_its_acts(
    kept: Path,
) -> None:
    phases = rows(kept, "SELECT kind, phase, count(*) FROM conversation GROUP BY 1, 2")
    assert ("contribution", "ACCOUNTED", 2) in phases
    assert ("oversight", "SUBMITTED", 2) in phases  # what the sealers told of the answers
    # Two audits, and two experts who were called back, each stated to both centers.
    assert ("oversight", "STATED", 6) in phases
    assert {kind for kind, _, _ in phases} == {"contribution", "oversight"}
    cosigned = rows(kept, "SELECT count(DISTINCT peer) FROM witnessed WHERE note <> ''")
    assert cosigned == [(2,)]  # the heads of both centers' logs
    decided = rows(kept, "SELECT state, proposed_by <> confirmed_by FROM oversight_request")
    assert decided == [("DECIDED", 1), ("DECIDED", 1)]


@pytest.mark.usefixtures("told")
def test_no_person_of_a_pool_is_in_anything_that_the_regulator_keeps(kept: Path) -> None:
    experts = [*JIAN.experts, *CHANGLE.experts]
    numbers = [each["编号"].encode() for each in experts]
    numbers += [each["身份证号"].encode() for each in experts]
    files = [path for path in (kept / REGULATOR.key).rglob("*") if path.is_file()]
    files.append(kept / f"{REGULATOR.key}.log")
    assert len(files) > 5
    for path in files:
        held = path.read_bytes()
        assert not any(number in held for number in numbers), path
