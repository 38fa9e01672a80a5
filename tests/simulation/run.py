"""One run: a seed becomes a federation, its weather, its people, and a verdict."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from federation.protocol import booking
from federation.protocol.agreement import AgreementTerms, Direction, DrawAnchor, Party
from federation.protocol.conversation import REFUSED
from federation.transport import limits
from tests.simulation.center import SimCenter
from tests.simulation.lines import Network
from tests.simulation.oracle import Oracle, Violation
from tests.simulation.people import Habits, People, furnish
from tests.simulation.timeless import Deadlock, TimelessLoop
from tests.simulation.weather import weather
from tests.support.pair import DAY_MS, HOUR_MS, MINUTE_MS, NOON

STORM_MINUTES: Final = 20.0  # long enough for holds to expire and promises to fall into doubt
CALM_MINUTES: Final = 60  # vote, decision, the longest back-off and two heartbeats
LOOK_SECONDS: Final = 30.0
OVERLOOKED_SECONDS: Final = 60.0  # twice what the alarms rest

# Slower than in production: the bells do the work, and a run costs a third.
SLOW: Final = {"HEARTBEAT_SECONDS": 300.0, "ERRAND_SECONDS": 60.0, "PEERS_SECONDS": 600.0}

OPEN: Final = frozenset({booking.HELD, booking.PROMISED, booking.IN_DOUBT})


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one seed."""

    seed: int
    violation: str | None
    trace: str
    goals: Counter[str]
    simulated_seconds: float
    seconds: float


def run(seed: int, *, minutes: float = STORM_MINUTES) -> Report:
    """Run one seed: faults for so many minutes, then none until all is at rest."""
    began = time.perf_counter()
    random.seed(seed)  # tenacity's jitter comes from the module's own generator
    loop = TimelessLoop()
    oracle = Oracle()
    violation: str | None = None
    with _slow_pumps():
        try:
            federation = Federation(seed, loop, oracle, minutes * 60)
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
        seed, violation, oracle.trace, oracle.goals, now, time.perf_counter() - began
    )  # fmt: skip


