"""A verdict repeats what was found, and adds nothing of its own."""

from dataclasses import replace

import pytest

from federation.evidence.summing import LogHead, sum_up
from federation.evidence.verdict import OUTSIDE_EN, TWO_CENTERS_EN, TWO_CENTERS_ZH
from federation.evidence.verify import examined
from federation.protocol.draw import VOID
from federation.wire.evidence import DECODE
from tests.evidence.evaluated import made


@pytest.mark.parametrize("by", ["host", "sub"])
def test_a_verdict_is_what_the_findings_say(by: str) -> None:
    found = examined(made(by).file, DECODE)
    verdict, findings = found.verdict, found.findings
    assert [party.center for party in verdict.parties] == [findings.host, findings.sub]
    assert [party.log_size for party in verdict.parties] == [
        found.heads[findings.host].size, found.heads[findings.sub].size,
    ]  # fmt: skip
    assert [(draw.owner, draw.sealer, draw.members) for draw in verdict.draws] == [
        (draw.owner, draw.sealer, len(draw.members)) for draw in findings.draws.values()
    ]
    assert verdict.words == sum(len(words) for words in found.case.talks.values())
    assert verdict.project_name == findings.start.project_name
    assert (verdict.started_ms, verdict.received_ms) == (findings.started_ms, findings.received_ms)


def test_a_draw_made_again_without_leave_after_it_was_known_is_not_called_unbiasable() -> None:
    found = examined(made().file, DECODE)
    logs = {center: LogHead(head, 1) for center, head in found.heads.items()}
    first = next(iter(found.findings.draws))
    case = replace(found.case, phases={**found.case.phases, first: VOID})
    assert found.verdict.redrawn == 0
    assert replace(found.verdict, outside_contributors=1).label[1] == OUTSIDE_EN
    redrawn = replace(sum_up(case, found.findings, {}, logs, 1), outside_contributors=1)
    assert (redrawn.redrawn, redrawn.label) == (1, (TWO_CENTERS_ZH, TWO_CENTERS_EN))
    assert redrawn.document()["label"] == TWO_CENTERS_EN
    assert "choose among results" in redrawn.summary("en")
    assert "可被用来挑选结果" in redrawn.summary("zh")
    with_leave = replace(case, terms=replace(case.terms, regulator="lp1"))
    assert sum_up(with_leave, found.findings, {}, logs, 1).redrawn == 0
