"""Words of a draw that came to nothing, each against one rule, past two centers that let it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from federation.evidence.case import Refuted
from federation.evidence.dossier import Opened, read, write
from federation.evidence.verify import verify
from federation.protocol.conversation import Word
from federation.protocol.draw import (
    ACCEPTED,
    ASKED,
    COMMITTED,
    INVITED,
    OPENED,
    WALKING,
    AcceptDraw,
    Commit,
    Next,
    Open,
    Reveal,
    Ruling,
    Verdict,
)
from federation.wire.evidence import DECODE
from node.services.errors import Conflicting
from tests.evidence.evaluated import furnish
from tests.evidence.given_up import GivenUp, given_up
from tests.support.pair import two_centers
from tests.support.witnessed import witnessed


def other_owner(word: Word) -> Word:
    if isinstance(word, Open):
        return replace(word, contributors=word.contributors[::-1])
    return word


def other_listing(word: Word) -> Word:
    if isinstance(word, AcceptDraw):
        first, *rest = word.listings
        return replace(word, listings=(replace(first, entries=first.entries[32:]), *rest))
    return word


def other_value(word: Word) -> Word:
    return replace(word, value=bytes(32)) if isinstance(word, Reveal) else word


def somebody_unlisted(word: Word) -> Word:
    return replace(word, entry=bytes(32)) if isinstance(word, Next) else word


def other_chain(word: Word) -> Word:
    if isinstance(word, Verdict) and word.ruling is Ruling.INVITE:
        return replace(word, previous_step=bytes(32))
    return word


def other_opening(word: Word) -> Word:
    if isinstance(word, Verdict) and word.ruling is Ruling.INVITE:
        changed = tuple(replace(each, salt=bytes(32)) for each in word.openings)
        return replace(word, openings=changed)
    return word


@pytest.mark.parametrize(
    ("up_to", "bend", "problem"),
    [
        (OPENED, other_owner, "V6.*its contributors are not|its contributors are not"),
        (ACCEPTED, other_listing, "of a void draw: "),
        (WALKING, other_value, "what was revealed is not what was committed to"),
        (ASKED, somebody_unlisted, "of a void draw: "),
        (INVITED, other_chain, "of a void draw: "),
        (INVITED, other_opening, "of a void draw: "),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
async def test_a_void_draw_with_a_word_against_the_rules_gets_no_dossier(
    tmp_path: Path, up_to: Any, bend: Callable[[Word], Word], problem: str
) -> None:
    async with two_centers(furnish) as pair:
        played = GivenUp(pair, void_first=True, up_to=up_to, bend=bend)
        with pytest.raises(Conflicting, match=f"step 9 .*{problem}"):
            await given_up(played, tmp_path)


async def test_a_void_draw_without_the_escrow_that_is_agreed_gets_no_dossier(
    tmp_path: Path,
) -> None:
    def without(word: Word) -> Word:
        return replace(word, escrow=b"") if isinstance(word, Commit) else word

    async with witnessed(furnish, "regulator") as pair:
        terms = {"regulator": pair.others[0].id}
        played = GivenUp(pair, void_first=True, up_to=COMMITTED, terms=terms, bend=without)
        with pytest.raises(Conflicting, match="gave nothing into escrow"):
            await given_up(played, tmp_path)


async def test_an_exclusion_list_that_the_void_draw_never_committed_to_is_refuted(
    tmp_path: Path,
) -> None:
    async with two_centers(furnish) as pair:
        played = GivenUp(pair, void_first=True, up_to=WALKING)
        await played.play()
        path = await played.dossiers(pair.host, tmp_path).make(played.session)
        dossier = read(path.read_bytes())[0]
        void = bytes(played.void_of[pair.sub.id])
        made_up = Opened(("91110108551385082Q",), b"\x5a" * 32, {})
        forged = replace(dossier, openings={**dossier.openings, void: made_up})
        with pytest.raises(Refuted, match="the exclusion list is another one") as caught:
            verify(write(forged, pair.host.signer), DECODE)
        assert caught.value.rule == "V13"


async def test_a_commitment_to_nothing_agreed_is_refused_before_it_is_counted(
    tmp_path: Path,
) -> None:
    """A pledge that nobody was to give: outside contributors are named by the agreement."""

    def pledged(word: Word) -> Word:
        return replace(word, outside=(b"no envelope",)) if isinstance(word, Commit) else word

    async with two_centers(furnish) as pair:
        played = GivenUp(pair, void_first=True, up_to=COMMITTED, bend=pledged)
        with pytest.raises(Conflicting, match="1 pledges are shown, 0 contributors are named"):
            await given_up(played, tmp_path)
