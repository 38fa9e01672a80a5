"""A booking: a host asks one sub for seats, over mail that is lost, repeated and late."""

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule
from typing_extensions import override

from federation.protocol.booking import BOOKING, HOST, KEEPS_SEATS, SUB, Answer, Vote
from federation.protocol.conversation import Phase, Role, say
from tests.protocol import samples, waits
from tests.protocol.crossings import explore
from tests.protocol.grid_booking import GRID
from tests.protocol.grids import NOW, Trial, check_all, check_cell, standing
from tests.protocol.laws import check_deadlines, check_refused, check_silence
from tests.protocol.two_ends import Letter, TwoEnds


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
    assert {"HELD", "PROMISED", "IN_DOUBT", "CONFIRMED"} == KEEPS_SEATS


class TwoCenters(TwoEnds):
    """A host and a sub; the sub's seats are reserved and given free as its phase says."""

    table = BOOKING
    samples = samples.BOOKING

    def __init__(self) -> None:
        super().__init__()
        self.early: set[int] = set()
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
        self.promised |= what == "Vote.YES"
        self.released |= what == "Decide.ABORT"
        if what in {"Vote.NO", "Decide.ABORT", "Complete"}:
            self.seats_kept = False
        if what == "silence" and not self.promised:
            self.seats_kept = False

    @override
    def listen(self, role: Role, letter: Letter) -> None:
        """Hear a letter, unless somebody else had brought it before."""
        if role == SUB and letter.number in self.early:
            sub = self.ends[SUB]
            sub.conversation = replace(sub.conversation, heard=letter.number)
        else:
            super().listen(role, letter)

    @rule(data=st.data())
    def a_co_participant_hands_the_decision_over(self, data: st.DataObject) -> None:
        """A decision is heard whoever brings it, even before the words that came before it."""
        sub = self.ends[SUB]
        decisions = [
            letter
            for letter in self.ends[HOST].outbox[sub.conversation.heard :]
            if letter.word.case.startswith("Decide") and letter.number not in self.early
        ]
        if decisions:
            letter = data.draw(st.sampled_from(decisions))
            heard = sub.conversation.heard
            super().listen(SUB, letter)
            sub.conversation = replace(sub.conversation, heard=heard)
            self.early.add(letter.number)

    @invariant()
    def seats_are_kept_exactly_while_the_phase_keeps_them(self) -> None:
        assert self.seats_kept == (self.ends[SUB].conversation.phase in KEEPS_SEATS)

    @invariant()
    def a_sub_is_confirmed_only_by_the_decision_of_the_host(self) -> None:
        if "CONFIRMED" in self.ends[SUB].phases:
            decisions = {letter.word.case for letter in self.ends[HOST].outbox} & {
                "Decide.CONFIRM", "Decide.ABORT",
            }  # fmt: skip
            assert decisions == {"Decide.CONFIRM"}
            assert "CONFIRMED" in self.ends[HOST].phases

    @invariant()
    def the_host_never_believes_in_seats_that_nobody_promised(self) -> None:
        if self.ends[HOST].conversation.phase in {"CONFIRMED", "COMPLETED"}:
            assert "PROMISED" in self.ends[SUB].phases
            assert self.ends[SUB].conversation.phase in {
                "PROMISED", "IN_DOUBT", "CONFIRMED", "COMPLETED",
            }  # fmt: skip

    @override
    def check_quiet(self) -> None:
        if self.phases not in ONLY_THE_SUB_KNOWS:
            super().check_quiet()


TestTwoCenters = TwoCenters.TestCase
TestTwoCenters.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
