"""The people of a run: agencies that plan, staff that answer, evaluations that end.

People outlive their machines: whatever crashes, they come back and look at what is there.
"""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from federation.errors import OutOfTurn
from federation.protocol import booking
from node.domain.calendar import Window
from node.domain.codes import lot_code, project_code, region_code, specialty, uscc
from node.domain.project import (
    BookingRequest,
    ExpertSlots,
    Lot,
    Party,
    Project,
    ProjectKind,
    SelectionMode,
    SubRequirement,
)
from node.domain.tabular import SeatRow
from node.domain.venue import Requirement, SeatKind
from node.services.errors import UseCaseError
from node.services.house import Desk
from node.store import venues
from node.store.database import StoreUnavailable
from tests.simulation.acts import ACTS, SUB_ACTS, answer
from tests.simulation.center import SimCenter
from tests.simulation.lines import PowerCut
from tests.support.pair import DAY_MS, HOUR_MS, MINUTE_MS, NOON

T = TypeVar("T")

WINDOWS: Final = 2  # few windows, so that hosts want the same
FIRST_MS: Final = NOON + DAY_MS + 10 * MINUTE_MS
"""A day before it, ten minutes into the run, subs report whether they are ready."""
RECONSIDERS: Final = 4
RECONSIDER_SECONDS: Final = 45.0
REPLANS: Final = (0, 0, 2)
"""How often whoever planned in vain plans anew."""
REPLAN_SECONDS: Final = 5.0
TRIES: Final = 3
LATE_SECONDS: Final = (30.0, 200.0, 600.0)
"""How late who answers late answers: the agreed times are from 90 seconds to 6 minutes."""
EXPERTS: Final = {
    1: (4,), 2: (2, 2), 3: (2, 2, 2), 4: (2, 2, 1, 1), 5: (2, 2, 2, 1, 1), 6: (2, 2, 2, 2, 1, 1),
}  # fmt: skip
"""Experts of each sub: with one representative, an odd committee of at least five."""


class Stumble(Exception):
    """A use case fails for a reason of its own, after it has spoken."""


@dataclass(frozen=True, slots=True)
class Habits:
    """How the people of a run behave.

    Args:
        yes: How often staff says yes to a hold that it answers.
        never: How often it never answers.
        late: How often it answers late, perhaps too late.
        pause: Mean seconds between two looks.
        bundles: How many bundles each host plans.
        completes: How often a confirmed booking is completed.
        restless: How often whoever has booked asks for something else, up to four times.
        fickle: How often a sub cancels what it has confirmed, or gives other seats.
    """

    yes: float
    never: float
    late: float
    pause: float
    bundles: int
    completes: float
    restless: float
    fickle: float

    @classmethod
    def of(cls, source: random.Random) -> "Habits":
        """Choose."""
        return cls(
            source.choice((1.0, 1.0, 0.9, 0.6)),
            source.choice((0.0, 0.0, 0.1, 0.5)),
            source.choice((0.0, 0.0, 0.3, 0.6)),
            source.choice((3.0, 20.0, 60.0)),
            source.randint(1, 5),
            source.choice((0.0, 0.7, 1.0)),
            source.choice((0.0, 0.7, 1.0, 1.0)),
            source.choice((0.0, 0.3, 0.9)),
        )


def furnish(center: SimCenter, seats: int) -> None:
    """Give a center its seats, before it starts."""
    for number in range(seats):
        room = "一室" if number < seats // 2 else "二室"
        row = SeatRow(number + 1, "评标中心", room, f"{number + 1}号", SeatKind.WORKSTATION,
                      frozenset(), overnight=False)  # fmt: skip
        venues.put_seat(center.connection, row)


