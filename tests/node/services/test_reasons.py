"""Every reason of the protocol has a Chinese sentence, and nothing a partner said is lost."""

from federation import errors
from federation.errors import FederationError
from federation.wire.envelopes import Outcome, Receipt
from node.services.reasons import REASONS_ZH, reason_zh, refusal


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
    said = "not yet [draw_earliest_ms] (at_ms>=2026-05-06 12:00 +08:00)"
    assert refusal(receipt) == (f"时间未到({said})", f"TOO_EARLY: {said}")
