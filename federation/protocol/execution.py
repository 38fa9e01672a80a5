"""What an agreement allows of the work that follows a booking: draws, evaluations, archives.

Pure checks, asked alike by whoever says a word and whoever hears it. See ``enforcement.py``.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from federation.errors import OutOfScope, TooEarly, TooLate
from federation.protocol.booking import ExpertNeed
from federation.protocol.draw import Slot
from federation.protocol.session import ArchiveItem
from federation.protocol.terms import DAY_MS, AgreementTerms, draw_opens_ms

RECORDING: Final = "recording/"
"""How the name of an archive item begins that is sound or pictures."""
RETENTION_DAYS: Final[Mapping[str, int]] = MappingProxyType(
    {"10y": 3_650, "15y": 5_475, "30y": 10_950, "permanent": 36_525}
)
"""The classes of DA/T 103-2024 and art. 42 of the procurement law, in days; ascending."""


NO_RULE: Final = (0, "")
"""A center without a draw window of its own: (opens at, rule)."""


def draw_opens(
    terms: AgreementTerms,
    bid_deadline_ms: int,
    evaluation_start_ms: int,
    own: tuple[int, str] = NO_RULE,
) -> tuple[int, str]:
    """When the draw window opens (unix ms), and by which rule: the stricter one counts.

    Args:
        terms: The agreement.
        bid_deadline_ms: Unix milliseconds.
        evaluation_start_ms: Unix milliseconds.
        own: When the window opens by the center's own jurisdiction, and the name of that rule.
    """
    agreed = draw_opens_ms(terms, bid_deadline_ms, evaluation_start_ms), "draw_earliest_ms"
    return max(agreed, own)


def check_draw_time(
    terms: AgreementTerms,
    bid_deadline_ms: int,
    evaluation_start_ms: int,
    now_ms: int,
    own: tuple[int, str] = NO_RULE,
) -> None:
    """Check that the draw window is open; the arguments are those of ``draw_opens``.

    Raises:
        TooEarly: Not yet.
        TooLate: The evaluation has started.
    """
    opens_ms, rule = draw_opens(terms, bid_deadline_ms, evaluation_start_ms, own)
    if now_ms < opens_ms:
        raise TooEarly(
            f"the draw window opens in {opens_ms - now_ms} ms",
            clause=rule,
            alternative=f"at_ms>={opens_ms}",
        )
    if now_ms >= evaluation_start_ms:
        raise TooLate("the evaluation has started", clause="evaluation_start_ms")


def check_pool_age(terms: AgreementTerms, announced_at_ms: int | None, now_ms: int) -> None:
    """Check that a pool was committed long enough ago to be drawn from.

    Args:
        terms: The agreement.
        announced_at_ms: When the commitment was cosigned; None if it was not.
        now_ms: Now.

    Raises:
        TooEarly: It was not.
    """
    if announced_at_ms is None:
        raise TooEarly("the pool's announcement is not cosigned yet", clause="pool_min_age_ms")
    if now_ms - announced_at_ms < terms.pool_min_age_ms:
        raise TooEarly(
            "the pool was announced too recently",
            clause="pool_min_age_ms",
            alternative=f"at_ms>={announced_at_ms + terms.pool_min_age_ms}",
        )


def check_pool_size(
    terms: AgreementTerms, sizes: Mapping[str, int], experts: Iterable[ExpertNeed | Slot]
) -> None:
    """Check that every specialty has candidates enough for a lot to mean something.

    Args:
        terms: The agreement.
        sizes: Entries of each announced specialty.
        experts: Whom the draw is for.

    Raises:
        OutOfScope: One has too few.
    """
    for need in experts:
        size = sizes.get(need.specialty, 0)
        if size < need.count * terms.pool_min_ratio:
            raise OutOfScope(
                f"{size} candidates of {need.specialty} are too few for {need.count}; the "
                f"agreement demands {terms.pool_min_ratio} for each expert",
                clause="pool_min_ratio",
                alternative=f"experts={size // terms.pool_min_ratio}",
            )


def draw_cap_reached(most: int, days: int, accepted_ms: Iterable[int], now_ms: int) -> bool:
    """Whether an expert has been drawn as often as the terms allow.

    The owner of the pool asks this of its own register when it commits to an epoch, and commits
    to the answer as the expert's status: a skip follows from it, an invitation contradicts it.

    Args:
        most: ``max_draws_per_expert``; 0 for no cap.
        days: ``draw_period_days``.
        accepted_ms: When the expert accepted invitations that still stand, unix milliseconds.
        now_ms: When the epoch is committed to.
    """
    since_ms = now_ms - days * DAY_MS
    return most > 0 and sum(since_ms < at_ms <= now_ms for at_ms in accepted_ms) >= most


# Sessions


def check_start(terms: AgreementTerms, start_ms: int, said_at_ms: int, grace_ms: int = 0) -> None:
    """Check that an evaluation does not start after a fault that lasted too long.

    Raises:
        TooLate: It must be postponed: a new booking, a new committee.
    """
    if said_at_ms > start_ms + terms.fault_wait_ms + grace_ms:
        raise TooLate(
            f"the evaluation did not start within {terms.fault_wait_ms} ms of its time; seal the "
            "material, book and draw anew",
            clause="fault_wait_ms",
        )


def check_resume(
    terms: AgreementTerms, suspended_at_ms: int, said_at_ms: int, grace_ms: int = 0
) -> None:
    """Check that a suspended evaluation does not go on after a fault that lasted too long.

    Raises:
        TooLate: A new committee must evaluate.
    """
    if said_at_ms > suspended_at_ms + terms.fault_repair_ms + grace_ms:
        raise TooLate(
            f"the fault lasted longer than {terms.fault_repair_ms} ms; seal the material, a new "
            "committee evaluates anew",
            clause="fault_repair_ms",
        )


def check_retention(terms: AgreementTerms, items: Iterable[ArchiveItem]) -> None:
    """Check that sound and pictures are kept for as long as was agreed.

    Raises:
        OutOfScope: An item's class is shorter.
    """
    for item in items:
        kept = RETENTION_DAYS.get(item.retention, 0)
        if item.name.startswith(RECORDING) and kept < terms.av_retention_days:
            raise OutOfScope(
                f"{item.name} is kept for {kept} days, {terms.av_retention_days} are agreed",
                clause="av_retention_days",
                alternative=f"retention={retention_class(terms)}",
            )


def retention_class(terms: AgreementTerms) -> str:
    """The shortest class that keeps sound and pictures for as long as was agreed."""
    fitting = (name for name, days in RETENTION_DAYS.items() if days >= terms.av_retention_days)
    return next(fitting, "permanent")
