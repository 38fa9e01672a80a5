"""What is offered can be held: maintenance, opening hours and nights count everywhere alike."""

import pytest

from federation.errors import SeatsTaken
from node.domain.calendar import HOUR_MS, Window
from node.domain.holidays import DayKind, Holiday
from node.domain.opening import Day
from node.domain.venue import Requirement
from node.domain.workday import DAY_MS, shanghai_date
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.house import Desk
from node.services.maintenance import MEETS, Closing, Maintenance
from node.services.seating import Seats
from node.services.timetable import Timetable
from node.services.venues import Venues
from node.store import todos, workdays
from tests.support.pair import two_centers
from tests.support.planning import (
    TOMORROW_NINE,
    WINDOW,
    Offices,
    accepted,
    held,
    request,
    seat_rows,
)

VENUE, ROOM = "交易中心", "评标一室"
HOLDER = b"h" * 16
WORKWEEK = dict.fromkeys((Day.MON, Day.TUE, Day.WED, Day.THU, Day.FRI), ((8 * 60 + 30, 18 * 60),))
NIGHT = Window(TOMORROW_NINE + 8 * HOUR_MS, TOMORROW_NINE + 20 * HOUR_MS)


def closing(*, seat: str | None = None, days: int = 1, reason: str = "空调检修") -> Closing:
    return Closing(VENUE, ROOM, seat, WINDOW.start_ms, WINDOW.start_ms + days * DAY_MS, reason)


def free(desk: Desk, window: Window = WINDOW, seats: int = 1, *, overnight: bool = False) -> int:
    """How many seats are free; every way of asking must agree."""
    venues, requirement = Venues(), Requirement(seats, overnight=overnight)
    count = venues.count_free(desk, window, requirement)
    assert bool(venues.free_seats(desk, window, requirement)) is (count >= seats)
    return count


async def test_whoever_is_to_move_a_booking_need_not_once_no_closure_meets_it_and_not_before() -> (
    None
):
    offices = Offices()
    async with two_centers(offices) as pair:
        _, booking = await held(pair, offices)

        def asked(desk: Desk) -> bool:
            left = todos.open_for(desk.ledger.connection, "staff")
            return MEETS in {each.kind for each in left}

        def run(desk: Desk) -> None:
            maintenance, seats = Maintenance(), Seats(Venues())
            one = maintenance.close(desk, closing(), despite_bookings=True, by="w")
            two = maintenance.close(desk, closing(days=2), despite_bookings=True, by="w")
            maintenance.lift(desk, one, "w")
            assert asked(desk)
            maintenance.lift(desk, two, "w")
            assert not asked(desk)

            maintenance.close(desk, closing(), despite_bookings=True, by="w")
            later = Window(WINDOW.start_ms + 3 * DAY_MS, WINDOW.end_ms + 3 * DAY_MS)
            seating = seats.keep(desk, booking, later)
            assert asked(desk)
            seats.keep_only(desk, booking, seating.after, later)
            assert not asked(desk)

        await pair.sub.do(run)


async def test_seats_that_are_given_back_are_moved_out_of_no_closure() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        _, booking = await held(pair, offices)

        def run(desk: Desk) -> None:
            Maintenance().close(desk, closing(), despite_bookings=True, by="w")
            Venues().release(desk, booking)
            left = todos.open_for(desk.ledger.connection, "staff")
            assert MEETS not in {each.kind for each in left}

        await pair.sub.do(run)


async def test_hours_are_set_although_a_booking_holds_seats_in_two_windows_while_it_is_moved() -> (
    None
):
    async with two_centers() as pair:

        def run(desk: Desk) -> None:
            Venues().import_seats(desk, seat_rows(1))
            seats = Venues().free_seats(desk, WINDOW, Requirement(1))
            days = Window(
                WINDOW.start_ms + HOUR_MS // 4, WINDOW.start_ms + HOUR_MS // 4 + 5 * DAY_MS
            )
            later = Window(WINDOW.start_ms + 7 * DAY_MS, WINDOW.end_ms + 7 * DAY_MS)
            Venues().reserve(desk, HOLDER, seats, days)
            assert Timetable().set(desk, VENUE, None, WORKWEEK) == []
            Venues().reserve(desk, HOLDER, seats, later)
            assert Timetable().set(desk, VENUE, None, WORKWEEK) == []
            afternoons = dict.fromkeys(WORKWEEK, ((13 * 60, 18 * 60),))
            assert len(Timetable().set(desk, VENUE, None, afternoons)) == 1

        await pair.host.do(run)


