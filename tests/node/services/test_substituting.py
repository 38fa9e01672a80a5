"""Another room of the same sub, and another sub in the place of one that is lost."""

import pytest

from federation.protocol.bundle import BundlePhase
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.evaluated import evaluated_legs
from node.services.maintenance import Closing, Maintenance
from node.services.projects import found_project
from node.store import venues
from node.store.bookings import BookingRow
from tests.support.booked import HOUR_MS, LATER, WINDOW, Booked, booked, yes
from tests.support.pair import Center
from tests.support.planning import request, seat_rows


async def _second_room(here: Booked, center: Center, seats: int) -> None:
    await center.do(
        lambda desk: here.offices.at(center).venues.import_seats(
            desk, seat_rows(seats, room="评标二室")
        )
    )


async def _room(here: Booked, center: Center, leg: bytes, reason: str = "空调故障") -> None:
    await center.do(lambda desk: here.after(center).substituting.room(desk, leg, reason=reason))


async def test_another_room_takes_the_place_and_the_host_is_told() -> None:
    async with booked(1) as here:
        (sub,) = here.subs
        leg = (await here.leg(sub)).conversation
        await _second_room(here, sub, 5)
        before = await sub.do(lambda desk: venues.seats_with_names(desk.ledger.connection, leg))
        await _room(here, sub, leg)
        await here.them.settle()
        after = await sub.do(lambda desk: venues.seats_with_names(desk.ledger.connection, leg))
        assert {room for _, room, _ in before} == {"评标一室"}
        assert {room for _, room, _ in after} == {"评标二室"}
        assert len(after) == len(before)
        assert "空调故障" in (await here.leg(sub)).note
        assert "空调故障" in (await here.at(sub, leg)).note
        assert "seats_substituted" in await here.todos(here.host)
        assert await here.phases() == [("CONFIRMED", "CONFIRMED")]


@pytest.mark.parametrize("room_elsewhere", [True, False])
async def test_maintenance_seats_elsewhere_whom_it_can_and_asks_people_about_the_rest(
    room_elsewhere: bool,
) -> None:
    async with booked(1) as here:
        (sub,) = here.subs
        leg = (await here.leg(sub)).conversation
        if room_elsewhere:
            await _second_room(here, sub, 5)
        maintenance = Maintenance(here.after(sub).substituting.clear)
        closing = Closing("交易中心", "评标一室", None, WINDOW.start_ms, WINDOW.end_ms, "空调检修")
        await sub.do(
            lambda desk: maintenance.close(desk, closing, despite_bookings=True, by="staff-1")
        )
        await here.them.settle()
        places = await sub.do(lambda desk: venues.seats_with_names(desk.ledger.connection, leg))
        rooms = {room for _, room, _ in places}
        assert rooms == {"评标二室" if room_elsewhere else "评标一室"}
        assert ("closure_meets_booking" in await here.todos(sub)) != room_elsewhere
        assert ("seats_substituted" in await here.todos(here.host)) == room_elsewhere
        assert await here.seats(sub, leg) == 5
        if not room_elsewhere:  # until there is another room: then one action does it
            await _second_room(here, sub, 5)
            await _room(here, sub, leg)
            assert "closure_meets_booking" not in await here.todos(sub)


async def test_without_another_room_nothing_changes() -> None:
    async with booked(1) as here:
        (sub,) = here.subs
        leg = (await here.leg(sub)).conversation
        await _second_room(here, sub, 4)
        with pytest.raises(Conflicting, match="no other room"):
            await _room(here, sub, leg)
        with pytest.raises(Invalid):
            await _room(here, sub, leg, "")
        with pytest.raises(NotFound):
            await _room(here, here.host, leg)
        assert await here.seats(sub, leg) == 5
        await here.move()
        await here.them.settle()
        with pytest.raises(Conflicting, match="CHANGING"):
            await _room(here, sub, leg)


async def _complete(here: Booked, leg: BookingRow) -> None:
    await here.host.do(
        lambda desk: here.offices.at(here.host).bookings.complete(desk, leg.conversation, bytes(16))
    )


@pytest.mark.parametrize("lost_before", [True, False])
async def test_another_sub_takes_the_place_of_a_lost_one(lost_before: bool) -> None:
    async with booked(2, spare=1) as here:
        lost, stays, spare = here.subs
        old = await here.leg(lost)
        if lost_before:
            await here.cancel(lost, old.conversation)
            await here.them.settle()
        await here.replace(old, spare)
        await here.them.settle()
        new = await here.leg(spare)
        assert (new.hold.seats, new.hold.experts) == (old.hold.seats, old.hold.experts)
        assert new.hold.participants == (spare.id,)
        if not lost_before:
            assert (await here.leg(lost)).phase == "CONFIRMED"
        with pytest.raises(Conflicting, match="asked"):
            await here.replace(old, spare)
        await yes(here, spare, new.conversation)
        await here.them.settle()
        assert {leg.peer: leg.phase for leg in await here.legs()} == {
            lost.id: "CANCELLED",
            stays.id: "CONFIRMED",
            spare.id: "CONFIRMED",
        }
        assert await lost.phase(old.conversation) == "CANCELLED"
        stand = await here.host.do(
            lambda desk: here.after(here.host).replacing.standing_for(desk, new)
        )
        assert stand is not None
        assert stand.conversation == old.conversation
        assert "leg_lost" not in await here.todos(here.host)
        legs = await here.host.do(
            lambda desk: evaluated_legs(desk, found_project(desk, here.project))
        )
        assert {leg.peer for leg in legs} == {stays.id, spare.id}

        # From here on it is a leg like the others: moved with them, and it needs our seats.
        root = (await here.bundle()).bundle.id
        await here.move()
        await here.them.settle()
        for sub in (stays, spare):
            await here.consent(sub, yes=True)
        await here.them.settle()
        for leg in legs:
            now = await here.at(here.host, leg.conversation)
            assert (now.start_ms, now.end_ms) == (LATER.start_ms, LATER.end_ms)
        assert await here.seats(here.host, root) == 2
        for leg in legs:
            await _complete(here, leg)
        assert await here.seats(here.host, root) == 0


