"""Host and sub among others that are joined with both: outside contributors, a regulator.

async with witnessed(furnish, "regulator") as pair:
    regulator, = pair.others
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import permutations

from typing_extensions import override

from tests.support.meshed import meshed
from tests.support.pair import MAX_ROUNDS, Center, Furnish, TwoCenters, Watch, Wire


class Witnessed(TwoCenters):
    """Two centers, and others that settle with them."""

    def __init__(self, watch: Watch, host: Center, sub: Center, others: Sequence[Center]) -> None:
        super().__init__(watch, Wire(), host, sub)
        self.others = tuple(others)
        self.silent: set[str] = set()
        """Names of those that do nothing, and whom nobody reaches."""

    @property
    def everybody(self) -> tuple[Center, ...]:
        """All of them, host and sub first."""
        return (*self.centers, *self.others)

    @override
    async def greet(self) -> None:
        for _ in range(MAX_ROUNDS):
            await self.settle()
            moved = [await one.hail(other) for one, other in permutations(self._awake(), 2)]
            if not any(moved):
                return
        raise AssertionError(f"not quiet after {MAX_ROUNDS} rounds")

    @override
    async def _round(self) -> bool:
        busy = False
        awake = self._awake()
        for center in awake:
            busy |= await center.turn([other.id for other in awake if other is not center])
        return busy

    def _awake(self) -> list[Center]:
        return [center for center in self.everybody if center.name not in self.silent]


@asynccontextmanager
async def witnessed(furnish: Furnish, *others: str) -> AsyncIterator[Witnessed]:
    """Host, sub and others, each joined with each; all are furnished alike."""
    async with meshed("host", "sub", *others, furnish=furnish) as (host, sub, *rest):
        yield Witnessed(host.watch, host, sub, rest)
