"""Host and sub among others that are joined with both: outside contributors, a regulator.

async with witnessed(furnish, "regulator") as pair:
    regulator, = pair.others
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import permutations

from typing_extensions import override

from tests.support.meshed import meshed
from tests.support.pair import Center, Furnish, TwoCenters, Watch, Wire


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

    async def turn(self) -> None:
        """Settle, with greetings between, so that every head is cosigned."""
        for _ in range(6):
            await self.settle()
            for one, other in permutations(self._awake(), 2):
                await one.outbox.greet(other.id)
        await self.settle()

    @override
    async def _round(self) -> bool:
        busy = False
        awake = self._awake()
        for one, other in permutations(awake, 2):
            busy |= await one.outbox.deliver(other.id)
        for center in awake:
            rung, _ = await center.alarms.ring()
            busy |= rung > 0
            busy |= await center.errands.run_due() > 0
        return busy

    def _awake(self) -> list[Center]:
        return [center for center in self.everybody if center.name not in self.silent]


@asynccontextmanager
async def witnessed(furnish: Furnish, *others: str) -> AsyncIterator[Witnessed]:
    """Host, sub and others, each joined with each; all are furnished alike."""
    async with meshed("host", "sub", *others, furnish=furnish) as (host, sub, *rest):
        yield Witnessed(host.watch, host, sub, rest)
