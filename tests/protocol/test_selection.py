"""A lottery of sub-venues: its host and one candidate."""

import pytest

from federation.protocol.selection import SELECTION
from tests.protocol import samples, waits
from tests.protocol.crossings import explore
from tests.protocol.grid_selection import GRID
from tests.protocol.grids import Trial, check_all, check_cell
from tests.protocol.laws import check_deadlines, check_refused, check_silence


@pytest.mark.parametrize("trial", GRID.trials(), ids=str)
def test_a_word_is_next_only_where_the_grid_says_so(trial: Trial) -> None:
    check_cell(SELECTION, GRID.expected(trial), trial)


def test_the_table_names_the_phases_of_the_grid_and_no_other() -> None:
    check_all(SELECTION, GRID)


def test_silence_counts_on_the_clock_of_the_authority_alone() -> None:
    check_silence(SELECTION, GRID, waits.SELECTION)


def test_every_word_starts_the_clock_of_the_phase_it_leads_to() -> None:
    check_deadlines(SELECTION, GRID, waits.SELECTION)


def test_a_signed_refusal_ends_what_is_not_over() -> None:
    check_refused(SELECTION, GRID, waits.SELECTION_OVER)


def test_both_ends_agree_however_the_words_cross() -> None:
    assert explore(SELECTION, samples.SELECTION) is None
