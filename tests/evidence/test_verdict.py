"""What a reader is told of a dossier that holds."""

import json
from dataclasses import replace

from federation.evidence.verdict import TWO_CENTERS_ZH
from federation.evidence.verify import verify
from federation.trust.keys import fingerprint
from federation.wire.evidence import DECODE
from tests.evidence.evaluated import made


def test_the_summary_shows_label_and_fingerprints_in_both_languages() -> None:
    verdict = verify(made().file, DECODE)
    for text in (verdict.summary("zh"), verdict.summary("en")):
        for party in verdict.parties:
            assert fingerprint(party.center) in text
        assert verdict.project_name in text
    assert TWO_CENTERS_ZH in verdict.summary("zh")
    assert "accountable, not unbiasable" in verdict.summary("en")
    assert json.loads(json.dumps(verdict.document()))["words"] == verdict.words


def test_what_a_reader_must_not_overlook_is_said() -> None:
    verdict = replace(verify(made().file, DECODE), void_draws=2, other_venues=True)
    assert "此前作废的抽取: 2次" in verdict.summary("zh")
    assert "另有其他副场" in verdict.summary("zh")
    assert "declared void before: 2" in verdict.summary("en")
    assert "Further sub-venues" in verdict.summary("en")
