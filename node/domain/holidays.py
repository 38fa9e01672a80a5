"""Holidays and make-up working days, as the State Council's notices (节假日安排) give them.

Here: one day, a table of days as centers import it, and which years are known. The notice for
a year comes out in the autumn before; until it is imported, that year's week-ends are plain.
Every notice has the National Day holiday, so a year is known when its 1 October is in the
table, and a stray 31 December of a neighbour's notice does not make it known.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from node.domain.refusal import Inadmissible
from node.domain.sheet import Table
from node.domain.tabular import Reading
from node.domain.workday import DAY_MS, WorkCalendar, shanghai_date

HORIZON_MS: Final = 45 * DAY_MS
"""So long ahead a year must be known: the notice is out by then, deadlines reach so far."""
MAX_NAME_CHARS: Final = 32  # 国庆节、中秋节
MAX_RUN_DAYS: Final = 31  # the longest holiday has nine days; more is a wrong year
FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2099  # where ``END_OF_TIME_MS`` lies
_NATIONAL_DAY: Final = (10, 1)
_SATURDAY: Final = 5

_ISO: Final = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?")


class DayKind(StrEnum):
    """What a notice says of a day."""

    OFF = "OFF"
    WORK = "WORK"

    @property
    def zh(self) -> str:
        """The notice's word."""
        return "放假" if self is DayKind.OFF else "上班"


@dataclass(frozen=True, slots=True)
class Holiday:
    """One day that is not as its day of the week is.

    Raises:
        Inadmissible: The name is empty or too long, or the year is out of range.
    """

    day: date
    kind: DayKind
    name: str

    def __post_init__(self) -> None:
        holiday_name(self.name)
        if not FIRST_YEAR <= self.day.year <= LAST_YEAR:
            raise Inadmissible(
                f"年份应在{FIRST_YEAR}至{LAST_YEAR}之间",
                f"the year must lie between {FIRST_YEAR} and {LAST_YEAR}",
            )


HEADINGS: Final = {
    "first": ("日期", "开始日期", "起始日期", "date", "from"),
    "last": ("结束日期", "截止日期", "until"),
    "name": ("名称", "节日", "节日名称", "name"),
    "kind": ("类型", "安排", "kind"),
}
_OPTIONAL: Final = frozenset({"last"})
_KINDS: Final = {
    "放假": DayKind.OFF,
    "休": DayKind.OFF,
    "休息": DayKind.OFF,
    "off": DayKind.OFF,
    "上班": DayKind.WORK,
    "班": DayKind.WORK,
    "调休上班": DayKind.WORK,
    "work": DayKind.WORK,
}


def check_notice(holiday: Holiday) -> Holiday:
    """Refuse what no notice says: that people work on a day on which they work anyway."""
    if holiday.kind is DayKind.WORK and holiday.day.weekday() < _SATURDAY:
        raise Inadmissible(
            f"{holiday.day}不是周末,本来就上班;“上班”只用于调休的周末",
            f"{holiday.day} is no week-end and is worked anyway; only make-up days are 上班",
        )
    return holiday


def holidays_from(table: Table) -> list[Holiday]:
    """The days of a table, each once, in order.

    A row is a day, or a run of days where it has a second date (结束日期).

    Raises:
        BadTable: Any heading missing, unknown or double; any cell that breaks a rule; a run
            that is backwards or too long; a day named twice. Nothing is to be imported then.
    """
    reading = Reading(table, HEADINGS, _OPTIONAL)
    found: dict[date, tuple[int, Holiday]] = {}
    for row in table.rows:
        values = reading.check(
            row, {"first": day_of, "last": _last, "name": holiday_name, "kind": kind_of}
        )
        first, last, kind = values.get("first"), values.get("last"), values.get("kind")
        name = values.get("name")
        if not isinstance(first, date) or not isinstance(kind, DayKind) or name is None:
            continue  # noted
        last = last if isinstance(last, date) else first
        if not 0 <= (last - first).days < MAX_RUN_DAYS:
            reading.problem(
                row,
                "last",
                f"结束日期应不早于开始日期,且一次不超过{MAX_RUN_DAYS}天",
                f"a run ends on or after its first day and has at most {MAX_RUN_DAYS} days",
            )
            continue
        for day in _run(first, last):
            before = found.get(day)
            if before is not None:
                reading.problem(
                    row,
                    "first",
                    f"{day}与第{before[0]}行重复",
                    f"{day} is in line {before[0]} too",
                )
                continue
            try:
                found[day] = row.line, check_notice(Holiday(day, kind, str(name)))
            except Inadmissible as error:
                reading.problem(row, "kind", error.zh, error.en)
    reading.finish()
    return [holiday for _, (_, holiday) in sorted(found.items())]


def known_years(days: Iterable[Holiday]) -> frozenset[int]:
    """The years that these days tell of: those whose National Day is among them."""
    return frozenset(
        each.day.year
        for each in days
        if each.kind is DayKind.OFF and (each.day.month, each.day.day) == _NATIONAL_DAY
    )


def calendar_of(days: Sequence[Holiday]) -> WorkCalendar:
    """The same days as arithmetic takes them."""
    return WorkCalendar(
        holidays=frozenset(each.day for each in days if each.kind is DayKind.OFF),
        workdays=frozenset(each.day for each in days if each.kind is DayKind.WORK),
        years=known_years(days),
    )


def unknown_years(calendar: WorkCalendar, start_ms: int, end_ms: int) -> list[int]:
    """The years between two moments, both in, whose holidays are not known."""
    years = range(shanghai_date(start_ms).year, shanghai_date(end_ms).year + 1)
    return [year for year in years if year not in calendar.years]


def day_of(text: str) -> date:
    """A date: ``2026-10-01``, ``2026/10/1``, ``2026年10月1日``.

    Raises:
        Inadmissible: No such date.
    """
    found = _ISO.fullmatch(text.strip())
    try:
        if found is not None:
            return date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        pass
    raise Inadmissible(
        f"“{text[:16]}”不是日期,应如2026-10-01", f"{text[:16]!r} is no date; write 2026-10-01"
    )


def kind_of(text: str) -> DayKind:
    """放假 or 上班. Raises Inadmissible."""
    found = _KINDS.get(text.strip().casefold())
    if found is None:
        raise Inadmissible(
            f"“{text[:16]}”无法识别,可填:放假、上班", f"{text[:16]!r} is neither OFF nor WORK"
        )
    return found


def holiday_name(text: str) -> str:
    """A holiday's name. Raises Inadmissible."""
    if not 0 < len(text) <= MAX_NAME_CHARS or not text.isprintable() or not text.strip():
        raise Inadmissible(
            f"节日名称应为1至{MAX_NAME_CHARS}个可见字符",
            f"a holiday's name has 1 to {MAX_NAME_CHARS} visible characters",
        )
    return text


def _last(text: str) -> date | None:
    return day_of(text) if text else None


def _run(first: date, last: date) -> Iterable[date]:
    return (first + timedelta(days=n) for n in range((last - first).days + 1))
