"""Windows, slots, and the earliest lawful draw."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from node.domain.calendar import (
    HALF_DAY_MS,
    HOUR_MS,
    MAX_OFFSET,
    MAX_WINDOW_MS,
    SLOT_MS,
    Anchor,
    DrawWindow,
    Unit,
    Window,
    check_window,
    earliest_draw_ms,
    slots,
)
from node.domain.refusal import Inadmissible
from node.domain.workday import DAY_MS, END_OF_TIME_MS

GANSU = DrawWindow(Anchor.BID_DEADLINE, 1, Unit.HALF_DAY)
CHONGQING = DrawWindow(Anchor.EVALUATION_START, 24, Unit.HOUR)
PROCUREMENT = DrawWindow(Anchor.EVALUATION_START, 2, Unit.WORKING_DAY)
NONE: frozenset[date] = frozenset()


def shanghai(year: int, month: int, day: int, hour: int) -> int:
    zone = timezone(timedelta(hours=8))
    return int(datetime(year, month, day, hour, tzinfo=zone).astimezone(UTC).timestamp()) * 1000


WINDOWS = st.builds(
    lambda start, length: Window(start, start + length),
    st.integers(0, 2_000_000_000_000),
    st.integers(1, MAX_WINDOW_MS),
)


@given(WINDOWS)
def test_the_slots_cover_the_window_and_no_slot_is_idle(window: Window) -> None:
    numbers = slots(window)
    assert numbers[0] * SLOT_MS <= window.start_ms < (numbers[0] + 1) * SLOT_MS
    assert numbers[-1] * SLOT_MS < window.end_ms <= (numbers[-1] + 1) * SLOT_MS
    assert len(numbers) <= MAX_WINDOW_MS // SLOT_MS + 1


@given(WINDOWS, st.integers(-SLOT_MS * 3, SLOT_MS * 3), st.integers(1, SLOT_MS * 4))
def test_windows_that_overlap_share_a_slot(window: Window, shift: int, length: int) -> None:
    start = window.start_ms + shift
    assume(start >= 0)
    other = Window(start, start + length)
    assert window.overlaps(other) == other.overlaps(window)
    if window.overlaps(other):
        assert set(slots(window)) & set(slots(other))


def test_windows_that_only_touch_share_nothing_on_the_half_hour() -> None:
    first, second = Window(0, SLOT_MS), Window(SLOT_MS, 2 * SLOT_MS)
    assert not first.overlaps(second)
    assert list(slots(first)) == [0]
    assert list(slots(second)) == [1]


@pytest.mark.parametrize(
    ("start", "end"), [(5, 5), (6, 5), (-1, 5), (END_OF_TIME_MS - 1, END_OF_TIME_MS + 1)]
)
def test_impossible_windows_are_refused(start: int, end: int) -> None:
    with pytest.raises(Inadmissible, match="晚于开始"):
        Window(start, end)


def test_a_window_lasts_five_days_at_most() -> None:
    Window(0, MAX_WINDOW_MS)
    with pytest.raises(Inadmissible, match="5天"):
        Window(0, MAX_WINDOW_MS + 1)


def test_a_window_begins_no_sooner_than_the_lead_time() -> None:
    window = Window(10 * HOUR_MS, 12 * HOUR_MS)
    check_window(window, 2 * HOUR_MS, 8 * HOUR_MS)
    check_window(window, 10 * HOUR_MS, 0)
    with pytest.raises(Inadmissible, match="提前8小时"):
        check_window(window, 2 * HOUR_MS + 1, 8 * HOUR_MS)
    with pytest.raises(Inadmissible, match="已过"):
        check_window(window, 10 * HOUR_MS + 1, 0)


def test_gansu_draws_from_half_a_day_before_the_deadline() -> None:
    deadline, start = shanghai(2025, 10, 9, 9), shanghai(2025, 10, 9, 14)
    assert earliest_draw_ms([GANSU], deadline, start, NONE) == deadline - HALF_DAY_MS


def test_chongqing_draws_from_a_day_before_evaluation() -> None:
    start = shanghai(2025, 10, 9, 14)
    assert earliest_draw_ms([CHONGQING], start - HOUR_MS, start, NONE) == start - DAY_MS


def test_procurement_counts_working_days_back_across_holidays() -> None:
    holidays = frozenset(date(2025, 10, day) for day in range(1, 9))
    start = shanghai(2025, 10, 9, 14)
    assert earliest_draw_ms([PROCUREMENT], 0, start, holidays) == shanghai(2025, 9, 29, 14)
    worked = frozenset({date(2025, 10, 5)})
    assert earliest_draw_ms([PROCUREMENT], 0, start, holidays, worked) == shanghai(2025, 9, 30, 14)


@given(st.permutations([GANSU, CHONGQING, PROCUREMENT]), st.integers(0, 72))
def test_the_stricter_side_wins_in_either_order(rules: list[DrawWindow], gap_hours: int) -> None:
    deadline = shanghai(2025, 11, 5, 9)
    start = deadline + gap_hours * HOUR_MS
    each = [earliest_draw_ms([rule], deadline, start, NONE) for rule in rules]
    assert earliest_draw_ms(rules, deadline, start, NONE) == max(each)


def test_a_forgotten_rule_does_not_pass_for_permission() -> None:
    with pytest.raises(ValueError, match="no rule"):
        earliest_draw_ms([], 0, 0, NONE)


@pytest.mark.parametrize("offset", [-1, MAX_OFFSET + 1])
def test_an_absurd_offset_is_refused(offset: int) -> None:
    with pytest.raises(Inadmissible, match="提前量"):
        DrawWindow(Anchor.BID_DEADLINE, offset, Unit.HOUR)
