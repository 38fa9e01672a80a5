"""A value from outside: the owner of the pool and one contributor."""

import pytest

from federation.protocol.contribution import CONTRIBUTION
from tests.protocol import samples, waits
from tests.protocol.crossings import explore
from tests.protocol.grid_contribution import GRID
from tests.protocol.grids import Trial, check_all, check_cell
from tests.protocol.laws import check_deadlines, check_refused, check_silence


@pytest.mark.parametrize("trial", GRID.trials(), ids=str)
def test_a_word_is_next_only_where_the_grid_says_so(trial: Trial) -> None:
    check_cell(CONTRIBUTION, GRID.expected(trial), trial)


def test_the_table_names_the_phases_of_the_grid_and_no_other() -> None:
    check_all(CONTRIBUTION, GRID)


def test_silence_counts_on_the_clock_of_the_authority_alone() -> None:
    check_silence(CONTRIBUTION, GRID, waits.CONTRIBUTION)


def test_every_word_starts_the_clock_of_the_phase_it_leads_to() -> None:
    check_deadlines(CONTRIBUTION, GRID, waits.CONTRIBUTION)


def test_a_signed_refusal_ends_what_is_not_over() -> None:
    check_refused(CONTRIBUTION, GRID, waits.CONTRIBUTION_OVER)


def test_both_ends_agree_however_the_words_cross() -> None:
    explained = waits.CONTRIBUTION_EXPLAINED
    assert explore(CONTRIBUTION, samples.CONTRIBUTION, explained) is None
