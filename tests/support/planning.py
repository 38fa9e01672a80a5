"""A host and a sub with seats, experts and an accepted project, ready to be booked.

``plan`` gives the case of the main job: two representatives at the host, five experts at
the sub, tomorrow from 9 to 12.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Final

from adapters.experts.synthetic import resident_id, synthetic_experts, to_csv, uscc
from federation.ids import AgreementId, CenterId, ConversationId
from federation.protocol.agreement import AgreementTerms
from federation.protocol.booking import Answer, Vote
from federation.protocol.conversation import Kind
from federation.wire.words import TERMS
from node.domain import codes
from node.domain.calendar import Window
from node.domain.expert import Expert
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
from node.domain.tabular import SeatRow, experts_from, read_table
from node.domain.venue import Requirement, SeatKind
from node.domain.workday import midnight_ms, shanghai_date
from node.services.afterwards import Outward
from node.services.answers import Answers
from node.services.booking_plan import LocalRules
from node.services.bookings import Bookings
from node.services.draws import Draws
from node.services.errors import NotFound
from node.services.experts import Experts
from node.services.house import Desk
from node.services.notices import Notice
from node.services.projects import Projects
from node.services.venues import Venues
from tests.support.pair import DAY_MS, HOUR_MS, NOON, Center, Furniture, TwoCenters

AGENCY: Final = "agency-1"
STAFF: Final = "staff-1"
TOMORROW_NINE: Final = midnight_ms(shanghai_date(NOON)) + DAY_MS + 9 * HOUR_MS
WINDOW: Final = Window(TOMORROW_NINE, TOMORROW_NINE + 3 * HOUR_MS)


def in_force(desk: Desk, peer: CenterId) -> tuple[AgreementId, AgreementTerms]:
    """The agreement with a peer that the harness put into the store."""
    row = desk.ledger.connection.execute(
        "SELECT id, document FROM agreement WHERE peer = ? AND state = 'ACTIVE'", (peer,)
    ).fetchone()
    if row is None:
        raise NotFound("没有协议", "there is no agreement")
    return AgreementId(row[0]), TERMS.decode(row[1])


@dataclass
class Office:
    """One center's services, and whether its joint tests pass."""

    center: Center
    bookings: Bookings
    venues: Venues
    experts: Experts
    projects: Projects
    tested: list[bool] = field(default_factory=lambda: [True])


class Offices:
    """Furnishes centers and remembers what it put into them."""

    def __init__(
        self,
        *,
        local: LocalRules | None = None,
        notice: Callable[[Center], Notice] | None = None,
        outward: Callable[[Center], Outward] | None = None,
    ) -> None:
        self._outward = outward
        self._local = local
        self._notice = notice
        self._by_name: dict[str, Office] = {}

    def __call__(self, center: Center) -> Furniture:
        tested = [True]
        venues = Venues()
        bookings = Bookings(
            venues=venues,
            in_force=in_force,
            tested=lambda *_: tested[0],
            local=self._local,
            notice=self._notice(center) if self._notice else None,
            outward=self._outward(center) if self._outward else None,
        )
        self._by_name[center.name] = Office(
            center, bookings, venues, Experts(center.cipher), Projects(center.cipher), tested
        )
        return Furniture(
            reactions={Kind.BOOKING: bookings},
            handlers=bookings.handlers(),
            questions=Answers(venues=venues, in_force=in_force, decisions=bookings.decisions),
            bind=lambda each: bookings.decisions.bind(each.negotiator, each.outbox.ask, bookings),
        )

    def __getitem__(self, name: str) -> Office:
        return self._by_name[name]

    @property
    def host(self) -> Office:
        return self._by_name["host"]

    @property
    def sub(self) -> Office:
        return self._by_name["sub"]


def seat_rows(count: int, *, room: str = "评标一室", overnight: bool = False) -> list[SeatRow]:
    return [
        SeatRow(
            line=number + 1,
            venue="交易中心",
            room=room,
            seat=f"{room}-{number}",
            kind=SeatKind.WORKSTATION,
            equipment=frozenset({"camera"}),
            overnight=overnight,
        )
        for number in range(1, count + 1)
    ]


def register(count: int, *, seed: int = 1, prefix: str = "FJ") -> list[Expert]:
    return list(_register(count, seed, prefix))


