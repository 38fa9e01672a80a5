"""The only loops of a node, and its only waiting.

For each pinned peer: one loop that delivers words, one that keeps the heartbeat, one that
fetches cosignatures soon after a word. For the node: one that rings alarms, one that runs
errands. What they do is the engine's and the services' affair; here is only *when*.

Loops sleep until a bell rings or a time has come, so an idle node only keeps its heartbeat.
A loop that fails is reported and started again; cancellation always gets through.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Generic, Protocol, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type
from tenacity.wait import wait_random_exponential

from federation.engine.alarms import Alarms
from federation.engine.delivery import CALLS_AT_ONCE
from federation.engine.floor import Floor
from federation.engine.negotiator import Negotiator
from federation.engine.outbox import Outbox, Peek
from federation.ids import CenterId
from federation.ports import Clock, Ledger, Unreachable
from federation.transport import limits
from federation.transport.strangers import Bucket

L = TypeVar("L", bound=Ledger)

Loop = Callable[[], Awaitable[None]]


class PumpListener(Protocol):
    """What a node watches of its pumps. Synchronous and quick; on the event loop."""

    def reached(self, peer: CenterId, peek: Peek) -> None:
        """A peer answered our greeting."""

    def missed(self, peer: CenterId, error: Unreachable) -> None:
        """A peer did not answer our greeting."""

    def broke(self, pump: str, error: Exception) -> None:
        """A pump failed by our own fault and will be started again."""


class Bell:
    """Rung from anywhere on the event loop, heard by one loop, at once or later."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Wake the loop, or let its next wait end at once. Twice is once."""
        self._event.set()

    async def wait(self, seconds: float | None = None) -> bool:
        """Wait for the bell, at most so long; answers whether it rang. Takes the ring."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True


class _Bells:
    """The bells of one peer's loops."""

    def __init__(self) -> None:
        self.words = Bell()
        self.greeting = Bell()
        self.cosigning = Bell()
        self.called_at: float | None = None
        self.greeted_at = 0.0
        """When a greeting of ours last began, by the loop's clock."""


