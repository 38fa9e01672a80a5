"""A bounded load: so many calls, so many at a time, and never longer than so long."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, TypeVar

from federation.transport.limits import MAX_DEADLINE_SECONDS

T = TypeVar("T")

CALL_SECONDS: Final = 30.0  # a call that takes longer has failed; within what a server allows
assert CALL_SECONDS <= MAX_DEADLINE_SECONDS


@dataclass(frozen=True)
class Rate:
    """What a load came to. ``seconds`` is of the whole load, ``typical_seconds`` of one call."""

    calls: int
    seconds: float
    typical_seconds: float

    @property
    def per_second(self) -> float:
        return self.calls / self.seconds


async def run(
    call: Callable[[T], Awaitable[None]], items: Sequence[T], in_flight: int, seconds: float
) -> Rate:
    """Call with each item, ``in_flight`` at a time; begin no call after ``seconds``.

    Raises:
        ExceptionGroup: A call failed; then the figure would mean nothing.
    """
    left = iter(items)
    took: list[float] = []
    began = time.perf_counter()

    async def work() -> None:
        for item in left:
            started = time.perf_counter()
            await call(item)
            ended = time.perf_counter()
            took.append(ended - started)
            if ended - began > seconds:
                return

    async with asyncio.TaskGroup() as group:
        for _ in range(in_flight):
            group.create_task(work())
    return Rate(len(took), time.perf_counter() - began, median(took))
