"""What a clerk reads: every rank that was reached, who is on the list, the whole story."""

from federation.evidence.report import PartPage, report
from federation.evidence.whole import look
from federation.wire.evidence import DECODE
from tests.evidence.evaluated import made


def page() -> PartPage:
    (found,) = report(look(made().file, DECODE))
    return found


def test_all_ranks_of_each_draw_are_told_and_the_members_are_those_on_the_list() -> None:
    draws = page().draws
    assert [draw.sequence for draw in draws] == [1, 2]
    assert [sum(rank.member for rank in draw.ranks) for draw in draws] == [3, 1]
    for draw in draws:
        for slot in {rank.slot for rank in draw.ranks}:
            ranks = [rank.rank for rank in draw.ranks if rank.slot == slot]
            assert ranks == list(range(1, len(ranks) + 1))
        assert not any(rank.name for rank in draw.ranks)
        assert not draw.void


def test_a_supplement_is_who_came_after_somebody_invited_in_vain() -> None:
    first = page().draws[0]
    assert any(rank.supplement and rank.member for rank in first.ranks)
    for slot in {rank.slot for rank in first.ranks}:
        refused = gone = False
        for rank in (rank for rank in first.ranks if rank.slot == slot):
            assert refused <= rank.supplement <= (refused or gone)
            refused |= rank.en.endswith(("DECLINE", "NO_ANSWER"))
            gone |= "LEAVE" in rank.en  # maybe after the next had been asked
    left = [rank for rank in first.ranks if "LEAVE" in rank.en]
    assert left
    assert not any(rank.member for rank in left)
    assert first.lists == 2


def test_outcomes_and_the_story_are_in_both_languages() -> None:
    found = page()
    for draw in found.draws:
        for rank in draw.ranks:
            assert rank.zh
            assert not rank.zh.isascii()
            assert rank.en.replace("→", "").isascii()
    assert all(moment.zh and moment.en for moment in found.timeline)
    assert len(found.timeline) == found.verdict.words
