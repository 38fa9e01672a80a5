"""One simulated center: the real node on a real database, and its power supply.

A crash drops every object; the next incarnation is built from what the power cut left on the
disk. Everything an incarnation holds is tied to its number, so that nothing of a dead one can
act.
"""

import asyncio
import random
import sqlite3
from collections.abc import Callable, Iterable
from typing import TypeVar

from typing_extensions import override

from federation.engine.acquaintance import News
from federation.engine.alarms import Alarms
from federation.engine.doorkeeper import Doorkeeper
from federation.engine.negotiator import Listener, Negotiator
from federation.engine.outbox import Outbox, Peek
from federation.engine.sightings import Sighting
from federation.engine.witness import Witness
from federation.ids import AgreementId, CenterId
from federation.ports import Unreachable
from federation.protocol.agreement import AgreementTerms
from federation.protocol.conversation import Kind
from federation.transport.pumps import PumpListener, Pumps
from federation.trust.keyring import Keyring
from federation.trust.suite import suite
from federation.wire.envelopes import Receipt
from federation.wire.words import TERMS
from node.services.answers import Answers
from node.services.bookings import Bookings
from node.services.errands import Errands
from node.services.errors import NotFound
from node.services.house import Desk, House, Reaction
from node.services.projects import Projects
from node.services.todo_clock import TodoClock
from node.services.venues import Venues
from node.store.cipher import KEY_BYTES, NONCE_BYTES, ColumnCipher
from node.store.database import StoreUnavailable
from node.store.ledger import SqlLedger
from tests.simulation.clock import SimClock
from tests.simulation.disk import Disk, SimStore
from tests.simulation.lines import Line, Network, PowerCut
from tests.simulation.oracle import Oracle
from tests.simulation.watched import Watched
from tests.support.agreed import put_signed
from tests.support.identities import describe, identify, make_secrets
from tests.support.pair import NOON, Mute, SeededRandom

T = TypeVar("T")


class SimListener(Listener, PumpListener):
    """Wires the engine's events to the pumps, as the node does."""

    def __init__(self, center: "SimCenter") -> None:
        self._center = center

    @override
    def introduced(self, peer: CenterId, news: News) -> None:
        raise AssertionError(f"{peer} shows {news.turn}, and no key here ever changes")

    @override
    def greeted(self, peer: CenterId, skew_ms: int) -> None:
        return

    @override
    def heard(
        self, peer: CenterId, conversation: bytes, payload_type: str, receipt: Receipt
    ) -> None:
        self._center.pumps.heard(peer)

    @override
    def woken(self, peers: set[CenterId]) -> None:
        self._center.maybe_crash("crashed between saying and sending")
        self._center.pumps.wake(sorted(peers))

    @override
    def reached(self, peer: CenterId, peek: Peek) -> None:
        return

    @override
    def missed(self, peer: CenterId, error: Unreachable) -> None:
        return

    @override
    def broke(self, pump: str, error: Exception) -> None:
        beyond = (
            error.split(StoreUnavailable)[1]
            if isinstance(error, ExceptionGroup)
            else not isinstance(error, StoreUnavailable)
        )
        if not beyond:
            self._center.oracle.reached("a pump outlived a full disk")
            return
        self._center.oracle.violated(f"{self._center.name}: pump {pump} broke: {error!r}")


