"""Two whole nodes in one process: real stores, real signatures, one clock, a wire that can break.

What a test hands in is ``furnish``: it gets a ``Center`` and answers with its reactions and
errand handlers. Kinds that it leaves out are ``Mute``: they accept everything, keep nothing.

    async with two_centers(furnish) as pair:
        agreement = await pair.agree()
        await pair.host.do(lambda desk: bookings.plan(desk, ...))
        await pair.settle()
"""

import random
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from typing_extensions import override

from federation.engine.acquaintance import News
from federation.engine.alarms import Alarms
from federation.engine.doorkeeper import Doorkeeper
from federation.engine.inside import Said
from federation.engine.negotiator import Listener, Negotiator, Questions
from federation.engine.outbox import Outbox, Peek
from federation.engine.witness import Witness
from federation.errors import FederationError, Refused, Unauthenticated
from federation.ids import AgreementId, CenterId, ConversationId
from federation.ports import Store, Transport, Unreachable
from federation.protocol.agreement import (
    AgreementTerms,
    Direction,
    DocumentSignature,
    DrawAnchor,
    Party,
)
from federation.protocol.conversation import Conversation, Kind, Word
from federation.trust.envelope import Envelope, Signer, sign_alone
from federation.trust.keyring import Keyring
from federation.trust.keys import Purpose, agreement_type
from federation.trust.suite import INTL_1, Suite, suite
from federation.wire.envelopes import Receipt, Statement, encode_envelope, encode_followed
from federation.wire.words import TERMS
from node.services.errands import Errands, Handler
from node.services.house import Desk, House, Reaction
from node.services.todo_clock import TodoClock
from node.store.cipher import KEY_BYTES, NONCE_BYTES, ColumnCipher
from node.store.database import MEMORY, Database
from node.store.ledger import LogTip, SqlLedger
from tests.support import prompt, tables
from tests.support.agreed import put_signed
from tests.support.identities import describe, identify, make_secrets

T = TypeVar("T")

NOON: Final = 1_778_040_000_000  # 2026-05-06 12:00 in Beijing, a working day
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS
FOLLOW_PAGE: Final = 64
SPOKEN: Final = [INTL_1.suite_id]
"""The suites of centers that a test does not choose any for; see tests/conftest.py."""
MAX_ROUNDS: Final = 2_000  # a pair that is not quiet by then talks for ever


class Watch:
    """The one clock of both nodes; it moves when the test says so."""

    def __init__(self, now_ms: int = NOON) -> None:
        self.now_ms = now_ms

    def pass_ms(self, milliseconds: int) -> None:
        self.now_ms += milliseconds


@dataclass
class CenterClock:
    """A center's view of the watch, as wrong as the test wants it to be."""

    watch: Watch
    skew_ms: int = 0

    def now_ms(self) -> int:
        return self.watch.now_ms + self.skew_ms


class SeededRandom:
    """Randomness that a failed test can be run again with."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)

    def bytes(self, count: int) -> bytes:
        return self._random.randbytes(count)

    def fraction(self) -> float:
        return self._random.random()


class Mute(Reaction):
    """Accepts every word and keeps nothing."""

    @override
    def admit(
        self, desk: Desk, conversation: Conversation, word: Word, statement: Statement
    ) -> None:
        return

    @override
    def said(self, desk: Desk, spoken: Said) -> None:
        return

    @override
    def heard(self, desk: Desk, spoken: Said) -> None:
        return

    @override
    def refused(self, desk: Desk, conversation: Conversation, receipt: Receipt) -> None:
        return

    @override
    def lapsed(self, desk: Desk, before: Conversation, after: Conversation) -> None:
        return

    @override
    def cosigned(self, desk: Desk, peer: CenterId, suite_id: str, size: int) -> None:
        return


class NoQuestions(Questions[SqlLedger]):
    """Answers nothing."""

    @override
    def answer(self, floor: Desk, peer: CenterId, question: object) -> object:
        raise Refused(f"nobody here answers {type(question).__name__}")


@dataclass(frozen=True)
class Furniture:
    """What a test puts into a center."""

    reactions: Mapping[Kind, Reaction] = field(default_factory=dict)
    handlers: Mapping[str, Handler] = field(default_factory=dict)
    questions: Questions[SqlLedger] = field(default_factory=NoQuestions)
    bind: Callable[["Center"], None] = lambda _center: None
    """Gives services their way to the negotiator and the outbox once these are made."""


@dataclass
class Wire:
    """The line between the two. ``latency_ms`` passes on the watch, each way."""

    requests_lost: bool = False
    replies_lost: bool = False
    latency_ms: int = 0


class Refusals(Listener):
    """A listener that keeps what was refused, for better messages when a test fails."""

    def __init__(self) -> None:
        self.receipts: list[tuple[str, Receipt]] = []
        self.skews: list[int] = []
        self.introductions: list[News] = []

    @override
    def introduced(self, peer: CenterId, news: News) -> None:
        self.introductions.append(news)

    @override
    def greeted(self, peer: CenterId, skew_ms: int) -> None:
        self.skews.append(skew_ms)

    @override
    def heard(
        self, peer: CenterId, conversation: bytes, payload_type: str, receipt: Receipt
    ) -> None:
        self.receipts.append((payload_type, receipt))

    @override
    def woken(self, peers: set[CenterId]) -> None:
        return


class LedgerStore(Store[SqlLedger]):
    """The ledger over the real database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tip = LogTip()

    @override
    async def transact(self, function: Callable[[SqlLedger], T]) -> T:
        return await self._database.transact(
            lambda connection: function(SqlLedger(connection, self._tip))
        )


