"""How an agreement stands since both sides signed it, and whether new work may begin under it.

Asked by both sides alike. New work is a booking: what was begun goes on under the version it
was begun under, whatever becomes of that version. Expiry is no word; both read it off the terms.
"""

from dataclasses import dataclass
from typing import Final

from federation.errors import NoAgreement, TooEarly, Unavailable
from federation.ids import AgreementId
from federation.protocol.conversation import Kind
from federation.protocol.enforcement import check_in_force
from federation.protocol.terms import ANSWER_MS, DAY_MS, AgreementTerms

NEEDS_NO_AGREEMENT: Final = frozenset(
    {Kind.AGREEMENT, Kind.PEERING, Kind.CONTRIBUTION, Kind.OVERSIGHT}
)
"""Conversations that may be under none: they lead to one, or are about the link."""

NEW_WORK: Final = frozenset({Kind.BOOKING, Kind.SELECTION})
"""Conversations whose first word begins new work; draws and evaluations follow a booking."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What became of an agreement.

    Args:
        suspended: Whether either side has suspended it.
        ends_at_ms: When a notice takes effect; None when none was given.
        superseded_by: The version that replaced it, or None.
        superseded_from_ms: From when on that one counts.
    """

    suspended: bool = False
    ends_at_ms: int | None = None
    superseded_by: AgreementId | None = None
    superseded_from_ms: int = 0


UNTOUCHED: Final = Standing()


def check_open(terms: AgreementTerms, standing: Standing, now_ms: int) -> None:
    """Check that new work may begin under an agreement.

    Raises:
        NoAgreement: Not in force yet or any more, terminated, or replaced by a newer version.
        Unavailable: Suspended.
    """
    check_in_force(terms, now_ms)
    if standing.superseded_by is not None and now_ms >= standing.superseded_from_ms:
        raise NoAgreement(
            "a newer version of the agreement has replaced it",
            clause="version",
            alternative=f"agreement_id={standing.superseded_by.hex()}",
        )
    if standing.ends_at_ms is not None and now_ms >= standing.ends_at_ms:
        raise NoAgreement("the agreement was terminated with notice", clause="notice_days")
    if standing.suspended:
        raise Unavailable(
            "the agreement is suspended; ask again when it is resumed", clause="state"
        )


def check_start(standing: Standing, start_ms: int) -> None:
    """Check that an evaluation starts before a notice of termination takes effect.

    Raises:
        NoAgreement: It does not.
    """
    if standing.ends_at_ms is not None and start_ms >= standing.ends_at_ms:
        raise NoAgreement(
            "the agreement is terminated before the evaluation starts",
            clause="notice_days",
            alternative=f"start_ms<={standing.ends_at_ms - 1}",
        )


def check_notice(terms: AgreementTerms, effective_ms: int, said_at_ms: int) -> None:
    """Check that a notice of termination keeps the agreed time, counted from when it was given.

    Raises:
        TooEarly: It takes effect too soon; the alternative says when it may.
    """
    earliest_ms = said_at_ms + terms.notice_days * DAY_MS
    if effective_ms < earliest_ms:
        raise TooEarly(
            f"notice is {terms.notice_days} days",
            clause="notice_days",
            alternative=f"effective_ms>={earliest_ms + ANSWER_MS}",
        )


def rank(terms: AgreementTerms, agreement: bytes) -> tuple[int, int, bytes]:
    """Which of several agreements with a peer counts: the highest, alike on both sides."""
    return terms.version, terms.effective_from_ms, agreement
