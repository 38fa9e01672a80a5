"""A transport that loses messages on purpose: what is lost, and that somebody says so."""

from collections.abc import Sequence

import pytest
from structlog.testing import capture_logs
from typing_extensions import override

from federation.ids import CenterId
from federation.ports import Transport, Unreachable
from node.lossy import LOST_ON_PURPOSE, LossyTransport, lossy

PEER = CenterId("lp1" + "a" * 32)


class Counting(Transport):
    """Answers every call, and counts."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    @override
    async def hello(self, peer: CenterId, request: bytes) -> bytes:
        return self._answer("hello", request)

    @override
    async def deliver(self, peer: CenterId, request: bytes) -> bytes:
        return self._answer("deliver", request)

    @override
    async def query(self, peer: CenterId, request: bytes) -> bytes:
        return self._answer("query", request)

    @override
    async def follow(self, peer: CenterId, request: bytes) -> Sequence[bytes]:
        return [self._answer("follow", request)]

    def _answer(self, what: str, request: bytes) -> bytes:
        self.calls.append(what)
        return b"re: " + request


class Dice:
    """Falls as the test wants."""

    def __init__(self, *falls: float) -> None:
        self._falls = list(falls)

    def __call__(self) -> float:
        return self._falls.pop(0)


async def test_a_request_that_is_lost_never_arrives() -> None:
    below = Counting()

    with pytest.raises(Unreachable, match="deliver request was lost on purpose"):
        await LossyTransport(below, 10, Dice(0.09)).deliver(PEER, b"x")

    assert below.calls == []


async def test_of_a_lost_reply_the_peer_has_done_its_part() -> None:
    below = Counting()

    with pytest.raises(Unreachable, match="query reply was lost on purpose"):
        await LossyTransport(below, 10, Dice(0.5, 0.09)).query(PEER, b"x")

    assert below.calls == ["query"]


async def test_what_is_not_lost_comes_through() -> None:
    below = Counting()
    line = LossyTransport(below, 10, Dice(*[0.10] * 8))

    assert await line.hello(PEER, b"1") == b"re: 1"
    assert await line.deliver(PEER, b"2") == b"re: 2"
    assert await line.query(PEER, b"3") == b"re: 3"
    assert await line.follow(PEER, b"4") == [b"re: 4"]
    assert below.calls == ["hello", "deliver", "query", "follow"]


async def test_as_many_are_lost_as_was_asked_for() -> None:
    falls = [number / 100 for number in range(100)]
    lost = 0
    for fall in falls:
        try:
            await LossyTransport(Counting(), 10, Dice(fall, 0.99)).hello(PEER, b"")
        except Unreachable:
            lost += 1

    assert lost == 10


def test_without_a_share_to_lose_nothing_stands_between() -> None:
    below = Counting()

    with capture_logs() as said:
        assert lossy(below, 0, Dice()) is below

    assert said == []


async def test_it_says_that_it_is_there_and_names_each_loss() -> None:
    with capture_logs() as said:
        made = lossy(Counting(), 10, Dice(0.0))
        with pytest.raises(Unreachable):
            await made.hello(PEER, b"")

    assert [(line["log_level"], line.get("message")) for line in said] == [
        ("warning", None),
        ("warning", "hello request"),
    ]
    assert said[1]["event"] == LOST_ON_PURPOSE
