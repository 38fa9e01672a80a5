"""A booking: a host asks one sub for seats, over mail that is lost, repeated and late."""

import pytest
from hypothesis import settings
from hypothesis.stateful import invariant, rule
from typing_extensions import override

from federation.protocol.booking import (
    BOOKED,
    BOOKING,
    HOST,
    KEEPS_SEATS,
    SUB,
    Answer,
    Decide,
    Settle,
    Vote,
)
from federation.protocol.conversation import Phase, Role, learn, say
from tests.protocol import samples, waits
from tests.protocol.crossings import explore
from tests.protocol.grid_booking import GRID
from tests.protocol.grids import NOW, Trial, check_all, check_cell, standing
from tests.protocol.laws import check_deadlines, check_refused, check_silence
from tests.protocol.two_ends import TwoEnds


@pytest.mark.parametrize("trial", GRID.trials(), ids=str)
def test_a_word_is_next_only_where_the_grid_says_so(trial: Trial) -> None:
    check_cell(BOOKING, GRID.expected(trial), trial)


def test_the_table_names_the_phases_of_the_grid_and_no_other() -> None:
    check_all(BOOKING, GRID)


def test_silence_counts_on_the_clock_of_the_authority_alone() -> None:
    check_silence(BOOKING, GRID, waits.BOOKING)


def test_every_word_starts_the_clock_of_the_phase_it_leads_to() -> None:
    check_deadlines(BOOKING, GRID, waits.BOOKING)


def test_a_signed_refusal_ends_what_is_not_over() -> None:
    check_refused(BOOKING, GRID, waits.BOOKING_OVER)


ONLY_THE_SUB_KNOWS = frozenset({
    (Phase("HELD"), Phase("EXPIRED")),
    (Phase("PROMISED"), Phase("IN_DOUBT")),
})  # fmt: skip
"""The sub's clock ran out, and the host, who owes a word, has not said it yet."""


def test_both_ends_agree_however_the_words_cross() -> None:
    assert explore(BOOKING, samples.BOOKING, ONLY_THE_SUB_KNOWS) is None


def test_a_promise_lasts_as_long_as_the_vote_says() -> None:
    vote = Vote(Answer.YES, promise_ms=90)
    promised = say(BOOKING, standing(BOOKING, Phase("HELD"), SUB), vote, NOW)
    assert promised.deadline_ms == NOW + 90


def test_the_sub_keeps_the_seats_from_the_hold_to_the_end() -> None:
    booked = {"CONFIRMED", "CHANGING", "CHANGE_PROMISED"}
    assert booked == BOOKED
    assert {"HELD", "PROMISED", "IN_DOUBT", *booked} == KEEPS_SEATS


class TwoCenters(TwoEnds):
    """A host and a sub; the sub's seats are reserved and given free as its phase says."""

    table = BOOKING
    samples = samples.BOOKING

    def __init__(self) -> None:
        super().__init__()
        self.seats_kept = False
        self.promised = False
        self.released = False

    @override
    def noticed(self, role: Role, what: str) -> None:
        """Keep the sub's seats as its staff would, knowing nothing of phases."""
        if role != SUB:
            return
        if what == "Hold":
            self.seats_kept = not self.released
        self.promised |= what in {"Vote.YES", "Vote.BOOK"}
        self.released |= what == "Decide.ABORT"
        if what in {"Vote.NO", "Decide.ABORT", "Complete", "Cancel"}:
            self.seats_kept = False
        if what == "silence" and not self.promised:
            self.seats_kept = False

    @rule()
    def a_co_participant_hands_a_decision_over(self) -> None:
        """A decision moves the phase whoever brings it; the host's own copy still comes."""
        sub = self.ends[SUB]
        decisions = [
            letter.word
            for letter in self.ends[HOST].outbox[sub.conversation.heard :]
            if isinstance(letter.word, Decide | Settle)
        ]
        if decisions:
            word = decisions[0]
            before = sub.conversation
            after = learn(BOOKING, before, word, sub.now_ms)
            assert (after.said, after.heard) == (before.said, before.heard)
            if after != before:
                sub.enter(after)
                self.noticed(SUB, word.case)

    @invariant()
    def seats_are_kept_exactly_while_the_phase_keeps_them(self) -> None:
        assert self.seats_kept == (self.ends[SUB].conversation.phase in KEEPS_SEATS)

    @invariant()
    def a_sub_is_confirmed_only_by_the_decision_of_the_host_or_its_own_last_yes(self) -> None:
        if "CONFIRMED" not in self.ends[SUB].phases:
            return
        if "Vote.BOOK" in {letter.word.case for letter in self.ends[SUB].outbox}:
            return
        decided = {letter.word.case for letter in self.ends[HOST].outbox}
        decisions = decided & {"Decide.CONFIRM", "Decide.ABORT"}
        assert decisions == {"Decide.CONFIRM"}
        assert "CONFIRMED" in self.ends[HOST].phases

    @invariant()
    def the_host_never_believes_in_seats_that_nobody_promised(self) -> None:
        if self.ends[HOST].conversation.phase in {*BOOKED, "COMPLETED"}:
            assert {"PROMISED", "CONFIRMED"} & {*self.ends[SUB].phases}
            assert self.ends[SUB].conversation.phase in {
                "PROMISED", "IN_DOUBT", *BOOKED, "COMPLETED", "CANCELLED",
            }  # fmt: skip

    @override
    def check_quiet(self) -> None:
        if self.phases not in ONLY_THE_SUB_KNOWS:
            super().check_quiet()


TestTwoCenters = TwoCenters.TestCase
TestTwoCenters.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
