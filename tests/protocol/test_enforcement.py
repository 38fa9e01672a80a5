"""Every term of an agreement is enforced, with a case that is allowed and one that is refused.

``ENFORCED`` names both for each field of ``AgreementTerms``; what is in ``STATED`` binds people
only, and says why no node can enforce it. ``proto/README.md`` has the same list in words, and
``tests/repo/test_protocol_docs.py`` compares the two.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.errors import FederationError, OutOfScope, QuotaSpent
from federation.ids import CenterId, ConversationId
from federation.protocol import booking, enforcement, execution
from federation.protocol.booking import ExpertNeed, Hold, SelectionMode
from federation.protocol.contradictions import contradictions
from federation.protocol.conversation import Conversation, Kind, Phase, expire, hear
from federation.protocol.enforcement import Wish, check_booking, coarse_wan
from federation.protocol.quota import Counted
from federation.protocol.session import ArchiveItem
from federation.protocol.tables import TABLES
from federation.protocol.terms import (
    ANSWER_MS,
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    AgreementTerms,
    Direction,
    DrawAnchor,
    Drawer,
    InDoubt,
    Party,
    draw_opens_ms,
)
from tests.protocol import samples

HOST = CenterId("lp1" + "h" * 32)
SUB = CenterId("lp1" + "s" * 32)
NOW: Final = 1_778_040_000_000  # Wednesday 2026-05-06 12:00 in Beijing
NINE: Final = NOW + 21 * HOUR_MS  # Thursday 09:00
WAN: Final = 1_000_000

OUTSIDER: Final = "lp1" + "b" * 32
TERMS: Final = AgreementTerms(
    version=1,
    title="Ji'an and Changle",
    parties=(Party(HOST, "吉安", "", "360800"), Party(SUB, "长乐", "", "350112")),
    directions=(Direction(HOST, SUB),),
    effective_from_ms=NOW - DAY_MS,
    effective_until_ms=NOW + 300 * DAY_MS,
    project_kinds=("A", "B"),
    max_seats_per_session=7,
    max_open_bookings=3,
    lead_time_ms=5 * HOUR_MS,
    vote_ms=HOUR_MS,
    decide_ms=2 * HOUR_MS,
    draw_anchor=DrawAnchor.EVALUATION_START,
    draw_earliest_ms=DAY_MS,
    pool_min_age_ms=HOUR_MS,
    joint_test_valid_days=30,
    handover_working_days=5,
    suite="intl-1",
    sealed_disclosure=True,
    specialty_prefixes=("A08", "B"),
    value_from_fen=100 * WAN,
    value_until_fen=5_050 * WAN,
    selection_modes=(SelectionMode.CHOSEN, SelectionMode.RANDOM),
    max_experts_per_session=5,
    max_concurrent_sessions=2,
    max_sessions_per_period=4,
    period_days=30,
    opens_minute=8 * 60,
    closes_minute=18 * 60,
    open_weekdays=(1, 2, 3, 4, 5),
    hold_ms=4 * HOUR_MS,
    in_doubt=InDoubt.RELEASE,
    pool_min_ratio=3,
    av_retention_days=15 * 365,
)
HOLD: Final = Hold(
    bundle_id=bytes(16),
    participants=(SUB,),
    start_ms=NINE,
    end_ms=NINE + 3 * HOUR_MS,
    seats=7,
    equipment=(),
    overnight=False,
    project_kind="A",
    experts=(ExpertNeed("A0801", 3), ExpertNeed("B02", 2)),
    selection=SelectionMode.CHOSEN,
    value_wan=5_100,
)
WISH: Final = Wish(HOST, SUB, HOLD)

ALTERNATIVE: Final = re.compile(r"[a-z_]+(?:=|>=|<=)[^;]+(?:;[a-z_]+(?:=|>=|<=)[^;]+)*")
SAID_WITH: Final = frozenset(
    {
        "start_ms", "end_ms", "at_ms", "retry_after_ms", "promise_ms", "seats", "experts",
        "value_wan", "project_kind", "selection", "specialty", "retention", "run",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One term: a call that it allows and one that it refuses, and how."""

    term: str
    allowed: Callable[[], object]
    refused: Callable[[], object]
    reason: str
    alternative: str = ""
    clause: str = ""


