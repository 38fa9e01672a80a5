"""Whatever the hours, closures and holidays: what is offered stands a second, plain look."""

import sqlite3
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from node.domain.calendar import HOUR_MS, SLOT_MS, Window
from node.domain.holidays import DayKind, Holiday
from node.domain.opening import Day
from node.domain.venue import Requirement
from node.domain.workday import DAY_MS, midnight_ms, shanghai_date
from node.services.house import Desk
from node.services.venues import Venues
from node.store import closures, migrations, venues, workdays
from node.store.closures import Place
from tests.support.planning import seat_rows

MONDAY = date(2026, 5, 4)
BEGINS = midnight_ms(MONDAY)
NOW = BEGINS - DAY_MS
DAYS = 14
WEEK = (Day.MON, Day.TUE, Day.WED, Day.THU, Day.FRI, Day.SAT, Day.SUN)


@dataclass
class Books:
    connection: sqlite3.Connection


@dataclass
class Floor:
    """As much of a desk as looking for seats needs."""

    ledger: Books
    now_ms: int = NOW


SPANS = st.tuples(st.integers(0, 20), st.integers(1, 24)).map(
    lambda each: (each[0] * 60, min(24, each[0] + each[1]) * 60)
)
HOURS = st.dictionaries(st.sampled_from(Day), SPANS, max_size=8)
STRETCHES = st.tuples(st.integers(0, DAYS * 24), st.integers(1, 72)).map(
    lambda each: (BEGINS + each[0] * HOUR_MS, BEGINS + (each[0] + each[1]) * HOUR_MS)
)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_what_is_offered_can_be_held(data: st.DataObject) -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrations.migrate(connection, migrations.load(), 0)
    for row in (*seat_rows(2, room="甲"), *seat_rows(2, room="乙", overnight=True)):
        venues.put_seat(connection, row)
    (venue,) = venues.catalogue(connection)
    hours: dict[str, dict[Day, tuple[int, int]]] = {}
    for scope in (
        workdays.venue_scope(venue.id),
        *(workdays.room_scope(room.id) for room in venue.rooms),
    ):
        hours[scope] = data.draw(HOURS)
        workdays.set_hours(connection, scope, {day: [s] for day, s in hours[scope].items()})
    kinds = data.draw(st.dictionaries(st.integers(0, DAYS), st.sampled_from(DayKind), max_size=4))
    days = {MONDAY + timedelta(days=n): kind for n, kind in kinds.items()}
    workdays.put(connection, [Holiday(day, kind, "x") for day, kind in days.items()], 0)
    shut: list[tuple[int, int | None, int, int]] = []
    for start_ms, end_ms in data.draw(st.lists(STRETCHES, max_size=3)):
        room = data.draw(st.sampled_from(venue.rooms))
        seat = data.draw(st.none() | st.sampled_from(room.seats).map(lambda each: int(each.id)))
        closures.add(
            connection, place=Place(int(room.id), seat), start_ms=start_ms, end_ms=end_ms,
            reason="x", by="x", now_ms=0,
        )  # fmt: skip
        shut.append((int(room.id), seat, start_ms, end_ms))
    begin = BEGINS + data.draw(st.integers(0, 48 * 3)) * SLOT_MS
    window = Window(begin, begin + data.draw(st.integers(1, 60)) * SLOT_MS)
    requirement = Requirement(data.draw(st.integers(1, 4)))
    desk = cast("Desk", Floor(Books(connection)))
    found = Venues().next_free_ms(desk, window, requirement)
    asked = [window]
    if found is not None:
        later = Window(found, found + window.end_ms - window.start_ms)
        assert Venues().free_seats(desk, later, requirement)
        asked.append(later)
    for each in asked:
        for chosen in Venues().free_seats(desk, each, requirement):
            room = next(r for r in venue.rooms if any(s.id == chosen for s in r.seats))
            nights = shanghai_date(each.start_ms) != shanghai_date(each.end_ms - 1)
            assert not nights or "overnight" in room.equipment
            for place, seat, from_ms, until_ms in shut:
                here = place == int(room.id) and seat in {None, int(chosen)}
                assert not here or until_ms <= each.start_ms or each.end_ms <= from_ms
            own = hours[workdays.room_scope(room.id)] or hours[workdays.venue_scope(venue.id)]
            _open(own, days, each, nights=nights)
    connection.close()


def _open(
    hours: dict[Day, tuple[int, int]], days: dict[date, DayKind], window: Window, *, nights: bool
) -> None:
    """Walk through the window slot by slot, or to its first, and find it open."""
    if not hours:
        return
    until_ms = window.start_ms + 1 if nights else window.end_ms
    for at_ms in range(window.start_ms, until_ms, SLOT_MS):
        day = shanghai_date(at_ms)
        kind: Any = WEEK[day.weekday()]
        if days.get(day) is DayKind.OFF:
            kind = Day.HOLIDAY
        elif days.get(day) is DayKind.WORK and day.weekday() > 4:
            kind = Day.MAKE_UP if Day.MAKE_UP in hours else Day.MON
        opens, closes = hours[kind]
        assert opens <= (at_ms - midnight_ms(day)) // 60_000 < closes
