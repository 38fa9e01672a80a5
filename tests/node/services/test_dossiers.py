"""Making dossiers: from real nodes' tables, or saying what is missing."""

from functools import partial
from pathlib import Path

import pytest

from federation.evidence.verify import verify
from federation.protocol import session
from federation.protocol.conversation import Word
from federation.protocol.peering import StartTest
from federation.trust.suite import INTL_1
from federation.wire.evidence import DECODE
from node.services.errors import Conflicting, NotFound
from node.store import dossiers
from tests.evidence.evaluated import CHECKS, Evaluation, furnish
from tests.support.pair import Furniture, two_centers


def files(folder: Path) -> list[str]:
    return [found.name for found in folder.iterdir()]


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


async def test_both_centers_make_a_dossier_of_the_same_evaluation(tmp_path: Path) -> None:
    async with two_centers(furnish) as pair:
        played = Evaluation(pair)
        await played.play()
        digests = []
        for center in pair.centers:
            service = played.dossiers(center, tmp_path / center.name)
            path = await service.make(played.session)
            assert mode(path) == 0o600
            assert files(path.parent) == [path.name]
            verdict = verify(path.read_bytes(), DECODE)
            assert verdict.session == played.session.hex()
            row = await center.do(lambda desk: dossiers.get(desk.ledger.connection, played.session))
            assert row is not None
            assert row.digest == INTL_1.hash(path.read_bytes())
            found = partial(service.made, session_id=played.session)
            assert await center.do(found) == path
            digests.append(row.digest)
        assert len(set(digests)) == 2


async def test_a_dossier_made_again_takes_the_place_of_the_first(tmp_path: Path) -> None:
    async with two_centers(furnish) as pair:
        played = Evaluation(pair)
        await played.play()
        service = played.dossiers(pair.host, tmp_path)
        first = (await service.make(played.session)).read_bytes()
        await pair.host.do(lambda desk: desk.open(pair.sub.id, None, StartTest(bytes(32), CHECKS)))
        await pair.settle()
        path = await service.make(played.session)
        assert path.read_bytes() != first
        host, host_before = (verify(file, DECODE).parties[0] for file in (path.read_bytes(), first))
        assert host.log_size == host_before.log_size + 1
        assert files(tmp_path) == [path.name]


async def test_what_is_missing_is_named(tmp_path: Path) -> None:
    async with two_centers(furnish) as pair:
        played = Evaluation(pair)
        service = played.dossiers(pair.host, tmp_path)
        with pytest.raises(NotFound):
            await service.make(b"\0" * 16)
        await played.play()
        pair.cut()
        with pytest.raises(Conflicting, match="cannot be reached"):
            await service.make(played.session)
        assert not files(tmp_path)


async def test_a_session_that_is_not_archived_has_no_dossier(tmp_path: Path) -> None:
    def no_receipt(word: Word) -> Word | None:
        return None if isinstance(word, session.Receive) else word

    async with two_centers(furnish) as pair:
        played = Evaluation(pair, no_receipt)
        await played.play()
        with pytest.raises(Conflicting, match="HANDED_OVER, not archived"):
            await played.dossiers(pair.host, tmp_path).make(played.session)


async def test_a_word_without_a_receipt_is_waited_for(tmp_path: Path) -> None:
    def cut_before(word: Word) -> Word:
        if isinstance(word, session.Receive):
            pair.cut()
        return word

    async with two_centers(furnish) as pair:
        played = Evaluation(pair, cut_before)
        await played.play()
        with pytest.raises(Conflicting, match=r"2 words have no receipt yet.*session\.Receive"):
            await played.dossiers(pair.host, tmp_path).make(played.session)


async def test_a_peer_that_proves_nothing_is_named(tmp_path: Path) -> None:
    async with two_centers(lambda _center: Furniture()) as pair:
        played = Evaluation(pair)
        await played.play()
        with pytest.raises(Conflicting, match="does not prove its log"):
            await played.dossiers(pair.host, tmp_path).make(played.session)