class Center:
    """One node. What ``furnish`` may use at once: all but ``negotiator`` and what follows it."""

    def __init__(
        self,
        name: str,
        watch: Watch,
        database: Database,
        region_code: str,
        seed: str,
        suites: Sequence[str],
    ) -> None:
        self.name = name
        self.watch = watch
        self.clock = CenterClock(watch)
        self.random = SeededRandom(f"{seed}/{name}")
        self.database = database
        self.cipher = ColumnCipher(
            self.random.bytes(KEY_BYTES), lambda: self.random.bytes(NONCE_BYTES)
        )
        self.secrets = make_secrets(self.random.bytes, suites)
        self.identity = identify(
            describe(self.secrets, name, watch.now_ms, region_code=region_code), self.secrets
        )
        self.keyring = Keyring()
        self.listener = Refusals()
        self.negotiator: Negotiator[SqlLedger]
        self.outbox: Outbox[SqlLedger]
        self.alarms: Alarms[SqlLedger]
        self.errands: Errands
        self._rested: object = None
        self._hailed: dict[CenterId, object] = {}

    @property
    def id(self) -> CenterId:
        return self.identity.center

    @property
    def changes(self) -> int:
        """How many rows were ever written to the database."""
        return self.database._connection.total_changes

    @property
    def certificate(self) -> bytes:
        return self.identity.descriptor.tls_certificates[0]

    @property
    def suite(self) -> Suite:
        """The suite that the center prefers."""
        return suite(self.identity.suites[0])

    @property
    def signer(self) -> Signer:
        """Signs with the message key of that suite, as a liar would."""
        return self.suite.signer(self.secrets[self.suite.suite_id].message)

    def under(self, document: bytes) -> DocumentSignature:
        """What the center puts under an agreement's document in that suite."""
        name = self.suite.suite_id
        key = self.identity.descriptor.keys_for(Purpose.MESSAGE, name)[0]
        return DocumentSignature(
            name, key.id, sign_alone(agreement_type(name), document, self.signer)
        )

    def sign(self, items: Sequence[tuple[str, bytes]]) -> list[Envelope]:
        """Sign a batch with it."""
        return self.identity.face(self.suite.suite_id).sign(items, self.clock.now_ms())

    async def do(self, use_case: Callable[[Desk], T]) -> T:
        """Run a use case in a transaction, as the API does."""
        return await self.negotiator.transact(use_case)

    async def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Look into the database."""

        def run(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
            return connection.execute(statement, values).fetchall()

        return await self.database.read(run)

    async def phase(self, conversation: bytes) -> str | None:
        """The phase of a conversation, None if this center never heard of it."""
        known = await self.do(lambda desk: desk.ledger.conversation(ConversationId(conversation)))
        return None if known is None else known.phase

    async def turn(self, peers: Sequence[CenterId]) -> bool:
        """Deliver to each, ring alarms and run errands; answers whether there was anything to do.

        A center that had nothing to do, and where nothing was written and no time has passed
        since, is not asked again: most of what a test waits for would be such questions.
        """
        if self._rested == self._state(peers):
            return False
        busy = False
        for peer in peers:
            busy |= await self.outbox.deliver(peer)
        rung, _ = await self.alarms.ring()
        busy |= rung > 0
        busy |= await self.errands.run_due() > 0
        failing = any(self.outbox.link(peer).failures for peer in peers)
        self._rested = None if busy or failing else self._state(peers)
        return busy

    def _state(self, peers: Sequence[CenterId]) -> object:
        stretches = [self.outbox.link(peer).stretch for peer in peers]
        return self.changes, self.clock.now_ms(), stretches

    async def hail(self, other: "Center") -> bool:
        """Greet another center; answers whether anything was written at either.

        As in ``turn``, where nothing came of it and nothing has happened since, nothing would.
        """
        before = (self.changes, other.changes, self.clock.now_ms())
        if self._hailed.get(other.id) == before:
            return False
        await self.outbox.greet(other.id)
        moved = before[:2] != (self.changes, other.changes)
        if not moved:
            self._hailed[other.id] = before
        return moved

    async def greet(self, peer: CenterId) -> Peek:
        """The outbox's ``greet``, for services that are made before the outbox."""
        return await self.outbox.greet(peer)

    def furnish(self, furniture: Furniture, transport: Transport) -> None:
        reactions = {kind: furniture.reactions.get(kind) or Mute() for kind in Kind}
        self.negotiator = Negotiator(
            store=LedgerStore(self.database),
            identity=self.identity,
            keyring=self.keyring,
            inside=House(reactions),
            questions=furniture.questions,
            listener=self.listener,
            clock=self.clock,
            random=self.random,
            name=self.identity.descriptor.name,
            software="test",
            doorkeeper=Doorkeeper(self.identity, self.keyring),
            witness=Witness(identity=self.identity, keyring=self.keyring),
        )
        self.outbox = Outbox(negotiator=self.negotiator, transport=transport)
        self.alarms = Alarms(self.negotiator)
        self.errands = Errands(
            negotiator=self.negotiator,
            handlers={**TodoClock().handlers(), **furniture.handlers},
        )
        furniture.bind(self)


