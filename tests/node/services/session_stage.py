"""A booked evaluation on two nodes, ready to be convened.

Projects, representatives, experts, seats and bookings are real; the lists of the draws are
given by the test, as the sealed draws would have them.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from adapters.video.stand_in import FolderVideo
from federation.ids import AgreementId, CenterId
from federation.protocol.agreement import AgreementTerms
from federation.protocol.conversation import Kind
from federation.protocol.draw import Response
from node.domain.calendar import Window
from node.domain.codes import LotCode, ProjectCode, RegionCode, ResidentId, Specialty, Uscc
from node.domain.expert import Expert, ExpertStatus
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
from node.services.bookings import Bookings
from node.services.house import Desk
from node.services.projects import Projects
from node.services.session_archive import SessionArchive
from node.services.session_view import Departed
from node.services.sessions import Sessions
from node.services.venues import Venues
from node.store import experts, todos, workdays
from node.store.sessions import Member
from tests.support.pair import (
    DAY_MS,
    HOUR_MS,
    NOON,
    Center,
    Furniture,
    TwoCenters,
    two_centers,
)

START_MS = NOON + DAY_MS
END_MS = START_MS + 8 * HOUR_MS
SPECIALTY = Specialty("A08")
REPRESENTATIVES = (("王代表", "11010519491231002X"), ("李代表", "440524188001010014"))
EXPERT_ID = ResidentId("360821198503121236")
HOLIDAY = date(2026, 5, 8)  # a Friday; makes the five working days differ from a week
LOT_CODE = "E3608213601004627001001"
PROJECT_NAME = "吉安县污水处理厂扩建"


@dataclass(frozen=True)
class Drawn:
    """One line of a list."""

    draw: bytes
    owner: CenterId
    entry: bytes
    uid: str | None


@dataclass
class Lists:
    """The draws as one center sees them: what ``Draws`` answers, and what was asked of it."""

    drawn: list[Drawn] = field(default_factory=list)
    is_sealed: bool = True
    closed: list[bytes] = field(default_factory=list)
    left: dict[bytes, Response] = field(default_factory=dict)

    def members(self, _desk: Desk, _booking: bytes) -> list[Drawn]:
        return list(self.drawn)

    def sealed(self, _desk: Desk, _booking: bytes) -> bool:
        return self.is_sealed

    def standing(self, _desk: Desk, _booking: bytes) -> tuple[bytes, ...]:
        return tuple(sorted({one.draw for one in self.drawn}))

    def gone(self, _desk: Desk, _booking: bytes) -> dict[bytes, Response]:
        return dict(self.left)

    def depart(
        self, _desk: Desk, _draw: bytes, entry: bytes, response: Response, _why: str, _by: str
    ) -> None:
        self.left[entry] = response

    def departed(self, _desk: Desk, _booking: bytes) -> list[Departed]:
        return [Departed(code, how, "", "s", 0, reported=True) for code, how in self.left.items()]

    def listed(self, _desk: Desk, uid: str) -> list[tuple[bytes, bytes, bytes]]:
        return [(bytes(16), one.draw, one.entry) for one in self.drawn if one.uid == uid]

    def close_all(self, _desk: Desk, booking: bytes) -> None:
        self.closed.append(booking)


@dataclass
class Side:
    """One center with what the test talks to."""

    center: Center
    lists: Lists
    sessions: Sessions
    bookings: Bookings
    projects: Projects

    async def members(self, session: bytes) -> list[Member]:
        return await self.center.do(lambda desk: self.sessions.members(desk, session))

    async def own(self, session: bytes) -> list[Member]:
        return [one for one in await self.members(session) if one.site == self.center.id]

    async def todos(self) -> set[str]:
        """Kinds of the open to-dos that sessions leave for staff."""
        found = await self.center.do(lambda desk: todos.open_for(desk.ledger.connection, "staff"))
        return {one.kind for one in found if one.kind.startswith("session_")}

    async def phase(self, session: bytes) -> str | None:
        return await self.center.phase(session)


@dataclass
class Stage:
    """Both sides, one project, one confirmed booking."""

    pair: TwoCenters
    host: Side
    sub: Side
    project: bytes = b""
    booking: bytes = b""
    session: bytes = b""

    @property
    def sides(self) -> tuple[Side, Side]:
        return self.host, self.sub

    async def phases(self) -> set[str | None]:
        return {await side.phase(self.session) for side in self.sides}

    async def convene(self) -> bytes:
        (self.session,) = await self.host.center.do(
            lambda desk: self.host.sessions.convene(desk, self.project, "staff-1")
        )
        await self.pair.settle()
        return self.session

    async def act(self, side: Side, use_case: Callable[[Sessions, Desk, bytes], object]) -> None:
        """Run a use case of sessions on one side, then let both settle."""
        await side.center.do(lambda desk: use_case(side.sessions, desk, self.session))
        await self.pair.settle()

    async def check_in(self, side: Side) -> None:
        for one in await side.own(self.session):
            await self.act(
                side,
                lambda service, desk, session, one=one: service.check_in(  # type: ignore[misc]
                    desk, session, one.code, desk.now_ms
                ),
            )

    async def everybody_in(self) -> None:
        """Convened, at the time of the start, all checked in, the sub ready."""
        await self.convene()
        self.pair.watch.now_ms = START_MS
        for side in self.sides:
            await self.check_in(side)
        await self.act(self.sub, lambda service, desk, sid: service.ready(desk, sid, "staff-2"))

    async def started(self) -> None:
        await self.everybody_in()
        await self.act(self.host, lambda service, desk, sid: service.start(desk, sid, "staff-1"))

    async def vote(self, choose: Callable[[Member], bytes]) -> None:
        for side in self.sides:
            for one in await side.own(self.session):
                await self.act(
                    side,
                    lambda service, desk, sid, one=one: service.ballot(  # type: ignore[misc]
                        desk, sid, one.code, choose(one)
                    ),
                )

    async def chaired(self) -> bytes:
        """Everybody votes for the sub's first expert; answers the chair."""
        await self.started()
        chair = (await self.sub.own(self.session))[0].code
        await self.vote(lambda _one: chair)
        await self.act(self.host, lambda service, desk, sid: service.elect(desk, sid, "staff-1"))
        return chair

    async def presented(self, report: bytes = b"%PDF report") -> None:
        await self.chaired()
        await self.act(
            self.host, lambda service, desk, sid: service.present(desk, sid, report, "staff-1")
        )

    async def sign(self, side: Side) -> None:
        for one in await side.own(self.session):
            await self.act(
                side,
                lambda service, desk, sid, one=one: service.sign(  # type: ignore[misc]
                    desk, sid, one.code, b"signature of " + one.code
                ),
            )

    async def finished(self) -> None:
        await self.presented()
        for side in self.sides:
            await self.sign(side)
        await self.act(self.host, lambda service, desk, sid: service.finish(desk, sid, "staff-1"))


