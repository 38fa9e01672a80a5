"""The heartbeat on a clock that the test moves: idle nodes are greeted, busy ones not in vain."""

from itertools import pairwise
from types import SimpleNamespace
from typing import Any, Final

import pytest
from typing_extensions import override

from federation.engine.delivery import Link
from federation.engine.outbox import Peek
from federation.ids import CenterId
from federation.ports import Unreachable
from federation.transport import limits
from federation.transport.pumps import Bell, PumpListener, Pumps
from tests.simulation.timeless import TimelessLoop
from tests.support.pair import SeededRandom

PEER: Final = CenterId("lp1" + "a" * 32)


class Still(PumpListener):
    """Watches nothing."""

    @override
    def reached(self, peer: CenterId, peek: Peek) -> None:
        return

    @override
    def missed(self, peer: CenterId, error: Unreachable) -> None:
        return

    @override
    def broke(self, pump: str, error: Exception) -> None:
        raise AssertionError(pump) from error


class Outbox:
    """Has nothing to deliver, and writes down when it greeted."""

    def __init__(self, loop: TimelessLoop, away: tuple[float, float]) -> None:
        self._loop = loop
        self._away = away
        self.greeted: list[float] = []

    def link(self, _peer: CenterId) -> Link:
        return Link()

    async def deliver(self, _peer: CenterId) -> bool:
        return False

    async def greet(self, peer: CenterId) -> Any:
        now = self._loop.time()
        self.greeted.append(now)
        if self._away[0] <= now < self._away[1]:
            raise Unreachable(f"{peer} is away")
        return SimpleNamespace()


def greetings(
    seconds: float,
    *,
    heartbeat: float | None = None,
    words_at: tuple[float, ...] = (),
    away: tuple[float, float] = (0.0, 0.0),
) -> list[float]:
    """When one peer was greeted within some virtual seconds; a word makes our log longer."""
    loop = TimelessLoop()
    outbox: Any = Outbox(loop, away)

    async def behind(_function: object) -> bool:
        return True  # the peer has not cosigned the word yet

    async def nothing() -> int:
        return 0

    async def never() -> None:
        return None

    async def rung() -> tuple[int, None]:
        return 0, None

    alarms: Any = SimpleNamespace(ring=rung)

    negotiator: Any = SimpleNamespace(transact=behind, random=SeededRandom("heartbeat"))
    pumps: Pumps[Any] = Pumps(
        negotiator=negotiator,
        outbox=outbox,
        alarms=alarms,
        peers=lambda: [PEER],
        clock=SimpleNamespace(now_ms=lambda: int(loop.time() * 1000)),
        run_errands=nothing,
        next_errand_ms=never,
        listener=Still(),
        heartbeat_seconds=heartbeat,
    )

    async def life() -> None:
        running = loop.create_task(pumps.run())
        for at in words_at:
            await Bell().wait(at - loop.time())
            pumps.wake([PEER])
        await Bell().wait(seconds - loop.time())
        pumps.stop()
        await running

    try:
        loop.run_until_complete(life())
    finally:
        loop.close()
    return list(outbox.greeted)


def gaps(times: list[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(times)]


@pytest.mark.parametrize("heartbeat", [None, 20.0])
def test_an_idle_peer_is_greeted_every_heartbeat_give_or_take(heartbeat: float | None) -> None:
    middle = heartbeat or limits.HEARTBEAT_SECONDS
    found = gaps(greetings(50 * middle, heartbeat=heartbeat))
    assert len(found) >= 45
    low, high = middle * (1 - limits.HEARTBEAT_JITTER), middle * (1 + limits.HEARTBEAT_JITTER)
    assert all(low <= gap <= high for gap in found)
    assert len({round(gap, 3) for gap in found}) > 10, "no two nodes in step"


def test_a_greeting_that_followed_a_word_stands_for_the_heartbeat() -> None:
    words = tuple(float(at) for at in range(30, 600, 30))
    found = greetings(600, words_at=words)
    assert len(found) == len(words) + 1, "one for each word, one at first, none for nothing"


def test_after_the_words_the_heartbeat_goes_on() -> None:
    found = greetings(600, words_at=(30.0,))
    assert max(gaps(found)) <= limits.HEARTBEAT_SECONDS * (1 + limits.HEARTBEAT_JITTER)
    assert len(found) >= 8


def test_a_peer_that_is_away_is_greeted_all_the_same() -> None:
    found = gaps(greetings(1_200, away=(100.0, 1_000.0)))
    assert max(found) <= limits.HEARTBEAT_SECONDS * (1 + limits.HEARTBEAT_JITTER)
