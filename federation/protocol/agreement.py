"""The agreement of two centers: its terms and how it comes into force.

    NEW ─Propose→ PROPOSED ─Sign→ ACTIVE
                     │ Decline      → DECLINED
                     │ Withdraw     → WITHDRAWN

The terms are signed as bytes; this module sees them parsed. Whether a booking is allowed
under them is decided here too, so that both sides decide it alike. Amending, suspending
and terminating are later words of the same table.
"""

from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Final

from federation.errors import NoAgreement, OutOfScope, TooEarly
from federation.ids import CenterId
from federation.protocol.conversation import Kind, Phase, Role, Table, Wait, Word

PROPOSER: Final = Role("PROPOSER")
ANSWERER: Final = Role("ANSWERER")

NEW: Final = Phase("NEW")
PROPOSED: Final = Phase("PROPOSED")
ACTIVE: Final = Phase("ACTIVE")
DECLINED: Final = Phase("DECLINED")
WITHDRAWN: Final = Phase("WITHDRAWN")

DAY_MS: Final = 86_400_000
PROPOSAL_LASTS_MS: Final = 30 * DAY_MS  # a month for two authorities to read and sign
MAX_DOCUMENT_BYTES: Final = 65_536  # an agreement is a few pages; a word must fit a call
MAX_SEATS: Final = 500  # more than the largest center has
MAX_HANDOVER_DAYS: Final = 250  # a year of working days; more is a unit mixed up
MAX_YEARS_MS: Final = 10 * 366 * DAY_MS  # an agreement without end is a mistake in a date


class DrawAnchor(IntEnum):
    """The moment a draw window is counted from."""

    BID_DEADLINE = 1
    EVALUATION_START = 2


@dataclass(frozen=True, slots=True)
class Party:
    """One side of an agreement."""

    center_id: str
    name: str
    uscc: str
    region_code: str


@dataclass(frozen=True, slots=True)
class Direction:
    """Who may be host and who sub."""

    host: str
    sub: str


@dataclass(frozen=True, slots=True)
class AgreementTerms:
    """What two centers agreed on. Units and meaning: ``agreement.proto``."""

    version: int
    title: str
    parties: tuple[Party, ...]
    directions: tuple[Direction, ...]
    effective_from_ms: int
    effective_until_ms: int
    project_kinds: tuple[str, ...]
    max_seats_per_session: int
    max_open_bookings: int
    lead_time_ms: int
    vote_ms: int
    decide_ms: int
    draw_anchor: DrawAnchor
    draw_earliest_ms: int
    pool_min_age_ms: int
    joint_test_valid_days: int
    handover_working_days: int
    suite: str
    sealed_disclosure: bool


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


def contradictions(terms: AgreementTerms) -> tuple[str, ...]:
    """Name every contradiction in the terms; empty when there is none."""
    centers = [party.center_id for party in terms.parties]
    directions = [(line.host, line.sub) for line in terms.directions]
    lasts_ms = terms.effective_until_ms - terms.effective_from_ms
    over_before = lasts_ms <= 0  # named for that, and not for what follows from it
    checks = (
        (len(set(centers)) == 2, "parties: an agreement has exactly two different parties"),  # noqa: PLR2004
        (terms.version >= 1, "version: counts from 1"),
        (bool(terms.title.strip()), "title: must not be empty"),
        (bool(directions), "directions: at least one direction is needed"),
        (len(set(directions)) == len(directions), "directions: a direction is given twice"),
        (
            all({host, sub} == set(centers) for host, sub in directions),
            "directions: host and sub must be the two parties",
        ),
        (not over_before, "effective_until_ms: the agreement ends before it begins"),
        (lasts_ms <= MAX_YEARS_MS, "effective_until_ms: longer than ten years"),
        (
            bool(terms.project_kinds) and set(terms.project_kinds) <= {"A", "B", "C"},
            "project_kinds: one or more of A, B, C",
        ),
        (
            len(set(terms.project_kinds)) == len(terms.project_kinds),
            "project_kinds: a kind is given twice",
        ),
        (1 <= terms.max_seats_per_session <= MAX_SEATS, "max_seats_per_session: 1 to 500"),
        (terms.max_open_bookings >= 1, "max_open_bookings: at least 1"),
        (terms.lead_time_ms >= 0, "lead_time_ms: not negative"),
        (
            over_before or terms.lead_time_ms <= lasts_ms,
            "lead_time_ms: longer than the agreement, nothing could ever be booked",
        ),
        (terms.vote_ms > 0, "vote_ms: the sub needs time to vote"),
        (terms.decide_ms > 0, "decide_ms: the host needs time to decide"),
        (terms.draw_earliest_ms >= 0, "draw_earliest_ms: not negative"),
        (terms.pool_min_age_ms >= 0, "pool_min_age_ms: not negative"),
        (
            over_before or terms.pool_min_age_ms <= lasts_ms,
            "pool_min_age_ms: longer than the agreement, nobody could ever be drawn",
        ),
        (terms.joint_test_valid_days >= 0, "joint_test_valid_days: not negative; 0 asks for none"),
        (
            1 <= terms.handover_working_days <= MAX_HANDOVER_DAYS,
            f"handover_working_days: 1 to {MAX_HANDOVER_DAYS}",
        ),
        (terms.suite == "intl-1", "suite: this node knows only intl-1"),
    )
    return tuple(sentence for holds, sentence in checks if not holds)


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


def draw_opens_ms(terms: AgreementTerms, bid_deadline_ms: int, evaluation_start_ms: int) -> int:
    """The first moment a draw may start under the agreement, unix milliseconds.

    A center's own rules may be stricter (``node.domain.calendar``); the later one counts.
    """
    anchor = {
        DrawAnchor.BID_DEADLINE: bid_deadline_ms,
        DrawAnchor.EVALUATION_START: evaluation_start_ms,
    }[terms.draw_anchor]
    return anchor - terms.draw_earliest_ms
