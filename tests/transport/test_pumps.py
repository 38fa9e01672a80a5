"""The pumps: loops that wake, rest, and come back after a failure."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from federation.engine.floor import Floor
from federation.protocol import agreement, peering
from federation.transport import client, limits
from federation.transport.pumps import Bell
from node.store.ledger import SqlLedger
from tests.support.grpc_pair import CLOCK, GrpcNode, Party, no_errands, running, two_nodes

SIGNED = agreement.DocumentSignature("intl-1", bytes(16), bytes(64))
PROPOSE = agreement.Propose(document=b"terms", signatures=(SIGNED,))
START = peering.StartTest(bytes(32), ())


@asynccontextmanager
async def pumping(
    node: GrpcNode, run_errands: Callable[[], Awaitable[int]] = no_errands
) -> AsyncIterator[None]:
    pumps = node.new_pumps(run_errands)
    async with asyncio.TaskGroup() as group:
        group.create_task(pumps.run())
        try:
            yield
        finally:
            pumps.stop()


async def until(holds: Callable[[], Awaitable[bool]], seconds: float = 8.0) -> None:
    async with asyncio.timeout(seconds):
        while not await holds():
            await Bell().wait(0.02)


async def settled(left: GrpcNode, right: GrpcNode) -> bool:
    """Everything that the left one said is receipted, and both logs are cosigned."""
    for one, other in ((left, right), (right, left)):
        size, cosigned = await one.cosigned_by(other.center)
        if size == 0 or size != cosigned:
            return False
    return not await left.negotiator.transact(
        lambda floor: floor.ledger.pending(right.center, 64, 1 << 20)
    )


async def test_a_word_is_delivered_at_once_and_cosigned_soon_then_all_is_quiet() -> None:
    async with two_nodes() as (left, right), pumping(left), pumping(right):
        await left.open(right.center, PROPOSE)
        await until(lambda: settled(left, right))
        assert [receipt.outcome.name for *_, receipt in right.watched.receipts] == ["ACCEPTED"]
        # Greetings of both may still be under way; after them nobody has anything to say.
        await Bell().wait(2 * limits.FLUSH_SECONDS)
        calls = (len(left.watched.calls), len(right.watched.calls))
        await Bell().wait(4 * limits.FLUSH_SECONDS)
        assert (len(left.watched.calls), len(right.watched.calls)) == calls
        assert left.watched.breaks == right.watched.breaks == []


async def test_a_peer_that_is_pinned_while_running_gets_its_pumps() -> None:
    async with running("early") as node, running("late") as late:
        late.keyring.pin(node.descriptor)
        async with pumping(node):
            await Bell().wait(0.1)
            assert node.watched.peeks == []
            node.keyring.pin(late.descriptor)
            assert node.watched.pumps is not None
            node.watched.pumps.pinned()
            await until(lambda: reached(node))
            assert node.watched.peeks == [late.center]
            await node.open(late.center, PROPOSE)
            await until(lambda: heard(late))


async def reached(node: GrpcNode) -> bool:
    return bool(node.watched.peeks)


async def heard(node: GrpcNode) -> bool:
    return bool(node.watched.receipts)


async def test_first_contact_is_tried_until_the_peer_is_there() -> None:
    async with running("waiting") as node, running("absent") as peer:
        node.keyring.pin(peer.descriptor)  # but the peer has not pinned us yet

        async def missed_twice() -> bool:
            return len(node.watched.misses) >= 2

        async with pumping(node):
            await until(missed_twice)
            assert node.watched.peeks == []
            peer.keyring.pin(node.descriptor)
            await until(lambda: reached(node), 20)
        assert node.watched.breaks == []


async def test_a_call_of_the_peer_is_returned_although_the_channel_still_pauses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two centers join: one knew the other first, and its handshakes have failed until now."""
    monkeypatch.setattr(
        "federation.transport.pumps.wait_random_exponential", lambda **_: lambda _state: 600.0
    )
    monkeypatch.setattr(
        "federation.transport.client._OPTIONS",
        [
            (name, limits.MAX_RECONNECT_MS if name.endswith("_reconnect_backoff_ms") else value)
            for name, value in client._OPTIONS
        ],
    )

    async with running("first") as first, running("second") as second:
        first.keyring.pin(second.descriptor)

        async def missed() -> bool:
            return bool(first.watched.misses)

        async with pumping(first):
            await until(missed)
            second.keyring.pin(first.descriptor)
            await second.outbox.greet(first.center)
            await until(lambda: reached(first), 2 * limits.CALLING_BACK_SECONDS)


async def test_a_call_of_the_peer_ends_the_back_off_of_our_words_for_it() -> None:
    async with two_nodes() as (left, right):
        left.keyring.pin(right.party.at(1, sequence=2))  # an address where nobody listens

        async def failing() -> bool:
            return left.outbox.link(right.center).failures >= 1

        async with pumping(left):
            await left.open(right.center, PROPOSE)
            await until(failing)
            left.outbox.link(right.center).not_before_ms = CLOCK.now_ms() + 600_000
            left.keyring.pin(replace(right.descriptor, sequence=3))
            assert right.watched.receipts == []
            await right.outbox.greet(left.center)
            await until(lambda: heard(right))


