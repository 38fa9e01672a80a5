"""A host and several subs in one process: as ``tests.support.pair``, with a wire for each sub.

    async with federation(furnish, subs=2) as them:
        await them.agree()
        await them.host.do(lambda desk: bookings.plan(desk, ...))
        await them.settle()
        them.kill(them.subs[0])

Subs know the host and not each other, as a host's partners do. They are called ``sub-1``,
``sub-2``, ...
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

from typing_extensions import override

from federation.ids import AgreementId, CenterId
from federation.ports import Transport
from tests.support import prompt, tables
from tests.support.pair import (
    MAX_ROUNDS,
    SPOKEN,
    Center,
    Furnish,
    Line,
    TwoCenters,
    Watch,
    Wire,
    mute,
)

REGIONS: Final = ("370115", "341300", "411300", "520100", "610100")
"""The host's, then the subs'; each of another province."""


class Switch(Transport):
    """One center's lines to all whom it knows."""

    def __init__(self, lines: Mapping[CenterId, Line]) -> None:
        self._lines = lines

    @override
    async def hello(self, peer: CenterId, request: bytes) -> bytes:
        return await self._lines[peer].hello(peer, request)

    @override
    async def deliver(self, peer: CenterId, request: bytes) -> bytes:
        return await self._lines[peer].deliver(peer, request)

    @override
    async def query(self, peer: CenterId, request: bytes) -> bytes:
        return await self._lines[peer].query(peer, request)

    @override
    async def follow(self, peer: CenterId, request: bytes) -> Sequence[bytes]:
        return await self._lines[peer].follow(peer, request)


class Federation:
    """A host and its subs. ``pairs`` are host and sub by themselves, to be talked to as ever."""

    def __init__(self, watch: Watch, pairs: Sequence[TwoCenters]) -> None:
        self.watch = watch
        self.pairs = tuple(pairs)
        self.host = pairs[0].host
        self.subs = tuple(pair.sub for pair in pairs)
        self._dead: set[str] = set()

    @property
    def centers(self) -> tuple[Center, ...]:
        """The host, then the subs."""
        return (self.host, *self.subs)

    @property
    def sealing(self) -> Center:
        """The sub that seals the draw from the host's own pool."""
        return min(self.subs, key=lambda center: center.id)

    async def agree(self, **changes: Any) -> list[AgreementId]:
        """An agreement of the host with each sub."""
        return [await pair.agree(**changes) for pair in self.pairs]

    def kill(self, center: Center) -> None:
        """A sub's node is gone: it does nothing, and nobody reaches it."""
        self._dead.add(center.name)
        self._pair(center).cut()

    def revive(self, center: Center) -> None:
        """It is back, with what it had in its database."""
        self._dead.discard(center.name)
        self._pair(center).restore()

    def cut(self) -> None:
        """Nothing gets through any more, and all are alive."""
        for pair in self.pairs:
            pair.cut()

    def restore(self) -> None:
        """All wires are whole again."""
        for pair in self.pairs:
            pair.restore()

    async def settle(self) -> None:
        """Deliver words, ring alarms and run errands until nobody has anything to do now."""
        for _ in range(MAX_ROUNDS):
            if not await self._round():
                return
        raise AssertionError(f"not quiet after {MAX_ROUNDS} rounds")

    async def greet(self) -> None:
        """Settle, with greetings between, until nothing moves and every head is cosigned."""
        for _ in range(MAX_ROUNDS):
            await self.settle()
            moved = [
                await center.hail(pair.other(center))
                for pair in self.pairs
                if pair.sub.name not in self._dead
                for center in pair.centers
            ]
            if not any(moved):
                return
        raise AssertionError(f"not quiet after {MAX_ROUNDS} rounds")

    async def later(self, milliseconds: int) -> None:
        """Let time pass, then settle."""
        self.watch.pass_ms(milliseconds)
        await self.settle()

    def _pair(self, center: Center) -> TwoCenters:
        (found,) = [pair for pair in self.pairs if pair.sub is center]
        return found

    async def _round(self) -> bool:
        busy = False
        for center in self.centers:
            if center.name in self._dead:
                continue
            known = [pair.other(center).id for pair in self.pairs if center in pair.centers]
            busy |= await center.turn(known)
        return busy


@asynccontextmanager
async def federation(
    furnish: Furnish = mute,
    *,
    subs: int = 2,
    seed: str = "1",
    suites: Sequence[Sequence[str]] = (),
) -> AsyncIterator[Federation]:
    """A host and subs, each pinned by the host and pinning it.

    Args:
        furnish: Called for each center, host first.
        subs: How many.
        seed: Of all keys, ids and jitter.
        suites: For each center the suites that it speaks; by default all the one that the tests
            are run under.
    """
    watch = Watch()
    names = ["host", *(f"sub-{at}" for at in range(1, subs + 1))]
    spoken = suites or [SPOKEN] * len(names)
    async with AsyncExitStack() as stack:
        centers = []
        for name, region, own in zip(names, REGIONS, spoken, strict=False):
            database = await prompt.opened()
            stack.push_async_callback(database.close)
            await database.alone(tables.lay)
            centers.append(Center(name, watch, database, region, seed, own))
        host, *others = centers
        pairs = [TwoCenters(watch, Wire(), host, sub) for sub in others]
        lines: dict[str, dict[CenterId, Line]] = {center.name: {} for center in centers}
        for pair in pairs:
            for ours in pair.centers:
                theirs = pair.other(ours)
                ours.keyring.pin(theirs.identity.descriptor, theirs.identity.signed_descriptor)
                lines[ours.name][theirs.id] = Line(pair.wire, ours, theirs)
        for center in centers:
            center.furnish(furnish(center), Switch(lines[center.name]))
        yield Federation(watch, pairs)
