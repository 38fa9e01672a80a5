"""One run: a seed becomes a federation, its weather, its people, and a verdict."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from federation.protocol.contradictions import contradictions
from federation.protocol.terms import AgreementTerms, Direction, DrawAnchor, InDoubt, Party
from federation.transport import limits
from tests.simulation.books import Agreed
from tests.simulation.center import SimCenter
from tests.simulation.lines import Network
from tests.simulation.oracle import Oracle, Violation
from tests.simulation.people import Habits, People, furnish
from tests.simulation.timeless import Deadlock, TimelessLoop
from tests.simulation.verdict import Verdict
from tests.simulation.weather import Spell, weather
from tests.support.pair import DAY_MS, HOUR_MS, MINUTE_MS, NOON

STORM_MINUTES: Final = 20.0  # long enough for holds to expire and promises to fall into doubt
CALM_MINUTES: Final = 60  # vote, decision, the longest back-off and two heartbeats
LOOK_SECONDS: Final = 30.0
OVERLOOKED_SECONDS: Final = 60.0  # twice what the alarms rest
MOST_NODES: Final = 7
NODES: Final = (3, 3, 3, 3, 3, 4, 4, 4, 5, 5, 6, 7)
"""How many centers a run has, if nobody says: few in most, as a call costs most of a run."""

# Slower than in production: the bells do the work, and a run costs a third.
SLOW: Final = {
    "HEARTBEAT_SECONDS": 300.0, "ERRAND_SECONDS": 60.0, "PEERS_SECONDS": 600.0,
    "OUTBOX_SECONDS": 120.0, "FLUSH_SECONDS": 5.0, "CALLED_SECONDS": 10.0,
    "FIRST_CONTACT_MAX_SECONDS": 180.0,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one seed."""

    seed: int
    nodes: int
    violation: str | None
    trace: str
    goals: Counter[str]
    faults: Counter[str]
    words: int
    bundles: int
    simulated_seconds: float
    seconds: float


def run(seed: int, *, minutes: float = STORM_MINUTES, nodes: Sequence[int] | None = None) -> Report:
    """Run one seed: faults for so many minutes, then none until all is at rest.

    Args:
        seed: Decides everything.
        minutes: Of faults.
        nodes: Out of which the seed chooses how many centers there are.
    """
    began = time.perf_counter()
    random.seed(seed)  # tenacity's jitter comes from the module's own generator
    loop = TimelessLoop()
    oracle = Oracle()
    violation: str | None = None
    federation: Federation | None = None
    with _slow_pumps():
        try:
            federation = Federation(seed, loop, oracle, minutes * 60, nodes or NODES)
            loop.run_until_complete(federation.live())
        except (Violation, Deadlock) as error:
            violation = str(error)
        except Exception as error:  # noqa: BLE001 (a node that breaks the run has a bug)
            violation = f"{type(error).__name__}: {error}"
        finally:
            now = loop.time()
            for task in asyncio.all_tasks(loop):
                task.cancel()
            loop.run_until_complete(_a_moment())
            loop.close()
    return Report(
        seed=seed,
        nodes=0 if federation is None else len(federation.centers),
        violation=violation,
        trace=oracle.trace,
        goals=oracle.goals,
        faults=oracle.faults,
        words=0 if federation is None else federation.count("said"),
        bundles=0 if federation is None else federation.count("bundle"),
        simulated_seconds=now,
        seconds=time.perf_counter() - began,
    )


