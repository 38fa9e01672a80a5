"""Windows of time, the half-hour slots they occupy, and when a draw may begin.

Here: unix milliseconds in, unix milliseconds or slot numbers out. Seats are reserved slot by
slot, so that the store's unique key on (seat, slot) is the whole of double-booking
prevention; a window that touches a slot occupies it. Not here: the clock, and the bookings.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from node.domain.refusal import Inadmissible
from node.domain.workday import (
    DAY_MS,
    END_OF_TIME_MS,
    add_working_days,
    midnight_ms,
    shanghai_date,
)

SLOT_MS: Final = 1_800_000  # 30 minutes: published schedules start on the half-hour
MAX_WINDOW_MS: Final = 5 * DAY_MS  # longest evaluations take days, none a week
HALF_DAY_MS: Final = DAY_MS // 2  # 12 hours; Gansu's manual says 半天 and no more
HOUR_MS: Final = 3_600_000
MAX_OFFSET: Final = 240  # half-days, hours or working days; beyond, a unit was mixed up


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time: ``start_ms`` in, ``end_ms`` out, unix milliseconds.

    Raises:
        Inadmissible: Empty, backwards, longer than five days, or outside 1970 to 2099.
    """

    start_ms: int
    end_ms: int

    def __post_init__(self) -> None:
        if not 0 <= self.start_ms < self.end_ms <= END_OF_TIME_MS:
            raise Inadmissible(
                "评标时间的结束须晚于开始,且在1970年至2099年之间",
                "the evaluation must end after it begins, between 1970 and 2099",
            )
        if self.end_ms - self.start_ms > MAX_WINDOW_MS:
            raise Inadmissible(
                "一次评标最多预约5天,请缩短或分次预约",
                "one evaluation may be booked for 5 days at most; shorten or split it",
            )

    def overlaps(self, other: "Window") -> bool:
        """Whether the two have a moment in common."""
        return self.start_ms < other.end_ms and other.start_ms < self.end_ms


def slots(window: Window) -> range:
    """The numbers of all half-hour slots the window touches (``unix_ms // SLOT_MS``)."""
    return range(window.start_ms // SLOT_MS, -(-window.end_ms // SLOT_MS))


def check_window(window: Window, now_ms: int, lead_ms: int) -> None:
    """Refuse a window that has begun or begins too soon to prepare for.

    Args:
        window: What is asked for.
        now_ms: Now, on the clock of whoever owns the seats.
        lead_ms: The agreement's lead time, 0 or more.

    Raises:
        Inadmissible: It begins in the past, or less than ``lead_ms`` from now.
    """
    if window.start_ms < now_ms:
        raise Inadmissible(
            "评标开始时间已过,请另选时间",
            "the evaluation would begin in the past; choose another time",
        )
    if window.start_ms - now_ms < lead_ms:
        hours = -(-lead_ms // HOUR_MS)
        raise Inadmissible(
            f"须至少提前{hours}小时预约,请选更晚的时间",
            f"bookings are made at least {hours} hours ahead; choose a later time",
        )


class Anchor(StrEnum):
    """What a rule counts back from when it says how early a draw may begin."""

    BID_DEADLINE = "BID_DEADLINE"
    EVALUATION_START = "EVALUATION_START"


class Unit(StrEnum):
    """What a rule counts in."""

    HALF_DAY = "HALF_DAY"
    HOUR = "HOUR"
    WORKING_DAY = "WORKING_DAY"


@dataclass(frozen=True, slots=True)
class DrawWindow:
    """One jurisdiction's rule on how early experts may be drawn.

    Gansu: half a day before the bid deadline. Chongqing: 24 hours before evaluation.
    Government procurement: 2 working days before evaluation (财库〔2016〕198号).

    Raises:
        Inadmissible: The offset is negative or more than ``MAX_OFFSET`` units.
    """

    anchor: Anchor
    earliest_offset: int
    unit: Unit

    def __post_init__(self) -> None:
        if not 0 <= self.earliest_offset <= MAX_OFFSET:
            raise Inadmissible(
                f"抽取提前量应在0至{MAX_OFFSET}之间",
                f"the draw's earliest offset must lie between 0 and {MAX_OFFSET}",
            )


def earliest_draw_ms(
    windows: Sequence[DrawWindow],
    bid_deadline_ms: int,
    evaluation_start_ms: int,
    holidays: AbstractSet[date],
    workdays: AbstractSet[date] = frozenset(),
) -> int:
    """When a draw may begin at the earliest: the strictest, so the latest, of all rules.

    A rule in working days goes back to the same time of day, which is the stricter reading.

    Args:
        windows: The rules of both sides; at least one, so that a forgotten rule does not
            pass for permission.
        bid_deadline_ms: When bids are due, unix milliseconds.
        evaluation_start_ms: When evaluation begins, unix milliseconds.
        holidays: See ``node.domain.workday.is_working_day``.
        workdays: See ``node.domain.workday.is_working_day``.

    Raises:
        ValueError: No rule was given.
    """
    if not windows:
        raise ValueError("no rule on the draw's beginning; give both sides' draw windows")
    moments = {
        Anchor.BID_DEADLINE: bid_deadline_ms,
        Anchor.EVALUATION_START: evaluation_start_ms,
    }
    return max(_earliest(rule, moments[rule.anchor], holidays, workdays) for rule in windows)


def _earliest(
    rule: DrawWindow, anchor_ms: int, holidays: AbstractSet[date], workdays: AbstractSet[date]
) -> int:
    if rule.unit is not Unit.WORKING_DAY:
        length = HALF_DAY_MS if rule.unit is Unit.HALF_DAY else HOUR_MS
        return anchor_ms - rule.earliest_offset * length
    day = shanghai_date(anchor_ms)
    first = add_working_days(day, -rule.earliest_offset, holidays, workdays)
    return anchor_ms - (midnight_ms(day) - midnight_ms(first))
