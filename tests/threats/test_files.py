"""Dossiers that somebody has cut or put together: every part is genuine, the whole is not."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from federation.evidence.case import Refuted
from federation.evidence.dossier import Dossier, Transcript, read, write
from federation.evidence.verify import verify
from federation.wire.evidence import DECODE
from tests.evidence.evaluated import Evaluation, furnish
from tests.support.pair import two_centers

SIGNERS: dict[str, Callable[[bytes], bytes]] = {}
"""Of the makers, who could forge their own dossiers."""


@cache
def two_evaluations() -> tuple[Dossier, Dossier]:
    """Of the same two centers with the same keys; both files hold."""

    async def run() -> tuple[Dossier, Dossier]:
        found = []
        for void_first in (False, True):
            async with two_centers(furnish) as pair:
                played = Evaluation(pair, void_first=void_first)
                await played.play()
                with TemporaryDirectory() as folder:
                    file = (
                        await played.dossiers(pair.host, Path(folder)).make(played.session)
                    ).read_bytes()
                verify(file, DECODE)
                found.append(read(file)[0])
                SIGNERS[found[-1].maker] = pair.host.signer
        one, other = found
        return one, other

    return asyncio.run(run())


def examined(dossier: Dossier) -> None:
    verify(write(dossier, SIGNERS[dossier.maker]), DECODE)


def of_kind(dossier: Dossier, kind: str) -> list[Transcript]:
    return [talk for talk in dossier.conversations if talk.kind == kind]


def spliced(kind: str) -> Iterator[Dossier]:
    """Each conversation of a kind beside those of the other dossier, and in place of each."""
    into, source = two_evaluations()
    own = of_kind(into, kind)
    for theirs in of_kind(source, kind):
        if theirs in own:
            continue
        yield replace(into, conversations=(*into.conversations, theirs))
        for ours in own:
            talks = [theirs if talk == ours else talk for talk in into.conversations]
            yield replace(into, conversations=tuple(talks))


@pytest.mark.parametrize("kind", ["draw", "booking", "session", "peering"])
def test_spliced_dossier(kind: str) -> None:
    """Words of another evaluation of the same two centers, signed by both, do not fit."""
    tried = 0
    for dossier in spliced(kind):
        tried += 1
        with pytest.raises(Refuted):
            examined(dossier)
    assert tried


def test_spliced_logs() -> None:
    """Nor do the heads of another evaluation, each signed and cosigned."""
    into, source = two_evaluations()
    with pytest.raises(Refuted):
        examined(replace(into, checkpoints=source.checkpoints))


def test_truncated_dossier() -> None:
    """A dossier that is cut off after any of its conversations, sealed by its own maker."""
    whole, _ = two_evaluations()
    examined(whole)
    for length in range(len(whole.conversations)):
        with pytest.raises(Refuted):
            examined(replace(whole, conversations=whole.conversations[:length]))
    for at, talk in enumerate(whole.conversations):
        shorter = replace(talk, lines=talk.lines[:-1])
        talks = (*whole.conversations[:at], shorter, *whole.conversations[at + 1 :])
        with pytest.raises(Refuted):
            examined(replace(whole, conversations=talks))
