"""Spans of a day in minutes from midnight: office hours and opening hours are made of them.

A minute of the day is a number from 0 to 1440, so that a day that never closes is one span
from 0 to 1440. Not here: which days have which spans (``node.domain.opening``).
"""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

from node.domain.refusal import Inadmissible

DAY_MINUTES: Final = 1_440
MAX_SPANS: Final = 8  # of one day: morning, afternoon, evening, and room for more

Span = tuple[int, int]
"""(from, to) in minutes from midnight; ``to`` is not within."""

_CLOCK: Final = re.compile(r"(\d{1,2}):(\d{2})")


def minute(text: str) -> int:
    """A time of day as minutes: ``08:30`` is 510, ``24:00`` is 1440.

    Raises:
        Inadmissible: No such time.
    """
    found = _CLOCK.fullmatch(text.strip())
    value = -1 if found is None else int(found[1]) * 60 + int(found[2])
    if found is None or int(found[2]) >= 60 or not 0 <= value <= DAY_MINUTES:  # noqa: PLR2004
        raise Inadmissible(
            f"“{text.strip()[:16]}”不是时刻,应如08:30,一日之终为24:00",
            f"{text.strip()[:16]!r} is no time of day; write 08:30, and 24:00 for the day's end",
        )
    return value


def clock(minutes: int) -> str:
    """The other way round: 510 is ``08:30``."""
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def check(spans: Sequence[Span]) -> tuple[Span, ...]:
    """The spans of one day in order, those that touch made one.

    Raises:
        Inadmissible: One is empty or backwards, two overlap, or there are too many.
    """
    if len(spans) > MAX_SPANS:
        raise Inadmissible(
            f"一天最多{MAX_SPANS}个时段", f"a day has at most {MAX_SPANS} spans of hours"
        )
    for start, end in spans:
        if not 0 <= start < end <= DAY_MINUTES:
            raise Inadmissible(
                f"时段{clock(start)}-{clock(end)}有误:结束须晚于开始",
                f"{clock(start)}-{clock(end)} is no span: it must end after it begins",
            )
    ordered = sorted(spans)
    for (_, end), (start, _) in pairwise(ordered):
        if start < end:
            raise Inadmissible(
                f"时段在{clock(start)}重叠", f"two spans overlap at {clock(start)}; merge them"
            )
    return merged(ordered)


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Spans in order, with those that touch or overlap made one."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return tuple(found)
