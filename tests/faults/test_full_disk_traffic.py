"""A disk that fills up in the middle of live traffic between two real nodes, and has room again.

``test_full_disk`` says what one person and the probes are told. Here is what becomes of
everybody's work: the history of the whole run is judged by the checker that judges the kills.
The one node's data is on a small tmpfs in a mount namespace of its own, which goes with it;
what it held when it stopped is copied out for the checker.
"""

import sqlite3
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import httpx
import pytest
from typing_extensions import override

from node.demo.nodes import Nodes
from node.demo.processes import Process
from node.demo.world import CHANGLE, JIAN, TWO_CENTERS
from tests.faults.books import Book
from tests.faults.history import Event, Outcome, check, to_lines
from tests.faults.test_full_disk import own_users
from tests.faults.traffic import Site, Traffic

SEED: Final = 2
COMMANDS: Final = frozenset({"enter", "accept", "plan", "vote"})
VOLUME: Final = "24m"  # a WAL of 4 MB, the database, and what this traffic adds
BLOCK: Final = 4096
FLOWS_SECONDS: Final = 4.0  # before the disk is full, while it is, and after
MIDST_SECONDS: Final = 60.0  # within which both kinds of callers meet the full disk
REFUSED_BY_DISK: Final = 'lianping_rpc_seconds_count{direction="out",method="Deliver",outcome='
_RUN: Final = """\
mkdir "$0.before" && cp -a "$0/." "$0.before" && mount -t tmpfs -o size=%s tmpfs "$0" || exit 1
cp -a "$0.before/." "$0" || exit 1
trap 'kill -TERM $child' TERM
setpriv --pdeathsig KILL "$@" &
child=$!
wait $child
wait $child
cp -a "$0/." "$0.after"
"""


class OneCramped(Nodes):
    """The demonstration's nodes, one of them on a volume that a test can fill."""

    cramped = CHANGLE

    @override
    def _add(self, name: str, arguments: Iterable[str], ready_url: str) -> None:
        if name != self.cramped.key:
            super()._add(name, arguments, ready_url)
            return
        become = "import os, sys; os.execvp(sys.argv[1], sys.argv[1:])"
        inside = ["unshare", *own_users(), "--mount", "sh", "-c", _RUN % VOLUME, str(self.volume)]
        # Not its readiness: that warns of any volume as small as this one.
        up = f"{self.url(self.cramped)}/api/openapi.json"
        super()._add(name, ["-c", become, *inside, sys.executable, *arguments], up)

    @property
    def volume(self) -> Path:
        """Where the volume is mounted, for those inside."""
        return self.folder / self.cramped.key / "data"

    def ballast(self) -> Path:
        """A file on the volume, as seen from outside."""
        process: Process = self.process(self.cramped.key)
        return Path(f"/proc/{process.pid}/root{self.volume}/ballast")


def fill(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file:
        while True:
            try:
                file.write(bytes(BLOCK))
            except OSError:
                return


@pytest.mark.timeout(300)
def test_a_disk_that_fills_up_in_live_traffic_loses_and_doubles_nothing(tmp_path: Path) -> None:
    nodes = OneCramped(tmp_path / "nodes", case=TWO_CENTERS)
    try:
        nodes.start()
        traffic = Traffic(nodes, SEED)
        traffic.set_up()
        with traffic.flowing():
            time.sleep(FLOWS_SECONDS)
            ballast = nodes.ballast()
            fill(ballast)
            began = time.monotonic()
            _people_and_partners_are_told(nodes, traffic, ballast)
            ended = time.monotonic()
            ballast.unlink()
            assert _answer_to_a_command(traffic.sites[1]) == "", "there is room again"
            time.sleep(FLOWS_SECONDS)
        traffic.settle()
        traffic.close()
    finally:
        nodes.stop()

    record = tmp_path / "history.jsonl"
    record.write_text(to_lines(traffic.history), encoding="utf-8")
    paths = {JIAN.key: "data/node.db", CHANGLE.key: "data.after/node.db"}
    found = [
        Book(site.id, sqlite3.connect(nodes.folder / site.center.key / paths[site.center.key]))
        for site in traffic.sites
    ]
    try:
        assert check(traffic.history, found) == [], f"the history is in {record}"
    finally:
        for book in found:
            book.connection.close()
    _it_went_on(traffic.history, found[1].center, began, ended)
    said = (nodes.folder / f"{CHANGLE.key}.log").read_text("utf-8")
    assert "a request failed by our own fault" not in said


def _people_and_partners_are_told(nodes: OneCramped, traffic: Traffic, ballast: Path) -> None:
    """Commands end in 503, a partner's words in RESOURCE_EXHAUSTED; reading goes on."""
    cramped = next(site for site in traffic.sites if site.center is nodes.cramped)
    ends = time.monotonic() + MIDST_SECONDS
    told, partner = "", False
    while not (told and partner):
        assert time.monotonic() < ends, f"people were told {told!r}, the partner: {partner}"
        fill(ballast)  # a checkpoint may have made room
        told = told or _answer_to_a_command(cramped)
        page = httpx.get(f"{nodes.metrics_url(JIAN)}/metrics", trust_env=False).text
        partner = f'{REFUSED_BY_DISK}"RESOURCE_EXHAUSTED"' in page
        _reads(cramped)
        time.sleep(0.1)
    assert "磁盘已满" in told
    assert "the disk is full" in told


def _reads(site: Site) -> None:
    """Reading goes on; who shares a commit with what the disk has no room for asks once more."""
    headers = {"Authorization": f"Bearer {site.tokens['staff']}"}
    told = ""
    for _ in range(5):
        reply = site.http.get("/api/bookings", headers=headers)
        if reply.is_success:
            assert isinstance(reply.json(), list)
            return
        told = reply.text
        assert reply.status_code == 503, told
    raise AssertionError(f"nobody can read: {told}")


def _answer_to_a_command(site: Site) -> str:
    """A large one: a small one may find room in the part of the WAL that was written back."""
    headers = {"Authorization": f"Bearer {site.tokens['staff']}"}
    register = {"file": site.center.experts_file()}
    reply = site.http.post("/api/import/experts", files=register, headers=headers, timeout=30.0)
    return reply.text if reply.status_code == 503 else ""


def _it_went_on(history: list[Event], node: str, began: float, ended: float) -> None:
    """Commands of the cramped node's people were carried out before and after."""
    commands = [event for event in history if event.node == node and event.deed in COMMANDS]
    done = [event for event in commands if event.outcome is Outcome.DONE]
    assert any(event.ended < began for event in done)
    assert any(event.began > ended for event in done)
