"""Evaluations that broke the rules, though every word is signed, in turn and in both logs."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.evidence.evaluation import lawful
from federation.protocol import session
from federation.protocol.conversation import Word
from node.services.errors import Conflicting
from tests.evidence.evaluated import Evaluation, furnish
from tests.support.pair import two_centers


def files(folder: Path) -> list[str]:
    return [found.name for found in folder.iterdir()]


@given(st.integers(0, 99), st.integers(0, 99))
def test_a_committee_is_lawful_as_article_37_says(total: int, representatives: int) -> None:
    experts = total - representatives
    expected = total >= 5 and total % 2 == 1 and experts * 3 >= total * 2
    assert lawful(total, representatives) == expected


def unlawful(word: Word) -> Word:
    return replace(word, representatives=2) if isinstance(word, session.Convene) else word


def stranger(word: Word) -> Word:
    if isinstance(word, session.Start):
        return replace(word, members=tuple(sorted([*word.members[1:], b"\7" * 32])))
    return word


def unvoted(word: Word) -> Word:
    if isinstance(word, session.Elect):
        return replace(word, chair=b"\xee" * 32, votes=3)
    return word


def other_report(word: Word) -> Word:
    return replace(word, report_digest=b"\2" * 32) if isinstance(word, session.Finish) else word


def unsigned() -> Callable[[Word], Word | None]:
    seen = []

    def change(word: Word) -> Word | None:
        if isinstance(word, session.SignReport):
            seen.append(word)
            return None if len(seen) == 1 else word
        return word

    return change


def absent() -> Callable[[Word], Word | None]:
    seen = []

    def change(word: Word) -> Word | None:
        if isinstance(word, session.CheckIn):
            seen.append(word)
            return None if len(seen) == 1 else word
        return word

    return change


def other_manifest(word: Word) -> Word:
    if isinstance(word, session.Receive):
        return replace(word, manifest_digest=bytes(32))
    return word


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (unlawful, "step 10"),
        (stranger, "step 10"),
        (unvoted, "contradict the election"),
        (other_report, "ends with another report"),
        (unsigned(), "have signed the report"),
        (absent(), "before all its experts had checked in"),
        (other_manifest, "another manifest was received"),
    ],
    ids=["unlawful", "stranger", "unvoted", "other_report", "unsigned", "absent", "manifest"],
)
async def test_an_evaluation_that_broke_the_rules_gets_no_dossier(
    tmp_path: Path, change: Callable[[Word], Word | None], problem: str
) -> None:
    async with two_centers(furnish) as pair:
        played = Evaluation(pair, change)
        await played.play()
        with pytest.raises(Conflicting, match=problem):
            await played.dossiers(pair.host, tmp_path).make(played.session)
        assert not files(tmp_path)
