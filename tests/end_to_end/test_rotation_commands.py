"""Two running nodes, and the commands as an operator types them: rotate, revoke, export, accept."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from node.commands.link import open_link
from node.config import load
from node.demo.nodes import Nodes
from node.demo.world import CHANGLE, JIAN, CenterWorld

PATIENCE_SECONDS = 30.0


class Operator:
    """Whoever sits at one node's machine."""

    def __init__(self, nodes: Nodes, center: CenterWorld) -> None:
        self.nodes = nodes
        self.folder = nodes.folder / center.key
        self.center = center

    def types(self, *words: str) -> Any:
        """Run a command; answers its JSON, or its text."""
        done = subprocess.run(
            [sys.executable, "-m", "node.cli", *words, "--config", str(self.folder / "node.toml")],
            env=self.nodes.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout) if "--json" in words else done.stdout

    def partner(self) -> Any:
        """The one partner in detail."""
        with open_link(load(self.folder / "node.toml")) as link:
            (peer,) = link.get("/api/peers")
            return link.get(f"/api/peers/{peer['center']}")

    def is_up(self) -> bool:
        """Whether the partner is reached."""
        return bool(self.partner()["up"])


@pytest.fixture
def operators(tmp_path: Path) -> Iterator[tuple[Operator, Operator]]:
    nodes = Nodes(tmp_path / "demo")
    try:
        nodes.start()
        jian, changle = Operator(nodes, JIAN), Operator(nodes, CHANGLE)
        invitation, reply = tmp_path / "invitation", tmp_path / "reply"
        jian.types("peer", "invite", "--out", str(invitation))
        changle.types("peer", "accept", str(invitation), "--yes", "--reply", str(reply))
        jian.types("peer", "accept", str(reply), "--yes")
        for each in (jian, changle):
            until(each.is_up)
        yield jian, changle
    finally:
        nodes.stop()


def until(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < ends, "it never came to hold"
        time.sleep(0.2)


@pytest.mark.timeout(240)
def test_an_operator_replaces_everything_while_both_nodes_run(
    operators: tuple[Operator, Operator], tmp_path: Path
) -> None:
    jian, changle = operators
    until(lambda: jian.partner()["knows_sequence"] == 1)
    told = jian.types("keys", "rotate", "--purpose", "all", "--json")
    assert (told["sequence"], told["running"], told["missed"]) == (2, True, [])
    assert len(told["reached"]) == 1
    assert changle.partner()["sequence"] == 2
    (message,) = (
        each
        for each in jian.types("keys", "list", "--json")["keys"]
        if (each["purpose"], each["state"]) == ("message", "current")
    )
    told = jian.types("keys", "revoke", message["id"], "--reason", "失窃", "--json")
    assert (told["sequence"], len(told["reached"])) == (3, 1)
    for each in operators:
        with open_link(load(each.folder / "node.toml")) as link:
            found = link.post(f"/api/peers/{each.partner()['center']}/retry")
        assert found["up"], found
    assert not changle.partner()["doubtful"]

    # A node that is down takes its new keys when it starts; its partner by a file, or by itself.
    jian.nodes.process(JIAN.key).stop()
    told = jian.types("keys", "rotate", "--purpose", "tls", "--json")
    assert (told["sequence"], told["running"]) == (4, False)
    exported = tmp_path / "jian.keys"
    jian.types("keys", "export", "--out", str(exported))
    assert changle.types("peer", "accept", str(exported), "--json")["taken"] == 1
    jian.nodes.process(JIAN.key).start()
    jian.nodes.process(JIAN.key).wait_ready()
    until(lambda: jian.partner()["knows_sequence"] == 4)
    until(changle.is_up)

    metrics = jian.nodes.metrics_url(JIAN)
    page = httpx.get(f"{metrics}/metrics", timeout=10, trust_env=False).text
    assert 'lianping_key_expires_timestamp_seconds{center="' in page
    for each in operators:
        log = (each.nodes.folder / f"{each.center.key}.log").read_text(encoding="utf-8")
        assert "Traceback" not in log
        assert "a call was turned away" not in log, "a rotation rings no alarm"
