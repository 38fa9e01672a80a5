"""``lianping demo --provinces 3`` and ``--chaos`` as a visitor runs them: real processes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from federation.trust.keys import fingerprint

DEMO: Final = [sys.executable, "-m", "node.cli", "demo"]
PATIENCE_SECONDS: Final = 240.0  # some 45 s on a quiet machine


def _told(folder: Path, *options: str) -> dict[str, Any]:
    done = subprocess.run(
        [*DEMO, *options, "--json", "--lang", "en", "--keep", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _verified(path: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "node.cli", "verify", path, "--lang", "en", *options],
        capture_output=True,
        text=True,
        check=False,
    )


def _holds(told: dict[str, Any]) -> None:
    """A host and two subs, nine members, three draws, one dossier of all."""
    assert told["planned"] == {"centers": 3, "members": 9, "replaced": 2}
    assert [each["signatures"] for each in told["agreements"]] == [2, 2]
    assert [leg["state"] for leg in told["bookings"]] == ["COMPLETED"] * 4
    assert told["committee"]["size"] == 9
    assert sorted(told["committee"]["experts_by_center"].values()) == [2, 2, 3]
    assert sorted(draw["accepted"] for draw in told["draws"]) == [2, 2, 3]
    assert {draw["verified"] for draw in told["draws"]} == {True}
    assert told["evaluation"]["signatures"] == 9
    assert told["dossier"]["tampered_refused"]

    verdict = json.loads(_verified(told["dossier"]["path"], "--json").stdout)
    assert verdict["holds"]
    assert [party["role"] for party in verdict["parties"]] == ["HOST", "SUB", "SUB"]
    assert len(verdict["parts"]) == 2
    assert verdict["members"] == 9
    assert len(verdict["draws"]) == 3


@pytest.mark.timeout(300)
def test_three_provinces_end_with_one_dossier_that_anybody_can_verify(tmp_path: Path) -> None:
    told = _told(tmp_path / "kept", "--provinces", "3")

    _holds(told)
    assert told["chaos"] == {}
    page = _verified(told["dossier"]["path"])
    assert (page.returncode, page.stderr) == (0, "")
    for center in told["committee"]["experts_by_center"]:
        assert fingerprint(center) in page.stdout


@pytest.mark.timeout(300)
def test_lost_messages_and_a_killed_node_change_nothing_under_gm_1_either(tmp_path: Path) -> None:
    told = _told(tmp_path / "kept", "--provinces", "3", "--chaos", "--suite", "gm-1")

    _holds(told)
    assert {each["suite"] for each in told["agreements"]} == {"gm-1"}
    assert told["chaos"]["killed"] == ["jiyang"]
    assert told["chaos"]["lost_percent"] == 10
    # Some 400 messages go between the nodes: that none of them is lost does not happen.
    assert told["chaos"]["messages_lost"] > 5
    for log in ("jiyang", "suzhou", "nanyang"):
        assert "lost on purpose" in (tmp_path / "kept" / f"{log}.log").read_text("utf-8")


@pytest.mark.timeout(300)
def test_two_centers_hold_through_chaos_too(tmp_path: Path) -> None:
    told = _told(tmp_path / "kept", "--chaos")

    assert told["committee"]["size"] == 7
    assert told["chaos"]["killed"] == ["jian"]
    assert told["chaos"]["messages_lost"] > 0
    assert _verified(told["dossier"]["path"]).returncode == 0


def test_the_help_shows_both_by_example() -> None:
    done = subprocess.run([*DEMO, "--help"], capture_output=True, text=True, check=False)

    assert done.returncode == 0
    for named in ("lianping demo --provinces 3", "--chaos", "lianping demo --suite gm-1"):
        assert named in done.stdout


def test_four_provinces_are_refused_in_a_sentence() -> None:
    done = subprocess.run([*DEMO, "--provinces", "4"], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "2<=x<=3" in done.stderr
