"""Opening hours: days of the week, holidays, worked week-ends, and evaluations over night."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain.calendar import Window
from node.domain.opening import ALWAYS, Day, Hours, is_open, stays_overnight
from node.domain.refusal import Inadmissible
from node.domain.spans import clock, minute
from node.domain.workday import WorkCalendar

DAYTIME = (8 * 60 + 30, 18 * 60)
WEEK = Hours(dict.fromkeys((Day.MON, Day.TUE, Day.WED, Day.THU, Day.FRI), (DAYTIME,)))
GOLDEN_WEEK = WorkCalendar(
    holidays=frozenset(date(2025, 10, day) for day in range(1, 9)),
    workdays=frozenset({date(2025, 9, 28)}),
)


def window(day: tuple[int, int], start: tuple[int, int], hours: float) -> Window:
    zone = timezone(timedelta(hours=8))
    begins = datetime(2025, *day, *start, tzinfo=zone).astimezone(UTC)
    ms = int(begins.timestamp()) * 1000
    return Window(ms, ms + int(hours * 3_600_000))


@pytest.mark.parametrize(
    ("asked", "held"),
    [
        (window((9, 24), (8, 30), 9.5), True),  # a Wednesday, to the minute
        (window((9, 24), (8, 29), 1), False),
        (window((9, 24), (17, 30), 1), False),
        (window((9, 27), (9, 0), 1), False),  # Saturday
        (window((9, 28), (9, 0), 1), True),  # a worked Sunday is as Monday
        (window((10, 1), (9, 0), 1), False),  # a holiday
        (window((9, 24), (14, 0), 24), True),  # over night: begins while it is open
        (window((9, 24), (19, 0), 12), False),
        (window((9, 30), (9, 0), 48), True),  # into the holiday: nobody is sent home
        (window((10, 1), (9, 0), 48), False),
    ],
)
def test_a_window_lies_within_opening_hours_or_not(asked: Window, held: bool) -> None:
    assert is_open(WEEK, asked, GOLDEN_WEEK) is held


def test_holidays_and_make_up_days_may_have_hours_of_their_own() -> None:
    hours = Hours({Day.MON: (DAYTIME,), Day.HOLIDAY: ((600, 720),), Day.MAKE_UP: ((480, 540),)})
    assert hours.on(date(2025, 10, 3), GOLDEN_WEEK) == ((600, 720),)
    assert hours.on(date(2025, 9, 28), GOLDEN_WEEK) == ((480, 540),)
    assert hours.on(date(2025, 9, 29), GOLDEN_WEEK) == (DAYTIME,)
    assert hours.on(date(2025, 9, 30), GOLDEN_WEEK) == ()


@given(st.integers(0, 23), st.floats(0.5, 72))
def test_who_says_nothing_is_always_open(hour: int, length: float) -> None:
    assert is_open(ALWAYS, window((10, 1), (hour, 0), length), GOLDEN_WEEK)


def test_ending_at_midnight_is_no_night() -> None:
    assert not stays_overnight(window((9, 24), (14, 0), 10))
    assert stays_overnight(window((9, 24), (14, 0), 10.5))


def test_spans_that_touch_are_one_and_those_that_overlap_are_refused() -> None:
    hours = Hours({Day.MON: ((600, 720), (540, 600)), Day.TUE: ()})
    assert hours.days == {Day.MON: ((540, 720),)}
    assert not hours.always
    assert Hours({Day.TUE: ()}).always
    with pytest.raises(Inadmissible, match="重叠"):
        Hours({Day.MON: ((540, 601), (600, 720))})
    with pytest.raises(Inadmissible, match="晚于"):
        Hours({Day.MON: ((600, 600),)})
    with pytest.raises(Inadmissible, match="8个时段"):
        Hours({Day.MON: tuple((n * 10, n * 10 + 5) for n in range(9))})


@given(st.integers(0, 1440))
def test_times_of_day_are_read_as_they_are_written(minutes: int) -> None:
    assert minute(clock(minutes)) == minutes


@pytest.mark.parametrize("text", ["", "8", "24:01", "12:60", "-1:00", "noon", "1:2"])
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(Inadmissible, match="不是时刻"):
        minute(text)


def test_every_day_has_a_word() -> None:
    assert all(day.zh for day in Day)
