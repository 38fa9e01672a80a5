"""A real node process on a volume that becomes full, and has room again.

The volume is a small tmpfs in a mount namespace of the node's own, so it goes when the node
does. Who is not root gets a user namespace with it.
"""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from node.demo.world import JIAN
from node.services.totp import code_at, secret_of
from tests.node.test_serving import ROOT, answer, configured
from tests.support.founded import PASSPHRASE

VOLUME: Final = "8m"  # the keys, an empty database and one import fit well
BLOCK: Final = 4096
PASSWORD: Final = "correct horse battery"


@dataclass(frozen=True)
class Cramped:
    """A running node, and the way to its volume."""

    api: httpx.Client
    probes: str
    volume: Path
    log: Path

    def fill(self) -> None:
        with pytest.raises(OSError, match="No space left"):
            self._write_without_end()

    def _write_without_end(self) -> None:
        with (self.volume / "ballast").open("wb", buffering=0) as ballast:
            while True:
                ballast.write(bytes(BLOCK))

    def make_room(self) -> None:
        (self.volume / "ballast").unlink()

    def ready(self) -> dict[str, str]:
        """What readiness says of each part: "" if nothing is amiss."""
        text = answer(f"{self.probes}/readyz?verbose").text
        parts = [line.split("]", 1) for line in text.splitlines()]
        return {
            words.split(" ", 1)[0]: "" if sign == "[+" else words.split(" ", 1)[1]
            for sign, words in parts
        }

    def outages(self) -> float:
        page = answer(f"{self.probes}/metrics").text
        name = 'lianping_store_outages_total{cause="disk_full"} '
        return next((float(x[len(name) :]) for x in page.splitlines() if x.startswith(name)), 0.0)

    def logged_in(self, name: str) -> dict[str, str]:
        address = (self.log.parent / "operator.totp").read_text(encoding="utf-8").strip()
        code = code_at(secret_of(address) or "", time.time_ns() // 1_000_000)
        body = {"name": name, "password": PASSWORD, "totp": code if name == "operator" else ""}
        done = self.api.post("/api/login", json=body)
        assert done.status_code == 200, done.text
        return {"Authorization": f"Bearer {done.json()['token']}"}


def own_users() -> list[str]:
    """What ``unshare`` must be told so that who is not root may mount, too."""
    return [] if os.geteuid() == 0 else ["--user", "--map-root-user"]


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Cramped]:
    config, api, probes = configured(tmp_path)
    data = tmp_path / "data"
    data.mkdir()
    environment = {
        key: value
        for key, value in os.environ.items()  # noqa: TID251 - the child inherits it
        if not key.startswith("LIANPING_")
    }
    environment["PYTHONPATH"] = f"{ROOT}:{ROOT / 'proto' / 'gen'}"
    environment["LIANPING_OPERATOR_PASSWORD"] = PASSWORD
    environment["LIANPING_ROOT_PASSPHRASE"] = PASSPHRASE
    run = [sys.executable, "-m", "node.cli"]
    init = shlex.join([*run, "init", "--non-interactive", "--config", str(config)])
    mount = f'mount -t tmpfs -o size={VOLUME} tmpfs "$0" && {init} && exec "$@"'
    log = tmp_path / "log"
    with log.open("wb") as output:
        child = subprocess.Popen(
            [
                "unshare", *own_users(), "--mount",
                "sh", "-c", mount, str(data),
                *run, "serve", "--config", str(config),
            ],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
        )  # fmt: skip
    try:
        answer(f"{probes}/livez")
        with httpx.Client(base_url=api, trust_env=False, timeout=20.0) as http:
            yield Cramped(http, probes, Path(f"/proc/{child.pid}/root{data}"), log)
    finally:
        child.kill()
        child.wait()


def error(response: httpx.Response) -> Any:
    return response.json()["error"]


def test_a_full_disk_is_named_changes_nothing_is_counted_and_passes(node: Cramped) -> None:
    operator = node.logged_in("operator")
    account = {"name": "staff", "role": "staff", "display_name": "staff", "password": PASSWORD}
    assert node.api.post("/api/accounts", json=account, headers=operator).status_code == 201
    staff = node.logged_in("staff")
    assert (node.ready()["database"], node.outages()) == ("", 0.0)

    node.fill()
    register = {"file": JIAN.experts_file()}
    full = node.api.post("/api/import/experts", headers=staff, files=register)
    assert (full.status_code, error(full)["code"]) == (503, "STORE_AWAY")
    assert "磁盘已满" in error(full)["zh"]
    assert "the disk is full" in error(full)["en"]
    assert node.outages() >= 1.0
    assert answer(f"{node.probes}/readyz").status_code == 503
    assert "the disk is full" in node.ready()["database"]
    assert answer(f"{node.probes}/livez").status_code == 200, "it is alive, only not ready"
    assert node.api.get("/api/bookings", headers=staff).status_code == 200, "reading goes on"

    node.make_room()
    assert node.ready()["database"] == ""
    empty = node.api.post("/api/pools", headers=operator, json={})
    assert (empty.status_code, error(empty)["en"]) == (
        409,
        "the register is empty; import experts",
    ), "of the import that failed, nothing was kept"
    done = node.api.post("/api/import/experts", headers=staff, files=register)
    assert (done.status_code, done.json()) == (201, {"rows": len(JIAN.experts)})

    said = node.log.read_text(encoding="utf-8")
    assert "Traceback" not in said
    assert JIAN.experts[0]["姓名"] not in said
