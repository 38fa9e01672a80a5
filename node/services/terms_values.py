"""The values that people write into an agreement's file: durations, dates, yuan, times of day.

Each function takes what TOML or JSON gave and answers the protocol's number, or raises
ValueError with one sentence that says how it is written. No key has two ways to be written.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from enum import IntEnum
from typing import Any, Final, TypeVar

from federation.protocol.terms import DAY_MINUTES, DAY_MS, HOUR_MS, MAX_FEN, MINUTE_MS, Contact
from node.domain.workday import midnight_ms

_DURATION: Final = re.compile(
    r"(?:(\d{1,5})d)?(?:(\d{1,5})h)?(?:(\d{1,5})m)?(?:(\d{1,5})s)?", re.ASCII
)
_TIME: Final = re.compile(r"(\d{2}):(\d{2})", re.ASCII)
_YUAN: Final = re.compile(r"\d{1,12}(\.\d{1,2})?", re.ASCII)
_FEN: Final = 100
_HOUR_MINUTES: Final = 60
_SECOND_MS: Final = 1_000
_CONTACT: Final = frozenset({"duty", "name", "phone"})
_LAST_YEAR: Final = 2_099  # as long as a moment on the wire may lie ahead

E = TypeVar("E", bound=IntEnum)


def _wrong(sentence: str) -> ValueError:
    return ValueError(sentence)  # of whatever type the value is: it is the person's text


def text(value: Any) -> str:
    """A sentence or a name."""
    if not isinstance(value, str):
        raise _wrong('应为带引号的文字 · must be text in quotes: "…"')
    return value.strip()


def texts(value: Any) -> tuple[str, ...]:
    """A list of texts."""
    return tuple(text(each) for each in _listed(value))


def flag(value: Any) -> bool:
    """Yes or no."""
    if not isinstance(value, bool):
        raise _wrong("应为 true 或 false · must be true or false")
    return value


def number(value: Any) -> int:
    """A whole number."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong("应为整数 · must be a whole number")
    return value


def numbers(value: Any) -> tuple[int, ...]:
    """A list of whole numbers."""
    return tuple(number(each) for each in _listed(value))


def as_ms(value: Any) -> int:
    """A duration in milliseconds: ``"3d"``, ``"4h"``, ``"1h30m"``, ``"0m"``."""
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if not found or not value:
        raise _wrong('时长应写作 "3d"、"4h"、"1h30m" · a duration is written "3d", "4h" or "1h30m"')
    units = (DAY_MS, HOUR_MS, MINUTE_MS, _SECOND_MS)
    return sum(int(part or 0) * unit for part, unit in zip(found.groups(), units, strict=True))


def as_minutes(value: Any) -> int:
    """A duration in whole minutes, written as for ``as_ms``."""
    minutes, rest = divmod(as_ms(value), MINUTE_MS)
    if rest:
        raise _wrong("应为整分钟 · must be whole minutes")
    return minutes


def as_time(value: Any) -> int:
    """A time of day, ``"08:30"`` to ``"24:00"``, in minutes."""
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    minutes = int(found[1]) * _HOUR_MINUTES + int(found[2]) if found else DAY_MINUTES + 1
    if not found or int(found[2]) >= _HOUR_MINUTES or minutes > DAY_MINUTES:
        raise _wrong('时刻应写作 "08:30" · a time of day is written "08:30"')
    return minutes


def as_fen(value: Any) -> int:
    """An amount in yuan, ``400`` or ``"400.50"``, in fen."""
    wrong = '金额单位为元,写作 400 或 "400.50" · an amount is in yuan: 400 or "400.50"'
    written = isinstance(value, str) and _YUAN.fullmatch(value)
    if not written and (isinstance(value, bool) or not isinstance(value, int)):
        raise _wrong(wrong)
    fen = int(Decimal(value) * _FEN)
    if abs(fen) > MAX_FEN:
        raise _wrong(wrong)
    return fen


def as_day_ms(value: Any) -> int:
    """The first moment of a day in Beijing, unix milliseconds; ISO: ``2027-01-01``."""
    return midnight_ms(_day(value))


def as_last_ms(value: Any) -> int:
    """The last moment of a day in Beijing, unix milliseconds."""
    return midnight_ms(_day(value) + timedelta(days=1)) - 1


def choice(kind: type[E]) -> Callable[[Any], E]:
    """One of an enumeration, by its name."""

    def parse(value: Any) -> E:
        found = kind.__members__.get(value) if isinstance(value, str) else None
        if found is None:
            names = ", ".join(kind.__members__)
            raise _wrong(f"应为其中之一 · must be one of {names}")
        return found

    return parse


def choices(kind: type[E]) -> Callable[[Any], tuple[E, ...]]:
    """Several of an enumeration, by their names."""
    one = choice(kind)
    return lambda value: tuple(one(each) for each in _listed(value))


def _listed(value: Any) -> Sequence[Any]:
    if not isinstance(value, list | tuple):
        raise _wrong("应为列表 · must be a list: […]")
    return value


def _day(value: Any) -> date:
    wrong = "日期应写作 2027-01-01 · a date is written 2027-01-01"
    if isinstance(value, str):
        try:
            found = date.fromisoformat(value)
        except ValueError as error:
            raise _wrong(wrong) from error
        value = found if found.isoformat() == value else None  # ISO 8601 has other forms, too
    # A datetime is a date, too; its time of day would be lost.
    if type(value) is not date or value.year > _LAST_YEAR:
        raise _wrong(wrong)
    return value


def contacts(value: Any) -> tuple[Contact, ...]:
    """A list of tables with ``name`` and ``phone``, and ``duty`` where there are several."""
    return tuple(_contact(each) for each in _listed(value))


def _contact(value: Any) -> Contact:
    if not isinstance(value, Mapping) or not {"name", "phone"} <= set(value) <= _CONTACT:
        raise _wrong(
            '联系人写作 {duty = "预约", name = "张工", phone = "…"}'
            " · a contact has duty, name and phone"
        )
    return Contact(text(value.get("duty", "")), text(value["name"]), text(value["phone"]))