@dataclass(frozen=True)
class Asked:
    """A booking that is asked for under terms at a moment."""

    terms: AgreementTerms
    wish: Wish
    now_ms: int

    def __call__(self) -> None:
        check_booking(self.terms, self.wish, self.now_ms)


def asked(now_ms: int = NOW, terms: AgreementTerms = TERMS, **changes: Any) -> Asked:
    """A booking with some fields of the Hold, or of the wish around it, changed."""
    around = {
        name: changes.pop(name) for name in ("others", "tested", "host", "sub") if name in changes
    }
    return Asked(terms, replace(WISH, hold=replace(HOLD, **changes), **around), now_ms)


def others(*starts: int, phase: Phase = booking.CONFIRMED) -> tuple[Counted, ...]:
    return tuple(Counted(start, start + 3 * HOUR_MS, phase) for start in starts)


def opened(now_ms: int, bid_deadline_ms: int, terms: AgreementTerms = TERMS) -> Callable[[], None]:
    return lambda: execution.check_draw_time(terms, bid_deadline_ms, NINE, now_ms)


def agreed(**changes: Any) -> Callable[[], None]:
    """Terms as a Propose brings them: contradictions are refused."""

    def check() -> None:
        found = contradictions(replace(TERMS, **changes))
        if found:
            clause = found[0].split(":")[0]
            raise FederationError("; ".join(found), clause=clause)

    return check


def kept(retention: str) -> Callable[[], None]:
    item = ArchiveItem("recording/1", bytes(32), 1, retention)
    report = ArchiveItem("report", bytes(32), 1, "10y")
    return lambda: execution.check_retention(TERMS, [item, report])


