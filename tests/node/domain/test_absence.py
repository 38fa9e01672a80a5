"""Spans of leave and suspension, and what is committed of an expert."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain.absence import (
    CAPPED,
    REACH_MS,
    AbsenceKind,
    Cap,
    Span,
    absence_span,
    committed_status,
)
from node.domain.expert import ExpertStatus
from node.domain.refusal import Inadmissible
from node.domain.workday import DAY_MS, local_time

NOON = 1_778_040_000_000  # 2026-05-06 12:00 in Beijing
TODAY = date(2026, 5, 6)
ACTIVE = ExpertStatus.ACTIVE
NOW = Span(NOON - DAY_MS, NOON + DAY_MS)


def test_the_last_day_is_in_the_span() -> None:
    span = absence_span(TODAY, TODAY + timedelta(days=1), NOON)
    assert (local_time(span.from_ms), local_time(span.until_ms)) == (
        "2026-05-06 00:00",
        "2026-05-08 00:00",
    )


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        (TODAY, TODAY - timedelta(days=1), "before the first"),
        (TODAY - timedelta(days=2), TODAY - timedelta(days=1), "is over"),
        (TODAY, TODAY + timedelta(days=366), "at most 366 days"),
        (TODAY + timedelta(days=367), TODAY + timedelta(days=368), "from now"),
    ],
)
def test_a_span_that_cannot_be_is_refused_in_a_sentence(
    first: date, last: date, words: str
) -> None:
    with pytest.raises(Inadmissible, match=words):
        absence_span(first, last, NOON)


@pytest.mark.parametrize(
    ("register", "absences", "accepted", "status"),
    [
        (ACTIVE, (), (), "active"),
        (ExpertStatus.LEAVE, (), (), "leave"),
        (ACTIVE, ((AbsenceKind.LEAVE, NOW),), (), "leave"),
        (ACTIVE, ((AbsenceKind.LEAVE, NOW), (AbsenceKind.SUSPENDED, NOW)), (), "suspended"),
        (ExpertStatus.SUSPENDED, ((AbsenceKind.LEAVE, NOW),), (NOON, NOON), "suspended"),
        (ACTIVE, ((AbsenceKind.LEAVE, NOW),), (NOON, NOON), "leave"),
        (ACTIVE, (), (NOON - DAY_MS,), "active"),
        (ACTIVE, (), (NOON - DAY_MS, NOON - 2 * DAY_MS), CAPPED),
        (ACTIVE, (), (NOON - DAY_MS, NOON - 30 * DAY_MS), "active"),
        (ACTIVE, ((AbsenceKind.LEAVE, Span(NOON - DAY_MS, NOON)),), (), "active"),
        (ACTIVE, ((AbsenceKind.LEAVE, Span(NOON + REACH_MS, NOON + 9 * DAY_MS)),), (), "active"),
        (ACTIVE, ((AbsenceKind.LEAVE, Span(NOON + REACH_MS - 1, 2 * NOON)),), (), "leave"),
    ],
)
def test_the_strongest_reason_is_committed_to(
    register: ExpertStatus,
    absences: tuple[tuple[AbsenceKind, Span], ...],
    accepted: tuple[int, ...],
    status: str,
) -> None:
    assert committed_status(register, absences, accepted, [Cap(2, 30)], NOON) == status


@given(st.lists(st.integers(0, 60), max_size=8), st.integers(1, 4), st.integers(1, 60))
def test_the_strictest_cap_counts(days_ago: list[int], draws: int, days: int) -> None:
    accepted = [NOON - each * DAY_MS for each in days_ago]
    reached = sum(each < days for each in days_ago) >= draws
    lax = Cap(1_000, 60)
    found = committed_status(ACTIVE, (), accepted, [lax, Cap(draws, days)], NOON)
    assert (found == CAPPED) == reached
    assert committed_status(ACTIVE, (), accepted, [Cap(0, 0)], NOON) == "active"
