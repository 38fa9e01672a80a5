"""The node's database without its thread: most of a test's time went into hops to it and back.

Everything else is real: how it is opened, the connection, groups and savepoints. Tests of the
database itself, of whole nodes and of gRPC keep the thread.
"""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any
from unittest.mock import patch

import aiosqlite

from node.store.database import MEMORY, Database


class _Here:
    """What ``Database`` needs of a connection, on whichever thread asks."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @property
    def total_changes(self) -> int:
        return self._connection.total_changes

    async def commit(self) -> None:
        self._connection.commit()
        await asyncio.sleep(0)  # noqa: TID251 (others may go on meanwhile, as with a thread)

    async def close(self) -> None:
        self._connection.close()


async def _connect(path: Path | str, **settings: Any) -> _Here:
    return _Here(sqlite3.connect(path, **settings))


async def opened(path: Path | str = MEMORY, **settings: Any) -> Database:
    """Open a database that runs what it is given at once. As ``Database.open``.

    No other may be opened at the same moment: it would have no thread either.
    """
    with patch.object(aiosqlite, "connect", _connect):
        return await Database.open(path, **settings)
