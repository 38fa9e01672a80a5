"""The node's loop that fetches lost words back, and compares its books with its partners'.

It looks often while something is lost and seldom otherwise; whoever tells it something (a start,
an operator's command) rings. What is done is the engine's affair, what people read is
``recovery_todos``.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

from federation.engine.negotiator import Negotiator
from federation.engine.outbox import AnswerRefused
from federation.engine.reconciler import Ask, Reconciler
from federation.engine.recovery import WHOLE, Recovery, Standing
from federation.ids import CenterId
from federation.ports import Unreachable
from node import logs
from node.services import recovery_todos
from node.store.ledger import SqlLedger

ASKING_SECONDS: Final = 2.0  # while words are lost: a partner that is back is noticed at once
LOOKING_SECONDS: Final = 5.0  # how long a loss that a greeting showed may go unasked
COMPARING_SECONDS: Final = 600.0  # two books agree within minutes, or somebody is told

LOG: Final = logs.logger("node.recovery")


class Recovering:
    """Keeps the node whole.

    Args:
        negotiator: The database, and who we are.
        ask: Asks a partner one question.
        peers: The partners that are called at all.
        observe: Told how it stands whenever that changes.
        kicked: Told that new work may begin again: loops that gave up look at once.
    """

    def __init__(
        self,
        *,
        negotiator: Negotiator[SqlLedger],
        ask: Ask,
        peers: Callable[[], Iterable[CenterId]],
        observe: Callable[[Standing], None],
        kicked: Callable[[], None] = lambda: None,
    ) -> None:
        self._negotiator = negotiator
        self._peers = peers
        self._observe = observe
        self._kicked = kicked
        self._last = WHOLE
        self._bell = asyncio.Event()
        self._recovery: Recovery[SqlLedger] = Recovery(
            negotiator=negotiator,
            ask=ask,
            doubt=recovery_todos.note_doubt,
            restored=recovery_todos.note_restored,
            together=asyncio.gather,
        )
        self._reconciler: Reconciler[SqlLedger] = Reconciler(
            negotiator=negotiator, ask=ask, note=recovery_todos.note_differences
        )

    @property
    def standing(self) -> Standing:
        """How it stood when the loop looked last."""
        return self._last

    @property
    def missed(self) -> dict[CenterId, str]:
        """Why the last question to a partner had no answer."""
        return self._recovery.missed

    async def note(self) -> None:
        """At the start: whether this database is known to be an old copy."""
        await self._told(await self._recovery.standing())

    async def run(self) -> None:
        """Look until cancelled. A fault of ours is logged, and it looks again."""
        clock = asyncio.get_running_loop().time
        compare_at = clock() + LOOKING_SECONDS  # when the first greetings are through
        while True:
            try:
                standing = await self.round()
                if standing == WHOLE and clock() >= compare_at:
                    await self.compare()
                    compare_at = clock() + COMPARING_SECONDS
            except Exception:
                LOG.exception("looking for lost words failed and is tried again")
                standing = self._last
            await self._rest(LOOKING_SECONDS if standing == WHOLE else ASKING_SECONDS)

    async def round(self) -> Standing:
        """Ask once whoever has not answered; answers how it stands."""
        standing = await self._recovery.round()
        await self._told(standing)
        return standing

    async def compare(self) -> None:
        """Compare with every partner that is reached."""
        for peer in sorted(self._peers()):
            try:
                found = await self._reconciler.compare(peer)
            except (Unreachable, AnswerRefused) as error:
                LOG.debug("a partner's book could not be compared", peer=peer, error=str(error))
                continue
            if found:
                LOG.info("a partner's book differs", peer=peer, conversations=len(found))

    async def go_on_without(self, peer: CenterId) -> bool:
        """The operator waits for a partner no longer; False if nobody waited for it."""
        left = await self._recovery.go_on_without(peer)
        if left:
            LOG.warning("the operator goes on without a partner's copy of our words", peer=peer)
            await self.note()
            self._bell.set()
        return left

    async def _told(self, standing: Standing) -> None:
        if standing == self._last:
            return
        before, self._last = self._last, standing
        await self._negotiator.transact(lambda desk: recovery_todos.note_standing(desk, standing))
        LOG.warning(
            "lost words",
            recovering=standing.recovering,
            waited=list(standing.waited),
            without=list(standing.without),
            epoch_needed=standing.epoch_needed,
            reason=standing.reason,
        )
        self._observe(standing)
        if before.recovering and not standing.recovering:
            self._kicked()

    async def _rest(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._bell.wait()
        except TimeoutError:
            return
        self._bell.clear()
