"""A host's decision, brought by whoever has it: kept, handed over, compared, and held against it.

The co-participant is a pinned center that is not there; what it hands over is signed by the real
host for it, and passes through all that the node verifies.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import pytest

from federation.engine.identity import WORD_LASTS_MS
from federation.ids import CenterId
from federation.ports import Unreachable
from federation.protocol import booking
from federation.protocol.booking import Complete, Decide, Decision, Settle
from federation.protocol.conversation import Word
from federation.wire.envelopes import (
    Outcome,
    Statement,
    decode_envelope,
    decode_statement,
    encode_envelope,
    encode_statement,
)
from federation.wire.questions import DecisionAnswer, DecisionQuestion
from federation.wire.words import PAYLOAD_TYPES, decode_word, encode_word
from node.services.decisions import COMPARE_AFTER_MS, TWO_DECISIONS
from node.services.house import Desk
from node.store import decisions, todos, venues
from tests.support.identities import Stranger, stranger
from tests.support.liar import Liar
from tests.support.pair import HOUR_MS, Center, SeededRandom, TwoCenters, two_centers
from tests.support.plain import ID, hold, plain_bundle
from tests.support.planning import Office, Offices, seated, vote

CONFIRM, ABORT = Decision
PROMISE_MS: Final = 2 * HOUR_MS


class Third:
    """The other sub: known to both, never there; tests say what it answers."""

    def __init__(self, pair: TwoCenters, offices: Offices) -> None:
        self.pair = pair
        self.offices = offices
        self.who: Stranger = stranger(SeededRandom("third").bytes, "third", pair.watch.now_ms)
        self.answers: Sequence[bytes] | None = None
        self.asked: list[tuple[CenterId, object]] = []
        pair.sub.keyring.pin(self.who.descriptor)
        for office in (offices.sub, offices.host):
            office.bookings.decisions.bind(office.center.negotiator, self.ask, office.bookings)

    async def ask(self, peer: CenterId, question: object) -> object:
        self.asked.append((peer, question))
        if peer != self.who.center or self.answers is None:
            raise Unreachable(f"{peer} is not there")
        return DecisionAnswer(tuple(self.answers))

    def told(
        self,
        bundle: bytes,
        decision: Decision,
        *,
        by: Center | None = None,
        to: str = "",
        word: Word | None = None,
    ) -> bytes:
        """An envelope with which the host told the third its decision."""
        speaker = by or self.pair.host
        said = word or Decide(bundle, decision)
        now_ms = self.pair.watch.now_ms
        statement = Statement(
            sender=speaker.id,
            recipient=to or self.who.center,
            message_id=speaker.random.bytes(16),
            conversation_id=speaker.random.bytes(16),
            revision=2,
            previous_hash=bytes(32),
            answers_hash=b"",
            sent_at_ms=now_ms,
            expires_at_ms=now_ms + WORD_LASTS_MS,
            agreement_id=bytes(32),
            log_size=0,
            log_root=b"",
            body=encode_word(said),
        )
        (envelope,) = speaker.sign([(PAYLOAD_TYPES[type(said)], encode_statement(statement))])
        return encode_envelope(envelope)


async def _promised(pair: TwoCenters, offices: Offices) -> tuple[Third, bytes]:
    """Both subs were asked, ours has said yes and waits; answers (third, booking)."""
    third = Third(pair, offices)
    agreement = await pair.agree(vote_ms=3 * HOUR_MS, decide_ms=PROMISE_MS)
    await seated(offices)
    word = hold(pair, participants=(pair.sub.id, third.who.center))

    def ask(desk: Desk) -> bytes:
        plain_bundle(desk, ID)
        return desk.open(pair.sub.id, agreement, word).conversation.id

    booking_id = await pair.host.do(ask)
    await pair.settle()
    await vote(offices, booking_id, yes=True)
    assert await pair.sub.phase(booking_id) == booking.PROMISED
    return third, booking_id


async def _seats(pair: TwoCenters, booking_id: bytes) -> int:
    return len(await pair.sub.do(lambda desk: venues.held(desk.ledger.connection, booking_id)))


async def _todos(center: Center) -> list[str]:
    found = await center.do(lambda desk: todos.open_for(desk.ledger.connection, "staff"))
    return [each.kind for each in found]


async def _kept(pair: TwoCenters) -> list[tuple[Decision, CenterId]]:
    known = await pair.sub.do(
        lambda desk: decisions.on(desk.ledger.connection, pair.host.id, ID, b"")
    )
    return [(each.decision, each.brought_by) for each in known]


@pytest.mark.parametrize("in_doubt", [False, True])
async def test_a_sub_takes_the_decision_from_a_co_participant(in_doubt: bool) -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        third, booking_id = await _promised(pair, offices)
        await pair.sub.outbox.deliver(pair.host.id)  # the host has decided, and cannot tell
        pair.cut()
        if in_doubt:
            await pair.later(PROMISE_MS)
            assert await pair.sub.phase(booking_id) == booking.IN_DOUBT
        third.answers = [third.told(ID, CONFIRM)]
        await pair.later(HOUR_MS)
        assert await pair.sub.phase(booking_id) == booking.CONFIRMED
        assert await _todos(pair.sub) == ["prepare_booking"]
        assert await _kept(pair) == [(CONFIRM, third.who.center)]
        pair.restore()
        await pair.settle()
        assert await pair.sub.phase(booking_id) == booking.CONFIRMED
        assert await _seats(pair, booking_id) == 3
        assert await _todos(pair.sub) == ["prepare_booking"]


async def test_an_abort_that_was_handed_over_frees_the_seats_and_comes_twice() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        third, booking_id = await _promised(pair, offices)
        pair.cut()
        third.answers = [third.told(ID, ABORT)]
        await pair.later(PROMISE_MS)
        assert await pair.sub.phase(booking_id) == booking.RELEASED
        assert await _seats(pair, booking_id) == 0
        receipt = await Liar(pair.host, pair.sub).tell(booking_id, Decide(ID, ABORT))
        assert receipt.outcome is Outcome.ACCEPTED
        assert await pair.sub.phase(booking_id) == booking.RELEASED
        assert TWO_DECISIONS not in await _todos(pair.sub)


async def test_nobody_is_asked_before_half_of_the_promise_is_over() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        third, _ = await _promised(pair, offices)
        pair.cut()
        await pair.later(PROMISE_MS // 2 - 1)
        assert third.asked == []
        await pair.later(1)
        question = DecisionQuestion(ID)
        assert third.asked == [(pair.host.id, question), (third.who.center, question)]


async def test_what_is_not_the_hosts_decision_on_this_bundle_means_nothing() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        third, booking_id = await _promised(pair, offices)
        pair.cut()
        other = bytes(15) + b"1"
        good = decode_envelope(third.told(ID, CONFIRM))
        third.answers = [
            third.told(ID, CONFIRM, by=pair.sub),  # the wrong center's
            third.told(other, CONFIRM),  # another bundle's
            third.told(ID, CONFIRM, to="lp1" + "q" * 32),  # told to nobody of this bundle
            third.told(ID, CONFIRM, word=Complete(ID)),  # no decision
            third.told(ID, CONFIRM, word=Settle(other, CONFIRM)),  # on a change
            encode_envelope(replace(good, payload=good.payload + b"x")),  # changed on the way
            b"no envelope",
        ]
        await pair.later(PROMISE_MS)
        assert await pair.sub.phase(booking_id) == booking.IN_DOUBT
        assert await _kept(pair) == []
        third.answers = [*third.answers, encode_envelope(good)]
        await pair.later(HOUR_MS)
        assert await pair.sub.phase(booking_id) == booking.CONFIRMED


async def test_two_decisions_of_a_host_are_kept_and_reported_and_the_first_stands() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        third, booking_id = await _promised(pair, offices)
        third.answers = [third.told(ID, ABORT)]
        await pair.settle()
        assert await pair.sub.phase(booking_id) == booking.CONFIRMED
        await pair.later(COMPARE_AFTER_MS)
        assert await pair.sub.phase(booking_id) == booking.CONFIRMED
        assert await _kept(pair) == [(CONFIRM, pair.host.id), (ABORT, third.who.center)]
        assert TWO_DECISIONS in await _todos(pair.sub)
        assert await _seats(pair, booking_id) == 3


async def test_a_host_that_says_both_to_one_sub_is_refused_and_kept() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        _, booking_id = await _promised(pair, offices)
        await pair.settle()
        receipt = await Liar(pair.host, pair.sub).tell(booking_id, Decide(ID, ABORT))
        assert (receipt.outcome, receipt.reason) == (Outcome.REFUSED, "CONFLICT")
        assert await _kept(pair) == [(CONFIRM, pair.host.id), (ABORT, pair.host.id)]
        assert TWO_DECISIONS in await _todos(pair.sub)
        assert await pair.sub.phase(booking_id) == booking.CONFIRMED


async def test_a_confirmation_after_an_abort_is_kept_as_proof_too() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        _, booking_id = await _promised(pair, offices)
        liar = Liar(pair.host, pair.sub)
        assert (await liar.tell(booking_id, Decide(ID, ABORT))).outcome is Outcome.ACCEPTED
        assert (await liar.tell(booking_id, Decide(ID, CONFIRM))).outcome is Outcome.REFUSED
        assert await _kept(pair) == [(ABORT, pair.host.id), (CONFIRM, pair.host.id)]
        assert TWO_DECISIONS in await _todos(pair.sub)
        assert await _seats(pair, booking_id) == 0


async def test_a_decision_is_handed_over_to_participants_only() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        third, booking_id = await _promised(pair, offices)
        await pair.settle()

        async def tells(office: Office, peer: CenterId, bundle: bytes = ID) -> int:
            answer = await office.center.do(
                lambda desk: office.bookings.decisions.answer(desk, peer, DecisionQuestion(bundle))
            )
            for raw in answer.envelopes:
                statement = decode_statement(decode_envelope(raw).payload)
                word = decode_word(PAYLOAD_TYPES[Decide], statement.body)
                assert (statement.sender, word) == (pair.host.id, Decide(ID, CONFIRM))
            return len(answer.envelopes)

        assert await tells(offices.host, pair.sub.id) == 1
        assert await tells(offices.host, third.who.center) == 1
        assert await tells(offices.sub, third.who.center) == 1
        assert await tells(offices.sub, CenterId("lp1" + "q" * 32)) == 0
        assert await tells(offices.sub, third.who.center, bytes(15) + b"1") == 0
        assert await pair.sub.phase(booking_id) == booking.CONFIRMED


async def test_a_decision_is_asked_for_and_told_over_the_wire() -> None:
    """What the sub asks the host is answered with the very envelope that the host had signed."""
    offices = Offices()
    async with two_centers(offices) as pair:
        await _promised(pair, offices)
        await pair.settle()
        answer = await pair.sub.outbox.ask(pair.host.id, DecisionQuestion(ID))
        assert isinstance(answer, DecisionAnswer)
        (raw,) = answer.envelopes
        (kept,) = await pair.sub.do(
            lambda desk: decisions.on(desk.ledger.connection, pair.host.id, ID, b"")
        )
        assert decode_envelope(raw).payload == decode_envelope(kept.envelope).payload
