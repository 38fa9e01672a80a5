"""The one connection to the embedded database, and the group commit on it.

Here: opening the file with the settings that keep what was acknowledged, and running
transactions, reads and maintenance on the connection's thread. Not here: tables
(``migrations``, ``sql/``), statements (one module per noun), backup files.

**A transaction is one synchronous function.** Between BEGIN and COMMIT nothing awaits,
so a cancelled task cannot leave a transaction open. Each caller queues its function and
sends one hop to the thread; those that wait together are committed together
(``group_commit``).

**One exclusive connection** (``locking_mode=EXCLUSIVE``) keeps a second node off the
folder, and rules out SQLite's WAL-reset corruption (3.7.0 to 3.51.2, sqlite.org/wal.html
"The WAL-Reset Bug"): it takes two connections that write or checkpoint at the same
moment, and Debian 12 ships the affected 3.40.1. For the same reason nothing in this
process may ``open()`` the database file: closing any descriptor of a file drops all POSIX
locks the process holds on it. Copies are made through ``Database.alone`` and
``sqlite3.Connection.backup``.
"""

import sqlite3
import time
from asyncio import get_running_loop
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, Self, TypeVar, cast

import aiosqlite

from node.store.group_commit import (
    GroupCommitConnection,
    GroupObserver,
    Groups,
    Kind,
    OutageObserver,
    Request,
    StoreFull,
    StoreUnavailable,
)

__all__ = ["Database", "ForeignFile", "GroupObserver", "StoreFull", "StoreUnavailable"]

T = TypeVar("T")

MAX_WAITING: Final = 8192  # half a second's work; whoever comes later should be told, not parked
BUSY_TIMEOUT_MS: Final = 5000  # a predecessor that is shutting down gets this long to let go
WAL_AUTOCHECKPOINT_PAGES: Final = 1000  # SQLite's default, spelled out: 4 MB of WAL a checkpoint
JOURNAL_SIZE_LIMIT_BYTES: Final = 64 * 1024 * 1024  # a burst's WAL is cut back to this
CACHED_STATEMENTS: Final = 512  # more than the node has; the default of 128 would thrash
CACHE_KIB: Final = 65_536  # the hot pages of a year's words; the default of 2 MB reads them anew
APPLICATION_ID: Final = 0x4C50_4E44  # "LPND": tells our file from any other SQLite file
OWNER_ONLY: Final = 0o600  # the file holds personal data; -wal takes over its mode
MEMORY: Final = ":memory:"  # SQLite's name for a database without a file, for tests


class ForeignFile(Exception):
    """The file is a database, but not one of ours."""


