"""Loses messages between nodes on purpose, so that people can watch nothing depend on them.

For demonstrations and tests: ``mode.lose_messages_percent``, which production refuses. Loud, as
every stand-in is: it says so at the start, and each message that it loses is a line in the log.

A request that is lost never leaves; of a reply that is lost, the peer has done what it was asked
to. Either is noticed at once instead of after the deadline of the call, so that a demonstration
does not take an hour; what follows is the same.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from typing_extensions import override

from federation.ids import CenterId
from federation.ports import Transport, Unreachable
from node import logs

T = TypeVar("T")

LOST_ON_PURPOSE: Final = "a message was lost on purpose"
"""What the log says of each."""
_PER_CENT: Final = 100
LOG: Final = logs.logger("node.lossy")


class LossyTransport(Transport):
    """A transport that loses requests and replies.

    Args:
        transport: What carries the others.
        percent: So many of a hundred messages are lost, each for itself.
        fraction: Random, 0 to 1.
    """

    def __init__(self, transport: Transport, percent: int, fraction: Callable[[], float]) -> None:
        self._transport = transport
        self._share = percent / _PER_CENT
        self._fraction = fraction

    @override
    async def hello(self, peer: CenterId, request: bytes) -> bytes:
        return await self._call("hello", peer, lambda: self._transport.hello(peer, request))

    @override
    async def deliver(self, peer: CenterId, request: bytes) -> bytes:
        return await self._call("deliver", peer, lambda: self._transport.deliver(peer, request))

    @override
    async def query(self, peer: CenterId, request: bytes) -> bytes:
        return await self._call("query", peer, lambda: self._transport.query(peer, request))

    @override
    async def follow(self, peer: CenterId, request: bytes) -> Sequence[bytes]:
        return await self._call("follow", peer, lambda: self._transport.follow(peer, request))

    async def _call(self, what: str, peer: CenterId, call: Callable[[], Awaitable[T]]) -> T:
        self._may_lose(f"{what} request", peer)
        reply = await call()
        self._may_lose(f"{what} reply", peer)
        return reply

    def _may_lose(self, what: str, peer: CenterId) -> None:
        if self._fraction() < self._share:
            LOG.warning(LOST_ON_PURPOSE, message=what, peer=peer)
            raise Unreachable(f"{peer}: the {what} was lost on purpose (lose_messages_percent)")


def lossy(transport: Transport, percent: int, fraction: Callable[[], float]) -> Transport:
    """The transport itself, or one that loses messages, announced loudly."""
    if not percent:
        return transport
    LOG.warning(
        "故意丢弃与伙伴之间的消息,仅供演示 · messages to partners are lost on purpose: "
        "for demonstrations only",
        percent=percent,
    )
    return LossyTransport(transport, percent, fraction)
