"""One simulated center: the real node on a real database, and its power supply.

A crash drops every object and rolls back what was not committed; the database stays, and the
next incarnation is built from it. Everything an incarnation holds is tied to its number, so
that nothing of a dead one can act.
"""

import asyncio
import random
import sqlite3
from collections.abc import Callable, Iterable
from functools import cache
from typing import TypeVar

from typing_extensions import override

from federation.engine.acquaintance import News
from federation.engine.alarms import Alarms
from federation.engine.doorkeeper import Doorkeeper
from federation.engine.floor import Said
from federation.engine.negotiator import Listener, Negotiator
from federation.engine.outbox import Outbox, Peek
from federation.engine.witness import Sighting, Witness
from federation.ids import AgreementId, CenterId
from federation.ports import Store, Unreachable
from federation.protocol import booking
from federation.protocol.agreement import AgreementTerms
from federation.protocol.booking import Decide, Decision, Hold, Vote
from federation.protocol.conversation import Conversation, Kind, Phase, Word
from federation.transport.pumps import PumpListener, Pumps
from federation.trust.keyring import Keyring
from federation.trust.suite import suite
from federation.wire.envelopes import Receipt, Statement
from federation.wire.words import TERMS
from node.services.bookings import Bookings
from node.services.errands import Errands
from node.services.errors import NotFound
from node.services.house import Desk, House, Reaction
from node.services.projects import Projects
from node.services.venues import Venues
from node.store import migrations
from node.store.cipher import KEY_BYTES, NONCE_BYTES, ColumnCipher
from node.store.ledger import LogTip, SqlLedger
from tests.simulation.lines import Line, Network, PowerCut
from tests.simulation.oracle import Oracle
from tests.support.agreed import put_signed
from tests.support.identities import describe, identify, make_secrets
from tests.support.pair import NOON, Mute, NoQuestions, SeededRandom

T = TypeVar("T")


class SimClock:
    """This center's clock: the run's time, and how wrong it is here."""

    def __init__(self, loop: asyncio.AbstractEventLoop, skew_ms: int) -> None:
        self._loop = loop
        self._skew_ms = skew_ms

    def now_ms(self) -> int:
        return NOON + int(self._loop.time() * 1000) + self._skew_ms


class SimStore(Store[SqlLedger]):
    """Transactions, run inline; each may be the one in which the power fails."""

    def __init__(self, center: "SimCenter") -> None:
        self._center = center
        self._incarnation = center.incarnation
        self._tip = LogTip()

    @override
    async def transact(self, function: Callable[[SqlLedger], T]) -> T:
        center = self._center
        center.must_be(self._incarnation)
        center.maybe_crash("crashed before a transaction")
        connection = center.connection
        center.staged.clear()
        before = connection.total_changes
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = function(SqlLedger(connection, self._tip))
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        if connection.total_changes != before:
            center.maybe_crash("crashed before the commit")
        self.commit(connection)
        for word in center.staged:
            center.oracle.took_effect(center.id, word)
        center.oracle.committed(center.id, center.name, connection)
        if connection.total_changes != before:
            center.maybe_crash("crashed between the commit and the answer")
        return result

    def commit(self, connection: sqlite3.Connection) -> None:
        """Make it durable before anybody learns of it."""
        connection.execute("COMMIT")


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
        self._center.oracle.violated(f"{self._center.name}: pump {pump} broke: {error!r}")


class Watched(Reaction):
    """The real reaction to bookings, watched."""

    def __init__(self, center: "SimCenter", bookings: Bookings) -> None:
        self._center = center
        self._bookings = bookings
        self._before: dict[bytes, Phase] = {}

    @override
    def admit(
        self, desk: Desk, conversation: Conversation, word: Word, statement: Statement
    ) -> None:
        self._before[conversation.id] = conversation.phase
        if isinstance(word, Hold):
            self._contended(desk, conversation, word)
        self._bookings.admit(desk, conversation, word, statement)

    @override
    def said(self, desk: Desk, spoken: Said) -> None:
        self._bookings.said(desk, spoken)

    @override
    def heard(self, desk: Desk, spoken: Said) -> None:
        reached = self._center.oracle.reached
        before, word = self._before.get(spoken.conversation.id), spoken.word
        if not self._center.delivering:
            reached("a word was first heard through Follow")
        if isinstance(word, Vote) and before == booking.RELEASED:
            no = spoken.conversation.phase == booking.DECLINED
            reached("a no crossed an abort" if no else "a vote crossed an abort")
        if isinstance(word, Decide):
            confirm = word.decision is Decision.CONFIRM
            if before == booking.IN_DOUBT:
                reached("doubt ended in a confirmation" if confirm else "doubt ended in an abort")
            if before == booking.EXPIRED:
                reached("an abort ended an expired leg")
            if before == booking.PROMISED and not confirm:
                reached("an abort reached a promise")
        self._center.staged.append(spoken.hash)
        self._bookings.heard(desk, spoken)

    @override
    def refused(self, desk: Desk, conversation: Conversation, receipt: Receipt) -> None:
        self._bookings.refused(desk, conversation, receipt)

    @override
    def lapsed(self, desk: Desk, before: Conversation, after: Conversation) -> None:
        if after.phase == booking.EXPIRED:
            self._center.oracle.reached("a hold expired")
        if after.phase == booking.IN_DOUBT:
            self._center.oracle.reached("a leg came into doubt")
        self._bookings.lapsed(desk, before, after)

    @override
    def cosigned(self, desk: Desk, peer: CenterId, suite_id: str, size: int) -> None:
        self._center.oracle.reached("a checkpoint was cosigned")
        self._bookings.cosigned(desk, peer, suite_id, size)

    def _contended(self, desk: Desk, conversation: Conversation, hold: Hold) -> None:
        row = desk.ledger.connection.execute(
            "SELECT 1 FROM booking b JOIN seat_slot s ON s.holder = b.conversation"
            " WHERE b.peer <> ? AND b.start_ms < ? AND b.end_ms > ? LIMIT 1",
            (conversation.peer, hold.end_ms, hold.start_ms),
        ).fetchone()
        if row is not None:
            self._center.oracle.reached("two hosts wanted the same seats")


