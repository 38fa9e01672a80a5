"""A verdict repeats what was found, and adds nothing of its own."""

import pytest

from federation.evidence.verify import examined
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
