"""The matrix of domain.md §1.5, cell by cell as it was written there, and the stages."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.protocol import booking, draw
from node.domain.disclosure import (
    Facts,
    Item,
    Profile,
    Sight,
    Stage,
    may_see,
    profile,
    stage,
)
from node.domain.project import SelectionMode

STAGES = ["requested", "held", "confirmed", "drawn", "started", "awarded"]
SAID = {
    "-": Sight.NOT_THERE,
    "no": Sight.NOTHING,
    "abbr": Sight.ABBREVIATED,
    "count": Sight.COUNTS,
    "time+place": Sight.TIME_AND_PLACE,
    "envelope": Sight.ENVELOPE,
    "checked-in": Sight.CHECKED_IN,
    "recusal": Sight.RECUSAL_ONLY,
    "yes": Sight.FULL,
}
# Item, profiles, modes, then: requested held confirmed drawn started awarded.
TABLE = """
PROJECT_TO_SUB     SEALED       CHOSEN,RANDOM,BLIND  no  no  no    no          yes         yes
PROJECT_TO_SUB     OPEN         CHOSEN,RANDOM,BLIND  no  no  abbr  abbr        yes         yes
SUB_TO_HOST        SEALED,OPEN  CHOSEN,RANDOM        yes yes yes   yes         yes         yes
SUB_TO_HOST        SEALED,OPEN  BLIND                no  no  no    no          yes         yes
EXPERTS_TO_STAFF   SEALED,OPEN  CHOSEN,RANDOM,BLIND  -   -   -     count       checked-in  yes
EXPERTS_TO_TRADING SEALED,OPEN  CHOSEN,RANDOM,BLIND  -   -   -     envelope    yes         yes
BIDDERS_TO_POOL    SEALED,OPEN  CHOSEN,RANDOM,BLIND  no  no  no    no          recusal     -
PROJECT_TO_EXPERT  SEALED,OPEN  CHOSEN,RANDOM,BLIND  no  no  no    time+place  yes         yes
"""
CELLS = [
    (Item[item], Stage[at.upper()], Profile[secrecy], SelectionMode[mode], SAID[said])
    for item, secrecies, modes, *row in (line.split() for line in TABLE.strip().splitlines())
    for at, said in zip(STAGES, row, strict=True)
    for secrecy in secrecies.split(",")
    for mode in modes.split(",")
]


@pytest.mark.parametrize(("item", "at", "secrecy", "mode", "said"), CELLS)
def test_the_cell_is_as_the_table_of_the_design_has_it(
    item: Item, at: Stage, secrecy: Profile, mode: SelectionMode, said: Sight
) -> None:
    assert may_see(item, at, secrecy, mode) is said


def test_the_table_has_every_cell() -> None:
    wanted = set(itertools.product(Item, Stage, Profile, SelectionMode))
    assert {cell[:4] for cell in CELLS} == wanted
    assert len(CELLS) == len(wanted)


def test_the_terms_say_which_profile_it_is() -> None:
    assert profile(sealed_disclosure=True) is Profile.SEALED
    assert profile(sealed_disclosure=False) is Profile.OPEN


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (Facts(), Stage.REQUESTED),
        (Facts("NEW"), Stage.REQUESTED),
        (Facts("HELD"), Stage.HELD),
        (Facts("PROMISED"), Stage.HELD),
        (Facts("IN_DOUBT"), Stage.HELD),
        (Facts("CONFIRMED"), Stage.CONFIRMED),
        (Facts("CHANGING"), Stage.CONFIRMED),
        (Facts("CHANGE_PROMISED"), Stage.CONFIRMED),
        (Facts("CONFIRMED", ("REQUESTED",)), Stage.CONFIRMED),
        (Facts("CONFIRMED", ("COMMITTED",)), Stage.CONFIRMED),
        (Facts("CONFIRMED", ("INVITED",)), Stage.DRAWN),
        (Facts("CONFIRMED", ("VOID",)), Stage.CONFIRMED),
        (Facts("CONFIRMED", ("VOID", "SEALED")), Stage.DRAWN),
        (Facts("CONFIRMED", ("CLOSED", "CLOSED"), started=True), Stage.STARTED),
        (Facts("COMPLETED", ("CLOSED",), started=True), Stage.STARTED),
        (Facts("COMPLETED", ("CLOSED",), started=True, awarded=True), Stage.AWARDED),
        # What came to nothing tells no more than a request; what was told stays told.
        (Facts("RELEASED", ("SEALED",)), Stage.REQUESTED),
        (Facts("CANCELLED", ("SEALED",)), Stage.REQUESTED),
        (Facts("CANCELLED", ("CLOSED",), started=True), Stage.STARTED),
        # An award of an evaluation that never began discloses nobody.
        (Facts("CONFIRMED", ("SEALED",), awarded=True), Stage.DRAWN),
    ],
)
def test_the_stage_follows_from_what_is_stored(facts: Facts, expected: Stage) -> None:
    assert stage(facts) is expected


PHASES = sorted(booking.BOOKING.phases)
DRAWS = sorted(draw.DRAW.phases)


@given(
    phase=st.sampled_from(["", *PHASES]),
    draws=st.lists(st.sampled_from(DRAWS), max_size=3).map(tuple),
    awarded=st.booleans(),
    secrecy=st.sampled_from(Profile),
    mode=st.sampled_from(SelectionMode),
)
def test_nothing_stored_but_the_start_discloses_a_name(
    phase: str, draws: tuple[str, ...], awarded: bool, secrecy: Profile, mode: SelectionMode
) -> None:
    at = stage(Facts(phase, draws, started=False, awarded=awarded))
    assert may_see(Item.EXPERTS_TO_STAFF, at, secrecy, mode) in {Sight.NOT_THERE, Sight.COUNTS}
    assert may_see(Item.PROJECT_TO_SUB, at, secrecy, mode) is not Sight.FULL
    assert may_see(Item.BIDDERS_TO_POOL, at, secrecy, mode) is Sight.NOTHING
    assert stage(Facts(phase, draws, started=True, awarded=awarded)) >= Stage.STARTED


NARROWING = {Item.BIDDERS_TO_POOL}
WIDTH = {
    Sight.NOT_THERE: 0, Sight.NOTHING: 0, Sight.ABBREVIATED: 1, Sight.COUNTS: 1,
    Sight.TIME_AND_PLACE: 1, Sight.ENVELOPE: 1, Sight.CHECKED_IN: 2, Sight.RECUSAL_ONLY: 2,
    Sight.FULL: 3,
}  # fmt: skip


@pytest.mark.parametrize("item", [each for each in Item if each not in NARROWING])
def test_what_was_told_is_not_hidden_again(item: Item) -> None:
    for secrecy, mode in itertools.product(Profile, SelectionMode):
        widths = [WIDTH[may_see(item, at, secrecy, mode)] for at in Stage]
        assert widths == sorted(widths)
