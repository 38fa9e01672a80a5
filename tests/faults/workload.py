"""What two nodes do while their disks are watched: the node's own work, from a seed.

Two whole nodes (``tests.support.pair``) in one process: real engine, services, SQL, keys and
signatures, on databases that are opened through the bridge. They import seats and experts,
plan bookings that fit and that do not, vote yes and no or not at all, lose requests and
replies, let holds and promises lapse, abort, and close bundles; people's requests come alone
and in crowds that group commit writes together. Everything is recorded from the creation of
the file to its orderly end.
"""

import asyncio
import random
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from federation.protocol import booking
from node.domain.calendar import Window
from node.services.errors import UseCaseError
from node.services.house import Desk
from node.store.database import Database
from tests.faults.bridge import Recorder
from tests.faults.disk import Op, RecordingDisk
from tests.support.pair import HOUR_MS, MINUTE_MS, TwoCenters, two_centers
from tests.support.planning import (
    AGENCY,
    TOMORROW_NINE,
    Offices,
    accepted,
    project,
    register,
    request,
    seat_rows,
    vote,
)

STEPS: Final = 20  # one record: some 400 commits and 4,000 acts of both nodes
WINDOWS: Final = 5  # so few that requests get in each other's way
HOST_SEATS: Final = 6
SUB_SEATS: Final = 12  # two bookings of five in one window, the third is refused
EXPERTS: Final = 12
SUITES: Final = (("intl-1",), ("gm-1",))
CHECKPOINTS: Final = (24, 60, None)
"""Pages after which the WAL is written back, by the record's number; None is the store's own."""


@dataclass(frozen=True)
class Record:
    """What one node's disk saw.

    Attributes:
        ops: The acts, from the creation of the file to its closing.
        states: The SHA-256 of the database after each of its commits.
    """

    ops: list[Op]
    states: list[str]


@dataclass(frozen=True)
class Turned:
    """What is made worse on purpose, to see that it is found."""

    synchronous: str | None = None
    keeps_syncs: bool = True
    splits_before: str | None = None


AS_SHIPPED: Final = Turned()


def record(seed: int, number: int, turned: Turned = AS_SHIPPED) -> dict[str, Record]:
    """Run one workload; answers both nodes' records. The same arguments, the same acts."""
    with TemporaryDirectory(prefix="lianping-disk-") as folder:
        return asyncio.run(_record(Path(folder), seed, number, turned))


async def _record(folder: Path, seed: int, number: int, turned: Turned) -> dict[str, Record]:
    recorders: dict[str, Recorder] = {}

    async def opened(path: Path | str) -> Database:
        name = Path(path).stem
        recorders[name] = recorder = Recorder(
            RecordingDisk(f"disk-{seed}-{number}-{name}", keeps_syncs=turned.keeps_syncs),
            autocheckpoint=CHECKPOINTS[number % len(CHECKPOINTS)],
            synchronous=turned.synchronous,
            splits_before=turned.splits_before,
        )
        return await Database.open(path, connection=recorder.connect)

    offices = Offices()
    suites = SUITES[number % len(SUITES)]
    async with two_centers(
        offices, folder=folder, seed=f"{seed}/{number}", suites=suites, opened=opened
    ) as pair:
        await Work(pair, offices, random.Random(f"{seed}/{number}")).run(STEPS)
    return {name: Record(made.disk.ops, made.states) for name, made in recorders.items()}


class Work:
    """The people at both centers, and the weather between them."""

    def __init__(self, pair: TwoCenters, offices: Offices, dice: random.Random) -> None:
        self._pair = pair
        self._offices = offices
        self._dice = dice
        self._projects = 0

    async def run(self, steps: int) -> None:
        """Furnish both centers, then let people do as the dice say."""
        await self._pair.agree(max_open_bookings=100)
        for office, seats in ((self._offices.host, HOST_SEATS), (self._offices.sub, SUB_SEATS)):
            await office.center.do(partial(office.venues.import_seats, rows=seat_rows(seats)))
            await office.center.do(partial(office.experts.import_experts, rows=register(EXPERTS)))
        deeds = (self._plan, self._plan, self._vote, self._vote, self._crowd, self._storm,
                 self._pass_time, self._complete)  # fmt: skip
        for _ in range(steps):
            await self._dice.choice(deeds)()
            await self._pair.settle()

    async def _new_project(self) -> tuple[bytes, Window]:
        self._projects += 1
        start = TOMORROW_NINE + self._dice.randrange(WINDOWS) * 4 * HOUR_MS
        window = Window(start, start + 3 * HOUR_MS)
        project_id = await accepted(
            self._offices,
            code=project().code[:-4] + f"{self._projects:04}",
            bid_deadline_ms=start - HOUR_MS,
            evaluation=window,
        )
        return project_id, window

    def _planned(self, project_id: bytes, window: Window) -> Callable[[Desk], bytes]:
        wanted = request(self._pair.sub.id, window=window)
        return lambda desk: self._offices.host.bookings.plan(desk, project_id, wanted, AGENCY)

    async def _plan(self) -> None:
        project_id, window = await self._new_project()
        with suppress(UseCaseError):
            await self._offices.host.center.do(self._planned(project_id, window))

    async def _held(self) -> list[bytes]:
        rows = await self._offices.sub.center.do(self._offices.sub.bookings.all)
        return [row.conversation for row in rows if row.phase == booking.HELD]

    async def _vote(self) -> None:
        for leg in (await self._held())[:1]:
            yes = self._dice.random() < 0.8
            await vote(self._offices, leg, yes=yes, reason="" if yes else "席位检修")

    async def _crowd(self) -> None:
        """Many want something in the same moment, some of it twice."""
        plans = [self._planned(*await self._new_project()) for _ in range(3)]
        await _together(self._offices.host.center.database, [
            partial(self._offices.host.center.do, plan) for plan in [*plans, plans[0]]
        ])  # fmt: skip
        await self._pair.settle()
        await _together(self._offices.sub.center.database, [
            partial(vote, self._offices, leg, yes=at % 3 != 2, reason="席位检修")
            for at, leg in enumerate([*await self._held(), *await self._held()])
        ])  # fmt: skip

    async def _storm(self) -> None:
        """People go on while nothing, or no answer, gets through."""
        wire = self._pair.wire
        if self._dice.random() < 0.5:
            wire.requests_lost = True
        else:
            wire.replies_lost = True
        await self._plan()
        await self._vote()
        await self._pair.settle()
        self._pair.restore()

    async def _pass_time(self) -> None:
        self._pair.watch.pass_ms(self._dice.choice((5, 31, 90)) * MINUTE_MS)

    async def _complete(self) -> None:
        host = self._offices.host
        rows = await host.center.do(host.bookings.all)
        for row in [row for row in rows if row.phase == booking.CONFIRMED][:1]:
            ended = partial(
                host.bookings.complete,
                booking_id=row.conversation,
                session_id=self._dice.randbytes(16),
            )
            await host.center.do(ended)


async def _together(database: Database, deeds: list[Callable[[], Any]]) -> None:
    """Let all of them wait before the first is run, so that they make one group."""
    if not deeds:
        return
    gate = threading.Event()

    async def open_gate() -> None:
        gate.set()

    done = await asyncio.gather(
        database.alone(lambda _connection: gate.wait()),
        *(deed() for deed in deeds),
        open_gate(),
        return_exceptions=True,
    )
    for outcome in done:
        if isinstance(outcome, BaseException) and not isinstance(outcome, UseCaseError):
            raise outcome