class Database:
    """The node's database. ``open`` it once, ``close`` it last.

    Functions given to ``transact`` and ``read`` run on another thread: they return rows
    or values, never cursors, and touch nothing of the event loop's.
    """

    def __init__(self, path: Path | str, groups: Groups, connection: aiosqlite.Connection) -> None:
        """Use ``open``."""
        self.path = path
        self._groups = groups
        self._connection = connection
        self._closed = False

    @classmethod
    async def open(
        cls,
        path: Path | str,
        *,
        group_observer: GroupObserver | None = None,
        outage_observer: OutageObserver | None = None,
        timer: Callable[[], float] = time.perf_counter,
        busy_timeout_ms: int = BUSY_TIMEOUT_MS,
        connection: Callable[..., GroupCommitConnection] = GroupCommitConnection,
    ) -> Self:
        """Open the database, create the file if it is missing, and hold it exclusively.

        Args:
            path: The file, in an existing folder; or ``MEMORY``.
            group_observer: Told, on the event loop, the size of each committed group and
                the seconds from its BEGIN to the end of its COMMIT.
            outage_observer: Told, on the event loop, the cause each time that a caller's
                function could not be run or kept.
            timer: A monotonic clock in seconds, for ``group_observer`` only.
            busy_timeout_ms: How long to wait for another process to let go.
            connection: Makes the connection, for tests that watch or fail its writes.

        Raises:
            StoreUnavailable: Another node runs on this folder, or the file cannot be used.
            ForeignFile: The file belongs to another program.
        """
        groups = Groups(str(path), get_running_loop(), group_observer, timer, outage_observer)
        try:
            opened = await aiosqlite.connect(
                path,
                factory=partial(connection, groups.run),
                isolation_level=None,
                cached_statements=CACHED_STATEMENTS,
            )
        except sqlite3.Error as error:
            raise groups.unavailable(error) from error
        database = cls(path, groups, opened)
        try:
            await database.alone(partial(_prepare, path, busy_timeout_ms))
        except BaseException:
            await database.close()
            raise
        return database

    async def close(self) -> None:
        """Finish what was asked for, checkpoint, release the file. Twice is once."""
        if not self._closed:
            self._closed = True
            await self._connection.close()

    async def transact(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Run ``function`` as one transaction; return when it is on disk.

        ``function`` runs at most once, also if the caller is cancelled meanwhile. It must
        not end the transaction; constraints must be immediate (``migrations``
        refuses deferred ones), as a deferred one would fail its neighbours' commit.

        Raises:
            StoreUnavailable: It was not committed; nothing of it remains.
            Exception: What ``function`` raised; nothing of it remains.
        """
        return await self._ask(function, Kind.TRANSACTION)

    async def read(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Run a read-only ``function`` on one committed state of the database.

        Raises:
            StoreUnavailable: The database could not be read.
            sqlite3.OperationalError: ``function`` tried to write; use ``transact``.
            Exception: What ``function`` raised.
        """
        return await self._ask(function, Kind.READ)

    async def alone(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Run ``function`` with no transaction open: migrations, backup, checkpoint, check.

        Raises:
            StoreUnavailable: The database could not do it.
            RuntimeError: ``function`` left a transaction open; it was rolled back.
            Exception: What ``function`` raised.
        """
        return await self._ask(function, Kind.ALONE)

    @property
    def depth(self) -> int:
        """How many functions wait to be run."""
        return len(self._groups.waiting)

    @property
    def commits(self) -> int:
        """How many groups were committed since ``open``."""
        return self._groups.commits

    @property
    def transactions(self) -> int:
        """How many transactions those groups held, without the failed ones."""
        return self._groups.transactions

    async def _ask(self, function: Callable[[sqlite3.Connection], T], kind: Kind) -> T:
        if self._closed:
            raise StoreUnavailable(
                f"database {self.path}: closed; the node is shutting down, ask it after its restart"
            )
        if self.depth >= MAX_WAITING:
            raise StoreUnavailable(
                f"database {self.path}: {MAX_WAITING} transactions are waiting; send again later"
            )
        request = Request(function, kind)
        self._groups.waiting.append(request)
        # Every request brings a hop of its own and each hop takes at least one request,
        # the oldest first: when this hop is over, this request has been answered.
        await self._connection.commit()
        assert request.answered, "a hop ended before the request it was sent for"
        if request.error is not None:
            raise request.error
        return cast("T", request.result)


def _prepare(path: Path | str, busy_timeout_ms: int, conn: sqlite3.Connection) -> None:
    """Set the connection up and take the file. Order matters, see below."""
    conn.execute(f"PRAGMA busy_timeout={busy_timeout_ms:d}")
    # Before anything touches the WAL: only then is its index kept in memory of our own
    # and no other process can join.
    conn.execute("PRAGMA locking_mode=EXCLUSIVE")
    conn.execute("PRAGMA trusted_schema=OFF")
    new = _claim(path, conn)
    if path != MEMORY:
        if new:
            Path(path).chmod(OWNER_ONLY)
        (mode,) = conn.execute("PRAGMA journal_mode=WAL").fetchone()
        if mode != "wal":
            raise StoreUnavailable(
                f"database {path}: its volume does not allow write-ahead logging "
                f"(journal mode is {mode!r}); use a local file system"
            )
    conn.execute("PRAGMA synchronous=FULL")
    conn.execute("PRAGMA foreign_keys=ON")
    conn.execute(f"PRAGMA wal_autocheckpoint={WAL_AUTOCHECKPOINT_PAGES:d}")
    conn.execute(f"PRAGMA journal_size_limit={JOURNAL_SIZE_LIMIT_BYTES:d}")
    conn.execute(f"PRAGMA cache_size=-{CACHE_KIB:d}")
    conn.execute("PRAGMA temp_store=MEMORY")
    conn.execute("BEGIN IMMEDIATE")  # takes the lock now, not at the first transaction
    conn.execute("COMMIT")


def _claim(path: Path | str, conn: sqlite3.Connection) -> bool:
    """Check that the file is ours, or mark it as ours if it is empty; tell if it was."""
    (found,) = conn.execute("PRAGMA application_id").fetchone()
    if found == APPLICATION_ID:
        return False
    (tables,) = conn.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if found != 0 or tables != 0:
        raise ForeignFile(
            f"{path} is a database of another program (application_id {found:#x}, "
            f"{tables} tables); give the node a folder of its own"
        )
    conn.execute(f"PRAGMA application_id={APPLICATION_ID:d}")
    return True
