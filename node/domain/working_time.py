"""Working time: when so many minutes of office hours have passed, over week-ends and holidays.

Here: arithmetic on unix milliseconds over office hours and a ``WorkCalendar``, both data.
Deadlines of people's work count so; deadlines of the protocol are wall-clock time and do not.
A day that is worked has the office hours, a week-end that makes up for a holiday as well.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from node.domain.spans import Span
from node.domain.workday import (
    DAY_MS,
    END_OF_TIME_MS,
    MAX_WORKING_DAYS,
    WorkCalendar,
    midnight_ms,
    shanghai_date,
)

MINUTE_MS: Final = 60_000
OFFICE_HOURS: Final[tuple[Span, ...]] = ((9 * 60, 12 * 60), (13 * 60, 17 * 60))
"""What counts until a center says otherwise: the hours that all of China's offices share."""
MAX_WORKING_MINUTES: Final = MAX_WORKING_DAYS * 24 * 60  # beyond, somebody mixed up units


def add_working_minutes(
    start_ms: int, minutes: int, calendar: WorkCalendar, hours: tuple[Span, ...] = OFFICE_HOURS
) -> int:
    """When ``minutes`` of working time have passed since ``start_ms``.

    Args:
        start_ms: Unix milliseconds, at any hour of any day.
        minutes: 0 or more; 0 gives ``start_ms`` itself.
        calendar: Which days are worked.
        hours: The spans of a day that is worked; at least one.

    Returns:
        The first moment by which they have passed: within office hours, or at their end.

    Raises:
        ValueError: A number out of range, no office hours, or an end beyond 2100.
    """
    if not 0 <= minutes <= MAX_WORKING_MINUTES:
        raise ValueError(f"{minutes} working minutes is out of 0 to {MAX_WORKING_MINUTES}")
    if not hours:
        raise ValueError("no office hours: no working time ever passes")
    left_ms = minutes * MINUTE_MS
    if left_ms == 0:
        return start_ms
    for opens_ms, closes_ms in _worked(start_ms, END_OF_TIME_MS, calendar, hours):
        if closes_ms - opens_ms >= left_ms:
            return opens_ms + left_ms
        left_ms -= closes_ms - opens_ms
    raise ValueError(f"{minutes} working minutes from {start_ms} end after the year 2099")


def working_ms_between(
    start_ms: int, end_ms: int, calendar: WorkCalendar, hours: tuple[Span, ...] = OFFICE_HOURS
) -> int:
    """How much working time, in milliseconds, lies between two moments; 0 if backwards."""
    return sum(
        closes_ms - opens_ms for opens_ms, closes_ms in _worked(start_ms, end_ms, calendar, hours)
    )


def halfway_ms(
    start_ms: int, end_ms: int, calendar: WorkCalendar, hours: tuple[Span, ...] = OFFICE_HOURS
) -> int:
    """When half of the working time between two moments has passed, to the minute.

    Where there is not a minute of it, as between a Hold that came at night and the end of its
    promise, half of the time itself counts.
    """
    half = working_ms_between(start_ms, end_ms, calendar, hours) // 2 // MINUTE_MS
    if half:
        return add_working_minutes(start_ms, half, calendar, hours)
    return start_ms + max(0, end_ms - start_ms) // 2


def _worked(
    start_ms: int, end_ms: int, calendar: WorkCalendar, hours: tuple[Span, ...]
) -> Iterator[tuple[int, int]]:
    """The stretches of working time between two moments, in order."""
    day: date = shanghai_date(start_ms)
    begins_ms = midnight_ms(day)
    while begins_ms < end_ms:
        if calendar.works(day):
            for opens, closes in hours:
                opens_ms = max(start_ms, begins_ms + opens * MINUTE_MS)
                closes_ms = min(end_ms, begins_ms + closes * MINUTE_MS)
                if opens_ms < closes_ms:
                    yield opens_ms, closes_ms
        day += timedelta(days=1)
        begins_ms += DAY_MS
