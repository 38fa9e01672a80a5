"""``lianping keys`` and what a partner does with an exported file."""

import json
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from federation.trust.keys import MAX_KEYS, Purpose
from node import config
from node.cli import main
from node.clock import SystemClock
from node.keystore import center, chain, files, root_file, rotation
from node.keystore import keys as key_folder
from node.keystore.errors import BadKeys
from node.keystore.overview import State, overview
from node.keystore.rotation import KEPT_MS, Where
from node.services import chain_file
from node.services.errors import Invalid
from tests.node.keystore.test_root_file import CHEAP
from tests.node.test_config import GOOD, write

PASSPHRASE = "月落乌啼霜满天江枫渔火"
DAY_MS = 86_400_000


@pytest.fixture
def node(tmp_path: Path) -> Path:
    """The configuration of a center that was set up and does not run."""
    text = GOOD.replace("/var/lib/lianping", str(tmp_path / "data"))
    path = write(tmp_path, text)
    chance = random.Random(1).randbytes
    root = root_file.make(tmp_path / "root.pem", ("intl-1",), PASSPHRASE, chance, CHEAP)
    (tmp_path / "passphrase").write_text(PASSPHRASE, encoding="utf-8")
    (tmp_path / "passphrase").chmod(0o600)
    now_ms = SystemClock().now_ms()
    center.complete(tmp_path / "data" / "keys", config.load(path), root, chance, now_ms)
    return path


def folder(node: Path) -> Path:
    return node.parent / "data" / "keys"


def run(node: Path, *arguments: str) -> Result:
    command, *rest = arguments
    options = ["--config", str(node)]
    if command in {"rotate", "revoke"}:
        options += ["--passphrase-file", str(node.parent / "passphrase")]
    return CliRunner().invoke(main, ["keys", command, *options, *rest])


def done(node: Path, *arguments: str) -> Any:
    result = run(node, *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def states(node: Path) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for each in done(node, "list")["keys"]:
        found.setdefault((each["purpose"], each["suite"]), []).append(each["state"])
    return found


def test_a_new_center_has_one_current_key_of_each_purpose(node: Path) -> None:
    every = [*(each.name.lower() for each in Purpose)]
    expected = {(each, "intl-1"): ["current"] for each in every} | {("tls", ""): ["current"]}
    assert states(node) == expected
    shown = run(node, "list").output
    assert "current 现用" in shown
    assert " 364 天/d" in shown


@pytest.mark.parametrize("purpose", ["message", "log", "witness", "sealing", "tls"])
def test_one_purpose_is_rotated_and_the_others_stay(node: Path, purpose: str) -> None:
    before = states(node)
    told = done(node, "rotate", "--purpose", purpose)
    assert (told["sequence"], len(told["made"]), told["running"]) == (2, 1, False)
    at = (purpose, "" if purpose == "tls" else "intl-1")
    assert states(node) == before | {at: ["current", "old"]}
    key_folder.load(folder(node))


def test_old_keys_end_when_the_overlap_does(node: Path) -> None:
    done(node, "rotate", "--purpose", "all", "--overlap-days", "3")
    for each in done(node, "list")["keys"]:
        if each["state"] == "old" and each["purpose"] != "tls":
            assert each["days_left"] == 2
    assert all(each == ["current", "old"] for each in states(node).values())


def test_a_revoked_key_is_listed_as_such_and_has_a_successor_at_once(node: Path) -> None:
    (key,) = (each for each in done(node, "list")["keys"] if each["purpose"] == "message")
    since = (datetime.now(UTC) - timedelta(days=2)).isoformat()  # noqa: TID251 - for a flag
    told = done(node, "revoke", key["id"][:8], "--reason", "失窃", "--since", since)
    assert len(told["made"]) == 1
    assert states(node)["message", "intl-1"] == ["current", "revoked"]
    descriptor = key_folder.load(folder(node)).descriptor
    (revocation,) = descriptor.revoked
    assert (revocation.key_id.hex(), revocation.reason) == (key["id"], "失窃")


@pytest.mark.parametrize("purpose", ["message", "tls"])
def test_a_revocation_that_was_killed_before_it_was_told_is_told_by_the_same_command(
    node: Path, purpose: str
) -> None:
    (key,) = (each for each in done(node, "list")["keys"] if each["purpose"] == purpose)
    assert done(node, "revoke", key["id"], "--reason", "失窃")["sequence"] == 2
    before = sorted(folder(node).rglob("*"))
    again = done(node, "revoke", key["id"], "--reason", "失窃")
    assert (again["sequence"], again["made"], again["running"]) == (2, [], False)
    assert sorted(folder(node).rglob("*")) == before
    said = run(node, "revoke", key["id"], "--reason", "失窃").output
    assert "was revoked already" in said
    assert "was signed" not in said


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--reason", "失窃", "--since", "2098-01-01T00:00:00+08:00"], "in the future"),
        (["--reason", "失窃", "--since", "0001-01-01T00:00:00+08:00"], "before 1970"),
        (["--reason", " "], "a reason"),
        (["--reason", "a\nb"], "reason"),
        (["--reason", "长" * 9_000], "reason"),
    ],
)
def test_a_revocation_that_cannot_be_published_makes_no_key(
    node: Path, options: list[str], says: str
) -> None:
    (key,) = (each for each in done(node, "list")["keys"] if each["purpose"] == "message")
    before = sorted(folder(node).rglob("*"))
    result = run(node, "revoke", key["id"], *options)
    assert result.exit_code == 2, result.output
    assert says in result.output
    assert sorted(folder(node).rglob("*")) == before


