"""Every reason of the protocol has a Chinese sentence, and nothing a partner said is lost."""

import inspect
import re

import pytest

from federation import errors
from federation.errors import FederationError
from federation.protocol import enforcement, execution, quota, standing
from federation.protocol.booking import BOOKING
from federation.protocol.conversation import Phase
from federation.wire.envelopes import Outcome, Receipt
from node.services.reasons import (
    CLAUSES_ZH,
    REASONS_ZH,
    alternative_zh,
    phase_zh,
    reason_zh,
    refusal,
)


def reasons(kind: type[FederationError]) -> set[str]:
    return {kind.reason}.union(*(reasons(each) for each in kind.__subclasses__()))


def test_every_reason_of_the_protocol_has_its_sentence() -> None:
    ours = {
        reason
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, FederationError)
        for reason in reasons(kind)
    }
    assert set(REASONS_ZH) == ours
    assert reason_zh("SOMETHING_NEW") == "SOMETHING_NEW"


def test_clause_and_alternative_are_told_with_times_for_people() -> None:
    receipt = Receipt(
        Outcome.REFUSED,
        reason="TOO_EARLY",
        detail="not yet",
        clause="draw_earliest_ms",
        alternative="at_ms>=1778040000000",
    )
    assert refusal(receipt) == (
        "时间未到:未到协议约定的抽取时间(建议:时间不早于2026-05-06 12:00)",
        "TOO_EARLY: not yet [draw_earliest_ms] (at_ms>=2026-05-06 12:00 +08:00)",
    )


def test_what_only_the_partner_can_explain_is_kept_in_its_words() -> None:
    receipt = Receipt(Outcome.REFUSED, reason="NOT_ALLOWED", detail="we are moving house")
    assert refusal(receipt) == (
        "对方不允许此操作(对方说明:we are moving house)",
        "NOT_ALLOWED: we are moving house",
    )


def test_every_term_has_its_phrase_where_it_may_be_refused() -> None:
    """Each clause that a pure check names; found in its source, so that none is forgotten."""
    named = {
        clause
        for module in (enforcement, execution, quota, standing)
        for clause in re.findall(r'clause="(\w+)"', inspect.getsource(module))
    }
    assert named <= set(CLAUSES_ZH)
    assert len(named) > 20


@pytest.mark.parametrize(
    ("alternative", "zh"),
    [
        ("seats=7", "建议:席位数可为7"),
        ("start_ms>=1778040000000", "建议:评标开始时间不早于2026-05-06 12:00"),
        ("end_ms<=1778040000000", "建议:评标结束时间不晚于2026-05-06 12:00"),
        ("value_wan<=5000", "建议:项目金额(万元)不超过5000"),
        ("retry_after_ms=5400000", "建议:再试时间可为2小时"),
        ("retry_after_ms=60001", "建议:再试时间可为2分钟"),
        ("project_kind=A;project_kind=B", "建议:项目类别可为A、项目类别可为B"),
        ("start_ms>=soon", "建议:start_ms>=soon"),
        ("start_ms>=99999999999999999999", "建议:start_ms>=99999999999999999999"),
        ("cake=1", "建议:cake=1"),
        ("<script>", "建议:<script>"),
    ],
)
def test_an_alternative_is_told_in_chinese_and_a_strange_one_as_it_is(
    alternative: str, zh: str
) -> None:
    assert alternative_zh(alternative) == zh


@pytest.mark.parametrize("phase", sorted(BOOKING.phases))
def test_every_phase_of_a_booking_has_its_phrase(phase: Phase) -> None:
    assert not re.search("[A-Z]", phase_zh(phase))
