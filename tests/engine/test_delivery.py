"""What is remembered of a peer: which conversations wait, when a call may be tried."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.engine import delivery
from federation.engine.delivery import (
    CALLS_AT_ONCE,
    FIRST_BACK_OFF_MS,
    MAX_BACK_OFF_MS,
    OPENS_AFTER,
    Breaker,
    Link,
    TooManyHeld,
    back_off_ms,
)
from federation.ids import CenterId, ConversationId
from federation.ports import SaidWord


def word(number: int, conversation: int) -> SaidWord:
    return SaidWord(
        number=number,
        peer=CenterId("lp1peer"),
        conversation=ConversationId(conversation.to_bytes(16, "big")),
        revision=number,
        payload_type="x",
        payload=b"",
        hash=number.to_bytes(32, "big"),
        said_at_ms=0,
        suite="intl-1",
    )


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_no_wait_is_longer_than_ten_minutes_however_often_it_failed(
    failures: int, fraction: float
) -> None:
    assert 0 <= back_off_ms(failures, fraction) < MAX_BACK_OFF_MS


def test_the_first_waits_are_short_and_the_jitter_is_full() -> None:
    assert back_off_ms(1, 0.0) == 0
    assert back_off_ms(1, 0.999) < 2 * FIRST_BACK_OFF_MS
    assert back_off_ms(5, 0.5) == 8 * FIRST_BACK_OFF_MS * 2


def test_the_breaker_opens_after_several_failures_probes_once_and_closes() -> None:
    link = Link()
    for failures in range(OPENS_AFTER):
        link.failures, link.not_before_ms = failures, 50
        assert link.breaker(10) is Breaker.CLOSED
    link.failures = OPENS_AFTER
    assert link.breaker(10) is Breaker.OPEN
    assert not link.may_call(10)
    assert link.breaker(50) is Breaker.HALF_OPEN
    assert link.may_call(50)
    link.calls = 1
    assert not link.may_call(50), "one call probes"
    link.reset()
    assert link.breaker(50) is Breaker.CLOSED
    assert link.may_call(50)
    link.calls = CALLS_AT_ONCE
    assert not link.may_call(50)


def test_a_conversation_under_way_is_passed_over_and_looked_at_again() -> None:
    link = Link()
    link.take([word(1, 1), word(2, 2)], [], 2)
    after, closed = link.look(())
    assert (after, closed) == (2, {word(1, 1).conversation, word(2, 2).conversation})
    link.take([word(4, 4)], [word(3, 1)], 4)
    link.release([word(1, 1), word(2, 2)])
    after, closed = link.look(())
    assert (after, closed) == (2, {word(4, 4).conversation}), "from number 3 on, again"


def test_what_a_failed_call_carried_is_looked_at_again() -> None:
    link = Link()
    words = [word(5, 1), word(6, 2)]
    link.take(words, [], 6)
    link.give_back(words)
    assert link.look(())[0] == 6, "not while the call has them"
    link.release(words)
    assert link.look(())[0] == 4


def test_words_of_a_suite_that_was_held_back_are_looked_at_again() -> None:
    link = Link()
    link.take([], [], 9)
    assert link.look({"gm-1"})[0] == 0
    link.take([], [], 9)
    assert link.look({"gm-1"})[0] == 9
    assert link.look(set())[0] == 0


def test_a_gap_is_filled_at_once_then_with_back_off_unless_it_gets_smaller() -> None:
    link, conversation = Link(), word(1, 1).conversation
    link.hold(conversation, 0, 1_000, 0.5)
    assert link.held[conversation].not_before_ms == 1_000
    link.hold(conversation, 0, 1_000, 0.5)
    assert link.held[conversation].not_before_ms == 1_000 + FIRST_BACK_OFF_MS
    assert link.next_try_ms(1_000) == 1_000 + FIRST_BACK_OFF_MS
    assert not link.repairable(1_000)
    link.hold(conversation, 3, 1_000, 0.5)
    assert [held for held, _ in link.due_repairs(1_000)] == [conversation]
    link.free(conversation)
    assert link.next_try_ms(0) is None


def test_a_peer_that_lacks_words_everywhere_is_at_fault_as_a_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(delivery, "MAX_HELD", 2)
    link = Link()
    for number in (1, 2):
        link.hold(word(1, number).conversation, 0, 0, 0.5)
    link.hold(word(1, 2).conversation, 0, 0, 0.5)
    with pytest.raises(TooManyHeld):
        link.hold(word(1, 3).conversation, 0, 0, 0.5)
