"""Some centers in one process that all know each other, each with a wire to every other.

async with meshed("a", "b", "c") as (a, b, c):
    await a.greet(b.id)
    await quiet(a, b)
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import combinations

from federation.ids import CenterId
from tests.support import prompt, tables
from tests.support.federation import Switch
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


@asynccontextmanager
async def meshed(
    *names: str,
    furnish: Furnish = mute,
    seed: str = "1",
    suites: Sequence[str] = (),
) -> AsyncIterator[tuple[Center, ...]]:
    """Centers that have all pinned each other."""
    watch = Watch()
    async with AsyncExitStack() as stack:
        centers = []
        for number, name in enumerate(names):
            database = await prompt.opened()
            stack.push_async_callback(database.close)
            await database.alone(tables.lay)
            centers.append(
                Center(name, watch, database, f"{number + 11}0100", seed, suites or SPOKEN)
            )
        lines: dict[str, dict[CenterId, Line]] = {center.name: {} for center in centers}
        for one, other in combinations(centers, 2):
            wire = Wire()
            for ours, theirs in ((one, other), (other, one)):
                ours.keyring.pin(theirs.identity.descriptor, theirs.identity.signed_descriptor)
                lines[ours.name][theirs.id] = Line(wire, ours, theirs)
        for center in centers:
            center.furnish(furnish(center), Switch(lines[center.name]))
        yield tuple(centers)


def two_of(one: Center, other: Center) -> TwoCenters:
    """Two of them, to be talked to as a pair."""
    return TwoCenters(one.watch, Wire(), one, other)


async def quiet(one: Center, other: Center) -> None:
    """Deliver what two have to say to each other, and let both cosign it."""
    for _ in range(MAX_ROUNDS):
        busy = await one.outbox.deliver(other.id)
        busy |= await other.outbox.deliver(one.id)
        if not busy:
            break
    for _ in range(2):
        await one.greet(other.id)
        await other.greet(one.id)
