"""The simulated disk does what disks do: else the simulator proves nothing about them."""

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence

import pytest

from node.services.house import Desk
from node.store.database import StoreUnavailable
from tests.simulation.center import SimCenter
from tests.simulation.lines import Network, PowerCut
from tests.simulation.oracle import Oracle
from tests.simulation.timeless import TimelessLoop
from tests.simulation.weather import Weather


@pytest.fixture
def loop() -> Iterator[TimelessLoop]:
    loop = TimelessLoop()
    yield loop
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(_rest(0.001))
    loop.close()


def center(loop: TimelessLoop, weather: Weather) -> SimCenter:
    """A center that is on, and a table of its own for numbers."""
    oracle = Oracle()
    network = Network(loop, random.Random(1), weather, oracle)
    made = SimCenter(
        name="one", number=0, loop=loop, network=network, oracle=oracle, seed=1, skew_ms=0
    )
    made.connection.execute("CREATE TABLE number (n INTEGER)")
    made.start()
    return made


def put(number: int, size: int = 1) -> Callable[[Desk], None]:
    def function(desk: Desk) -> None:
        desk.ledger.connection.executemany("INSERT INTO number VALUES (?)", [(number,)] * size)

    return function


def numbers(of: SimCenter) -> list[int]:
    return [row[0] for row in of.connection.execute("SELECT DISTINCT n FROM number ORDER BY n")]


async def _rest(seconds: float) -> None:
    await asyncio.sleep(seconds)  # noqa: TID251 (on the loop's own time)


@pytest.mark.parametrize("kept", [0.0, 1.0])
def test_a_power_cut_leaves_what_was_acknowledged_and_all_or_nothing_of_the_rest(
    loop: TimelessLoop, kept: float
) -> None:
    one = center(loop, Weather(kept=kept))
    loop.run_until_complete(one.do(put(1)))

    async def cut_while_writing() -> None:
        one.disk.slow_seconds = 60.0
        loop.call_later(0.001, one.crash)
        with pytest.raises(PowerCut):
            await one.do(put(2))
        one.disk.slow_seconds = 0.0

    loop.run_until_complete(cut_while_writing())
    assert numbers(one) == ([1, 2] if kept else [1])


def test_a_slow_disk_commits_together_what_waits(loop: TimelessLoop) -> None:
    one = center(loop, Weather())
    one.disk.slow_seconds = 10.0

    async def together() -> float:
        began = loop.time()
        await asyncio.gather(*(one.do(put(n)) for n in range(1, 5)))
        return loop.time() - began

    took = loop.run_until_complete(together())
    assert numbers(one) == [1, 2, 3, 4]
    assert took > 0
    assert one.oracle.goals["several transactions were one commit"] >= 1


def test_one_failure_does_not_take_its_neighbours_along(loop: TimelessLoop) -> None:
    one = center(loop, Weather())
    one.disk.slow_seconds = 1.0

    def fail(_desk: Desk) -> None:
        raise ValueError("a use case changed its mind")

    async def together() -> Sequence[object]:
        return await asyncio.gather(
            one.do(put(1)),
            one.do(fail),
            one.do(put(2)),
            return_exceptions=True,
        )

    answers = loop.run_until_complete(together())
    assert [type(answer) for answer in answers] == [type(None), ValueError, type(None)]
    assert numbers(one) == [1, 2]


@pytest.mark.parametrize("slow", [0.0, 1.0])
def test_a_full_disk_refuses_and_has_room_again(loop: TimelessLoop, slow: float) -> None:
    one = center(loop, Weather())
    one.disk.slow_seconds = slow
    one.disk.fill(0)
    with pytest.raises(StoreUnavailable, match="full"):
        loop.run_until_complete(one.do(put(1, size=10_000)))
    one.crash()
    one.start()  # as full as before
    with pytest.raises(StoreUnavailable, match="full"):
        loop.run_until_complete(one.do(put(1, size=10_000)))
    assert numbers(one) == []

    one.disk.fill(None)
    loop.run_until_complete(one.do(put(2)))
    assert numbers(one) == [2]
