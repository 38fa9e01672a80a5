"""A draw: the owner of the pool and the sealer of the order."""

import pytest

from federation.protocol.conversation import Role, Word
from federation.protocol.draw import DRAW, GONE, Report, Response, Ruling, Verdict
from tests.protocol import samples, waits
from tests.protocol.crossings import Joint, explore
from tests.protocol.grid_draw import GRID
from tests.protocol.grids import Trial, check_all, check_cell
from tests.protocol.laws import check_deadlines, check_refused, check_silence


@pytest.mark.parametrize("trial", GRID.trials(), ids=str)
def test_a_word_is_next_only_where_the_grid_says_so(trial: Trial) -> None:
    check_cell(DRAW, GRID.expected(trial), trial)


def test_the_table_names_the_phases_of_the_grid_and_no_other() -> None:
    check_all(DRAW, GRID)


def test_silence_counts_on_the_clock_of_the_authority_alone() -> None:
    check_silence(DRAW, GRID, waits.DRAW)


def test_every_word_starts_the_clock_of_the_phase_it_leads_to() -> None:
    check_deadlines(DRAW, GRID, waits.DRAW)


def test_a_signed_refusal_ends_what_is_not_over() -> None:
    check_refused(DRAW, GRID, waits.DRAW_OVER)


def _the_slots_tell_whose_word_it_is(joint: Joint, _role: Role, word: Word) -> bool:
    """The lottery's part: Next while a slot can be filled, else Shortfall or Result."""
    by_owner, by_sealer = ({letter.case for letter in letters} for letters in joint.mail)
    if word.case == "Next":
        return not by_owner & {"Shortfall", "Result"}
    return word.case not in {"Shortfall", "Result"} or "Next" not in by_sealer


def test_both_ends_agree_however_the_words_cross() -> None:
    assert explore(DRAW, samples.DRAW, guard=_the_slots_tell_whose_word_it_is) is None


def test_without_the_lottery_whose_word_it_is_would_be_open() -> None:
    found = explore(DRAW, samples.DRAW)
    assert found is not None
    assert "Next" in str(found)


@pytest.mark.parametrize("ruling", Ruling)
def test_a_verdict_either_invites_or_skips(ruling: Ruling) -> None:
    verdict = Verdict(samples.DIGEST, ruling, (), (), samples.DIGEST)
    wanted = "Verdict.INVITE" if ruling == Ruling.INVITE else "Verdict.SKIP"
    assert verdict.case == wanted


@pytest.mark.parametrize("response", Response)
def test_a_leave_is_reported_apart_from_the_answers(response: Response) -> None:
    report = Report(samples.DIGEST, response, samples.DIGEST, samples.DIGEST)
    assert report.case == ("Report.LEAVE" if response in GONE else "Report.ANSWER")
