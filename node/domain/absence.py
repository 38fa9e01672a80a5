"""When an expert of the register may be drawn: leave, suspension, and a cap on how often.

Here: the spans that are filed, and what is committed of an expert for one epoch, from data that
is given. Leave is filed before the epoch that it counts in; whoever is hindered later says so on
the telephone (``draw-and-evidence.md`` §1.4). Not here: storing any of it, and the commitment.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from federation.lottery.pool import ACTIVE
from federation.protocol.execution import draw_cap_reached
from node.domain.expert import ExpertStatus
from node.domain.refusal import Inadmissible
from node.domain.workday import DAY_MS, midnight_ms, shanghai_date

CAPPED: Final = "capped"
"""The committed status of somebody who was drawn as often as is allowed."""
MAX_ABSENCE_DAYS: Final = 366  # longer than that, the register itself should say so
MAX_AHEAD_DAYS: Final = 366  # nobody knows more than a year ahead
REACH_MS: Final = DAY_MS
"""An absence counts in an epoch that it reaches into on its first day. Not in its whole time: a
day's leave would lock somebody out of an epoch that is valid for a month."""


class AbsenceKind(StrEnum):
    """Why somebody cannot be drawn for some time."""

    LEAVE = "leave"
    SUSPENDED = "suspended"

    @property
    def zh(self) -> str:
        """The word people use."""
        return {"leave": "请假", "suspended": "暂停抽取"}[self.value]


@dataclass(frozen=True, slots=True)
class Span:
    """From a moment to a moment, unix milliseconds; the second is not in it."""

    from_ms: int
    until_ms: int

    def meets(self, other: "Span") -> bool:
        """Whether both have a moment in common."""
        return self.from_ms < other.until_ms and other.from_ms < self.until_ms


@dataclass(frozen=True, slots=True)
class Cap:
    """So many draws at most in so many days; the present one counts."""

    draws: int
    days: int


def absence_span(first: date, last: date, now_ms: int) -> Span:
    """Whole days in Asia/Shanghai, the last one too, not over yet.

    Raises:
        Inadmissible: The last day is before the first or over, or it is too long or too far.
    """
    today = shanghai_date(now_ms)
    if last < first:
        raise Inadmissible(
            f"结束日期{last}早于开始日期{first}",
            f"the last day {last} is before the first, {first}",
        )
    if last < today:
        raise Inadmissible(
            f"结束日期{last}已过:期间只能事先申报",
            f"{last} is over: an absence is filed before the pool is committed to",
        )
    if (last - first).days >= MAX_ABSENCE_DAYS:
        raise Inadmissible(
            f"期间不超过{MAX_ABSENCE_DAYS}天,更久请在专家库中变更状态",
            f"at most {MAX_ABSENCE_DAYS} days; for longer, change the status in the register",
        )
    if (first - today).days > MAX_AHEAD_DAYS:
        raise Inadmissible(
            f"开始日期不超过{MAX_AHEAD_DAYS}天以后",
            f"begins at most {MAX_AHEAD_DAYS} days from now",
        )
    return Span(midnight_ms(first), midnight_ms(last + timedelta(days=1)))


def committed_status(
    register: ExpertStatus,
    absences: Iterable[tuple[AbsenceKind, Span]],
    accepted_ms: Sequence[int],
    caps: Iterable[Cap],
    now_ms: int,
) -> str:
    """What is committed of an expert in an epoch that begins now.

    Args:
        register: What the register says by itself.
        absences: Those that were filed and not withdrawn.
        accepted_ms: When the expert accepted invitations that still stand.
        caps: Every one that holds: the center's own, and those of agreements.
        now_ms: Now.

    Returns:
        ``active``, or the strongest reason why not: ``suspended``, ``leave``, ``capped``.
    """
    here = Span(now_ms, now_ms + REACH_MS)
    found = {kind for kind, span in absences if span.meets(here)}
    if register is ExpertStatus.SUSPENDED or AbsenceKind.SUSPENDED in found:
        return ExpertStatus.SUSPENDED.value
    if register is ExpertStatus.LEAVE or AbsenceKind.LEAVE in found:
        return ExpertStatus.LEAVE.value
    if any(draw_cap_reached(cap.draws, cap.days, accepted_ms, now_ms) for cap in caps):
        return CAPPED
    return ACTIVE
