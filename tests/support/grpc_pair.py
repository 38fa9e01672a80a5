"""Centers that talk over real gRPC and mutual TLS on loopback, each with its own database.

``GrpcNode`` is a node with everything below the use cases, whose inside accepts every word
(``Mute``). ``Party`` is only a set of keys: with it a test speaks as a peer that may misbehave.
"""

import datetime as dt
import random
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

import grpc
from typing_extensions import override

from federation.engine.acquaintance import Link, News, Turn
from federation.engine.alarms import Alarms
from federation.engine.doorkeeper import Doorkeeper
from federation.engine.floor import Floor
from federation.engine.identity import WORD_LASTS_MS, Identity
from federation.engine.inside import Inside, Said
from federation.engine.negotiator import Listener, Negotiator, Questions
from federation.engine.outbox import Outbox, Peek
from federation.engine.sightings import Sighting
from federation.engine.witness import Witness
from federation.errors import Refused
from federation.ids import CenterId, ConversationId, time_ordered
from federation.ports import Unreachable
from federation.protocol.conversation import Conversation, Word
from federation.transport.client import GrpcTransport
from federation.transport.pumps import PumpListener, Pumps
from federation.transport.server import SERVICE, CallListener, Server
from federation.transport.tls import Shown, TlsKeys, channel_credentials, new_key, self_signed
from federation.trust.envelope import Envelope
from federation.trust.keyring import Keyring
from federation.trust.keys import Descriptor, Purpose
from federation.trust.suite import INTL_1
from federation.wire.envelopes import Receipt, Statement, encode_statement
from federation.wire.words import PAYLOAD_TYPES, encode_word
from node.clock import SystemClock
from node.store.database import MEMORY, Database, StoreFull, StoreUnavailable
from node.store.ledger import LogTip, SqlLedger
from tests.support import tables
from tests.support.identities import describe, identify, make_secrets

T = TypeVar("T")

LONG_AGO: Final = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
FAR_AHEAD: Final = dt.datetime(2120, 1, 1, tzinfo=dt.UTC)
CLOCK: Final = SystemClock()
HOME: Final = INTL_1.suite_id

Dump = dict[str, list[tuple[object, ...]]]


class SeededRandom:
    """The randomness port, foretold by a seed."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)

    def bytes(self, count: int) -> bytes:
        return self._random.randbytes(count)

    def fraction(self) -> float:
        return self._random.random()


@dataclass(frozen=True)
class Party:
    """A center's keys and its identity."""

    identity: Identity
    tls: TlsKeys
    random: SeededRandom

    @classmethod
    def named(cls, name: str) -> "Party":
        source = SeededRandom(name)
        secrets = make_secrets(source.bytes)
        draft = describe(secrets, name, CLOCK.now_ms())
        tls = self_signed(draft.center_id, new_key(), LONG_AGO, FAR_AHEAD)
        descriptor = replace(
            draft, tls_certificates=(tls.certificate,), address="127.0.0.1:1", region_code="350000"
        )
        identity = identify(descriptor, secrets)
        return cls(identity, tls, source)

    @property
    def center(self) -> CenterId:
        return self.identity.center

    @property
    def descriptor_key(self) -> bytes:
        """The raw public key that its words are signed with."""
        return self.identity.descriptor.keys_for(Purpose.MESSAGE, HOME)[0].key

    def at(self, port: int, *, sequence: int = 1) -> Descriptor:
        """The descriptor that a peer pins: listening on this port of loopback."""
        return replace(self.identity.descriptor, address=f"127.0.0.1:{port}", sequence=sequence)

    def stated(self, recipient: str, word: Word, **changes: object) -> tuple[str, bytes]:
        """The payload type and payload of a word, with any field of its statement changed."""
        statement = Statement(
            sender=self.center,
            recipient=recipient,
            message_id=time_ordered(CLOCK.now_ms(), self.random.bytes(10)),
            conversation_id=time_ordered(CLOCK.now_ms(), self.random.bytes(10)),
            revision=1,
            previous_hash=b"",
            answers_hash=b"",
            sent_at_ms=CLOCK.now_ms(),
            expires_at_ms=CLOCK.now_ms() + WORD_LASTS_MS,
            agreement_id=b"",
            log_size=0,
            log_root=b"",
            body=encode_word(word),
        )
        return PAYLOAD_TYPES[type(word)], encode_statement(replace(statement, **changes))  # type: ignore[arg-type]

    def says(self, recipient: str, word: Word, **changes: object) -> Envelope:
        """The same, signed."""
        (envelope,) = self.identity.face(HOME).sign(
            [self.stated(recipient, word, **changes)], CLOCK.now_ms()
        )
        return envelope


