"""Offices that hold lotteries of sub-venues, and a host that lies in one."""

from dataclasses import replace
from typing import Any

from typing_extensions import override

from federation.ids import CenterId
from federation.protocol.conversation import Kind
from node.domain.project import BookingRequest, SelectionMode
from node.services.house import Desk
from node.services.selections import Selections
from node.store import selections
from node.store.selections import Candidacy, SelectionRow
from tests.support.federation import Federation
from tests.support.pair import Center, Furniture
from tests.support.planning import (
    AGENCY,
    STAFF,
    Office,
    Offices,
    accepted,
    request,
    seat_rows,
)


class Lots(Offices):
    """Offices that hold lotteries and take part in them."""

    def __init__(self) -> None:
        super().__init__()
        self.lotteries: dict[str, Selections] = {}

    @override
    def __call__(self, center: Center) -> Furniture:
        furniture = super().__call__(center)
        office = self.office(center)
        lottery = Selections(
            cipher=center.cipher,
            venues=office.venues,
            partners=partners,
            tested=lambda *_: office.tested[0],
            booker=office.bookings.bundling,
        )
        office.bookings.bundling.draw_with(lottery)
        self.lotteries[center.name] = lottery
        return replace(furniture, reactions={**furniture.reactions, Kind.SELECTION: lottery})

    def office(self, center: Center) -> Office:
        return self._by_name[center.name]


def partners(desk: Desk) -> list[CenterId]:
    rows = desk.ledger.connection.execute(
        "SELECT DISTINCT peer FROM agreement WHERE state = 'ACTIVE' ORDER BY peer"
    ).fetchall()
    return [CenterId(peer) for (peer,) in rows]


def lots(
    places: int = 1, mode: SelectionMode = SelectionMode.RANDOM, **changes: Any
) -> BookingRequest:
    """What the agency asks for, without naming anybody."""
    named = request(*(CenterId(f"{place}") for place in range(places)), **changes)
    return replace(named, mode=mode, chosen=())


async def prepared(
    them: Federation, offices: Lots, *, seats: int = 8, agreed: bool = True, **terms: Any
) -> bytes:
    """Agreements, seats everywhere, and an accepted project; answers its id."""
    if agreed:
        await them.agree(**terms)
    for center in them.centers:
        office = offices.office(center)

        def bring(desk: Desk, office: Office = office) -> None:
            office.venues.import_seats(desk, seat_rows(seats))

        await center.do(bring)
    return await accepted(offices)


async def ask(them: Federation, offices: Lots, project_id: bytes, wanted: BookingRequest) -> bytes:
    """The agency asks; answers the lottery's id. Nothing has been delivered yet."""
    bookings = offices.office(them.host).bookings
    return await them.host.do(lambda desk: bookings.plan(desk, project_id, wanted, AGENCY))


async def lottery(them: Federation, selection_id: bytes) -> SelectionRow:
    """The lottery as its host has it."""
    row = await them.host.do(lambda desk: selections.get(desk.ledger.connection, selection_id))
    assert row is not None
    return row


async def candidacies(center: Center, selection_id: bytes, peer: Center) -> list[Candidacy]:
    """The conversations of a lottery that a center has with a peer."""
    return await center.do(
        lambda desk: selections.between(desk.ledger.connection, selection_id, peer.id)
    )


async def answer(them: Federation, offices: Lots, center: Center, *, yes: bool) -> None:
    """The staff of a sub answers the Hold that waits there."""
    rows = await center.do(offices.office(center).bookings.all)
    (waiting,) = [row for row in rows if row.phase == "HELD"]

    def say(desk: Desk) -> None:
        offices.office(center).bookings.vote(
            desk, waiting.conversation, yes=yes, reason="" if yes else "设备检修", by=STAFF
        )

    await center.do(say)
    await them.settle()
