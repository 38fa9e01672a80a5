"""When a venue or a room is open: hours by day of the week, and what a holiday does to them.

Here: whether a window lies within opening hours. Who says nothing is always open. A window
over midnight is an overnight evaluation (隔夜评标): it needs a room for staying overnight, and
is not cut by the hours; people must only be able to come in when it begins. Not here:
maintenance, and which seats are taken.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from node.domain.calendar import Window
from node.domain.spans import DAY_MINUTES, Span, check
from node.domain.workday import WorkCalendar, midnight_ms, shanghai_date

MINUTE_MS: Final = 60_000


class Day(StrEnum):
    """What a timetable has a line for."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"
    HOLIDAY = "holiday"
    MAKE_UP = "make_up"

    @property
    def zh(self) -> str:
        """The word people use."""
        return _ZH[self]


_WEEK: Final = (Day.MON, Day.TUE, Day.WED, Day.THU, Day.FRI, Day.SAT, Day.SUN)
_ZH: Final[Mapping[Day, str]] = {
    Day.MON: "周一",
    Day.TUE: "周二",
    Day.WED: "周三",
    Day.THU: "周四",
    Day.FRI: "周五",
    Day.SAT: "周六",
    Day.SUN: "周日",
    Day.HOLIDAY: "节假日",
    Day.MAKE_UP: "调休上班日",
}
_WEEKEND: Final = frozenset({Day.SAT, Day.SUN})


@dataclass(frozen=True, slots=True)
class Hours:
    """Opening hours. A day that is not named is a day on which it is closed.

    A holiday has the hours of ``HOLIDAY``, so is closed unless they are given. A week-end that
    is worked has those of ``MAKE_UP``, or of Monday where these are not given. No day at all
    means: always open.

    Raises:
        Inadmissible: See ``node.domain.spans.check``.
    """

    days: Mapping[Day, tuple[Span, ...]]

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "days", {day: check(spans) for day, spans in self.days.items() if spans}
        )

    @property
    def always(self) -> bool:
        """Whether nothing was said, so that it is open at all times."""
        return not self.days

    def on(self, day: date, calendar: WorkCalendar) -> tuple[Span, ...]:
        """The spans of one date."""
        if self.always:
            return ((0, DAY_MINUTES),)
        weekday = _WEEK[day.weekday()]
        if day in calendar.workdays:
            if weekday in _WEEKEND or day in calendar.holidays:
                return self.days.get(Day.MAKE_UP, self.days.get(Day.MON, ()))
        elif day in calendar.holidays:
            return self.days.get(Day.HOLIDAY, ())
        return self.days.get(weekday, ())


ALWAYS: Final = Hours({})


def stays_overnight(window: Window) -> bool:
    """Whether a window goes over midnight in Asia/Shanghai; ending at midnight does not."""
    return shanghai_date(window.start_ms) != shanghai_date(window.end_ms - 1)


def is_open(hours: Hours, window: Window, calendar: WorkCalendar) -> bool:
    """Whether a window can be held: all of it, or where it goes over midnight its beginning."""
    day = shanghai_date(window.start_ms)
    begins_ms = midnight_ms(day)
    end_ms = window.start_ms + 1 if stays_overnight(window) else window.end_ms
    return any(
        begins_ms + opens * MINUTE_MS <= window.start_ms
        and end_ms <= begins_ms + closes * MINUTE_MS
        for opens, closes in hours.on(day, calendar)
    )
