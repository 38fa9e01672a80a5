"""Thirty ``kill -9`` of real nodes, in the middle of live traffic between three of them.

What it is for: many kills under many concurrent commands, whatever they hit, and a history
that a checker of its own judges. ``tests/end_to_end/test_killed_nodes.py`` is for the
opposite: few kills, but in every step of one whole evaluation, up to its verified dossier.
"""

import random
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import pytest

from adapters.messaging.stand_in import read_spool
from node.demo.nodes import Nodes
from node.demo.world import THREE_PROVINCES
from tests.faults.books import Book
from tests.faults.history import Event, Outcome, check, to_lines
from tests.faults.traffic import Traffic

SEED: Final = 1
KILLS: Final = 30
UP_SECONDS: Final = (0.1, 1.3)  # between a node's return and its next end
DOWN_AT_ONCE: Final = 2  # of three: the last one has someone to talk to most of the time


class Killer:
    """Kills each node again and again at moments that the seed chooses, and starts it again.

    A child dies with the thread that started it (PR_SET_PDEATHSIG), so the threads stay until
    ``end``.
    """

    def __init__(self, nodes: Nodes, keys: list[str]) -> None:
        self._nodes = nodes
        self._over = threading.Event()
        self._may = threading.Semaphore(DOWN_AT_ONCE)
        self._done = threading.Barrier(len(keys) + 1)
        self._threads = [
            threading.Thread(target=self._work, args=(key, KILLS // len(keys)), daemon=True)
            for key in keys
        ]
        self.moments: list[float] = []
        self.failed: list[BaseException] = []

    def run(self) -> None:
        """All kills; returns when every node is up again."""
        for thread in self._threads:
            thread.start()
        self._done.wait()

    def end(self) -> None:
        self._over.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def _work(self, key: str, times: int) -> None:
        dice = random.Random(f"{SEED}/{key}")
        process = self._nodes.process(key)
        try:
            for _ in range(times):
                self._over.wait(dice.uniform(*UP_SECONDS))
                with self._may:
                    self.moments.append(time.monotonic())
                    process.kill()
                    process.start()
                    process.wait_ready()
        except BaseException as error:  # noqa: BLE001 (told by the test)
            self.failed.append(error)
        finally:
            self._done.wait()
            self._over.wait()


@contextmanager
def books(nodes: Nodes, traffic: Traffic) -> Iterator[list[Book]]:
    """The databases of nodes that have stopped."""
    with ExitStack() as stack:
        found = []
        for site in traffic.sites:
            path = nodes.folder / site.center.key / "data" / "node.db"
            connection = sqlite3.connect(path)
            stack.callback(connection.close)
            found.append(Book(site.id, connection))
        yield found


@pytest.mark.timeout(600)
def test_thirty_kills_during_live_traffic_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    nodes = Nodes(tmp_path / "nodes", case=THREE_PROVINCES)
    killer = Killer(nodes, [center.key for center in nodes.case.centers])
    try:
        nodes.start()
        traffic = Traffic(nodes, SEED)
        traffic.set_up()
        with traffic.flowing():
            killer.run()
        assert not killer.failed, killer.failed
        traffic.settle()
        traffic.close()
    finally:
        nodes.stop()
        killer.end()

    record = tmp_path / "history.jsonl"
    record.write_text(to_lines(traffic.history), encoding="utf-8")
    with books(nodes, traffic) as found:
        assert check(traffic.history, found) == [], f"the history is in {record}"
        _was_worth_it(traffic.history, killer.moments, found)
    for center in nodes.case.centers:
        sent = Counter((item.kind, item.key) for item in read_spool(nodes.messaging_folder(center)))
        assert all(times == 1 for times in sent.values()), "a text was sent twice"


def _was_worth_it(history: list[Event], moments: list[float], found: list[Book]) -> None:
    """The kills fell into traffic, and the traffic was of all kinds."""
    assert len(moments) == KILLS
    commands = [event for event in history if event.deed not in ("bookings", "head")]
    hit = sum(any(e.began < moment < e.ended for e in commands) for moment in moments)
    assert hit >= KILLS // 2, f"only {hit} kills fell between a command and its answer"
    done = Counter(event.deed for event in commands if event.outcome is Outcome.DONE)
    assert min(done[deed] for deed in ("enter", "accept", "plan", "vote")) >= KILLS, done
    ends: Counter[str] = Counter()
    for book in found:
        ends.update(
            dict(book.connection.execute("SELECT decision, count(*) FROM bundle GROUP BY 1"))
        )
    assert min(ends["CONFIRM"], ends["ABORT"]) >= 5, ends
