"""A file as it is handed round: looked at as a whole, it says what its dossier says."""

import pytest

from federation.evidence.case import Refuted, Step
from federation.evidence.verify import verify
from federation.evidence.whole import look
from federation.wire.evidence import DECODE
from tests.evidence.evaluated import made


@pytest.mark.parametrize("by", ["host", "sub"])
def test_a_dossier_without_openings_says_what_it_says_alone(by: str) -> None:
    whole = look(made(by).file, DECODE)
    assert whole.verdict == verify(made(by).file, DECODE)
    assert len(whole.parts) == 1


def test_what_follows_a_dossier_and_is_no_opening_is_refused() -> None:
    for tail in (b"\n", b"lianping opening 2\n", made().file):
        with pytest.raises(Refuted) as caught:
            look(made().file + tail, DECODE)
        assert caught.value.step is Step.FILE