async def test_a_sub_that_does_not_take_the_place_leaves_the_old_one_booked() -> None:
    async with booked(1, spare=1) as here:
        first, spare = here.subs
        old = await here.leg(first)
        await here.replace(old, spare)
        await here.them.settle()
        new = await here.leg(spare)
        await spare.do(
            lambda desk: here.offices.at(spare).bookings.vote(
                desk, new.conversation, yes=False, reason="席位已满", by="staff-1"
            )
        )
        await here.them.settle()
        assert await first.phase(old.conversation) == "CONFIRMED"
        assert await spare.phase(new.conversation) == "DECLINED"
        assert (await here.bundle()).bundle.phase is BundlePhase.CLOSED
        # And another may be asked.
        await here.replace(old, spare)


async def test_seats_of_ours_that_nobody_came_for_are_free_again() -> None:
    async with booked(1, spare=1) as here:
        first, spare = here.subs
        old = await here.leg(first)
        root = (await here.bundle()).bundle.id
        await here.cancel(first, old.conversation)
        await here.them.settle()
        assert await here.seats(here.host, root) == 0
        await here.replace(old, spare)
        assert await here.seats(here.host, root) == 2
        await here.them.settle()
        new = await here.leg(spare)
        await spare.do(
            lambda desk: here.offices.at(spare).bookings.vote(
                desk, new.conversation, yes=False, reason="席位已满", by="staff-1"
            )
        )
        await here.them.settle()
        assert await here.seats(here.host, root) == 0


async def test_a_window_is_not_changed_while_another_sub_is_asked_for_it_nor_the_other_way() -> (
    None
):
    """Else the one that takes the place would be booked for another window than the rest."""
    async with booked(2, spare=1) as here:
        lost, stays, spare = here.subs
        old = await here.leg(lost)
        await here.move()
        await here.them.settle()
        with pytest.raises(Conflicting, match="window is being asked for"):
            await here.replace(old, spare)
        await here.consent(stays, yes=False, reason="席位已满")
        await here.consent(lost, yes=True)
        await here.them.settle()
        await here.replace(old, spare)
        await here.them.settle()
        with pytest.raises(Conflicting, match="asked to take a place"):
            await here.move()
        with pytest.raises(Conflicting, match="asked to take a place"):
            await here.extend(WINDOW.end_ms + HOUR_MS, by_law=True)
        await yes(here, spare, (await here.leg(spare)).conversation)
        await here.them.settle()
        assert len({leg.start_ms for leg in await here.legs() if leg.phase == "CONFIRMED"}) == 1
        await here.move()


async def test_who_is_asked_to_take_a_place_is_not_needed_when_all_is_cancelled() -> None:
    async with booked(2, spare=1) as here:
        lost, _, spare = here.subs
        await here.replace(await here.leg(lost), spare)
        await here.them.settle()
        new = await here.leg(spare)
        # Its yes is on its way.
        await yes(here, spare, new.conversation)
        await here.host.do(
            lambda desk: here.after(here.host).cancelling.cancel_all(
                desk, here.project, "招标终止", "staff-1"
            )
        )
        await here.them.settle()
        assert {leg.phase for leg in await here.legs()} == {"CANCELLED", "RELEASED"}
        assert await spare.phase(new.conversation) == "RELEASED"
        assert await here.seats(spare, new.conversation) == 0
        assert await here.seats(here.host, (await here.bundle()).bundle.id) == 0
        assert await here.host.sql("SELECT DISTINCT phase FROM bundle") == [("CLOSED",)]
        anew = request(spare.id, window=LATER)
        await here.host.do(
            lambda desk: here.offices.at(here.host).bookings.plan(
                desk, here.project, anew, "agency-1"
            )
        )


async def test_nobody_takes_a_place_in_a_plan_that_is_over_or_never_stood() -> None:
    async with booked(1, spare=2, max_seats_per_session=9) as here:
        first, second, third = here.subs
        old = await here.leg(first)
        await here.cancel(here.host, old.conversation)
        await here.them.settle()
        here.them.watch.pass_ms(1)
        anew = request(second.id, window=LATER, seats=9)  # it has eight
        await here.host.do(
            lambda desk: here.offices.at(here.host).bookings.plan(
                desk, here.project, anew, "agency-1"
            )
        )
        with pytest.raises(Conflicting, match="planned anew"):
            await here.replace(old, third)
        await here.them.settle()
        refused = await here.leg(second)
        assert refused.phase == "REFUSED"
        with pytest.raises(Conflicting, match="only one that was booked"):
            await here.replace(refused, third)


async def test_who_cannot_be_replaced_or_cannot_replace_is_said() -> None:
    async with booked(2, spare=1) as here:
        first, second, spare = here.subs
        old = await here.leg(first)
        with pytest.raises(Invalid, match="takes part"):
            await here.replace(old, second)
        with pytest.raises(Invalid, match="takes part"):
            await here.replace(old, here.host)
        here.them.watch.now_ms = WINDOW.start_ms
        with pytest.raises(Conflicting, match="has begun"):
            await here.replace(old, spare)
        here.them.watch.now_ms = WINDOW.start_ms - HOUR_MS // 2
        with pytest.raises(Invalid, match="lead time"):
            await here.replace(old, spare)
