"""What an agreement asks of another window for a booking that stands, and what it does not."""

from collections.abc import Callable
from typing import Any

import pytest

from federation.errors import FederationError
from federation.protocol import enforcement
from federation.protocol.terms import HOUR_MS
from tests.protocol.test_enforcement import NINE, NOW, TERMS, asked, others


def changed(*, moved: bool, now_ms: int = NOW, **changes: Any) -> Callable[[], None]:
    wish = asked(**changes)
    return lambda: enforcement.check_change(wish.terms, wish.wish, now_ms, moved=moved)


@pytest.mark.parametrize(
    ("check", "clause"),
    [
        (changed(moved=True, start_ms=NINE - 4 * HOUR_MS), "opens_minute"),
        (changed(moved=True, end_ms=NINE + 24 * HOUR_MS), "closes_minute"),
        (changed(moved=False, end_ms=NINE + 24 * HOUR_MS), "closes_minute"),
        (changed(moved=True, now_ms=NINE - 5 * HOUR_MS + 1), "lead_time_ms"),
        (changed(moved=True, start_ms=TERMS.effective_until_ms + 1), "effective_until_ms"),
        (changed(moved=True, others=others(NINE, NINE, NINE)), "max_open_bookings"),
    ],
)
def test_another_window_keeps_to_what_was_agreed(check: Callable[[], None], clause: str) -> None:
    with pytest.raises(FederationError) as caught:
        check()
    assert caught.value.clause == clause


def test_what_was_booked_is_not_asked_again() -> None:
    """Kind, numbers and the joint test were agreed to with the Hold."""
    changed(moved=True)()
    changed(moved=True, seats=8, project_kind="C", tested=False)()
    changed(moved=True, now_ms=NINE - 5 * HOUR_MS)()


def test_an_extension_may_be_asked_for_at_any_time() -> None:
    changed(moved=False, now_ms=NINE + HOUR_MS, end_ms=NINE + 4 * HOUR_MS)()
