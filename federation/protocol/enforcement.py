"""What an agreement allows: pure checks that both sides ask alike, before and after a word.

Quotas are counted in ``quota.py``; what follows a booking is checked in ``execution.py``.

Every refusal names the term (``clause``), and where something else would be accepted also that
(``alternative``: ``key=value``, ``key>=value`` or ``key<=value``, joined by ``;``; the keys are
in ``proto/README.md``).

Not here: whether an agreement is active at all (``agreement.py``), and a center's own reasons.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from federation.errors import (
    Malformed,
    NoAgreement,
    OutOfScope,
    TooEarly,
    TooLate,
)
from federation.ids import CenterId
from federation.protocol import booking, session
from federation.protocol.booking import Answer, ExpertNeed, Hold, Vote
from federation.protocol.conversation import Conversation, Kind, Phase
from federation.protocol.draw import Slot
from federation.protocol.quota import Counted, check_quota
from federation.protocol.terms import (
    ANSWER_MS,
    DAY_MINUTES,
    DAY_MS,
    MINUTE_MS,
    AgreementTerms,
    Direction,
    InDoubt,
)

FEN_PER_WAN: Final = 1_000_000
_SMALLER: Final = "the project is smaller than the agreement covers"
_LARGER: Final = "the project is larger than the agreement covers"
_BEIJING_MS: Final = 8 * 3_600_000  # no summer time since 1992
_SIGNIFICANT: Final = 100  # two digits
_WEEK: Final = 7
_THURSDAY: Final = 3  # 1970-01-01, counted from Monday


@dataclass(frozen=True, slots=True)
class Wish:
    """What a host asks for, with all that the agreement's limits depend on.

    Args:
        host: Who asks.
        sub: Who is asked.
        hold: The word.
        others: The other bookings of this direction under this agreement and the versions
            that it replaces: an amendment does not renew a quota.
        tested: Whether the joint test that the agreement demands was passed in time.
    """

    host: CenterId
    sub: CenterId
    hold: Hold
    others: tuple[Counted, ...] = ()
    tested: bool = True


KINDS_THAT_WAIT: Final = frozenset({Kind.BOOKING, Kind.SESSION})
"""Conversations in which an agreement says how long a phase lasts."""


def agreed_waits(terms: AgreementTerms, conversation: Conversation) -> Mapping[Phase, int]:
    """How long phases of a conversation last by its agreement, milliseconds."""
    kind = conversation.kind
    if kind is Kind.BOOKING:
        return {
            booking.HELD: terms.vote_ms,
            booking.PROMISED: terms.decide_ms,
            booking.CHANGING: terms.vote_ms,
            booking.CHANGE_PROMISED: terms.decide_ms,
        }
    if kind is Kind.SESSION:
        return {session.SUSPENDED: terms.fault_repair_ms}
    return {}


def check_in_force(terms: AgreementTerms, now_ms: int) -> None:
    """Check that the agreement is in force.

    Raises:
        NoAgreement: Not yet, or no longer.
    """
    if now_ms < terms.effective_from_ms:
        raise NoAgreement(
            "the agreement is not in force yet",
            clause="effective_from_ms",
            alternative=f"at_ms>={terms.effective_from_ms}",
        )
    if now_ms > terms.effective_until_ms:
        raise NoAgreement("the agreement has expired", clause="effective_until_ms")


def check_booking(terms: AgreementTerms, wish: Wish, now_ms: int) -> None:
    """Check that the agreement allows a Hold.

    Raises:
        NoAgreement: Not in force, now or when the evaluation starts.
        OutOfScope: Direction, kind, value, specialties, numbers or hours are not covered, or
            the joint test is missing.
        TooEarly: The lead time is not kept.
        QuotaSpent: A quota is used up.
    """
    check_in_force(terms, now_ms)
    if wish.hold.start_ms > terms.effective_until_ms:
        raise NoAgreement(
            "the agreement expires before the evaluation starts",
            clause="effective_until_ms",
            alternative=f"start_ms<={terms.effective_until_ms}",
        )
    _check_scope(terms, wish)
    _check_numbers(terms, wish.hold)
    _check_hours(terms, wish.hold)
    _check_lead(terms, wish.hold, now_ms)
    check_quota(terms, wish.hold, wish.others, now_ms)
    if terms.joint_test_valid_days and not wish.tested:
        raise OutOfScope(
            f"the agreement demands a joint test passed within {terms.joint_test_valid_days} days;"
            " run one, from either side, and book then",
            clause="joint_test_valid_days",
            alternative=f"run=lianping peer test {wish.sub}",
        )


def check_change(terms: AgreementTerms, wish: Wish, now_ms: int, *, moved: bool) -> None:
    """Check that the agreement allows another window for a booking that stands.

    What was booked keeps its version of the agreement to the end: that it takes new work is
    not asked again. Nor is any of this asked of an extension that the law demands.

    Args:
        terms: The agreement.
        wish: As for the booking, with the new window; ``others`` are without the booking itself.
        now_ms: Now.
        moved: Whether the window begins anew; else only its end is later.

    Raises:
        NoAgreement: It would begin after the agreement's term.
        OutOfScope: Outside the agreed hours.
        TooEarly: Moved, and the lead time is not kept.
        QuotaSpent: A quota is used up in the new window.
    """
    if wish.hold.start_ms > terms.effective_until_ms:
        raise NoAgreement(
            "the agreement expires before the evaluation starts",
            clause="effective_until_ms",
            alternative=f"start_ms<={terms.effective_until_ms}",
        )
    _check_hours(terms, wish.hold)
    if moved:
        _check_lead(terms, wish.hold, now_ms)
    check_quota(terms, wish.hold, wish.others, now_ms)


def coarse_wan(value_fen: int) -> int:
    """A value as a Hold tells it: 万元, rounded up to two significant digits; at least 1.

    Project values are published to the yuan, so that an exact one names its project. In this
    form 90 values stand for each power of ten.
    """
    wan = max(1, -(-value_fen // FEN_PER_WAN))
    step = 1
    while wan > _SIGNIFICANT * step:
        step *= 10
    return -(-wan // step) * step


def told_value(terms: AgreementTerms, value_fen: int) -> int:
    """What a Hold tells of a project's value: nothing (0) unless the agreement limits it."""
    limited = terms.value_from_fen or terms.value_until_fen
    return coarse_wan(value_fen) if limited and value_fen else 0


