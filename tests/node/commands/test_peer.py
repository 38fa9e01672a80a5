"""``lianping peer`` between two real nodes: joined by two files, up by themselves."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from node.cli import main
from node.config import load
from node.demo.processes import free_ports
from tests.node.test_config import GOOD, write
from tests.node.test_serving import PATIENCE_SECONDS, ROOT, answer
from tests.support.founded import found


@contextmanager
def serving(folder: Path, name: str) -> Iterator[Path]:
    """One node in a process of its own; answers its configuration."""
    folder.mkdir()
    peers, api, metrics = free_ports(3)
    listen = (
        f'[listen]\npeers = "127.0.0.1:{peers}"\nadvertise = "127.0.0.1:{peers}"\n'
        f'api = "127.0.0.1:{api}"\nmetrics = "127.0.0.1:{metrics}"\n'
    )
    head, _, tail = GOOD.replace("/var/lib/lianping", str(folder / "data")).partition("[listen]\n")
    rest = "\n".join(line for line in tail.split("\n") if not line.startswith("advertise"))
    config = write(folder, (head + listen + rest).replace("吉安市公共资源交易中心", name))
    asyncio.run(found(load(config), folder / "root.pem", "correct horse battery"))
    environment = {
        key: value
        for key, value in os.environ.items()  # noqa: TID251 - the child inherits it
        if not key.startswith("LIANPING_")
    }
    environment["PYTHONPATH"] = f"{ROOT}:{ROOT / 'proto' / 'gen'}"
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "node.cli", "serve", "--config", str(config)],
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
        )
    try:
        assert answer(f"http://127.0.0.1:{metrics}/readyz").status_code == 200
        yield config
        child.send_signal(signal.SIGTERM)
        child.wait(timeout=PATIENCE_SECONDS)
    finally:
        child.kill()
        child.wait()


def run(config: Path, *words: str, code: int = 0, **options: Any) -> Result:
    command, *rest = words
    done = CliRunner().invoke(main, ["peer", command, "--config", str(config), *rest], **options)
    assert done.exit_code == code, done.output
    return done


def until_up(config: Path, *, up: bool = True) -> dict[str, Any]:
    ends = time.monotonic() + PATIENCE_SECONDS
    while True:
        (found,) = json.loads(run(config, "list", "--json").stdout)["peers"]
        if found["up"] is up:
            return dict(found)
        assert time.monotonic() < ends, found
        time.sleep(0.1)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path, Path]]:
    folder = tmp_path_factory.mktemp("nodes")
    with serving(folder / "a", "甲中心") as a, serving(folder / "b", "乙中心") as b:
        yield folder, a, b


def test_two_centers_are_joined_paused_and_resumed_from_the_command_line(
    nodes: tuple[Path, Path, Path],
) -> None:
    folder, a, b = nodes
    invitation, reply = folder / "b.invitation", folder / "b.invitation.reply"
    made = json.loads(run(a, "invite", "--to", "乙中心", "--out", str(invitation), "--json").stdout)
    assert invitation.stat().st_mode & 0o777 == 0o600
    assert "INVITED" in run(a, "list").output

    # Nothing is stored with another fingerprint, or when nobody confirms.
    refused = run(b, "accept", str(invitation), "--fingerprint", "1" * 20, code=2)
    assert "nothing was stored" in refused.output
    shown = run(b, "accept", str(invitation), input="n\n", code=2)
    assert made["fingerprint"] in shown.output
    assert made["fingerprint_zh"] in shown.output
    assert "甲中心" in shown.output
    assert "no partners yet" in run(b, "list").output
    assert not reply.exists()

    ours = json.loads(
        run(b, "accept", str(invitation), "--fingerprint", made["fingerprint"], "--json").stdout
    )
    # The reply went the other way; the host reads both and says yes.
    confirmed = run(a, "accept", str(reply), input="y\n")
    assert ours["ours"] in confirmed.output
    assert until_up(a)["name"] == "乙中心"
    assert until_up(b)["name"] == "甲中心"

    again = run(b, "accept", str(invitation), "--yes", "--reply", str(folder / "x"), code=2)
    assert "peer show" in again.output
    run(b, "show", "甲", "--reply", str(folder / "again.reply"))
    assert (folder / "again.reply").read_text() == reply.read_text()

    run(a, "pause", "乙中心", "--reason", "机房搬迁")
    assert "PAUSED" in run(a, "list").output
    stopped = run(b, "retry", "甲", code=1)
    assert "机房搬迁" in stopped.output
    down = run(b, "list").output
    assert "DOWN" in down
    assert "机房搬迁" in down, "why it is down is shown without asking again"
    run(a, "resume", "乙中心")
    assert "已连通" in run(b, "retry", "甲").output


def test_what_cannot_be_done_is_said_before_anything_is_done(
    nodes: tuple[Path, Path, Path],
) -> None:
    folder, a, _ = nodes
    taken = folder / "taken"
    taken.write_text("mine")
    before = len(json.loads(run(a, "list", "--json").stdout)["invitations"])
    assert "not overwritten" in run(a, "invite", "--out", str(taken), code=2).output
    assert "no folder" in run(a, "invite", "--out", str(folder / "no" / "x"), code=2).output
    assert "1 to 30" in run(a, "invite", "--days", "31", "--out", str(folder / "y"), code=2).output
    assert taken.read_text() == "mine"
    assert len(json.loads(run(a, "list", "--json").stdout)["invitations"]) == before
    film = folder / "film"
    film.write_bytes(b"\xff\xfe\x00")
    assert "no text file" in run(a, "accept", str(film), "--yes", code=2).output
    film.write_bytes(b"x" * 2_097_153)
    assert "too large" in run(a, "accept", str(film), "--yes", code=2).output
    assert "no such partner" in run(a, "retry", "丙", code=2).output


def test_an_invitation_is_withdrawn(nodes: tuple[Path, Path, Path]) -> None:
    folder, a, _ = nodes
    made = json.loads(run(a, "invite", "--out", str(folder / "w"), "--json").stdout)
    run(a, "withdraw", made["id"])
    assert made["id"] not in run(a, "list").output
    assert "withdrawn" in run(a, "withdraw", made["id"], code=2).output


def invitations_of(config: Path) -> list[str]:
    return [each["to"] for each in json.loads(run(config, "list", "--json").stdout)["invitations"]]


def test_a_file_that_cannot_be_written_is_found_out_before_the_node_does_anything(
    nodes: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    _, a, b = nodes
    dangling = tmp_path / "dangling"
    dangling.symlink_to(tmp_path / "nowhere")
    full = Path("/proc/cannot")  # where even root makes no file
    for out in (dangling, full):
        done = run(a, "invite", "--to", "未写出", "--out", str(out), code=2)
        assert "not overwritten" in done.output or "cannot be written" in done.output
    assert "未写出" not in invitations_of(a)

    invitation = tmp_path / "invitation"
    run(b, "invite", "--to", "未写出的回执", "--out", str(invitation))
    known = run(a, "list", "--json").stdout
    run(a, "accept", str(invitation), "--yes", "--reply", str(full), code=2)
    assert json.loads(run(a, "list", "--json").stdout)["peers"] == json.loads(known)["peers"]
    # What is reserved and not needed after all is gone again, and the next try has its place.
    run(a, "accept", str(invitation), "--fingerprint", "1", code=2)
    assert sorted(tmp_path.iterdir()) == [dangling, invitation]
    run(a, "invite", "--days", "31", "--out", str(tmp_path / "again"), code=2)
    run(a, "invite", "--days", "1", "--out", str(tmp_path / "again"))


def test_whoever_is_asked_for_the_fingerprints_sees_them_and_programs_read_only_json(
    nodes: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    _, a, b = nodes
    invitation = tmp_path / "invitation"
    made = json.loads(run(a, "invite", "--out", str(invitation), "--json").stdout)
    refused = run(b, "accept", str(invitation), "--json", input="n\n", code=2)
    assert refused.stdout == ""
    assert made["fingerprint"] in refused.stderr
    agreed = run(b, "accept", str(invitation), "--json", input="y\n")
    assert json.loads(agreed.stdout)["theirs"] == made["fingerprint"]


def test_a_pipe_can_be_read_and_has_no_place_for_a_reply_beside_it(
    nodes: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    _, a, b = nodes
    invitation, pipe = tmp_path / "invitation", tmp_path / "pipe"
    run(a, "invite", "--out", str(invitation))
    os.mkfifo(pipe)
    with subprocess.Popen(["sh", "-c", 'cat "$1" >"$2"', "sh", str(invitation), str(pipe)]):
        done = run(b, "accept", str(pipe), "--yes", code=2)
    assert "name the reply" in done.output


def test_a_partner_is_named_and_so_is_an_invitation(nodes: tuple[Path, Path, Path]) -> None:
    """Joined or not: nothing is meant by nothing, and an id is no path."""
    _, a, _ = nodes
    assert "no such partner" in run(a, "pause", "", code=2).output
    for text in ("", "../../peers", "00", "x" * 32):
        assert "32 hex digits" in run(a, "withdraw", text, code=2).output
