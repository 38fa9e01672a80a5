"""An honest dossier, and what the owners of its pools need to open the names of its members."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from typing_extensions import override

from federation.evidence.naming import Naming, OpenedMember
from federation.lottery.pool import IDENTITY, Pool
from tests.evidence.evaluated import Evaluation, furnish
from tests.support.pair import Center, two_centers


@dataclass
class Remembering(Evaluation):
    """Keeps the pools that were announced."""

    pools: dict[str, Pool] = field(default_factory=dict)

    @override
    async def announce(self, owner: Center) -> Any:
        pool, word = await super().announce(owner)
        self.pools[owner.id] = pool
        return pool, word


@dataclass(frozen=True)
class Openable:
    """A dossier of the host, with the pools and keys of both centers."""

    file: bytes
    host: str
    sub: str
    pools: Mapping[str, Pool]
    sign: Mapping[str, Callable[[bytes], bytes]]

    def member(self, owner: str, entry: bytes) -> OpenedMember:
        digests, (opened,) = self.pools[owner].open(entry, (IDENTITY,))
        return OpenedMember(entry, digests, opened.salt, opened.value)

    def naming(self, draw: bytes, owner: str, entries: list[bytes], at_ms: int) -> Naming:
        digest = self.pools[owner].digests.hash(self.file)
        members = tuple(self.member(owner, entry) for entry in entries)
        return Naming(digest, draw, owner, "AWARDED", "中标公告2026-041", at_ms, members)


@cache
def openable() -> Openable:
    """One of them, made once for all tests."""

    async def run() -> Openable:
        async with two_centers(furnish) as pair:
            played = Remembering(pair)
            await played.play()
            with TemporaryDirectory() as folder:
                path = await played.dossiers(pair.host, Path(folder)).make(played.session)
                return Openable(
                    path.read_bytes(), pair.host.id, pair.sub.id, dict(played.pools),
                    {center.id: center.signer for center in pair.centers},
                )  # fmt: skip

    return asyncio.run(run())
