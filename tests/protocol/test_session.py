"""A session: one joint evaluation, whose two sites may stop it at the same moment."""

import itertools

import pytest
from hypothesis import settings
from hypothesis.stateful import invariant

from federation.errors import OutOfTurn
from federation.protocol.conversation import Conversation, Phase, hear, say
from federation.protocol.session import HOST, SESSION, SUB, Ready, Suspend
from tests.protocol import samples, waits
from tests.protocol.crossings import explore
from tests.protocol.grid_session import GRID
from tests.protocol.grids import NOW, Trial, check_all, check_cell, standing
from tests.protocol.laws import check_deadlines, check_refused, check_silence
from tests.protocol.two_ends import TwoEnds


@pytest.mark.parametrize("trial", GRID.trials(), ids=str)
def test_a_word_is_next_only_where_the_grid_says_so(trial: Trial) -> None:
    check_cell(SESSION, GRID.expected(trial), trial)


def test_the_table_names_the_phases_of_the_grid_and_no_other() -> None:
    check_all(SESSION, GRID)


def test_silence_counts_on_the_clock_of_the_authority_alone() -> None:
    check_silence(SESSION, GRID, waits.SESSION)


def test_every_word_starts_the_clock_of_the_phase_it_leads_to() -> None:
    check_deadlines(SESSION, GRID, waits.SESSION)


def test_a_signed_refusal_ends_what_is_not_over() -> None:
    check_refused(SESSION, GRID, waits.SESSION_OVER)


def test_both_ends_agree_however_the_words_cross() -> None:
    assert explore(SESSION, samples.SESSION) is None


SUSPEND, RESUME, PRESENT, READY = (
    next(word for word in samples.SESSION if word.case == case)
    for case in ("Suspend", "Resume", "Present", "Ready")
)


def _both_chaired() -> tuple[Conversation, Conversation]:
    chaired = Phase("CHAIRED")
    return standing(SESSION, chaired, HOST), standing(SESSION, chaired, SUB)


def test_a_suspension_that_crosses_another_and_its_end_suspends_nobody_for_ever() -> None:
    host, sub = _both_chaired()
    sub = say(SESSION, sub, Suspend("no sound"), NOW)
    for word in (Suspend("no picture"), RESUME):
        host = say(SESSION, host, word, NOW)
    host = hear(SESSION, host, SUSPEND, NOW)
    for word in (SUSPEND, RESUME):
        sub = hear(SESSION, sub, word, NOW)
    assert (host.phase, sub.phase) == ("RESUMING", "RESUMING")
    sub = say(SESSION, sub, Ready(present=2), NOW)
    host = hear(SESSION, host, READY, NOW)
    assert (host.phase, sub.phase) == ("CHAIRED", "CHAIRED")
    sub = say(SESSION, sub, Suspend("no sound again"), NOW)
    assert hear(SESSION, host, SUSPEND, NOW).phase == sub.phase == "SUSPENDED"


def test_a_suspension_that_crosses_the_report_comes_too_late() -> None:
    host, sub = _both_chaired()
    sub = hear(SESSION, say(SESSION, sub, SUSPEND, NOW), PRESENT, NOW)
    host = hear(SESSION, say(SESSION, host, PRESENT, NOW), SUSPEND, NOW)
    assert (host.phase, sub.phase) == ("SIGNING", "SIGNING")
    with pytest.raises(OutOfTurn, match="Suspend comes too late"):
        say(SESSION, sub, SUSPEND, NOW)


class TwoSites(TwoEnds):
    """A host and a sub in one evaluation."""

    table = SESSION
    samples = samples.SESSION

    @invariant()
    def nobody_starts_before_the_sub_is_ready(self) -> None:
        if "RUNNING" in self.ends[HOST].phases:
            assert "READY" in self.ends[SUB].phases

    @invariant()
    def the_archive_is_received_only_after_it_was_handed_over(self) -> None:
        if "ARCHIVED" in self.ends[HOST].phases:
            assert "HANDED_OVER" in self.ends[SUB].phases

    @invariant()
    def nobody_goes_on_before_the_sub_is_ready_again(self) -> None:
        resumed = [letter.word.case for letter in self.ends[SUB].outbox].count("Ready")
        steps = list(itertools.pairwise(self.ends[HOST].phases))
        back = steps.count(("RESUMING", "CHAIRED"))
        assert back <= max(0, resumed - 1)


TestTwoSites = TwoSites.TestCase
TestTwoSites.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
