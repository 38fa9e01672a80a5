"""What may add to a list that stayed short, and whom it passes over."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.errors import Malformed
from federation.lottery import supplement
from federation.lottery.supplement import NOBODY, SLOTS, Standing, Taken
from federation.protocol.conversation import Word
from federation.protocol.draw import (
    Close,
    Fault,
    Next,
    Open,
    Report,
    RequestDraw,
    Rescue,
    Response,
    Result,
    Shortfall,
    Slot,
)
from tests.lottery.honest_draw import (
    POOL,
    accepts,
    declines,
    opening_of,
    play,
    request_for,
    whimsical,
)

WANTED = (Slot("A01", 2), Slot("B05", 1))
SHORT = Standing(
    opening_of(POOL, WANTED), members=2, exhausted=frozenset({"B05"}), sealed=True,
    taken=Taken(frozenset({b"one", b"two"}), frozenset({b"e1", b"e2"})),
)  # fmt: skip
ADDS = opening_of(POOL, (Slot("C07", 1),))


def standing(*words: Word) -> Standing:
    told = supplement.tell(words)
    assert told is not None
    return told


def problem(asked: Open | RequestDraw, *chain: Standing) -> str:
    wrong = supplement.wrong(chain or (SHORT,), asked)
    return "" if wrong is None else f"{wrong.clause}: {wrong.en}"


def test_what_is_missing_may_come_from_another_stratum_of_the_same_pool() -> None:
    assert supplement.missing([SHORT]) == 1
    assert supplement.exhausted([SHORT]) == {"B05"}
    assert supplement.wrong([SHORT], ADDS) is None
    assert supplement.wrong([SHORT], request_for(ADDS)) is None


@pytest.mark.parametrize(
    ("slots", "why"),
    [
        ((Slot("B05", 1),), "everybody was asked"),
        ((Slot("C07", 2),), "short of 1, not of 2"),
        ((Slot("C07", 0),), "short of 1, not of 0"),
        ((Slot("C07", 1), Slot("C07", 1)), "two slots"),
        ((Slot("C07", 1), Slot("A01", 1)), "short of 1, not of 2"),
    ],
)
def test_other_seats_are_refused(slots: tuple[Slot, ...], why: str) -> None:
    found = problem(replace(ADDS, slots=slots))
    assert found.startswith(SLOTS)
    assert why in found


@pytest.mark.parametrize(
    ("chain", "why"),
    [
        ((replace(SHORT, sealed=False),), "not sealed"),
        ((replace(SHORT, ended=True),), "public"),
        ((replace(SHORT, members=3),), "not short"),
        ((SHORT, Standing(ADDS, members=1, sealed=True)), "not short"),
        ((SHORT, Standing(ADDS)), "not sealed"),
    ],
)
def test_nothing_adds_to_a_list_that_is_not_short_or_not_sealed(
    chain: tuple[Standing, ...], why: str
) -> None:
    found = problem(ADDS, *chain)
    assert found.startswith("V2")
    assert why in found


@pytest.mark.parametrize(
    "asked", [replace(ADDS, pool="p"), replace(ADDS, epoch="e"), replace(ADDS, root=b"r")]
)
def test_tokens_compare_only_within_one_committed_pool(asked: Open) -> None:
    assert problem(asked).startswith("V3")


def test_a_second_supplement_draws_what_the_first_did_not_bring() -> None:
    first = Standing(ADDS, members=0, exhausted=frozenset({"C07"}), sealed=True)
    assert "everybody was asked" in problem(ADDS, SHORT, first)
    assert problem(replace(ADDS, slots=(Slot("A01", 1),)), SHORT, first) == ""
    assert supplement.missing([]) == 0


def test_a_draw_that_was_never_opened_is_none() -> None:
    assert supplement.tell([request_for(ADDS)]) is None


def test_an_honest_draw_is_told_as_its_walk_tells_it() -> None:
    played = play(POOL, WANTED, answers=whimsical(5), leaves=2)
    told = standing(*(spoken.word for spoken in played.transcript))
    assert told.members == len(played.end.chosen)
    assert told.taken.employers == played.end.employers()
    assert played.end.links() <= told.taken.links
    assert told.sealed
    assert told.ended
    assert not told.void


def test_whoever_declined_is_taken_and_its_employer_is_not() -> None:
    told = standing(*(s.word for s in play(POOL, (Slot("B05", 2),), answers=declines).transcript))
    assert told.members == 0
    assert told.exhausted == {"B05"}
    assert told.taken.links
    assert told.taken.employers == frozenset()


def test_who_is_being_called_counts_with_the_employer() -> None:
    words = [spoken.word for spoken in play(POOL, (Slot("A01", 1),)).transcript]
    at = next(i for i, word in enumerate(words) if isinstance(word, Report))
    told = standing(*words[:at])
    assert (told.members, len(told.taken.links), len(told.taken.employers)) == (1, 1, 1)
    assert not told.sealed


def test_a_void_draw_has_taken_nobody_and_a_rescued_one_has() -> None:
    words = [spoken.word for spoken in play(POOL, WANTED).transcript][:-1]
    void = standing(*words, Fault("WALKING", "silence"))
    assert void.void
    assert supplement.taken([void, SHORT]) == SHORT.taken
    rescued = standing(*words, Fault("WALKING", "silence"), Rescue(b"unsealed"))
    assert not rescued.void
    assert not standing(*words, Rescue(b""), Fault("WALKING", "crossed")).void
    assert not standing(*words, Close(b"v", b"h"), Fault("SEALED", "crossed")).void
    assert supplement.taken([]) == NOBODY


def test_a_list_that_is_drawn_on_is_not_sealed() -> None:
    words = [spoken.word for spoken in play(POOL, WANTED).transcript][:-1]
    entry = next(word.entry for word in words if isinstance(word, Next))
    assert standing(*words).sealed
    gone = standing(*words, Report(entry, Response.LEAVE, b"", b""))
    assert not gone.sealed
    assert gone.members == standing(*words).members - 1
    again = standing(*words, Report(entry, Response.LEAVE, b"", b""), Result(b"", b"", 2, 2))
    assert again.sealed


def test_a_shortfall_of_no_slot_is_malformed() -> None:
    with pytest.raises(Malformed, match="not there"):
        supplement.tell([opening_of(POOL, WANTED), Shortfall(7, 1)])


@given(st.integers(0, 2**32), st.lists(st.integers(0, 3), max_size=4))
def test_no_chain_ever_has_more_members_than_were_wanted(seed: int, brought: list[int]) -> None:
    """Whatever each supplement brings of what it was opened for, the sum stays in bounds."""
    chance = Random(seed)
    chain = [replace(SHORT, members=chance.randrange(3))]
    for number in brought:
        lacking = supplement.missing(chain)
        asked = replace(ADDS, slots=(Slot(f"N{len(chain)}", max(1, number)),))
        if supplement.wrong(chain, asked) is None:
            members = chance.randrange(asked.slots[0].count + 1)
            chain.append(Standing(asked, members, sealed=True))
        else:
            assert not lacking or asked.slots[0].count > lacking
        assert sum(each.members for each in chain) + supplement.missing(chain) == 3


def test_a_walk_beside_others_passes_their_people_over() -> None:
    alone = play(POOL, (Slot("A01", 3),), answers=accepts)
    told = standing(*(spoken.word for spoken in alone.transcript))
    walk = alone.end.beside(told.taken)
    assert walk.links() == told.taken.links | alone.end.links()
    assert walk.employers() == told.taken.employers | alone.end.employers()
    assert alone.end.beside(NOBODY) is alone.end
