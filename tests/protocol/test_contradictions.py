"""Every contradiction in the terms of an agreement is named by its clause."""

from dataclasses import replace

import pytest

from federation.protocol.booking import SelectionMode
from federation.protocol.contradictions import contradictions, contradictions_of
from federation.protocol.terms import (
    MAX_FEN,
    MAX_YEARS_MS,
    AgreementTerms,
    DataProtection,
    Direction,
    Drawer,
    Fees,
    Settlement,
)
from tests.protocol.agreed import (
    FROM,
    HOST,
    OUTSIDER,
    PAY,
    PINNED_TWICE,
    SUB,
    TERMS,
    UNTIL,
    fees,
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
        (replace(TERMS, outside_contributors=(OUTSIDER, OUTSIDER)), "outside_contributors"),
        (
            replace(TERMS, outside_contributors=(TERMS.parties[0].center_id,)),
            "outside_contributors",
        ),
        (replace(TERMS, regulator=TERMS.parties[1].center_id), "regulator"),
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