def check_value(terms: AgreementTerms, value_fen: int) -> None:
    """Check a project's exact value, which only the host knows; 0 when it was not given.

    Raises:
        OutOfScope: Below or above what the agreement covers, or unknown where that matters.
    """
    low, high = terms.value_from_fen, terms.value_until_fen
    if not low and not high:
        return
    if not value_fen:
        raise OutOfScope(
            "the agreement limits the project's value, and none is given", clause="value_from_fen"
        )
    if value_fen < low:
        raise OutOfScope(_SMALLER, clause="value_from_fen")
    if high and value_fen > high:
        raise OutOfScope(_LARGER, clause="value_until_fen")


def _check_scope(terms: AgreementTerms, wish: Wish) -> None:
    hold = wish.hold
    if Direction(wish.host, wish.sub) not in terms.directions:
        raise OutOfScope(f"{wish.host} may not be host at {wish.sub}", clause="directions")
    if hold.project_kind not in terms.project_kinds:
        raise OutOfScope(
            f"kind {hold.project_kind} is not covered",
            clause="project_kinds",
            alternative=_one_of("project_kind", terms.project_kinds),
        )
    if hold.selection not in terms.selection_modes:
        raise OutOfScope(
            f"sub-venues may not be found by {hold.selection.name}",
            clause="selection_modes",
            alternative=_one_of("selection", [mode.name for mode in terms.selection_modes]),
        )
    check_specialties(terms, hold.experts)
    low, high = terms.value_from_fen, terms.value_until_fen
    if (low or high) and not hold.value_wan:
        raise OutOfScope(
            "the agreement limits the project's value, and the Hold tells none",
            clause="value_from_fen",
        )
    if low and hold.value_wan < coarse_wan(low):
        raise OutOfScope(
            _SMALLER,
            clause="value_from_fen",
            alternative=f"value_wan>={coarse_wan(low)}",
        )
    if high and hold.value_wan > coarse_wan(high):
        raise OutOfScope(
            _LARGER,
            clause="value_until_fen",
            alternative=f"value_wan<={coarse_wan(high)}",
        )


def check_specialties(terms: AgreementTerms, experts: Iterable[ExpertNeed | Slot]) -> None:
    """Check that every specialty asked for begins with an agreed prefix.

    Raises:
        OutOfScope: One does not.
    """
    for need in experts:
        if terms.specialty_prefixes and not need.specialty.startswith(terms.specialty_prefixes):
            raise OutOfScope(
                f"specialty {need.specialty} is not covered",
                clause="specialty_prefixes",
                alternative=_one_of("specialty", terms.specialty_prefixes),
            )


def _check_numbers(terms: AgreementTerms, hold: Hold) -> None:
    if hold.seats > terms.max_seats_per_session:
        raise OutOfScope(
            f"{hold.seats} seats are more than the agreement allows",
            clause="max_seats_per_session",
            alternative=f"seats={terms.max_seats_per_session}",
        )
    experts = sum(need.count for need in hold.experts)
    if experts > terms.max_experts_per_session:
        raise OutOfScope(
            f"{experts} experts are more than the agreement allows",
            clause="max_experts_per_session",
            alternative=f"experts={terms.max_experts_per_session}",
        )


def _check_lead(terms: AgreementTerms, hold: Hold, now_ms: int) -> None:
    if hold.start_ms - now_ms < terms.lead_time_ms:
        raise TooEarly(
            "the booking does not keep the agreed lead time",
            clause="lead_time_ms",
            alternative=f"start_ms>={now_ms + terms.lead_time_ms + ANSWER_MS}",
        )


