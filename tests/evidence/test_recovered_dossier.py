"""Dossiers of a center whose log went on from a backup: the honest hold, mixtures do not."""

import asyncio
import functools
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from typing_extensions import override

from federation.engine.recovery import WHOLE
from federation.evidence.case import Refuted, Step
from federation.evidence.dossier import Dossier, read, write
from federation.evidence.entry import IN_AGAIN, OUT_AGAIN
from federation.evidence.verify import verify
from federation.wire.evidence import DECODE
from tests.evidence.evaluated import Evaluation, furnish
from tests.support.pair import Center, two_centers
from tests.support.restored import Nurse


@dataclass
class Relapse(Evaluation):
    """The sub's database goes back to before the evaluation, after it is over."""

    nurse: Nurse | None = None
    copy: bytes = b""

    @override
    async def evaluate(self) -> None:
        self.nurse = Nurse(self.pair, self.sub)
        await self.nurse.greet()
        self.copy = await self.nurse.backup()
        await super().evaluate()

    @override
    async def archive(self) -> None:
        assert self.nurse is not None
        await self.nurse.greet()
        await self.nurse.restore(self.copy)
        await self.nurse.greet()
        assert await self.nurse.heal() == WHOLE
        assert [each.gaps for each in self.nurse.ended] == [()]
        await super().archive()


@dataclass(frozen=True)
class Made:
    files: dict[str, bytes]
    sign: dict[str, Any]
    subs_old_head: str
    again: int


@functools.cache
def made() -> Made:
    async def run() -> Made:
        async with two_centers(furnish) as pair:
            played = Relapse(pair)
            await played.play()
            files, sign = {}, {}
            for center in pair.centers:
                files[center.name] = await dossier(played, center)
                sign[center.name] = center.signer
            ((note,),) = await pair.host.sql("SELECT note FROM former_head WHERE NOT ours")
            ((again,),) = await pair.sub.sql(
                "SELECT count(*) FROM log_entry WHERE instr(data, ?) OR instr(data, ?)",
                OUT_AGAIN.encode(),
                IN_AGAIN.encode(),
            )
            return Made(files, sign, note, again)

    return asyncio.run(run())


async def dossier(played: Relapse, center: Center) -> bytes:
    with TemporaryDirectory() as folder:
        path = await played.dossiers(center, Path(folder)).make(played.session)
        return path.read_bytes()


def refuted(changed: Dossier, by: str) -> Refuted:
    with pytest.raises(Refuted) as caught:
        verify(write(changed, made().sign[by]), DECODE)
    return caught.value


@pytest.mark.parametrize("by", ["host", "sub"])
def test_a_dossier_of_either_center_holds_after_the_sub_went_on_from_a_backup(by: str) -> None:
    assert verify(made().files[by], DECODE).maker == read(made().files[by])[0].maker
    assert made().again > 10


@pytest.mark.parametrize("by", ["host", "sub"])
def test_the_head_of_the_epoch_before_does_not_stand_for_the_log_of_now(by: str) -> None:
    honest = read(made().files[by])[0]
    (sub,) = [each for each in honest.checkpoints if "/1\n" in honest.checkpoints[each]]
    changed = replace(honest, checkpoints={**honest.checkpoints, sub: made().subs_old_head})
    assert refuted(changed, by).step is Step.LOGS


def test_without_the_descriptor_that_announces_it_there_is_no_later_epoch() -> None:
    honest = read(made().files["sub"])[0]
    (sub,) = [each for each, chain in honest.descriptors.items() if len(chain) == 2]
    cut = {**honest.descriptors, sub: honest.descriptors[sub][:1]}
    assert refuted(replace(honest, descriptors=cut), "sub").step is Step.LOGS