HELD_AT: Final = NOW
BY_DEADLINE: Final = replace(TERMS, draw_anchor=DrawAnchor.BID_DEADLINE)
CASES: Final = (
    Case(
        "directions",
        asked(),
        asked(host=SUB, sub=HOST),
        "OUT_OF_SCOPE",
    ),
    Case(
        "effective_from_ms",
        asked(now_ms=NOW),
        asked(now_ms=TERMS.effective_from_ms - 1),
        "NO_AGREEMENT",
        f"at_ms>={TERMS.effective_from_ms}",
    ),
    Case(
        "effective_until_ms",
        asked(),
        asked(start_ms=TERMS.effective_until_ms + 1, end_ms=TERMS.effective_until_ms + 2),
        "NO_AGREEMENT",
        f"start_ms<={TERMS.effective_until_ms}",
    ),
    Case(
        "project_kinds",
        asked(project_kind="B"),
        asked(project_kind="C"),
        "OUT_OF_SCOPE",
        "project_kind=A;project_kind=B",
    ),
    Case(
        "selection_modes",
        asked(selection=SelectionMode.RANDOM),
        asked(selection=SelectionMode.BLIND),
        "OUT_OF_SCOPE",
        "selection=CHOSEN;selection=RANDOM",
    ),
    Case(
        "specialty_prefixes",
        asked(experts=(ExpertNeed("B", 5),)),
        asked(experts=(ExpertNeed("A08", 1), ExpertNeed("A09", 1))),
        "OUT_OF_SCOPE",
        "specialty=A08;specialty=B",
    ),
    Case(
        "value_from_fen",
        asked(value_wan=100),
        asked(value_wan=99),
        "OUT_OF_SCOPE",
        "value_wan>=100",
    ),
    Case(
        "value_until_fen",
        asked(value_wan=5_100),
        asked(value_wan=5_200),
        "OUT_OF_SCOPE",
        "value_wan<=5100",
    ),
    Case(
        "max_seats_per_session", asked(seats=7), asked(seats=8), "OUT_OF_SCOPE", "seats=7"
    ),
    Case(
        "max_experts_per_session",
        asked(experts=(ExpertNeed("B", 5),)),
        asked(experts=(ExpertNeed("B", 3), ExpertNeed("A08", 3))),
        "OUT_OF_SCOPE",
        "experts=5",
    ),
    Case(
        "open_weekdays",
        asked(start_ms=NINE + DAY_MS, end_ms=NINE + DAY_MS + 1),
        asked(start_ms=NINE + 2 * DAY_MS, end_ms=NINE + 2 * DAY_MS + 1),  # a Saturday
        "OUT_OF_SCOPE",
        f"start_ms>={NINE + 4 * DAY_MS - HOUR_MS}",  # Monday at eight
    ),
    Case(
        "opens_minute",
        asked(start_ms=NINE - HOUR_MS),
        asked(start_ms=NINE - HOUR_MS - MINUTE_MS),
        "OUT_OF_SCOPE",
        f"start_ms>={NINE - HOUR_MS}",
    ),
    Case(
        "closes_minute",
        asked(end_ms=NINE + 9 * HOUR_MS),
        asked(end_ms=NINE + 9 * HOUR_MS + 1),
        "OUT_OF_SCOPE",
        f"end_ms<={NINE + 9 * HOUR_MS}",
    ),
    Case(
        "lead_time_ms",
        asked(now_ms=NINE - 5 * HOUR_MS),
        asked(now_ms=NINE - 5 * HOUR_MS + 1),
        "TOO_EARLY",
        f"start_ms>={NINE + 1 + ANSWER_MS}",
    ),
    Case(
        "max_open_bookings",
        asked(others=others(NINE + DAY_MS, NINE + 2 * DAY_MS)),
        asked(others=others(NINE + DAY_MS, NINE + 2 * DAY_MS, NINE + 3 * DAY_MS)),
        "QUOTA_SPENT",
        f"retry_after_ms={NINE + DAY_MS + 3 * HOUR_MS - NOW}",
    ),
    Case(
        "max_concurrent_sessions",
        asked(others=others(NINE + HOUR_MS, NINE + 3 * HOUR_MS)),
        asked(others=others(NINE + HOUR_MS, NINE + 2 * HOUR_MS)),
        "QUOTA_SPENT",
        f"start_ms>={NINE + 4 * HOUR_MS}",
    ),
    Case(
        "max_sessions_per_period",
        asked(others=others(*[NINE + DAY_MS] * 3, phase=booking.COMPLETED)),
        asked(others=others(*[NINE + DAY_MS] * 4, phase=booking.COMPLETED)),
        "QUOTA_SPENT",
        f"start_ms>={TERMS.effective_from_ms + 30 * DAY_MS}",
    ),
    Case(
        "period_days",
        asked(others=others(*[NINE + 30 * DAY_MS] * 4, phase=booking.COMPLETED)),
        asked(
            terms=replace(TERMS, period_days=60),
            others=others(*[NINE + 30 * DAY_MS] * 4, phase=booking.COMPLETED),
        ),
        "QUOTA_SPENT",
        f"start_ms>={TERMS.effective_from_ms + 60 * DAY_MS}",
        clause="max_sessions_per_period",
    ),
    Case(
        "joint_test_valid_days",
        asked(terms=replace(TERMS, joint_test_valid_days=0), tested=False),
        asked(tested=False),
        "OUT_OF_SCOPE",
        f"run=lianping peer test {SUB}",
    ),
    Case(
        "decide_ms",
        lambda: enforcement.check_promise(TERMS, 2 * HOUR_MS),
        lambda: enforcement.check_promise(TERMS, 2 * HOUR_MS - 1),
        "OUT_OF_SCOPE",
        f"promise_ms={2 * HOUR_MS}",
    ),
    Case(
        "hold_ms",
        lambda: enforcement.check_confirmation(TERMS, HELD_AT, HELD_AT + 4 * HOUR_MS - 1),
        lambda: enforcement.check_confirmation(TERMS, HELD_AT, HELD_AT + 4 * HOUR_MS),
        "TOO_LATE",
    ),
    Case(
        "in_doubt",
        lambda: enforcement.check_confirmation(
            replace(TERMS, in_doubt=InDoubt.KEEP_AND_ESCALATE), HELD_AT, HELD_AT + DAY_MS
        ),
        lambda: enforcement.check_confirmation(TERMS, HELD_AT, HELD_AT + DAY_MS),
        "TOO_LATE",
        clause="hold_ms",
    ),
    Case(
        "draw_earliest_ms",
        opened(NINE - DAY_MS, NINE - HOUR_MS),
        opened(NINE - DAY_MS - 1, NINE - HOUR_MS),
        "TOO_EARLY",
        f"at_ms>={NINE - DAY_MS}",
    ),
    Case(
        "draw_anchor",
        opened(NINE - 26 * HOUR_MS, NINE - 2 * HOUR_MS, BY_DEADLINE),
        opened(NINE - 26 * HOUR_MS, NINE - 2 * HOUR_MS),
        "TOO_EARLY",
        f"at_ms>={NINE - DAY_MS}",
        clause="draw_earliest_ms",
    ),
    Case(
        "pool_min_age_ms",
        lambda: execution.check_pool_age(TERMS, NOW - HOUR_MS, NOW),
        lambda: execution.check_pool_age(TERMS, NOW - HOUR_MS + 1, NOW),
        "TOO_EARLY",
        f"at_ms>={NOW + 1}",
    ),
    Case(
        "pool_min_ratio",
        lambda: execution.check_pool_size(TERMS, {"A08": 9}, [ExpertNeed("A08", 3)]),
        lambda: execution.check_pool_size(TERMS, {"A08": 8}, [ExpertNeed("A08", 3)]),
        "OUT_OF_SCOPE",
        "experts=2",
    ),
    Case(
        "drawn_by",
        agreed(drawn_by=Drawer.POOL_OWNER),
        agreed(drawn_by=Drawer.HOST),
        "INTERNAL",
    ),
    Case(
        "min_outside_contributors",
        agreed(min_outside_contributors=1, outside_contributors=(OUTSIDER,)),
        agreed(min_outside_contributors=1),
        "INTERNAL",
    ),
    Case(
        "outside_contributors",
        agreed(outside_contributors=(OUTSIDER,)),
        agreed(outside_contributors=(OUTSIDER, OUTSIDER)),
        "INTERNAL",
    ),
    Case(
        "regulator",
        agreed(regulator=OUTSIDER),
        agreed(regulator=TERMS.parties[0].center_id),
        "INTERNAL",
    ),
    Case(
        "fault_wait_ms",
        lambda: execution.check_start(TERMS, NINE, NINE + 2 * HOUR_MS),
        lambda: execution.check_start(TERMS, NINE, NINE + 2 * HOUR_MS + 1),
        "TOO_LATE",
    ),
    Case(
        "fault_repair_ms",
        lambda: execution.check_resume(TERMS, NINE, NINE + 4 * HOUR_MS),
        lambda: execution.check_resume(TERMS, NINE, NINE + 4 * HOUR_MS + 1),
        "TOO_LATE",
    ),
    Case("parties", agreed(), agreed(parties=TERMS.parties[:1]), "INTERNAL"),
    Case("version", agreed(version=1), agreed(version=0), "INTERNAL"),
    Case(
        "supersedes",
        agreed(version=2, supersedes=bytes(32)),
        agreed(version=2, supersedes=b""),
        "INTERNAL",
    ),
    Case("suite", agreed(suite="gm-1"), agreed(suite="rot-13"), "INTERNAL"),
    Case(
        "sealed_disclosure",
        agreed(selection_modes=(SelectionMode.BLIND,)),
        agreed(selection_modes=(SelectionMode.BLIND,), sealed_disclosure=False),
        "INTERNAL",
        clause="selection_modes",
    ),
    Case("av_retention_days", kept("15y"), kept("10y"), "OUT_OF_SCOPE", "retention=15y"),
)  # fmt: skip
by_term = pytest.mark.parametrize("case", CASES, ids=lambda case: case.term)