async def test_a_closed_room_is_not_offered_and_a_closed_seat_is_missing() -> None:
    async with two_centers() as pair:

        def run(desk: Desk) -> None:
            Venues().import_seats(desk, [*seat_rows(3), *seat_rows(2, room="评标二室")])
            one = Maintenance().close(
                desk, closing(seat=f"{ROOM}-1"), despite_bookings=False, by="wang"
            )
            assert free(desk) == 4
            two = Maintenance().close(desk, closing(days=2), despite_bookings=False, by="wang")
            assert free(desk, seats=3) == 2
            assert Venues().next_free_ms(desk, WINDOW, Requirement(3)) == TOMORROW_NINE + 2 * DAY_MS
            later = Window(WINDOW.start_ms + 3 * DAY_MS, WINDOW.end_ms + 3 * DAY_MS)
            assert free(desk, later) == 5
            Maintenance().lift(desk, two, "wang")
            assert free(desk) == 4
            Maintenance().lift(desk, one, "wang")
            assert free(desk) == 5
            with pytest.raises(NotFound):
                Maintenance().lift(desk, one, "wang")
            assert [each.seat for each in Maintenance().all(desk)] == [f"{ROOM}-1", None]

        await pair.host.do(run)


async def test_a_place_with_a_booking_is_closed_only_by_who_says_so_and_the_booking_is_named() -> (
    None
):
    offices = Offices()
    async with two_centers(offices) as pair:
        _, booking = await held(pair, offices)
        sub = pair.sub
        with pytest.raises(Conflicting, match="1 booking") as caught:
            await sub.do(
                lambda desk: Maintenance().close(desk, closing(), despite_bookings=False, by="w")
            )
        (line,) = caught.value.detail
        assert booking.hex()[:12] in line
        assert "2026-05-07 09:00" in line

        def close(desk: Desk) -> None:
            number = Maintenance().close(desk, closing(), despite_bookings=True, by="w")
            (todo,) = [
                each
                for each in todos.open_for(desk.ledger.connection, "staff")
                if each.kind == "closure_meets_booking"
            ]
            assert todo.subject == booking
            assert "空调检修" in todo.zh
            (found,) = Maintenance().all(desk)
            assert Maintenance().meets(desk, found) == [line]
            Maintenance().lift(desk, number, "w")
            left = todos.open_for(desk.ledger.connection, "staff")
            assert "closure_meets_booking" not in {each.kind for each in left}

        await sub.do(close)


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (closing(reason=" "), Invalid),
        (closing(reason="x" * 201), Invalid),
        (closing(days=-1), Invalid),
        (closing(days=5 * 367), Invalid),
        (Closing(VENUE, "没有", None, WINDOW.start_ms, WINDOW.end_ms, "检修"), NotFound),
        (closing(seat="没有"), NotFound),
    ],
)
async def test_maintenance_that_makes_no_sense_is_refused(
    bad: Closing, error: type[Exception]
) -> None:
    async with two_centers() as pair:

        def run(desk: Desk) -> None:
            Venues().import_seats(desk, seat_rows(1))
            Maintenance().close(desk, bad, despite_bookings=True, by="wang")

        with pytest.raises(error):
            await pair.host.do(run)
        assert await pair.host.sql("SELECT count(*) FROM closure") == [(0,)]


