"""Two real nodes: a backup, more traffic, a kill, the old backup, and the main job to its end.

The sub's database goes back to before the booking: its yes, its seats and the host's decision are
gone. It must come up as RECOVERING, get its own words back from the host, go on in a new epoch of
its log, and the whole evaluation must end with a dossier that verifies.
"""

import io
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from node.commands.link import open_link
from node.config import load
from node.demo.narrator import Narrator
from node.demo.nodes import Nodes
from node.demo.story import Story
from node.demo.world import CHANGLE, JIAN

LEAD_SECONDS: Final = 75  # the restore is in it, on a machine that does other things as well
WAITED_SECONDS: Final = 20  # the story itself waits half a minute for the hour, and no longer
PATIENCE_SECONDS: Final = 60.0


class Keeper:
    """Whoever backs the sub up before the booking, and puts the backup back before the draw."""

    def __init__(self, nodes: Nodes) -> None:
        self.nodes = nodes
        self.folder = nodes.folder / CHANGLE.key
        self.file = nodes.folder / "changle.lpbak"
        self.secret = nodes.folder / "backup.pass"
        self.seen: dict[str, Any] = {}
        self.begins = 0.0

    def before(self, step: str) -> None:
        if step == "enter_project":
            self.begins = time.monotonic() + LEAD_SECONDS
        if step == "start":
            time.sleep(max(0.0, self.begins - WAITED_SECONDS - time.monotonic()))
        if step == "book":
            self.secret.write_text("玉兰 花开 三月 十七 号院", encoding="utf-8")
            self.secret.chmod(0o600)
            told = self.types(
                "backup", "--to", str(self.file), "--passphrase-file", str(self.secret), "--json"
            )
            self.seen["backup"] = json.loads(told)
        if step == "draw":
            self.seen["before"] = self.book()
            self.go_back()

    def types(self, *words: str, fails: bool = False) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "node.cli", *words, "--config", str(self.folder / "node.toml")],
            env=self.nodes.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr if fails else done.stdout

    def go_back(self) -> None:
        restore = (
            "restore", str(self.file), "--passphrase-file", str(self.secret), "--yes", "--json"
        )  # fmt: skip
        assert "节点正在运行" in self.types(*restore, fails=True)
        process = self.nodes.process(CHANGLE.key)
        process.kill()
        self.seen["restored"] = json.loads(self.types(*restore))
        process.start()
        self.until(lambda: "RECOVERING" in self.ready()[1])
        self.seen["ready"] = self.ready()
        self.until(lambda: self.recovery()["epoch_needed"])
        self.seen["refused"] = httpx.post(
            f"{self.nodes.url(CHANGLE)}/api/projects", json={}, timeout=10
        )
        self.seen["typed"] = self.types("recover", "--new-epoch")
        self.until(lambda: not self.recovery()["recovering"])
        self.until(lambda: self.ready()[0] == httpx.codes.OK)
        self.seen["after"] = self.book()
        self.seen["metrics"] = httpx.get(f"{self.nodes.metrics_url(CHANGLE)}/metrics").text

    def ready(self) -> tuple[int, str]:
        try:
            answer = httpx.get(f"{self.nodes.metrics_url(CHANGLE)}/readyz", timeout=5)
        except httpx.TransportError:
            return 0, ""
        return answer.status_code, answer.text

    def recovery(self) -> Any:
        with open_link(load(self.folder / "node.toml")) as link:
            return link.get("/api/recovery")

    def until(self, holds: Callable[[], bool]) -> None:
        ends = time.monotonic() + PATIENCE_SECONDS
        while not holds():
            assert time.monotonic() < ends, f"in vain: {self.ready()}"
            time.sleep(0.2)

    def book(self) -> dict[str, int]:
        """What the sub's staff sees, by its own API's database: seats and words."""
        path = self.nodes.folder / "look.lpbak"
        path.unlink(missing_ok=True)
        with open_link(load(self.folder / "node.toml")) as link:
            told = link.post("/api/backup", {"to": str(path)})
        raw = path.read_bytes()
        database = sqlite3.connect(":memory:")
        database.deserialize(raw[raw.index(b"\n") + 1 :])
        (seats,) = database.execute("SELECT count(*) FROM seat_slot").fetchone()
        (confirmed,) = database.execute(
            "SELECT count(*) FROM conversation WHERE phase = 'CONFIRMED'"
        ).fetchone()
        database.close()
        return {
            "said": told["said"],
            "heard": told["heard"],
            "seats": seats,
            "confirmed": confirmed,
        }


@pytest.mark.timeout(240)
def test_a_node_on_an_old_backup_gets_its_words_back_and_the_job_ends(tmp_path: Path) -> None:
    nodes = Nodes(tmp_path / "demo")
    keeper = Keeper(nodes)
    talk = io.StringIO()
    try:
        nodes.start()
        story = Story(
            nodes,
            Narrator(talk, chinese=False),
            lead_seconds=LEAD_SECONDS,
            before=keeper.before,
        )
        told = story.run()
    except Exception as error:
        raise AssertionError(talk.getvalue()) from error
    finally:
        nodes.stop()

    assert told.holds, told
    seen = keeper.seen
    assert seen["backup"]["sealed"]
    assert seen["backup"]["epoch"] == 0
    assert seen["ready"][0] == httpx.codes.SERVICE_UNAVAILABLE
    assert seen["refused"].json()["error"]["code"] == "RECOVERING"
    assert seen["after"] == seen["before"]
    assert seen["before"]["said"] > seen["backup"]["said"]
    assert "lianping_recovering 0.0" in seen["metrics"]
    assert Path(seen["restored"]["kept"]).exists()
    assert "日志纪元 · logs' epoch: 1" in seen["typed"]
    _books_agree(nodes)


def _books_agree(nodes: Nodes) -> None:
    books = {}
    for center in nodes.case.centers:
        database = sqlite3.connect(nodes.folder / center.key / "data" / "node.db")
        books[center.key] = {
            table: set(database.execute(f"SELECT hash, accepted FROM {table}").fetchall())
            for table in ("said", "heard")
        }
        (waiting,) = database.execute("SELECT count(*) FROM recovery").fetchone()
        former = database.execute("SELECT ours, count(*) FROM former_head GROUP BY 1").fetchall()
        behind = database.execute(
            "SELECT (SELECT max(size) FROM cosigned), (SELECT max(idx) + 1 FROM log_entry)"
        ).fetchone()
        database.close()
        assert waiting == 0
        assert dict(former).keys() == {int(center is CHANGLE)}
        assert behind[0] == behind[1], "the newest head is cosigned"
    assert books[JIAN.key]["said"] == books[CHANGLE.key]["heard"]
    assert books[CHANGLE.key]["said"] == books[JIAN.key]["heard"]
