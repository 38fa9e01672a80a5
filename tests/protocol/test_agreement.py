"""How an agreement comes into force, and what it allows."""

from dataclasses import replace
from typing import Any

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
from federation.protocol.booking import SelectionMode
from federation.protocol.contradictions import contradictions_of
from federation.protocol.conversation import Phase, hear, say
from federation.protocol.terms import (
    MAX_FEN,
    DataProtection,
    Drawer,
    FeeRule,
    Fees,
    FeeSchedule,
    Settlement,
)
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
    words = {word.case: word for word in samples.AGREEMENT}
    sign, withdraw = words["Sign"], words["Withdraw"]
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

PAY = FeeSchedule(HOST, base_fen=40_000, base_minutes=240, step_fen=10_000, step_minutes=60)
PINNED_TWICE = replace(TERMS.parties[0], root_key_ids=(bytes(16), bytes(16)))


def fees(**changes: Any) -> Fees:
    """A schedule of each party; the host's is changed."""
    theirs = FeeSchedule(SUB, base_fen=60_000, base_minutes=480, step_fen=5_000, step_minutes=60)
    return Fees(schedules=(replace(PAY, **changes), theirs))


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
        (replace(TERMS, parties=(PINNED_TWICE, TERMS.parties[1])), "parties"),
        (replace(TERMS, version=2), "supersedes"),
        (replace(TERMS, supersedes=bytes(32)), "supersedes"),
        (replace(TERMS, version=2, supersedes=bytes(31)), "supersedes"),
        (replace(TERMS, specialty_prefixes=("A08", "A08")), "specialty_prefixes"),
        (replace(TERMS, value_from_fen=-1), "value_until_fen"),
        (replace(TERMS, value_from_fen=2, value_until_fen=1), "value_until_fen"),
        (replace(TERMS, value_until_fen=MAX_FEN + 1), "value_until_fen"),
        (replace(TERMS, selection_modes=()), "selection_modes"),
        (replace(TERMS, selection_modes=(SelectionMode.CHOSEN,) * 2), "selection_modes"),
        (replace(TERMS, sealed_disclosure=False), "selection_modes"),
        (replace(TERMS, open_weekdays=()), "open_weekdays"),
        (replace(TERMS, open_weekdays=(0,)), "open_weekdays"),
        (replace(TERMS, open_weekdays=(8,)), "open_weekdays"),
        (replace(TERMS, open_weekdays=(1, 1)), "open_weekdays"),
        (replace(TERMS, opens_minute=600, closes_minute=600), "closes_minute"),
        (replace(TERMS, opens_minute=-1), "closes_minute"),
        (replace(TERMS, closes_minute=1_441), "closes_minute"),
        (replace(TERMS, max_experts_per_session=0), "max_experts_per_session"),
        (replace(TERMS, max_experts_per_session=100), "max_experts_per_session"),
        (replace(TERMS, max_concurrent_sessions=-1), "max_concurrent_sessions"),
        (replace(TERMS, max_sessions_per_period=1), "period_days"),
        (replace(TERMS, period_days=1), "period_days"),
        (replace(TERMS, max_sessions_per_period=-1), "max_sessions_per_period"),
        (replace(TERMS, hold_ms=1), "hold_ms"),
        (replace(TERMS, hold_ms=MAX_YEARS_MS + 1), "hold_ms"),
        (replace(TERMS, cancel_notice_ms=-1), "cancel_notice_ms"),
        (replace(TERMS, cancel_fee_fen=1), "cancel_fee_fen"),
        (replace(TERMS, cancel_fee_fen=-1), "cancel_fee_fen"),
        (replace(TERMS, fault_wait_ms=0), "fault_wait_ms"),
        (replace(TERMS, fault_repair_ms=86_400_001), "fault_repair_ms"),
        (replace(TERMS, drawn_by=Drawer.HOST), "drawn_by"),
        (replace(TERMS, pool_min_ratio=0), "pool_min_ratio"),
        (replace(TERMS, min_outside_contributors=1), "min_outside_contributors"),
        (replace(TERMS, max_draws_per_expert=1), "draw_period_days"),
        (replace(TERMS, draw_period_days=1), "draw_period_days"),
        (replace(TERMS, max_draws_per_expert=-1, draw_period_days=0), "max_draws_per_expert"),
        (replace(TERMS, fees=Fees(schedules=(PAY,))), "fees"),
        (replace(TERMS, fees=Fees(schedules=(PAY, PAY))), "fees"),
        (replace(TERMS, fees=Fees(schedules=(PAY, replace(PAY, center_id="x")))), "fees"),
        (replace(TERMS, fees=fees(base_minutes=0)), "fees"),
        (replace(TERMS, fees=fees(step_minutes=1_441)), "fees"),
        (replace(TERMS, fees=fees(step_fen=-1)), "fees"),
        (replace(TERMS, fees=Fees(venue_fen=-1)), "fees"),
        (replace(TERMS, settlement=Settlement(pay_within_days=0)), "settlement"),
        (replace(TERMS, av_retention_days=0), "av_retention_days"),
        (replace(TERMS, notice_days=-1), "notice_days"),
        (replace(TERMS, data_protection=DataProtection(purpose=" ")), "data_protection"),
        (replace(TERMS, data_protection=DataProtection(categories=())), "data_protection"),
        (replace(TERMS, data_protection=DataProtection(retention_days=0)), "data_protection"),
        (replace(TERMS, dispute_path=()), "dispute_path"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_contradiction_is_named_by_its_term(broken: AgreementTerms, term: str) -> None:
    found = contradictions(broken)
    assert found
    assert {sentence.split(":")[0] for sentence in found} <= {term, "directions"}
    assert [f"{each.clause}: {each.en}" for each in contradictions_of(broken)] == list(found)
    assert all(each.zh for each in contradictions_of(broken))
    assert any(sentence.startswith(f"{term}: ") for sentence in found)


def test_all_contradictions_are_named_at_once() -> None:
    found = contradictions(replace(TERMS, version=0, title="", vote_ms=0))
    assert [sentence.split(":")[0] for sentence in found] == ["version", "title", "vote_ms"]


@pytest.mark.parametrize(
    ("rule", "minutes", "nights", "fen"),
    [
        # The host: 400 yuan for 4 h, 100 for each further hour; the sub: 600 for 8 h, then 50.
        (FeeRule.HIGHER_OF, 240, 0, 60_000),
        (FeeRule.HIGHER_OF, 360, 0, 60_000),
        (FeeRule.HIGHER_OF, 361, 0, 70_000),
        (FeeRule.HIGHER_OF, 241, 1, 80_000),
        (FeeRule.HOST, 241, 0, 50_000),
        (FeeRule.HOST, 1, 0, 40_000),
        (FeeRule.SUB, 480, 0, 60_000),
        (FeeRule.SUB, 481, 0, 65_000),
    ],
)
def test_pay_is_the_higher_of_two_schedules_or_one_of_them(
    rule: FeeRule, minutes: int, nights: int, fen: int
) -> None:
    agreed = replace(fees(overnight_fen=30_000), rule=rule)
    assert agreed.expert_fen(HOST, SUB, minutes, nights=nights) == fen


def test_without_schedules_the_pool_decides_what_is_paid() -> None:
    assert Fees().expert_fen(HOST, SUB, 240) is None


class TwoParties(TwoEnds):
    """A proposer and an answerer."""

    table = AGREEMENT
    samples = samples.AGREEMENT

    @invariant()
    def nothing_is_in_force_that_was_not_signed(self) -> None:
        signed = any(
            letter.word.case == "Sign" for end in self.ends.values() for letter in end.outbox
        )
        for end in self.ends.values():
            assert signed or end.conversation.phase != "ACTIVE"

    @invariant()
    def nobody_signs_after_hearing_the_withdrawal(self) -> None:
        for end in self.ends.values():
            said = [letter.word.case for letter in end.outbox]
            assert "Withdraw" not in said or "Sign" not in said[said.index("Withdraw") :]

    @invariant()
    def a_side_resumes_only_what_it_has_suspended(self) -> None:
        for role, end in self.ends.items():
            own = [letter.word.case for letter in end.outbox]
            assert not any(case.startswith(("Suspend", "Resume")) for case in own) or all(
                case.endswith(f".{role}")
                for case in own
                if case.startswith(("SuspendAgreement", "ResumeAgreement"))
            )


TestTwoParties = TwoParties.TestCase
TestTwoParties.settings = settings(max_examples=100, stateful_step_count=20, deadline=None)