def in_force(desk: Desk, peer: CenterId, /) -> tuple[AgreementId, AgreementTerms]:
    ((agreement,),) = desk.ledger.connection.execute(
        "SELECT id FROM agreement WHERE peer = ?", (peer,)
    ).fetchall()
    terms = desk.ledger.agreement(AgreementId(agreement))
    assert terms is not None
    return AgreementId(agreement), terms


def tested(
    _desk: Desk, _peer: CenterId, _agreement: AgreementId, _terms: AgreementTerms, /
) -> bool:
    return True


def project() -> Project:
    return Project(
        code=ProjectCode("E3608213601004627"),
        name=PROJECT_NAME,
        tenderee=Party("吉安县住建局", Uscc("91110108551385082Q")),
        agency=None,
        kind=ProjectKind.WORKS,
        region=RegionCode("360821"),
        bid_deadline_ms=START_MS - HOUR_MS,
        evaluation=Window(START_MS, END_MS),
        lots=(Lot(LotCode(LOT_CODE), "一标段"),),
    )


def expert(uid: str) -> Expert:
    return Expert(
        uid=uid,
        name="张专家",
        id_number=EXPERT_ID,
        phone="13800138000",
        employer="某设计院",
        employer_uscc=Uscc("91350100M000100Y43"),
        specialties=(SPECIALTY,),
        status=ExpertStatus.ACTIVE,
    )


