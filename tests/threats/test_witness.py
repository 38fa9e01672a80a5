"""A witness under pressure: two histories at once, and a witness that has forgotten one."""

import asyncio

from federation.engine.sightings import Sighting
from tests.engine.test_lying_logs import LEAVES, OTHERS, Storyteller
from tests.engine.test_passing import copied, forks, put_back, say
from tests.support.meshed import meshed, quiet
from tests.support.pair import two_centers


async def test_two_histories_at_once() -> None:
    """Of two heads that are shown at the same moment one is cosigned, and the other is a fork."""
    async with two_centers() as pair:
        teller = Storyteller(pair)
        assert await teller.grow(LEAVES[:3], 0) is Sighting.COSIGNED
        histories = (LEAVES[:5], [*LEAVES[:3], *OTHERS[3:5]], [*LEAVES[:3], *OTHERS[3:6]])
        seen = await asyncio.gather(*(teller.grow(leaves, 3) for leaves in histories))
        assert sorted(seen, key=lambda sighting: sighting.name) == [
            Sighting.COSIGNED, Sighting.FORK, Sighting.FORK,
        ]  # fmt: skip
        size, kept = await teller.kept()
        assert size == len(histories[seen.index(Sighting.COSIGNED)])
        assert kept >= 1


async def test_rolled_back_witness() -> None:
    """A witness on an old copy cosigns another history; one that forgot nothing finds it."""
    async with meshed("owner", "witness", "neighbour") as (owner, witness, neighbour):
        before = [await copied(center) for center in (owner, witness)]
        await say(owner, witness, 3)
        await quiet(owner, neighbour)  # a second witness, which forgets nothing
        for center, old in zip((owner, witness), before, strict=True):
            await put_back(center, old)
        await say(owner, witness, 3)
        assert await forks(witness) == [], "alone it cannot know"

        await quiet(neighbour, witness)

        assert await forks(witness) == [(owner.id, neighbour.id)]
        assert await witness.do(lambda desk: desk.ledger.doubtful(owner.id))
        size = await witness.sql("SELECT size FROM witnessed WHERE peer = ?", owner.id)
        await say(owner, witness)
        assert await witness.sql("SELECT size FROM witnessed WHERE peer = ?", owner.id) == size