@by_term
def test_a_term_allows_what_it_covers(case: Case) -> None:
    case.allowed()


@by_term
def test_a_term_refuses_the_next_thing_and_says_what_would_do(case: Case) -> None:
    with pytest.raises(FederationError) as caught:
        case.refused()
    error = caught.value
    assert (error.reason, error.clause, error.alternative) == (
        case.reason,
        case.clause or case.term,
        case.alternative,
    )
    assert error.retryable == isinstance(error, QuotaSpent)


@by_term
def test_an_alternative_can_be_read_by_a_program(case: Case) -> None:
    if case.alternative:
        assert ALTERNATIVE.fullmatch(case.alternative)
        assert {re.split("[<>=]", part)[0] for part in case.alternative.split(";")} <= SAID_WITH


@pytest.mark.parametrize(
    "term",
    [
        "max_seats_per_session", "value_from_fen", "value_until_fen", "open_weekdays",
        "opens_minute", "closes_minute", "lead_time_ms", "max_concurrent_sessions",
        "max_sessions_per_period",
    ],
)  # fmt: skip
def test_what_is_proposed_instead_is_accepted(term: str) -> None:
    """The proposal is applied to the very wish that was refused, and asked again a bit later."""
    (case,) = (each for each in CASES if each.term == term)
    refused = case.refused
    assert isinstance(refused, Asked)
    key, value = re.split("[<>]?=", case.alternative)
    changes: dict[str, Any] = {key: int(value)}
    hold = replace(refused.wish.hold, **changes)
    if key == "start_ms":
        length_ms = refused.wish.hold.end_ms - refused.wish.hold.start_ms
        hold = replace(hold, end_ms=hold.start_ms + length_ms)
    check_booking(refused.terms, replace(refused.wish, hold=hold), refused.now_ms + ANSWER_MS)


