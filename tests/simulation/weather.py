"""What may go wrong in a run, and how badly: chosen by the seed (swarm testing).

All faults always on hide bugs: a bundle that never gets through is never confirmed. So every
seed leaves most faults out and makes some of them strong.
"""

import random
from dataclasses import dataclass, replace

MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Partition:
    """A cut of some lines, from and until in seconds of the run.

    Args:
        begin: From when.
        end: Until when.
        which: Lines whose number modulo 4 is this.
        one_way: Only what goes from hosts to subs is lost, answers too.
    """

    begin: float
    end: float
    which: int
    one_way: bool


@dataclass(frozen=True, slots=True)
class Weather:
    """The faults of one run. Chances are per call or per transaction.

    Args:
        lost: A request is lost.
        reply_lost: A reply is lost.
        twice: A request arrives twice.
        split: A later word of a batch arrives alone, before the batch.
        delay_ms: Mean of the exponential delay of one way.
        crash: A transaction is cut by a crash: before, in the middle, or after its commit.
        stumble: A use case fails after it has said its words.
        skew_ms: Clocks are off by up to this, either way.
        partitions: When which lines are cut.
        outages: (at, for how long, which node by number) in seconds of the run.
    """

    lost: float = 0.0
    reply_lost: float = 0.0
    twice: float = 0.0
    split: float = 0.0
    delay_ms: float = 20.0
    crash: float = 0.0
    stumble: float = 0.0
    skew_ms: int = 0
    partitions: tuple[Partition, ...] = ()
    outages: tuple[tuple[float, float, int], ...] = ()

    def calm(self) -> "Weather":
        """The same clocks and delays, and no more faults."""
        return Weather(delay_ms=min(self.delay_ms, 200.0), skew_ms=self.skew_ms)


def weather(source: random.Random, seconds: float) -> Weather:
    """The faults of a run that lasts so many seconds before it heals."""
    partitions = []
    for _ in range(source.choice((0, 0, 2, 6))):
        begin = source.uniform(0, seconds)
        end = begin + source.uniform(0.3, 1) * source.choice((20.0, 200.0, 900.0))
        partitions.append(Partition(begin, end, source.randrange(4), source.random() < 0.5))
    outages = [
        (source.uniform(0, seconds), source.choice((2.0, 60.0, 400.0)), source.randrange(8))
        for _ in range(source.choice((0, 0, 1, 2)))
    ]
    return replace(
        Weather(),
        lost=source.choice((0, 0, 0.03, 0.3)),
        reply_lost=source.choice((0, 0, 0.05, 0.4)),
        twice=source.choice((0, 0, 0.3)),
        split=source.choice((0, 0, 0.5)),
        delay_ms=source.choice((5.0, 100.0, 3_000.0)),
        crash=source.choice((0, 0, 0.004, 0.03)),
        stumble=source.choice((0, 0, 0.5)),
        skew_ms=source.choice((0, 20_000)),
        partitions=tuple(partitions),
        outages=tuple(outages),
    )