async def test_calls_without_end_do_not_make_us_try_without_end() -> None:
    async with running("node") as node:
        pumps = node.new_pumps()
        peer = Party.named("peer").center
        pumps.called(peer)
        link = node.outbox.link(peer)
        link.failures = 3
        for _ in range(100):
            pumps.called(peer)
        assert node.outbox.link(peer) is link
        await Bell().wait(limits.CALLED_SECONDS + 0.05)
        pumps.called(peer)
        assert node.outbox.link(peer).failures == 0


async def test_a_deadline_lapses_by_itself() -> None:
    async with running("node") as node, pumping(node):
        peer = Party.named("peer").center
        said = await node.open(peer, START)
        soon = replace(said.conversation, deadline_ms=CLOCK.now_ms() + 600)

        def shorten(floor: Floor[SqlLedger]) -> None:
            floor.ledger.put_conversation(soon, floor.now_ms)
            floor.woken.add(peer)

        await node.negotiator.transact(shorten)

        async def lapsed() -> bool:
            known = await node.conversation(said.conversation.id)
            assert known is not None
            if known.phase == peering.LAPSED:
                assert soon.deadline_ms is not None
                assert CLOCK.now_ms() >= soon.deadline_ms
                return True
            return False

        await until(lapsed, 3)


async def test_a_pump_that_fails_is_reported_and_started_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "RESTART_SECONDS", 0.05)
    runs: list[int] = []
    fault = RuntimeError("disk full")

    async def fail_twice() -> int:
        runs.append(1)
        if len(runs) <= 2:
            raise fault
        return 0

    async def three_runs() -> bool:
        return len(runs) >= 3

    async with running("node") as node, pumping(node, fail_twice):
        await until(three_runs)
        assert node.watched.breaks == [("errands", fault)] * 2


async def test_a_cancelled_run_ends_at_once_and_stays_cancelled() -> None:
    async with two_nodes() as (left, _), asyncio.TaskGroup() as group:
        task = group.create_task(left.new_pumps().run())
        await until(lambda: reached(left))
        task.cancel()
        await asyncio.wait([task], timeout=2)
        assert task.cancelled()


async def test_a_peer_that_is_no_longer_pinned_loses_its_pumps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "HEARTBEAT_SECONDS", 0.05)
    async with two_nodes() as (left, right), pumping(left):
        await until(lambda: reached(left))
        left.keyring._by_center.clear()
        assert left.watched.pumps is not None
        left.watched.pumps.pinned()
        await Bell().wait(0.3)
        count = len(right.watched.calls)
        await Bell().wait(0.3)
        assert len(right.watched.calls) == count
        assert left.watched.breaks == []


async def test_a_bell_that_rang_before_the_wait_is_heard_once() -> None:
    bell = Bell()
    bell.ring()
    bell.ring()
    assert await bell.wait(0.01)
    assert not await bell.wait(0.01)


async def test_a_back_off_that_is_over_when_nothing_waits_is_no_busy_loop() -> None:
    async with two_nodes() as (left, right):
        link = left.outbox.link(right.center)
        link.failures = 2  # failed once, and what had waited was receipted by another road
        looks: list[int] = []
        may_call = type(link).may_call

        class Counted(type(link)):  # type: ignore[misc]
            def may_call(self, now_ms: int) -> bool:
                looks.append(now_ms)
                return may_call(self, now_ms)

        counted = left.outbox._links[right.center] = Counted(failures=2)
        async with pumping(left):
            await Bell().wait(0.5)
        assert counted.failures in {0, 2}
        assert len(looks) <= 4


async def test_a_queue_is_drained_by_several_calls_at_a_time_each_word_once() -> None:
    async with two_nodes() as (left, right):

        def many(floor: Floor[SqlLedger]) -> None:
            for _ in range(1_000):
                floor.open(right.center, None, PROPOSE, suite_id="intl-1")

        await left.negotiator.transact(many)
        async with pumping(left):
            await until(lambda: quiet(left, right), 30)
        assert len(right.watched.receipts) == 1_000
        assert {receipt.outcome.name for *_, receipt in right.watched.receipts} == {"ACCEPTED"}
        assert {receipt.detail for *_, receipt in right.watched.receipts} == {""}, "no duplicate"


async def quiet(left: GrpcNode, right: GrpcNode) -> bool:
    return not await left.negotiator.transact(
        lambda floor: floor.ledger.pending(right.center, 1, 1)
    )


async def test_errand_after_errand_is_run_without_a_pause_until_there_are_too_many() -> None:
    """A draw calls its experts one after the other; a storm of bells is looked after in one go."""
    looked: list[float] = []
    clock = asyncio.get_running_loop().time

    async def run_errands() -> int:
        looked.append(clock())
        assert node.watched.pumps is not None
        node.watched.pumps.heard(node.center)  # what it did rings for the next one
        return 1

    async with running("alone") as node, pumping(node, run_errands):
        await Bell().wait(10 * limits.REST_SECONDS)
    burst = int(limits.LOOKS.burst)
    assert looked[burst - 1] - looked[0] < limits.REST_SECONDS * burst / 2
    assert burst < len(looked) <= burst + 10
