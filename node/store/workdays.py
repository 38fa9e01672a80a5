"""Holidays and hours: what the calendar's arithmetic is done with. SQL only.

Which days are off is said by the State Council's notices, which are imported, and before
them by the center's own days, which its configuration names.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Final

from node.domain.holidays import DayKind, Holiday, calendar_of
from node.domain.opening import Day, Hours
from node.domain.spans import Span
from node.domain.workday import WorkCalendar
from node.domain.working_time import OFFICE_HOURS

NOTICE: Final = "NOTICE"
OWN: Final = "OWN"
OFFICE: Final = "office"
"""The scope of the office hours, which hold on every day that is worked."""


def venue_scope(venue: str) -> str:
    """The scope of a venue's hours, by the catalogue's id."""
    return f"venue:{int(venue)}"


def room_scope(room: str) -> str:
    """The scope of a room's hours, by the catalogue's id."""
    return f"room:{int(room)}"


def notices(connection: sqlite3.Connection, year: int | None = None) -> list[Holiday]:
    """The days of the notices, of one year or all, in order."""
    rows = connection.execute(
        "SELECT day, kind, name FROM holiday WHERE origin = ? AND (? IS NULL OR day LIKE ?)"
        " ORDER BY day",
        (NOTICE, year, f"{year}-%"),
    ).fetchall()
    return [_holiday(*row) for row in rows]


def own(connection: sqlite3.Connection) -> list[Holiday]:
    """The center's own days, in order."""
    rows = connection.execute(
        "SELECT day, kind, name FROM holiday WHERE origin = ? ORDER BY day", (OWN,)
    ).fetchall()
    return [_holiday(*row) for row in rows]


def put(connection: sqlite3.Connection, days: Iterable[Holiday], now_ms: int) -> None:
    """Store days of a notice, new or changed."""
    connection.executemany(
        "INSERT INTO holiday (day, origin, kind, name, changed_at_ms) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (day, origin) DO UPDATE SET kind = excluded.kind, name = excluded.name,"
        " changed_at_ms = excluded.changed_at_ms",
        [(each.day.isoformat(), NOTICE, each.kind.value, each.name, now_ms) for each in days],
    )


def remove(connection: sqlite3.Connection, days: Iterable[date]) -> None:
    """Make days of the notices ordinary again."""
    connection.executemany(
        "DELETE FROM holiday WHERE day = ? AND origin = ?",
        [(day.isoformat(), NOTICE) for day in days],
    )


def set_own(
    connection: sqlite3.Connection, off: Iterable[date], work: Iterable[date], now_ms: int
) -> None:
    """Store the center's own days in place of those there were."""
    connection.execute("DELETE FROM holiday WHERE origin = ?", (OWN,))
    kinds = dict.fromkeys(off, DayKind.OFF) | dict.fromkeys(work, DayKind.WORK)
    connection.executemany(
        "INSERT INTO holiday (day, origin, kind, name, changed_at_ms) VALUES (?, ?, ?, ?, ?)",
        [
            (day.isoformat(), OWN, kind.value, "本中心配置", now_ms)
            for day, kind in sorted(kinds.items())
        ],
    )


def calendar(connection: sqlite3.Connection) -> WorkCalendar:
    """What counts: the notices, and before them our own days."""
    said, ours = calendar_of(notices(connection)), own(connection)
    off = {each.day for each in ours if each.kind is DayKind.OFF}
    work = {each.day for each in ours if each.kind is DayKind.WORK}
    return WorkCalendar(
        holidays=(said.holidays - work) | off,
        workdays=(said.workdays - off) | work,
        years=said.years,
    )


def hours(connection: sqlite3.Connection) -> dict[str, Hours]:
    """Every scope's hours; a scope that is not there has none of its own."""
    found: dict[str, dict[Day, tuple[Span, ...]]] = {}
    for scope, day, opens, closes in connection.execute(
        "SELECT scope, day, opens, closes FROM opening WHERE scope <> ? ORDER BY scope, day, opens",
        (OFFICE,),
    ):
        days = found.setdefault(scope, {})
        days[Day(day)] = (*days.get(Day(day), ()), (opens, closes))
    return {scope: Hours(days) for scope, days in found.items()}


def set_hours(
    connection: sqlite3.Connection, scope: str, days: Mapping[Day, Sequence[Span]]
) -> None:
    """Store a scope's hours in place of those there were."""
    connection.execute("DELETE FROM opening WHERE scope = ?", (scope,))
    connection.executemany(
        "INSERT INTO opening (scope, day, opens, closes) VALUES (?, ?, ?, ?)",
        [
            (scope, day.value, opens, closes)
            for day, spans in days.items()
            for opens, closes in spans
        ],
    )


def office_hours(connection: sqlite3.Connection) -> tuple[Span, ...]:
    """The office hours of a day that is worked."""
    rows = connection.execute(
        "SELECT opens, closes FROM opening WHERE scope = ? ORDER BY opens", (OFFICE,)
    ).fetchall()
    return tuple((opens, closes) for opens, closes in rows) or OFFICE_HOURS


def set_office_hours(connection: sqlite3.Connection, spans: Sequence[Span]) -> None:
    """Store the office hours; none means the usual ones."""
    set_hours(connection, OFFICE, {Day.MON: spans})


def _holiday(day: str, kind: str, name: str) -> Holiday:
    return Holiday(date.fromisoformat(day), DayKind(kind), name)
