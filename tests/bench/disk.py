"""What one commit costs on this disk, and what it costs when 64 share it."""

import contextlib
import sqlite3
import time
from pathlib import Path
from typing import Final

from node.store.database import Database
from tests.bench.load import Rate, run

WAITING: Final = 64
TABLE: Final = "CREATE TABLE measured (id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT"
INSERT: Final = "INSERT INTO measured (body) VALUES (?)"
BODY: Final = bytes(500)  # about a word


def bare(path: Path, count: int, seconds: float) -> Rate:
    """One insert and one commit at a time, with nothing but SQLite."""
    took = []
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(TABLE)
        began = time.perf_counter()
        for _ in range(count):
            started = time.perf_counter()
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(INSERT, (BODY,))
            connection.execute("COMMIT")
            ended = time.perf_counter()
            took.append(ended - started)
            if ended - began > seconds:
                break
        whole = time.perf_counter() - began
    return Rate(len(took), whole, sorted(took)[len(took) // 2])


async def group(path: Path, count: int, seconds: float) -> Rate:
    """The same through the node's store, with 64 callers waiting at any time."""
    database = await Database.open(path)
    try:
        await database.alone(lambda connection: connection.execute(TABLE).close())

        async def insert(_number: int) -> None:
            await database.transact(lambda connection: connection.execute(INSERT, (BODY,)).close())

        return await run(insert, range(count), WAITING, seconds)
    finally:
        await database.close()