class Federation:
    """All centers of a run."""

    def __init__(
        self,
        seed: int,
        loop: TimelessLoop,
        oracle: Oracle,
        seconds: float,
        nodes: Sequence[int],
    ) -> None:
        source = random.Random(f"{seed}/shape")
        self._loop = loop
        self._oracle = oracle
        self._seconds = seconds
        self._source = source
        self._weather = weather(source, seconds)
        self._network = Network(loop, random.Random(f"{seed}/network"), self._weather, oracle)
        count = source.choice(nodes)
        hosts = min(source.choice((1, 1, 2)), count - 1)
        names = [f"host{i}" for i in range(hosts)] + [f"sub{i}" for i in range(count - hosts)]
        skew = self._weather.skew_ms
        self.centers = [
            SimCenter(
                name=name, number=number, loop=loop, network=self._network, oracle=oracle,
                seed=seed, skew_ms=source.randint(-skew, skew),
            )
            for number, name in enumerate(names)
        ]  # fmt: skip
        self._hosts = self.centers[:hosts]
        self._subs = self.centers[hosts:]
        vote_ms = int(source.choice((2, 6)) * MINUTE_MS)
        decide_ms = int(source.choice((1.5, 5)) * MINUTE_MS)
        self._agreed = Agreed(
            vote_ms=vote_ms,
            decide_ms=decide_ms,
            hold_ms=vote_ms + decide_ms + source.choice((0, 5)) * MINUTE_MS,
            releases=source.random() < 0.4,
            max_open=source.choice((1, 5, 5)),
            max_at_once=source.choice((1, 1, 9)),
            max_in_period=source.choice((1, 9, 9)),
            period_ms=2 * DAY_MS,
            from_ms=NOON - DAY_MS,
        )
        for center in self.centers:
            self._network.add(center)
            oracle.books.centers[center.id] = center
            oracle.books.seats[center.id] = source.choice((4, 4, 6, 8))
            furnish(center, oracle.books.seats[center.id])
        crossed = hosts == 2 and source.random() < 0.5
        pairs = [(host, sub) for host in self._hosts for sub in self._subs]
        if crossed:
            pairs.append((self._hosts[0], self._hosts[1]))
        for host, sub in pairs:
            terms = self._terms(host, sub)
            assert not contradictions(terms), contradictions(terms)
            host.agree(sub, terms)
            sub.agree(host, terms)
            for ends in ((host.id, sub.id), (sub.id, host.id)):
                oracle.books.agreed[ends] = self._agreed
        if source.random() < 0.5:  # subs that know each other hand decisions over
            for one, other in combinations(self._subs, 2):
                one.meet(other)
                other.meet(one)
        self._may_ask = {
            host.name: [*self._subs, *(other for other in self._hosts if crossed and other != host)]
            for host in self._hosts
        }

    async def live(self) -> None:
        """Storm, then calm, then the verdict. Raises Violation."""
        self._oracle.note(self._weather, self._agreed, [center.name for center in self.centers])
        if self._weather.skew_ms:
            self._oracle.suffered("clock_skew")
        people = People(self.centers, self._source, Habits.of(self._source), self._weather.stumble)
        verdict = Verdict(self.centers, self._oracle)
        for center in self.centers:
            center.start()
        tasks = [self._loop.create_task(people.staff(center)) for center in self.centers]
        tasks += [
            self._loop.create_task(people.agency(host, self._may_ask[host.name], self._seconds))
            for host in self._hosts
        ]
        self._forecast()
        while self._loop.time() < self._seconds:
            await self._look(tasks)
        self._heal()
        # What a clock said that ran ahead is heard when its time has come, and not before.
        ahead = max(center.clock.furthest_ms for center in self.centers) / 1000
        at_rest_by = self._loop.time() + ahead + CALM_MINUTES * 60
        while (stuck := verdict.unfinished()) and self._loop.time() < at_rest_by:
            await self._look(tasks)
        for task in tasks:
            task.cancel()
        self._oracle.demand(not stuck, f"stuck after {CALM_MINUTES} calm minutes: {stuck}")
        await self._look([])
        verdict.speak()
        self._oracle.raise_violation()

    def count(self, table: str) -> int:
        """How many rows all centers together have in a table."""
        return sum(
            center.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for center in self.centers
        )

    def _forecast(self) -> None:
        """Let every spell of the weather come in its time."""
        for spells, suffer in (
            (self._weather.outages, self._outage),
            (self._weather.slow, self._slow_disk),
            (self._weather.full, self._full_disk),
            (self._weather.jumps, self._jump),
        ):
            for spell in spells:
                center = self.centers[spell.which % len(self.centers)]
                self._loop.call_later(spell.begin, suffer, center, spell)

    def _heal(self) -> None:
        self._network.weather = self._weather.calm()
        for center in self.centers:
            center.disk.slow_seconds = 0.0
            center.disk.fill(None)
            center.clock.correct()
            center.power_up()

    async def _look(self, tasks: "list[asyncio.Task[None]]") -> None:
        await asyncio.sleep(LOOK_SECONDS)  # noqa: TID251 (on the run's clock)
        for center in self.centers:
            if center.alive and self._loop.time() - center.awake_since > OVERLOOKED_SECONDS:
                self._oracle.books.look_at_clocks(center)
        self._oracle.raise_violation()
        for task in tasks:
            if task.done():
                task.result()

    # What a center suffers for a while

    def _outage(self, center: SimCenter, spell: Spell) -> None:
        if center.alive and self._loop.time() < self._seconds:
            self._oracle.reached("a node was off")
            center.crash()
            self._loop.call_later(spell.length, center.power_up)

    def _slow_disk(self, center: SimCenter, spell: Spell) -> None:
        def over() -> None:
            center.disk.slow_seconds = 0.0

        center.disk.slow_seconds = spell.strength
        center.woke(self._loop.time() + spell.length)
        self._loop.call_later(spell.length, over)

    def _full_disk(self, center: SimCenter, spell: Spell) -> None:
        center.disk.fill(int(spell.strength))
        center.woke(self._loop.time() + spell.length)
        self._loop.call_later(spell.length, center.disk.fill, None)

    def _jump(self, center: SimCenter, spell: Spell) -> None:
        back = spell.strength < 0
        self._oracle.reached("a clock jumped back" if back else "a clock jumped forward")
        self._oracle.suffered("clock_jump")
        center.clock.jump(int(spell.strength))
        center.woke(self._loop.time())

    def _terms(self, host: SimCenter, sub: SimCenter) -> AgreementTerms:
        agreed = self._agreed
        return AgreementTerms(
            version=1,
            title="远程异地评标合作协议",
            parties=tuple(
                Party(at.id, at.name, "12360800MB0000001A", "360800") for at in (host, sub)
            ),
            directions=(Direction(host.id, sub.id), Direction(sub.id, host.id)),
            effective_from_ms=agreed.from_ms,
            effective_until_ms=NOON + 365 * DAY_MS,
            project_kinds=("A",),
            max_seats_per_session=7,
            max_open_bookings=agreed.max_open,
            max_concurrent_sessions=agreed.max_at_once,
            max_sessions_per_period=agreed.max_in_period,
            period_days=agreed.period_ms // DAY_MS,
            lead_time_ms=HOUR_MS,
            vote_ms=agreed.vote_ms,
            decide_ms=agreed.decide_ms,
            hold_ms=agreed.hold_ms,
            in_doubt=InDoubt.RELEASE if agreed.releases else InDoubt.KEEP_AND_ESCALATE,
            draw_anchor=DrawAnchor.EVALUATION_START,
            draw_earliest_ms=2 * DAY_MS,
            pool_min_age_ms=0,
            joint_test_valid_days=0,
            handover_working_days=5,
            suite="intl-1",
            sealed_disclosure=True,
        )


@contextmanager
def _slow_pumps() -> Iterator[None]:
    before = {name: getattr(limits, name) for name in SLOW}
    for name, value in SLOW.items():
        setattr(limits, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(limits, name, value)


async def _a_moment() -> None:
    await asyncio.sleep(0.001)  # noqa: TID251 (cancelled tasks need one)
