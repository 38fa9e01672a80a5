"""The server side: what each method answers to what, over real mutual TLS."""

import asyncio
import threading

import grpc
import pytest
from grpc_health.v1 import health_pb2  # type: ignore[import-untyped]
from typing_extensions import override

from federation.protocol import agreement
from federation.transport import limits, server
from federation.transport.server import HEALTH, SERVICE, Answering
from federation.trust.envelope import Envelope
from federation.trust.keyring import Keyring
from federation.wire.envelopes import Witnessing, encode_delivery, encode_single
from node.store.database import StoreFull, StoreUnavailable
from tests.support.grpc_pair import GrpcNode, Party, Watched, call, channel_of, read_all, running

SIGNED = agreement.DocumentSignature("intl-1", bytes(16), bytes(64))
PROPOSE = agreement.Propose(document=b"terms", signatures=(SIGNED,))


async def check_health(channel: grpc.aio.Channel) -> bytes:
    check: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
        f"/{HEALTH}/Check", None, None
    )
    return bytes(await check(b"", timeout=5))


def delivery(party: Party, node: GrpcNode) -> bytes:
    return encode_delivery([party.says(node.center, PROPOSE)], Witnessing())


def test_the_service_is_named_as_in_the_proto_file() -> None:
    assert SERVICE == "lianping.federation.v1.FederationService"


async def test_a_verified_call_is_answered_and_told_to_the_listener() -> None:
    async with running("server") as node:
        peer = Party.named("peer")
        node.keyring.pin(peer.at(1))
        async with channel_of(peer, node.descriptor) as channel:
            assert await call(channel, "Deliver", delivery(peer, node))
        assert node.watched.calls == [peer.center]
        assert node.watched.answers == ["Deliver"]
        assert node.watched.refusals == []


@pytest.mark.parametrize("seconds", [None, 3_600.0])
async def test_a_call_without_a_deadline_or_with_a_long_one_is_refused(
    seconds: float | None,
) -> None:
    async with running("server") as node:
        peer = Party.named("peer")
        node.keyring.pin(peer.at(1))
        before = await node.dump()
        async with channel_of(peer, node.descriptor) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as unary:
                await call(channel, "Deliver", delivery(peer, node), seconds=seconds)
            with pytest.raises(grpc.aio.AioRpcError) as stream:
                await read_all(channel, b"x", seconds=seconds)
        for caught in (unary, stream):
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert caught.value.details() == server.NO_DEADLINE
        assert node.watched.refusals == [("Deliver", "no_deadline"), ("Follow", "no_deadline")]
        assert await node.dump() == before


async def test_the_longest_allowed_deadline_is_accepted() -> None:
    async with running("server") as node:
        peer = Party.named("peer")
        node.keyring.pin(peer.at(1))
        async with channel_of(peer, node.descriptor) as channel:
            assert await call(
                channel,
                "Deliver",
                delivery(peer, node),
                seconds=limits.MAX_DEADLINE_SECONDS,
            )


@pytest.mark.parametrize(
    ("error", "status", "text", "cause"),
    [
        (
            StoreUnavailable("disk /dev/secret is full"),
            grpc.StatusCode.UNAVAILABLE,
            server.STORE_AWAY,
            "store_away",
        ),
        (
            StoreFull("disk /dev/secret is full"),
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            server.STORE_FULL,
            "store_full",
        ),
        (
            RuntimeError("the secret is 42"),
            grpc.StatusCode.INTERNAL,
            server.OWN_FAULT,
            "own_fault",
        ),
    ],
)
async def test_a_fault_of_ours_is_told_in_constant_words(
    error: Exception, status: grpc.StatusCode, text: str, cause: str
) -> None:
    async with running("server") as node:
        peer = Party.named("peer")
        node.keyring.pin(peer.at(1))
        before = await node.dump()

        def fail() -> None:
            raise error

        node.store.before = fail
        async with channel_of(peer, node.descriptor) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(channel, "Deliver", delivery(peer, node))
        node.store.before = lambda: None
        assert (caught.value.code(), caught.value.details()) == (status, text)
        assert node.watched.faults == [("Deliver", error)]
        assert node.watched.refusals == [("Deliver", cause)]
        assert node.watched.calls == []
        assert await node.dump() == before


async def test_a_question_that_follow_does_not_take_is_refused_in_constant_words() -> None:
    async with running("server") as node:
        peer = Party.named("peer")
        node.keyring.pin(peer.at(1))
        async with channel_of(peer, node.descriptor) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await read_all(channel, encode_single(peer.says(node.center, PROPOSE)))
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert caught.value.details() == server.NOT_UNDERSTOOD
        assert node.watched.refusals == [("Follow", "not_understood")]


