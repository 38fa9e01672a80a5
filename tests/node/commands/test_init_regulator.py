"""``lianping init --role regulator``: no outside system is asked for, and the rest is as ever."""

import json
from pathlib import Path

from node import config
from tests.node.commands.test_init import Place, run


def as_regulator(place: Place) -> list[str]:
    """The command, for a regulator in earnest."""
    command = [each for each in place.command if each != "--trial"]
    return [*command, "--role", "regulator"]


def test_a_regulator_is_set_up_without_outside_systems(tmp_path: Path) -> None:
    place = Place(tmp_path)
    done = run([*as_regulator(place), "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["role"] == "regulator"
    assert any("lianping regulator officer" in step for step in told["next"])
    settings = config.load(place.config)
    assert settings.regulates
    assert settings.mode.production
    text = place.config.read_text(encoding="utf-8")
    assert 'role = "regulator"' in text
    assert "[adapters" not in text
    assert "STAND-IN" not in done.stderr


def test_it_is_safe_to_repeat_and_no_center_is_made_of_a_regulator(tmp_path: Path) -> None:
    place = Place(tmp_path)
    assert run(as_regulator(place)).exit_code == 0
    assert run(as_regulator(place)).exit_code == 0
    other = run([*as_regulator(place)[:-1], "center"])
    assert other.exit_code == 2
    assert "center.role" in other.output


def test_the_role_and_where_it_comes_from_are_shown(tmp_path: Path) -> None:
    place = Place(tmp_path)
    assert run(as_regulator(place)).exit_code == 0
    shown = run(["config", "show", "--origin", "--config", str(place.config)])
    assert 'center.role = "regulator"' in shown.output
    assert 'adapters.trading.kind = "none"    # 默认' in shown.output


def test_help_shows_how_to_set_up_a_regulator() -> None:
    assert "lianping init --role regulator" in run(["init", "--help"]).output
