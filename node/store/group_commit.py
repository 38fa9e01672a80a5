"""Group commit: many callers' functions, one transaction on disk.

Here: what runs on the connection's thread: taking the waiting requests, a savepoint for
each, one COMMIT, and who is told what when it fails. Not here: the connection's settings
and the awaiting side (``database``).

The first hop to arrive takes up to ``MAX_GROUP`` of the waiting functions; their own hops
find the work done and only carry the answers home. There is no leader whose cancellation
would matter and no background task to supervise: a hop runs whether or not anyone still
waits for it.

**Only public interfaces.** aiosqlite has no public "run this function on your thread",
but its ``commit()`` calls the connection's ``commit`` there, and sqlite3's ``factory=``
chooses the connection's class. Ours lets ``commit`` commit what waits. A test pins
that this stays one hop.
"""

import enum
import sqlite3
from asyncio import AbstractEventLoop
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from time import sleep
from typing import Any, Final

GroupObserver = Callable[[int, float], None]
OutageObserver = Callable[[str], None]

GATHER_SECONDS: Final = 0.008  # much less than 64 callers wait anyway; see ``Groups._gather``
SLICE_SECONDS: Final = 0.002  # of them, in which nobody comes: then nobody else is on the way
MAX_GROUP: Final = 64  # past this a commit's cost is spread thin enough; latency only grows

_SLICES: Final = round(GATHER_SECONDS / SLICE_SECONDS)
_READONLY: Final = sqlite3.SQLITE_READONLY
_PRIMARY_CODE: Final = 0xFF  # SQLite puts extended error codes above the low byte


@dataclass(frozen=True, slots=True)
class Outage:
    """Why the database could not do it.

    Attributes:
        cause: A constant word, for the metrics.
        en: What is the matter, for people; and the same in Chinese.
        zh: See ``en``.
        remedy: What the operator should do.
    """

    cause: str
    en: str
    zh: str
    remedy: str


_OUTAGES: Final = {
    sqlite3.SQLITE_FULL: Outage(
        "disk_full",
        "the disk is full",
        "磁盘已满,请运维人员清理空间后重试",
        "free space on its volume and send again",
    ),
    sqlite3.SQLITE_IOERR: Outage(
        "disk_failed",
        "the disk failed",
        "磁盘读写出错,请联系运维人员",
        "check the volume and the kernel log, then restart",
    ),
    sqlite3.SQLITE_NOMEM: Outage(
        "memory",
        "out of memory",
        "内存不足,请联系运维人员",
        "give the node more memory, then send again",
    ),
    _READONLY: Outage(
        "read_only",
        "the file is read-only",
        "数据库文件只读,请联系运维人员",
        "check its owner, its mode and the mount options",
    ),
    sqlite3.SQLITE_CANTOPEN: Outage(
        "missing",
        "the file cannot be opened",
        "数据库文件无法打开,请联系运维人员",
        "check that its folder is there",
    ),
    sqlite3.SQLITE_CORRUPT: Outage(
        "damaged",
        "the file is damaged",
        "数据库文件已损坏,请联系运维人员",
        "stop the node and restore a backup",
    ),
    sqlite3.SQLITE_NOTADB: Outage(
        "damaged",
        "the file is not a database",
        "数据库文件已损坏,请联系运维人员",
        "check the path, or restore a backup",
    ),
    sqlite3.SQLITE_BUSY: Outage(
        "locked",
        "another node is running on this folder",
        "数据库被另一个节点占用,请联系运维人员",
        "stop it first, or give this node its own folder",
    ),
}
_UNKNOWN: Final = Outage(
    "other",
    "not available now; try again",
    "暂不可用,请稍后再试",
    "see the node's log",
)


class StoreUnavailable(Exception):
    """The database could not do it; nothing of the transaction was kept.

    Not the caller's fault, and the same transaction may succeed later. A crash right
    after a failed write to disk is the one case in which SQLite may, on recovery,
    find the commit complete after all; receivers are idempotent for that reason too.

    Args:
        message: For the log and the operator.
        outage: What may be said to people, and counted.
    """

    def __init__(self, message: str, outage: Outage = _UNKNOWN) -> None:
        super().__init__(message)
        self.outage = outage


