"""What an operator copies out of deploy/ is valid before he copies it."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
UNIT = DEPLOY / "systemd" / "lianping.service"
EXAMPLES = [DEPLOY / "node.example.toml", *sorted((DEPLOY / "compose").glob("*.toml"))]
ADAPTERS = {"trading", "messaging", "identity", "signing", "video", "experts"}

# systemd's own scale from 0 (nothing exposed) to 10, given to it in tenths.
MOST_EXPOSED = 20
# Every character of a unified social credit code weighs this, modulo 31 (GB 32100).
USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def tool(name: str) -> str:
    """Find a tool in our environment or on the PATH."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.is_file() else shutil.which(name)
    assert found is not None, f"{name} is missing; `make test-tools` installs it"
    return found


def run(*command: str | Path, cwd: Path = DEPLOY) -> None:
    """Run a command that must succeed; what it said is the failure's message."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


def compose() -> dict[str, Any]:
    """Parse compose.yaml."""
    table: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return table


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    """With a program that exists here in place of the installed one."""
    unit = re.sub(r"(?m)^ExecStart=\S+", f"ExecStart={tool('true')}", UNIT.read_text())
    copy = tmp_path / UNIT.name
    copy.write_text(unit)
    verify = [tool("systemd-analyze"), "verify", "--man=no", str(copy)]
    done = subprocess.run(verify, capture_output=True, text=True, check=False)
    # It warns of unknown keys and still returns 0, so silence is what counts.
    mine = [line for line in done.stderr.splitlines() if UNIT.name in line]
    assert (done.returncode, mine) == (0, [])


def test_the_unit_exposes_little() -> None:
    threshold = f"--threshold={MOST_EXPOSED}"
    run(tool("systemd-analyze"), "security", "--offline=true", "--no-pager", threshold, UNIT)


def test_prometheus_accepts_its_configuration() -> None:
    run(tool("promtool"), "check", "config", "prometheus/prometheus.yml")


def test_every_alert_fires_when_it_must_and_only_then() -> None:
    run(tool("promtool"), "test", "rules", "prometheus/rules_test.yaml")


def test_every_alert_is_tested_and_has_its_section_in_the_run_book() -> None:
    groups = yaml.safe_load((DEPLOY / "prometheus" / "rules.yaml").read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    tested = (DEPLOY / "prometheus" / "rules_test.yaml").read_text()
    book = (DEPLOY / "README.md").read_text()
    assert rules
    for rule in rules:
        assert f"alertname: {rule['alert']}\n" in tested
        assert f'<a id="{rule["annotations"]["runbook"]}"></a>' in book


def test_every_metric_of_the_alerts_is_one_that_the_node_offers() -> None:
    rules = yaml.safe_load((DEPLOY / "prometheus" / "rules.yaml").read_text())["groups"]
    expressions = " ".join(rule["expr"] for group in rules for rule in group["rules"])
    asked = set(re.findall(r"\blianping_\w+", expressions))
    source = (ROOT / "node" / "metrics.py").read_text()
    # The client library adds _total to a counter's name by itself.
    assert asked
    assert {name for name in asked if name.removesuffix("_total") not in source} == set()


def test_compose_runs_two_centers_each_with_its_own_trading_system() -> None:
    services = compose()["services"]
    assert {"jian", "changle", "jian-trading", "changle-trading", "prometheus"} <= set(services)
    between = {name for name, each in services.items() if "between-centers" in each["networks"]}
    assert between == {"jian", "changle"}, "only the nodes of two centers may meet"


def test_compose_mounts_only_files_that_exist() -> None:
    volumes = [v for each in compose()["services"].values() for v in each.get("volumes", [])]
    mounted = [volume.split(":")[0] for volume in volumes if volume.startswith("./")]
    assert mounted
    assert [name for name in mounted if not (DEPLOY / name).exists()] == []


def test_every_command_that_deploy_runs_is_one_that_the_node_has() -> None:
    from node.cli import main  # noqa: PLC0415 - only this test needs the whole node

    services = compose()["services"]
    commands = [each.get("command") for name, each in services.items() if name != "prometheus"]
    (exec_start,) = re.findall(r"(?m)^ExecStart=\S+ (.*)$", UNIT.read_text())
    wanted: list[list[str]] = [*filter(None, commands), exec_start.split()]
    for words in wanted:
        command: click.Command | None = main
        while isinstance(command, click.Group):
            command = command.get_command(click.Context(command), words[0])
            assert command is not None, f"lianping has no command {words[0]!r}"
            words = words[1:]  # noqa: PLW2901 - walks down the words
        assert command is not None
        options = {option for each in command.params for option in each.opts}
        assert {word for word in words if word.startswith("--")} <= options


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_configuration_is_complete(path: Path) -> None:
    table = tomllib.loads(path.read_text())
    assert set(table) == {"center", "listen", "storage", "mode", "adapters"}
    assert set(table["center"]) == {"name", "region_code", "uscc"}
    assert set(table["listen"]) == {"peers", "advertise", "api", "metrics"}
    assert set(table["adapters"]) == ADAPTERS
    stands_in = {name for name, each in table["adapters"].items() if each["kind"] == "stand_in"}
    assert not (table["mode"]["production"] and stands_in)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_configuration_has_a_credit_code_that_adds_up(path: Path) -> None:
    code = tomllib.loads(path.read_text())["center"]["uscc"]
    body, check = code[:17], code[17:]
    total = sum(USCC_ALPHABET.index(each) * pow(3, i, 31) for i, each in enumerate(body))
    assert check == USCC_ALPHABET[-total % 31]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_node_reads_an_example_configuration(path: Path) -> None:
    from node import config  # noqa: PLC0415 - only this test needs the whole node

    assert config.load(path).center.name
