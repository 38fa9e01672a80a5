"""The only reader of the clock and of randomness in a running node."""

import os
import random
import time
from datetime import UTC, datetime


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


def stamp(now_ms: int) -> str:
    """A moment as it stands in a file's name, UTC: ``20261122T113000Z``."""
    return datetime.fromtimestamp(now_ms // 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
