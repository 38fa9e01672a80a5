"""The machine that every conversation runs on, apart from any table."""

from dataclasses import FrozenInstanceError, fields, replace

import pytest

from federation.errors import OutOfTurn
from federation.protocol.booking import BOOKING, HOST, SUB
from federation.protocol.conversation import EITHER, Phase, Word, expire, hear, learn, refused, say
from tests.protocol import samples
from tests.protocol.grids import NOW, standing


def test_saying_counts_said_and_hearing_counts_heard() -> None:
    said = say(BOOKING, standing(BOOKING, Phase("NEW"), HOST), samples.HOLD, NOW)
    heard = hear(BOOKING, standing(BOOKING, Phase("NEW"), SUB), samples.HOLD, NOW)
    assert (said.said, said.heard, heard.said, heard.heard) == (4, 5, 3, 6)


def test_nothing_but_phase_count_and_deadline_changes() -> None:
    before = standing(BOOKING, Phase("NEW"), HOST)
    after = say(BOOKING, before, samples.HOLD, NOW)
    changed = {
        one.name for one in fields(before) if getattr(before, one.name) != getattr(after, one.name)
    }
    assert changed == {"phase", "said", "deadline_ms"}


def test_the_refusal_of_a_word_tells_whose_it_is() -> None:
    sub = standing(BOOKING, Phase("NEW"), SUB)
    with pytest.raises(OutOfTurn, match="Hold is for the other side to say"):
        say(BOOKING, sub, samples.HOLD, NOW)
    with pytest.raises(OutOfTurn, match="Hold is not for the other side to say"):
        hear(BOOKING, replace(sub, role=HOST), samples.HOLD, NOW)
    with pytest.raises(OutOfTurn, match="Complete does not follow NEW"):
        hear(BOOKING, sub, samples.COMPLETE, NOW)


def test_a_decision_that_was_told_to_another_moves_the_phase_and_counts_nothing() -> None:
    promised = standing(BOOKING, Phase("PROMISED"), SUB)
    learned = learn(BOOKING, promised, samples.CONFIRM, NOW)
    assert learned == replace(promised, phase=Phase("CONFIRMED"), deadline_ms=None)


def test_what_is_not_awaited_teaches_nothing() -> None:
    for phase in ("CONFIRMED", "RELEASED", "COMPLETED", "CHANGING"):
        known = standing(BOOKING, Phase(phase), SUB)
        assert learn(BOOKING, known, samples.ABORT, NOW) is known
        assert learn(BOOKING, known, samples.CONFIRM, NOW) is known


def test_nobody_learns_his_own_word() -> None:
    with pytest.raises(OutOfTurn, match="is not for the other side to say"):
        learn(BOOKING, standing(BOOKING, Phase("PROMISED"), HOST), samples.CONFIRM, NOW)


def test_a_phase_that_waits_for_nobody_has_no_deadline() -> None:
    promised = standing(BOOKING, Phase("PROMISED"), SUB)
    assert hear(BOOKING, promised, samples.CONFIRM, NOW).deadline_ms is None


def test_in_doubt_is_waited_out_for_ever() -> None:
    doubtful = expire(BOOKING, standing(BOOKING, Phase("PROMISED"), SUB), NOW + 7)
    assert (doubtful.phase, doubtful.deadline_ms) == ("IN_DOUBT", None)
    assert expire(BOOKING, doubtful, NOW * 2) is doubtful


def test_a_refusal_takes_the_deadline_off() -> None:
    assert refused(BOOKING, standing(BOOKING, Phase("HELD"), HOST)).deadline_ms is None


def test_a_word_is_its_own_case_and_says_nothing_of_time_unless_it_does() -> None:
    assert (samples.HOLD.case, samples.HOLD.wait_ms) == ("Hold", None)
    assert samples.YES.wait_ms is None
    assert replace(samples.YES, promise_ms=1).wait_ms == 1


def test_words_and_conversations_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        samples.HOLD.seats = 9  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        standing(BOOKING, Phase("NEW"), HOST).said = 9  # type: ignore[misc]


def test_either_is_nobody_s_role() -> None:
    assert EITHER not in BOOKING.roles
    assert issubclass(type(samples.HOLD), Word)
