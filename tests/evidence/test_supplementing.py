"""A short list is added to from other specialties, and only then: found by the file alone."""

from collections.abc import Sequence
from pathlib import Path

from federation.evidence.verdict import Verdict
from federation.evidence.verify import verify
from federation.lottery.pool import PoolMember
from federation.protocol.draw import Slot
from federation.wire.evidence import DECODE
from tests.evidence.evaluated import Evaluation, furnish
from tests.support.pair import two_centers

ADDED = (Slot("C07", 1),)


def person(number: int, *specialties: str, status: str = "active") -> PoolMember:
    return PoolMember(f"S{number:07d}", f"专家{number}", f"91{number:016d}", specialties, status)


def scarce(*more: PoolMember) -> list[PoolMember]:
    """The sub's pool: nobody of B05 can come, so that one seat stays empty."""
    many = [person(number, "A01") for number in range(1, 30)]
    return [*many, person(90, "B05", status="leave"), *more]


PLENTY = [person(number, "C07", "D02") for number in range(40, 50)]


async def file_of(played: Evaluation, folder: Path) -> bytes:
    await played.play()
    return (await played.dossiers(played.host, folder).make(played.session)).read_bytes()


async def verdict_on(
    folder: Path, members: Sequence[PoolMember], *slots: Sequence[Slot]
) -> Verdict:
    async with two_centers(furnish) as pair:
        more = [tuple(each) for each in slots]
        played = Evaluation(pair, members=members, supplements=more)
        return verify(await file_of(played, folder), DECODE)


async def test_a_dossier_shows_both_draws_of_a_list_that_was_short(tmp_path: Path) -> None:
    verdict = await verdict_on(tmp_path, scarce(*PLENTY), ADDED)
    assert sorted(draw.members for draw in verdict.draws) == [1, 1, 2]
    assert verdict.members == 5
