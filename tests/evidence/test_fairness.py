"""Draws that both centers let pass, and the file does not."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from federation.evidence.case import Refuted, Step
from federation.evidence.dossier import read, write
from federation.evidence.verify import verify
from federation.protocol.conversation import Word
from federation.protocol.draw import Open, Report, Response
from federation.protocol.peering import AnnouncePool
from federation.wire.evidence import DECODE
from node.services.errors import Conflicting
from tests.evidence.evaluated import Evaluation, furnish, made
from tests.support.pair import DAY_MS, two_centers


def early(word: Word) -> Word:
    """Counted from the start, two days before: this names a start that is not the booked one."""
    if isinstance(word, Open):
        return replace(word, evaluation_start_ms=word.evaluation_start_ms + 9 * DAY_MS)
    return word


def stale(word: Word) -> Word:
    if isinstance(word, AnnouncePool):
        return replace(word, valid_until_ms=word.valid_from_ms + 1)
    return word


def counted_twice(word: Word) -> Word:
    return replace(word, sequence=1) if isinstance(word, Open) else word


def other_root(word: Word) -> Word:
    return replace(word, root=bytes(32)) if isinstance(word, Open) else word


def recused_by_nobody(word: Word) -> Word:
    if isinstance(word, Report) and word.response is Response.LEAVE:
        return replace(word, response=Response.RECUSED, proof=b"made up")
    return word


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (recused_by_nobody, "step 9 .*that the regulator did not find"),
        (early, "step 9 .*names another start"),
        (stale, "step 8 .*epoch was over"),
        (counted_twice, "step 9 .*one may have been left out"),
        (other_root, "step 8 .*another root"),
    ],
    ids=["recused_by_nobody", "early", "stale", "counted_twice", "other_root"],
)
async def test_a_draw_that_broke_the_rules_gets_no_dossier(
    tmp_path: Path, change: Callable[[Word], Word], problem: str
) -> None:
    async with two_centers(furnish) as pair:
        played = Evaluation(pair, change)
        await played.play()
        with pytest.raises(Conflicting, match=problem):
            await played.dossiers(pair.host, tmp_path).make(played.session)


def test_a_list_that_was_not_committed_to_is_refuted() -> None:
    honest = made("sub")
    dossier = read(honest.file)[0]
    ((draw, opening),) = dossier.openings.items()
    salts = {revision: bytes(32) for revision in opening.list_salts}
    forged = replace(dossier, openings={draw: replace(opening, list_salts=salts)})
    with pytest.raises(Refuted, match="V14") as caught:
        verify(write(forged, honest.sign), DECODE)
    assert caught.value.step is Step.DRAWS


async def test_a_void_draw_stays_in_the_dossier_and_cannot_be_left_out(tmp_path: Path) -> None:
    async with two_centers(furnish) as pair:
        played = Evaluation(pair, void_first=True)
        await played.play()
        path = await played.dossiers(pair.host, tmp_path).make(played.session)
        file = path.read_bytes()
        assert verify(file, DECODE).void_draws == 1
        dossier = read(file)[0]
        kept = tuple(
            talk
            for talk in dossier.conversations
            if not any(".Fault+" in line.envelope.payload_type for line in talk.lines)
        )
        hidden = write(replace(dossier, conversations=kept), pair.host.signer)
        with pytest.raises(Refuted, match="one may have been left out"):
            verify(hidden, DECODE)
