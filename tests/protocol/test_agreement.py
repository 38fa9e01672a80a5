"""How an agreement comes into force, and what it allows."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant

from federation.errors import NoAgreement, OutOfScope, OutOfTurn, TooEarly
from federation.ids import CenterId
from federation.protocol.agreement import (
    AGREEMENT,
    ANSWERER,
    MAX_YEARS_MS,
    AgreementTerms,
    Direction,
    DrawAnchor,
    Party,
    Wish,
    check_booking,
    check_in_force,
    contradictions,
    draw_opens_ms,
)
from federation.protocol.conversation import Phase, hear, say
from tests.protocol import samples, waits
from tests.protocol.crossings import explore
from tests.protocol.grid_agreement import GRID
from tests.protocol.grids import NOW, Trial, check_all, check_cell, standing
from tests.protocol.laws import check_deadlines, check_refused, check_silence
from tests.protocol.two_ends import TwoEnds


@pytest.mark.parametrize("trial", GRID.trials(), ids=str)
def test_a_word_is_next_only_where_the_grid_says_so(trial: Trial) -> None:
    check_cell(AGREEMENT, GRID.expected(trial), trial)


def test_the_table_names_the_phases_of_the_grid_and_no_other() -> None:
    check_all(AGREEMENT, GRID)


def test_silence_counts_on_the_clock_of_the_authority_alone() -> None:
    check_silence(AGREEMENT, GRID, waits.AGREEMENT)


def test_every_word_starts_the_clock_of_the_phase_it_leads_to() -> None:
    check_deadlines(AGREEMENT, GRID, waits.AGREEMENT)


def test_a_signed_refusal_ends_what_is_not_over() -> None:
    check_refused(AGREEMENT, GRID, waits.AGREEMENT_OVER)


def test_both_ends_agree_however_the_words_cross() -> None:
    assert explore(AGREEMENT, samples.AGREEMENT) is None


def test_who_has_heard_the_withdrawal_can_sign_no_more() -> None:
    _, sign, _, withdraw = samples.AGREEMENT
    answerer = hear(AGREEMENT, standing(AGREEMENT, Phase("PROPOSED"), ANSWERER), withdraw, NOW)
    with pytest.raises(OutOfTurn, match="Sign comes too late: the phase is WITHDRAWN"):
        say(AGREEMENT, answerer, sign, NOW)


HOST = CenterId("lp1" + "h" * 32)
SUB = CenterId("lp1" + "s" * 32)
FROM, UNTIL = NOW - 1_000, NOW + 1_000_000
LEAD = 5_000

TERMS = AgreementTerms(
    version=1,
    title="Ji'an and Changle",
    parties=(Party(HOST, "吉安", "", "360800"), Party(SUB, "长乐", "", "350112")),
    directions=(Direction(HOST, SUB),),
    effective_from_ms=FROM,
    effective_until_ms=UNTIL,
    project_kinds=("A", "B"),
    max_seats_per_session=7,
    max_open_bookings=1,
    lead_time_ms=LEAD,
    vote_ms=1,
    decide_ms=1,
    draw_anchor=DrawAnchor.EVALUATION_START,
    draw_earliest_ms=0,
    pool_min_age_ms=0,
    joint_test_valid_days=0,
    handover_working_days=1,
    suite="intl-1",
    sealed_disclosure=True,
)
WISH = Wish(HOST, SUB, "A", seats=7, start_ms=NOW + LEAD, open_bookings=0)


def test_terms_at_every_limit_contradict_nothing() -> None:
    assert contradictions(TERMS) == ()
    widest = replace(
        TERMS,
        directions=(Direction(HOST, SUB), Direction(SUB, HOST)),
        effective_until_ms=FROM + MAX_YEARS_MS,
        project_kinds=("A", "B", "C"),
        max_seats_per_session=500,
    )
    assert contradictions(widest) == ()
    narrowest = replace(
        TERMS,
        effective_until_ms=FROM + 1,
        max_seats_per_session=1,
        lead_time_ms=1,
        pool_min_age_ms=1,
        joint_test_valid_days=0,
    )
    assert contradictions(narrowest) == ()


@pytest.mark.parametrize(
    ("broken", "term"),
    [
        (replace(TERMS, parties=TERMS.parties[:1]), "parties"),
        (replace(TERMS, parties=TERMS.parties[:1] * 2), "parties"),
        (replace(TERMS, version=0), "version"),
        (replace(TERMS, title=" \t"), "title"),
        (replace(TERMS, directions=()), "directions"),
        (replace(TERMS, directions=TERMS.directions * 2), "directions"),
        (replace(TERMS, directions=(Direction(HOST, HOST),)), "directions"),
        (replace(TERMS, directions=(Direction(HOST, "lp1" + "x" * 32),)), "directions"),
        (replace(TERMS, effective_until_ms=FROM), "effective_until_ms"),
        (replace(TERMS, effective_until_ms=FROM + MAX_YEARS_MS + 1), "effective_until_ms"),
        (replace(TERMS, project_kinds=()), "project_kinds"),
        (replace(TERMS, project_kinds=("A", "D")), "project_kinds"),
        (replace(TERMS, project_kinds=("A", "A")), "project_kinds"),
        (replace(TERMS, lead_time_ms=UNTIL - FROM + 1), "lead_time_ms"),
        (replace(TERMS, pool_min_age_ms=UNTIL - FROM + 1), "pool_min_age_ms"),
        (replace(TERMS, joint_test_valid_days=-1), "joint_test_valid_days"),
        (replace(TERMS, max_seats_per_session=0), "max_seats_per_session"),
        (replace(TERMS, max_seats_per_session=501), "max_seats_per_session"),
        (replace(TERMS, max_open_bookings=0), "max_open_bookings"),
        (replace(TERMS, lead_time_ms=-1), "lead_time_ms"),
        (replace(TERMS, vote_ms=0), "vote_ms"),
        (replace(TERMS, decide_ms=0), "decide_ms"),
        (replace(TERMS, draw_earliest_ms=-1), "draw_earliest_ms"),
        (replace(TERMS, pool_min_age_ms=-1), "pool_min_age_ms"),
        (replace(TERMS, handover_working_days=0), "handover_working_days"),
        (replace(TERMS, handover_working_days=251), "handover_working_days"),
        (replace(TERMS, suite="rot-13"), "suite"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_contradiction_is_named_by_its_term(broken: AgreementTerms, term: str) -> None:
    found = contradictions(broken)
    assert found
    assert {sentence.split(":")[0] for sentence in found} <= {term, "directions"}
    assert any(sentence.startswith(f"{term}: ") for sentence in found)


def test_all_contradictions_are_named_at_once() -> None:
    found = contradictions(replace(TERMS, version=0, title="", vote_ms=0))
    assert [sentence.split(":")[0] for sentence in found] == ["version", "title", "vote_ms"]


@pytest.mark.parametrize("now_ms", [FROM, UNTIL])
def test_an_agreement_is_in_force_from_its_first_to_its_last_moment(now_ms: int) -> None:
    check_in_force(TERMS, now_ms)


@pytest.mark.parametrize(
    ("now_ms", "clause"), [(FROM - 1, "effective_from_ms"), (UNTIL + 1, "effective_until_ms")]
)
def test_outside_its_time_an_agreement_allows_nothing(now_ms: int, clause: str) -> None:
    with pytest.raises(NoAgreement) as refusal:
        check_booking(TERMS, WISH, now_ms)
    assert refusal.value.clause == clause


def test_a_wish_at_every_limit_is_allowed() -> None:
    check_booking(TERMS, WISH, NOW)
    check_booking(TERMS, replace(WISH, start_ms=UNTIL, project_kind="B", seats=1), NOW)


@pytest.mark.parametrize(
    ("wish", "error", "clause", "alternative"),
    [
        (replace(WISH, start_ms=UNTIL + 1), NoAgreement, "effective_until_ms", ""),
        (replace(WISH, host=SUB, sub=HOST), OutOfScope, "directions", ""),
        (replace(WISH, project_kind="C"), OutOfScope, "project_kinds", ""),
        (replace(WISH, seats=8), OutOfScope, "max_seats_per_session", "seats=7"),
        (
            replace(WISH, start_ms=NOW + LEAD - 1),
            TooEarly,
            "lead_time_ms",
            f"start_ms>={NOW + LEAD}",
        ),
    ],
    ids=["end", "direction", "kind", "seats", "lead time"],
)
def test_a_wish_just_past_a_limit_is_refused_with_the_term(
    wish: Wish,
    error: type[NoAgreement | OutOfScope | TooEarly],
    clause: str,
    alternative: str,
) -> None:
    with pytest.raises(error) as refusal:
        check_booking(TERMS, wish, NOW)
    assert (refusal.value.clause, refusal.value.alternative) == (clause, alternative)


@given(start=st.integers(NOW - 10, UNTIL + 10), seats=st.integers(1, 9))
def test_what_is_allowed_is_allowed_by_every_term(start: int, seats: int) -> None:
    wish = replace(WISH, start_ms=start, seats=seats)
    allowed = NOW + LEAD <= start <= UNTIL and seats <= 7
    try:
        check_booking(TERMS, wish, NOW)
    except (NoAgreement, OutOfScope, TooEarly):
        assert not allowed
    else:
        assert allowed


@pytest.mark.parametrize(
    ("anchor", "opens"), [(DrawAnchor.BID_DEADLINE, 90), (DrawAnchor.EVALUATION_START, 190)]
)
def test_a_draw_opens_before_the_anchor_of_the_agreement(anchor: DrawAnchor, opens: int) -> None:
    terms = replace(TERMS, draw_anchor=anchor, draw_earliest_ms=10)
    assert draw_opens_ms(terms, bid_deadline_ms=100, evaluation_start_ms=200) == opens


class TwoParties(TwoEnds):
    """A proposer and an answerer."""

    table = AGREEMENT
    samples = samples.AGREEMENT

    @invariant()
    def nothing_is_in_force_that_was_not_signed(self) -> None:
        signed = any(letter.word.case == "Sign" for letter in self.ends[ANSWERER].outbox)
        for end in self.ends.values():
            assert signed or end.conversation.phase != "ACTIVE"

    @invariant()
    def nobody_signs_after_hearing_the_withdrawal(self) -> None:
        phases = self.ends[ANSWERER].phases
        assert "ACTIVE" not in phases or "WITHDRAWN" not in phases


TestTwoParties = TwoParties.TestCase
TestTwoParties.settings = settings(max_examples=100, stateful_step_count=20, deadline=None)