def _check_hours(terms: AgreementTerms, hold: Hold) -> None:
    if _weekday(hold.start_ms) not in terms.open_weekdays:
        raise OutOfScope(
            "the agreement does not cover this day of the week",
            clause="open_weekdays",
            alternative=_opening(terms, hold),
        )
    if (terms.opens_minute, terms.closes_minute) == (0, DAY_MINUTES):
        _check_days(terms, hold)  # no hours are agreed: a window may also cross midnight
        return
    begins = _minute(hold.start_ms)
    if not terms.opens_minute <= begins < terms.closes_minute:
        raise OutOfScope(
            "the window begins outside the agreed hours",
            clause="opens_minute",
            alternative=_opening(terms, hold),
        )
    closes_ms = _midnight(hold.start_ms) + terms.closes_minute * MINUTE_MS
    if hold.end_ms > closes_ms and not hold.overnight:
        raise OutOfScope(
            "the window ends after the agreed hours and is not overnight",
            clause="closes_minute",
            alternative=f"end_ms<={closes_ms}",
        )


def _check_days(terms: AgreementTerms, hold: Hold) -> None:
    first_ms = _midnight(hold.start_ms)
    for later in range(1, _WEEK):  # after a week the days come again
        day_ms = first_ms + later * DAY_MS
        if day_ms >= hold.end_ms or hold.overnight:
            return
        if _weekday(day_ms) not in terms.open_weekdays:
            raise OutOfScope(
                "the window goes on into a day of the week that the agreement does not cover, "
                "and is not overnight",
                clause="open_weekdays",
                alternative=f"end_ms<={day_ms}",
            )


def _opening(terms: AgreementTerms, hold: Hold) -> str:
    """The first later start that day and hours allow. Weekdays are never empty."""
    day = _midnight(hold.start_ms)
    for later in range(_WEEK + 1):
        start_ms = day + later * DAY_MS + terms.opens_minute * MINUTE_MS
        if start_ms > hold.start_ms and _weekday(start_ms) in terms.open_weekdays:
            return f"start_ms>={start_ms}"
    return ""


def check_promise(terms: AgreementTerms, promise_ms: int) -> None:
    """Check that a sub promises its seats for as long as was agreed.

    Raises:
        OutOfScope: For less.
    """
    if promise_ms < terms.decide_ms:
        raise OutOfScope(
            f"a promise lasts at least {terms.decide_ms} ms",
            clause="decide_ms",
            alternative=f"promise_ms={terms.decide_ms}",
        )


def check_vote(terms: AgreementTerms, hold: Hold, sub: CenterId, vote: Vote) -> None:
    """Check that a sub's yes is worth what was agreed, and is no more than it can say.

    Raises:
        OutOfScope: It promises its seats for less.
        Malformed: It books at once, though other subs were asked too.
    """
    if vote.answer is Answer.YES:
        check_promise(terms, vote.promise_ms)
    if vote.answer is Answer.BOOK and hold.participants != (sub,):
        raise Malformed("BOOK is for a leg that is alone; others were asked too")


def gives_up_ms(terms: AgreementTerms, held_at_ms: int) -> int | None:
    """When a sub in doubt gives its seats free, on its own clock; None when it never does."""
    return held_at_ms + terms.hold_ms if terms.in_doubt is InDoubt.RELEASE else None


def check_confirmation(terms: AgreementTerms, held_at_ms: int, now_ms: int) -> None:
    """Check that a confirmation reaches a sub in doubt before it gives its seats free.

    Raises:
        TooLate: The agreement lets the sub release them, and the hold time is over.
    """
    until_ms = gives_up_ms(terms, held_at_ms)
    if until_ms is not None and now_ms >= until_ms:
        raise TooLate(
            f"no decision came within the hold time of {terms.hold_ms} ms; the seats are free "
            "again, book anew",
            clause="hold_ms",
        )


def cancel_fee_fen(terms: AgreementTerms, start_ms: int, cancelled_at_ms: int) -> int:
    """What cancelling a booking costs by the agreement, fen; 0 when it was in time.

    Args:
        terms: The agreement.
        start_ms: Start of the booked window, unix milliseconds.
        cancelled_at_ms: When it was cancelled, by the sub's clock: ``sent_at_ms`` of the sub's
            ``Cancel``, or of its receipt for the host's.
    """
    return 0 if start_ms - cancelled_at_ms >= terms.cancel_notice_ms else terms.cancel_fee_fen


def _one_of(key: str, values: Sequence[str]) -> str:
    return ";".join(f"{key}={value}" for value in values)


def _minute(ms: int) -> int:
    return (ms + _BEIJING_MS) // MINUTE_MS % DAY_MINUTES


def _midnight(ms: int) -> int:
    return (ms + _BEIJING_MS) // DAY_MS * DAY_MS - _BEIJING_MS


def _weekday(ms: int) -> int:
    return ((ms + _BEIJING_MS) // DAY_MS + _THURSDAY) % _WEEK + 1