class Pumps(Generic[L]):
    """All loops of a node.

    Args:
        negotiator: For one read: whether a peer has cosigned all of our log.
        outbox: Delivers and greets.
        alarms: Rings what is overdue.
        peers: The pinned peers, now; asked again whenever ``pinned`` rings.
        clock: The clock that deadlines are by.
        run_errands: Runs what is due outside; answers how many were tried.
        next_errand_ms: When the next may be run, or None.
        listener: Watches.
        heartbeat_seconds: How often a peer is greeted that nothing was said to; by default
            ``limits.HEARTBEAT_SECONDS``.
    """

    def __init__(  # noqa: PLR0913 (the whole node meets here)
        self,
        *,
        negotiator: Negotiator[L],
        outbox: Outbox[L],
        alarms: Alarms[L],
        peers: Callable[[], Iterable[CenterId]],
        clock: Clock,
        run_errands: Callable[[], Awaitable[int]],
        next_errand_ms: Callable[[], Awaitable[int | None]],
        listener: PumpListener,
        heartbeat_seconds: float | None = None,
    ) -> None:
        self._heartbeat_seconds = heartbeat_seconds
        self._negotiator = negotiator
        self._outbox = outbox
        self._alarms = alarms
        self._peers = peers
        self._clock = clock
        self._run_errands = run_errands
        self._next_errand_ms = next_errand_ms
        self._listener = listener
        self._bells: dict[CenterId, _Bells] = {}
        self._alarm_bell = Bell()
        self._errand_bell = Bell()
        self._peers_bell = Bell()
        self._stopping = False

    # Bells

    def wake(self, peers: Iterable[CenterId]) -> None:
        """There are new words for these peers. To be wired to ``Listener.woken``."""
        for peer in peers:
            bells = self._of(peer)
            bells.words.ring()
            bells.cosigning.ring()
        self._alarm_bell.ring()
        self._errand_bell.ring()

    def heard(self, peer: CenterId) -> None:
        """A word of this peer went into our log. To be wired to ``Listener.heard``."""
        self._of(peer).cosigning.ring()
        self._alarm_bell.ring()
        self._errand_bell.ring()

    def called(self, peer: CenterId) -> None:
        """A verified call of this peer came in: it is there, so no back-off is left.

        To be wired to ``CallListener.called``.
        """
        bells = self._of(peer)
        now = asyncio.get_running_loop().time()
        if bells.called_at is not None and now < bells.called_at + limits.CALLED_SECONDS:
            return  # a peer that calls without end must not make us try without end
        bells.called_at = now
        self._outbox.reset(peer)
        bells.words.ring()
        bells.greeting.ring()

    def pinned(self) -> None:
        """There is a new peer, or one fewer."""
        self._peers_bell.ring()

    # Life

    async def run(self) -> None:
        """Run all loops until ``stop`` is called."""
        running: dict[CenterId, list[asyncio.Task[None]]] = {}
        async with asyncio.TaskGroup() as group:
            own = [
                group.create_task(self._forever("alarms", self._ring_alarms)),
                group.create_task(self._forever("errands", self._do_errands)),
            ]
            while not self._stopping:
                self._match(group, running)
                await self._peers_bell.wait(limits.PEERS_SECONDS)
            for task in (*own, *(task for tasks in running.values() for task in tasks)):
                task.cancel()

    def stop(self) -> None:
        """Let ``run`` end: all loops are cancelled where they wait."""
        self._stopping = True
        self._peers_bell.ring()

    def _match(
        self, group: asyncio.TaskGroup, running: dict[CenterId, list[asyncio.Task[None]]]
    ) -> None:
        pinned = set(self._peers())
        for peer in running.keys() - pinned:
            for task in running.pop(peer):
                task.cancel()
            self._bells.pop(peer, None)
        for peer in sorted(pinned - running.keys()):
            running[peer] = [
                group.create_task(self._forever(f"{name} {peer}", loop))
                for name, loop in self._loops(peer)
            ]

    def _loops(self, peer: CenterId) -> list[tuple[str, Loop]]:
        bells = self._of(peer)
        return [
            ("outbox", lambda: self._deliver(peer, bells)),
            ("heartbeat", lambda: self._greet(peer, bells)),
            ("cosigning", lambda: self._collect_cosignatures(peer, bells)),
        ]

    async def _forever(self, name: str, loop: Loop) -> None:
        while True:
            try:
                await loop()
            except Exception as error:  # noqa: BLE001 (a pump must outlive every fault)
                self._listener.broke(name, error)
            await _pause(limits.RESTART_SECONDS)

    # Loops

    async def _deliver(self, peer: CenterId, bells: _Bells) -> None:
        while True:
            failures = self._outbox.link(peer).failures
            more = await self._outbox.deliver(peer)
            link, now_ms = self._outbox.link(peer), self._clock.now_ms()
            if more and link.crowded:
                await self._drain(peer)
                continue
            if more and link.repairable(now_ms):
                continue
            if link.failures > failures and not link.stuck and link.not_before_ms <= now_ms:
                continue  # the back-off was over before it was looked at
            # Else all that there was has been told; whatever was said meanwhile rang the bell.
            left = (link.not_before_ms - now_ms) / 1000
            if left > 0:
                # A new word does not shorten the back-off, only the peer's own call does:
                # ``deliver`` looks at the link again and answers at once if it is too early.
                await bells.words.wait(left)
            else:
                stuck_ms = link.next_try_ms(now_ms)
                left = limits.OUTBOX_SECONDS if stuck_ms is None else (stuck_ms - now_ms) / 1000
                await bells.words.wait(min(left, limits.OUTBOX_SECONDS))

    async def _drain(self, peer: CenterId) -> None:
        """Deliver what has piled up, several calls at a time."""

        async def work() -> None:
            while await self._outbox.deliver(peer):
                pass

        async with asyncio.TaskGroup() as group:
            for _ in range(CALLS_AT_ONCE):
                group.create_task(work())

    async def _greet(self, peer: CenterId, bells: _Bells) -> None:
        async def rest(seconds: float) -> None:
            await bells.greeting.wait(seconds)

        def missed(state: RetryCallState) -> None:
            outcome = state.outcome
            assert outcome is not None, "tenacity waits only after a try"
            error = outcome.exception()
            assert isinstance(error, Unreachable), "tenacity retries only these"
            self._listener.missed(peer, error)

        grown = wait_random_exponential(max=limits.FIRST_CONTACT_MAX_SECONDS)

        def patience(state: RetryCallState) -> float:
            now = asyncio.get_running_loop().time()
            if bells.called_at is not None and now < bells.called_at + limits.CALLING_BACK_SECONDS:
                return limits.CALLED_SECONDS
            return grown(state)

        first_contact = AsyncRetrying(
            retry=retry_if_exception_type(Unreachable),
            wait=patience,
            before_sleep=missed,
            sleep=rest,
        )
        await first_contact(self._heartbeat, peer, bells)
        while True:
            last = bells.greeted_at
            await _pause(last + self._between() - asyncio.get_running_loop().time())
            if bells.greeted_at > last:
                continue  # a word was said, and a greeting fetched its cosignature since
            try:
                await self._heartbeat(peer, bells)
            except Unreachable as error:
                self._listener.missed(peer, error)

    def _between(self) -> float:
        """Seconds from one greeting to the next; no two nodes are in step for long."""
        middle = self._heartbeat_seconds or limits.HEARTBEAT_SECONDS
        fraction = self._negotiator.random.fraction()
        return middle * (1 - limits.HEARTBEAT_JITTER + 2 * limits.HEARTBEAT_JITTER * fraction)

    async def _heartbeat(self, peer: CenterId, bells: _Bells) -> None:
        failures = self._outbox.link(peer).failures
        bells.greeted_at = asyncio.get_running_loop().time()
        peek = await self._outbox.greet(peer)
        self._listener.reached(peer, peek)
        if failures:  # its back-off is gone now
            bells.words.ring()

    async def _collect_cosignatures(self, peer: CenterId, bells: _Bells) -> None:
        clock = asyncio.get_running_loop().time
        prompt = Bucket(limits.FLUSHES, clock())
        while True:
            await bells.cosigning.wait()
            # Neighbouring words are cosigned together; a reply may bring it all meanwhile.
            at_once = prompt.has(clock())
            await _pause(limits.PROMPT_SECONDS if at_once else limits.FLUSH_SECONDS)
            prompt.take(clock())
            if not await self._negotiator.transact(lambda floor: _behind(floor, peer)):
                continue
            try:
                # Once: a greeting puts nothing into any log, so two nodes fall silent, and
                # a peer that will not cosign is not asked again before the next word.
                await self._heartbeat(peer, bells)
            except Unreachable as error:
                self._listener.missed(peer, error)

    async def _ring_alarms(self) -> None:
        async def look() -> int | None:
            _, next_ms = await self._alarms.ring()
            return next_ms

        await self._at_times(look, self._alarm_bell, limits.ALARM_SECONDS)

    async def _do_errands(self) -> None:
        async def look() -> int | None:
            await self._run_errands()
            return await self._next_errand_ms()

        await self._at_times(look, self._errand_bell, limits.ERRAND_SECONDS)

    async def _at_times(
        self, look: Callable[[], Awaitable[int | None]], bell: Bell, at_most: float
    ) -> None:
        """Look when the bell rings, when ``look`` said, and at least every ``at_most`` s."""
        clock = asyncio.get_running_loop().time
        looks = Bucket(limits.LOOKS, clock())
        while True:
            next_ms = await look()
            looks.take(clock())
            if not looks.has(clock()):
                await _pause(limits.REST_SECONDS)
            left = at_most if next_ms is None else (next_ms - self._clock.now_ms()) / 1000
            await bell.wait(min(max(left, 0.0), at_most))

    def _of(self, peer: CenterId) -> _Bells:
        return self._bells.setdefault(peer, _Bells())


def _behind(floor: Floor[L], peer: CenterId) -> bool:
    pinned = floor.keyring.peers.get(peer)
    shared = set(floor.identity.suites) & set(pinned.suites if pinned else ())
    for suite_id in shared:
        cosigned = floor.ledger.cosigned(peer, suite_id)
        size, _ = floor.ledger.log_head(suite_id)
        if size > (0 if cosigned is None else cosigned[0]):
            return True
    return False


async def _pause(seconds: float) -> None:
    await asyncio.sleep(seconds)  # noqa: TID251 (this is the one place)
