"""Working days around real Chinese holidays."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain.workday import (
    DAY_MS,
    MAX_WORKING_DAYS,
    add_working_days,
    handover_due_ms,
    is_working_day,
    midnight_ms,
    shanghai_date,
)

# National Day and Mid-Autumn 2025: off from 1 to 8 October, made up for on 28.9. and 11.10.
HOLIDAYS = frozenset(date(2025, 10, day) for day in range(1, 9))
MAKE_UP = frozenset({date(2025, 9, 28), date(2025, 10, 11)})
DAYS = st.dates(date(2020, 1, 1), date(2030, 1, 1))
SETS = st.frozensets(st.dates(date(2024, 12, 1), date(2025, 2, 1)))


@pytest.mark.parametrize(
    ("day", "worked"),
    [
        (date(2025, 9, 27), False),  # Saturday
        (date(2025, 9, 28), True),  # Sunday, made up
        (date(2025, 9, 30), True),
        (date(2025, 10, 1), False),
        (date(2025, 10, 11), True),  # Saturday, made up
        (date(2025, 10, 12), False),
    ],
)
def test_holidays_rest_and_make_up_days_work(day: date, worked: bool) -> None:
    assert is_working_day(day, HOLIDAYS, MAKE_UP) is worked


def test_five_working_days_across_the_golden_week() -> None:
    assert add_working_days(date(2025, 9, 29), 5, HOLIDAYS, MAKE_UP) == date(2025, 10, 13)
    assert add_working_days(date(2025, 10, 13), -5, HOLIDAYS, MAKE_UP) == date(2025, 9, 29)
    assert add_working_days(date(2025, 9, 26), 5, frozenset()) == date(2025, 10, 3)


def test_no_days_is_the_day_itself_even_if_it_rests() -> None:
    assert add_working_days(date(2025, 10, 4), 0, HOLIDAYS, MAKE_UP) == date(2025, 10, 4)


@given(DAYS, st.integers(-60, 60).filter(bool), SETS, SETS)
def test_exactly_n_working_days_lie_between(
    day: date, n: int, holidays: frozenset[date], make_up: frozenset[date]
) -> None:
    end = add_working_days(day, n, holidays, make_up)
    sign = 1 if n > 0 else -1
    walked = [day + timedelta(days=sign * i) for i in range(1, abs((end - day).days) + 1)]
    assert sum(is_working_day(one, holidays, make_up) for one in walked) == abs(n)
    assert is_working_day(end, holidays, make_up)


def test_absurd_numbers_of_days_are_refused() -> None:
    with pytest.raises(ValueError, match="400"):
        add_working_days(date(2025, 1, 1), MAX_WORKING_DAYS + 1, frozenset())
    with pytest.raises(ValueError, match="before the end"):
        handover_due_ms(0, -1, frozenset())


def ms(year: int, month: int, day: int, hour: int) -> int:
    return int(datetime(year, month, day, hour, tzinfo=UTC).timestamp()) * 1000


def test_the_date_of_the_law_is_shanghais() -> None:
    evening_utc = ms(2025, 9, 29, 16)
    assert shanghai_date(evening_utc) == date(2025, 9, 30)
    assert shanghai_date(evening_utc - 1) == date(2025, 9, 29)
    assert midnight_ms(date(2025, 9, 30)) == evening_utc


def test_a_hand_over_is_due_at_the_end_of_the_fifth_working_day() -> None:
    finished = ms(2025, 9, 29, 10)
    due = handover_due_ms(finished, 5, HOLIDAYS, MAKE_UP)
    assert due == midnight_ms(date(2025, 10, 14))
    assert shanghai_date(due - 1) == date(2025, 10, 13)


@given(st.integers(0, 4_000_000_000_000))
def test_every_moment_lies_in_its_own_day(moment: int) -> None:
    begins = midnight_ms(shanghai_date(moment))
    assert begins <= moment < begins + DAY_MS
