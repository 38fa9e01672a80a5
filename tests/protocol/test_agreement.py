"""How an agreement comes into force, and what it allows."""

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis.stateful import invariant

from federation.errors import OutOfTurn
from federation.ids import CenterId
from federation.protocol.agreement import (
    AGREEMENT,
    ANSWERER,
    MAX_YEARS_MS,
    AgreementTerms,
    Direction,
    DrawAnchor,
    Party,
    contradictions,
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