class Slow(Answering):
    """Answers when it is let, and remembers that it came to the end."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.done = 0

    async def _answer(self) -> bytes:
        await self.go_on.wait()
        self.done += 1
        return b"reply"

    @override
    async def hello(self, raw: bytes, certificate: bytes) -> bytes:
        return await self._answer()

    @override
    async def deliver(self, raw: bytes, certificate: bytes) -> bytes:
        return await self._answer()

    @override
    async def query(self, raw: bytes, certificate: bytes) -> bytes:
        return await self._answer()

    @override
    async def follow(self, raw: bytes, certificate: bytes, page: int) -> list[tuple[int, Envelope]]:
        await self._answer()
        return []


async def test_a_caller_that_hangs_up_does_not_interrupt_what_it_asked_for() -> None:
    slow, watched = Slow(), Watched()
    own, peer = Party.named("own"), Party.named("peer")
    listening = server.Server(
        negotiator=slow, keyring=Keyring([peer.at(1)]), keys=own.tls, listener=watched
    )
    port = await listening.start("127.0.0.1:0")
    async with channel_of(peer, own.at(port)) as channel:
        for method in ("Hello", "Deliver", "Query"):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(channel, method, b"request", seconds=0.2)
            assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        with pytest.raises(grpc.aio.AioRpcError):
            await read_all(channel, b"request", seconds=0.2)
    stopping = asyncio.gather(listening.stop(0))
    await asyncio.wait([stopping], timeout=0.2)
    assert slow.done == 0
    assert not stopping.done()
    slow.go_on.set()
    await stopping
    assert slow.done == 4
    assert watched.faults == []


async def test_one_peer_cannot_take_all_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_CONCURRENT_RPCS_PER_PEER", 2)
    async with running("server") as node:
        greedy, modest = Party.named("greedy"), Party.named("modest")
        for party in (greedy, modest):
            node.keyring.pin(party.at(1))
        go_on = threading.Event()
        node.store.before = lambda: assert_released(go_on)
        async with (
            channel_of(greedy, node.descriptor) as channel,
            channel_of(modest, node.descriptor) as other,
        ):
            calls = [call(channel, "Deliver", delivery(greedy, node)) for _ in range(5)]
            pending = asyncio.gather(*calls, return_exceptions=True)
            async with asyncio.timeout(5):
                while len(node.watched.refusals) < 3:
                    await asyncio.wait([pending], timeout=0.02)
            third = asyncio.gather(call(other, "Deliver", delivery(modest, node)))
            go_on.set()
            results = await pending
            assert len((await third)[0]) > 0
        refused = [item for item in results if isinstance(item, grpc.aio.AioRpcError)]
        assert len(refused) == 3
        assert {error.code() for error in refused} == {grpc.StatusCode.RESOURCE_EXHAUSTED}
        assert node.watched.refusals == [("Deliver", "too_many")] * 3
        assert len((await node.dump())["heard"]) == 3


def assert_released(event: threading.Event) -> None:
    assert event.wait(10)


async def test_health_is_told_to_pinned_peers_and_to_the_node_itself_only() -> None:
    async with running("server") as node:
        peer = Party.named("peer")
        node.keyring.pin(peer.at(1))
        serving = health_pb2.HealthCheckResponse(
            status=health_pb2.HealthCheckResponse.SERVING
        ).SerializeToString()
        for party in (peer, node.party):
            async with channel_of(party, node.descriptor) as channel:
                assert await check_health(channel) == serving
        async with channel_of(Party.named("stranger"), node.descriptor) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await check_health(channel)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_stop_lets_the_running_call_end_and_takes_no_more() -> None:
    async with running("server") as node:
        peer = Party.named("peer")
        node.keyring.pin(peer.at(1))
        begun, go_on = threading.Event(), threading.Event()

        def be_slow() -> None:
            begun.set()
            assert go_on.wait(10)

        node.store.before = be_slow
        async with channel_of(peer, node.descriptor) as channel:
            pending = asyncio.gather(call(channel, "Deliver", delivery(peer, node)))
            assert await asyncio.to_thread(begun.wait, 5)
            stopping = asyncio.gather(node.server.stop(5))
            await asyncio.wait([stopping], timeout=0.1)
            go_on.set()
            assert (await pending)[0]
            await stopping
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(channel, "Deliver", delivery(peer, node), seconds=2)
        assert caught.value.code() in {
            grpc.StatusCode.UNAVAILABLE,
            grpc.StatusCode.DEADLINE_EXCEEDED,
        }


async def test_a_second_node_on_the_same_port_fails() -> None:
    async with running("server") as node:
        with pytest.raises(RuntimeError):
            await node.new_server().start(f"127.0.0.1:{node.port}")
