"""Working days, as China has them: holidays shift, and some week-ends are worked instead.

Here: arithmetic over two sets of dates, which the State Council announces every autumn for
the year to come (节假日安排) and which are therefore data, given as arguments. Not here:
those dates. Dates of the law are days in Asia/Shanghai, which has been UTC+8 without summer
time since 1992.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final

SHANGHAI: Final = timezone(timedelta(hours=8), "Asia/Shanghai")
DAY_MS: Final = 86_400_000
MAX_WORKING_DAYS: Final = 400  # more than a year of them: a wrong unit, not a rule of law
END_OF_TIME_MS: Final = 4_102_444_800_000  # 2100-01-01 UTC; beyond, someone mixed up units

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SATURDAY: Final = 5


@dataclass(frozen=True, slots=True)
class WorkCalendar:
    """What is known of holidays; a year that nothing is known of has plain week-ends.

    Attributes:
        holidays: See ``is_working_day``.
        workdays: See ``is_working_day``.
        years: The years whose holidays are known (``node.domain.holidays.known_years``).
    """

    holidays: frozenset[date] = frozenset()
    workdays: frozenset[date] = frozenset()
    years: frozenset[int] = frozenset()

    def works(self, day: date) -> bool:
        """Whether a day is worked; see ``is_working_day``."""
        return is_working_day(day, self.holidays, self.workdays)

    def knows(self, ms: int) -> bool:
        """Whether the holidays of the year of a moment are known."""
        return shanghai_date(ms).year in self.years


def is_working_day(
    day: date, holidays: AbstractSet[date], workdays: AbstractSet[date] = frozenset()
) -> bool:
    """Whether ``day`` is worked.

    Args:
        day: A date in Asia/Shanghai.
        holidays: Days off beside the week-ends.
        workdays: Week-end days worked to make up for a holiday (调休). A day in both sets is
            worked: the make-up announcement is the later and more particular one.
    """
    return day in workdays or (day.weekday() < _SATURDAY and day not in holidays)


def add_working_days(
    day: date, n: int, holidays: AbstractSet[date], workdays: AbstractSet[date] = frozenset()
) -> date:
    """The ``n``-th working day after ``day``, or before it if ``n`` is negative.

    The day itself does not count (民法典第二百零一条: a period begins the next day). With
    ``n`` 0 the answer is ``day``, worked or not.

    Raises:
        ValueError: More than ``MAX_WORKING_DAYS`` either way.
    """
    if abs(n) > MAX_WORKING_DAYS:
        raise ValueError(f"{n} working days is out of range; at most {MAX_WORKING_DAYS}")
    step = timedelta(days=1 if n > 0 else -1)
    left = abs(n)
    while left:
        day += step
        left -= is_working_day(day, holidays, workdays)
    return day


def shanghai_date(ms: int) -> date:
    """The date in Asia/Shanghai at unix time ``ms`` (milliseconds)."""
    return (_EPOCH + timedelta(milliseconds=ms)).astimezone(SHANGHAI).date()


def local_time(ms: int) -> str:
    """A moment for people, in Beijing time: ``2026-05-06 20:00``."""
    return (_EPOCH + timedelta(milliseconds=ms)).astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")


def midnight_ms(day: date) -> int:
    """Unix milliseconds at which ``day`` begins in Asia/Shanghai."""
    begins = datetime(day.year, day.month, day.day, tzinfo=SHANGHAI)
    return (begins - _EPOCH) // timedelta(milliseconds=1)


def handover_due_ms(
    finished_ms: int,
    days: int,
    holidays: AbstractSet[date],
    workdays: AbstractSet[date] = frozenset(),
) -> int:
    """When a sub's material must have been handed over (five working days, by practice).

    Args:
        finished_ms: When the evaluation ended, unix milliseconds.
        days: Working days the agreement gives, 0 or more.
        holidays: See ``is_working_day``.
        workdays: See ``is_working_day``.

    Returns:
        The end of the last day in Asia/Shanghai: the first millisecond that is too late.

    Raises:
        ValueError: ``days`` is negative or more than ``MAX_WORKING_DAYS``.
    """
    if days < 0:
        raise ValueError(f"a hand-over cannot be due {-days} days before the end")
    last = add_working_days(shanghai_date(finished_ms), days, holidays, workdays)
    return midnight_ms(last) + DAY_MS
