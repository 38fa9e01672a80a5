"""When the epochs of an expert pool begin, and what they are called.

A grid in Asia/Shanghai that does not depend on when a node was started: all that a center ever
announced by the clock has a name that says when. Not here: announcing them.
"""

from dataclasses import dataclass
from typing import Final

from node.domain.workday import local_time, midnight_ms, shanghai_date

HOUR_MS: Final = 3_600_000
MINUTE_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class EpochRule:
    """When epochs begin.

    Args:
        pool: The pool's name.
        every_hours: From one epoch to the next; 0 for those who announce by hand.
        at_minute: Of the day in Asia/Shanghai at which an epoch begins.
        valid_hours: How long draws may be opened on one.
    """

    pool: str
    every_hours: int
    at_minute: int
    valid_hours: int

    def begun_ms(self, now_ms: int) -> int:
        """When the epoch began that a moment is in, unix milliseconds."""
        first_ms = midnight_ms(shanghai_date(0)) + self.at_minute * MINUTE_MS
        every_ms = self.every_hours * HOUR_MS
        return now_ms - (now_ms - first_ms) % every_ms


def epoch_name(begun_ms: int) -> str:
    """An epoch by when it began in Beijing time: ``20260506-0600``."""
    day, time = local_time(begun_ms).split(" ")
    return f"{day.replace('-', '')}-{time.replace(':', '')}"
