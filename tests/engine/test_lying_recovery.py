"""A peer that abuses a recovery: what it gives back was never heard, or not so, or not from it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from typing_extensions import override

from federation.engine.recovery import MAX_UNANSWERED, WHOLE
from federation.ids import CenterId, ConversationId
from federation.ports import Asking, Unreachable
from federation.protocol.booking import CONFIRMED, PROMISED, Answer, Consent, Decide, Decision, Move
from federation.wire.envelopes import (
    Outcome,
    Receipt,
    Statement,
    Witnessing,
    decode_envelope,
    decode_receipt,
    decode_statement,
    encode_envelope,
    encode_statement,
)
from federation.wire.questions import Exchange, OwnWordsAnswer, OwnWordsQuestion
from federation.wire.words import PAYLOAD_TYPES, encode_word
from tests.engine.test_lying_words import OTHER, START, TEST
from tests.engine.test_recovery import CONFIRM, THIRD, YES, ask, phases, say, told
from tests.support.liar import Liar
from tests.support.pair import HOUR_MS, TwoCenters, two_centers
from tests.support.plain import ID
from tests.support.planning import WINDOW
from tests.support.restored import Nurse

ABORT: Final = Decide(ID, Decision.ABORT)
MOVE: Final = Move(bytes(16), WINDOW.start_ms + HOUR_MS, WINDOW.end_ms + HOUR_MS, "later")
FAR: Final = 9


@dataclass(frozen=True)
class Keeper(Liar):
    """A liar that keeps each word with the receipt that it got."""

    kept: list[Exchange] = field(default_factory=list)

    @override
    async def send(self, kind: str, statement: Statement) -> Receipt:
        envelopes = self.ours.sign([(kind, encode_statement(statement))])
        receipts = await self.deliver(envelopes, Witnessing())
        self.kept.append(Exchange(encode_envelope(envelopes[0]), encode_envelope(receipts[0])))
        return decode_receipt(decode_statement(receipts[0].payload).body)


def gives_back(nurse: Nurse, lie: Callable[[tuple[Exchange, ...]], tuple[Exchange, ...]]) -> None:
    """Let the peer change what it gives back."""
    asked = nurse.center.outbox.ask

    async def answered(peer: CenterId, question: object) -> object:
        answer = await asked(peer, question)
        assert isinstance(answer, OwnWordsAnswer)
        return replace(answer, exchanges=lie(answer.exchanges))

    nurse.recovery._ask = answered


def body_of(exchange: Exchange) -> bytes:
    return decode_statement(decode_envelope(exchange.word).payload).body


def without(exchanges: tuple[Exchange, ...], lied: Exchange, at: int) -> tuple[Exchange, ...]:
    """What was given back, with a lie in the place of the peer's own word of a revision."""

    def stands_there(each: Exchange) -> bool:
        said = decode_statement(decode_envelope(each.word).payload)
        like = decode_statement(decode_envelope(lied.word).payload)
        return (said.sender, said.conversation_id, said.revision) == (
            like.sender,
            like.conversation_id,
            at,
        )

    return tuple(lied if stands_there(each) else each for each in exchanges)


def statement(pair: TwoCenters, number: int) -> Statement:
    """The first word of a conversation that the victim never heard of."""
    now_ms = pair.host.clock.now_ms()
    return Statement(
        sender=pair.host.id,
        recipient=pair.sub.id,
        message_id=pair.host.random.bytes(16),
        conversation_id=pair.host.random.bytes(16),
        revision=number,
        previous_hash=b"",
        answers_hash=b"",
        sent_at_ms=now_ms,
        expires_at_ms=now_ms + HOUR_MS,
        agreement_id=b"",
        log_size=0,
        log_root=b"",
        body=encode_word(START),
    )


async def test_a_word_that_had_no_place_proves_no_loss() -> None:
    async with two_centers() as pair:
        keeper, nurse = Keeper(pair.host, pair.sub), Nurse(pair, pair.sub)
        await keeper.tell(TEST, START)
        for forged in ({"previous_hash": bytes(32)}, {"revision": 1}, {"revision": FAR}):
            await keeper.tell(TEST, OTHER, **forged)
        await keeper.tell(b"", START)
        gives_back(nurse, lambda _: tuple(keeper.kept))
        before = await told(pair.sub)
        await pair.sub.do(lambda desk: desk.ledger.suspect(pair.host.id, 1_000, desk.now_ms))
        assert await nurse.recovery.round() == WHOLE
        (row,) = await pair.sub.do(lambda desk: desk.ledger.asked())
        assert row.state is Asking.DENIED, "a liar stops the work with itself alone"
        assert await told(pair.sub) == before


