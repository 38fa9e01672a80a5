"""What two peers say to each other outside any project."""

import pytest

from federation.protocol.peering import PEERING
from tests.protocol import samples, waits
from tests.protocol.crossings import explore
from tests.protocol.grid_peering import GRID
from tests.protocol.grids import Trial, check_all, check_cell
from tests.protocol.laws import check_deadlines, check_refused, check_silence


@pytest.mark.parametrize("trial", GRID.trials(), ids=str)
def test_a_word_is_next_only_where_the_grid_says_so(trial: Trial) -> None:
    check_cell(PEERING, GRID.expected(trial), trial)


def test_the_table_names_the_phases_of_the_grid_and_no_other() -> None:
    check_all(PEERING, GRID)


def test_silence_counts_on_the_clock_of_the_authority_alone() -> None:
    check_silence(PEERING, GRID, waits.PEERING)


def test_every_word_starts_the_clock_of_the_phase_it_leads_to() -> None:
    check_deadlines(PEERING, GRID, waits.PEERING)


def test_a_signed_refusal_ends_what_is_not_over() -> None:
    check_refused(PEERING, GRID, waits.PEERING_OVER)


def test_both_ends_agree_however_the_words_cross() -> None:
    """But for the one who stopped waiting first: the other still has its word to say."""
    assert explore(PEERING, samples.PEERING, waits.PEERING_EXPLAINED) is None
