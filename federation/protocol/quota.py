"""The quotas of an agreement: how many bookings at once, over each other, and in a period.

A quota is counted for one direction: the bookings of one host at one sub, under the agreement
and the versions that it replaces, as an amendment does not renew a quota. Both sides count by
the rules here over the bookings that they have stored, in the transaction that stores the next.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from federation.errors import QuotaSpent
from federation.protocol import booking
from federation.protocol.booking import Hold
from federation.protocol.conversation import Phase
from federation.protocol.terms import DAY_MS, MINUTE_MS, AgreementTerms

OPEN: Final = booking.KEEPS_SEATS
"""Bookings that ``max_open_bookings`` and ``max_concurrent_sessions`` count."""
USED: Final = OPEN | {booking.COMPLETED}
"""Bookings that ``max_sessions_per_period`` counts, by the start of their window."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Another booking of the same direction, as the quota sees it.

    Args:
        start_ms: Its window.
        end_ms: Its window.
        phase: Its phase.
        asked: The window that it is to have instead, while that is not settled: both count.
    """

    start_ms: int
    end_ms: int
    phase: Phase
    asked: tuple[int, int] | None = None

    @property
    def windows(self) -> tuple[tuple[int, int], ...]:
        """The windows in which it counts."""
        own = (self.start_ms, self.end_ms)
        return (own,) if self.asked is None else (own, self.asked)


def check_quota(terms: AgreementTerms, hold: Hold, others: Sequence[Counted], now_ms: int) -> None:
    """Check that the quotas have room for one booking more.

    Args:
        terms: The agreement.
        hold: The booking.
        others: Every other one of the same direction.
        now_ms: Now.

    Raises:
        QuotaSpent: Names the quota, and when to ask again.
    """
    live = [other for other in others if other.phase in OPEN]
    if len(live) >= terms.max_open_bookings:
        first_ends_ms = min(other.end_ms for other in live)
        raise QuotaSpent(
            f"{len(live)} bookings are open, as many as the agreement allows; "
            "ask again when one has ended",
            clause="max_open_bookings",
            alternative=f"retry_after_ms={max(first_ends_ms - now_ms, MINUTE_MS)}",
        )
    most = terms.max_concurrent_sessions
    if most and _at_once(live, hold.start_ms, hold.end_ms) >= most:
        length_ms = hold.end_ms - hold.start_ms
        ends = sorted(end for other in live for _, end in other.windows)
        starts = (end for end in ends if end > hold.start_ms)
        free = next(start for start in starts if _at_once(live, start, start + length_ms) < most)
        raise QuotaSpent(
            f"{most} bookings overlap this window, as many as the agreement allows",
            clause="max_concurrent_sessions",
            alternative=f"start_ms>={free}",
        )
    if terms.max_sessions_per_period:
        period_ms = terms.period_days * DAY_MS
        period = (hold.start_ms - terms.effective_from_ms) // period_ms
        begins_ms = terms.effective_from_ms + period * period_ms
        spent = sum(
            other.phase in USED
            and any(begins_ms <= start < begins_ms + period_ms for start, _ in other.windows)
            for other in others
        )
        if spent >= terms.max_sessions_per_period:
            raise QuotaSpent(
                f"{spent} bookings begin in these {terms.period_days} days, as many as the "
                "agreement allows",
                clause="max_sessions_per_period",
                alternative=f"start_ms>={begins_ms + period_ms}",
            )


def _at_once(live: Sequence[Counted], start_ms: int, end_ms: int) -> int:
    """The most bookings that overlap at one moment of a window."""
    spans = [
        [(start, end) for start, end in other.windows if start < end_ms and start_ms < end]
        for other in live
    ]
    there = [span for span in spans if span]
    later = (start for span in there for start, _ in span if start > start_ms)
    return max(
        sum(any(start <= moment < end for start, end in span) for span in there)
        for moment in (start_ms, *later)
    )