@pytest.mark.parametrize("command", ["rotate", "revoke"])
def test_two_changes_of_one_folder_wait_for_each_other(node: Path, command: str) -> None:
    (key,) = (each for each in done(node, "list")["keys"] if each["purpose"] == "log")
    rest = {"rotate": ["--purpose", "all"], "revoke": [key["id"], "--reason", "失窃"]}[command]
    with ThreadPoolExecutor(1) as other:
        with files.alone(folder(node)):
            changing = other.submit(run, node, command, *rest)
            with pytest.raises(TimeoutError):
                changing.result(1.5)
            assert len(chain.read(folder(node))) == 1
        assert changing.result(30).exit_code == 0
    assert len(chain.read(folder(node))) == 2


def test_a_certificate_is_revoked_by_publishing_it_no_more(node: Path) -> None:
    (old,) = (each for each in done(node, "list")["keys"] if each["purpose"] == "tls")
    told = done(node, "revoke", old["id"], "--reason", "失窃")
    assert len(told["made"]) == 1
    assert states(node)["tls", ""] == ["current"]
    key_folder.load(folder(node))


def test_a_suite_is_added_with_a_second_root_file(node: Path) -> None:
    second = node.parent / "root-2.pem"
    told = done(node, "rotate", "--suite", "gm-1", "--add", "--new-root-key", str(second))
    assert len(told["made"]) == 4
    assert key_folder.load(folder(node)).descriptor.suites == ("intl-1", "gm-1")
    assert (node.parent / "root.pem").exists()
    old = run(node, "rotate", "--purpose", "message")
    assert old.exit_code == 2
    assert "the root key is not that of this center" in old.output
    done(node, "rotate", "--purpose", "message", "--root-key", str(second))
    assert states(node)["message", "gm-1"] == ["current", "old"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["rotate"], "name what to rotate"),
        (["rotate", "--purpose", "log", "--suite", "gm-1"], "has no suite gm-1"),
        (["rotate", "--suite", "gm-1", "--add"], "--new-root-key"),
        (["rotate", "--purpose", "log", "--root-key", "elsewhere.pem"], "attach the offline"),
        (["revoke", "abc", "--reason", "x"], "give 8 digits"),
        (["revoke", "0" * 32, "--reason", "x"], "no key"),
        (["revoke", "0" * 32, "--reason", "x", "--since", "2026-11-20T08:00"], "lacks its zone"),
        (["revoke", "0" * 32, "--reason", "x", "--since", "gestern"], "no ISO 8601"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_changed(
    node: Path, arguments: list[str], says: str
) -> None:
    before = sorted(folder(node).rglob("*"))
    result = run(node, *arguments)
    assert result.exit_code == 2, result.output
    assert says in result.output
    assert sorted(folder(node).rglob("*")) == before


def test_a_wrong_passphrase_changes_nothing(node: Path) -> None:
    (node.parent / "passphrase").write_text("another passphrase", encoding="utf-8")
    before = sorted(folder(node).rglob("*"))
    result = run(node, "rotate", "--purpose", "all")
    assert result.exit_code == 2
    assert "wrong passphrase" in result.output
    assert sorted(folder(node).rglob("*")) == before


def test_an_exported_file_holds_the_chain_and_no_secret(node: Path) -> None:
    done(node, "rotate", "--purpose", "all")
    out = node.parent / "jian.keys"
    assert run(node, "export", "--out", str(out)).exit_code == 0
    text = out.read_text(encoding="utf-8")
    assert "lianping peer accept FILE" in text
    assert chain_file.read(text) == chain.read(folder(node))
    for private in folder(node).glob("*.key"):
        assert private.read_bytes() not in out.read_bytes()
    again = run(node, "export", "--out", str(out))
    assert again.exit_code == 2
    assert "exists" in again.output
    assert "key is ever" not in again.output, "nothing in it is a key that could be lost"
    lost = run(node, "export", "--out", str(node.parent / "none" / "jian.keys"))
    assert str(node.parent / "none" / "jian.keys") in lost.output


@pytest.mark.parametrize("cut", [1, 70, 400])
def test_a_damaged_file_is_refused(node: Path, cut: int) -> None:
    signed = chain.read(folder(node))
    text = chain_file.write(signed, chain.current(folder(node), signed))
    lines = text.splitlines()
    body = lines.index("") + 1
    shorter = "\n".join([*lines[:body], "".join(lines[body:-1])[:-cut][:64], lines[-1]])
    with pytest.raises(Invalid):
        chain_file.read(shorter)


def where(node: Path, now_ms: int) -> Where:
    root = root_file.open_file(node.parent / "root.pem", PASSPHRASE)
    chance = random.Random(now_ms).randbytes
    return Where(folder(node), root, key_folder.FILES, chance, now_ms)


def test_a_full_descriptor_lets_go_of_what_ended_longest_ago(node: Path) -> None:
    now_ms = SystemClock().now_ms()
    first = chain.current(folder(node), chain.read(folder(node))).keys
    for turn in range(1, 7):  # four keys each time
        rotation.rotate(where(node, now_ms + turn), Purpose, ["intl-1"])
    change = rotation.rotate(where(node, now_ms + 7), Purpose, ["intl-1"])
    assert len(change.descriptor.keys) == MAX_KEYS
    with pytest.raises(BadKeys, match="do not fit"):
        rotation.rotate(where(node, now_ms + 9), Purpose, ["intl-1"])
    later_ms = now_ms + KEPT_MS + 366 * DAY_MS
    change = rotation.rotate(where(node, later_ms), Purpose, ["intl-1"])
    assert len(change.descriptor.keys) <= MAX_KEYS
    assert not {key.id for key in first} & {key.id for key in change.descriptor.keys}
    assert all(
        each.state in {State.CURRENT, State.OLD} for each in overview(change.descriptor, later_ms)
    )


def test_a_full_descriptor_has_room_for_every_revocation(node: Path) -> None:
    now_ms = SystemClock().now_ms()
    for turn in range(1, 7):
        rotation.rotate(where(node, now_ms + turn), Purpose, ["intl-1"])
    change = rotation.rotate(where(node, now_ms + 7), Purpose, ["intl-1"])  # now it is full
    assert len(change.descriptor.keys) == MAX_KEYS
    for turn, key in enumerate(change.descriptor.keys):
        if key.purpose is Purpose.MESSAGE:
            change = rotation.revoke(
                where(node, now_ms + 10 + turn), key.id, reason="失窃", since_ms=now_ms
            )
    current = change.descriptor.key_for(Purpose.MESSAGE, "intl-1", now_ms + 100)
    assert current is not None
    assert len(change.descriptor.revoked) == 8
    key_folder.load(folder(node))
