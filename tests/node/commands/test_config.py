"""``lianping config``: every value, and who said it."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from node.cli import main
from node.commands.origins import lines_of
from tests.node.test_config import GOOD, write


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIANPING_LISTEN__API", raising=False)


def shown(path: Path) -> dict[str, dict[str, Any]]:
    done = CliRunner().invoke(main, ["config", "show", "--json", "--config", str(path)])
    assert done.exit_code == 0, done.output
    return {each["key"]: each for each in json.loads(done.output)}


def test_a_value_is_of_the_file_the_environment_or_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIANPING_LISTEN__API", "127.0.0.1:1")
    path = write(tmp_path, GOOD)
    found = shown(path)
    line = GOOD.splitlines().index('advertise = "jian.example.cn:7443"') + 1
    assert found["listen.advertise"] == {
        "key": "listen.advertise",
        "value": "jian.example.cn:7443",
        "source": "file",
        "place": f"{path}:{line}",
    }
    assert found["listen.api"]["place"] == "LIANPING_LISTEN__API"
    assert (found["listen.peers"]["source"], found["listen.peers"]["value"]) == (
        "default",
        "0.0.0.0:7443",
    )
    assert found["adapters.video.url"]["source"] == "file"
    assert found["adapters.video.token_file"]["source"] == "default"


def test_origins_are_told_to_people_too(tmp_path: Path) -> None:
    command = ["config", "show", "--config", str(write(tmp_path, GOOD))]
    plain = CliRunner().invoke(main, command).output
    told = CliRunner().invoke(main, [*command, "--origin"]).output
    assert "mode.production = false\n" in plain
    assert "trust.suites" in told
    assert "默认 · default" in told
    assert "node.toml:9" in told


def test_a_misspelt_key_is_named_and_nothing_is_shown(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace("advertise", "advertize"))
    done = CliRunner().invoke(main, ["config", "show", "--config", str(path)])
    assert (done.exit_code, "did you mean 'advertise'" in done.output) == (2, True)


@pytest.mark.parametrize("words", [["config", "check"], ["check-config"]], ids=" ".join)
def test_a_good_configuration_is_said_to_be_good(tmp_path: Path, words: list[str]) -> None:
    done = CliRunner().invoke(main, [*words, "--config", str(write(tmp_path, GOOD))])
    assert (done.exit_code, "is good" in done.output) == (0, True)


def test_values_over_several_lines_stand_where_they_begin() -> None:
    text = (
        "a = 1 # [not.a.table]\n"
        "\n"
        "[one]\n"
        'b = """\n'
        "[two]\n"
        "c = 1\n"
        '"""\n'
        "d = [\n"
        "  1, # x = 1\n"
        "  2,\n"
        "]\n"
        '["a.b".c]\n'
        "e.f = {g = 1, h = 2}\n"
    )
    assert lines_of(text) == {
        ("a",): 1,
        ("one", "b"): 4,
        ("one", "d"): 8,
        ("a.b", "c", "e", "f", "g"): 13,
        ("a.b", "c", "e", "f", "h"): 13,
    }


@given(st.lists(st.sampled_from(["", "# x = 1", "\t"]), max_size=3), st.integers(0, 5))
def test_blank_lines_and_comments_move_a_key_and_nothing_else(
    before: list[str], value: int
) -> None:
    text = "\n".join([*before, "[t]", *before, f"k = {value}"])
    assert lines_of(text) == {("t", "k"): 2 * len(before) + 2}