class Line(Transport):
    """One center's transport: calls the other one's negotiator with our certificate."""

    def __init__(self, wire: Wire, ours: Center, theirs: Center) -> None:
        self._wire = wire
        self._ours = ours
        self._theirs = theirs

    @override
    async def hello(self, peer: CenterId, request: bytes) -> bytes:
        return await self._call(
            peer, self._theirs.negotiator.hello(request, self._ours.certificate)
        )

    @override
    async def deliver(self, peer: CenterId, request: bytes) -> bytes:
        return await self._call(
            peer, self._theirs.negotiator.deliver(request, self._ours.certificate)
        )

    @override
    async def query(self, peer: CenterId, request: bytes) -> bytes:
        return await self._call(
            peer, self._theirs.negotiator.query(request, self._ours.certificate)
        )

    @override
    async def follow(self, peer: CenterId, request: bytes) -> Sequence[bytes]:
        page = await self._call(
            peer, self._theirs.negotiator.follow(request, self._ours.certificate, FOLLOW_PAGE)
        )
        return [encode_followed(encode_envelope(envelope), number) for number, envelope in page]

    async def _call(self, peer: CenterId, call: Awaitable[T]) -> T:
        assert peer == self._theirs.id, f"{self._ours.name} has no line to {peer}"
        self._ours.watch.pass_ms(self._wire.latency_ms)
        if self._wire.requests_lost:
            call.close()  # type: ignore[attr-defined]  # never begun, so never to be awaited
            raise Unreachable("the request was lost")
        try:
            reply = await call
        except (Unauthenticated, FederationError) as error:
            raise Unreachable(str(error)) from error
        self._ours.watch.pass_ms(self._wire.latency_ms)
        if self._wire.replies_lost:
            raise Unreachable("the reply was lost")
        return reply


