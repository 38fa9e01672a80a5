"""The command, as an operator meets it: real files, a real folder, exit codes."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from node.cli import main
from node.config import load
from node.local_socket import listening
from tests.node.test_config import GOOD, write
from tests.node.test_serving import configured as on_free_ports
from tests.support.founded import found


def configured(folder: Path, text: str = GOOD) -> str:
    return str(write(folder, text.replace("/var/lib/lianping", str(folder / "data"))))


def test_a_good_configuration_is_said_to_be_good(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["check-config", "--config", configured(tmp_path)])
    assert (done.exit_code, "is good" in done.output) == (0, True)


def test_a_stand_in_in_production_is_refused_by_name(tmp_path: Path) -> None:
    config = configured(tmp_path, GOOD.replace("production = false", "production = true"))
    for command in ("check-config", "serve"):
        done = CliRunner().invoke(main, [command, "--config", config])
        assert done.exit_code == 2
        assert "trading, messaging, identity, signing, experts" in done.output


def test_a_missing_configuration_is_one_line_and_not_a_traceback(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["serve", "--config", str(tmp_path / "no.toml")])
    assert (done.exit_code, "cannot be read" in done.output) == (2, True)
    assert "Traceback" not in done.output


def test_a_reader_who_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    """``lianping config show | head -1``: the rest has nowhere to go, and nobody is told."""
    reads, writes = os.pipe()
    os.close(reads)
    child = subprocess.run(
        [sys.executable, "-m", "node.cli", "config", "show", "--config", configured(tmp_path)],
        stdout=writes, stderr=subprocess.PIPE, check=False,
    )  # fmt: skip
    os.close(writes)
    assert "错误".encode() not in child.stderr


def test_a_node_that_was_not_set_up_says_what_to_run(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["serve", "--config", configured(tmp_path)])
    assert (done.exit_code, "`lianping init`" in done.output) == (2, True)
    assert not (tmp_path / "data").exists()


def test_a_folder_that_is_served_is_not_served_twice(tmp_path: Path) -> None:
    path, _, _ = on_free_ports(tmp_path)
    asyncio.run(found(load(path), tmp_path / "root.pem", "operator password"))
    with listening(tmp_path / "data"):
        done = CliRunner().invoke(main, ["serve", "--config", str(path)])
    assert (done.exit_code, "stop it first" in done.output) == (2, True), done.output
    assert "Traceback" not in done.output


def test_what_is_no_dossier_is_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "x.dossier"
    path.write_bytes(b"not a dossier")
    done = CliRunner().invoke(main, ["verify", str(path)])
    assert (done.exit_code, "unreadable" in done.output or "不可读" in done.output) == (2, True)


def test_a_bad_address_for_the_stand_in_is_refused(tmp_path: Path) -> None:
    command = ["stand-in", "trading", "--listen", "8090", "--folder", str(tmp_path)]
    done = CliRunner().invoke(main, command)
    assert (done.exit_code, "host:port" in done.output) == (2, True)


def every_command(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if not words or not isinstance(command, click.Group):  # a group says what its commands are
        yield words
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None, name
            yield from every_command(inner, (*words, name))


@pytest.mark.parametrize("words", list(every_command(main)), ids=" ".join)
def test_every_command_shows_what_to_type(words: tuple[str, ...]) -> None:
    typed = ("config", "check") if words == ("check-config",) else words  # its older name
    done = CliRunner().invoke(main, [*words, "--help"])
    _, _, examples = done.output.partition("示例 · Examples:")
    assert f"lianping {' '.join(typed)}".strip() in examples


@pytest.mark.parametrize(
    ("environment", "options", "said"),
    [
        ({"LANG": "en_US.UTF-8"}, [], "is not empty"),
        ({"LANG": "zh_CN.UTF-8"}, [], "不是空的"),
        ({"LANG": "C.UTF-8"}, [], "不是空的"),
        ({"LANG": "zh_CN.UTF-8"}, ["--lang", "en"], "is not empty"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "en_GB.UTF-8"}, [], "is not empty"),
    ],
)
def test_the_demonstration_speaks_the_language_of_the_machine(
    tmp_path: Path, environment: dict[str, str], options: list[str], said: str
) -> None:
    (tmp_path / "kept").write_text("before")
    none = {"LC_ALL": None, "LC_MESSAGES": None, "LANG": None}
    done = CliRunner().invoke(
        main, ["demo", "--keep", str(tmp_path), *options], env={**none, **environment}
    )
    assert (done.exit_code, said in done.output) == (2, True)
