"""Every word has its line, in both languages, and free text stays out."""

import pytest

from federation.evidence.timeline import BEIJING, Event, code, local, sentence, timeline
from federation.protocol import booking
from federation.protocol.conversation import Word
from federation.protocol.session import Suspend
from federation.protocol.tables import VOCABULARY
from tests.protocol import samples

WORDS = (
    *samples.AGREEMENT, *samples.PEERING, *samples.BOOKING, *samples.DRAW, *samples.SESSION,
    *samples.SELECTION, *samples.CONTRIBUTION, *samples.OVERSIGHT,
)  # fmt: skip
NOT_IN_A_DOSSIER = {"Decline", "Withdraw", "StateUsage", "AgreeUsage", "DisputeUsage"}


def test_the_samples_are_the_whole_vocabulary() -> None:
    assert {type(word) for word in WORDS} == set(VOCABULARY.values())


@pytest.mark.parametrize("word", WORDS, ids=lambda word: word.case)
def test_every_word_has_a_sentence_of_its_own_in_both_languages(word: Word) -> None:
    zh, en = sentence(word)
    assert any("\u4e00" <= char <= "\u9fff" for char in zh)
    assert en.isprintable()
    fallback = f"says {word.case}"
    assert (en == fallback) == (type(word).__name__ in NOT_IN_A_DOSSIER)


def test_each_answer_of_a_sub_reads_as_what_it_is() -> None:
    told = {answer: sentence(booking.Vote(answer)) for answer in booking.Answer}
    assert "不" in told[booking.Answer.NO][0]
    assert "确认" in told[booking.Answer.BOOK][0]
    assert len({en for _, en in told.values()}) == len(booking.Answer)


def test_what_people_typed_is_not_repeated() -> None:
    assert "张三" not in "".join(sentence(Suspend("张三 is ill")))


def test_members_appear_by_the_first_digits_of_their_codes() -> None:
    assert code(b"\xab" * 32) == "abababab"


def test_times_are_beijing_s() -> None:
    assert BEIJING.utcoffset(None).total_seconds() == 8 * 3600
    assert local(1_778_040_000_000) == "2026-05-06 12:00:00"


@pytest.mark.parametrize("at_ms", [-1, 2**62])
def test_a_time_that_no_calendar_has_is_refused(at_ms: int) -> None:
    with pytest.raises(ValueError, match="not a time"):
        local(at_ms)


def test_the_story_keeps_the_order_given() -> None:
    events = [Event("lp1a", 2_000, samples.HOLD), Event("lp1b", 1_000, samples.YES)]
    told = timeline(events, {"lp1a": "甲", "lp1b": "乙"})
    assert [(line.by, line.at[-2:]) for line in told] == [("甲", "02"), ("乙", "01")]


def test_every_word_of_a_booking_that_stands_is_told_in_both_languages() -> None:
    change, check = bytes(16), booking.Check("seats", passed=False, measured="0")
    said = [
        booking.Move(change, 0, 3_600_000, "x"),
        booking.Extend(change, 3_600_000, "x"),
        booking.Extend(change, 3_600_000, "x", by_law=True),
        booking.Consent(change, booking.Answer.YES),
        booking.Consent(change, booking.Answer.NO, "x"),
        booking.Settle(change, booking.Decision.CONFIRM),
        booking.Settle(change, booking.Decision.ABORT),
        booking.Cancel("x"),
        booking.Substitute("x"),
        booking.Readiness(booking.Moment.ASKED, ready=True, checks=(check,)),
        booking.Readiness(booking.Moment.ASKED, ready=False, checks=(check,), reason="x"),
    ]
    told = [sentence(word) for word in said]
    assert len(set(told)) == len(said)
    for zh, en in told:
        assert zh[:2] != "发出"
        assert en.isascii()
