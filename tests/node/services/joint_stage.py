"""A host and two subs of other provinces with all their services, through a whole evaluation.

Nine members as 济阳, 宿州 and 南阳 had: two representatives and two experts at the host, three
experts of the first sub and two of the second. Every method brings the evaluation one step on.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from adapters.messaging.port import Answer
from adapters.video.stand_in import FolderVideo
from federation.protocol.conversation import Kind
from federation.protocol.session import ArchiveItem
from node.domain import codes
from node.domain.project import BookingRequest, ExpertSlots, SelectionMode, SubRequirement
from node.domain.venue import Requirement
from node.services.agreements import Agreements
from node.services.dossiers import Dossiers
from node.services.draws import Draws
from node.services.house import Desk
from node.services.inviting import Place
from node.services.pool_announcements import PoolAnnouncements
from node.services.session_archive import SessionArchive
from node.services.sessions import Sessions
from node.store import todos
from node.store.bookings import BookingRow
from node.store.sessions import Member
from tests.node.services.test_draws import OWN_WINDOW, Announcing, Board, Exchange, Telephones
from tests.support import planning
from tests.support.federation import Federation, federation
from tests.support.pair import Center, Furniture

STAFF = "staff-1"
NEEDS = ((2, 1), (1, 1))
"""By sub, how many experts of each specialty."""
SPECIALTIES = ("A0803", "A0801")
MEMBERS = 9
REPORT = b"%PDF report"
ITEMS = (ArchiveItem("评标区录像", bytes(32), 5, "15y"),)


@dataclass
class Seat:
    """One center with what the test talks to."""

    center: Center
    board: Board
    sessions: Sessions
    session: bytes = b""
    """Of a sub: its session with the host."""

    @property
    def draws(self) -> Draws:
        return self.board.draws

    @property
    def phones(self) -> Telephones:
        return self.board.phones

    async def todos(self) -> set[str]:
        """Kinds of the open to-dos that sessions leave for staff."""
        found = await self.center.do(lambda desk: todos.open_for(desk.ledger.connection, "staff"))
        return {one.kind for one in found if one.kind.startswith("session_")}


@dataclass
class JointStage:
    """Everything, and one project."""

    folder: Path
    offices: planning.Offices = field(default_factory=planning.Offices)
    exchange: Exchange = field(default_factory=Exchange)
    seats: list[Seat] = field(default_factory=list)
    project: bytes = b""
    taking_part: list[int] = field(default_factory=lambda: [1, 2])
    """Which seats are those of the sub-venues; others are partners that may stand in."""
    them: Federation = field(init=False)

    # Who is there

    @property
    def host(self) -> Seat:
        return self.seats[0]

    @property
    def subs(self) -> list[Seat]:
        return [self.seats[at] for at in self.taking_part]

    @property
    def sites(self) -> list[Seat]:
        """The host, then the sub-venues."""
        return [self.host, *self.subs]

    @property
    def sealing(self) -> Seat:
        """The sub that seals the draw from the host's pool."""
        return min(self.subs, key=lambda seat: seat.center.id)

    @property
    def session(self) -> bytes:
        """One of the host's: what it does in it, it does in all."""
        return self.subs[0].session

    def furnish(self, center: Center) -> Furniture:
        furniture = self.offices(center)
        office = self.offices[center.name]
        phones = Telephones()
        agreements = Agreements(keyring=center.keyring)
        pools = PoolAnnouncements(cipher=center.cipher, agreements=agreements)
        draws = Draws(
            cipher=center.cipher,
            trading=self.exchange,
            messaging=phones,
            place=Place(center.name, "0531-0000000"),
            own_window=OWN_WINDOW,
        )
        archive = SessionArchive(
            video=FolderVideo(folder=self.folder / center.name),
            cipher=center.cipher,
            bookings=office.bookings,
        )
        service = Sessions(draws=draws, archive=archive, cipher=center.cipher)
        draws.tell(service.changed)
        self.seats.append(Seat(center, Board(center, draws, phones, pools, agreements), service))
        return replace(
            furniture,
            reactions={
                **furniture.reactions,
                Kind.DRAW: draws,
                Kind.PEERING: Announcing(pools),
                Kind.SESSION: service,
            },
            handlers={
                **furniture.handlers,
                **draws.errands.handlers(),
                **service.handlers(),
            },
        )

    # Step by step

    def request(self) -> BookingRequest:
        return BookingRequest(
            window=planning.WINDOW,
            host_seats=4,
            representatives=2,
            host_slots=(ExpertSlots(codes.specialty(SPECIALTIES[0]), 2),),
            subs=tuple(
                SubRequirement(
                    Requirement(sum(counts)),
                    tuple(
                        ExpertSlots(codes.specialty(name), count)
                        for name, count in zip(SPECIALTIES, counts, strict=True)
                    ),
                )
                for counts in NEEDS
            ),
            mode=SelectionMode.CHOSEN,
            chosen=tuple(seat.center.id for seat in self.subs),
        )

    async def held(self) -> None:
        """Seats, experts, pools, a project; every sub has heard its Hold."""
        for at, seat in enumerate(self.seats):
            seat.draws.errands.bind(seat.center.negotiator)
            office = self.offices[seat.center.name]
            people = planning.register(120, seed=at + 1, prefix=f"E{at}")

            def bring(desk: Desk, office=office, seat=seat, people=people) -> None:  # type: ignore[no-untyped-def]
                office.venues.import_seats(desk, planning.seat_rows(8))
                office.experts.import_experts(desk, people)
                seat.board.pools.announce(desk, "experts", "2026-05", 720)

            await seat.center.do(bring)
        await self.them.settle()
        self.project = await planning.accepted(self.offices)
        host = self.offices.host

        def plan(desk: Desk) -> None:
            people = [planning.person(1), planning.person(2)]
            host.projects.add_representatives(desk, self.project, people)
            host.bookings.plan(desk, self.project, self.request(), planning.AGENCY)

        await self.host.center.do(plan)
        await self.them.settle()

    async def legs(self) -> dict[str, BookingRow]:
        """The host's legs, by sub."""
        found = await self.host.center.do(
            lambda desk: self.offices.host.bookings.of_project(desk, self.project)
        )
        return {leg.peer: leg for leg in found}

    async def vote(self, seat: Seat) -> None:
        leg = (await self.legs())[seat.center.id]
        bookings = self.offices[seat.center.name].bookings
        await seat.center.do(
            lambda desk: bookings.vote(desk, leg.conversation, yes=True, reason="", by=STAFF)
        )
        await self.them.settle()

    async def booked(self) -> None:
        await self.held()
        for seat in self.subs:
            await self.vote(seat)

    async def drawn(self) -> None:
        await self.booked()
        await self.draw()

    async def draw(self) -> None:
        await self.host.center.do(
            lambda desk: planning.begin(self.host.draws, desk, self.project, planning.AGENCY)
        )
        await self.them.greet()

    async def convene(self, *, anew: bool = False) -> None:
        await self.host.center.do(
            lambda desk: self.host.sessions.convene(desk, self.project, STAFF, anew=anew)
        )
        await self.them.settle()
        rows = await self.host.center.do(
            lambda desk: self.host.sessions.of_project(desk, self.project)
        )
        for seat in self.subs:
            (seat.session,) = [
                row.id
                for row in rows
                if row.peer == seat.center.id and row.phase != "REFUSED" and not row.superseded
            ]

    async def act(self, seat: Seat, use_case: Callable[[Sessions, Desk, bytes], object]) -> None:
        """Run a use case of sessions on one side, then let all settle."""
        session = seat.session or self.session
        await seat.center.do(lambda desk: use_case(seat.sessions, desk, session))
        await self.them.settle()

    async def own(self, seat: Seat) -> list[Member]:
        session = seat.session or self.session
        found = await seat.center.do(lambda desk: seat.sessions.members(desk, session))
        return [one for one in found if one.site == seat.center.id]

    async def each(
        self, seat: Seat, use_case: Callable[[Sessions, Desk, bytes, Member], object]
    ) -> None:
        """The same for each member at a site."""
        for one in await self.own(seat):
            await self.act(
                seat,
                lambda service, desk, sid, one=one: use_case(service, desk, sid, one),  # type: ignore[misc]
            )

    async def check_in(self, seat: Seat) -> None:
        await self.each(
            seat, lambda service, desk, sid, one: service.check_in(desk, sid, one.code, desk.now_ms)
        )

    async def ready(self, seat: Seat) -> None:
        await self.act(seat, lambda service, desk, sid: service.ready(desk, sid, STAFF))

    async def all_in(self) -> None:
        """Convened, at the time of the start, everybody checked in."""
        await self.drawn()
        await self.convene()
        self.them.watch.now_ms = planning.WINDOW.start_ms
        for seat in self.sites:
            await self.check_in(seat)

    async def start(self) -> None:
        await self.act(self.host, lambda service, desk, sid: service.start(desk, sid, STAFF))

    async def started(self) -> None:
        await self.all_in()
        for seat in self.subs:
            await self.ready(seat)
        await self.start()

    async def vote_for(self, seat: Seat, chair: bytes) -> None:
        """All members at a site vote for one."""
        await self.each(
            seat, lambda service, desk, sid, one: service.ballot(desk, sid, one.code, chair)
        )

    async def elect(self) -> None:
        await self.act(self.host, lambda service, desk, sid: service.elect(desk, sid, STAFF))

    async def chaired(self) -> bytes:
        """Everybody votes for the first sub's first expert; answers the chair."""
        await self.started()
        chair = (await self.own(self.subs[0]))[0].code
        for seat in self.sites:
            await self.vote_for(seat, chair)
        await self.elect()
        return chair

    async def present(self) -> None:
        await self.act(
            self.host, lambda service, desk, sid: service.present(desk, sid, REPORT, STAFF)
        )

    async def sign(self, seat: Seat) -> None:
        await self.each(
            seat,
            lambda service, desk, sid, one: service.sign(desk, sid, one.code, b"by " + one.code),
        )

    async def finish(self) -> None:
        await self.act(self.host, lambda service, desk, sid: service.finish(desk, sid, STAFF))

    async def hand_over(self, seat: Seat) -> None:
        await self.act(seat, lambda service, desk, sid: service.hand_over(desk, sid, ITEMS, STAFF))
        await self.host.center.do(
            lambda desk: self.host.sessions.receive(desk, seat.session, STAFF)
        )
        await self.them.settle()

    async def archived(self) -> None:
        await self.chaired()
        await self.conclude()

    async def conclude(self) -> None:
        """From the chair's election to the archive."""
        await self.present()
        for seat in self.sites:
            await self.sign(seat)
        await self.finish()
        for seat in self.subs:
            await self.hand_over(seat)

    # Looking

    async def phases(self) -> list[str | None]:
        """Of each sub's session, at the sub."""
        return [await seat.center.phase(seat.session) for seat in self.subs]

    async def host_phases(self) -> list[str | None]:
        """Of each sub's session, at the host."""
        return [await self.host.center.phase(seat.session) for seat in self.subs]

    async def dossier(self, seat: Seat) -> bytes:
        """The dossier as a center makes it."""
        center = seat.center
        service = Dossiers(
            negotiator=center.negotiator,
            keyring=center.keyring,
            outbox=center.outbox,
            folder=self.folder / f"dossiers-{center.name}",
        )
        return (await service.make(seat.session or self.session)).read_bytes()


@asynccontextmanager
async def joint_stage(
    folder: Path, *, answers: Sequence[Sequence[Answer]] = (), seed: str = "1", **terms: Any
) -> AsyncIterator[JointStage]:
    """Host and two subs with agreements.

    Args:
        folder: For rooms and dossiers.
        answers: What the first people called say, by center.
        seed: Of all keys.
        terms: Changes of the agreements.
    """
    stage = JointStage(folder)
    async with staged(stage, answers=answers, seed=seed, **terms):
        yield stage


@asynccontextmanager
async def staged(
    stage: JointStage,
    *,
    answers: Sequence[Sequence[Answer]] = (),
    seed: str = "1",
    partners: int = 2,
    **terms: Any,
) -> AsyncIterator[None]:
    """Bring a stage to life; for stages that behave otherwise. See ``joint_stage``.

    Args:
        stage: Which.
        answers: See there.
        seed: See there.
        partners: How many centers beside the host.
        terms: See there.
    """
    async with federation(stage.furnish, subs=partners, seed=seed) as them:
        stage.them = them
        for seat, script in zip(stage.seats, answers, strict=False):
            seat.phones.script = list(script)
        await them.agree(**{"max_open_bookings": 9, **terms})
        yield