async def test_seats_are_offered_in_opening_hours_and_a_room_may_differ_from_its_venue() -> None:
    async with two_centers() as pair:

        def run(desk: Desk) -> None:
            Venues().import_seats(desk, [*seat_rows(3), *seat_rows(2, room="评标二室")])
            assert Timetable().set(desk, VENUE, None, WORKWEEK) == []
            assert free(desk) == 5  # a Thursday, nine to twelve or so
            early = Window(TOMORROW_NINE - HOUR_MS, TOMORROW_NINE + HOUR_MS)
            assert free(desk, early) == 0
            Timetable().set(desk, VENUE, "评标二室", {Day.THU: ((0, 1440),)})
            assert free(desk, early) == 2
            saturday = Window(WINDOW.start_ms + 2 * DAY_MS, WINDOW.end_ms + 2 * DAY_MS)
            assert free(desk, saturday) == 0
            # From Friday the next day on which three are free is Monday.
            friday = Window(WINDOW.start_ms + DAY_MS, WINDOW.end_ms + DAY_MS)
            assert Venues().next_free_ms(desk, friday, Requirement(3)) == TOMORROW_NINE + 4 * DAY_MS
            monday = Holiday(shanghai_date(TOMORROW_NINE + 4 * DAY_MS), DayKind.OFF, "停电")
            workdays.put(desk.ledger.connection, [monday], desk.now_ms)
            assert Venues().next_free_ms(desk, friday, Requirement(3)) == TOMORROW_NINE + 5 * DAY_MS
            sunday = Holiday(shanghai_date(TOMORROW_NINE + 3 * DAY_MS), DayKind.WORK, "调休")
            workdays.put(desk.ledger.connection, [sunday], desk.now_ms)
            assert Venues().next_free_ms(desk, friday, Requirement(3)) == TOMORROW_NINE + 3 * DAY_MS
            Timetable().set(desk, VENUE, None, {})
            assert free(desk, saturday) == 3
            with pytest.raises(NotFound):
                Timetable().set(desk, VENUE, "没有", WORKWEEK)
            with pytest.raises(NotFound):
                Timetable().set(desk, "没有", None, WORKWEEK)
            shown = [(e.room, e.hours.always) for e in Timetable().all(desk)]
            assert shown == [(None, True), (ROOM, True), ("评标二室", False)]

        await pair.host.do(run)


async def test_a_night_needs_a_room_for_it_and_no_hours_cut_it() -> None:
    async with two_centers() as pair:

        def run(desk: Desk) -> None:
            Venues().import_seats(
                desk, [*seat_rows(3), *seat_rows(2, room="隔夜室", overnight=True)]
            )
            Timetable().set(desk, VENUE, None, WORKWEEK)
            assert free(desk, NIGHT) == 2
            assert free(desk, NIGHT, overnight=True) == 2
            assert Venues().free_seats(desk, NIGHT, Requirement(3)) == ()
            at_eight = Window(NIGHT.start_ms + 3 * HOUR_MS, NIGHT.end_ms)
            assert free(desk, at_eight) == 0, "nobody can come in after closing time"

        await pair.host.do(run)


async def test_new_hours_name_the_bookings_that_they_would_not_have_let_in() -> None:
    async with two_centers() as pair:

        def run(desk: Desk) -> list[str]:
            Venues().import_seats(desk, seat_rows(3))
            seats = Venues().free_seats(desk, WINDOW, Requirement(1))
            Venues().reserve(desk, HOLDER, seats, WINDOW)
            assert Timetable().set(desk, VENUE, None, WORKWEEK) == []
            return Timetable().set(desk, VENUE, None, {Day.MON: ((540, 1020),)})

        (line,) = await pair.host.do(run)
        assert HOLDER.hex()[:12] in line
        assert await pair.host.sql("SELECT count(*) > 0 FROM seat_slot") == [(1,)]


async def test_a_hold_for_a_closed_room_is_refused_with_a_time_that_can_be_held() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        await pair.agree()
        project = await accepted(offices)
        for office, count in ((offices.host, 8), (offices.sub, 8)):
            rows = seat_rows(count)
            await office.center.do(
                lambda desk, office=office, rows=rows: office.venues.import_seats(desk, rows)  # type: ignore[misc]
            )
        await pair.sub.do(
            lambda desk: Maintenance().close(desk, closing(), despite_bookings=False, by="wang")
        )
        await pair.host.do(
            lambda desk: offices.host.bookings.plan(desk, project, request(pair.sub.id), "wang")
        )
        await pair.settle()
        assert pair.host.listener is not None
        ((reason, alternative),) = [
            (each.reason, each.alternative) for _, each in pair.sub.listener.receipts
        ] or [("", "")]
        assert reason == SeatsTaken.reason
        start_ms = int(alternative.removeprefix("start_ms="))
        later = Window(start_ms, start_ms + WINDOW.end_ms - WINDOW.start_ms)
        assert await pair.sub.do(lambda desk: free(desk, later, 5)) >= 5


async def test_office_hours_are_what_deadlines_are_counted_in() -> None:
    async with two_centers() as pair:

        def run(desk: Desk) -> int:
            Timetable().set_office(desk, ((14 * 60, 15 * 60),))
            assert Timetable().office(desk) == ((840, 900),)
            todos.add(
                desk.ledger.connection,
                role="staff",
                kind="session_start",  # one hour
                subject=HOLDER,
                zh="开始",
                en="start",
                now_ms=desk.now_ms,
            )
            (todo,) = todos.open_for(desk.ledger.connection, "staff")
            return todo.due_ms - desk.now_ms

        assert await pair.host.do(run) == 3 * HOUR_MS