@dataclass
class Watched(Listener, CallListener, PumpListener):
    """Everything that a node's listeners were told, in order."""

    greeted_by: list[CenterId] = field(default_factory=list)
    receipts: list[tuple[CenterId, str, Receipt]] = field(default_factory=list)
    wakes: list[set[CenterId]] = field(default_factory=list)
    calls: list[CenterId] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    refusals: list[tuple[str, str]] = field(default_factory=list)
    faults: list[tuple[str, Exception]] = field(default_factory=list)
    peeks: list[CenterId] = field(default_factory=list)
    misses: list[CenterId] = field(default_factory=list)
    breaks: list[tuple[str, Exception]] = field(default_factory=list)
    introductions: list[tuple[CenterId, Turn]] = field(default_factory=list)
    sightings: Counter[Sighting] = field(default_factory=Counter)
    pumps: Pumps[SqlLedger] | None = None

    def saw(self, _peer: CenterId, sighting: Sighting) -> None:
        self.sightings[sighting] += 1

    @override
    def greeted(self, peer: CenterId, skew_ms: int) -> None:
        self.greeted_by.append(peer)

    @override
    def introduced(self, peer: CenterId, news: News) -> None:
        self.introductions.append((peer, news.turn))

    @override
    def heard(
        self, peer: CenterId, conversation: bytes, payload_type: str, receipt: Receipt
    ) -> None:
        self.receipts.append((peer, payload_type, receipt))
        if self.pumps is not None:
            self.pumps.heard(peer)

    @override
    def woken(self, peers: set[CenterId]) -> None:
        self.wakes.append(peers)
        if self.pumps is not None:
            self.pumps.wake(peers)

    @override
    def called(self, peer: CenterId) -> None:
        self.calls.append(peer)
        if self.pumps is not None:
            self.pumps.called(peer)

    @override
    def answered(self, method: str, seconds: float) -> None:
        assert seconds >= 0
        self.answers.append(method)

    @override
    def turned_away(self, method: str, cause: str) -> None:
        self.refusals.append((method, cause))

    @override
    def failed(self, method: str, error: Exception) -> None:
        self.faults.append((method, error))

    @override
    def reached(self, peer: CenterId, peek: Peek) -> None:
        self.peeks.append(peer)

    @override
    def missed(self, peer: CenterId, error: Unreachable) -> None:
        self.misses.append(peer)

    @override
    def broke(self, pump: str, error: Exception) -> None:
        self.breaks.append((pump, error))


class Mute(Inside[SqlLedger]):
    """Accepts every word that the protocol accepts, and says nothing of its own."""

    def __init__(self) -> None:
        self.cosigned_sizes: list[tuple[CenterId, int]] = []

    @override
    def admit(
        self,
        floor: Floor[SqlLedger],
        conversation: Conversation,
        word: Word,
        statement: Statement,
    ) -> None:
        """Accept."""

    @override
    def said(self, floor: Floor[SqlLedger], spoken: Said) -> None:
        """Nothing follows."""

    @override
    def heard(self, floor: Floor[SqlLedger], spoken: Said) -> None:
        """Nothing follows."""

    @override
    def refused(
        self, floor: Floor[SqlLedger], conversation: Conversation, receipt: Receipt
    ) -> None:
        """Nothing follows."""

    @override
    def lapsed(self, floor: Floor[SqlLedger], before: Conversation, after: Conversation) -> None:
        """Nothing follows."""

    @override
    def introduced(
        self, floor: Floor[SqlLedger], peer: CenterId, news: News, taken: Sequence[Link]
    ) -> None:
        """Nothing is kept."""

    @override
    def cosigned(self, floor: Floor[SqlLedger], peer: CenterId, suite_id: str, size: int) -> None:
        self.cosigned_sizes.append((peer, size))


class Discreet(Questions[SqlLedger]):
    """Refuses every question."""

    @override
    def answer(self, floor: Floor[SqlLedger], peer: CenterId, question: object) -> object:
        raise Refused("this center answers no questions")


