"""The window that counts is the one held, or the last that was settled."""

from federation.evidence.window import window_after
from federation.protocol.booking import (
    Answer,
    Consent,
    Decision,
    Extend,
    Hold,
    Move,
    SelectionMode,
    Settle,
)

HOLD = Hold(bytes(16), ("a",), 10, 20, 3, (), False, "A", (), SelectionMode.CHOSEN)
FIRST, SECOND = bytes([1]) * 16, bytes([2]) * 16
MOVE = Move(FIRST, 30, 40, "why")
YES = Consent(FIRST, Answer.YES)
EXTEND = Extend(SECOND, 50, "why")


def test_what_was_held_counts_until_something_is_settled() -> None:
    assert window_after([HOLD]) == (10, 20)
    assert window_after([HOLD, MOVE, YES]) == (10, 20)
    assert window_after([]) == (0, 0)


def test_what_was_settled_counts() -> None:
    moved = [HOLD, MOVE, YES, Settle(FIRST, Decision.CONFIRM)]
    assert window_after(moved) == (30, 40)
    assert window_after([*moved, EXTEND]) == (30, 40)
    later = [*moved, EXTEND, Consent(SECOND, Answer.YES), Settle(SECOND, Decision.CONFIRM)]
    assert window_after(later) == (30, 50)


def test_what_was_given_up_does_not() -> None:
    assert window_after([HOLD, MOVE, Settle(FIRST, Decision.ABORT)]) == (10, 20)
    assert window_after([HOLD, MOVE, Settle(SECOND, Decision.CONFIRM)]) == (10, 20)


def test_what_the_sub_never_consented_to_does_not_either() -> None:
    assert window_after([HOLD, MOVE, Settle(FIRST, Decision.CONFIRM)]) == (10, 20)
    no = Consent(FIRST, Answer.NO)
    assert window_after([HOLD, MOVE, no, Settle(FIRST, Decision.CONFIRM)]) == (10, 20)


def test_the_first_decision_on_a_change_stands_whatever_is_said_later() -> None:
    moved = [HOLD, MOVE, YES, Settle(FIRST, Decision.CONFIRM)]
    extended = [*moved, EXTEND, Consent(SECOND, Answer.YES), Settle(SECOND, Decision.CONFIRM)]
    # The protocol lets a host say an old settlement again: it is heard and changes nothing.
    assert window_after([*extended, Settle(FIRST, Decision.CONFIRM)]) == (30, 50)
    refused = [HOLD, MOVE, YES, Settle(FIRST, Decision.ABORT), Settle(FIRST, Decision.CONFIRM)]
    assert window_after(refused) == (10, 20)
