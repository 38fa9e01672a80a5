"""A dossier shows who gave randomness from outside, and that they were the right ones."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from federation.evidence.case import Refuted, Step
from federation.evidence.dossier import read, write
from federation.evidence.verdict import OUTSIDE_EN
from federation.evidence.verify import verify
from federation.protocol.conversation import Word
from federation.protocol.draw import Commit, Open, Reveal
from federation.protocol.oversight import Permit
from federation.trust.keys import fingerprint
from federation.wire.evidence import DECODE
from node.services.errors import Conflicting
from tests.evidence.evaluated import Evaluation, furnish
from tests.evidence.given_up import Permitted
from tests.support.witnessed import Witnessed, witnessed


def both() -> AbstractAsyncContextManager[Witnessed]:
    return witnessed(furnish, "regulator", "neighbour")


def agreed(pair: Witnessed, **changes: Any) -> dict[str, Any]:
    usual = {
        "outside_contributors": tuple(other.id for other in pair.others),
        "min_outside_contributors": 1,
        "regulator": pair.others[0].id,
    }
    return {**usual, **changes}


async def made(
    folder: Path,
    pair: Witnessed,
    change: Callable[[Word], Word] = lambda word: word,
    **terms: Any,
) -> bytes:
    played = Evaluation(pair, change, outside=pair.others, terms=agreed(pair, **terms))
    await played.play()
    path = await played.dossiers(pair.host, folder).make(played.session)
    return path.read_bytes()


async def test_the_dossier_says_that_nobody_alone_could_bend_the_draw(tmp_path: Path) -> None:
    async with both() as pair:
        verdict = verify(await made(tmp_path, pair), DECODE)

        assert verdict.outside_contributors == 2
        assert verdict.document()["label"] == OUTSIDE_EN
        # Whoever reads it can tell that they are not two keys that the centers hold themselves.
        regulator, neighbour = pair.others
        prints = [fingerprint(other.id) for other in pair.others]
        assert [each["fingerprint"] for each in verdict.document()["outsiders"]] == prints
        zh, en = verdict.summary("zh").splitlines(), verdict.summary("en").splitlines()
        assert f"外部见证方、监管部门: {regulator.identity.descriptor.name}" in zh
        assert f"Outside contributor: {neighbour.identity.descriptor.name}" in en
        assert all(f"    指纹: {each}" in zh for each in prints)
        assert all(f"    fingerprint: {each}" in en for each in prints)


def others_swapped(word: Word) -> Word:
    if isinstance(word, Open):
        owner, one, other, sealer = word.contributors
        return replace(word, contributors=(owner, other, one, sealer))
    return word


def without_escrow(word: Word) -> Word:
    return replace(word, escrow=b"") if isinstance(word, Commit) else word


def one_left_out(word: Word) -> Word:
    if isinstance(word, Reveal):
        return replace(word, outside=(word.outside[0], b""))
    return word


def pledges_swapped(word: Word) -> Word:
    if isinstance(word, Commit) and word.outside:
        return replace(word, outside=word.outside[::-1])
    return word


def garbage(word: Word) -> Word:
    if isinstance(word, Commit) and word.outside:
        return replace(word, outside=(b"no envelope", word.outside[1]))
    return word


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (others_swapped, "V1|V6|not those of the agreement"),
        (without_escrow, "gave nothing into escrow"),
        (one_left_out, "V9|V10"),
        (pledges_swapped, "V1"),
        (garbage, "V1"),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
async def test_a_draw_with_bent_outside_values_gets_no_dossier(
    tmp_path: Path, change: Callable[[Word], Word], problem: str
) -> None:
    async with both() as pair:
        with pytest.raises(Conflicting, match=problem):
            await made(tmp_path, pair, change)


async def test_who_was_not_agreed_on_is_refused(tmp_path: Path) -> None:
    async with both() as pair:
        only = (pair.others[0].id,)
        with pytest.raises(Conflicting, match="not those of the agreement"):
            await made(tmp_path, pair, outside_contributors=only)


async def test_fewer_than_agreed_are_refused(tmp_path: Path) -> None:
    async with both() as pair:
        ids = (*(each.id for each in pair.others), "lp1" + "z" * 32)
        with pytest.raises(Conflicting, match="2 outside values, the agreement demands 3"):
            await made(tmp_path, pair, outside_contributors=ids, min_outside_contributors=3)


@pytest.mark.parametrize("lie", ["missing", "another", "party", "not a chain"])
async def test_a_file_that_says_otherwise_who_they_are_is_refuted(tmp_path: Path, lie: str) -> None:
    async with both() as pair:
        dossier = read(await made(tmp_path, pair))[0]
        one, other = pair.others
        chains = dict(dossier.others)
        if lie == "missing":
            del chains[one.id]
        elif lie == "another":
            chains[one.id] = chains[other.id]
        elif lie == "party":
            chains[pair.sub.id] = chains[other.id]
        else:
            chains[one.id] = (b"nothing",)
        with pytest.raises(Refuted) as caught:
            verify(write(replace(dossier, others=chains), pair.host.signer), DECODE)
        assert caught.value.step is (Step.DRAWS if lie == "missing" else Step.DESCRIPTORS)


async def test_a_void_draw_is_superseded_only_with_the_regulators_permit(tmp_path: Path) -> None:
    async with both() as pair:
        played = Evaluation(pair, void_first=True, outside=pair.others, terms=agreed(pair))
        await played.play()
        with pytest.raises(Conflicting, match="what is shown is no envelope"):
            await played.dossiers(pair.host, tmp_path).make(played.session)


async def test_a_permit_for_the_draw_as_it_was_opened_holds(tmp_path: Path) -> None:
    async with both() as pair:
        played = Permitted(pair, void_first=True, outside=pair.others, terms=agreed(pair))
        await played.play()
        path = await played.dossiers(pair.host, tmp_path).make(played.session)
        verdict = verify(path.read_bytes(), DECODE)
        assert [void.leave for void in verdict.voided] == [True]


@pytest.mark.parametrize(
    ("lie", "problem"),
    [
        (lambda permit: replace(permit, open_hash=bytes(32)), "another opening of the draw"),
        (lambda permit: replace(permit, draw_id=bytes(16)), "for another draw"),
        (lambda permit: replace(permit, officers=permit.officers[:1] * 2), "not by two officers"),
    ],
)
async def test_a_permit_for_anything_else_gets_no_dossier(
    tmp_path: Path, lie: Callable[[Permit], Permit], problem: str
) -> None:
    async with both() as pair:
        played = Permitted(pair, void_first=True, outside=pair.others, terms=agreed(pair), lie=lie)
        await played.play()
        with pytest.raises(Conflicting, match=problem):
            await played.dossiers(pair.host, tmp_path).make(played.session)