class StoreFull(StoreUnavailable):
    """There is no room to keep it. Reading goes on; writing does when there is room again."""


class Kind(enum.Enum):
    """How a function is run: in a group, on a committed state, or with none of these."""

    TRANSACTION = enum.auto()
    READ = enum.auto()
    ALONE = enum.auto()


@dataclass(slots=True, eq=False)
class Request:
    """A caller's function and, once ``answered``, what became of it."""

    function: Callable[[sqlite3.Connection], Any]
    kind: Kind
    result: Any = None
    error: BaseException | None = None
    answered: bool = False


class GroupCommitConnection(sqlite3.Connection):
    """A connection whose ``commit`` commits what the callers of ``Database`` wait for."""

    def __init__(
        self, commit_waiting: Callable[[sqlite3.Connection], None], *args: Any, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._commit_waiting = commit_waiting
        self._running = False

    def commit(self) -> None:  # type: ignore[explicit-override]  # typing.override needs 3.12
        """Run and commit one group.

        Raises:
            sqlite3.ProgrammingError: Called by one of the callers' functions.
        """
        if self._running:
            raise sqlite3.ProgrammingError(
                "commit() inside a function given to the store: return instead, the store commits"
            )
        self._running = True
        try:
            self._commit_waiting(self)
        finally:
            self._running = False


class Groups:
    """The waiting requests, and how a group of them is run. ``run`` is on the thread."""

    def __init__(
        self,
        where: str,
        loop: AbstractEventLoop,
        observer: GroupObserver | None,
        timer: Callable[[], float],
        on_outage: OutageObserver | None = None,
        pause: Callable[[float], None] = sleep,
    ) -> None:
        self.waiting: deque[Request] = deque()
        self.commits = 0
        self._hops = 0
        self._taken = 0
        self._gathered = 0
        self._took_seconds = 0.0
        self._cramped = False
        self.transactions = 0
        self._where = where
        self._loop = loop
        self._observer = observer
        self._timer = timer
        self._on_outage = on_outage
        self._pause = pause

    def run(self, conn: sqlite3.Connection) -> None:
        """Run the requests that may go together, if this hop's own has not been run yet."""
        self._hops += 1
        if self._taken >= self._hops:
            # An earlier group took this hop's request. Starting on the requests behind it
            # would be right too, but they still gather: 200 callers would end up with one
            # commit each (measured: a fifth of the throughput).
            return
        self._gather()
        group = self._take()
        self._gathered = len(group)
        self._taken += len(group)
        if group[0].kind is Kind.ALONE:
            self._run_alone(conn, group[0])
            return
        # Reads go first, outside the group's transaction: they must not see what
        # the commit may yet take back.
        reads = [request for request in group if request.kind is Kind.READ]
        if reads:
            self._run_reads(conn, reads)
        writes = [request for request in group if request.kind is Kind.TRANSACTION]
        if writes:
            self._run_writes(conn, writes)

    def unavailable(self, error: sqlite3.Error) -> StoreUnavailable:
        """Say what happened, where, and what to do; one instance a caller."""
        outage = _OUTAGES.get(_code(error), _UNKNOWN)
        kind = StoreFull if _code(error) == sqlite3.SQLITE_FULL else StoreUnavailable
        told = kind(f"database {self._where}: {outage.en} ({error}); {outage.remedy}", outage)
        told.__cause__ = error
        if self._on_outage is not None:
            self._loop.call_soon_threadsafe(self._on_outage, outage.cause)
        return told

    def _gather(self) -> None:
        """When there is company, wait a moment for more of it.

        A loop that is busy brings its requests one by one, and the thread would give each a
        commit of its own: a commit, a signature over its receipts and two wake-ups for every
        word. Gathered, 64 concurrent words cost a quarter less (PostgreSQL's ``commit_delay``
        and ``commit_siblings``). Who comes alone never waits: the last group was of one. Nor
        does who brings much, such as a call of 64 words: the last group took longer than this.
        And the legs of a bundle, which come together, wait for one slice only.
        """
        if not 1 < self._gathered < MAX_GROUP or self._took_seconds >= GATHER_SECONDS:
            return
        for _ in range(_SLICES):
            there = len(self.waiting)
            if there >= MAX_GROUP:
                return
            self._pause(SLICE_SECONDS)
            if len(self.waiting) == there:
                return

    def _take(self) -> list[Request]:
        group: list[Request] = []
        # On a full disk each is for itself: who only looks, or wants little, must not fail
        # with a neighbour that wants more than there is.
        most = 1 if self._cramped else MAX_GROUP
        while self.waiting and len(group) < most:
            alone = self.waiting[0].kind is Kind.ALONE
            if alone and group:
                break
            group.append(self.waiting.popleft())
            if alone:
                break
        return group

    def _run_writes(self, conn: sqlite3.Connection, group: list[Request]) -> None:
        started = self._timer()
        before = conn.total_changes
        try:
            if conn.in_transaction:  # an earlier ROLLBACK failed too
                conn.execute("ROLLBACK")
            conn.execute("BEGIN IMMEDIATE")
            for request in group:
                self._run_in_savepoint(conn, request)
            conn.execute("COMMIT")
        except sqlite3.Error as error:
            self._cramped |= _code(error) == sqlite3.SQLITE_FULL
            self._abandon(conn, group, error)
            return
        self._cramped &= conn.total_changes == before
        self._took_seconds = self._timer() - started
        kept = 0
        for request in group:
            request.answered = True
            kept += request.error is None
        self.commits += 1
        self.transactions += kept
        if self._observer is not None:
            # On the loop, where a fault of the observer's cannot pass for one of the store's.
            self._loop.call_soon_threadsafe(self._observer, len(group), self._took_seconds)

    def _run_in_savepoint(self, conn: sqlite3.Connection, request: Request) -> None:
        conn.execute("SAVEPOINT member")
        try:
            request.result = request.function(conn)
        except BaseException as error:  # it is the caller's, whatever it is
            request.error = self._told(error)
            if not conn.in_transaction:
                # SQLite answers a full or failing disk by rolling back everything
                # (lang_transaction.html §3.1): the neighbours' work is gone with this one's.
                raise _lost(error) from error
            conn.execute("ROLLBACK TO member")
        conn.execute("RELEASE member")  # fails if the function ended the transaction itself

    def _abandon(
        self, conn: sqlite3.Connection, group: list[Request], error: sqlite3.Error
    ) -> None:
        for request in group:
            request.result = None
            if request.error is None:
                request.error = self.unavailable(error)
            request.answered = True
        self._roll_back(conn)

    def _run_reads(self, conn: sqlite3.Connection, group: list[Request]) -> None:
        try:
            conn.execute("PRAGMA query_only=ON")
            conn.execute("BEGIN")
            for request in group:
                try:
                    request.result = request.function(conn)
                except BaseException as error:  # noqa: BLE001  # the caller's, as above
                    # A read that wrote is a mistake in the program, not a file's mode.
                    wrote = isinstance(error, sqlite3.Error) and _code(error) == _READONLY
                    request.error = error if wrote else self._told(error)
                request.answered = True
        except sqlite3.Error as error:
            for request in group:
                request.error = self.unavailable(error)
                request.answered = True
        finally:
            self._roll_back(conn)
            conn.execute("PRAGMA query_only=OFF")

    def _run_alone(self, conn: sqlite3.Connection, request: Request) -> None:
        try:
            request.result = request.function(conn)
        except BaseException as error:  # noqa: BLE001  # the caller's, as above
            request.error = self._told(error)
        if conn.in_transaction:
            self._roll_back(conn)
            request.error = request.error or RuntimeError(
                "a function run alone left a transaction open; it was rolled back: "
                "commit inside the function, with execute('COMMIT')"
            )
        request.answered = True

    def _roll_back(self, conn: sqlite3.Connection) -> None:
        if conn.in_transaction:
            try:
                conn.execute("ROLLBACK")
            except sqlite3.Error:
                # Everyone concerned has been told already; the next group tries again
                # before it begins, and fails if the disk still does.
                return

    def _told(self, error: BaseException) -> BaseException:
        if isinstance(error, sqlite3.Error) and _code(error) in _OUTAGES:
            return self.unavailable(error)
        return error


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code; 0 for the sqlite3 module's own errors."""
    return getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE


def _lost(error: BaseException) -> sqlite3.Error:
    if isinstance(error, sqlite3.Error):
        return error
    return sqlite3.OperationalError(f"the transaction ended under a function that raised {error!r}")
