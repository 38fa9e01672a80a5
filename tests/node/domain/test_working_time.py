"""Working time across nights, week-ends, golden weeks and worked Sundays."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain.spans import Span, check
from node.domain.workday import END_OF_TIME_MS, WorkCalendar, shanghai_date
from node.domain.working_time import (
    MAX_WORKING_MINUTES,
    MINUTE_MS,
    OFFICE_HOURS,
    add_working_minutes,
    halfway_ms,
    working_ms_between,
)

GOLDEN_WEEK = WorkCalendar(
    holidays=frozenset(date(2025, 10, day) for day in range(1, 9)),
    workdays=frozenset({date(2025, 9, 28), date(2025, 10, 11)}),
    years=frozenset({2025}),
)
PLAIN = WorkCalendar()


def at(month: int, day: int, hour: int, minute: int = 0) -> int:
    zone = timezone(timedelta(hours=8))
    moment = datetime(2025, month, day, hour, minute, tzinfo=zone).astimezone(UTC)
    return int(moment.timestamp()) * 1000


@pytest.mark.parametrize(
    ("start", "minutes", "end"),
    [
        (at(9, 24, 10), 60, at(9, 24, 11)),
        (at(9, 24, 11, 30), 60, at(9, 24, 13, 30)),  # over lunch
        (at(9, 24, 16, 30), 60, at(9, 25, 9, 30)),  # over night
        (at(9, 24, 22), 30, at(9, 25, 9, 30)),  # begins at night
        (at(9, 24, 9), 420, at(9, 24, 17)),  # a whole day ends where it ends
        (at(9, 26, 16), 120, at(9, 28, 10)),  # Friday over Saturday into a worked Sunday
        (at(9, 30, 16), 120, at(10, 9, 10)),  # over the golden week
        (at(10, 10, 16), 120, at(10, 11, 10)),  # Friday into a worked Saturday
        (at(10, 1, 12), 0, at(10, 1, 12)),  # nothing is nothing, on a holiday too
    ],
)
def test_working_time_passes_in_office_hours_only(start: int, minutes: int, end: int) -> None:
    assert add_working_minutes(start, minutes, GOLDEN_WEEK) == end


def test_a_year_nobody_knows_has_plain_week_ends() -> None:
    assert add_working_minutes(at(9, 26, 16), 120, PLAIN) == at(9, 29, 10)
    assert add_working_minutes(at(9, 30, 16), 120, PLAIN) == at(10, 1, 10)


MOMENTS = st.integers(at(9, 1, 0), at(11, 1, 0))
MINUTES = st.integers(0, 20 * 420)
HOURS = st.lists(
    st.tuples(st.integers(0, 1440), st.integers(0, 1440)).filter(lambda each: each[0] < each[1]),
    min_size=1,
    max_size=1,
).map(check) | st.just(OFFICE_HOURS)


@given(MOMENTS, MINUTES, HOURS)
def test_what_was_added_lies_between(start: int, minutes: int, hours: tuple[Span, ...]) -> None:
    end = add_working_minutes(start, minutes, GOLDEN_WEEK, hours)
    assert working_ms_between(start, end, GOLDEN_WEEK, hours) == minutes * MINUTE_MS
    if minutes:
        # Not a millisecond later than need be, and never on a day that rests.
        assert working_ms_between(start, end - 1, GOLDEN_WEEK, hours) < minutes * MINUTE_MS
        assert GOLDEN_WEEK.works(shanghai_date(end - 1))


@given(MOMENTS, MINUTES, MINUTES)
def test_two_parts_take_as_long_as_the_whole(start: int, one: int, two: int) -> None:
    parts = add_working_minutes(add_working_minutes(start, one, GOLDEN_WEEK), two, GOLDEN_WEEK)
    assert parts == add_working_minutes(start, one + two, GOLDEN_WEEK)


@given(MOMENTS, MOMENTS, st.integers(1, 4000))
def test_who_begins_later_is_never_done_earlier(one: int, two: int, minutes: int) -> None:
    first, second = sorted((one, two))
    assert add_working_minutes(first, minutes, GOLDEN_WEEK) <= add_working_minutes(
        second, minutes, GOLDEN_WEEK
    )


@given(MOMENTS, MOMENTS)
def test_halfway_lies_between(one: int, two: int) -> None:
    first, second = sorted((one, two))
    assert first <= halfway_ms(first, second, GOLDEN_WEEK) <= second


def test_halfway_through_a_night_is_half_of_the_clock() -> None:
    assert halfway_ms(at(9, 24, 20), at(9, 24, 21), GOLDEN_WEEK) == at(9, 24, 20, 30)
    assert halfway_ms(at(9, 24, 10), at(9, 25, 10), GOLDEN_WEEK) == at(9, 24, 14, 30)


@pytest.mark.parametrize("minutes", [-1, MAX_WORKING_MINUTES + 1])
def test_absurd_numbers_are_refused(minutes: int) -> None:
    with pytest.raises(ValueError, match="out of 0 to"):
        add_working_minutes(at(9, 24, 9), minutes, PLAIN)


def test_a_time_that_never_comes_is_refused() -> None:
    with pytest.raises(ValueError, match="no office hours"):
        add_working_minutes(at(9, 24, 9), 1, PLAIN, ())
    with pytest.raises(ValueError, match="2099"):
        add_working_minutes(END_OF_TIME_MS - 1, 1, PLAIN)