class SimCenter:
    """One center of a run."""

    def __init__(
        self,
        *,
        name: str,
        number: int,
        loop: asyncio.AbstractEventLoop,
        network: Network,
        oracle: Oracle,
        seed: int,
        skew_ms: int,
    ) -> None:
        self.name = name
        self.number = number
        self.oracle = oracle
        self.incarnation = 0
        self.alive = False
        self.awake_since = 0.0
        self.delivering = 0
        self.staged: list[bytes] = []
        self.changes = 0
        self.random = SeededRandom(f"{seed}/{name}")
        self.secrets = make_secrets(self.random.bytes)
        self.identity = identify(
            describe(self.secrets, name, NOON, region_code=f"36{number:02d}00"), self.secrets
        )
        self.keyring = Keyring()
        self.clock = SimClock(loop, skew_ms)
        self._faults = random.Random(f"{seed}/{name}/faults")
        self.disk = Disk(self._faults)
        self.projects = Projects(
            ColumnCipher(self.random.bytes(KEY_BYTES), lambda: self.random.bytes(NONCE_BYTES))
        )
        self.venues = Venues()
        self.negotiator: Negotiator[SqlLedger]
        self.outbox: Outbox[SqlLedger]
        self.bookings: Bookings
        self.pumps: Pumps[SqlLedger]
        self._loop = loop
        self._network = network
        self._store: SimStore
        self._life: asyncio.Task[None] | None = None

    @property
    def id(self) -> CenterId:
        return self.identity.center

    @property
    def connection(self) -> sqlite3.Connection:
        """Its database, as it is now."""
        return self.disk.connection

    @property
    def certificate(self) -> bytes:
        return self.identity.descriptor.tls_certificates[0]

    # Power

    def start(self) -> None:
        """Build the node from its database and let its pumps run."""
        assert not self.alive, f"{self.name} is on already"
        self.alive = True
        self.woke(self._loop.time())
        self.oracle.note(self._loop.time(), self.name, "start", self.incarnation)
        self.changes += 1
        self.oracle.restarted(self)
        self.bookings = Bookings(
            venues=self.venues, in_force=_in_force, tested=lambda *_: True, local=None
        )
        self._store = SimStore(self, self._loop)
        mute = Mute()
        reactions: dict[Kind, Reaction] = dict.fromkeys(Kind, mute)
        watched = reactions[Kind.BOOKING] = Watched(self, self.bookings)
        self.negotiator = Negotiator(
            store=self._store,
            identity=self.identity,
            keyring=self.keyring,
            inside=House(reactions),
            questions=Answers(
                venues=self.venues, in_force=_in_force, decisions=self.bookings.decisions
            ),
            listener=SimListener(self),
            clock=self.clock,
            random=self.random,
            name=self.name,
            software="simulation",
            doorkeeper=Doorkeeper(self.identity, self.keyring),
            witness=Witness(identity=self.identity, keyring=self.keyring, observe=self._sighted),
        )
        self.outbox = Outbox(negotiator=self.negotiator, transport=Line(self._network, self))
        self.bookings.decisions.bind(self.negotiator, self.outbox.ask, watched)
        handlers = {**self.bookings.handlers(), **TodoClock().handlers()}
        errands = Errands(negotiator=self.negotiator, handlers=handlers)
        self.pumps = Pumps(
            negotiator=self.negotiator,
            outbox=self.outbox,
            alarms=Alarms(self.negotiator),
            peers=self._peers,
            clock=self.clock,
            run_errands=errands.run_due,
            next_errand_ms=errands.next_ms,
            listener=SimListener(self),
        )
        self._life = self._loop.create_task(self._live())

    def woke(self, at: float) -> None:
        """From now on it can see what time it is, and act on it."""
        self.awake_since = max(at, self.awake_since)

    def crash(self) -> None:
        """Cut the power: objects are gone, and on the disk is what a power cut leaves."""
        if not self.alive:
            return
        self.alive = False
        self.delivering = 0
        self.incarnation += 1
        self.oracle.note(self._loop.time(), self.name, "crash", self.incarnation)
        self.oracle.suffered("crash")
        if self.connection.in_transaction:
            self._leave_half()
        self._store.power_cut()
        self.disk.image()
        assert self._life is not None, "a center that is on has a life"
        self._life.cancel()

    def _leave_half(self) -> None:
        """Keep all or nothing of what was not acknowledged."""
        changed = self._store.has_written()
        if self.disk.keeps(self._network.weather.kept):
            self.connection.execute("COMMIT")
            self.committed()
            if changed:
                self.oracle.suffered("power_cut_kept")
                self.oracle.reached("a power cut kept what was not acknowledged")
        else:
            self.connection.execute("ROLLBACK")
            if changed:
                self.oracle.suffered("power_cut_lost")
                self.oracle.reached("a power cut lost what was not acknowledged")

    def committed(self) -> None:
        """Something was committed: let the oracle look."""
        if not self._store.has_written():
            return
        for word in self.staged:
            self.oracle.took_effect(self.id, word)
        self.staged.clear()
        self.changes += 1
        self.oracle.committed(self)

    def maybe_crash(self, goal: str, chance: float | None = None) -> None:
        """Crash here and now, if the weather wants it."""
        chance = self._network.weather.crash if chance is None else chance
        if not chance or self._faults.random() >= chance:
            return
        self.oracle.reached(goal)
        self.crash()
        self._loop.call_later(self._faults.choice((0.5, 10.0, 90.0)), self.power_up)
        raise PowerCut(self.name)

    def power_up(self) -> None:
        """Start, if it is off."""
        if not self.alive:
            self.oracle.suffered("restart")
            self.start()

    def must_be(self, incarnation: int) -> None:
        """Raise PowerCut unless this is the incarnation that runs."""
        if not self.alive or incarnation != self.incarnation:
            raise PowerCut(self.name)

    async def _live(self) -> None:
        incarnation = self.incarnation
        try:
            await self.pumps.run()
        except (PowerCut, asyncio.CancelledError):
            return
        except BaseExceptionGroup as group:
            rest = group.split(PowerCut)[1]
            if rest is not None and incarnation == self.incarnation:
                self.oracle.violated(f"{self.name}: the pumps ended: {rest!r}")

    def _peers(self) -> Iterable[CenterId]:
        return tuple(self.keyring.peers)

    def _sighted(self, peer: CenterId, sighting: Sighting) -> None:
        self.oracle.demand(
            sighting not in {Sighting.FORK, Sighting.BAD},
            f"{self.name}: the checkpoint of {peer} is a {sighting}",
        )

    # People

    async def do(self, use_case: Callable[[Desk], T]) -> T:
        """Run a use case in a transaction, as the API does. Raises PowerCut too."""
        if not self.alive:
            raise PowerCut(self.name)
        return await self.negotiator.transact(use_case)

    def meet(self, peer: "SimCenter") -> None:
        """Know a peer, agreement or not."""
        self.keyring.pin(peer.identity.descriptor, peer.identity.signed_descriptor)

    def agree(self, peer: "SimCenter", terms: AgreementTerms) -> None:
        """Put a signed agreement into the database."""
        document = TERMS.encode(terms)
        agreement = suite(terms.suite).tagged("agreement", document)
        self.meet(peer)
        put_signed(
            self.connection,
            agreement=agreement,
            peer=peer.id,
            document=document,
            we_proposed=self.id < peer.id,
            at_ms=NOON,
        )


def _in_force(desk: Desk, peer: CenterId, /) -> tuple[AgreementId, AgreementTerms]:
    row = desk.ledger.connection.execute(
        "SELECT id, document FROM agreement WHERE peer = ?", (peer,)
    ).fetchone()
    if row is None:
        raise NotFound("没有协议", "no agreement with that center")
    return AgreementId(row[0]), TERMS.decode(row[1])