async def test_a_word_in_the_place_of_another_is_not_heard_because_it_is_given_back() -> None:
    async with two_centers() as pair:
        keeper, nurse = Keeper(pair.host, pair.sub), Nurse(pair, pair.sub)
        agreement = await pair.agree()
        talk = await ask(pair, agreement)
        await say(pair, pair.sub, talk, YES)
        copy = await nurse.backup()
        await say(pair, pair.host, talk, ABORT)
        receipt = await keeper.tell(talk, CONFIRM, revision=2)
        assert receipt.outcome is Outcome.STALE, "and the sub's signature is on it"
        (lied,) = keeper.kept
        gives_back(nurse, lambda given: without(given, lied, at=2))
        await nurse.restore(copy)
        await nurse.lose()
        assert await nurse.heal() == WHOLE
        assert await pair.sub.phase(talk) == PROMISED


async def test_a_word_without_receipt_has_to_be_in_the_chain_of_those_that_were_heard() -> None:
    async with two_centers() as pair:
        keeper, nurse = Keeper(pair.host, pair.sub), Nurse(pair, pair.sub)
        agreement = await pair.agree()
        talk = await ask(pair, agreement)
        await say(pair, pair.sub, talk, YES)
        copy = await nurse.backup()
        await say(pair, pair.host, talk, CONFIRM)
        await say(pair, pair.host, talk, MOVE)
        await say(pair, pair.sub, talk, Consent(bytes(16), Answer.NO, reason="full"))
        assert await phases(pair, talk) == [CONFIRMED, CONFIRMED]
        await keeper.tell(talk, ABORT, revision=2)
        lied = replace(keeper.kept[0], receipt=b"")
        gives_back(nurse, lambda given: without(given, lied, at=2))
        await nurse.restore(copy)
        await nurse.lose()
        assert await nurse.heal() == WHOLE
        heard = await pair.sub.sql("SELECT envelope FROM heard WHERE conversation = ?", talk)
        assert (lied.word,) not in heard


async def test_two_words_of_one_name_do_not_keep_a_center_from_all_others() -> None:
    async with two_centers() as pair:
        keeper, nurse = Keeper(pair.host, pair.sub), Nurse(pair, pair.sub)
        copy = await nurse.backup()
        await keeper.tell(TEST, START, message_id=TEST)
        await nurse.restore(copy)
        await keeper.tell(TEST[::-1], OTHER, message_id=TEST)  # the first is forgotten
        await nurse.restore(copy)
        gives_back(nurse, lambda _: tuple(keeper.kept))
        await nurse.lose()
        assert await nurse.recovery.round() == WHOLE
        assert await pair.sub.sql("SELECT count(*) FROM heard") == [(1,)]
        (ended,) = nurse.ended
        assert len(ended.gaps) == 1


async def test_a_conversation_with_another_center_is_not_this_ones_to_go_on_with() -> None:
    async with two_centers() as pair:
        keeper, nurse = Keeper(pair.host, pair.sub), Nurse(pair, pair.sub)
        copy = await nurse.backup()
        await keeper.tell(TEST, START)
        await nurse.restore(copy)
        # The same id was another center's all along.
        await keeper.tell(TEST, START)
        await pair.sub.do(
            lambda desk: desk.ledger.connection.execute(
                "UPDATE conversation SET peer = ?", (THIRD,)
            )
        )
        await pair.sub.do(lambda desk: desk.ledger.connection.execute("DELETE FROM heard"))
        before = await pair.sub.sql("SELECT * FROM conversation")
        gives_back(nurse, lambda _: tuple(keeper.kept))
        await nurse.lose()
        assert await nurse.recovery.round() == WHOLE
        assert await pair.sub.sql("SELECT * FROM conversation") == before


class Slow:
    """A line on which a reply is under way while something happens."""

    def __init__(self, line: Any, happens: Callable[[], Any]) -> None:
        self._line = line
        self._happens = happens

    def __getattr__(self, name: str) -> Any:
        return getattr(self._line, name)

    async def deliver(self, peer: CenterId, call: bytes) -> bytes:
        reply: bytes = await self._line.deliver(peer, call)
        await self._happens()
        return reply