# Waiting as agreed


def _held() -> Conversation:
    fresh = Conversation(
        id=ConversationId(samples.ID),
        kind=Kind.BOOKING,
        role=booking.SUB,
        peer=HOST,
        agreement=None,
        suite="intl-1",
        phase=booking.NEW,
    )
    return hear(booking.BOOKING, fresh, samples.HOLD, NOW, enforcement.agreed_waits(TERMS, fresh))


def test_the_sub_may_vote_until_the_agreed_time_and_not_later() -> None:
    held = _held()
    assert held.deadline_ms == NOW + TERMS.vote_ms
    assert expire(booking.BOOKING, held, NOW + TERMS.vote_ms - 1).phase == booking.HELD
    assert expire(booking.BOOKING, held, NOW + TERMS.vote_ms).phase == booking.EXPIRED


CANCELLING: Final = replace(TERMS, cancel_notice_ms=DAY_MS, cancel_fee_fen=80_000)


def test_cancelling_in_time_is_free() -> None:
    assert enforcement.cancel_fee_fen(CANCELLING, NINE, NINE - DAY_MS) == 0
    assert enforcement.cancel_fee_fen(CANCELLING, NINE, NOW - DAY_MS) == 0


def test_cancelling_late_costs_what_was_agreed() -> None:
    assert enforcement.cancel_fee_fen(CANCELLING, NINE, NINE - DAY_MS + 1) == 80_000
    assert enforcement.cancel_fee_fen(CANCELLING, NINE, NINE + HOUR_MS) == 80_000


def test_only_bookings_and_evaluations_wait_by_the_agreement() -> None:
    for kind in Kind:
        waits = enforcement.agreed_waits(TERMS, replace(_held(), kind=kind))
        assert bool(waits) == (kind in enforcement.KINDS_THAT_WAIT)
        assert set(waits) <= set(TABLES[kind].waits)


# What is left to people, and that nothing is forgotten