class People:
    """Everybody in one run."""

    def __init__(
        self, centers: Sequence[SimCenter], source: random.Random, habits: Habits, stumble: float
    ) -> None:
        self._centers = centers
        self._source = source
        self._habits = habits
        self._stumble = stumble
        self._ignored: set[tuple[bytes, str]] = set()
        self._not_before: dict[tuple[bytes, str], float] = {}
        self._over: set[bytes] = set()
        """Bundles whose evaluation may take place: nobody asks for anything else any more."""

    async def agency(self, host: SimCenter, subs: Sequence[SimCenter], seconds: float) -> None:
        """Plan bundles at a host, at some times of the run, each for itself."""
        times = [self._source.uniform(0, seconds * 0.8) for _ in range(self._habits.bundles)]
        async with asyncio.TaskGroup() as projects:
            for number, at in enumerate(times):
                chosen = self._source.sample(
                    list(subs), self._source.randint(1, min(len(subs), len(EXPERTS)))
                )
                projects.create_task(self._project(host, chosen, subs, str(number), at))

    async def _project(
        self,
        host: SimCenter,
        chosen: Sequence[SimCenter],
        subs: Sequence[SimCenter],
        name: str,
        at: float,
    ) -> None:
        """Plan one project; in vain, plan anew at once; booked, think again."""
        await _rest(at)
        for again in range(self._source.choice(REPLANS) + 1):
            bundle = await self._plan(host, self._wish(host, chosen, f"{name}-{again}"))
            if bundle is None:
                return
            while (decision := _decision(host, bundle)) is None:
                await _rest(REPLAN_SECONDS)
            if decision == "CONFIRM":
                await self._reconsider(host, bundle, subs)
                return

    async def _plan(self, host: SimCenter, wish: tuple[Project, BookingRequest]) -> bytes | None:
        """Ask for what is wished; answers the bundle, None if the host itself would not."""
        project, request = wish
        stumbles = self._source.random() < self._stumble

        def plan(desk: Desk) -> bytes:
            entered = host.projects.create(desk, project, "agency")
            host.projects.submit(desk, entered, "agency")
            host.projects.accept(desk, entered, "staff")
            bundle = host.bookings.plan(desk, entered, request, "agency")
            if stumbles:
                raise Stumble
            return bundle

        for _ in range(TRIES):
            try:
                return await host.do(plan)
            except (PowerCut, StoreUnavailable):
                await _rest(30)
            except Stumble:
                host.oracle.suffered("stumble")
                host.oracle.reached("a use case failed after it had spoken")
                stumbles = False
            except UseCaseError:
                return None
        return None

    async def _reconsider(self, host: SimCenter, bundle: bytes, subs: Sequence[SimCenter]) -> None:
        """Ask for something else of what is booked."""
        (project,) = host.connection.execute(
            "SELECT project FROM bundle WHERE id = ?", (bundle,)
        ).fetchone()
        for _ in range(RECONSIDERS):
            if self._source.random() >= self._habits.restless:
                break
            await _rest(self._source.expovariate(1 / RECONSIDER_SECONDS))
            what, act = self._source.choice(ACTS)
            sub = self._source.choice(list(subs))
            window = self._window()
            try:
                await host.do(lambda desk: act(host, desk, project, window, sub))  # noqa: B023
            except (PowerCut, StoreUnavailable, UseCaseError):
                continue
            host.oracle.reached(f"a host asked {what}")
        await _rest(RECONSIDER_SECONDS)
        self._over.add(project)

    async def staff(self, center: SimCenter) -> None:
        """Look at what waits for an answer, for ever."""
        seen = -1
        while True:
            await _rest(self._source.expovariate(1 / self._habits.pause))
            if center.changes == seen:
                continue  # nothing has changed since nothing was left to do
            seen = center.changes
            try:
                waiting = await center.do(_waiting)
                busy = [await self._look(center, *row) for row in waiting]
            except (PowerCut, StoreUnavailable):
                seen = -1
                continue
            if any(busy):
                seen = -1

    async def _look(
        self, center: SimCenter, id_: bytes, role: str, phase: str, project: bytes
    ) -> bool:
        """Do what waits; answers whether it must be looked at again."""
        if (id_, phase) in self._ignored:
            return False
        try:
            if role == booking.HOST:
                return await self._look_as_host(center, id_, phase, project)
            return await self._look_as_sub(center, id_, phase)
        except (UseCaseError, OutOfTurn):
            return True  # it changed while the person was thinking

    async def _look_as_host(
        self, center: SimCenter, id_: bytes, phase: str, project: bytes
    ) -> bool:
        if phase not in booking.BOOKED:
            return False
        if project not in self._over:
            return True
        if self._source.random() < self._habits.completes:
            await center.do(lambda desk: center.bookings.complete(desk, id_, bytes(16)))
        else:
            self._ignored.add((id_, phase))
        return False

    async def _look_as_sub(self, center: SimCenter, id_: bytes, phase: str) -> bool:
        asked = phase in {booking.HELD, booking.CHANGING}
        if asked and self._puts_off(center, id_, phase):
            return True
        mood = self._source.random()
        if phase == booking.HELD:
            yes = mood < self._habits.yes
            await center.do(
                lambda desk: center.bookings.vote(desk, id_, yes=yes, reason="无席位", by="staff")
            )
        elif phase == booking.CHANGING:
            yes = mood < self._habits.yes
            await center.do(lambda desk: answer(center, desk, id_, yes=yes))
        elif phase == booking.CONFIRMED:
            if self._is_content(id_):
                return True
            self._ignored.add((id_, phase))
            if mood < self._habits.fickle:
                what, act = self._source.choice(SUB_ACTS)
                await center.do(lambda desk: act(center, desk, id_))
                center.oracle.reached(f"a sub {what}")
        return False

    def _is_content(self, id_: bytes) -> bool:
        """Whether a sub leaves what it has confirmed alone, for now."""
        now = asyncio.get_running_loop().time()
        drawn = now + self._source.expovariate(1 / RECONSIDER_SECONDS)
        return now < self._not_before.setdefault((id_, "content"), drawn)

    def _puts_off(self, center: SimCenter, id_: bytes, phase: str) -> bool:
        """Whether a person does not answer now: later, or never."""
        now = asyncio.get_running_loop().time()
        at = self._not_before.get((id_, phase))
        if at is None:
            mood, habits = self._source.random(), self._habits
            at = now
            if mood < habits.never:
                center.oracle.suffered("human_never")
                self._ignored.add((id_, phase))
                at = float("inf")
            elif mood < habits.never + habits.late:
                center.oracle.suffered("human_late")
                at = now + self._source.expovariate(1 / self._source.choice(LATE_SECONDS))
            self._not_before[id_, phase] = at
        return now < at

    def _window(self) -> Window:
        start_ms = FIRST_MS + self._source.randrange(WINDOWS) * HOUR_MS
        return Window(start_ms, start_ms + HOUR_MS)

    def _wish(
        self, host: SimCenter, subs: Sequence[SimCenter], number: str
    ) -> tuple[Project, BookingRequest]:
        window = self._window()
        project = Project(
            code=project_code(f"P{host.number}-{number}"),
            name="工程",
            tenderee=Party("招标人", uscc("12360800MB000000A3")),
            agency=None,
            kind=ProjectKind.WORKS,
            region=region_code("360800"),
            bid_deadline_ms=NOON + DAY_MS - HOUR_MS,
            evaluation=window,
            lots=(Lot(lot_code("L1"), "一标段"),),
        )
        request = BookingRequest(
            window=window,
            host_seats=1,
            representatives=1,
            host_slots=(),
            subs=tuple(
                SubRequirement(Requirement(count), (ExpertSlots(specialty("A08"), count),))
                for count in EXPERTS[len(subs)]
            ),
            mode=SelectionMode.CHOSEN,
            chosen=tuple(sub.id for sub in subs),
        )
        return project, request


def _decision(host: SimCenter, bundle: bytes) -> str | None:
    """What became of a bundle; a plan that a power cut took is as good as aborted."""
    row = host.connection.execute("SELECT decision FROM bundle WHERE id = ?", (bundle,)).fetchone()
    return "ABORT" if row is None else row[0]


def _waiting(desk: Desk) -> list[tuple[bytes, str, str, bytes]]:
    """(booking, role, phase, project) of what may wait for a person."""
    return desk.ledger.connection.execute(
        "SELECT b.conversation, b.role, c.phase, coalesce(b.project, x'') FROM booking b"
        " JOIN conversation c ON c.id = b.conversation"
        " WHERE c.phase IN ('HELD', 'CONFIRMED', 'CHANGING', 'CHANGE_PROMISED')"
        " ORDER BY b.conversation"
    ).fetchall()


async def _rest(seconds: float) -> None:
    await asyncio.sleep(seconds)  # noqa: TID251 (people wait on the run's clock)
