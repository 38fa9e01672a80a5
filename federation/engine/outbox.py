"""Brings our words to peers, in order within each conversation, until each has a receipt.

Nothing is tried a number of times: trying ends when the word is receipted, and from its
``expires_at_ms`` on its receipt is a signed refusal. Between tries the back-off grows with full
jitter up to ten minutes, and a verified call from the peer resets it, since then the link is
known to work. What is remembered of each peer meanwhile is in ``delivery``.

Conversations do not wait for each other: one in which the peer lacks words (``GAP``) is told
these again, from what the peer has, while all others go on. Suites do not either: each has
keys of its own, which end or are revoked alone.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import groupby
from typing import Generic, TypeVar

from federation.engine import batches
from federation.engine.delivery import (
    Attempt,
    Breaker,
    Link,
    Stuck,
    TooManyHeld,
    back_off_ms,
)
from federation.engine.floor import Floor
from federation.engine.negotiator import Negotiator
from federation.engine.proving import ask_for_proofs
from federation.engine.witness import NOTHING
from federation.errors import FederationError, Malformed, Unauthenticated
from federation.ids import CenterId, ConversationId
from federation.ports import Ledger, SaidWord, Transport, Unreachable
from federation.trust.envelope import Envelope
from federation.trust.errors import SignerAway
from federation.trust.suite import UnknownSuite
from federation.wire.envelopes import (
    RECEIPT_TYPE,
    Outcome,
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
        watch: Callable[[CenterId, Breaker], None] = lambda _peer, _breaker: None,
    ) -> None:
        self._negotiator = negotiator
        self._transport = transport
        self._observe = observe
        self._watch = watch
        self._links: dict[CenterId, Link] = {}

    def link(self, peer: CenterId) -> Link:
        """How the link to a peer stands."""
        return self._links.setdefault(peer, Link())

    def reset(self, peer: CenterId) -> None:
        """The peer called us, so it is there: try again at once."""
        self.link(peer).reset()
        self._watch(peer, Breaker.CLOSED)

    async def deliver(self, peer: CenterId) -> bool:
        """Deliver one batch to a peer; answers whether there may be more to do at once.

        May be called again while it runs: conversations that a call carries are passed over.

        Never raises for what the peer, the network or our keys' holder does: it is noted in the
        link.
        """
        link, now_ms = self.link(peer), self._negotiator.clock.now_ms()
        if not link.may_call(now_ms):
            return False
        if link.breaker(now_ms) is Breaker.HALF_OPEN:
            self._watch(peer, Breaker.HALF_OPEN)
        link.calls += 1
        try:
            return await self._try(peer, link, now_ms)
        finally:
            link.calls -= 1

    async def _try(self, peer: CenterId, link: Link, began_ms: int) -> bool:
        stretch, held_back = link.stretch, link.held_back(began_ms)
        taken: Sequence[SaidWord] = ()
        over = False

        def gather(floor: Floor[L]) -> Witnessing:
            nonlocal taken
            # All of one suite, as a call is; those of another suite go with the next call.
            taken = batches.repair(floor, peer, link) or batches.following(
                floor, peer, link, held_back
            )
            if over:  # whoever called was cancelled, and the store runs this all the same
                link.give_back(taken)
                link.release(taken)
                return NOTHING
            return self._negotiator.witness.show(floor, peer, taken[0].suite) if taken else NOTHING

        undone = True
        try:
            shown = await self._negotiator.transact(gather)
            if not taken:
                return link.crowded
            answers = await self._deliver(peer, taken, shown)
            undone = False
        except (Unreachable, Unauthenticated, SignerAway) as error:
            # Our own signer may fail when the peer has answered already: it will answer again.
            self._remember(link, began_ms, taken, type(error).__name__, str(error))
            return self._failed(peer, taken[0].suite if taken else "", error, stretch)
        finally:
            over = True
            if undone:
                link.give_back(taken)
                link.release(taken)
        return self._settled(peer, link, began_ms, answers)

    async def _deliver(
        self, peer: CenterId, words: Sequence[SaidWord], shown: Witnessing
    ) -> list[Answered]:
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
        await self._negotiator.transact(
            lambda floor: self._take(floor, peer, suite_id, answers, witnessing)
        )
        for answer in answers:
            self._observe(answer.word, answer.receipt.outcome.name)
        return answers

    def _settled(self, peer: CenterId, link: Link, began_ms: int, answers: list[Answered]) -> bool:
        """Free or hold each conversation of a call; answers whether to go on at once."""
        now_ms, random = self._negotiator.clock.now_ms(), self._negotiator.random
        words = [answer.word for answer in answers]
        counted = Counter(answer.receipt.outcome.name for answer in answers)
        refusals = [answer.receipt for answer in answers if answer.receipt.detail]
        self._remember(
            link, began_ms, words,
            ", ".join(f"{name} {count}" for name, count in sorted(counted.items())),
            "" if not refusals else f"{refusals[0].reason}: {refusals[0].detail}",
        )  # fmt: skip
        link.give_back(each.word for each in answers if each.receipt.outcome is Outcome.GAP)
        try:
            for conversation, told in _by_conversation(answers):
                gaps = [each for each in told if each.receipt.outcome is Outcome.GAP]
                if not gaps:
                    link.free(conversation)
                    continue
                heard = max(each.receipt.heard_revision for each in told)
                first_missed = min(each.word.revision for each in gaps)
                fraction = random.fraction()
                link.hold(conversation, min(heard, first_missed - 1), now_ms, fraction)
        except TooManyHeld as error:
            return self._failed(peer, words[0].suite, error, link.stretch)
        finally:
            link.release(words)
        return len(answers) > counted[Outcome.GAP.name] or link.crowded or link.repairable(now_ms)

    def _remember(
        self, link: Link, began_ms: int, words: Sequence[SaidWord], outcome: str, cause: str
    ) -> None:
        link.attempts.append(
            Attempt(
                at_ms=began_ms,
                took_ms=self._negotiator.clock.now_ms() - began_ms,
                payload_types=tuple(dict.fromkeys(word.payload_type for word in words)),
                words=len(words),
                conversations=frozenset(word.conversation for word in words),
                outcome=outcome,
                cause=cause,
            )
        )

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
                self._negotiator.witness.greet(floor, peer, suite_id),
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
        with suppress(Unreachable, AnswerRefused):  # it is asked again, and people told one day
            await ask_for_proofs(self._negotiator, self.ask, peer, suite_id)
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
    ) -> None:
        for answer in answers:
            if floor.ledger.said_by_hash(answer.word.hash) is None:
                continue  # receipted before: by another road, or said again to fill a gap
            floor.receipted(
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

    def _reached(self, peer: CenterId, suite_id: str) -> None:
        """The peer answered in a suite; one that is stuck stays so."""
        link = self.link(peer)
        link.stuck.pop(suite_id, None)
        if not link.stuck:
            self.reset(peer)
        else:
            link.failures = link.not_before_ms = 0

    def _failed(self, peer: CenterId, suite_id: str, error: Exception, stretch: int) -> bool:
        """Note a try that failed; answers whether words of another suite may be tried at once."""
        link = self.link(peer)
        link.last_error = str(error)
        if stretch != link.stretch:  # one that ran beside it has counted, or reached the peer
            link.crowded = True
            return True
        link.stretch += 1
        link.failures += 1
        spoken = self._shared(peer) | {suite_id}
        at = link.stuck.setdefault(suite_id, Stuck()) if len(spoken) > 1 else link
        if at is not link:
            at.failures += 1
        now_ms = self._negotiator.clock.now_ms()
        at.not_before_ms = now_ms + back_off_ms(at.failures, self._negotiator.random.fraction())
        others = bool(spoken - link.held_back(now_ms))
        if at is not link and not others:
            link.not_before_ms = min(stuck.not_before_ms for stuck in link.stuck.values())
        self._watch(peer, link.breaker(now_ms))
        link.crowded = at is not link and others
        return link.crowded

    def _shared(self, peer: CenterId) -> set[str]:
        pinned = self._negotiator.keyring.peers.get(peer)
        return set() if pinned is None else {*self._negotiator.identity.suites} & {*pinned.suites}


def _by_conversation(
    answers: Sequence[Answered],
) -> Iterator[tuple[ConversationId, list[Answered]]]:
    def key(answer: Answered) -> ConversationId:
        return answer.word.conversation

    for conversation, told in groupby(sorted(answers, key=key), key=key):
        yield conversation, list(told)


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
