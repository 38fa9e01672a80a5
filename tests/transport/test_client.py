"""The client side: pinned channels, deadlines, and errors that become ``Unreachable``."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest

from federation.ids import CenterId
from federation.ports import Unreachable
from federation.transport import limits
from federation.transport.client import GrpcTransport
from federation.transport.server import SERVICE, Context
from federation.transport.tls import server_credentials
from federation.trust.keyring import Keyring
from tests.support.grpc_pair import CLOCK, Party, running

OWN = Party.named("own")


class Line:
    """A server of a peer that answers as a test wants, and our transport to it."""

    def __init__(self, transport: GrpcTransport, keyring: Keyring, peer: Party) -> None:
        self.transport = transport
        self.keyring = keyring
        self.peer = peer
        self.seen: list[tuple[CenterId, str, str]] = []
        self.reply = b"reply"
        self.page = [b"one", b"two"]
        self.release = asyncio.Event()
        self.release.set()
        self.running = 0
        self.most = 0
        self.ended = 0
        self.over = asyncio.Event()

    async def unary(self, raw: bytes, context: Context) -> bytes:
        assert raw == b"request"
        assert 0 < context.time_remaining() <= limits.UNARY_SECONDS + 1
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.release.wait()
        finally:
            self.running -= 1
            self.ended += 1
        return self.reply

    async def stream(self, raw: bytes, context: Context) -> AsyncIterator[bytes]:
        assert raw == b"request"
        assert 0 < context.time_remaining() <= limits.FOLLOW_SECONDS + 1
        try:
            for item in self.page:
                yield item
            await self.release.wait()
        finally:
            self.over.set()


@asynccontextmanager
async def line_to(peer: Party) -> AsyncIterator[Line]:
    keyring = Keyring()
    seen: list[tuple[CenterId, str, str]] = []
    transport = GrpcTransport(
        keyring=keyring,
        keys=OWN.tls,
        now_ms=CLOCK.now_ms,
        observe=lambda center, method, outcome, _seconds: seen.append((center, method, outcome)),
    )
    line = Line(transport, keyring, peer)
    line.seen = seen
    handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
        name: grpc.unary_unary_rpc_method_handler(line.unary, None, None)
        for name in ("Hello", "Deliver", "Query")
    }
    handlers["Follow"] = grpc.unary_stream_rpc_method_handler(line.stream, None, None)
    server = grpc.aio.server(
        handlers=(grpc.method_handlers_generic_handler(SERVICE, handlers),),
        options=[("grpc.max_send_message_length", -1)],
    )
    port = server.add_secure_port(
        "127.0.0.1:0", server_credentials(peer.tls, lambda: [OWN.tls.certificate])
    )
    await server.start()
    keyring.pin(peer.at(port))
    try:
        yield line
    finally:
        line.release.set()
        await transport.close()
        await server.stop(0)


async def test_every_method_carries_bytes_there_and_back_and_is_observed() -> None:
    async with line_to(Party.named("peer")) as line:
        center = line.peer.center
        assert await line.transport.hello(center, b"request") == b"reply"
        assert await line.transport.deliver(center, b"request") == b"reply"
        assert await line.transport.query(center, b"request") == b"reply"
        assert await line.transport.follow(center, b"request") == [b"one", b"two"]
        assert line.seen == [
            (center, method, "ok") for method in ("Hello", "Deliver", "Query", "Follow")
        ]


async def test_an_empty_request_is_never_sent() -> None:
    async with line_to(Party.named("peer")) as line:
        with pytest.raises(ValueError, match="empty Deliver"):
            await line.transport.deliver(line.peer.center, b"")
        assert line.ended == 0


async def test_an_empty_reply_does_not_count() -> None:
    async with line_to(Party.named("peer")) as line:
        line.reply = b""
        with pytest.raises(Unreachable, match="an empty reply"):
            await line.transport.hello(line.peer.center, b"request")
        assert line.seen == [(line.peer.center, "Hello", "UNACCEPTABLE")]


async def test_a_reply_that_is_too_large_does_not_count() -> None:
    async with line_to(Party.named("peer")) as line:
        line.reply = bytes(limits.MAX_MESSAGE_BYTES + 1)
        with pytest.raises(Unreachable, match="RESOURCE_EXHAUSTED"):
            await line.transport.hello(line.peer.center, b"request")


async def test_a_page_without_end_is_cut_off_and_its_stream_cancelled() -> None:
    async with line_to(Party.named("peer")) as line:
        line.page = [b"word"] * (limits.MAX_PAGE + 1)
        line.release.clear()  # the stream ends only if it is cancelled
        with pytest.raises(Unreachable, match="more than 64 words"):
            await line.transport.follow(line.peer.center, b"request")
        async with asyncio.timeout(5):
            await line.over.wait()


async def test_a_page_that_is_too_large_is_cut_off() -> None:
    async with line_to(Party.named("peer")) as line:
        line.page = [bytes(1_000_000)] * 20
        with pytest.raises(Unreachable, match="more than 8388608 bytes"):
            await line.transport.follow(line.peer.center, b"request")


async def test_silence_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "UNARY_SECONDS", 0.3)
    async with line_to(Party.named("peer")) as line:
        line.release.clear()
        with pytest.raises(Unreachable, match=f"{line.peer.center} at 127.0.0.1:.*, Hello"):
            await line.transport.hello(line.peer.center, b"request")
        assert line.seen == [(line.peer.center, "Hello", "DEADLINE_EXCEEDED")]


async def test_nobody_listening_and_nobody_pinned_are_both_unreachable() -> None:
    keyring = Keyring()
    transport = GrpcTransport(keyring=keyring, keys=OWN.tls, now_ms=CLOCK.now_ms)
    peer = Party.named("peer")
    with pytest.raises(Unreachable, match="not pinned"):
        await transport.hello(peer.center, b"request")
    keyring.pin(peer.at(1))
    with pytest.raises(Unreachable, match="UNAVAILABLE"):
        await transport.hello(peer.center, b"request")
    await transport.close()
    with pytest.raises(Unreachable, match="shutting down"):
        await transport.hello(peer.center, b"request")


async def test_a_server_with_another_certificate_is_not_the_peer() -> None:
    async with line_to(Party.named("impostor")) as line:
        peer = Party.named("peer")
        address = line.keyring.peers[line.peer.center].address
        line.keyring.pin(peer.at(int(address.rpartition(":")[2])))
        with pytest.raises(Unreachable, match="UNAVAILABLE"):
            await line.transport.hello(peer.center, b"request")
        assert line.ended == 0


async def test_a_new_descriptor_makes_a_new_line_and_calls_on_the_old_one_may_end() -> None:
    peer = Party.named("peer")
    async with line_to(peer) as old, line_to(peer) as new:
        old.release.clear()
        pending = asyncio.gather(old.transport.hello(peer.center, b"request"))
        while not old.running:
            await asyncio.wait([pending], timeout=0.01)
        port = int(new.keyring.peers[peer.center].address.rpartition(":")[2])
        old.keyring.pin(peer.at(port, sequence=2))
        new.reply = b"from the new address"
        assert await old.transport.hello(peer.center, b"request") == b"from the new address"
        old.release.set()
        assert list(await pending) == [b"reply"]


async def test_no_more_calls_than_agreed_run_at_the_same_time() -> None:
    async with line_to(Party.named("peer")) as line:
        line.release.clear()
        count = limits.MAX_CALLS_TO_ONE_PEER + 8
        pending = asyncio.gather(
            *(line.transport.hello(line.peer.center, b"request") for _ in range(count))
        )
        while line.running < limits.MAX_CALLS_TO_ONE_PEER:
            await asyncio.wait([pending], timeout=0.01)
        await asyncio.wait([pending], timeout=0.1)
        assert line.most == limits.MAX_CALLS_TO_ONE_PEER
        line.release.set()
        assert await pending == [b"reply"] * count


async def test_closing_ends_running_calls_as_unreachable() -> None:
    async with line_to(Party.named("peer")) as line:
        line.release.clear()
        pending = asyncio.gather(
            line.transport.hello(line.peer.center, b"request"), return_exceptions=True
        )
        while not line.running:
            await asyncio.wait([pending], timeout=0.01)
        await line.transport.close()
        (error,) = await pending
        assert isinstance(error, Unreachable)
        assert "closing the line" in str(error)


async def test_a_cancelled_caller_stays_cancelled() -> None:
    async with line_to(Party.named("peer")) as line, asyncio.TaskGroup() as group:
        line.release.clear()
        task = group.create_task(line.transport.hello(line.peer.center, b"request"))
        while not line.running:
            await asyncio.wait([task], timeout=0.01)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert line.seen == [(line.peer.center, "Hello", "CANCELLED")]


async def test_a_constant_refusal_of_the_peer_is_named_in_the_error() -> None:
    async with running("server") as node:
        node.keyring.pin(OWN.at(1))
        keyring = Keyring([node.descriptor])
        transport = GrpcTransport(keyring=keyring, keys=OWN.tls, now_ms=CLOCK.now_ms)
        with pytest.raises(Unreachable, match="UNAUTHENTICATED: unauthenticated"):
            await transport.deliver(node.center, b"garbage")
        await transport.close()
