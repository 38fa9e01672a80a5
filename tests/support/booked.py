"""A project that is booked with one sub or two, and what people do with it afterwards."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from federation.ids import ConversationId
from federation.protocol.booking import Decision
from node.domain.calendar import Window
from node.services.afterwards import Afterwards, Outward
from node.services.house import Desk
from node.store import bookings, changes, todos, venues
from node.store.bookings import BookingRow
from node.store.bundles import BundleRow
from node.store.changes import ChangeRow, LegChange
from tests.support.federation import Federation, federation
from tests.support.pair import HOUR_MS, MINUTE_MS, Center
from tests.support.planning import (
    AGENCY,
    STAFF,
    WINDOW,
    Office,
    Offices,
    accepted,
    request,
    seat_rows,
)

LATER = Window(WINDOW.start_ms + 24 * HOUR_MS, WINDOW.end_ms + 24 * HOUR_MS)


class Booked:
    """A host and its subs with one booked project."""

    def __init__(self, them: Federation, offices: "Named", project: bytes) -> None:
        self.them = them
        self.offices = offices
        self.project = project

    @property
    def host(self) -> Center:
        return self.them.host

    @property
    def subs(self) -> tuple[Center, ...]:
        return self.them.subs

    def after(self, center: Center) -> Afterwards:
        return self.offices.at(center).bookings.after

    async def legs(self) -> list[BookingRow]:
        """Of the project, in the order of the subs; those of one sub by age."""
        found = await self.host.do(
            lambda desk: bookings.of_project(desk.ledger.connection, self.project)
        )
        order = [sub.id for sub in self.subs]
        return sorted(found, key=lambda leg: (order.index(leg.peer), leg.conversation))

    async def leg(self, sub: Center) -> BookingRow:
        """The host's last row of a sub."""
        return [leg for leg in await self.legs() if leg.peer == sub.id][-1]

    async def at(self, center: Center, booking_id: bytes) -> BookingRow:
        return await center.do(lambda desk: self.offices.at(center).bookings.get(desk, booking_id))

    async def phases(self) -> list[tuple[str, str]]:
        """(host's, sub's) of every leg."""
        found: list[tuple[str, str]] = []
        for leg in await self.legs():
            (sub,) = [sub for sub in self.subs if sub.id == leg.peer]
            found.append((leg.phase, await sub.phase(leg.conversation) or ""))
        return found

    async def windows(self) -> set[tuple[int, int]]:
        """The windows that count, at host and subs, of the legs that stand."""
        found = set()
        for leg in await self.legs():
            (sub,) = [sub for sub in self.subs if sub.id == leg.peer]
            there = await self.at(sub, leg.conversation)
            found |= {(row.start_ms, row.end_ms) for row in (leg, there)}
        return found

    async def bundle(self) -> BundleRow:
        """The project's first bundle."""
        return (
            await self.host.do(
                lambda desk: self.offices.at(self.host).bookings.bundles_of(desk, self.project)
            )
        )[0]

    async def change(self) -> ChangeRow:
        """The project's last change."""
        return (
            await self.host.do(
                lambda desk: self.after(self.host).changing.of_project(desk, self.project)
            )
        )[-1]

    async def asked(self, center: Center, booking_id: bytes) -> LegChange:
        """What was last asked of a leg, as a center knows it."""
        return (await center.do(lambda desk: changes.of_leg(desk.ledger.connection, booking_id)))[
            -1
        ]

    async def move(self, window: Window = LATER, reason: str = "投标人异议") -> bytes:
        return await self.host.do(
            lambda desk: self.after(self.host).changing.move(
                desk, self.project, window, reason, AGENCY
            )
        )

    async def extend(self, end_ms: int, *, by_law: bool = False) -> bytes:
        return await self.host.do(
            lambda desk: self.after(self.host).changing.extend(
                desk, self.project, end_ms, "评审时间不足", by_law=by_law, by=AGENCY
            )
        )

    async def consent(self, sub: Center, *, yes: bool, reason: str = "", **more: Any) -> None:
        leg = await self.leg(sub)
        await sub.do(
            lambda desk: self.after(sub).consenting.answer(
                desk, leg.conversation, yes=yes, reason=reason, by=STAFF, **more
            )
        )

    async def cancel(self, center: Center, booking_id: bytes, reason: str = "设备故障") -> None:
        await center.do(
            lambda desk: self.after(center).cancelling.cancel(desk, booking_id, reason, STAFF)
        )

    async def replace(self, leg: BookingRow, sub: Center) -> bytes:
        return await self.host.do(
            lambda desk: self.after(self.host).replacing.substitute(
                desk, leg.conversation, sub.id, STAFF
            )
        )

    async def seats(self, center: Center, holder: bytes) -> int:
        return len(await center.do(lambda desk: venues.held(desk.ledger.connection, holder)))

    async def slots(self, center: Center, holder: bytes) -> int:
        ((count,),) = await center.sql("SELECT count(*) FROM seat_slot WHERE holder = ?", holder)
        return int(count)

    async def todos(self, center: Center, role: str = "staff") -> set[str]:
        found = await center.do(lambda desk: todos.open_for(desk.ledger.connection, role))
        return {todo.kind for todo in found}

    async def settled(self) -> Decision | None:
        return (await self.change()).change.decision


class Named(Offices):
    """Offices by center."""

    def at(self, center: Center) -> Office:
        return self._by_name[center.name]


@asynccontextmanager
async def booked(
    subs: int = 2,
    *,
    spare: int = 0,
    seats: int = 8,
    outward: Callable[[Center], Outward] | None = None,
    **terms: Any,
) -> AsyncIterator[Booked]:
    """A project booked with some subs; ``spare`` ones are partners and take no part."""
    offices = Named(outward=outward)
    async with federation(offices, subs=subs + spare) as them:
        await them.agree(**terms)
        for center in them.centers:

            def bring(desk: Desk, center: Center = center) -> None:
                offices.at(center).venues.import_seats(desk, seat_rows(seats))

            await center.do(bring)
        project = await accepted(offices)
        here = Booked(them, offices, project)
        await plan(here, subs)
        yield here


async def plan(here: Booked, subs: int, window: Window = WINDOW) -> None:
    """Plan a project with the first subs, who all say yes."""
    chosen = [sub.id for sub in here.subs[:subs]]
    wanted = request(*chosen, window=window)
    await here.host.do(
        lambda desk: here.offices.at(here.host).bookings.plan(desk, here.project, wanted, AGENCY)
    )
    await here.them.settle()
    for sub in here.subs[:subs]:
        leg = await here.leg(sub)
        await yes(here, sub, leg.conversation)
    await here.them.settle()


async def yes(here: Booked, sub: Center, booking_id: ConversationId) -> None:
    """A sub's staff answers a Hold."""
    await sub.do(
        lambda desk: here.offices.at(sub).bookings.vote(
            desk, booking_id, yes=True, reason="", by=STAFF
        )
    )


__all__ = ["HOUR_MS", "LATER", "MINUTE_MS", "WINDOW", "Booked", "booked", "plan", "yes"]
