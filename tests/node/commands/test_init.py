"""``lianping init``: from nothing to a node, in a terminal and without one, killed and repeated."""

import base64
import json
import os
import pty
import re
import select
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import click.testing
import pytest
from click.testing import CliRunner

from federation.trust.suite import GM_1
from node import config, wiring
from node.cli import main
from node.commands import answers, config_text
from node.demo.processes import free_ports
from node.keystore import keys as keystore
from node.keystore import root_file
from node.services.totp import code_at, secret_of

ROOT = Path(__file__).resolve().parents[3]
PASSPHRASE = "correct horse battery staple"
PASSWORD = "operator password"
PATIENCE_SECONDS = 30.0
LOOK_SECONDS = 0.0005  # a file comes after the one before it by more


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIANPING_OPERATOR_PASSWORD", raising=False)
    monkeypatch.delenv("LIANPING_ROOT_PASSPHRASE", raising=False)


class Place:
    """A folder with the two secrets, and the words of a complete command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "node.toml"
        self.data = folder / "data"
        self.root = folder / "root.pem"
        self.codes = folder / "operator.totp"
        self.peers, self.api, self.metrics = free_ports(3)
        self.secret("passphrase", PASSPHRASE)
        self.secret("password", PASSWORD)

    def secret(self, name: str, text: str, mode: int = 0o600) -> Path:
        path = self.folder / name
        path.write_text(text + "\n", encoding="utf-8")
        path.chmod(mode)
        return path

    @property
    def answers(self) -> list[str]:
        return [
            "--trial",
            "--name", "吉安市公共资源交易中心",
            "--uscc", "12360800MB00000004",
            "--region", "360800",
            "--advertise", f"127.0.0.1:{self.peers}",
            "--peers", f"127.0.0.1:{self.peers}",
            "--api", f"127.0.0.1:{self.api}",
            "--metrics", f"127.0.0.1:{self.metrics}",
            "--storage", str(self.data),
        ]  # fmt: skip

    @property
    def secrets(self) -> list[str]:
        return [
            "--root-passphrase-file", str(self.folder / "passphrase"),
            "--operator-password-file", str(self.folder / "password"),
        ]  # fmt: skip

    @property
    def command(self) -> list[str]:
        where = ["--config", str(self.config)]
        return ["init", "--non-interactive", *where, *self.answers, *self.secrets]

    def files(self) -> set[str]:
        return {str(path.relative_to(self.folder)) for path in self.folder.rglob("*")}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def run(command: list[str]) -> click.testing.Result:
    return CliRunner().invoke(main, command)


def swapped(command: list[str], option: str, value: str) -> list[str]:
    changed = list(command)
    changed[changed.index(option) + 1] = value
    return changed


def test_a_node_is_set_up_without_a_question(place: Place) -> None:
    done = run([*place.command, "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    settings = config.load(place.config)
    keys = wiring.open_keys(settings.storage.folder)
    assert told["center"] == keys.center
    assert told["fingerprint"].replace(" ", "") == keys.center[3:]
    assert (told["suites"], told["descriptor"], told["found"]) == (["intl-1"], 1, [])
    assert told["next"][0] == f"lianping serve --config {place.config}"
    assert keys.descriptor.address == f"127.0.0.1:{place.peers}"
    assert settings.storage.folder == place.data
    assert "STAND-IN" in done.stderr
    assert "STAND-IN" in place.config.read_text(encoding="utf-8")


def test_nobody_else_reads_what_was_made(place: Place) -> None:
    assert run(place.command).exit_code == 0
    modes = {
        name: stat.S_IMODE((place.folder / name).stat().st_mode)
        for name in ("node.toml", "root.pem", "operator.totp", "data", "data/keys")
    }
    assert modes == {
        "node.toml": 0o640,
        "root.pem": 0o600,
        "operator.totp": 0o600,
        "data": 0o700,
        "data/keys": 0o700,
    }


def test_the_root_key_stays_out_of_the_storage_folder(place: Place) -> None:
    assert run(place.command).exit_code == 0
    root = root_file.open_file(place.root, PASSPHRASE).private["intl-1"]
    for path in place.data.rglob("*"):
        if path.is_file():
            assert root not in path.read_bytes(), path
    within = swapped([*place.command, "--root-key", "x"], "--root-key", str(place.data / "r.pem"))
    done = run(within)
    assert (done.exit_code, "must not lie in the storage folder" in done.output) == (2, True)


def test_no_secret_is_told(place: Place) -> None:
    done = run([*place.command, "--json"])
    secret = secret_of(place.codes.read_text().strip())
    assert secret is not None
    for each in (secret, PASSPHRASE, PASSWORD):
        assert each not in done.output
        assert each not in place.config.read_text(encoding="utf-8")


def test_a_second_run_changes_nothing_and_needs_no_root_key(place: Place) -> None:
    assert run(place.command).exit_code == 0
    place.root.rename(place.folder / "stick")
    before = {
        path: path.read_bytes()
        for path in place.folder.rglob("*")
        if path.is_file() and path.name != "node.db"
    }
    again = run(["init", "--non-interactive", "--config", str(place.config), "--json"])
    assert again.exit_code == 0, again.output
    assert json.loads(again.stdout)["made"] == []
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize("suites", [["gm-1"], ["gm-1", "intl-1"]], ids="-".join)
def test_suites_are_chosen_and_the_first_makes_the_center_id(
    place: Place, suites: list[str]
) -> None:
    chosen = [word for each in suites for word in ("--suite", each)]
    assert run([*place.command, *chosen]).exit_code == 0
    keys = keystore.load(place.data / "keys")
    assert list(keys.descriptor.suites) == suites
    assert keys.descriptor.home == suites[0]


def test_answers_come_from_a_file_in_the_words_of_the_configuration(place: Place) -> None:
    (place.folder / "stick").mkdir()
    answers = place.folder / "answers.toml"
    answers.write_text(
        f"""
        [init]
        root_key = "{place.folder}/stick/root.pem"
        root_passphrase_file = "{place.folder}/passphrase"
        operator_password_file = "{place.folder}/password"
        totp_file = "{place.folder}/codes"
        [center]
        name = "长乐\\"区\\" 公共资源交易中心"
        uscc = "12360800MB00000004"
        region_code = "350112"
        duty_phones = ["13800000000"]
        [listen]
        peers = "127.0.0.1:{place.peers}"
        advertise = "cl.example.cn:7443"
        api = "127.0.0.1:{place.api}"
        metrics = "127.0.0.1:{place.metrics}"
        [storage]
        folder = "{place.data}"
        [mode]
        production = true
        [policy]
        holidays = [2027-01-01]
        [adapters.trading]
        kind = "rest"
        url = "https://t.example.cn"
        pinned_key = "JRdxlYeZcRMmBUP3bJgiaW/EZX0NBtuKlbq4M6VfLAM="
        """
        + "\n".join(
            f'[adapters.{each}]\nkind = "rest"\nurl = "https://{each}.example.cn"'
            for each in ("identity", "signing", "video", "experts", "messaging")
        )
        + '\nreceipt_key = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="\n',
        encoding="utf-8",
    )
    command = ["init", "--non-interactive", "--config", str(place.config), "--from", str(answers)]
    done = run(command)
    assert done.exit_code == 0, done.output
    settings = config.load(place.config)
    assert settings.center.name == '长乐"区" 公共资源交易中心'
    assert settings.policy.holidays
    assert settings.mode.production
    assert (place.folder / "stick" / "root.pem").exists()
    assert secret_of((place.folder / "codes").read_text().strip())
    assert run(command).exit_code == 0, "the same answers again are no contradiction"


def test_an_unknown_key_of_the_answers_is_named(place: Place) -> None:
    answers = place.folder / "answers.toml"
    answers.write_text('[init]\nroot_kee = "x"\n')
    done = run([*place.command, "--from", str(answers)])
    assert (done.exit_code, "init.root_kee" in done.output) == (2, True)
    answers.write_text('[listen]\nadvertize = "x:1"\n')
    done = run([*place.command, "--from", str(answers)])
    assert (done.exit_code, "did you mean 'advertise'" in done.output) == (2, True)


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--uscc", "12360800MB00000005", "center.uscc"),
        ("--region", "99", "center.region_code"),
        ("--advertise", "0.0.0.0:7443", "listen.advertise"),
        ("--api", "127.0.0.1:99999", "listen.api"),
        ("--name", "", "center.name"),
        ("--name", "吉安\x7f", "visible characters"),
        ("--storage", "/proc/nothing", "/proc/nothing"),
        ("--storage", "/tmp/" + "x" * 108, "shorter storage.folder"),
        ("--root-passphrase-file", "weak", "too weak"),
        ("--root-passphrase-file", "open", "is open to everybody"),
        ("--root-passphrase-file", "missing", "cannot be read"),
        ("--operator-password-file", "short", "10 to 256"),
    ],
)
def test_a_bad_answer_is_named_and_nothing_is_made(
    place: Place, option: str, value: str, said: str
) -> None:
    place.secret("weak", "password1234")
    place.secret("open", PASSPHRASE, 0o644)
    place.secret("short", "short")
    before = place.files()
    answer = str(place.folder / value) if option.endswith("-file") else value
    done = run(swapped(place.command, option, answer))
    assert (done.exit_code, said in done.output) == (2, True), done.output
    assert "Traceback" not in done.output
    assert place.files() == before


@pytest.mark.parametrize("secret", ["root-passphrase", "operator-password"])
def test_a_missing_secret_is_named_and_nothing_is_made(place: Place, secret: str) -> None:
    command = place.command
    at = command.index(f"--{secret}-file")
    before = place.files()
    done = run(command[:at] + command[at + 2 :])
    assert (done.exit_code, f"--{secret}-file" in done.output) == (2, True)
    assert place.files() == before


def test_secrets_may_come_from_the_environment_of_a_container(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIANPING_ROOT_PASSPHRASE", PASSPHRASE)
    monkeypatch.setenv("LIANPING_OPERATOR_PASSWORD", PASSWORD)
    command = ["init", "--non-interactive", "--config", str(place.config), *place.answers]
    done = run(command)
    assert done.exit_code == 0, done.output


def test_a_port_in_use_is_named(place: Place) -> None:
    with socket.create_server(("127.0.0.1", place.api)):
        done = run(place.command)
    assert (done.exit_code, "listen.api" in done.output) == (2, True)
    done = run(swapped(place.command, "--metrics", f"127.0.0.1:{place.api}"))
    assert (done.exit_code, "both have port" in done.output) == (2, True)
    assert not place.config.exists()


def test_production_has_no_stand_ins_and_says_what_it_needs(place: Place) -> None:
    done = run(["--production" if word == "--trial" else word for word in place.command])
    assert (done.exit_code, "[adapters.*]" in done.output) == (2, True)
    assert not place.config.exists()


def test_an_existing_configuration_is_not_overruled(place: Place) -> None:
    assert run(place.command).exit_code == 0
    before = place.config.read_bytes()
    done = run(swapped(place.command, "--name", "别的中心"))
    assert (done.exit_code, "center.name" in done.output) == (2, True)
    assert place.config.read_bytes() == before


def test_a_wrong_passphrase_leaves_no_half_state(place: Place) -> None:
    assert run(place.command).exit_code == 0
    place.config.write_text(
        place.config.read_text(encoding="utf-8").replace("吉安市", "新吉安市"), encoding="utf-8"
    )
    wrong = place.secret("wrong", "wrong horse battery staple")
    command = ["init", "--non-interactive", "--config", str(place.config), *place.secrets]
    before = place.files()
    done = run(swapped(command, "--root-passphrase-file", str(wrong)))
    assert (done.exit_code, "wrong passphrase" in done.output) == (2, True)
    assert place.files() == before
    done = run([*command, "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["descriptor"] == 2
    assert keystore.load(place.data / "keys").descriptor.name == "新吉安市公共资源交易中心"


def test_a_changed_configuration_without_the_root_key_says_what_to_attach(place: Place) -> None:
    assert run(place.command).exit_code == 0
    place.root.rename(place.folder / "stick")
    place.config.write_text(
        place.config.read_text(encoding="utf-8").replace("吉安市", "新吉安市"), encoding="utf-8"
    )
    done = run(["init", "--non-interactive", "--config", str(place.config), *place.secrets])
    assert (done.exit_code, "attach the offline medium" in done.output) == (2, True)
    assert not place.root.exists()


def test_suites_are_not_changed_afterwards(place: Place) -> None:
    assert run(place.command).exit_code == 0
    text = place.config.read_text(encoding="utf-8")
    place.config.write_text(text.replace('["intl-1"]', '["intl-1", "gm-1"]'), encoding="utf-8")
    done = run(["init", "--non-interactive", "--config", str(place.config), *place.secrets])
    assert (done.exit_code, "trust.suites" in done.output) == (2, True)


def test_a_root_key_that_has_published_begins_no_second_chain(place: Place) -> None:
    assert run(place.command).exit_code == 0
    place.data.rename(place.folder / "lost")
    done = run(place.command)
    assert (done.exit_code, "has published a descriptor already" in done.output) == (2, True)
    assert not (place.data / "keys" / "descriptors").exists()


def test_a_database_without_its_keys_is_never_given_new_ones(place: Place) -> None:
    assert run(place.command).exit_code == 0
    (place.data / "keys").rename(place.folder / "lost")
    for command in (place.command, ["serve", "--config", str(place.config)]):
        done = run(command)
        assert (done.exit_code, "restore a" in done.output) == (2, True)
    assert not (place.data / "keys").exists()


def environment() -> dict[str, str]:
    found = {
        key: value
        for key, value in os.environ.items()  # noqa: TID251 - the child inherits it
        if not key.startswith("LIANPING_")
    }
    return {**found, "PYTHONPATH": f"{ROOT}:{ROOT / 'proto' / 'gen'}", "LC_ALL": "C.UTF-8"}


SIGNS = [
    "node.toml",
    "root.pem",
    "data/keys/data.key",
    "data/keys/intl-1.sealing.*",
    "data/keys/tls.*",
    "data/keys/descriptors/00000001.bin",
    "data/node.db",
    "operator.totp",
]


@pytest.mark.parametrize("sign", SIGNS)
def test_a_run_that_was_killed_is_completed_by_the_next(place: Place, sign: str) -> None:
    """Killed as soon as one of its files is there, i.e. before the one after it."""
    child = subprocess.Popen(
        [sys.executable, "-m", "node.cli", *place.command],
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    ends = time.monotonic() + PATIENCE_SECONDS
    while not any(place.folder.glob(sign)) and child.poll() is None:
        assert time.monotonic() < ends
        time.sleep(LOOK_SECONDS)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    codes = place.codes.read_bytes() if place.codes.exists() else None

    done = run([*place.command, "--json"])
    assert done.exit_code == 0, done.output
    assert keystore.load(place.data / "keys").center == json.loads(done.stdout)["center"]
    assert codes in {None, place.codes.read_bytes()}, "what was written down counts"
    assert list(place.folder.rglob("*.new")) == []


class Terminal:
    """A command in a terminal, and a person who answers what it asks."""

    def __init__(self, command: list[str]) -> None:
        self._ours, theirs = pty.openpty()
        self.child = subprocess.Popen(
            [sys.executable, "-m", "node.cli", *command],
            env=environment(), stdin=theirs, stdout=theirs, stderr=theirs,
            start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        self.said = ""
        self._read = 0

    def await_text(self, text: str) -> str:
        """What was said since the last time, up to the text."""
        ends = time.monotonic() + PATIENCE_SECONDS
        while text not in self.said[self._read :]:
            assert time.monotonic() < ends, f"no {text!r} in:\n{self.said[self._read :]}"
            if select.select([self._ours], [], [], 0.1)[0]:
                try:
                    self.said += os.read(self._ours, 65_536).decode(errors="replace")
                except OSError:
                    raise AssertionError(f"it ended:\n{self.said}") from None
        at = self.said.index(text, self._read) + len(text)
        found, self._read = self.said[self._read : at], at
        return found

    def answer(self, asked: str, text: str) -> str:
        found = self.await_text(asked)
        os.write(self._ours, text.encode() + b"\n")
        return found

    def close(self) -> None:
        self.child.kill()
        self.child.wait()
        os.close(self._ours)


def test_a_person_is_asked_and_every_answer_is_checked_at_once(place: Place) -> None:
    terminal = Terminal(["init", "--config", str(place.config)])
    try:
        terminal.answer("center's name", "吉安市公共资源交易中心")
        terminal.answer("unified social credit code", "12360800MB00000005")
        terminal.await_text("check character")
        terminal.answer("unified social credit code", "12360800MB00000004")
        terminal.answer("administrative division", "360800")
        terminal.answer("that partners dial", f"127.0.0.1:{place.peers}")
        terminal.answer("[0.0.0.0:7443]", f"127.0.0.1:{place.peers}")
        with socket.create_server(("127.0.0.1", place.api)):
            terminal.answer("[127.0.0.1:8080]", f"127.0.0.1:{place.api}")
            terminal.await_text("cannot be listened on")
        terminal.answer("[127.0.0.1:8080]", f"127.0.0.1:{place.api}")
        terminal.answer("[127.0.0.1:9464]", f"127.0.0.1:{place.metrics}")
        terminal.answer("[/var/lib/lianping]", str(place.data))
        terminal.answer("[intl-1]", "rsa")
        terminal.answer("[intl-1]", "")
        terminal.answer("stand-ins for all outside systems", "y")
        terminal.answer(f"[{place.root}]", "")
        terminal.answer("or your own)", "weak")
        terminal.await_text("take 16 mixed")  # click hides what was typed, also in messages
        proposed = re.search(r"(?:[a-z2-7]{5}-){7}[a-z2-7]{5}", terminal.said)
        assert proposed is not None
        terminal.answer("or your own)", proposed[0])
        terminal.answer("once more", proposed[0])
        terminal.answer("password of the operator's account", "short")
        terminal.await_text("10 to 256")
        terminal.answer("password of the operator's account", PASSWORD)
        terminal.answer("once more", PASSWORD)
        shown = terminal.answer("the code that it shows", "000000x")
        terminal.await_text("does not fit")
        secret = re.search(r"\b[A-Z2-7]{32}\b", shown)
        assert secret is not None
        now_ms = time.time_ns() // 1_000_000
        terminal.answer("the code that it shows", code_at(secret[0], now_ms))
        terminal.await_text("lianping serve")
        assert terminal.child.wait(timeout=PATIENCE_SECONDS) == 0
    finally:
        terminal.close()
    assert root_file.open_file(place.root, proposed[0]).private
    assert keystore.load(place.data / "keys").descriptor.address == f"127.0.0.1:{place.peers}"
    assert not place.codes.exists(), "shown, and nowhere written"


def test_a_center_in_earnest_is_asked_for_the_key_of_each_suite(place: Place) -> None:
    x25519 = base64.b64encode(bytes(range(32))).decode()
    sm2 = base64.b64encode(GM_1.public_sealing(bytes([7]) * 32)).decode()
    command = [
        "init",
        "--config",
        str(place.config),
        *place.secrets,
        *place.answers,
        "--production",
    ]
    command.remove("--trial")
    terminal = Terminal([*command, "--suite", "gm-1", "--suite", "intl-1"])
    try:
        for each in answers.ADAPTERS:
            terminal.answer(f"{each}: REST", f"https://{each}.example.cn")
            terminal.answer(f"{each}: 令牌", "")
        terminal.answer("public key for gm-1", x25519)
        terminal.await_text("SM2")
        terminal.answer("public key for gm-1", sm2)
        terminal.answer("public key for intl-1", sm2)
        terminal.await_text("X25519")
        terminal.answer("public key for intl-1", x25519)
        terminal.answer("SM2 公钥(Base64)· signs", sm2)
        terminal.answer("Ed25519 公钥(Base64)· signs", x25519)
        terminal.answer(f"[{place.root}]", "")
        terminal.await_text("the code that it shows")
    finally:
        terminal.close()
    trading = config.load(place.config).adapters.trading
    assert isinstance(trading, config.RestTrading)
    assert set(trading.pinned_keys) == {"gm-1", "intl-1"}


def test_a_configuration_text_is_read_as_it_was_meant() -> None:
    table: dict[str, Any] = {
        "a": {"b": 'x"\\\n\x7f', "c": [1, True, "y"], "d": {"e": 1.5}},
        "z": {},
    }
    assert tomllib.loads(config_text.write("/x", table)) == table


def test_what_to_do_next_can_be_typed_as_it_is_shown(tmp_path: Path) -> None:
    folder = tmp_path / "甲 中心"
    folder.mkdir()
    place = Place(folder)
    steps = json.loads(run([*place.command, "--json"]).stdout)["next"]
    assert [shlex.split(step)[-1] for step in steps] == [str(place.config), "partner.invitation"]
    done = run([*shlex.split(steps[1])[1:-1], str(tmp_path / "out")])
    assert (done.exit_code, "the node is not running" in done.output) == (2, True)


def test_a_second_run_needs_no_medium_and_makes_no_folder_for_one(place: Place) -> None:
    assert run(place.command).exit_code == 0
    gone = place.folder / "media" / "usb" / "root.pem"
    done = run(
        ["init", "--non-interactive", "--config", str(place.config), "--root-key", str(gone)]
    )
    assert done.exit_code == 0, done.output
    assert not gone.parent.exists()


def test_a_root_key_is_not_made_where_its_medium_is_not_there(place: Place) -> None:
    gone = place.folder / "media" / "usb" / "root.pem"
    before = place.files()
    done = run([*place.command, "--root-key", str(gone)])
    assert (done.exit_code, "attach the root key's medium" in done.output) == (2, True)
    assert place.files() - before == {"data"}, "nothing but the folder that was named"


def as_a_user_who_is_held_to_modes(command: list[str]) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, which modes bind also if root runs the tests."""
    without = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    return subprocess.run(
        [*(without if os.geteuid() == 0 else []), sys.executable, "-m", "node.cli", *command],
        env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_second_run_writes_to_neither_configuration_nor_root_key(place: Place) -> None:
    """A configuration in /etc and a root key on a medium that is read only."""
    etc = place.folder / "etc"
    etc.mkdir()
    place.config, place.root = etc / "node.toml", etc / "root.pem"
    assert run(place.command).exit_code == 0
    text = place.config.read_text(encoding="utf-8").replace("吉安市", "新吉安市")
    place.config.write_text(text, encoding="utf-8")
    (etc / "root.pem.published").unlink()
    etc.chmod(0o555)
    command = ["init", "--non-interactive", "--config", str(place.config), *place.secrets, "--json"]
    for sequence in (2, 2):
        done = as_a_user_who_is_held_to_modes(command)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["descriptor"] == sequence
    etc.chmod(0o755)


def test_nothing_is_made_that_the_nodes_user_could_not_read(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(place.command).exit_code == 0
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    done = run(["init", "--non-interactive", "--config", str(place.config)])
    assert (done.exit_code, "run this as the node's user" in done.output) == (2, True)


def test_a_mark_that_a_kill_kept_from_the_root_key_is_made_by_the_next_run(place: Place) -> None:
    assert run(place.command).exit_code == 0
    mark = place.folder / "root.pem.published"
    mark.unlink()
    assert run(place.command).exit_code == 0
    assert mark.read_bytes() == (place.data / "keys/descriptors/00000001.bin").read_bytes()


def test_a_file_that_is_not_our_root_key_is_neither_marked_nor_called_so(
    place: Place, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert run(place.command).exit_code == 0
    other = Place(tmp_path_factory.mktemp("other"))
    assert run(other.command).exit_code == 0
    (other.folder / "root.pem.published").unlink()
    for path in (other.root, place.config, Path("/dev/zero")):
        words = ["init", "--non-interactive", "--config", str(place.config)]
        done = run([*words, "--root-key", str(path)])
        assert (done.exit_code, "offline medium" in done.output) == (0, False)
        assert not path.with_name(f"{path.name}.published").exists()


WITHOUT_LIBCRYPTO = """
import sys
from federation.trust import sm2
sm2.LIBRARIES = ("libcrypto.so.none",)
from node.cli import main
main(sys.argv[1:])
"""


def test_a_machine_without_the_suites_library_is_not_told_to_restore_a_backup(place: Place) -> None:
    assert run([*place.command, "--suite", "gm-1"]).exit_code == 0
    for command in (["init", "--non-interactive"], ["serve"], ["keys", "list"]):
        done = subprocess.run(
            [sys.executable, "-c", WITHOUT_LIBCRYPTO, *command, "--config", str(place.config)],
            env=environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, "libssl3" in done.stderr) == (2, True), command
        assert "本机不支持" in done.stderr or command[0] == "keys"
        assert "backup" not in done.stderr


def test_two_runs_at_once_make_one_set_of_keys(place: Place) -> None:
    assert run(place.command).exit_code == 0
    shutil.rmtree(place.data)
    (place.folder / "root.pem.published").unlink()
    place.codes.unlink()
    children = [
        subprocess.Popen(
            [sys.executable, "-m", "node.cli", *place.command],
            env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for _ in range(3)
    ]  # fmt: skip
    for child in children:
        said, _ = child.communicate()
        assert child.returncode == 0, said
    names = [path.name.split(".")[:-2] for path in (place.data / "keys").glob("*.*.*.key")]
    assert sorted(names) == [["intl-1", each] for each in ("log", "message", "sealing", "witness")]
    assert len(list((place.data / "keys").glob("tls.*"))) == 1
