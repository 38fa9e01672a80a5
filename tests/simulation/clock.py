"""One simulated clock: the run's time, how wrong it is here, and when it is set."""

import asyncio

from tests.support.pair import NOON


class SimClock:
    """This center's clock."""

    def __init__(self, loop: asyncio.AbstractEventLoop, skew_ms: int) -> None:
        self._loop = loop
        self._skew_ms = skew_ms
        self._jumped_ms = 0
        self.set_at = 0.0
        self.furthest_ms = 0
        """The most it ever ran ahead, not counting its skew."""

    def now_ms(self) -> int:
        return NOON + int(self._loop.time() * 1000) + self._skew_ms + self._jumped_ms

    def jump(self, by_ms: int) -> None:
        """Be set forward or back."""
        self._jumped_ms += by_ms
        self.furthest_ms = max(self.furthest_ms, self._jumped_ms)
        self.set_at = self._loop.time()

    def correct(self) -> None:
        """Be set right again, but for its skew."""
        if self._jumped_ms:
            self.jump(-self._jumped_ms)
