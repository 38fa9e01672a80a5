"""A node as a process: it comes up, says that it is ready, and goes down in order."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from node.commands.link import Refused, open_link
from node.commands.link import configured as configured_by
from node.config import load
from node.demo.processes import free_ports
from node.local_socket import SOCKET_FILE
from tests.node.test_config import GOOD, write
from tests.support.founded import found

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 30.0


def configured(folder: Path) -> tuple[Path, str, str]:
    """A configuration on free ports, and the addresses of API and probes."""
    peers, api, metrics = free_ports(3)
    listen = (
        f'[listen]\npeers = "127.0.0.1:{peers}"\napi = "127.0.0.1:{api}"\n'
        f'metrics = "127.0.0.1:{metrics}"\n'
    )
    text = GOOD.replace("[listen]\n", listen).replace("/var/lib/lianping", str(folder / "data"))
    return write(folder, text), f"http://127.0.0.1:{api}", f"http://127.0.0.1:{metrics}"


def answer(url: str) -> httpx.Response:
    """Ask until somebody answers."""
    ends = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return httpx.get(url, timeout=2.0, trust_env=False)
        except httpx.TransportError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.05)


def test_a_node_comes_up_serves_and_goes_down_on_sigterm(tmp_path: Path) -> None:
    config, api, probes = configured(tmp_path)
    asyncio.run(found(load(config), tmp_path / "root.pem", "operator password"))
    environment = {
        key: value
        for key, value in os.environ.items()  # noqa: TID251 - the child inherits it
        if not key.startswith("LIANPING_")
    }
    environment["PYTHONPATH"] = f"{ROOT}:{ROOT / 'proto' / 'gen'}"
    environment["LC_ALL"] = "C"
    with (tmp_path / "log").open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "node.cli", "serve", "--config", str(config)],
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
        )
    try:
        ready = answer(f"{probes}/readyz?verbose")
        assert ready.status_code == 200, (tmp_path / "log").read_text()
        lines = ready.text.splitlines()
        assert lines[:6] == [
            "[+]serving ok", "[+]recovery ok", "[+]database ok", "[+]keys ok", "[+]certificate ok",
            "[+]disk ok",
        ]  # fmt: skip
        # Which years nobody has imported yet depends on today's date.
        assert all(line.startswith("[!]the holidays of ") for line in lines[6:])
        assert answer(f"{probes}/livez").status_code == 200
        assert "lianping_usage_disputes 0.0" in answer(f"{probes}/metrics").text
        assert answer(f"{api}/api/openapi.json").json()["info"]["title"] == "联评 Lianping"
        assert answer(f"{api}/metrics").status_code == 404
        own = tmp_path / "data" / SOCKET_FILE
        assert stat.S_IMODE(own.stat().st_mode) == 0o600
        with open_link(configured_by(config)) as link:
            assert link.get("/api/whoami") == {"role": "operator", "subject": "local"}
            with pytest.raises(Refused, match="no such address") as refusal:
                link.post("/api/nothing")
            assert (refusal.value.exit_code, refusal.value.code) == (2, "NOT_FOUND")
        child.send_signal(signal.SIGTERM)
        assert child.wait(timeout=PATIENCE_SECONDS) == 0
        assert not own.exists()
    finally:
        child.kill()
        child.wait()
    said = (tmp_path / "log").read_text(encoding="utf-8")
    assert said.count("STAND-IN") == 5, "every stand-in is loud"
    assert '"the node is down"' in said
    assert "Traceback" not in said
