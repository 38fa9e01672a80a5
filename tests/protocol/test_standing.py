"""Whether new work may begin under an agreement: each end of it, to the millisecond."""

from dataclasses import replace

import pytest

from federation.errors import FederationError, NoAgreement, TooEarly, Unavailable
from federation.ids import AgreementId
from federation.protocol.standing import (
    UNTOUCHED,
    Standing,
    check_notice,
    check_open,
    check_start,
    rank,
)
from federation.protocol.terms import ANSWER_MS, DAY_MS
from tests.protocol.agreed import FROM, TERMS, UNTIL
from tests.protocol.grids import NOW

NEWER = AgreementId(b"n" * 32)


@pytest.mark.parametrize("now_ms", [FROM, UNTIL])
def test_new_work_begins_from_the_first_to_the_last_moment(now_ms: int) -> None:
    check_open(TERMS, UNTOUCHED, now_ms)


@pytest.mark.parametrize(
    ("standing", "now_ms", "error", "clause", "alternative"),
    [
        (UNTOUCHED, FROM - 1, NoAgreement, "effective_from_ms", f"at_ms>={FROM}"),
        (UNTOUCHED, UNTIL + 1, NoAgreement, "effective_until_ms", ""),
        (Standing(suspended=True), NOW, Unavailable, "state", ""),
        (Standing(ends_at_ms=NOW), NOW, NoAgreement, "notice_days", ""),
        (
            Standing(superseded_by=NEWER, superseded_from_ms=NOW),
            NOW,
            NoAgreement,
            "version",
            f"agreement_id={NEWER.hex()}",
        ),
        # What is replaced for good is said before what may pass.
        (
            Standing(suspended=True, superseded_by=NEWER, superseded_from_ms=NOW),
            NOW,
            NoAgreement,
            "version",
            f"agreement_id={NEWER.hex()}",
        ),
    ],
)
def test_what_ends_an_agreement_is_named(
    standing: Standing, now_ms: int, error: type[FederationError], clause: str, alternative: str
) -> None:
    with pytest.raises(error) as refusal:
        check_open(TERMS, standing, now_ms)
    assert (refusal.value.clause, refusal.value.alternative) == (clause, alternative)
    assert refusal.value.retryable is (error is Unavailable)


def test_until_the_moment_itself_nothing_has_ended() -> None:
    check_open(TERMS, Standing(ends_at_ms=NOW + 1), NOW)
    check_open(TERMS, Standing(superseded_by=NEWER, superseded_from_ms=NOW + 1), NOW)


def test_an_evaluation_starts_before_a_notice_takes_effect() -> None:
    check_start(UNTOUCHED, NOW)
    check_start(Standing(ends_at_ms=NOW + 1), NOW)
    with pytest.raises(NoAgreement) as refusal:
        check_start(Standing(ends_at_ms=NOW), NOW)
    assert refusal.value.alternative == f"start_ms<={NOW - 1}"


def test_a_notice_keeps_the_agreed_days_to_the_millisecond() -> None:
    terms = replace(TERMS, notice_days=2)
    check_notice(terms, NOW + 2 * DAY_MS, NOW)
    with pytest.raises(TooEarly) as refusal:
        check_notice(terms, NOW + 2 * DAY_MS - 1, NOW)
    assert (refusal.value.clause, refusal.value.alternative) == (
        "notice_days",
        f"effective_ms>={NOW + 2 * DAY_MS + ANSWER_MS}",
    )


def test_of_several_agreements_the_same_one_ranks_highest_everywhere() -> None:
    first, later = replace(TERMS, version=1), replace(TERMS, effective_from_ms=FROM + 1)
    second = replace(TERMS, version=2)
    ordered = [(first, b"a"), (first, b"b"), (later, b"a"), (second, b"a")]
    mixed = [ordered[at] for at in (3, 1, 0, 2)]
    assert sorted(mixed, key=lambda each: rank(*each)) == ordered
