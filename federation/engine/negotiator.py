"""What a node does when a peer calls, and how its own people get the floor.

Bytes in, bytes out: the transport hands over what came in and the certificate that it came
with. Everything that a call changes is one transaction, receipts' payloads too; they are
signed after it, so nothing is told that is not on disk.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Generic, Protocol, TypeVar

from federation.engine import agreed
from federation.engine.acquaintance import NOTHING_NEW, Acquaintance, News, Turn
from federation.engine.agreed import ANY, Dealing
from federation.engine.digests import digest
from federation.engine.doorkeeper import Doorkeeper, Visitor
from federation.engine.exchange import give_back
from federation.engine.floor import Floor
from federation.engine.identity import Identity
from federation.engine.inside import Inside
from federation.engine.receipts import Receipts, Unsigned
from federation.engine.witness import NOTHING, Witness
from federation.errors import FederationError, Malformed, Recovering, Unauthenticated
from federation.ids import CenterId, ConversationId
from federation.ports import Clock, Ledger, Random, Store
from federation.trust.envelope import Envelope
from federation.trust.keyring import Keyring
from federation.wire.envelopes import (
    RECEIPT_TYPE,
    Receipt,
    Witnessing,
    decode_delivery,
    decode_hello,
    decode_single,
    encode_delivery_reply,
    encode_hello,
    encode_receipt,
    encode_single,
    refusal,
)
from federation.wire.questions import (
    PROTOCOL,
    ConsistencyQuestion,
    ConversationAnswer,
    ConversationQuestion,
    Cursor,
    DigestQuestion,
    Greeting,
    OwnWordsQuestion,
    decode,
)

L = TypeVar("L", bound=Ledger)
T = TypeVar("T")


class Questions(Protocol[L]):
    """Answers a center's own questions, e.g. about free seats. Changes nothing."""

    def answer(self, floor: Floor[L], peer: CenterId, question: object) -> object:
        """Answer a verified question.

        Raises:
            FederationError: The refusal, in words that the peer will read.
        """


