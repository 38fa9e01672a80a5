"""Terms that contradict nothing, for tests of what is done with them."""

from dataclasses import replace
from typing import Any

from federation.ids import CenterId
from federation.protocol.terms import (
    AgreementTerms,
    Direction,
    DrawAnchor,
    Fees,
    FeeSchedule,
    Party,
)
from tests.protocol.grids import NOW

HOST = CenterId("lp1" + "h" * 32)
SUB = CenterId("lp1" + "s" * 32)
OUTSIDER = CenterId("lp1" + "b" * 32)
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
