"""Brings our words to peers, in order, until each has a receipt.

Nothing is tried a number of times: trying ends when the word is receipted. Between tries
the back-off grows with full jitter up to ten minutes, and a verified call from the peer
resets it, since then the link is known to work.

Suites do not wait for each other: each has keys of its own, which end or are revoked alone.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from federation.engine.floor import Floor
from federation.engine.negotiator import Negotiator
from federation.engine.witness import NOTHING
from federation.errors import FederationError, Malformed, Unauthenticated
from federation.ids import CenterId
from federation.ports import Ledger, SaidWord, Transport, Unreachable
from federation.trust.envelope import MAX_BATCH, Envelope
from federation.trust.errors import SignerAway
from federation.trust.suite import UnknownSuite
from federation.wire.envelopes import (
    RECEIPT_TYPE,
    Receipt,
    Statement,
    Witnessing,
    decode_delivery_reply,
    decode_followed,
    decode_hello,
    decode_receipt,
    decode_single,
    encode_delivery,
    encode_envelope,
    encode_hello,
    encode_single,
)
from federation.wire.questions import Cursor, Greeting, decode

L = TypeVar("L", bound=Ledger)

FIRST_BACK_OFF_MS: Final = 500
MAX_BACK_OFF_MS: Final = 600_000  # a bilateral partner is never given up for longer
MAX_CALL_PAYLOAD_BYTES: Final = 700 * 1024  # with envelopes and paths still below 1 MiB


@dataclass(slots=True)
class Stuck:
    """How the last tries to deliver words of one suite went, while those of another may do well."""

    failures: int = 0
    not_before_ms: int = 0


@dataclass(slots=True)
class Link:
    """How the last tries to reach one peer went. In memory: after a restart we try at once."""

    failures: int = 0
    not_before_ms: int = 0
    """Nothing is tried before."""

    last_error: str = ""
    stuck: dict[str, Stuck] = field(default_factory=dict)
    """By suite: what went wrong where we share more than one with the peer."""

    def held_back(self, now_ms: int) -> set[str]:
        """The suites whose words are not tried now."""
        return {suite_id for suite_id, at in self.stuck.items() if now_ms < at.not_before_ms}

    def next_try_ms(self, now_ms: int) -> int | None:
        """When words of a suite that is held back are tried again; None if none is."""
        later = [at.not_before_ms for at in self.stuck.values() if now_ms < at.not_before_ms]
        return min(later, default=None)


@dataclass(frozen=True, slots=True)
class Peek:
    """What a peer said of itself in answer to our greeting."""

    greeting: Greeting
    skew_ms: int
    round_trip_ms: int


@dataclass(frozen=True, slots=True)
class Answered:
    """A word of ours, as it was sent, with the receipt that counts for it."""

    word: SaidWord
    sent: Envelope
    raw: Envelope
    receipt: Receipt


class AnswerRefused(Exception):
    """A peer refused to answer a question, in its own words."""


class GreetingRefused(Unreachable):
    """A peer refused our greeting with its signature: it is there, and its clock can be read.

    Args:
        peer: Who refused.
        detail: Why, in its own words.
        skew_ms: Its clock minus ours.
    """

    def __init__(self, peer: CenterId, detail: str, skew_ms: int) -> None:
        super().__init__(f"no greeting from {peer}: {detail}")
        self.detail = detail
        self.skew_ms = skew_ms


class Outbox(Generic[L]):
    """Delivers words, greets, asks and catches up."""

    def __init__(
        self,
        *,
        negotiator: Negotiator[L],
        transport: Transport,
        observe: Callable[[SaidWord, str], None] = lambda _word, _outcome: None,
    ) -> None:
        self._negotiator = negotiator
        self._transport = transport
        self._observe = observe
        self._links: dict[CenterId, Link] = {}

    def link(self, peer: CenterId) -> Link:
        """How the link to a peer stands."""
        return self._links.setdefault(peer, Link())

    def reset(self, peer: CenterId) -> None:
        """The peer called us, so it is there: try again at once."""
        self._links[peer] = Link()

    async def deliver(self, peer: CenterId) -> bool:
        """Deliver one batch to a peer; answers whether there may be more to do at once.

        Never raises for what the peer, the network or our keys' holder does: it is noted in the
        link.
        """
        if self._negotiator.clock.now_ms() < self.link(peer).not_before_ms:
            return False
        tried = ""
        held_back = self.link(peer).held_back(self._negotiator.clock.now_ms())

        def gather(floor: Floor[L]) -> tuple[Sequence[SaidWord], Witnessing]:
            nonlocal tried
            # All of one suite, as a call is; those of another suite go with the next call.
            words = floor.ledger.pending(peer, MAX_BATCH, MAX_CALL_PAYLOAD_BYTES, held_back)
            if not words:
                return words, NOTHING
            tried = words[0].suite
            return words, self._negotiator.witness.show(floor, peer, tried)

        try:
            words, shown = await self._negotiator.transact(gather)
            return await self._deliver(peer, words, shown) if words else False
        except (Unreachable, Unauthenticated, SignerAway) as error:
            # Our own signer may fail when the peer has answered already: it will answer again.
            return self._failed(peer, tried, error)

    async def _deliver(self, peer: CenterId, words: Sequence[SaidWord], shown: Witnessing) -> bool:
        suite_id = words[0].suite
        envelopes = self._negotiator.identity.sign(
            peer,
            suite_id,
            [(word.payload_type, word.payload) for word in words],
            self._negotiator.clock.now_ms(),
        )
        reply = await self._transport.deliver(peer, encode_delivery(envelopes, shown))
        receipts, witnessing = decode_delivery_reply(reply)
        statements = self._negotiator.doorkeeper.receipts(
            receipts,
            peer,
            suite_id,
            [word.hash for word in words],
            self._negotiator.clock.now_ms(),
        )
        answers = [
            Answered(word, sent, raw, _receipt_in(raw, statement))
            for word, sent, raw, statement in zip(
                words, envelopes, receipts, statements, strict=True
            )
        ]
        self._reached(peer, suite_id)
        done = await self._negotiator.transact(
            lambda floor: self._take(floor, peer, suite_id, answers, witnessing)
        )
        for answer in answers:
            self._observe(answer.word, answer.receipt.outcome.name)
        return done

    async def greet(self, peer: CenterId) -> Peek:
        """Say Hello in each suite that we share: heartbeat, clock, witnessing of each log.

        What we have not heard is fetched afterwards. The peer is reached if it answers in one
        suite; trouble with another is noted in the link.

        Raises:
            GreetingRefused: The peer is there, but would not answer.
            Unreachable: No answer that counts.
        """
        pinned = self._negotiator.keyring.peers.get(peer)
        if pinned is None:
            raise Unreachable(f"{peer} is not pinned")
        shared = sorted(self._shared(peer))
        if not shared:
            raise Unreachable(f"{peer} speaks none of our suites")
        first: Peek | None = None
        trouble: Unreachable | None = None
        for suite_id in shared:
            try:
                with _signing():
                    peek = await self._greet(peer, suite_id)
            except Unreachable as error:
                trouble = trouble or error
            else:
                first = first or peek
        self.link(peer).last_error = "" if trouble is None else str(trouble)
        if trouble is not None and first is None:
            raise trouble
        assert first is not None, "each suite was answered, or gave trouble"
        return first

    async def _greet(self, peer: CenterId, suite_id: str) -> Peek:
        clock = self._negotiator.clock
        greeting, shown = await self._negotiator.transact(
            lambda floor: (
                self._negotiator.greeting(floor, peer, suite_id),
                self._negotiator.witness.show(floor, peer, suite_id),
            )
        )
        asked_ms = clock.now_ms()
        reply = await self._transport.hello(peer, encode_hello(greeting, shown))
        answered_ms = clock.now_ms()
        middle = (asked_ms + answered_ms) // 2
        try:
            envelope, witnessing = decode_hello(reply)
            statement, news = self._negotiator.doorkeeper.greeting(
                envelope, peer, suite_id, greeting, answered_ms
            )
        except Unauthenticated as error:
            with suppress(Unauthenticated):
                await self._negotiator.note_proof(decode_hello(reply)[0])
            raise Unreachable(f"no greeting from {peer}: {error} ({error.cause})") from error
        try:
            said = _answer_in(envelope, statement)
        except AnswerRefused as error:
            skew_ms = statement.sent_at_ms - middle
            raise GreetingRefused(peer, str(error), skew_ms) from error
        except FederationError as error:
            raise Unreachable(f"no greeting from {peer}: {error}") from error
        if not isinstance(said, Greeting):
            raise Unreachable(f"{peer} answered a greeting with something else")
        self._reached(peer, suite_id)

        def take(floor: Floor[L]) -> int:
            self._negotiator.witness.look(floor, peer, suite_id, witnessing)
            self._negotiator.meet(floor, peer, said, news)
            return floor.ledger.counts(peer)[1]

        heard = await self._negotiator.transact(take)
        self._negotiator.settle(peer, news)
        if said.words_said > heard:
            await self.catch_up(peer, heard, suite_id)
        return Peek(said, said.clock_ms - middle, answered_ms - asked_ms)

    async def catch_up(self, peer: CenterId, after: int, suite_id: str | None = None) -> int:
        """Fetch one page of words that the peer has for us; answers how many were heard.

        Asked in ``suite_id``, or the one that both speak; the page may hold words of any.

        Raises:
            Unreachable: No answer that counts.
        """
        negotiator = self._negotiator
        asked_in = suite_id or self._suite_with(peer)
        with _signing():
            question = await negotiator.transact(
                lambda floor: negotiator.identity.statement(
                    asked_in, peer, floor.new_id(), Cursor(after), floor.now_ms
                )
            )
        page = await self._transport.follow(peer, encode_single(question))
        try:
            visitors = [
                negotiator.doorkeeper.admit(
                    decode_followed(raw)[0], None, negotiator.clock.now_ms()
                )
                for raw in page
            ]
        except Unauthenticated as error:
            raise Unreachable(f"{peer} sent words that are not its own") from error
        if any(visitor.statement.sender != peer for visitor in visitors):
            raise Unreachable(f"{peer} sent words of others")
        return len(await negotiator.overhear(visitors)) if visitors else 0

    async def ask(self, peer: CenterId, question: object) -> object:
        """Ask a peer one question.

        Raises:
            Unreachable: No answer that counts.
            AnswerRefused: The peer refused, with its signature.
        """
        negotiator = self._negotiator
        suite_id = self._suite_with(peer)
        with _signing():
            envelope = await negotiator.transact(
                lambda floor: negotiator.identity.statement(
                    suite_id, peer, floor.new_id(), question, floor.now_ms
                )
            )
        reply = await self._transport.query(peer, encode_single(envelope))
        try:
            answer = decode_single(reply)
            statement = negotiator.doorkeeper.answer(
                answer, peer, suite_id, envelope, negotiator.clock.now_ms()
            )
            return _answer_in(answer, statement)
        except (Unauthenticated, FederationError) as error:
            raise Unreachable(f"no answer from {peer}: {error}") from error

    def _suite_with(self, peer: CenterId) -> str:
        pinned = self._negotiator.keyring.peers.get(peer)
        if pinned is None:
            raise Unreachable(f"{peer} is not pinned")
        try:
            return self._negotiator.identity.suite_with(pinned)
        except UnknownSuite as error:
            raise Unreachable(str(error)) from error

    def _take(
        self,
        floor: Floor[L],
        peer: CenterId,
        suite_id: str,
        answers: list[Answered],
        witnessing: Witnessing,
    ) -> bool:
        done = True
        for answer in answers:
            if floor.ledger.said_by_hash(answer.word.hash) is None:
                continue  # receipted meanwhile, by another road
            done &= floor.receipted(
                answer.word,
                encode_envelope(answer.sent),
                answer.receipt,
                encode_envelope(answer.raw),
            )
        self._negotiator.witness.look(floor, peer, suite_id, witnessing)
        # A greeting may have brought the cosignature before the receipt. Whoever waits for
        # both would wait for ever if only a new cosignature were told.
        known = floor.ledger.cosigned(peer, suite_id)
        floor.cosigned(peer, suite_id, 0 if known is None else known[0])
        return done

    def _reached(self, peer: CenterId, suite_id: str) -> None:
        """The peer answered in a suite; one that is stuck stays so."""
        link = self.link(peer)
        link.stuck.pop(suite_id, None)
        if not link.stuck:
            self.reset(peer)
        else:
            link.failures = link.not_before_ms = 0

    def _failed(self, peer: CenterId, suite_id: str, error: Exception) -> bool:
        """Note a try that failed; answers whether words of another suite may be tried at once."""
        link = self.link(peer)
        link.failures += 1
        link.last_error = str(error)
        spoken = self._shared(peer) | {suite_id}
        at = link.stuck.setdefault(suite_id, Stuck()) if len(spoken) > 1 else link
        if at is not link:
            at.failures += 1
        ceiling = min(MAX_BACK_OFF_MS, FIRST_BACK_OFF_MS * 2 ** min(at.failures, 16))
        wait = int(ceiling * self._negotiator.random.fraction())
        now_ms = self._negotiator.clock.now_ms()
        at.not_before_ms = now_ms + wait
        if spoken - link.held_back(now_ms):
            return at is not link
        link.not_before_ms = min(stuck.not_before_ms for stuck in link.stuck.values())
        return False

    def _shared(self, peer: CenterId) -> set[str]:
        pinned = self._negotiator.keyring.peers.get(peer)
        return set() if pinned is None else {*self._negotiator.identity.suites} & {*pinned.suites}


@contextmanager
def _signing() -> Iterator[None]:
    """Whoever cannot sign reaches nobody; the text is for our own operator."""
    try:
        yield
    except SignerAway as error:
        raise Unreachable(f"we cannot sign: {error}") from error


def _receipt_in(envelope: Envelope, statement: Statement) -> Receipt:
    """What a signed receipt says. Raises Unauthenticated: then nothing counts, as ever."""
    if envelope.payload_type != RECEIPT_TYPE:
        raise Unauthenticated("bad_receipt")
    try:
        return decode_receipt(statement.body)
    except Malformed as error:
        raise Unauthenticated("bad_receipt") from error


def _answer_in(envelope: Envelope, statement: Statement) -> object:
    if envelope.payload_type == RECEIPT_TYPE:
        raise AnswerRefused(decode_receipt(statement.body).detail)
    return decode(envelope.payload_type, statement.body)