@cache
def _register(count: int, seed: int, prefix: str) -> Sequence[Expert]:
    raw = to_csv(synthetic_experts(seed, count, "350112", prefix), "utf-8-sig")
    return experts_from(read_table("experts.csv", raw))


def project(**changes: Any) -> Project:
    usual = Project(
        code=codes.project_code("E3608000001004627"),
        name="吉安大桥",
        tenderee=Party("吉安市交通局", codes.uscc(uscc("360800", 11111111))),
        agency=Party("江西某招标代理公司", codes.uscc(uscc("360800", 22222222))),
        competent=(Party("吉安市交通运输局", codes.uscc(uscc("360800", 33333333))),),
        kind=ProjectKind.WORKS,
        region=codes.region_code("360800"),
        bid_deadline_ms=TOMORROW_NINE - HOUR_MS,
        evaluation=WINDOW,
        lots=(Lot(codes.lot_code("E3608000001004627001001"), "一标段"),),
    )
    return replace(usual, **changes)


def person(number: int) -> tuple[str, str]:
    """(name, identity number) of a representative."""
    return f"代表{number}", resident_id("360800", shanghai_date(0), number)


def request(*subs: CenterId, window: Window = WINDOW, seats: int = 5) -> BookingRequest:
    """Two representatives at the host; five experts over the subs, the first has the most."""
    share, rest = divmod(5, len(subs))
    return BookingRequest(
        window=window,
        host_seats=2,
        representatives=2,
        host_slots=(),
        subs=tuple(
            SubRequirement(
                Requirement(seats),
                (ExpertSlots(codes.specialty("A08"), share + (rest if place == 0 else 0)),),
            )
            for place in range(len(subs))
        ),
        mode=SelectionMode.CHOSEN,
        chosen=subs,
    )


async def accepted(offices: Offices, **changes: Any) -> bytes:
    """A project that the host's staff has accepted; answers its id."""
    host = offices.host

    def enter(desk: Desk) -> bytes:
        project_id = host.projects.create(desk, project(**changes), AGENCY)
        host.projects.submit(desk, project_id, AGENCY)
        host.projects.accept(desk, project_id, STAFF)
        return project_id

    return await host.center.do(enter)


async def seated(offices: Offices, *, host: int = 4, sub: int = 8) -> None:
    """Give both centers seats."""
    for office, count in ((offices.host, host), (offices.sub, sub)):

        def bring(desk: Desk, office: Any = office, count: int = count) -> None:
            office.venues.import_seats(desk, seat_rows(count))

        await office.center.do(bring)


async def held(pair: TwoCenters, offices: Offices, **terms: Any) -> tuple[bytes, bytes]:
    """Agree, seat, accept and plan: answers (project, booking) with the Hold heard."""
    await pair.agree(**terms)
    await seated(offices)
    project_id = await accepted(offices)
    await offices.host.center.do(
        lambda desk: offices.host.bookings.plan(desk, project_id, request(pair.sub.id), AGENCY)
    )
    await pair.settle()
    (leg,) = await offices.host.center.do(
        lambda desk: offices.host.bookings.of_project(desk, project_id)
    )
    return project_id, leg.conversation


async def confirmed(pair: TwoCenters, offices: Offices, **terms: Any) -> tuple[bytes, bytes]:
    """The same, and the sub said yes: the booking is CONFIRMED at both."""
    project_id, booking_id = await held(pair, offices, **terms)
    await vote(offices, booking_id, yes=True)
    await pair.settle()
    return project_id, booking_id


def begin(draws: Draws, desk: Desk, project_id: bytes, by: str) -> list[bytes]:
    """The host's staff verifies what is to be drawn, and the agency starts."""
    draws.starting.verify(desk, project_id, STAFF)
    return draws.start(desk, project_id, by)


async def vote(offices: Offices, booking_id: bytes, *, yes: bool, reason: str = "") -> None:
    """The sub's staff answers."""
    await offices.sub.center.do(
        lambda desk: offices.sub.bookings.vote(desk, booking_id, yes=yes, reason=reason, by=STAFF)
    )


async def promise(offices: Offices, booking_id: bytes, *, promise_ms: int = HOUR_MS) -> None:
    """The sub promises as one that is not alone does: the host's decision is awaited."""
    word = Vote(Answer.YES, promise_ms=promise_ms)
    await offices.sub.center.do(lambda desk: desk.say(ConversationId(booking_id), word))