@asynccontextmanager
async def booked_stage(
    folder: Path, *, host_experts: int = 2, sub_experts: int = 3, **terms: Any
) -> AsyncIterator[Stage]:
    """Two representatives, and experts at both sites; the booking is confirmed.

    ``terms`` are changes of the agreement.
    """
    sides: list[Side] = []

    def furnish(center: Center) -> Furniture:
        lists, projects = Lists(), Projects(center.cipher)
        bookings = Bookings(venues=Venues(), in_force=in_force, tested=tested)
        archive = SessionArchive(
            video=FolderVideo(folder=folder / center.name),
            cipher=center.cipher,
            bookings=bookings,
        )
        service = Sessions(draws=lists, archive=archive, cipher=center.cipher)
        sides.append(Side(center, lists, service, bookings, projects))
        return Furniture(
            reactions={Kind.BOOKING: bookings, Kind.SESSION: service},
            handlers={**bookings.handlers(), **service.handlers()},
        )

    async with two_centers(furnish) as pair:
        stage = Stage(pair, sides[0], sides[1])
        await pair.agree(**terms)
        for side in stage.sides:
            await side.center.do(
                lambda desk: workdays.set_own(desk.ledger.connection, {HOLIDAY}, (), desk.now_ms)
            )
        await _book(stage, host_experts, sub_experts)
        _draw(stage, host_experts, sub_experts)
        await stage.sub.center.do(
            lambda desk: experts.put(
                desk.ledger.connection,
                stage.sub.center.cipher,
                expert("sub-0"),
                desk.now_ms,
            )
        )
        yield stage


async def _book(stage: Stage, host_experts: int, sub_experts: int) -> None:
    host, sub = stage.host, stage.sub
    seats = [
        SeatRow(at, "评标楼", "一室", f"座{at}", SeatKind.WORKSTATION, frozenset(), False)
        for at in range(1, 11)
    ]
    for side in stage.sides:
        await side.center.do(lambda desk: Venues().import_seats(desk, seats))

    def enter(desk: Desk) -> bytes:
        found = host.projects.create(desk, project(), "agency-1")
        host.projects.add_representatives(desk, found, REPRESENTATIVES)
        host.projects.submit(desk, found, "agency-1")
        host.projects.accept(desk, found, "staff-1")
        host.bookings.plan(
            desk,
            found,
            BookingRequest(
                window=Window(START_MS, END_MS),
                host_seats=2 + host_experts,
                representatives=2,
                host_slots=(ExpertSlots(SPECIALTY, host_experts),) if host_experts else (),
                subs=(
                    SubRequirement(
                        Requirement(sub_experts), (ExpertSlots(SPECIALTY, sub_experts),)
                    ),
                ),
                mode=SelectionMode.CHOSEN,
                chosen=(sub.center.id,),
            ),
            "agency-1",
        )
        return found

    stage.project = await host.center.do(enter)
    await stage.pair.settle()
    ((stage.booking,),) = await sub.center.sql("SELECT conversation FROM booking")
    await sub.center.do(
        lambda desk: sub.bookings.vote(desk, stage.booking, yes=True, reason="", by="staff-2")
    )
    await stage.pair.settle()
    assert await sub.phase(stage.booking) == "CONFIRMED"


def _draw(stage: Stage, host_experts: int, sub_experts: int) -> None:
    """What two sealed draws have left on both sides: each knows only its own people."""
    for side, experts_of_it, mark in ((stage.host, host_experts, 1), (stage.sub, sub_experts, 2)):
        for at in range(experts_of_it):
            draw, entry = bytes([mark]) * 16, bytes([mark, at]) * 16
            for reader in stage.sides:
                uid = f"{side.center.name}-{at}" if reader is side else None
                reader.lists.drawn.append(Drawn(draw, side.center.id, entry, uid))
