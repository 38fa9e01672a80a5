"""Seats: imports that happen wholly or not at all, and the key that no two holders share."""

import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.errors import SeatsTaken
from node.domain.calendar import SLOT_MS, Window
from node.domain.tabular import SeatRow
from node.domain.venue import Requirement
from node.services.errors import Invalid
from node.services.house import Desk
from node.services.venues import LOOK_AHEAD_DAYS, Venues
from node.store import migrations
from node.store import venues as store
from tests.support.pair import DAY_MS, HOUR_MS, two_centers
from tests.support.planning import TOMORROW_NINE, WINDOW, seat_rows

ONE, TWO = b"1" * 16, b"2" * 16
NEXT = Window(WINDOW.end_ms, WINDOW.end_ms + HOUR_MS)


async def test_importing_the_same_catalogue_twice_changes_nothing() -> None:
    async with two_centers() as pair:
        await pair.host.do(lambda desk: Venues().import_seats(desk, seat_rows(3)))
        once = await pair.host.do(Venues().catalogue)
        await pair.host.do(lambda desk: Venues().import_seats(desk, seat_rows(3)))
        assert await pair.host.do(Venues().catalogue) == once
        assert [seat.kind for room in once[0].rooms for seat in room.seats] == ["workstation"] * 3


async def test_an_import_mends_what_it_names_and_keeps_the_rest() -> None:
    async with two_centers() as pair:

        def twice(desk: Desk) -> None:
            Venues().import_seats(desk, seat_rows(3))
            Venues().import_seats(desk, seat_rows(1, overnight=True))

        await pair.host.do(twice)
        (venue,) = await pair.host.do(Venues().catalogue)
        assert len(venue.rooms[0].seats) == 3
        assert venue.rooms[0].equipment == {"overnight"}


async def test_an_empty_catalogue_is_refused() -> None:
    async with two_centers() as pair:
        with pytest.raises(Invalid, match="no seat"):
            await pair.host.do(lambda desk: Venues().import_seats(desk, []))


async def test_seats_are_free_again_when_the_holder_gives_them_back() -> None:
    async with two_centers() as pair:

        def run(desk: Desk) -> None:
            venues = Venues()
            venues.import_seats(desk, seat_rows(3))
            seats = venues.free_seats(desk, WINDOW, Requirement(2))
            assert len(seats) == 2
            venues.reserve(desk, ONE, seats, WINDOW)
            assert venues.free_seats(desk, WINDOW, Requirement(2)) == ()
            assert venues.count_free(desk, WINDOW, Requirement(1)) == 1
            assert len(venues.free_seats(desk, NEXT, Requirement(3))) == 3
            assert [place[:2] for place in venues.places(desk, ONE)] == [
                ("交易中心", "评标一室")
            ] * 2
            venues.release(desk, ONE)
            assert venues.count_free(desk, WINDOW, Requirement(1)) == 3

        await pair.host.do(run)


async def test_the_database_itself_refuses_a_double_booking() -> None:
    async with two_centers() as pair:

        def run(desk: Desk) -> None:
            Venues().import_seats(desk, seat_rows(2))
            first, second = Venues().free_seats(desk, WINDOW, Requirement(2))
            Venues().reserve(desk, ONE, [first], WINDOW)
            Venues().reserve(desk, TWO, [second, first], WINDOW)

        with pytest.raises(SeatsTaken):
            await pair.host.do(run)
        assert await pair.host.sql("SELECT count(*) FROM seat_slot") == [(0,)]
        assert await pair.host.sql("SELECT count(*) FROM seat") == [(0,)]


async def test_the_next_free_window_is_at_the_same_time_of_a_later_day_if_one_has_it() -> None:
    async with two_centers() as pair:

        def run(desk: Desk) -> list[int | None]:
            venues = Venues()
            venues.import_seats(desk, seat_rows(1))
            seats = venues.free_seats(desk, WINDOW, Requirement(1))
            found = [venues.next_free_ms(desk, WINDOW, Requirement(1))]
            for day in range(1, LOOK_AHEAD_DAYS + 1):
                shift = day * DAY_MS
                window = Window(WINDOW.start_ms + shift, WINDOW.end_ms + shift)
                venues.reserve(desk, bytes([day]) * 16, seats, window)
                found.append(venues.next_free_ms(desk, WINDOW, Requirement(1)))
            return found

        assert await pair.host.do(run) == [
            *(TOMORROW_NINE + day * DAY_MS for day in range(1, LOOK_AHEAD_DAYS + 1)),
            TOMORROW_NINE + 5 * HOUR_MS,  # no morning is left, but the first afternoon
        ]


async def test_where_no_time_is_left_none_is_named() -> None:
    async with two_centers() as pair:

        def run(desk: Desk) -> int | None:
            venues = Venues()
            venues.import_seats(desk, seat_rows(1))
            return venues.next_free_ms(desk, WINDOW, Requirement(2))

        assert await pair.host.do(run) is None


def _fresh() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrations.migrate(connection, migrations.load(), 0)
    for row in _rows():
        store.put_seat(connection, row)
    return connection


def _rows() -> list[SeatRow]:
    return seat_rows(2)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 1),
            st.integers(0, 20 * SLOT_MS),
            st.integers(1, 6 * SLOT_MS),
        ),
        max_size=12,
    )
)
def test_whatever_is_asked_for_no_seat_has_two_holders_at_once(
    wishes: list[tuple[int, int, int]],
) -> None:
    connection = _fresh()
    (venue,) = store.catalogue(connection)
    seats = [seat.id for seat in venue.rooms[0].seats]
    granted: list[tuple[str, Window]] = []
    for number, (which, start_ms, length_ms) in enumerate(wishes):
        window = Window(start_ms, start_ms + length_ms)
        free = seats[which] not in store.taken(connection, window)
        connection.execute("BEGIN")
        try:
            store.hold(connection, bytes([number]) * 16, [seats[which]], window)
        except sqlite3.IntegrityError:
            connection.execute("ROLLBACK")
            assert not free, "what looks free can be held"
            continue
        connection.execute("COMMIT")
        assert free, "what looks taken cannot be held"
        assert not any(seat == seats[which] and window.overlaps(old) for seat, old in granted)
        granted.append((seats[which], window))
    connection.close()
