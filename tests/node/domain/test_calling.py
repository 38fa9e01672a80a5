"""Hours without calls, the cut-off, and codes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain.calling import MINUTE_MS, CallingHours, code_of, read_code
from node.domain.workday import local_time

NOON = 1_778_040_000_000  # 2026-05-06 12:00 in Beijing
HOUR = 60 * MINUTE_MS
NIGHT = CallingHours(quiet_from=21 * 60 + 30, quiet_until=7 * 60 + 30)


@pytest.mark.parametrize(
    ("at_ms", "opens"),
    [
        (NOON, "2026-05-06 12:00"),
        (NOON + 9 * HOUR, "2026-05-06 21:00"),
        (NOON + 9 * HOUR + 30 * MINUTE_MS, "2026-05-07 07:30"),
        (NOON + 12 * HOUR, "2026-05-07 07:30"),
        (NOON + 19 * HOUR + 30 * MINUTE_MS, "2026-05-07 07:30"),
        (NOON + 19 * HOUR + 29 * MINUTE_MS + 59_999, "2026-05-07 07:30"),
    ],
)
def test_no_draw_begins_at_night(at_ms: int, opens: str) -> None:
    assert local_time(NIGHT.opens_ms(at_ms)) == opens


@given(st.integers(0, 2 * NOON), st.integers(0, 1439), st.integers(0, 1439))
def test_the_moment_that_is_named_is_open(at_ms: int, begins: int, ends: int) -> None:
    hours = CallingHours(begins, ends)
    opens = hours.opens_ms(at_ms)
    assert at_ms <= opens < at_ms + 24 * HOUR
    assert hours.opens_ms(opens) == opens


@given(st.integers(0, 2 * NOON))
def test_the_same_hour_twice_is_for_always(at_ms: int) -> None:
    assert CallingHours().opens_ms(at_ms) == at_ms


def test_the_cut_off_is_before_the_start_and_may_be_none() -> None:
    hours = CallingHours(cut_off_minutes=60)
    assert not hours.is_too_late(NOON, NOON - HOUR)
    assert hours.is_too_late(NOON, NOON - HOUR + 1)
    assert not CallingHours().is_too_late(NOON, NOON + HOUR)


@given(st.binary(min_size=5, max_size=32))
def test_a_code_is_read_however_it_is_typed(random: bytes) -> None:
    code = code_of(random)
    assert read_code(code) == code
    assert read_code(code.lower().replace("-", " ")) == code
    assert read_code(code.replace("0", "O").replace("1", "l").replace("-", "")) == code


@pytest.mark.parametrize("text", ["", "7KQ2-M0X", "7KQ2-M0XDD", "7KQ2-M0X!", "七KQ2-M0XD"])
def test_what_is_no_code_is_none(text: str) -> None:
    assert read_code(text) is None