class TwoCenters:
    """Two nodes that have pinned each other."""

    def __init__(self, watch: Watch, wire: Wire, host: Center, sub: Center) -> None:
        self.watch = watch
        self.wire = wire
        self.host = host
        self.sub = sub

    @property
    def centers(self) -> tuple[Center, Center]:
        return self.host, self.sub

    def other(self, center: Center) -> Center:
        return self.sub if center is self.host else self.host

    def cut(self) -> None:
        """Nothing gets through any more."""
        self.wire.requests_lost = True

    def restore(self) -> None:
        """The wire is whole again, and both sides know."""
        self.wire.requests_lost = self.wire.replies_lost = False
        for center in self.centers:
            center.outbox.reset(self.other(center).id)

    async def settle(self) -> None:
        """Deliver words, ring alarms and run errands until nobody has anything to do now."""
        for _ in range(MAX_ROUNDS):
            if not await self._round():
                return
        raise AssertionError(f"not quiet after {MAX_ROUNDS} rounds")

    async def greet(self) -> None:
        """Settle, with greetings between, until nothing moves and every head is cosigned."""
        for _ in range(MAX_ROUNDS):
            await self.settle()
            moved = [await center.hail(self.other(center)) for center in self.centers]
            if not any(moved):
                return
        raise AssertionError(f"not quiet after {MAX_ROUNDS} rounds")

    async def later(self, milliseconds: int) -> None:
        """Let time pass, then settle."""
        self.watch.pass_ms(milliseconds)
        await self.settle()

    async def _round(self) -> bool:
        busy = False
        for center in self.centers:
            busy |= await center.turn([self.other(center).id])
        return busy

    def terms(self, **changes: Any) -> AgreementTerms:
        """Terms in force for a year, host and sub in both directions."""
        usual = AgreementTerms(
            version=1,
            title="远程异地评标合作协议",
            parties=tuple(
                Party(at.id, at.identity.descriptor.name, at.identity.descriptor.uscc,
                      at.identity.descriptor.region_code)
                for at in self.centers
            ),
            directions=(
                Direction(self.host.id, self.sub.id), Direction(self.sub.id, self.host.id),
            ),
            effective_from_ms=NOON - 30 * DAY_MS,
            effective_until_ms=NOON + 365 * DAY_MS,
            project_kinds=("A", "B", "C"),
            max_seats_per_session=7,
            max_open_bookings=5,
            lead_time_ms=HOUR_MS,
            vote_ms=30 * MINUTE_MS,
            decide_ms=DAY_MS,
            draw_anchor=DrawAnchor.EVALUATION_START,
            draw_earliest_ms=2 * DAY_MS,
            pool_min_age_ms=0,
            joint_test_valid_days=0,
            handover_working_days=5,
            suite=self.host.suite.suite_id,
            sealed_disclosure=True,
        )  # fmt: skip
        return replace(usual, **changes)

    async def agree(self, **changes: Any) -> AgreementId:
        """Put a signed agreement into both stores, without the words that lead to it."""
        terms = self.terms(**changes)
        document = TERMS.encode(terms)
        agreement = suite(terms.suite).tagged("agreement", document)
        signatures = [
            sign_alone(
                agreement_type(terms.suite),
                document,
                at.identity.face(terms.suite).signing(Purpose.MESSAGE, self.watch.now_ms).sign,
            )
            for at in self.centers
        ]
        conversation = self.host.random.bytes(16)
        for center in self.centers:

            def store(desk: Desk, center: Center = center) -> None:
                put_signed(
                    desk.ledger.connection,
                    agreement=agreement,
                    conversation=conversation,
                    peer=self.other(center).id,
                    document=document,
                    signatures=(signatures[0], signatures[1]),
                    we_proposed=center is self.host,
                    at_ms=self.watch.now_ms,
                )

            await center.do(store)
        return AgreementId(agreement)


Furnish = Callable[[Center], Furniture]
Opened = Callable[[Path | str], Awaitable[Database]]


def mute(_center: Center) -> Furniture:
    """Furnish a center with nothing."""
    return Furniture()


@asynccontextmanager
async def two_centers(
    furnish: Furnish = mute,
    *,
    folder: Path | None = None,
    seed: str = "1",
    suites: Sequence[str] = (),
    sub_suites: Sequence[str] = (),
    opened: Opened = prompt.opened,
) -> AsyncIterator[TwoCenters]:
    """Two nodes, host and sub, that have pinned each other.

    Args:
        furnish: Called for each center, host first.
        folder: Where to keep the databases; in memory if None.
        seed: Of all keys, ids and jitter.
        suites: That both centers speak, the preferred one first; by default the one that
            the tests are run under (``pytest --suite gm-1``).
        sub_suites: Those of the sub, if other than the host's.
        opened: Opens a database.
    """
    watch, wire = Watch(), Wire()
    async with AsyncExitStack() as stack:
        centers = []
        spoken = suites or SPOKEN
        for name, region_code, own in (
            ("host", "360800", spoken),
            ("sub", "350112", sub_suites or spoken),
        ):
            database = await opened(MEMORY if folder is None else folder / f"{name}.db")
            stack.push_async_callback(database.close)
            await database.alone(tables.lay if folder is None else tables.migrate)
            centers.append(Center(name, watch, database, region_code, seed, own))
        host, sub = centers
        for ours, theirs in ((host, sub), (sub, host)):
            ours.keyring.pin(theirs.identity.descriptor, theirs.identity.signed_descriptor)
            ours.furnish(furnish(ours), Line(wire, ours, theirs))
        yield TwoCenters(watch, wire, host, sub)
