"""A pause over real gRPC: nothing is heard, the peer reads why, and no word is lost."""

import pytest
from typing_extensions import override

from federation.engine.outbox import AnswerRefused
from federation.engine.pauses import Door, PausableTransport, Pauses
from federation.ids import CenterId
from federation.ports import Transport, Unreachable
from federation.protocol import agreement
from federation.transport.server import PAUSED, Answering, Server
from federation.wire.questions import AvailabilityQuestion
from tests.support.grpc_pair import CLOCK, GrpcNode, running

SIGNED = agreement.DocumentSignature("intl-1", bytes(16), bytes(64))
PROPOSE = agreement.Propose(document=b"terms", signatures=(SIGNED,))
QUESTION = AvailabilityQuestion(CLOCK.now_ms(), CLOCK.now_ms() + 1, 1, (), overnight=False)


class Paused:
    """A node whose server has the door that pauses, and a node that calls it."""

    def __init__(self, called: GrpcNode, caller: GrpcNode) -> None:
        self.called, self.caller = called, caller
        self.pauses = Pauses()
        door: Answering = Door(called.negotiator, self.pauses)
        self.server = Server(
            negotiator=door,
            keyring=called.keyring,
            keys=called.party.tls,
            listener=called.watched,
        )

    async def start(self) -> None:
        port = await self.server.start("127.0.0.1:0")
        self.caller.keyring.pin(self.called.party.at(port))
        self.called.keyring.pin(self.caller.party.at(1))


async def test_words_wait_while_a_peer_is_paused_and_none_is_lost() -> None:
    async with running("called") as called, running("caller") as caller:
        pair = Paused(called, caller)
        await pair.start()
        try:
            pair.pauses.become({caller.center: "机房搬迁"})
            before = await called.dump()
            said = await caller.open(called.center, PROPOSE)
            assert not await caller.outbox.deliver(called.center)
            assert PAUSED in caller.outbox.link(called.center).last_error
            assert await called.dump() == before
            with pytest.raises(Unreachable, match="机房搬迁"):
                await caller.outbox.greet(called.center)
            with pytest.raises(AnswerRefused, match="机房搬迁"):
                await caller.outbox.ask(called.center, QUESTION)
            with pytest.raises(Unreachable, match="paused"):
                await caller.outbox.catch_up(called.center, 0)
            assert await called.dump() == before

            pair.pauses.become({})
            await caller.outbox.greet(called.center)  # as the pumps do
            caller.outbox.reset(called.center)
            assert await caller.outbox.deliver(called.center)
            heard = await called.conversation(said.conversation.id)
            assert heard is not None
            assert heard.heard == 1
        finally:
            await pair.server.stop()


class Counting(Transport):
    """Answers, and counts who was called."""

    def __init__(self) -> None:
        self.called: list[CenterId] = []

    @override
    async def hello(self, peer: CenterId, request: bytes) -> bytes:
        self.called.append(peer)
        return request

    @override
    async def deliver(self, peer: CenterId, request: bytes) -> bytes:
        return await self.hello(peer, request)

    @override
    async def query(self, peer: CenterId, request: bytes) -> bytes:
        return await self.hello(peer, request)

    @override
    async def follow(self, peer: CenterId, request: bytes) -> list[bytes]:
        return [await self.hello(peer, request)]


async def test_a_paused_peer_is_not_called_and_another_one_is() -> None:
    pauses, inner = Pauses(), Counting()
    transport = PausableTransport(inner, pauses)
    paused, other = CenterId("lp1" + "a" * 32), CenterId("lp1" + "b" * 32)
    pauses.become({paused: ""})
    for call in (transport.hello, transport.deliver, transport.query, transport.follow):
        with pytest.raises(Unreachable, match="peer resume"):
            await call(paused, b"x")
        assert await call(other, b"x") in (b"x", [b"x"])
    assert inner.called == [other] * 4