async def test_a_receipt_that_comes_during_a_recovery_does_not_stop_it() -> None:
    async with two_centers() as pair:
        nurse = Nurse(pair, pair.sub)
        agreement = await pair.agree()
        talk = await ask(pair, agreement)
        asked = pair.sub.outbox.ask

        async def reached(peer: CenterId, question: object) -> object:
            if peer == THIRD:
                raise Unreachable("away")
            return await asked(peer, question)

        async def notice() -> None:
            nurse.recovery._ask = reached
            await pair.sub.do(
                lambda desk: desk.ledger.lost([pair.host.id, CenterId(THIRD)], "x", desk.now_ms)
            )
            assert (await nurse.recovery.round()).recovering

        line = pair.sub.outbox._transport
        await pair.sub.do(lambda desk: desk.say(ConversationId(talk), YES))
        pair.sub.outbox._transport = Slow(line, notice)
        await pair.sub.outbox.deliver(pair.host.id)
        pair.sub.outbox._transport = line
        assert await nurse.recovery.go_on_without(CenterId(THIRD))
        assert not (await nurse.recovery.round()).recovering
        assert await phases(pair, talk) == [PROMISED, PROMISED]


async def test_a_peer_that_gives_back_without_end_fills_no_disk() -> None:
    async with two_centers() as pair:
        nurse = Nurse(pair, pair.sub)
        asked = 0

        async def endless(_peer: CenterId, question: object) -> object:
            nonlocal asked
            asked += 1
            assert isinstance(question, OwnWordsQuestion)
            items = [
                (PAYLOAD_TYPES[type(START)], encode_statement(statement(pair, at)))
                for at in range(FAR)
            ]
            words = [encode_envelope(each) for each in pair.host.sign(items)]
            return OwnWordsAnswer(
                exchanges=tuple(Exchange(word, b"") for word in words),
                heard_to=question.heard_after + 1,
                said_to=0,
                more=True,
                words_heard=0,
                yours=(),
                mine=(),
            )

        nurse.recovery._ask = endless
        await nurse.lose()
        for _ in range(3):
            assert (await nurse.recovery.round()).recovering
        ((kept,),) = await pair.sub.sql("SELECT count(*) FROM given_back")
        assert FAR < kept <= MAX_UNANSWERED
        assert await nurse.recovery.go_on_without(pair.host.id)
        assert not (await nurse.recovery.standing()).recovering


async def test_a_page_that_leads_no_further_is_no_answer() -> None:
    async with two_centers() as pair:
        nurse = Nurse(pair, pair.sub)
        await pair.agree()
        asked = pair.sub.outbox.ask
        count = 0

        async def again(peer: CenterId, question: object) -> object:
            nonlocal count
            count += 1
            answer = await asked(peer, question)
            assert isinstance(answer, OwnWordsAnswer)
            return replace(answer, more=True)

        nurse.recovery._ask = again
        await nurse.lose()
        assert (await nurse.recovery.round()).recovering
        assert count <= 2, "the second page began where the first had"
        assert "no further" in nurse.recovery.missed[pair.host.id]


async def test_a_slow_peer_that_is_left_out_holds_nobody_up() -> None:
    async with two_centers() as pair:
        nurse = Nurse(pair, pair.sub)
        agreement = await pair.agree()
        talk = await ask(pair, agreement)
        copy = await nurse.backup()
        await say(pair, pair.sub, talk, YES)
        await nurse.restore(copy)
        asked, slow = pair.sub.outbox.ask, asyncio.Event()

        async def answered(peer: CenterId, question: object) -> object:
            if peer == THIRD:
                await slow.wait()
                raise Unreachable("away")
            return await asked(peer, question)

        nurse.recovery._ask = answered
        await pair.sub.do(
            lambda desk: desk.ledger.lost([CenterId(THIRD), pair.host.id], "x", desk.now_ms)
        )
        async with asyncio.TaskGroup() as group:
            ending = group.create_task(nurse.recovery.round())
            while not await pair.sub.sql("SELECT 1 FROM recovery WHERE state = 'ANSWERED'"):
                pass
            assert await nurse.recovery.go_on_without(CenterId(THIRD))
            assert not (await nurse.recovery.standing()).recovering
            assert await phases(pair, talk) == [PROMISED, PROMISED]
            slow.set()
        assert not ending.result().recovering


async def test_a_cosigned_head_proves_a_loss_although_no_word_is_shown() -> None:
    async with two_centers() as pair:
        nurse = Nurse(pair, pair.sub)
        agreement = await pair.agree()
        talk = await ask(pair, agreement)
        copy = await nurse.backup()
        await say(pair, pair.sub, talk, YES)
        await nurse.greet()
        await nurse.restore(copy)
        gives_back(nurse, lambda _: ())
        await pair.sub.do(lambda desk: desk.ledger.suspect(pair.host.id, 1, desk.now_ms))
        standing = await nurse.recovery.round()
        assert standing.recovering
        assert standing.epoch_needed