class Listener(Protocol):
    """What a node watches: metrics and wake-ups. Called after the commit."""

    def greeted(self, peer: CenterId, skew_ms: int) -> None:
        """A verified greeting came in; ``skew_ms`` is the peer's clock minus ours."""

    def introduced(self, peer: CenterId, news: News) -> None:
        """A peer showed descriptors that are not those that were pinned. After the commit."""

    def heard(
        self, peer: CenterId, conversation: bytes, payload_type: str, receipt: Receipt
    ) -> None:
        """A word was answered with a receipt."""

    def woken(self, peers: set[CenterId]) -> None:
        """There are new words for these peers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Negotiator(Generic[L]):
    """One node's end of all conversations."""

    store: Store[L]
    identity: Identity
    keyring: Keyring
    inside: Inside[L]
    questions: Questions[L]
    listener: Listener
    clock: Clock
    random: Random
    name: str
    software: str
    doorkeeper: Doorkeeper
    witness: Witness = field(repr=False)
    dealing: Dealing = ANY
    _receipts: Receipts = field(init=False, repr=False)
    _acquaintance: Acquaintance = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_receipts", Receipts(self.identity, self.clock))
        object.__setattr__(self, "_acquaintance", Acquaintance(self.keyring))

    def floor(self, ledger: L) -> Floor[L]:
        """The floor of one transaction, at this moment."""
        return Floor(
            ledger=ledger,
            identity=self.identity,
            keyring=self.keyring,
            inside=self.inside,
            random=self.random,
            now_ms=self.clock.now_ms(),
            dealing=self.dealing,
        )

    async def transact(self, function: Callable[[Floor[L]], T]) -> T:
        """Run ``function`` on the floor of one transaction; wake the outbox afterwards."""

        def run(ledger: L) -> tuple[T, set[CenterId]]:
            floor = self.floor(ledger)
            return function(floor), floor.woken

        result, woken = await self.store.transact(run)
        if woken:
            self.listener.woken(woken)
        return result

    async def deliver(self, raw: bytes, certificate: bytes) -> bytes:
        """A peer delivers words.

        Raises:
            Unauthenticated: Something in the call cannot be tied to the caller.
        """
        self.doorkeeper.check_size(raw)
        envelopes, witnessing = decode_delivery(raw)
        visitors = self.doorkeeper.admit_all(envelopes, certificate, self.clock.now_ms())
        sender = CenterId(visitors[0].statement.sender)
        suite_id = visitors[0].suite.suite_id

        def run(floor: Floor[L]) -> tuple[list[Unsigned], list[Receipt], Witnessing]:
            agreed.check_whole(floor.ledger, sender)
            self.witness.look(floor, sender, suite_id, witnessing)
            hear = _carefully if floor.ledger.asked() else Floor.hear
            answers = [hear(floor, visitor) for visitor in visitors]
            # Whoever shows nothing is shown nothing: a checkpoint costs as much as many words,
            # and a greeting follows them soon.
            shown = NOTHING if witnessing == NOTHING else self.witness.show(floor, sender, suite_id)
            unsigned = [self._receipts.wait(sender, suite_id, payload) for payload, _ in answers]
            return unsigned, [receipt for _, receipt in answers], shown

        unsigned, heard, shown = await self.transact(run)
        reply = encode_delivery_reply(self._receipts.sign(sender, suite_id, unsigned), shown)
        for visitor, receipt in zip(visitors, heard, strict=True):
            self.listener.heard(
                sender,
                visitor.statement.conversation_id,
                visitor.envelope.payload_type,
                receipt,
            )
        return reply

    async def hello(self, raw: bytes, certificate: bytes) -> bytes:
        """A peer greets. Raises Unauthenticated."""
        self.doorkeeper.check_size(raw)
        envelope, witnessing = decode_hello(raw)
        try:
            visitor, news = self.doorkeeper.admit_greeting(
                envelope, certificate, self.clock.now_ms()
            )
        except Unauthenticated:
            await self.note_proof(envelope)
            raise
        peer = CenterId(visitor.statement.sender)
        suite_id = visitor.suite.suite_id
        greeting: object = None
        problem = visitor.problem
        try:
            greeting = decode(visitor.envelope.payload_type, visitor.statement.body)
        except Malformed as error:
            problem = problem or error
        if problem is None and not isinstance(greeting, Greeting):
            problem = Malformed("Hello takes a greeting")

        def run(floor: Floor[L]) -> bytes:
            if problem is not None:
                return encode_hello(
                    self._refuse(floor, visitor, problem),
                    self.witness.greet(floor, peer, suite_id),
                )
            self.witness.look(floor, peer, suite_id, witnessing)
            assert isinstance(greeting, Greeting), "anything else is a problem"
            self.meet(floor, peer, greeting, news)
            return encode_hello(
                self._greeting(floor, peer, suite_id, news, answers=visitor.hash),
                self.witness.greet(floor, peer, suite_id),
            )

        reply = await self.transact(run)
        if problem is None and isinstance(greeting, Greeting):
            self.settle(peer, news)
            self.listener.greeted(peer, greeting.clock_ms - self.clock.now_ms())
        return reply

    def meet(self, floor: Floor[L], peer: CenterId, greeting: Greeting, news: News) -> None:
        """Take what a verified greeting says of keys: of the peer's, and of ours that it knows."""
        taken = self._acquaintance.take(
            floor.ledger, self.identity.suites, peer, news, floor.now_ms
        )
        self.inside.introduced(floor, peer, news, taken)
        said, _ = floor.ledger.counts(peer)
        if greeting.words_heard > said:
            floor.ledger.suspect(peer, greeting.words_heard, floor.now_ms)
        if self.identity.learned(peer, greeting.knows_sequence, greeting.clock_ms):
            floor.ledger.put_knows(peer, greeting.knows_sequence)

    async def note_proof(self, envelope: Envelope) -> None:
        """Keep what a greeting proves although it is not verified itself."""
        try:
            peer, news = self.doorkeeper.proof(envelope)
        except Unauthenticated:
            return

        def keep(floor: Floor[L]) -> None:
            taken = self._acquaintance.take(floor.ledger, (), peer, news, floor.now_ms)
            self.inside.introduced(floor, peer, news, taken)

        await self.transact(keep)
        self.settle(peer, news)

    def settle(self, peer: CenterId, news: News) -> None:
        """After the commit of ``meet``: what was taken is in force."""
        self._acquaintance.settle(peer, news)
        if news.turn is not Turn.SAME:
            self.listener.introduced(peer, news)

    async def query(self, raw: bytes, certificate: bytes) -> bytes:
        """A peer asks. Raises Unauthenticated."""
        visitor = self._visitor(raw, certificate)
        peer = CenterId(visitor.statement.sender)

        def run(floor: Floor[L]) -> bytes:
            try:
                if visitor.problem is not None:
                    raise visitor.problem
                question = decode(visitor.envelope.payload_type, visitor.statement.body)
                found = self._found(floor, peer, question)
            except FederationError as error:
                return encode_single(self._refuse(floor, visitor, error))
            return encode_single(
                self.identity.statement(
                    visitor.suite.suite_id,
                    peer,
                    floor.new_id(),
                    found,
                    floor.now_ms,
                    answers=visitor.hash,
                )
            )

        return await self.transact(run)

    async def follow(self, raw: bytes, certificate: bytes, page: int) -> list[tuple[int, Envelope]]:
        """A peer asks for the words that are for it; one page after its cursor.

        Raises:
            Unauthenticated: As ever.
            Malformed: The question is not a cursor.
        """
        visitor = self._visitor(raw, certificate)
        if visitor.problem is not None:
            raise visitor.problem
        cursor = decode(visitor.envelope.payload_type, visitor.statement.body)
        if not isinstance(cursor, Cursor):
            raise Malformed("Follow takes a cursor")
        peer = CenterId(visitor.statement.sender)

        def run(floor: Floor[L]) -> Sequence[tuple[int, str, bytes, str]]:
            if floor.ledger.blocked(peer):
                return ()  # another word of ours may be where one of these stands
            return floor.ledger.said_after(peer, cursor.after, page)

        found: list[tuple[int, Envelope]] = []
        now_ms = self.clock.now_ms()
        # A batch is of one suite; words under several agreements may stand in one row.
        for suite_id, run_of in groupby(await self.transact(run), key=lambda row: row[3]):
            rows = list(run_of)
            items = [(kind, payload) for _, kind, payload, _ in rows]
            envelopes = self.identity.sign(peer, suite_id, items, now_ms)
            found += [(row[0], each) for row, each in zip(rows, envelopes, strict=True)]
        return found

    async def overhear(self, visitors: Sequence[Visitor]) -> list[Receipt]:
        """Hear words that we fetched ourselves; their receipts go out when the peer asks."""

        def run(floor: Floor[L]) -> list[Receipt]:
            if visitors and floor.ledger.blocked(CenterId(visitors[0].statement.sender)):
                return []  # what was lost comes first; these come again
            return [floor.hear(visitor)[1] for visitor in visitors]

        return await self.transact(run)

    def greeting(self, floor: Floor[L], peer: CenterId, suite_id: str) -> Envelope:
        """Our greeting for a peer."""
        return self._greeting(floor, peer, suite_id, NOTHING_NEW, answers=b"")

    def _greeting(
        self, floor: Floor[L], peer: CenterId, suite_id: str, news: News, *, answers: bytes
    ) -> Envelope:
        pinned = self.keyring.peers[peer].sequence
        known = news.links[-1].descriptor.sequence if news.links else pinned
        said, heard = floor.ledger.counts(peer)
        return self.identity.greet(
            peer,
            suite_id,
            floor.new_id(),
            Greeting(
                protocol=PROTOCOL,
                name=self.name,
                software=self.software,
                clock_ms=floor.now_ms,
                words_said=said,
                words_heard=heard,
                descriptors=self.identity.shown_to(peer),
                knows_sequence=max(pinned, known),
            ),
            floor.now_ms,
            answers=answers,
        )

    def _visitor(self, raw: bytes, certificate: bytes) -> Visitor:
        self.doorkeeper.check_size(raw)
        return self.doorkeeper.admit(decode_single(raw), certificate, self.clock.now_ms())

    def _refuse(self, floor: Floor[L], visitor: Visitor, error: FederationError) -> Envelope:
        return self.identity.stated(
            visitor.suite.suite_id,
            visitor.statement.sender,
            floor.new_id(),
            RECEIPT_TYPE,
            encode_receipt(refusal(error, "")),
            floor.now_ms,
            answers=visitor.hash,
        )

    def _found(self, floor: Floor[L], peer: CenterId, question: object) -> object:
        """The answer to a verified question. Raises FederationError."""
        if isinstance(question, OwnWordsQuestion):
            return give_back(floor, peer, question)
        if isinstance(question, ConversationQuestion):
            return self._conversation(floor, peer, question)
        agreed.check_whole(floor.ledger, peer)  # what we know is not all that we knew
        if isinstance(question, ConsistencyQuestion):
            return self.witness.prove(floor, question)
        if isinstance(question, DigestQuestion):
            return digest(floor, peer, question)
        return self.questions.answer(floor, peer, question)

    def _conversation(
        self, floor: Floor[L], peer: CenterId, question: ConversationQuestion
    ) -> ConversationAnswer:
        known = floor.ledger.conversation(ConversationId(question.conversation_id))
        if known is None or known.peer != peer:
            return ConversationAnswer("", 0, 0, 0)
        left = 0 if known.deadline_ms is None else max(0, known.deadline_ms - floor.now_ms)
        return ConversationAnswer(known.phase, known.said, known.heard, left)


def _carefully(floor: Floor[L], visitor: Visitor) -> tuple[bytes, Receipt]:
    """Hear a word while a partner is left out of a recovery.

    What cannot go on without a word to that partner is put off, and nothing else: a bundle is
    decided for all of its subs or for none.
    """
    heard: list[tuple[bytes, Receipt]] = []
    failed = floor.ledger.attempt(lambda: heard.append(floor.hear(visitor)))
    if failed is None:
        return heard[0]
    if isinstance(failed, Recovering):
        return floor.put_off(visitor, failed)
    raise failed
