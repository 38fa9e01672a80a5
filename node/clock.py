"""The only reader of the clock and of randomness in a running node."""

import os
import random
import time


class SystemClock:
    """The machine's clock, kept by NTP."""

    def now_ms(self) -> int:
        """Unix milliseconds."""
        return time.time_ns() // 1_000_000


class SystemRandom:
    """The machine's randomness."""

    def bytes(self, count: int) -> bytes:
        """Unpredictable bytes, fit for keys."""
        return os.urandom(count)

    def fraction(self) -> float:
        """A number in [0, 1) for jitter."""
        return random.SystemRandom().random()
