"""The agreement of two centers: its terms and how it comes into force.

    NEW ─Propose→ PROPOSED ─Sign→ ACTIVE
                     │ Decline      → DECLINED
                     │ Withdraw     → WITHDRAWN

The terms are signed as bytes; this module sees them parsed. Whether a booking is allowed
under them is decided here too, so that both sides decide it alike. Amending, suspending
and terminating are later words of the same table.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from federation.errors import NoAgreement, OutOfScope, TooEarly
from federation.ids import CenterId
from federation.protocol.contradictions import contradictions
from federation.protocol.conversation import Kind, Phase, Role, Table, Wait, Word
from federation.protocol.terms import (
    DAY_MS,
    MAX_HANDOVER_DAYS,
    MAX_SEATS,
    MAX_YEARS_MS,
    AgreementTerms,
    Direction,
    DrawAnchor,
    Party,
    draw_opens_ms,
)

__all__ = [
    "ACTIVE",
    "AGREEMENT",
    "ANSWERER",
    "DAY_MS",
    "DECLINED",
    "MAX_DOCUMENT_BYTES",
    "MAX_HANDOVER_DAYS",
    "MAX_SEATS",
    "MAX_YEARS_MS",
    "NEW",
    "PROPOSAL_LASTS_MS",
    "PROPOSED",
    "PROPOSER",
    "WITHDRAWN",
    "AgreementTerms",
    "Decline",
    "Direction",
    "DrawAnchor",
    "Party",
    "Propose",
    "Sign",
    "Wish",
    "Withdraw",
    "check_booking",
    "check_in_force",
    "contradictions",
    "draw_opens_ms",
]

PROPOSER: Final = Role("PROPOSER")
ANSWERER: Final = Role("ANSWERER")

NEW: Final = Phase("NEW")
PROPOSED: Final = Phase("PROPOSED")
ACTIVE: Final = Phase("ACTIVE")
DECLINED: Final = Phase("DECLINED")
WITHDRAWN: Final = Phase("WITHDRAWN")

PROPOSAL_LASTS_MS: Final = 30 * DAY_MS  # a month for two authorities to read and sign
MAX_DOCUMENT_BYTES: Final = 65_536  # an agreement is a few pages; a word must fit a call


@dataclass(frozen=True, slots=True)
class Propose(Word):
    """The proposer proposes a document and stands by it."""

    kind = Kind.AGREEMENT
    speaker = PROPOSER

    document: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Sign(Word):
    """The answerer signs the same bytes."""

    kind = Kind.AGREEMENT
    speaker = ANSWERER

    document_digest: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Decline(Word):
    """The answerer does not sign."""

    kind = Kind.AGREEMENT
    speaker = ANSWERER

    reason: str


@dataclass(frozen=True, slots=True)
class Withdraw(Word):
    """The proposer takes its proposal back."""

    kind = Kind.AGREEMENT
    speaker = PROPOSER

    reason: str


AGREEMENT: Final = Table(
    kind=Kind.AGREEMENT,
    roles=(PROPOSER, ANSWERER),
    words=(Propose, Sign, Decline, Withdraw),
    next=MappingProxyType({
        (NEW, "Propose"): PROPOSED,
        (PROPOSED, "Sign"): ACTIVE,
        (PROPOSED, "Decline"): DECLINED,
        (PROPOSED, "Withdraw"): WITHDRAWN,
        # The withdrawal crossed the answer on the way: what the answerer said stands. Whoever
        # has heard the withdrawal can sign no more.
        (ACTIVE, "Withdraw"): ACTIVE,
        (DECLINED, "Withdraw"): DECLINED,
        (WITHDRAWN, "Sign"): ACTIVE,
        (WITHDRAWN, "Decline"): DECLINED,
    }),
    waits=MappingProxyType({
        PROPOSED: Wait(ANSWERER, authority=PROPOSER, limit_ms=PROPOSAL_LASTS_MS),
    }),
    over=frozenset({ACTIVE, DECLINED, WITHDRAWN}),
    crossings=frozenset({
        (ACTIVE, "Withdraw"), (DECLINED, "Withdraw"), (WITHDRAWN, "Sign"), (WITHDRAWN, "Decline"),
    }),
)  # fmt: skip


def check_in_force(terms: AgreementTerms, now_ms: int) -> None:
    """Check that the agreement is in force.

    Raises:
        NoAgreement: Not yet, or no longer.
    """
    if now_ms < terms.effective_from_ms:
        raise NoAgreement("the agreement is not in force yet", clause="effective_from_ms")
    if now_ms > terms.effective_until_ms:
        raise NoAgreement("the agreement has expired", clause="effective_until_ms")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a host asks for, in the terms that an agreement limits."""

    host: CenterId
    sub: CenterId
    project_kind: str
    seats: int
    start_ms: int
    open_bookings: int


def check_booking(terms: AgreementTerms, wish: Wish, now_ms: int) -> None:
    """Check that the agreement allows a booking. Quota is counted by the caller.

    Raises:
        NoAgreement: Not in force, now or when the evaluation starts.
        OutOfScope: Direction, kind or seats are not covered.
        TooEarly: The lead time is not kept.
    """
    check_in_force(terms, now_ms)
    if wish.start_ms > terms.effective_until_ms:
        raise NoAgreement(
            "the agreement expires before the evaluation starts", clause="effective_until_ms"
        )
    if Direction(wish.host, wish.sub) not in terms.directions:
        raise OutOfScope(f"{wish.host} may not be host at {wish.sub}", clause="directions")
    if wish.project_kind not in terms.project_kinds:
        raise OutOfScope(f"kind {wish.project_kind} is not covered", clause="project_kinds")
    if wish.seats > terms.max_seats_per_session:
        raise OutOfScope(
            f"{wish.seats} seats are more than the agreement allows",
            clause="max_seats_per_session",
            alternative=f"seats={terms.max_seats_per_session}",
        )
    if wish.start_ms - now_ms < terms.lead_time_ms:
        raise TooEarly(
            "the booking does not keep the agreed lead time",
            clause="lead_time_ms",
            alternative=f"start_ms>={now_ms + terms.lead_time_ms}",
        )
