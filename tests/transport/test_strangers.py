"""Strangers: one answer for everything, little work for us, and none of it at a partner's cost."""

import asyncio
from collections import Counter
from time import perf_counter
from typing import Final

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.protocol import agreement
from federation.transport import limits, server
from federation.transport.strangers import ELSEWHERE, Bucket, Strangers, network
from federation.wire.envelopes import Witnessing, encode_delivery
from tests.support.grpc_pair import GrpcNode, Party, call, channel_of, running

SIGNED: Final = agreement.DocumentSignature("intl-1", bytes(16), bytes(64))
PROPOSE: Final = agreement.Propose(document=b"terms", signatures=(SIGNED,))
FLOOD: Final = 150
SAME_CLASS_SECONDS: Final = 0.05  # loopback and this machine's noise; a query takes no less


class Hand:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("caller", "expected"),
    [
        ("ipv4:203.0.113.7:53412", "203.0.113.0/24"),
        ("ipv4:203.0.113.250:1", "203.0.113.0/24"),
        ("ipv6:%5B2001:db8:1:2:3::4%5D:53412", "2001:db8:1:2::/64"),
        ("ipv6:[2001:db8:1:2:ffff::1]:9", "2001:db8:1:2::/64"),
        ("ipv6:%5B::ffff:203.0.113.7%5D:1", "203.0.113.0/24"),
        ("ipv6:%5Bfe80::1%25eth0%5D:1", "fe80::/64"),
        ("unix:/run/x", "unix"),
        ("", ELSEWHERE),
        ("ipv4:not an address:1", ELSEWHERE),
    ],
)
def test_an_address_is_known_by_its_network(caller: str, expected: str) -> None:
    assert network(caller) == expected


def test_a_bucket_is_empty_after_its_burst_and_fills_with_time() -> None:
    bucket = Bucket(limits.ONE_NETWORK, 0.0)
    for _ in range(int(limits.ONE_NETWORK.burst)):
        assert bucket.has(0.0)
        bucket.take(0.0)
    assert not bucket.has(0.0)
    assert not bucket.has(0.5 / limits.ONE_NETWORK.per_second)
    assert bucket.has(1.0 / limits.ONE_NETWORK.per_second)
    assert not Bucket(limits.ONE_NETWORK, 10.0)._left > limits.ONE_NETWORK.burst
    bucket.take(1e9)
    assert bucket._left == limits.ONE_NETWORK.burst - 1, "it never holds more than its burst"


def test_a_flood_behind_the_address_of_a_partner_takes_nothing_from_the_partner() -> None:
    hand = Hand()
    strangers = Strangers(hand)
    address = "ipv4:203.0.113.7:1"
    for _ in range(1_000):
        strangers.turned_away(address, b"stranger", pinned=False)
    assert not strangers.may_be_read(address, b"stranger", pinned=False)
    assert strangers.may_be_read(address, b"partner", pinned=True)


def test_one_network_cannot_use_up_another_ones_bucket_but_all_have_one_in_common() -> None:
    hand = Hand()
    strangers = Strangers(hand)
    for _ in range(int(limits.ONE_NETWORK.burst)):
        strangers.turned_away("ipv4:203.0.113.7:1", b"", pinned=False)
    assert not strangers.may_be_read("ipv4:203.0.113.8:1", b"", pinned=False)
    assert strangers.may_be_read("ipv4:198.51.100.1:1", b"", pinned=False)
    for number in range(int(limits.ALL_STRANGERS.burst)):
        strangers.turned_away(f"ipv4:10.{number % 256}.{number // 256}.1:1", b"", pinned=False)
    assert not strangers.may_be_read("ipv4:198.51.100.1:1", b"", pinned=False)
    hand.now += 1.0
    assert strangers.may_be_read("ipv4:198.51.100.1:1", b"", pinned=False)


@given(st.lists(st.integers(0, 2**32 - 1), max_size=50))
def test_memory_is_bounded_whoever_calls(addresses: list[int]) -> None:
    strangers = Strangers(Hand())
    for number in range(limits.MAX_BUCKETS - 10):
        strangers.turned_away("", number.to_bytes(4), pinned=True)
    for value in addresses:
        strangers.turned_away(f"ipv4:{'.'.join(map(str, value.to_bytes(4)))}:1", b"", pinned=False)
        assert len(strangers) <= limits.MAX_BUCKETS


def delivery(party: Party, node: GrpcNode) -> bytes:
    return encode_delivery([party.says(node.center, PROPOSE)], Witnessing())


async def refusal(channel: grpc.aio.Channel, raw: bytes) -> tuple[grpc.StatusCode, str, float]:
    began = perf_counter()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(channel, "Deliver", raw)
    return caught.value.code(), caught.value.details() or "", perf_counter() - began