class SimCenter:
    """One center of a run."""

    store_type: type[SimStore] = SimStore

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
        self.on_since = 0.0
        self.delivering = False
        self.staged: list[bytes] = []
        self.random = SeededRandom(f"{seed}/{name}")
        self.secrets = make_secrets(self.random.bytes)
        self.identity = identify(
            describe(self.secrets, name, NOON, region_code=f"36{number:02d}00"), self.secrets
        )
        self.keyring = Keyring()
        self.clock = SimClock(loop, skew_ms)
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        self.connection.deserialize(_template())
        self.connection.execute("PRAGMA foreign_keys=ON")
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
        self._faults = random.Random(f"{seed}/{name}/faults")
        self._life: asyncio.Task[None] | None = None

    @property
    def id(self) -> CenterId:
        return self.identity.center

    @property
    def certificate(self) -> bytes:
        return self.identity.descriptor.tls_certificates[0]

    # Power

    def start(self) -> None:
        """Build the node from its database and let its pumps run."""
        assert not self.alive, f"{self.name} is on already"
        self.alive = True
        self.on_since = self._loop.time()
        self.oracle.note(self._loop.time(), self.name, "start", self.incarnation)
        self.oracle.restarted(self.id, self.name, self.connection)
        self.bookings = Bookings(
            venues=self.venues, in_force=_in_force, tested=lambda *_: True, local=None
        )
        mute = Mute()
        reactions: dict[Kind, Reaction] = dict.fromkeys(Kind, mute)
        reactions[Kind.BOOKING] = Watched(self, self.bookings)
        self.negotiator = Negotiator(
            store=self.store_type(self),
            identity=self.identity,
            keyring=self.keyring,
            inside=House(reactions),
            questions=NoQuestions(),
            listener=SimListener(self),
            clock=self.clock,
            random=self.random,
            name=self.name,
            software="simulation",
            doorkeeper=Doorkeeper(self.identity, self.keyring),
            witness=Witness(identity=self.identity, keyring=self.keyring, observe=self._sighted),
        )
        self.outbox = Outbox(negotiator=self.negotiator, transport=Line(self._network, self))
        errands = Errands(negotiator=self.negotiator, handlers=self.bookings.handlers())
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

    def crash(self) -> None:
        """Cut the power: objects are gone, what was committed stays."""
        if not self.alive:
            return
        self.alive = False
        self.delivering = False
        self.incarnation += 1
        self.oracle.note(self._loop.time(), self.name, "crash", self.incarnation)
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")
        assert self._life is not None, "a center that is on has a life"
        self._life.cancel()

    def maybe_crash(self, goal: str) -> None:
        """Crash here and now, if the weather wants it."""
        chance = self._network.weather.crash
        if not chance or self._faults.random() >= chance:
            return
        self.oracle.reached(goal)
        self.crash()
        self._loop.call_later(self._faults.choice((0.5, 10.0, 90.0)), self.power_up)
        raise PowerCut(self.name)

    def power_up(self) -> None:
        """Start, if it is off."""
        if not self.alive:
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

    def agree(self, peer: "SimCenter", terms: AgreementTerms) -> None:
        """Put a signed agreement into the database."""
        document = TERMS.encode(terms)
        agreement = suite(terms.suite).tagged("agreement", document)
        self.keyring.pin(peer.identity.descriptor)
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


@cache
def _template() -> bytes:
    """An empty database with all tables, made once and copied for every center."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrations.migrate(connection, migrations.load(), NOON)
    image = connection.serialize()
    connection.close()
    return image