ELSEWHERE: Final = {
    "vote_ms": (
        "tests/protocol/test_enforcement.py",
        "test_the_sub_may_vote_until_the_agreed_time_and_not_later",
        "test_the_sub_may_vote_until_the_agreed_time_and_not_later",
    ),
    **dict.fromkeys(
        ("cancel_notice_ms", "cancel_fee_fen"),
        (
            "tests/protocol/test_enforcement.py",
            "test_cancelling_in_time_is_free",
            "test_cancelling_late_costs_what_was_agreed",
        ),
    ),
    "handover_working_days": (
        "tests/node/services/test_session_archive.py",
        "test_a_hand_over_in_time_is_never_called_overdue",
        "test_an_overdue_hand_over_is_told_to_both_sides",
    ),
    **dict.fromkeys(
        ("max_draws_per_expert", "draw_period_days"),
        (
            "tests/node/services/test_pool_epochs.py",
            "test_whoever_was_drawn_less_often_than_agreed_may_be_invited",
            "test_whoever_was_drawn_as_often_as_agreed_is_committed_as_capped_and_not_invited",
        ),
    ),
    "notice_days": (
        "tests/node/services/test_agreement_life.py",
        "test_a_notice_ends_new_work_when_the_agreed_days_are_over",
        "test_a_notice_shorter_than_agreed_is_neither_said_nor_heard",
    ),
}
"""Terms whose two cases are elsewhere: file, what is allowed, what is refused."""

STATED: Final = {
    "title": "a name for people",
    "agreement_no": "a number in the parties' files",
    "fees": "no money passes through a node; the daily statement of usage is what is paid for",
    "settlement": "as above",
    "data_protection": "what leaves a node is fixed by the protocol; deleting is the receiver's "
    "duty",
    "dispute_path": "people settle disputes; an open one is shown to both",
}


def test_every_term_is_enforced_or_says_why_not() -> None:
    ours = [case.term for case in CASES]
    assert len(set(ours)) == len(ours)
    assert not set(STATED) & (set(ours) | set(ELSEWHERE))
    assert {field.name for field in fields(AgreementTerms)} == {*ours, *ELSEWHERE, *STATED}


def test_the_page_of_the_protocol_says_the_same() -> None:
    """Its table names every term; who are people only is marked as in ``STATED``."""
    page = (Path(__file__).parents[2] / "proto/README.md").read_text(encoding="utf-8")
    section = page.split("### Terms (协议条款)", maxsplit=1)[1].split("\n### ", maxsplit=1)[0]
    rows = re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \|$", section, re.MULTILINE)[1:]
    found = {name: how for names, how, _ in rows for name in re.findall("`(\\w+)`", names)}
    assert set(found) == {field.name for field in fields(AgreementTerms)}
    assert {name for name, how in found.items() if how == "people"} == set(STATED)


def test_the_page_of_the_protocol_explains_every_key_of_an_alternative() -> None:
    page = (Path(__file__).parents[2] / "proto/README.md").read_text(encoding="utf-8")
    section = page.split("## 6. Refusals", maxsplit=1)[1].split("\n## ", maxsplit=1)[0]
    explained = set(re.findall(r"^\| `([a-z_]+)` \|", section, re.MULTILINE))
    assert explained >= SAID_WITH


def test_the_cases_that_are_elsewhere_are_there() -> None:
    root = Path(__file__).parents[2]
    for path, *names in ELSEWHERE.values():
        text = (root / path).read_text(encoding="utf-8")
        for name in names:
            assert f"def {name}(" in text, f"{path} has no {name}"


# The arithmetic


@given(st.integers(1, 10**13))
def test_a_coarse_value_is_at_least_the_value_and_at_most_a_tenth_more(value_fen: int) -> None:
    coarse = coarse_wan(value_fen)
    assert coarse * WAN >= value_fen
    assert coarse <= max(1, value_fen / WAN * 1.1 + 1)
    assert len(str(coarse).rstrip("0")) <= 2


