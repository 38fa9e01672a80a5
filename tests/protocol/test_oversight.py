"""A center and its regulator."""

import pytest

from federation.protocol.conversation import Phase
from federation.protocol.oversight import OVERSIGHT
from tests.protocol import samples, waits
from tests.protocol.crossings import explore
from tests.protocol.grid_oversight import GRID
from tests.protocol.grids import Trial, check_all, check_cell
from tests.protocol.laws import check_deadlines, check_refused, check_silence


@pytest.mark.parametrize("trial", GRID.trials(), ids=str)
def test_a_word_is_next_only_where_the_grid_says_so(trial: Trial) -> None:
    check_cell(OVERSIGHT, GRID.expected(trial), trial)


def test_the_table_names_the_phases_of_the_grid_and_no_other() -> None:
    check_all(OVERSIGHT, GRID)


def test_silence_counts_on_the_clock_of_the_authority_alone() -> None:
    check_silence(OVERSIGHT, GRID, waits.OVERSIGHT)


def test_every_word_starts_the_clock_of_the_phase_it_leads_to() -> None:
    check_deadlines(OVERSIGHT, GRID, waits.OVERSIGHT)


def test_a_signed_refusal_ends_what_is_not_over() -> None:
    check_refused(OVERSIGHT, GRID, waits.OVERSIGHT_OVER)


def test_both_ends_agree_however_the_words_cross() -> None:
    # Who stopped waiting stands alone until the late answer comes.
    alone = {(Phase("UNANSWERED"), Phase(asked)) for asked in ("ASKED", "UNSEALING", "COMPARING")}
    alone.add((Phase("PRODUCING"), Phase("MISSING")))
    assert explore(OVERSIGHT, samples.OVERSIGHT, explained=frozenset(alone)) is None
