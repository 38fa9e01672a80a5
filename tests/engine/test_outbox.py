"""The outbox: no conversation waits for another, gaps are filled, failures pause a peer."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import pytest
from typing_extensions import override

from federation.engine.delivery import ATTEMPTS_KEPT, CALLS_AT_ONCE, OPENS_AFTER, Breaker
from federation.engine.identity import WORD_LASTS_MS
from federation.ids import ConversationId
from federation.protocol.booking import Check
from federation.protocol.conversation import Word
from federation.protocol.peering import (
    REPORTED,
    TESTING,
    RehearseHold,
    ReportTest,
    StartTest,
)
from federation.trust.envelope import MAX_BATCH, Envelope, envelope_hash
from federation.wire.envelopes import (
    Outcome,
    Receipt,
    Witnessing,
    decode_delivery,
    decode_statement,
    encode_receipt,
)
from federation.wire.words import payload_type
from node.services.house import Desk
from node.store.ledger import SqlLedger
from tests.engine.test_lying_receipts import Forger, receipt
from tests.support.pair import Center, TwoCenters, two_centers

CHECKS: Final = (Check("clock_skew", passed=True, measured="0 ms"),)
START: Final = StartTest(bytes(32), CHECKS)


async def start(pair: TwoCenters, count: int) -> list[ConversationId]:
    def each(desk: Desk) -> list[ConversationId]:
        return [desk.open(pair.sub.id, None, START).conversation.id for _ in range(count)]

    return await pair.host.do(each)


async def say(center: Center, conversation: ConversationId, word: Word) -> None:
    await center.do(lambda desk: desk.say(conversation, word))


async def waiting(center: Center) -> int:
    ((count,),) = await center.sql("SELECT count(*) FROM said WHERE receipt IS NULL")
    return int(count)


async def forget(center: Center, conversation: ConversationId) -> None:
    """Bring a center back to before it heard of a conversation, as an old backup does."""

    def delete(desk: Desk) -> None:
        for table, column in (("heard", "conversation"), ("said", "conversation"),
                              ("conversation", "id")):  # fmt: skip
            desk.ledger.connection.execute(
                f"DELETE FROM {table} WHERE {column} = ?",
                (conversation,),
            )

    await center.do(delete)


class Tallied(Forger):
    """Answers GAP to the conversations in ``lacking``, and lets the honest one answer the rest."""

    def __init__(self, center: Center, lacking: Sequence[ConversationId]) -> None:
        self._honest = center.negotiator
        self.transact = center.negotiator.transact
        self._lacking = frozenset(lacking)
        self.calls: list[list[ConversationId]] = []
        super().__init__(center, self._gap)

    def _gap(self, center: Center, words: list[Envelope]) -> list[Envelope]:
        body = encode_receipt(Receipt(Outcome.GAP))
        heard = [envelope_hash(center.suite, word.payload_type, word.payload) for word in words]
        return center.sign(
            [
                receipt(center, word, body=body, answers_hash=digest)
                for word, digest in zip(words, heard, strict=True)
            ]
        )

    @override
    async def deliver(self, raw: bytes, certificate: bytes) -> bytes:
        envelopes, _ = decode_delivery(raw)
        named = [ConversationId(decode_statement(each.payload).conversation_id)
                 for each in envelopes]  # fmt: skip
        self.calls.append(named)
        if self._lacking.isdisjoint(named):
            return await self._honest.deliver(raw, certificate)
        return await super().deliver(raw, certificate)


async def test_a_full_call_of_words_in_gaps_does_not_hold_back_the_words_behind_it() -> None:
    async with two_centers() as pair:
        stuck = await start(pair, MAX_BATCH)
        free = await start(pair, 3)
        pair.sub.negotiator = Tallied(pair.sub, stuck)  # type: ignore[assignment]
        await pair.settle()
        assert await waiting(pair.host) == MAX_BATCH
        assert [await pair.sub.phase(each) for each in free] == [TESTING] * 3
        link = pair.host.outbox.link(pair.sub.id)
        assert set(link.held) == set(stuck)
        assert link.failures == 0, "the peer itself is well"


async def test_a_word_in_a_gap_is_tried_again_with_back_off_and_holds_nothing_up() -> None:
    async with two_centers() as pair:
        (stuck,) = await start(pair, 1)
        honest = pair.sub.negotiator
        liar = Tallied(pair.sub, [stuck])
        pair.sub.negotiator = liar  # type: ignore[assignment]
        await pair.settle()
        tries = len(liar.calls)
        assert tries <= 6, "said again at once, then with back-off"
        await pair.settle()
        assert len(liar.calls) <= tries + 1, "time has not passed"
        (later,) = await start(pair, 1)
        await pair.settle()
        assert await pair.sub.phase(later) == TESTING
        pair.sub.negotiator = honest
        await pair.later(600_000)
        assert await pair.sub.phase(stuck) == TESTING
        assert await waiting(pair.host) == 0
        assert pair.host.outbox.link(pair.sub.id).held == {}


async def test_what_a_peer_lost_is_said_again_from_what_it_has() -> None:
    async with two_centers() as pair:
        (test,) = await start(pair, 1)
        await pair.settle()
        await say(pair.sub, test, ReportTest(bytes(32), CHECKS))
        await pair.settle()
        assert await pair.host.phase(test) == REPORTED
        before = await pair.host.sql("SELECT receipt FROM said WHERE number = 1")
        await forget(pair.sub, test)
        hold = RehearseHold(1, 2, seats=1, equipment=(), overnight=False)
        await say(pair.host, test, hold)
        await pair.host.outbox.deliver(pair.sub.id)
        assert await pair.sub.phase(test) is None
        await pair.host.outbox.deliver(pair.sub.id)
        assert await pair.sub.phase(test) == TESTING, "the first word was heard once more"
        assert await pair.host.sql("SELECT receipt FROM said WHERE number = 1") == before


async def test_a_word_that_was_refused_is_never_said_again() -> None:
    async with two_centers() as pair:
        (test,) = await start(pair, 1)
        pair.sub.clock.skew_ms = -WORD_LASTS_MS - 1_000_000
        await pair.settle()
        pair.sub.clock.skew_ms = 0
        assert await pair.host.phase(test) == "REFUSED"
        tally = Tallied(pair.sub, ())
        pair.sub.negotiator = tally  # type: ignore[assignment]

        def follow(desk: Desk) -> None:
            known = desk.ledger.conversation(test)
            assert known is not None
            desk.ledger.connection.execute(
                "INSERT INTO said (peer, number, conversation, revision, payload_type, payload,"
                " hash, said_at_ms, suite, log_index) SELECT peer, 2, conversation, 2,"
                " payload_type, payload, zeroblob(32), said_at_ms, suite, 1 FROM said"
            )

        await pair.host.do(follow)
        link = pair.host.outbox.link(pair.sub.id)
        link.hold(test, 0, pair.watch.now_ms, 0.5)
        await pair.host.outbox.deliver(pair.sub.id)
        assert [len(call) for call in tally.calls] == [1], "the second alone"


async def test_words_of_one_conversation_are_never_in_two_calls_at_once() -> None:
    async with two_centers() as pair:
        tests = await start(pair, 3 * MAX_BATCH)
        liar = Tallied(pair.sub, ())
        pair.sub.negotiator = liar  # type: ignore[assignment]
        deliver, peer = pair.host.outbox.deliver, pair.sub.id

        async def work() -> None:
            while await deliver(peer):
                pass

        await asyncio.gather(*(work() for _ in range(CALLS_AT_ONCE)))
        told = [each for call in liar.calls for each in call]
        assert sorted(told) == sorted(tests), "each once"
        assert await waiting(pair.host) == 0
        assert pair.host.outbox.link(peer).calls == 0


async def test_failures_open_the_breaker_and_one_probe_closes_it() -> None:
    seen: list[Breaker] = []
    async with two_centers() as pair:
        pair.host.outbox._watch = lambda _peer, breaker: seen.append(breaker)
        await start(pair, 2)
        pair.cut()
        link = pair.host.outbox.link(pair.sub.id)
        for _ in range(OPENS_AFTER):
            await pair.host.outbox.deliver(pair.sub.id)
            pair.watch.now_ms = max(pair.watch.now_ms, link.not_before_ms)
        assert seen[:2] == [Breaker.CLOSED] * 2
        assert seen[2] in {Breaker.OPEN, Breaker.HALF_OPEN}
        assert link.breaker(pair.watch.now_ms) is Breaker.HALF_OPEN
        pair.wire.requests_lost = False
        await pair.host.outbox.deliver(pair.sub.id)
        assert seen[-2:] == [Breaker.HALF_OPEN, Breaker.CLOSED]
        assert await waiting(pair.host) == 0


async def test_calls_that_fail_together_count_as_one_failure() -> None:
    async with two_centers() as pair:
        await start(pair, 4 * MAX_BATCH)
        pair.cut()
        link = pair.host.outbox.link(pair.sub.id)
        await asyncio.gather(*(pair.host.outbox.deliver(pair.sub.id) for _ in range(CALLS_AT_ONCE)))
        assert link.failures == 1
        pair.restore()
        await pair.settle()
        assert await waiting(pair.host) == 0


async def test_the_last_attempts_tell_what_was_tried_and_why_it_failed() -> None:
    async with two_centers() as pair:
        (test,) = await start(pair, 1)
        pair.cut()
        link = pair.host.outbox.link(pair.sub.id)
        for _ in range(ATTEMPTS_KEPT + 2):
            await pair.host.outbox.deliver(pair.sub.id)
            pair.watch.now_ms = max(pair.watch.now_ms, link.not_before_ms)
        assert len(link.attempts) == ATTEMPTS_KEPT
        pair.restore()
        await pair.settle()
        failed, done = link.attempts[-2], link.attempts[-1]
        assert (failed.outcome, failed.cause) == ("Unreachable", "the request was lost")
        assert (done.outcome, done.cause) == ("ACCEPTED 1", "")
        assert done.conversations == {test}
        assert done.payload_types == (payload_type("peering.StartTest"),)


async def test_a_store_that_fails_after_words_were_taken_gives_them_back() -> None:
    async with two_centers() as pair:
        await start(pair, 2)
        show = pair.host.negotiator.witness.show

        def fail(*_arguments: object) -> Witnessing:
            raise RuntimeError("the disk is full")

        object.__setattr__(pair.host.negotiator.witness, "show", fail)
        with pytest.raises(RuntimeError, match="disk is full"):
            await pair.host.outbox.deliver(pair.sub.id)
        object.__setattr__(pair.host.negotiator.witness, "show", show)
        await pair.settle()
        assert await waiting(pair.host) == 0


async def test_a_call_that_is_cancelled_before_it_took_its_words_takes_none() -> None:
    async with two_centers() as pair:
        await start(pair, 2)
        store = pair.host.negotiator.store
        late: list[Callable[[SqlLedger], object]] = []

        class Cancelled:
            """The caller goes while its function waits for its turn, and has it all the same."""

            async def transact(self, function: Callable[[SqlLedger], object]) -> object:
                late.append(function)
                raise asyncio.CancelledError

        object.__setattr__(pair.host.negotiator, "store", Cancelled())
        with pytest.raises(asyncio.CancelledError):
            await pair.host.outbox.deliver(pair.sub.id)
        object.__setattr__(pair.host.negotiator, "store", store)
        for function in late:
            await store.transact(function)
        await pair.settle()
        assert await waiting(pair.host) == 0


async def test_a_gap_is_not_filled_before_lost_words_are_back() -> None:
    async with two_centers() as pair:
        (test,) = await start(pair, 1)
        pair.host.outbox.link(pair.sub.id).hold(test, 0, 0, 0.0)
        await pair.host.do(lambda desk: desk.ledger.lost([pair.sub.id], "restored", desk.now_ms))
        await pair.host.outbox.deliver(pair.sub.id)
        assert await pair.sub.phase(test) is None
        await pair.host.do(lambda desk: desk.ledger.recovered([pair.sub.id]))
        await pair.settle()
        assert await pair.sub.phase(test) == TESTING


async def test_what_was_said_after_a_loss_is_not_fetched_before_lost_words_are_back() -> None:
    async with two_centers() as pair:
        (test,) = await start(pair, 1)
        await pair.host.do(lambda desk: desk.ledger.lost([pair.sub.id], "restored", desk.now_ms))
        assert await pair.sub.outbox.catch_up(pair.host.id, 0) == 0
        assert await pair.sub.phase(test) is None
        await pair.host.do(lambda desk: desk.ledger.recovered([pair.sub.id]))
        assert await pair.sub.outbox.catch_up(pair.host.id, 0) == 1
