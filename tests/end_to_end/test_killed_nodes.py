"""A node is killed with ``kill -9`` in the middle of the main job, and started again.

Ten seeded moments over three whole runs: in each run both nodes are killed, in turn, each time in
another step and after a delay that the seed chooses. The job must finish, nothing lost or doubled.

What it is for: few kills, but in every step of a whole evaluation, and the dossier is verified
after them. Many kills under many concurrent commands are ``tests/faults/test_kills.py``.
"""

import io
import random
import sqlite3
import threading
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from adapters.messaging.stand_in import read_spool
from node.demo.narrator import Narrator
from node.demo.nodes import CENTERS, Nodes
from node.demo.story import STEPS, Story
from node.demo.world import CHANGLE, JIAN

KILLS: Final = (4, 3, 3)
"""In each run: ten in all."""

LEAD_SECONDS: Final = 45  # booking and the draws' begin must fit before the start, with restarts
_KEYS: Final = (JIAN.key, CHANGLE.key)
DELAY_SECONDS: Final = 0.6  # most steps are over by then: the moment falls within or just after


class Saboteur:
    """Kills a node some time after a step has begun, and starts it again.

    It works in a thread that outlives the test's run: a child dies with the thread that
    started it (PR_SET_PDEATHSIG).
    """

    def __init__(self, nodes: Nodes, plan: dict[str, list[tuple[str, float]]]) -> None:
        self._nodes = nodes
        self._plan = plan
        self._over = threading.Event()
        self._striking = {key: threading.Lock() for key in _KEYS}
        self._threads: list[threading.Thread] = []
        self.killed: list[str] = []

    def before(self, step: str) -> None:
        for key, delay in self._plan.get(step, []):
            thread = threading.Thread(target=self._strike, args=(key, delay), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _strike(self, key: str, delay: float) -> None:
        self._over.wait(delay)
        process = self._nodes.process(key)
        with self._striking[key]:
            process.kill()
            process.start()
        self.killed.append(key)
        self._over.wait()

    def end(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()


def _plan(seed: int) -> dict[str, list[tuple[str, float]]]:
    dice = random.Random(seed)
    steps = dice.sample(STEPS, KILLS[seed])
    return {
        step: [(_KEYS[(seed + at) % len(_KEYS)], dice.uniform(0, DELAY_SECONDS))]
        for at, step in enumerate(steps)
    }


@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", range(len(KILLS)))
def test_the_main_job_survives_killed_nodes(seed: int, tmp_path: Path) -> None:
    nodes = Nodes(tmp_path / "demo")
    plan = _plan(seed)
    saboteur = Saboteur(nodes, plan)
    talk = io.StringIO()
    try:
        nodes.start()
        story = Story(
            nodes,
            Narrator(talk, chinese=False),
            lead_seconds=LEAD_SECONDS,
            before=saboteur.before,
        )
        told = story.run()
    except Exception as error:
        raise AssertionError(f"seed {seed}, plan {plan}:\n{talk.getvalue()}") from error
    finally:
        nodes.stop()
        saboteur.end()

    assert told.holds, f"seed {seed}, plan {plan}: {told}"
    assert Counter(saboteur.killed) == Counter(key for ((key, _),) in plan.values())
    _nothing_is_lost_or_doubled(nodes)


def _nothing_is_lost_or_doubled(nodes: Nodes) -> None:
    heard = {}
    for center in CENTERS:
        database = sqlite3.connect(nodes.folder / center.key / "data" / "node.db")
        rows = dict(
            database.execute(
                "SELECT payload_type, count(*) FROM said WHERE accepted = 1 GROUP BY 1"
            ).fetchall()
        )
        heard[center.key] = (
            dict(
                database.execute(
                    "SELECT payload_type, count(*) FROM heard WHERE accepted = 1 GROUP BY 1"
                ).fetchall()
            ),
            rows,
        )
        (unanswered,) = database.execute(
            "SELECT count(*) FROM said WHERE receipt IS NULL OR accepted = 0"
        ).fetchone()
        (undone,) = database.execute(
            "SELECT count(*) FROM errand WHERE done_at_ms IS NULL AND last_error IS NOT NULL"
        ).fetchone()
        counts = {
            table: database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("booking", "draw", "session", "sealed_list", "expert")
        }
        database.close()

        assert unanswered == 0
        assert undone == 0
        assert counts == {"booking": 1, "draw": 2, "session": 1, "sealed_list": 1, "expert": 600}
        calls = Counter(
            item.key for item in read_spool(nodes.messaging_folder(center)) if item.kind == "call"
        )
        assert max(calls.values()) == 1
    # What one said is what the other heard, word for word.
    assert heard[JIAN.key][0] == heard[CHANGLE.key][1]
    assert heard[CHANGLE.key][0] == heard[JIAN.key][1]
