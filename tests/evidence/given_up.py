"""An evaluation whose first draw went some way and was then given up, rightly or not.

    played = GivenUp(pair, void_first=True, up_to=WALKING, by="owner")
    await played.play()

Both centers keep silent about anything wrong: they collude, and only the file can tell.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from typing_extensions import override

from federation.evidence.verdict import Verdict
from federation.evidence.verify import verify
from federation.evidence.voided import VoidDraw
from federation.ids import CenterId, ConversationId
from federation.lottery import ranking, walk
from federation.lottery.pool import Pool, check_listings
from federation.protocol.conversation import Phase, Word
from federation.protocol.draw import (
    ACCEPTED,
    ASKED,
    COMMITTED,
    DRAW,
    HALF,
    INVITED,
    MAX_STEPS,
    OPENED,
    OWNER,
    WALKING,
    AcceptDraw,
    Commit,
    Fault,
    Next,
    Ruling,
    Slot,
)
from federation.protocol.draw import Open as Opened
from federation.protocol.draw import Reveal as Revealed
from federation.protocol.oversight import AskPermit, Permit
from federation.protocol.peering import AnnouncePool
from federation.wire.envelopes import decode_envelope
from federation.wire.evidence import DECODE
from node.services.house import Desk
from node.services.outside_values import envelope_of
from tests.evidence.evaluated import Evaluation
from tests.lottery.honest_draw import verdict_on
from tests.support.pair import Center
from tests.support.witnessed import Witnessed

ORDER = (OPENED, ACCEPTED, HALF, COMMITTED, WALKING, ASKED, INVITED)


def same(word: Word) -> Word:
    return word


@dataclass
class GivenUp(Evaluation):
    """See above.

    Args:
        up_to: How far the draw comes before it is given up.
        by: Who gives it up, ``owner`` or ``sealer``; empty for whoever may.
        phase: What the ``Fault`` calls the phase; None for what it is.
        early_ms: How long before its deadline.
        silent: Outside contributors whom it blames.
        bend: Changes the words of this draw, and of no other.
    """

    up_to: Phase = OPENED
    by: str = ""
    phase: Phase | None = None
    early_ms: int = 0
    silent: tuple[str, ...] = ()
    bend: Callable[[Word], Word | None] = same
    pools: dict[CenterId, Pool] = field(default_factory=dict)

    @override
    async def announce(self, owner: Center) -> tuple[Pool, AnnouncePool]:
        pool, word = await super().announce(owner)
        self.pools[owner.id] = pool
        return pool, word

    @override
    async def void(self, owner: Center, announced: AnnouncePool) -> None:
        before, self.change = self.change, self.bend
        talk = await self.go(owner, announced)
        wait = DRAW.waits[self.up_to]
        self.pair.watch.pass_ms(wait.limit_ms - self.early_ms)
        sealer = self.pair.other(owner)
        usual = owner if wait.authority == OWNER else sealer
        by = {"owner": owner, "sealer": sealer, "": usual}[self.by]
        await self.say(by, talk, Fault(self.phase or self.up_to, "没有回音", self.silent))
        self.change = before
        await self.keep(talk, owner, announced, b"")
        self.voided += 1
        self.void_of[owner.id] = self.last_of[owner.id] = talk

    async def go(self, owner: Center, announced: AnnouncePool) -> ConversationId:
        """The draw, up to the phase in which it is given up."""
        sealer, pool = self.pair.other(owner), self.pools[owner.id]
        opening = self.opening(owner, announced, self.slots)
        said = await self.open(sealer, opening)
        talk, reached = said.conversation.id, ORDER.index(self.up_to)
        word = said.word
        assert isinstance(word, Opened)
        bound = ranking.open_hash(pool.digests, said.payload)
        listings = tuple(
            pool.listing(name) for name in sorted({slot.specialty for slot in self.slots})
        )
        values = {center.id: pool.digests.hash(center.name.encode()) for center in (owner, sealer)}
        promised = [
            ranking.commitment(pool.digests, bound, center.id, values[center.id])
            for center in (owner, sealer)
        ]
        steps: list[tuple[Center, Word]] = [
            (owner, AcceptDraw(listings)),
            (owner, Commit(promised[0])),
            (sealer, Commit(promised[1], escrow=b"sealed" if self.terms.get("regulator") else b"")),
            (owner, Revealed(values[owner.id])),
        ]
        for by, step in steps[:reached]:
            await self.say(by, talk, step)
        if reached <= ORDER.index(WALKING):
            return talk
        listed = check_listings(pool.digests, pool.strata, self.slots, listings)
        commits = ranking.commits_hash(pool.digests, bound, promised)
        seed = ranking.seed(pool.digests, commits, [values[owner.id], values[sealer.id]])
        orders = ranking.orders(pool.digests, seed, self.slots, listed, MAX_STEPS)
        await self.call(owner, talk, walk.start(pool.digests, opening, listed, commits, ()), orders)
        return talk

    async def call(
        self,
        owner: Center,
        talk: ConversationId,
        state: walk.Walk,
        orders: Sequence[Sequence[bytes]],
    ) -> None:
        """Ask down the order until somebody is asked, or invited."""
        sealer, pool = self.pair.other(owner), self.pools[owner.id]
        while True:
            due = walk.next_step(state, orders)
            assert isinstance(due, walk.Ask)
            asked = Next(state.steps, due.slot, due.rank, due.entry, state.head)
            said = await self.say(sealer, talk, asked)
            assert said is not None
            if self.up_to == ASKED:
                return
            state = state.heard(said.word, said.payload)
            ruled = verdict_on(pool, state, due.entry)
            said = await self.say(owner, talk, ruled)
            assert said is not None
            if ruled.ruling is Ruling.INVITE:
                return
            state = state.heard(said.word, said.payload)


@dataclass
class Permitted(GivenUp):
    """The void draw is drawn again with the regulator's leave."""

    lie: Callable[[Permit], Permit] = lambda permit: permit
    permit: bytes = b""

    @override
    async def void(self, owner: Center, announced: AnnouncePool) -> None:
        await super().void(owner, announced)
        assert isinstance(self.pair, Witnessed)
        asker, regulator = self.pair.other(owner), self.pair.others[0]
        draw = ConversationId(self.void_of[owner.id])

        def ask(desk: Desk) -> ConversationId:
            word = AskPermit(draw, envelope_of(desk, draw, Opened), "nothing came")
            return desk.open(regulator.id, None, word).conversation.id

        opening = await asker.do(lambda desk: envelope_of(desk, draw, Opened))
        bound = ranking.open_hash(asker.suite, decode_envelope(opening).payload)
        talk = await asker.do(ask)
        await self.pair.settle()
        permit = self.lie(Permit(draw, (b"\1" * 32, b"\2" * 32), bound))
        await regulator.do(lambda desk: desk.say(talk, permit))
        await self.pair.settle()
        self.permit = await asker.do(lambda desk: envelope_of(desk, talk, Permit))

    @override
    def opening(self, owner: Center, announced: AnnouncePool, slots: tuple[Slot, ...]) -> Opened:
        word = super().opening(owner, announced, slots)
        return replace(word, permit=self.permit) if word.supersedes else word


async def given_up(played: GivenUp, folder: Path) -> tuple[Verdict, VoidDraw]:
    """Play it; the verdict on its dossier, and what that says of the draw."""
    await played.play()
    path = await played.dossiers(played.host, folder).make(played.session)
    verdict = verify(path.read_bytes(), DECODE)
    (void,) = verdict.voided
    return verdict, void
