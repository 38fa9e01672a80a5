"""A request without a date obeys the same rules as one with a date."""

from dataclasses import replace

import pytest

from federation.ids import CenterId
from node.domain.calendar import Window
from node.domain.refusal import Inadmissible
from node.domain.undated import UndatedRequest
from tests.support.planning import WINDOW, request

ONE = request(CenterId("lp1" + "a" * 32))


def test_dated_it_is_the_request_that_it_was() -> None:
    assert UndatedRequest.of(ONE).dated(WINDOW) == ONE
    later = Window(WINDOW.start_ms + 1_800_000, WINDOW.end_ms)
    assert UndatedRequest.of(ONE).dated(later) == replace(ONE, window=later)


def test_what_contradicts_itself_is_refused_without_a_date_too() -> None:
    with pytest.raises(Inadmissible, match="each another"):
        replace(UndatedRequest.of(ONE), chosen=())