async def test_whatever_is_wrong_the_answer_has_the_same_bytes_and_takes_as_long() -> None:
    async with running("server") as node:
        peer, other = Party.named("peer"), Party.named("other")
        node.keyring.pin(peer.at(1))
        good = peer.says(node.center, PROPOSE)
        forged = type(good)(
            good.payload,
            good.payload_type,
            good.key_id,
            bytes(64),
            good.index,
            good.size,
            good.path,
        )
        calls = {
            "unparsable": b"\xff" * 40,
            "unknown_sender": delivery(other, node),
            "bad_signature": encode_delivery([forged], Witnessing()),
            "unknown_key": encode_delivery(
                [type(good)(good.payload, good.payload_type, bytes(16), good.signature, 0, 1, ())],
                Witnessing(),
            ),
        }
        answers = set()
        fastest: dict[str, float] = {}
        async with channel_of(peer, node.descriptor) as channel:
            for _ in range(5):
                for name, raw in calls.items():
                    code, text, seconds = await refusal(channel, raw)
                    answers.add((code, text))
                    fastest[name] = min(seconds, fastest.get(name, seconds))
        assert answers == {(grpc.StatusCode.UNAUTHENTICATED, server.NOT_AUTHENTICATED)}
        assert {cause for _, cause in node.watched.refusals} == set(calls)
        assert max(fastest.values()) - min(fastest.values()) < SAME_CLASS_SECONDS, fastest


async def test_a_peer_that_lies_without_end_is_read_no_more_and_hears_the_same_words() -> None:
    async with running("server") as node:
        liar, honest = Party.named("liar"), Party.named("honest")
        node.keyring.pin(liar.at(1))
        node.keyring.pin(honest.at(2))
        lie = delivery(Party.named("nobody"), node)
        async with channel_of(liar, node.descriptor) as channel:
            heard = [(await refusal(channel, lie))[:2] for _ in range(FLOOD)]
            # The honest one calls from the same address.
            async with channel_of(honest, node.descriptor) as line:
                assert await call(line, "Deliver", delivery(honest, node))
        assert set(heard) == {(grpc.StatusCode.UNAUTHENTICATED, server.NOT_AUTHENTICATED)}
        causes = Counter(cause for _, cause in node.watched.refusals)
        assert causes[server.TOO_OFTEN] >= FLOOD // 3
        assert causes["unknown_sender"] >= limits.ONE_PEER.burst
        assert node.watched.calls == [honest.center]


async def test_a_certificate_that_is_pinned_no_more_is_not_read_on_its_old_connection() -> None:
    async with running("server") as node:
        peer = Party.named("peer")
        node.keyring.pin(peer.at(1))
        async with channel_of(peer, node.descriptor) as channel:
            assert await call(channel, "Deliver", delivery(peer, node))
            node.keyring.forget(peer.center)
            heard = {(await refusal(channel, delivery(peer, node)))[:2] for _ in range(40)}
        assert heard == {(grpc.StatusCode.UNAUTHENTICATED, server.NOT_AUTHENTICATED)}
        causes = Counter(cause for _, cause in node.watched.refusals)
        assert causes["wrong_certificate"] >= limits.ONE_NETWORK.burst
        assert causes[server.TOO_OFTEN] > 0


async def test_a_flood_of_strangers_handshakes_does_not_keep_a_partner_out() -> None:
    shaken = []
    async with running("server") as node:
        peer = Party.named("peer")
        node.keyring.pin(peer.at(1))
        node.server._shook = lambda: shaken.append(1)
        strangers = [Party.named(f"stranger {number}") for number in range(8)]
        stop = asyncio.Event()
        tried = Counter[str]()

        async def knock(party: Party) -> None:
            while not stop.is_set():
                async with channel_of(party, node.descriptor) as channel:
                    with pytest.raises(grpc.aio.AioRpcError) as caught:
                        await call(channel, "Deliver", delivery(party, node), seconds=2)
                tried[caught.value.code().name] += 1

        async def serve() -> list[float]:
            took = []
            for _ in range(30):
                began = perf_counter()
                async with channel_of(peer, node.descriptor) as channel:
                    assert await call(channel, "Deliver", delivery(peer, node))
                took.append(perf_counter() - began)
            stop.set()
            return took

        async with asyncio.TaskGroup() as group:
            for party in strangers:
                group.create_task(knock(party))
            served = group.create_task(serve())
        assert max(served.result()) < limits.UNARY_SECONDS
        assert set(tried) <= {"UNAVAILABLE", "DEADLINE_EXCEEDED"}, tried
        assert sum(tried.values()) >= len(strangers)
        assert len(shaken) >= len(strangers)
        assert node.watched.refusals == [], "no stranger's bytes reach our code"
