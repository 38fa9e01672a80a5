"""How an agreement comes into force, and what it allows."""

import pytest
from hypothesis import settings
from hypothesis.stateful import invariant

from federation.errors import OutOfTurn
from federation.protocol.agreement import (
    AGREEMENT,
    ANSWERER,
)
from federation.protocol.conversation import Phase, hear, say
from tests.protocol import samples, waits
from tests.protocol.crossings import explore
from tests.protocol.grid_agreement import GRID
from tests.protocol.grids import NOW, Trial, check_all, check_cell, standing
from tests.protocol.laws import check_deadlines, check_refused, check_silence
from tests.protocol.two_ends import TwoEnds


@pytest.mark.parametrize("trial", GRID.trials(), ids=str)
def test_a_word_is_next_only_where_the_grid_says_so(trial: Trial) -> None:
    check_cell(AGREEMENT, GRID.expected(trial), trial)


def test_the_table_names_the_phases_of_the_grid_and_no_other() -> None:
    check_all(AGREEMENT, GRID)


def test_silence_counts_on_the_clock_of_the_authority_alone() -> None:
    check_silence(AGREEMENT, GRID, waits.AGREEMENT)


def test_every_word_starts_the_clock_of_the_phase_it_leads_to() -> None:
    check_deadlines(AGREEMENT, GRID, waits.AGREEMENT)


def test_a_signed_refusal_ends_what_is_not_over() -> None:
    check_refused(AGREEMENT, GRID, waits.AGREEMENT_OVER)


def test_both_ends_agree_however_the_words_cross() -> None:
    assert explore(AGREEMENT, samples.AGREEMENT) is None


def test_who_has_heard_the_withdrawal_can_sign_no_more() -> None:
    words = {word.case: word for word in samples.AGREEMENT}
    sign, withdraw = words["Sign"], words["Withdraw"]
    answerer = hear(AGREEMENT, standing(AGREEMENT, Phase("PROPOSED"), ANSWERER), withdraw, NOW)
    with pytest.raises(OutOfTurn, match="Sign comes too late: the phase is WITHDRAWN"):
        say(AGREEMENT, answerer, sign, NOW)


class TwoParties(TwoEnds):
    """A proposer and an answerer."""

    table = AGREEMENT
    samples = samples.AGREEMENT

    @invariant()
    def nothing_is_in_force_that_was_not_signed(self) -> None:
        signed = any(
            letter.word.case == "Sign" for end in self.ends.values() for letter in end.outbox
        )
        for end in self.ends.values():
            assert signed or end.conversation.phase != "ACTIVE"

    @invariant()
    def nobody_signs_after_hearing_the_withdrawal(self) -> None:
        for end in self.ends.values():
            said = [letter.word.case for letter in end.outbox]
            assert "Withdraw" not in said or "Sign" not in said[said.index("Withdraw") :]

    @invariant()
    def a_side_resumes_only_what_it_has_suspended(self) -> None:
        for role, end in self.ends.items():
            own = [letter.word.case for letter in end.outbox]
            assert not any(case.startswith(("Suspend", "Resume")) for case in own) or all(
                case.endswith(f".{role}")
                for case in own
                if case.startswith(("SuspendAgreement", "ResumeAgreement"))
            )


TestTwoParties = TwoParties.TestCase
TestTwoParties.settings = settings(max_examples=100, stateful_step_count=20, deadline=None)
