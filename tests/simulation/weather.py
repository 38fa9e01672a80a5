"""What may go wrong in a run, and how badly: chosen by the seed (swarm testing).

All faults always on hide bugs: a bundle that never gets through is never confirmed. So every
seed leaves most faults out and makes some of them strong.
"""

import random
from dataclasses import dataclass

MINUTE_MS = 60_000
SAFE_JUMP_MS = 45_000
"""Two clocks that are skewed and jump so far are still within the 120 s that a word may be off."""
WILD_JUMP_MS = 1_200_000
"""A clock that was set by hand; nothing that is said meanwhile may be lost for it."""


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
class Spell:
    """Something that a center suffers for a while.

    Args:
        begin: From when, in seconds of the run.
        length: For how long, seconds.
        which: The center, by number modulo the number of centers.
        strength: How badly; what that is depends on the fault.
    """

    begin: float
    length: float
    which: int
    strength: float = 0.0


@dataclass(frozen=True, slots=True)
class Weather:
    """The faults of one run. Chances are per call or per transaction.

    Args:
        lost: A request is lost.
        reply_lost: A reply is lost.
        twice: A request arrives twice.
        split: A later word of a batch arrives alone, before the batch.
        delay_ms: Mean of the exponential delay of one way; what is sent later may overtake.
        steady: Every delay is the mean, so that nothing overtakes.
        crash: A transaction is cut by a crash: before, in the middle, or after its commit.
        kept: What a power cut leaves of a commit that was not acknowledged: how often all of
            it, else nothing.
        cut_off: A call is cut by a crash of the caller, before or after it was sent.
        stumble: A use case fails after it has said its words.
        skew_ms: Clocks are off by up to this, either way.
        partitions: When which lines are cut.
        outages: When which node is off.
        slow: When whose disk is slow; the strength is the mean of a commit, seconds.
        full: When whose disk is full; the strength is how many pages are left.
        jumps: When whose clock jumps; the strength is by how much, milliseconds.
    """

    lost: float = 0.0
    reply_lost: float = 0.0
    twice: float = 0.0
    split: float = 0.0
    delay_ms: float = 20.0
    steady: bool = False
    crash: float = 0.0
    kept: float = 0.5
    cut_off: float = 0.0
    stumble: float = 0.0
    skew_ms: int = 0
    partitions: tuple[Partition, ...] = ()
    outages: tuple[Spell, ...] = ()
    slow: tuple[Spell, ...] = ()
    full: tuple[Spell, ...] = ()
    jumps: tuple[Spell, ...] = ()

    def calm(self) -> "Weather":
        """The same clocks and delays, and no more faults."""
        return Weather(delay_ms=min(self.delay_ms, 200.0), skew_ms=self.skew_ms)


def weather(source: random.Random, seconds: float) -> Weather:
    """The faults of a run that lasts so many seconds before it heals."""
    choice = source.choice
    partitions = []
    for _ in range(choice((0, 0, 2, 6))):
        begin = source.uniform(0, seconds)
        end = begin + source.uniform(0.3, 1) * choice((20.0, 200.0, 900.0))
        partitions.append(Partition(begin, end, source.randrange(4), source.random() < 0.5))

    def spells(
        counts: tuple[int, ...], lengths: tuple[float, ...], strengths: tuple[float, ...]
    ) -> tuple[Spell, ...]:
        return tuple(
            Spell(source.uniform(0, seconds), choice(lengths), source.randrange(8),
                  choice(strengths))
            for _ in range(choice(counts))
        )  # fmt: skip

    jump = choice((SAFE_JUMP_MS, SAFE_JUMP_MS, WILD_JUMP_MS))
    return Weather(
        lost=choice((0, 0, 0.03, 0.3)),
        reply_lost=choice((0, 0, 0.05, 0.4)),
        twice=choice((0, 0, 0.3)),
        split=choice((0, 0, 0.5)),
        delay_ms=choice((5.0, 100.0, 3_000.0)),
        steady=choice((False, False, False, True)),
        crash=choice((0, 0, 0.004, 0.03)),
        kept=choice((0.0, 0.5, 0.5, 1.0)),
        cut_off=choice((0, 0, 0.02)),
        stumble=choice((0, 0, 0.5)),
        skew_ms=choice((0, 0, 15_000)),
        partitions=tuple(partitions),
        outages=spells((0, 0, 1, 2), (2.0, 60.0, 400.0), (0.0,)),
        slow=spells((0, 0, 0, 2), (60.0, 400.0), (0.2, 4.0, 30.0)),
        full=spells((0, 0, 0, 2), (20.0, 90.0, 400.0), (0.0, 3.0)),
        jumps=spells((0, 0, 0, 1, 3), (0.0,), (-1.0 * jump, -0.3 * jump, 0.3 * jump, 1.0 * jump)),
    )