@given(st.integers(1, 10**13), st.integers(1, 10**13))
def test_a_coarse_value_never_refuses_what_the_exact_one_allows(low: int, high: int) -> None:
    assert (coarse_wan(low) <= coarse_wan(high)) or low > high


@pytest.mark.parametrize(
    ("fen", "wan"), [(1, 1), (WAN, 1), (WAN + 1, 2), (99 * WAN, 99), (100 * WAN, 100),
                     (101 * WAN, 110), (4_961 * WAN, 5_000), (5_001 * WAN, 5_100)]
)  # fmt: skip
def test_a_value_is_told_in_two_digits(fen: int, wan: int) -> None:
    assert coarse_wan(fen) == wan


def test_a_value_is_told_only_where_the_agreement_limits_it() -> None:
    free = replace(TERMS, value_from_fen=0, value_until_fen=0)
    assert enforcement.told_value(free, 4_961 * WAN) == 0
    assert enforcement.told_value(TERMS, 4_961 * WAN) == 5_000
    asked(terms=free, value_wan=0)()
    with pytest.raises(FederationError, match="tells none"):
        asked(value_wan=0)()


@pytest.mark.parametrize(
    ("fen", "clause"),
    [(99 * WAN, "value_from_fen"), (5_050 * WAN + 1, "value_until_fen"), (0, "value_from_fen")],
)
def test_the_host_checks_the_exact_value(fen: int, clause: str) -> None:
    enforcement.check_value(TERMS, 100 * WAN)
    enforcement.check_value(TERMS, 5_050 * WAN)
    enforcement.check_value(replace(TERMS, value_from_fen=0, value_until_fen=0), fen)
    upper_alone = replace(TERMS, value_from_fen=0)
    with pytest.raises(FederationError, match="none is given"):
        enforcement.check_value(upper_alone, 0)
    with pytest.raises(FederationError) as caught:
        enforcement.check_value(TERMS, fen)
    assert caught.value.clause == clause


def test_without_agreed_hours_a_window_may_cross_midnight() -> None:
    free = replace(TERMS, opens_minute=0, closes_minute=24 * 60)
    asked(terms=free, start_ms=NINE + 14 * HOUR_MS, end_ms=NINE + 20 * HOUR_MS)()


def test_a_window_does_not_go_on_into_a_closed_day_unless_it_is_overnight() -> None:
    free = replace(TERMS, opens_minute=0, closes_minute=24 * 60)
    friday_ms, saturday_ms = NINE + DAY_MS, NINE + 2 * DAY_MS - 9 * HOUR_MS
    asked(terms=free, start_ms=friday_ms, end_ms=saturday_ms)()
    asked(terms=free, start_ms=friday_ms, end_ms=saturday_ms + 1, overnight=True)()
    with pytest.raises(OutOfScope) as caught:
        asked(terms=free, start_ms=friday_ms, end_ms=saturday_ms + 1)()
    assert (caught.value.clause, caught.value.alternative) == (
        "open_weekdays",
        f"end_ms<={saturday_ms}",
    )


def test_an_overnight_window_may_end_after_hours_and_not_begin_there() -> None:
    asked(overnight=True, end_ms=NINE + 30 * HOUR_MS)()
    with pytest.raises(FederationError) as caught:
        asked(overnight=True, start_ms=NINE + 9 * HOUR_MS, end_ms=NINE + 30 * HOUR_MS)()
    assert caught.value.clause == "opens_minute"


@pytest.mark.parametrize(
    ("anchor", "opens"), [(DrawAnchor.BID_DEADLINE, 90), (DrawAnchor.EVALUATION_START, 190)]
)
def test_a_draw_opens_before_the_anchor_of_the_agreement(anchor: DrawAnchor, opens: int) -> None:
    terms = replace(TERMS, draw_anchor=anchor, draw_earliest_ms=10)
    assert draw_opens_ms(terms, bid_deadline_ms=100, evaluation_start_ms=200) == opens