class Federation:
    """All centers of a run."""

    def __init__(self, seed: int, loop: TimelessLoop, oracle: Oracle, seconds: float) -> None:
        source = random.Random(f"{seed}/shape")
        self._loop = loop
        self._oracle = oracle
        self._seconds = seconds
        self._source = source
        self._weather = weather(source, seconds)
        self._network = Network(loop, random.Random(f"{seed}/network"), self._weather, oracle)
        hosts, subs = source.choice((1, 1, 2)), source.randint(1, 3)
        names = [f"host{i}" for i in range(hosts)] + [f"sub{i}" for i in range(subs)]
        skew = self._weather.skew_ms
        self._centers = [
            SimCenter(
                name=name, number=number, loop=loop, network=self._network, oracle=oracle,
                seed=seed, skew_ms=source.randint(-skew, skew),
            )
            for number, name in enumerate(names)
        ]  # fmt: skip
        self._hosts = self._centers[:hosts]
        self._subs = self._centers[hosts:]
        self._terms = {
            "vote_ms": int(source.choice((2, 6)) * MINUTE_MS),
            "decide_ms": int(source.choice((1.5, 5)) * MINUTE_MS),
            "max_open_bookings": source.choice((1, 5)),
        }
        for center in self._centers:
            self._network.add(center)
            furnish(center, source.choice((4, 4, 6)))
        crossed = hosts == 2 and source.random() < 0.5
        pairs = [(host, sub) for host in self._hosts for sub in self._subs]
        if crossed:
            pairs.append((self._hosts[0], self._hosts[1]))
        for host, sub in pairs:
            terms = self._agreement(host, sub)
            host.agree(sub, terms)
            sub.agree(host, terms)
        self._pairs = pairs
        self._may_ask = {
            host.name: [*self._subs, *(other for other in self._hosts if crossed and other != host)]
            for host in self._hosts
        }

    async def live(self) -> None:
        """Storm, then calm, then the verdict. Raises Violation."""
        self._oracle.note(self._weather, self._terms, [center.name for center in self._centers])
        people = People(self._centers, self._source, Habits.of(self._source), self._weather.stumble)
        for center in self._centers:
            center.start()
        tasks = [self._loop.create_task(people.staff(center)) for center in self._centers]
        tasks += [
            self._loop.create_task(people.agency(host, self._may_ask[host.name], self._seconds))
            for host in self._hosts
        ]
        for at, length, which in self._weather.outages:
            center = self._centers[which % len(self._centers)]
            self._loop.call_later(at, self._outage, center, length)
        while self._loop.time() < self._seconds:
            await self._look(tasks)
        self._network.weather = self._weather.calm()
        for center in self._centers:
            center.power_up()
        healed = self._loop.time()
        while (stuck := self._unfinished()) and self._loop.time() < healed + CALM_MINUTES * 60:
            await self._look(tasks)
        for task in tasks:
            task.cancel()
        self._oracle.demand(not stuck, f"stuck after {CALM_MINUTES} calm minutes: {stuck}")
        await self._look([])
        self._verdict()
        self._oracle.raise_violation()

    async def _look(self, tasks: "list[asyncio.Task[None]]") -> None:
        await asyncio.sleep(LOOK_SECONDS)  # noqa: TID251 (on the run's clock)
        for center in self._centers:
            self._look_at_deadlines(center)
        self._oracle.raise_violation()
        for task in tasks:
            if task.done():
                task.result()

    def _look_at_deadlines(self, center: SimCenter) -> None:
        """No deadline is passed over by a center that has been on long enough to see it."""
        if not center.alive or self._loop.time() - center.on_since < OVERLOOKED_SECONDS:
            return
        (overlooked,) = center.connection.execute(
            "SELECT count(*) FROM conversation WHERE deadline_ms < ?",
            (center.clock.now_ms() - int(OVERLOOKED_SECONDS * 1000),),
        ).fetchone()
        self._oracle.demand(not overlooked, f"{center.name}: {overlooked} deadline(s) overlooked")

    def _outage(self, center: SimCenter, length: float) -> None:
        if center.alive and self._loop.time() < self._seconds:
            self._oracle.reached("a node was off")
            center.crash()
            self._loop.call_later(length, center.power_up)

    def _unfinished(self) -> str:
        """What is not at rest yet, or ""."""
        for center in self._centers:
            query = center.connection.execute
            (pending,) = query("SELECT count(*) FROM said WHERE receipt IS NULL").fetchone()
            if pending:
                return f"{center.name} has {pending} word(s) without receipt"
            for conversation, phase in query(
                "SELECT id, phase FROM conversation WHERE kind = 'booking' ORDER BY id"
            ).fetchall():
                if phase in OPEN:
                    return f"{center.name}: booking {conversation.hex()[:8]} is {phase}"
            (open_bundles,) = query(
                "SELECT count(*) FROM bundle WHERE phase <> 'CLOSED'"
            ).fetchone()
            if open_bundles:
                return f"{center.name} has {open_bundles} open bundle(s)"
            (size,) = query("SELECT count(*) FROM log_entry").fetchone()
            for peer in center.keyring.peers:
                (seen,) = query(
                    "SELECT coalesce(max(size), 0) FROM cosigned WHERE peer = ?", (peer,)
                ).fetchone()
                if seen < size:
                    return f"{center.name}: {size - seen} log entries are not cosigned by {peer}"
        return ""

    def _verdict(self) -> None:
        for center in self._centers:
            self._oracle.at_rest(center.id, center.name, center.connection)
        for host in self._centers:
            for bundle, decision in host.connection.execute(
                "SELECT id, decision FROM bundle ORDER BY id"
            ).fetchall():
                self._judge(host, bundle, decision)
        self._both_ends()

    def _judge(self, host: SimCenter, bundle: bytes, decision: str) -> None:
        """All or nothing, as both ends see it."""
        legs = host.connection.execute(
            "SELECT b.conversation, b.peer, c.phase FROM booking b"
            " JOIN conversation c ON c.id = b.conversation WHERE b.bundle = ? AND b.role = 'HOST'",
            (bundle,),
        ).fetchall()
        kept = {booking.CONFIRMED, booking.COMPLETED}
        ends = [
            (ours, self._phase(self._network.centers[peer], conversation))
            for conversation, peer, ours in legs
        ]
        self._oracle.reached(
            "a bundle was confirmed" if decision == "CONFIRM" else "a bundle was aborted"
        )
        for ours, theirs in ends:
            if decision == "CONFIRM":
                self._oracle.demand(
                    ours in kept and theirs == ours,
                    f"{host.name}: a leg of a confirmed bundle is {ours}, at the sub {theirs}",
                )
            else:
                self._oracle.demand(
                    ours not in kept and theirs not in kept,
                    f"{host.name}: a leg of an aborted bundle is {ours}, at the sub {theirs}",
                )
            if ours == booking.COMPLETED:
                self._oracle.reached("a booking was completed")
        if decision == "CONFIRM" and len(ends) > 1:
            self._oracle.reached("a bundle of several legs was confirmed")

    def _both_ends(self) -> None:
        """Both ends of every conversation are in the same phase."""
        for center in self._centers:
            for conversation, peer, phase in center.connection.execute(
                "SELECT id, peer, phase FROM conversation ORDER BY id"
            ).fetchall():
                other = self._phase(self._network.centers[peer], conversation)
                # An abort that crossed the refusal of its Hold: nothing is held at either end.
                over = {phase, other} == {booking.RELEASED, REFUSED}
                self._oracle.demand(
                    phase == other or over,
                    f"{center.name}: a conversation is {phase}, at the other end {other}",
                )

    def _phase(self, center: SimCenter, conversation: bytes) -> str | None:
        row = center.connection.execute(
            "SELECT phase FROM conversation WHERE id = ?", (conversation,)
        ).fetchone()
        return None if row is None else str(row[0])

    def _agreement(self, host: SimCenter, sub: SimCenter) -> AgreementTerms:
        return AgreementTerms(
            version=1,
            title="远程异地评标合作协议",
            parties=tuple(
                Party(at.id, at.name, "12360800MB0000001A", "360800") for at in (host, sub)
            ),
            directions=(Direction(host.id, sub.id), Direction(sub.id, host.id)),
            effective_from_ms=NOON - DAY_MS,
            effective_until_ms=NOON + 365 * DAY_MS,
            project_kinds=("A",),
            max_seats_per_session=7,
            max_open_bookings=self._terms["max_open_bookings"],
            lead_time_ms=HOUR_MS,
            vote_ms=self._terms["vote_ms"],
            decide_ms=self._terms["decide_ms"],
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
