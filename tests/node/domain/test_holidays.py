"""Holiday tables: as notices give them, taken whole or not at all; and our own seed."""

import io
from datetime import date, datetime, timedelta
from importlib import resources

import openpyxl
import pytest

from node.domain.holidays import (
    DayKind,
    Holiday,
    calendar_of,
    holidays_from,
    known_years,
    unknown_years,
)
from node.domain.refusal import Inadmissible
from node.domain.sheet import BadTable, read_table
from node.domain.workday import midnight_ms


def read(text: str) -> list[Holiday]:
    return holidays_from(read_table("holidays.csv", text.encode()))


SEED = holidays_from(
    read_table(
        "holidays.csv", resources.files("node.store").joinpath("seed/holidays.csv").read_bytes()
    )
)


@pytest.mark.parametrize(("year", "off", "worked"), [(2025, 28, 5), (2026, 33, 6)])
def test_the_seed_has_as_many_days_as_the_notices(year: int, off: int, worked: int) -> None:
    days = [each for each in SEED if each.day.year == year]
    assert sum(each.kind is DayKind.OFF for each in days) == off
    assert sum(each.kind is DayKind.WORK for each in days) == worked
    assert year in known_years(days)


@pytest.mark.parametrize(("year", "working_days"), [(2025, 248), (2026, 248)])
def test_a_year_of_the_seed_has_the_working_days_that_the_law_leaves(
    year: int, working_days: int
) -> None:
    calendar = calendar_of(SEED)
    first = date(year, 1, 1)
    days = [first + timedelta(days=n) for n in range(365)]
    # 13 statutory days off (全国年节及纪念日放假办法, 2024), 104 days of week-ends.
    assert sum(calendar.works(day) for day in days) == working_days


def test_days_and_runs_are_read_in_every_spelling() -> None:
    days = read(
        "日期,结束日期,名称,类型\n2027/10/1,2027年10月3日,国庆节,放假\n2027-10-09,,国庆节,上班\n"
    )
    assert [(each.day.day, each.kind) for each in days] == [
        (1, DayKind.OFF),
        (2, DayKind.OFF),
        (3, DayKind.OFF),
        (9, DayKind.WORK),
    ]
    assert known_years(days) == {2027}


def test_a_sheet_with_real_dates_is_read() -> None:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.append(["date", "name", "kind"])
    book.active.append([datetime(2027, 10, 1), "国庆节", "OFF"])  # noqa: DTZ001 - as Excel has it
    buffer = io.BytesIO()
    book.save(buffer)
    (day,) = holidays_from(read_table("h.xlsx", buffer.getvalue(), dates=True))
    assert day == Holiday(date(2027, 10, 1), DayKind.OFF, "国庆节")
    with pytest.raises(BadTable, match="date or time"):
        read_table("h.xlsx", buffer.getvalue())


def test_every_bad_row_is_named_at_once() -> None:
    with pytest.raises(BadTable) as caught:
        read(
            "日期,结束日期,名称,类型\n"
            "2027-13-01,,国庆节,放假\n"
            "2027-10-01,2027-09-30,国庆节,放假\n"
            "2027-10-04,,国庆节,上班\n"
            "2027-10-05,,,放假\n"
            "2027-10-06,,国庆节,也许\n"
            "2027-10-07,2027-10-08,国庆节,放假\n"
            "2027-10-08,,国庆节,放假\n"
        )
    assert [(each.line, each.column) for each in caught.value.problems] == [
        (2, "日期"),
        (3, "结束日期"),
        (4, "类型"),
        (5, "名称"),
        (6, "类型"),
        (8, "日期"),
    ]


def test_a_missing_second_date_is_blamed_where_the_column_is() -> None:
    with pytest.raises(BadTable) as caught:
        read("日期,名称\n2027-10-01,国庆节\n")
    assert [each.column for each in caught.value.problems] == ["类型"]


def test_a_neighbours_new_years_eve_makes_no_year_known() -> None:
    assert known_years([Holiday(date(2022, 12, 31), DayKind.OFF, "元旦")]) == frozenset()
    known = calendar_of(SEED)
    start, end = midnight_ms(date(2026, 12, 1)), midnight_ms(date(2028, 1, 1))
    assert unknown_years(known, start, end) == [2027, 2028]
    assert known.knows(start)
    assert not known.knows(end)


def test_years_beyond_the_calendar_are_refused() -> None:
    with pytest.raises(Inadmissible, match="2099"):
        Holiday(date(2100, 10, 1), DayKind.OFF, "国庆节")
