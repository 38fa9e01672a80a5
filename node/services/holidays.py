"""Holidays of this center: imported from notices, edited by hand, and missed before they matter.

The data of the notices that came out before this version ship with it and are put in for
years that nothing is known of. A year whose notice is missing has plain week-ends, and is told
of: in answers of the API, by a to-do for the operator, by ``/readyz?verbose`` and a metric.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Any, Final

from node.domain.holidays import (
    HORIZON_MS,
    Holiday,
    calendar_of,
    check_notice,
    holidays_from,
    known_years,
    unknown_years,
)
from node.domain.sheet import read_table
from node.domain.workday import DAY_MS
from node.services.accounts import Role
from node.services.errands import Handler, Result
from node.services.house import Desk
from node.services.todos import BY_SYSTEM
from node.store import errands, todos, workdays

UNKNOWN: Final = "holidays_unknown"
"""The to-do that asks the operator for a year's notice."""
WATCH: Final = "watch_holidays"
"""The errand that looks, and leaves itself for the next day."""
_SEED: Final = "seed/holidays.csv"


@dataclass(frozen=True, slots=True)
class Change:
    """What an import would do, or has done, to the days of the notices.

    Attributes:
        added: New days.
        changed: Days with another kind or name than before.
        removed: Days that a whole year in the table does not name any more.
        same: How many days are as they were.
        years: The years that are known after it.
        unknown: The years that will soon matter and are not known after it either.
    """

    added: tuple[Holiday, ...]
    changed: tuple[Holiday, ...]
    removed: tuple[Holiday, ...]
    same: int
    years: tuple[int, ...]
    unknown: tuple[int, ...]


class Holidays:
    """The holidays that working time is counted by."""

    def days(self, desk: Desk, year: int | None = None) -> list[Holiday]:
        """The days of the notices, of one year or all, in order."""
        return workdays.notices(desk.ledger.connection, year)

    def own(self, desk: Desk) -> list[Holiday]:
        """The days that our configuration names; they count before the notices'."""
        return workdays.own(desk.ledger.connection)

    def years(self, desk: Desk) -> list[int]:
        """The years whose notice is in."""
        return sorted(workdays.calendar(desk.ledger.connection).years)

    def unknown(self, desk: Desk) -> list[int]:
        """The years that will soon matter and whose notice is not in."""
        calendar = workdays.calendar(desk.ledger.connection)
        return unknown_years(calendar, desk.now_ms, desk.now_ms + HORIZON_MS)

    def preview(self, desk: Desk, days: Sequence[Holiday]) -> Change:
        """What importing these days would do. Changes nothing."""
        before = {each.day: each for each in self.days(desk)}
        named = {each.day: each for each in days}
        whole = known_years(days)
        removed = tuple(
            each for day, each in before.items() if day.year in whole and day not in named
        )
        after = [
            *named.values(),
            *(e for d, e in before.items() if d not in named and e not in removed),
        ]
        calendar = calendar_of(after)
        return Change(
            added=tuple(each for day, each in named.items() if day not in before),
            changed=tuple(e for d, e in named.items() if d in before and before[d] != e),
            removed=removed,
            same=sum(before.get(day) == each for day, each in named.items()),
            years=tuple(sorted(calendar.years)),
            unknown=tuple(unknown_years(calendar, desk.now_ms, desk.now_ms + HORIZON_MS)),
        )

    def take(self, desk: Desk, days: Sequence[Holiday]) -> Change:
        """Import days, all of them.

        A table that tells a whole year, so has its National Day, replaces what was known of
        that year, as a later notice does; other days are added or changed.
        """
        change = self.preview(desk, days)
        workdays.remove(desk.ledger.connection, [each.day for each in change.removed])
        workdays.put(desk.ledger.connection, days, desk.now_ms)
        self.check(desk)
        return change

    def edit(self, desk: Desk, day: date, holiday: Holiday | None) -> None:
        """Change one day; None makes it ordinary again. Raises Inadmissible."""
        if holiday is None:
            workdays.remove(desk.ledger.connection, [day])
        else:
            workdays.put(desk.ledger.connection, [check_notice(holiday)], desk.now_ms)
        self.check(desk)

    def start(self, desk: Desk, off: frozenset[date], work: frozenset[date]) -> None:
        """At every start: seed the years that nothing is known of, and look every day.

        Args:
            desk: The floor.
            off: The days off of our configuration (``policy.holidays``).
            work: The worked days of our configuration (``policy.workdays``).
        """
        connection = desk.ledger.connection
        known = workdays.calendar(connection).years
        workdays.put(
            connection, [each for each in seed() if each.day.year not in known], desk.now_ms
        )
        workdays.set_own(connection, off, work, desk.now_ms)
        self.check(desk)
        _leave(desk)

    def check(self, desk: Desk) -> None:
        """Leave a to-do for each year that will soon matter and is not known; close others."""
        connection = desk.ledger.connection
        unknown = self.unknown(desk)
        for year in self.years(desk):
            _done(desk, year)
        for year in unknown:
            todos.add(
                connection,
                role=Role.OPERATOR.value,
                kind=UNKNOWN,
                subject=str(year).encode(),
                zh=f"尚无{year}年节假日安排,工作日按普通周末计算:"
                "请导入国务院办公厅通知(lianping calendar holidays import FILE)",
                en=f"the holidays of {year} are not known, plain week-ends count: import the "
                "State Council's notice (`lianping calendar holidays import FILE`)",
                now_ms=desk.now_ms,
            )

    def handlers(self) -> Mapping[str, Handler]:
        """The errand that looks every day."""
        return {WATCH: self._watch}

    async def _watch(self, _key: str, _argument: dict[str, Any]) -> Result:
        def look(desk: Desk) -> None:
            self.check(desk)
            _leave(desk)

        return look


@cache
def seed() -> tuple[Holiday, ...]:
    """The days of the notices that came out before this version; the file names them."""
    raw = resources.files("node.store").joinpath(_SEED).read_bytes()
    return tuple(holidays_from(read_table("holidays.csv", raw)))


def _leave(desk: Desk) -> None:
    at_ms = desk.now_ms + DAY_MS
    errands.add(
        desk.ledger.connection,
        kind=WATCH,
        key=f"{WATCH}:day {at_ms // DAY_MS}",
        argument={},
        not_before_ms=at_ms,
    )


def _done(desk: Desk, year: int) -> None:
    todos.done(
        desk.ledger.connection,
        kind=UNKNOWN,
        subject=str(year).encode(),
        by=BY_SYSTEM,
        now_ms=desk.now_ms,
    )