class SqlStore:
    """The ``Store`` port on one database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._tip = LogTip()
        self.before: Callable[[], None] = lambda: None
        """Called in each transaction, to fail or to be slow."""

    async def transact(self, function: Callable[[SqlLedger], T]) -> T:
        def run(connection: sqlite3.Connection) -> T:
            self.before()
            return function(SqlLedger(connection, self._tip))

        return await self.database.transact(run)


async def no_errands() -> int:
    return 0


async def never() -> None:
    return None


class GrpcNode:
    """One node: database, engine, server, client and pumps. ``running`` makes one."""

    def __init__(
        self,
        party: Party,
        database: Database,
        *,
        keyring: Keyring | None = None,
        shown: Shown | None = None,
    ) -> None:
        self.party = party
        self.shown = shown or party.tls
        self.keyring = Keyring() if keyring is None else keyring
        self.watched = Watched()
        self.inside = Mute()
        self.store = SqlStore(database)
        identity = party.identity
        self.negotiator: Negotiator[SqlLedger] = Negotiator(
            store=self.store,
            identity=identity,
            keyring=self.keyring,
            inside=self.inside,
            questions=Discreet(),
            listener=self.watched,
            clock=CLOCK,
            random=party.random,
            name=identity.descriptor.name,
            software="test",
            doorkeeper=Doorkeeper(identity, self.keyring),
            witness=Witness(identity=identity, keyring=self.keyring, observe=self.watched.saw),
        )
        self.transport = GrpcTransport(keyring=self.keyring, keys=self.shown, now_ms=CLOCK.now_ms)
        self.outbox = Outbox(negotiator=self.negotiator, transport=self.transport)
        self.server = self.new_server()
        self.port = 0

    def new_server(self) -> Server:
        """A server on this node; a stopped one cannot be started again."""
        return Server(
            negotiator=self.negotiator,
            keyring=self.keyring,
            keys=self.shown,
            listener=self.watched,
            store_away=(StoreUnavailable,),
            store_full=(StoreFull,),
        )

    def new_pumps(self, run_errands: Callable[[], Awaitable[int]] = no_errands) -> Pumps[SqlLedger]:
        """Pumps on this node."""
        pumps = Pumps(
            negotiator=self.negotiator,
            outbox=self.outbox,
            alarms=Alarms(self.negotiator),
            peers=lambda: self.keyring.peers,
            clock=CLOCK,
            run_errands=run_errands,
            next_errand_ms=never,
            listener=self.watched,
        )
        self.watched.pumps = pumps
        return pumps

    @property
    def center(self) -> CenterId:
        return self.party.center

    @property
    def descriptor(self) -> Descriptor:
        return self.party.at(self.port)

    async def open(self, peer: CenterId, word: Word) -> Said:
        """Begin a conversation."""
        return await self.negotiator.transact(
            lambda floor: floor.open(peer, None, word, suite_id=HOME)
        )

    async def conversation(self, conversation: ConversationId) -> Conversation | None:
        """How this node remembers a conversation."""
        return await self.negotiator.transact(lambda floor: floor.ledger.conversation(conversation))

    async def cosigned_by(self, peer: CenterId) -> tuple[int, int]:
        """The size of our log, and up to where the peer has cosigned it."""

        def look(floor: Floor[SqlLedger]) -> tuple[int, int]:
            known = floor.ledger.cosigned(peer, HOME)
            return floor.ledger.log_head(HOME)[0], known[0] if known else 0

        return await self.negotiator.transact(look)

    async def dump(self) -> Dump:
        """Every row of every table."""

        def read(connection: sqlite3.Connection) -> Dump:
            names = connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
            ).fetchall()
            return {
                name: sorted(connection.execute(f"SELECT * FROM {name}").fetchall(), key=repr)
                for (name,) in names
            }

        return await self.store.database.read(read)


@asynccontextmanager
async def running(name: str) -> AsyncIterator[GrpcNode]:
    """A node that listens on loopback."""
    database = await Database.open(MEMORY)
    try:
        await database.alone(tables.lay)
        node = GrpcNode(Party.named(name), database)
        node.port = await node.server.start("127.0.0.1:0")
        try:
            yield node
        finally:
            await node.transport.close()
            await node.server.stop(0)
    finally:
        await database.close()


@asynccontextmanager
async def two_nodes() -> AsyncIterator[tuple[GrpcNode, GrpcNode]]:
    """Two nodes that pinned each other."""
    async with running("长乐") as left, running("吉安") as right:
        left.keyring.pin(right.descriptor)
        right.keyring.pin(left.descriptor)
        yield left, right


@asynccontextmanager
async def channel_of(party: Party, server: Descriptor) -> AsyncIterator[grpc.aio.Channel]:
    """A bare channel to a node, with a party's certificate and no limit of its own."""
    async with grpc.aio.secure_channel(
        server.address,
        channel_credentials(party.tls, server.tls_certificates),
        options=[
            ("grpc.ssl_target_name_override", server.center_id),
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.max_send_message_length", -1),
            ("grpc.enable_retries", 0),
        ],
    ) as channel:
        yield channel


async def call(
    channel: grpc.aio.Channel, method: str, request: bytes, seconds: float | None = 5.0
) -> bytes:
    """One unary call with raw bytes. Raises AioRpcError."""
    multicallable: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
        f"/{SERVICE}/{method}", None, None
    )
    return bytes(await multicallable(request, timeout=seconds))


async def read_all(
    channel: grpc.aio.Channel, request: bytes, seconds: float | None = 5.0
) -> list[bytes]:
    """Call Follow with raw bytes and read to the end. Raises AioRpcError."""
    multicallable: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(
        f"/{SERVICE}/Follow", None, None
    )
    stream = multicallable(request, timeout=seconds)
    try:
        return [bytes(item) async for item in stream]
    finally:
        stream.cancel()
