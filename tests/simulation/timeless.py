"""An event loop whose time passes only when everybody waits.

The node's real pumps run on it unchanged: a selector that never waits moves the clock to the
next timer instead. There is no I/O, so all that happens follows from the seed. A loop in which
nobody waits for anything any more is a deadlock, and an error.
"""

import asyncio
import selectors
from collections.abc import Mapping
from typing import Any

from typing_extensions import override


class Deadlock(Exception):
    """Nobody will ever wake up again."""


class TimelessSelector(selectors.BaseSelector):
    """Waits for nothing: the time that should pass has passed."""

    def __init__(self) -> None:
        self.now = 0.0
        self._keys: dict[int, selectors.SelectorKey] = {}

    @override
    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        number = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        key = selectors.SelectorKey(fileobj, number, events, data)
        self._keys[number] = key
        return key

    @override
    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj if isinstance(fileobj, int) else fileobj.fileno())

    @override
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Deadlock("every task waits for another")
        self.now += max(timeout, 0.0)
        return []

    @override
    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._keys


class TimelessLoop(asyncio.SelectorEventLoop):
    """The event loop of one simulated run. Its time starts at 0 seconds."""

    def __init__(self) -> None:
        self._timeless = TimelessSelector()
        super().__init__(self._timeless)

    @override
    def time(self) -> float:
        return self._timeless.now
