"""One simulated disk, and the node's transactions on it.

The database is a real one. A power cut leaves an image of it, from which the next incarnation
is built: every commit that was acknowledged is in it; of those that were not, the seed keeps
all or nothing, as a disk does. A slow disk commits what waits together, later, while clocks go
on. A full disk is a real SQLITE_FULL: the database may not grow.
"""

import asyncio
import random
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from typing_extensions import override

from federation.ports import Store
from node.store.database import StoreUnavailable
from node.store.ledger import LogTip, SqlLedger
from tests.simulation.lines import PowerCut
from tests.support import tables

if TYPE_CHECKING:
    from tests.simulation.center import SimCenter

T = TypeVar("T")

ALL_PAGES: Final = 1_073_741_823  # SQLite's own limit: a disk with room
MAX_GROUP: Final = 64  # as node.store.group_commit


class Disk:
    """A center's disk: what is on it outlives every incarnation.

    Args:
        source: Decides what a power cut keeps, and how long a slow commit takes.
    """

    def __init__(self, source: random.Random) -> None:
        self._source = source
        self._pages_left: int | None = None
        self.slow_seconds = 0.0
        self.connection = _opened(tables.image())

    def commit_seconds(self) -> float:
        """How long the next commit takes."""
        return self._source.expovariate(1 / self.slow_seconds) if self.slow_seconds else 0.0

    def keeps(self, chance: float) -> bool:
        """Whether a power cut leaves what was not acknowledged."""
        return self._source.random() < chance

    def image(self) -> None:
        """Let the power come back: what is open now is all that there is."""
        assert not self.connection.in_transaction, "a power cut ends every transaction"
        image = self.connection.serialize()
        self.connection.close()
        self.connection = _opened(image)
        self.fill(self._pages_left)

    def fill(self, pages_left: int | None) -> None:
        """Leave so many pages of room; None is a disk with room again."""
        self._pages_left = pages_left
        most = ALL_PAGES
        if pages_left is not None:
            (count,) = self.connection.execute("PRAGMA page_count").fetchone()
            most = count + pages_left
        self.connection.execute(f"PRAGMA max_page_count={most:d}").fetchone()


@dataclass(slots=True, eq=False)
class Waiting:
    """A function that waits for the slow disk."""

    function: Callable[[SqlLedger], Any]
    answer: "asyncio.Future[Any]"
    result: Any = None
    error: BaseException | None = None


class SimStore(Store[SqlLedger]):
    """One incarnation's transactions; each may be the one in which the power fails."""

    def __init__(self, center: "SimCenter", loop: asyncio.AbstractEventLoop) -> None:
        self._center = center
        self._loop = loop
        self._incarnation = center.incarnation
        self._tip = LogTip()
        self._waiting: list[Waiting] = []
        self._writing: list[Waiting] = []
        self._writer: asyncio.Task[None] | None = None
        self._begun = 0

    @override
    async def transact(self, function: Callable[[SqlLedger], T]) -> T:
        center = self._center
        center.must_be(self._incarnation)
        center.maybe_crash("crashed before a transaction")
        if center.disk.slow_seconds or self._writer is not None:
            return await self._slowly(function)
        connection = center.disk.connection
        before = connection.total_changes
        self._begin(connection)
        try:
            result = function(SqlLedger(connection, self._tip))
        except BaseException as error:
            told = self._told(error)
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise told from error
        if connection.total_changes != before:
            center.maybe_crash("crashed before the commit")
        self.commit(connection)
        if connection.total_changes != before:
            center.maybe_crash("crashed between the commit and the answer")
        return result

    def commit(self, connection: sqlite3.Connection) -> None:
        """Make it durable before anybody learns of it."""
        connection.execute("COMMIT")
        self._center.committed()

    def power_cut(self) -> None:
        """The power is gone: nobody gets an answer any more."""
        if self._writer is not None:
            self._writer.cancel()
        for waiting in (*self._writing, *self._waiting):
            if not waiting.answer.done():
                waiting.answer.set_exception(PowerCut(self._center.name))
                waiting.answer.exception()  # whoever waited may have been cancelled

    def has_written(self) -> bool:
        """Whether the open transaction has changed anything."""
        return self._center.disk.connection.total_changes != self._begun

    def _begin(self, connection: sqlite3.Connection) -> None:
        self._center.staged.clear()
        self._begun = connection.total_changes
        connection.execute("BEGIN IMMEDIATE")

    def _told(self, error: BaseException) -> BaseException:
        """What the caller is told, as the node's database tells it."""
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            self._center.oracle.suffered("full_disk")
            return StoreUnavailable("the disk is full")
        return error

    # A slow disk: as node.store.group_commit, what waits is committed together

    async def _slowly(self, function: Callable[[SqlLedger], T]) -> T:
        waiting = Waiting(function, self._loop.create_future())
        self._waiting.append(waiting)
        if self._writer is None:
            self._writer = self._loop.create_task(self._write())
        result: T = await waiting.answer
        return result

    async def _write(self) -> None:
        try:
            while self._waiting:
                group = self._writing = self._waiting[:MAX_GROUP]
                del self._waiting[:MAX_GROUP]
                changed = self._run(group)
                if changed and len(group) > 1:
                    self._center.oracle.reached("several transactions were one commit")
                await self._flush(changed=changed)
                for waiting in group:
                    _answer(waiting)
        except PowerCut:
            return
        self._writer = None

    def _run(self, group: list[Waiting]) -> bool:
        connection = self._center.disk.connection
        before = connection.total_changes
        self._begin(connection)
        for waiting in group:
            staged = len(self._center.staged)
            connection.execute("SAVEPOINT one")
            try:
                waiting.result = waiting.function(SqlLedger(connection, self._tip))
            except BaseException as error:  # noqa: BLE001 (the caller's)
                waiting.error = self._told(error)
                del self._center.staged[staged:]
                if not connection.in_transaction:  # a full disk may end it for all
                    self._start_again(group)
                    return False
                connection.execute("ROLLBACK TO one")
            connection.execute("RELEASE one")
        return connection.total_changes != before

    def _start_again(self, group: list[Waiting]) -> None:
        for waiting in group:
            waiting.error = waiting.error or StoreUnavailable("lost with its neighbours")
        self._begin(self._center.disk.connection)

    async def _flush(self, *, changed: bool) -> None:
        center = self._center
        connection = center.disk.connection
        if changed:
            center.oracle.suffered("slow_disk")
            seconds = center.disk.commit_seconds()
            center.woke(self._loop.time() + seconds)  # it sees and does nothing before
            await asyncio.sleep(seconds)  # noqa: TID251 (the run's clock)
            center.maybe_crash("crashed before the commit")
        self.commit(connection)
        if changed:
            center.maybe_crash("crashed between the commit and the answer")


def _answer(waiting: Waiting) -> None:
    if waiting.answer.done():
        return  # whoever waited was cancelled; it was committed all the same
    if waiting.error is None:
        waiting.answer.set_result(waiting.result)
    else:
        waiting.answer.set_exception(waiting.error)


def _opened(image: bytes) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.deserialize(image)
    connection.execute("PRAGMA foreign_keys=ON")
    return connection
