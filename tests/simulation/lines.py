"""The network between the nodes: it loses, repeats, delays, splits and cuts."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override

from federation.errors import FederationError, Unauthenticated
from federation.ids import CenterId
from federation.ports import Transport, Unreachable
from federation.transport import limits
from federation.wire.envelopes import (
    Witnessing,
    decode_delivery,
    encode_delivery,
    encode_envelope,
    encode_followed,
)
from node.store.database import StoreUnavailable
from tests.simulation.oracle import Oracle
from tests.simulation.weather import Weather

if TYPE_CHECKING:
    from tests.simulation.center import SimCenter

PAGE: Final = limits.MAX_PAGE
LATE_SECONDS: Final = 1.0
"""What takes longer counts as delayed."""


class PowerCut(BaseException):
    """The node is gone. Not an Exception: nothing in the node may outlive it."""


class Network:
    """All lines of one run."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        source: random.Random,
        weather: Weather,
        oracle: Oracle,
    ) -> None:
        self.weather = weather
        self.centers: dict[CenterId, SimCenter] = {}
        self._loop = loop
        self._source = source
        self._oracle = oracle
        self._sent: dict[tuple[int, int], int] = {}
        self._arrived: dict[tuple[int, int], int] = {}
        self._serving: set[asyncio.Task[None]] = set()

    def add(self, center: "SimCenter") -> None:
        """Connect a center."""
        self.centers[center.id] = center

    async def call(self, ours: "SimCenter", peer: CenterId, method: str, raw: bytes) -> Any:
        """One call over a line. Raises Unreachable."""
        theirs = self.centers[peer]
        ours.maybe_crash("crashed before a call was sent", self.weather.cut_off)
        answer: asyncio.Future[Any] = self._loop.create_future()
        self._oracle.note(self._now(), ours.name, theirs.name, method, raw)
        if method == "deliver":
            self._split(ours, theirs, raw)
        twice = self._chance(self.weather.twice, "a request arrived twice", "duplication")
        for _ in range(2 if twice else 1):
            if not self._chance(self.weather.lost, "a request was lost", "loss"):
                self._send(ours, theirs, lambda: self._arrive(ours, theirs, method, raw, answer))
        ours.maybe_crash("crashed after a call was sent", self.weather.cut_off)
        try:
            async with asyncio.timeout(
                limits.FOLLOW_SECONDS if method == "follow" else limits.UNARY_SECONDS
            ):
                return await answer
        except TimeoutError as error:
            raise Unreachable("no answer in time") from error

    def _send(self, ours: "SimCenter", theirs: "SimCenter", then: Callable[[], None]) -> None:
        way = (ours.number, theirs.number)
        self._sent[way] = number = self._sent.get(way, 0) + 1

        def arrive() -> None:
            if self._cut(ours, theirs):
                return
            if number < self._arrived.get(way, 0):
                self._oracle.suffered("reordering")
            self._arrived[way] = max(number, self._arrived.get(way, 0))
            then()

        if not self._cut(ours, theirs):
            mean = self.weather.delay_ms / 1000
            delay = mean if self.weather.steady else self._source.expovariate(1 / mean)
            if delay > LATE_SECONDS:
                self._oracle.suffered("delay")
            self._loop.call_later(delay, arrive)

    def _arrive(
        self, ours: "SimCenter", theirs: "SimCenter", method: str, raw: bytes, answer: Any
    ) -> None:
        if not theirs.alive:
            if method == "deliver":
                self._oracle.reached("a word was said to a center that was off")
            self._send(theirs, ours, lambda: _refuse(answer))
            return
        task = self._loop.create_task(self._serve(ours, theirs, method, raw, answer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(
        self, ours: "SimCenter", theirs: "SimCenter", method: str, raw: bytes, answer: Any
    ) -> None:
        try:
            reply = await self._handle(ours, theirs, method, raw)
        except PowerCut:
            return
        except StoreUnavailable:
            self._oracle.reached("a call was turned away by a full disk")
            self._send(theirs, ours, lambda: _refuse(answer))
            return
        except (Unauthenticated, FederationError) as error:
            self._oracle.violated(f"{theirs.name} turned {ours.name} away: {error!r}")
            return
        except Exception as error:  # noqa: BLE001 (whatever it is, it is a bug)
            self._oracle.violated(f"{theirs.name} failed in {method}: {error!r}")
            return
        if not theirs.alive:
            return
        theirs.pumps.called(ours.id)
        if method == "deliver" and isinstance(reply, bytes):
            self._oracle.replied(theirs.id, reply)
        self._oracle.note(self._now(), theirs.name, ours.name, "reply", reply)
        if not self._chance(self.weather.reply_lost, "a reply was lost", "loss"):
            self._send(theirs, ours, lambda: _resolve(answer, reply))

    async def _handle(
        self, ours: "SimCenter", theirs: "SimCenter", method: str, raw: bytes
    ) -> bytes | list[bytes]:
        negotiator = theirs.negotiator
        if method == "follow":
            page = await negotiator.follow(raw, ours.certificate, PAGE)
            return [encode_followed(encode_envelope(envelope), at) for at, envelope in page]
        handlers: dict[str, Callable[[bytes, bytes], Awaitable[bytes]]] = {
            "hello": negotiator.hello, "deliver": negotiator.deliver, "query": negotiator.query,
        }  # fmt: skip
        incarnation = theirs.incarnation
        theirs.delivering += method == "deliver"
        try:
            return await handlers[method](raw, ours.certificate)
        finally:
            if theirs.incarnation == incarnation:
                theirs.delivering -= method == "deliver"

    def _split(self, ours: "SimCenter", theirs: "SimCenter", raw: bytes) -> None:
        """A middle box that cuts batches: a later word arrives before the others."""
        envelopes, _ = decode_delivery(raw)
        self._oracle.sent(ours, envelopes)
        if len(envelopes) == 1:
            return
        self._oracle.reached("several words went in one call")
        if self._chance(self.weather.split, "", "split"):
            at = self._source.randrange(1, len(envelopes))
            alone = encode_delivery(envelopes[at : at + 1], Witnessing())
            nowhere = self._loop.create_future()
            self._arrive(ours, theirs, "deliver", alone, nowhere)

    def _cut(self, ours: "SimCenter", theirs: "SimCenter") -> bool:
        line = sum((ours.number, theirs.number)) + 3 * min(ours.number, theirs.number)
        now = self._now()
        for cut in self.weather.partitions:
            if cut.begin <= now < cut.end and line % 4 == cut.which:
                if cut.one_way and ours.number > theirs.number:
                    continue
                self._oracle.reached("a link was cut")
                way = "one_way" if cut.one_way else "two_way"
                self._oracle.suffered(f"partition_{way}")
                return True
        return False

    def _chance(self, chance: float, goal: str, fault: str) -> bool:
        if chance and self._source.random() < chance:
            self._oracle.suffered(fault)
            if goal:
                self._oracle.reached(goal)
            return True
        return False

    def _now(self) -> float:
        return self._loop.time()


class Line(Transport):
    """One incarnation's way out: it ends with it."""

    def __init__(self, network: Network, ours: "SimCenter") -> None:
        self._network = network
        self._ours = ours
        self._incarnation = ours.incarnation

    @override
    async def hello(self, peer: CenterId, request: bytes) -> bytes:
        return bytes(await self._call(peer, "hello", request))

    @override
    async def deliver(self, peer: CenterId, request: bytes) -> bytes:
        return bytes(await self._call(peer, "deliver", request))

    @override
    async def query(self, peer: CenterId, request: bytes) -> bytes:
        return bytes(await self._call(peer, "query", request))

    @override
    async def follow(self, peer: CenterId, request: bytes) -> Sequence[bytes]:
        return list(await self._call(peer, "follow", request))

    async def _call(self, peer: CenterId, method: str, request: bytes) -> Any:
        self._ours.must_be(self._incarnation)
        return await self._network.call(self._ours, peer, method, request)


def _resolve(answer: "asyncio.Future[Any]", reply: Any) -> None:
    if not answer.done():
        answer.set_result(reply)


def _refuse(answer: "asyncio.Future[Any]") -> None:
    if not answer.done():
        answer.set_exception(Unreachable("connection refused"))
        answer.exception()  # nobody may be waiting any more: the caller may have crashed
