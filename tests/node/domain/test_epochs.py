"""When epochs begin, and their names."""

from hypothesis import given
from hypothesis import strategies as st

from node.domain.epochs import HOUR_MS, EpochRule, epoch_name
from node.domain.workday import local_time

NOON = 1_778_040_000_000  # 2026-05-06 12:00 in Beijing


def rule(every_hours: int = 24, at_minute: int = 360) -> EpochRule:
    return EpochRule("experts", every_hours, at_minute, 48)


def test_a_daily_epoch_begins_at_its_hour_in_beijing() -> None:
    assert local_time(rule().begun_ms(NOON)) == "2026-05-06 06:00"
    assert local_time(rule(at_minute=780).begun_ms(NOON)) == "2026-05-05 13:00"
    assert epoch_name(rule().begun_ms(NOON)) == "20260506-0600"


@given(st.integers(0, 2 * NOON), st.integers(1, 24 * 366), st.integers(0, 1439))
def test_every_moment_is_in_exactly_one_epoch(at_ms: int, every: int, minute: int) -> None:
    here = rule(every, minute)
    begun = here.begun_ms(at_ms)
    assert begun <= at_ms < begun + every * HOUR_MS
    assert here.begun_ms(begun) == begun
    assert here.begun_ms(begun + every * HOUR_MS) == begun + every * HOUR_MS
