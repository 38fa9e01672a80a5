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
    """Another booking of the same direction, as the quota sees it."""

    start_ms: int
    end_ms: int
    phase: Phase


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
        starts = (end for end in sorted(other.end_ms for other in live) if end > hold.start_ms)
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
            other.phase in USED and begins_ms <= other.start_ms < begins_ms + period_ms
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
    there = [other for other in live if other.start_ms < end_ms and start_ms < other.end_ms]
    moments = [start_ms, *(other.start_ms for other in there if other.start_ms > start_ms)]
    return max(sum(o.start_ms <= moment < o.end_ms for o in there) for moment in moments)
