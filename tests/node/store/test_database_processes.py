"""The database between processes: one at a time, and nothing acknowledged is lost."""

import asyncio
import signal
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from node.store.database import Database, StoreUnavailable

SOURCE = Path(__file__).parents[3]
SOON_MS = 50  # enough to be refused; the default waits for a predecessor

HOLD = """
    import asyncio, sys
    from node.store.database import Database

    async def main():
        database = await Database.open(sys.argv[1])
        print("holding", flush=True)
        await asyncio.to_thread(sys.stdin.read)
        await database.close()

    asyncio.run(main())
"""

# Prints a number only after its transaction was acknowledged.
WRITE = """
    import asyncio, os, sys
    from node.store.database import Database

    async def main():
        database = await Database.open(sys.argv[1])
        await database.transact(
            lambda conn: conn.execute("CREATE TABLE IF NOT EXISTS note (id INTEGER PRIMARY KEY)")
        )
        (last,) = await database.read(
            lambda conn: conn.execute("SELECT coalesce(max(id), 0) FROM note").fetchone()
        )
        numbers = iter(range(last + 1, 10**9))

        async def caller():
            for number in numbers:
                await database.transact(
                    lambda conn, n=number: conn.execute("INSERT INTO note (id) VALUES (?)", (n,))
                )
                os.write(1, b"%d\\n" % number)

        await asyncio.gather(*(caller() for _ in range(32)))

    asyncio.run(main())
"""


def _start(program: str, path: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), str(path)],
        cwd=SOURCE,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


async def test_a_second_process_is_refused_while_the_first_holds_the_folder(
    tmp_path: Path,
) -> None:
    path = tmp_path / "node.db"
    with _start(HOLD, path) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"holding\n"

        with pytest.raises(
            StoreUnavailable, match="another node is running on this folder"
        ) as told:
            await Database.open(path, busy_timeout_ms=SOON_MS)
        assert "stop it first" in str(told.value)

        first.communicate(b"")
        assert first.returncode == 0

    second = await Database.open(path, busy_timeout_ms=SOON_MS)
    await second.close()


async def test_a_successor_waits_for_its_predecessor_to_let_go(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    with _start(HOLD, path) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"holding\n"
        async with asyncio.TaskGroup() as tasks:
            opening = tasks.create_task(Database.open(path))
            await asyncio.to_thread(first.communicate, b"")
        await opening.result().close()

    assert first.returncode == 0


async def test_a_database_open_in_this_process_is_not_opened_twice(tmp_path: Path) -> None:
    first = await Database.open(tmp_path / "node.db")

    with pytest.raises(StoreUnavailable, match="another node is running on this folder"):
        await Database.open(tmp_path / "node.db", busy_timeout_ms=SOON_MS)

    await first.close()


def test_a_killed_process_keeps_every_row_it_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    acknowledged: set[int] = set()
    for lines_before_the_kill in (1, 50, 400, 1500):
        with _start(WRITE, path) as writer:
            assert writer.stdout is not None
            lines = [writer.stdout.readline() for _ in range(lines_before_the_kill)]
            writer.send_signal(signal.SIGKILL)
            lines += writer.stdout.readlines()
        assert writer.returncode == -signal.SIGKILL
        acknowledged |= {int(line) for line in lines if line.endswith(b"\n")}

    survivor = sqlite3.connect(path)
    kept = {number for (number,) in survivor.execute("SELECT id FROM note")}
    (integrity,) = survivor.execute("PRAGMA integrity_check").fetchone()
    survivor.close()

    assert integrity == "ok"
    assert len(acknowledged) >= 1951
    assert acknowledged - kept == set()
