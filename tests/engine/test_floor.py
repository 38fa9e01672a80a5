"""Words said and heard on the floor: order, duplicates, refusals, gaps, agreements."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from typing_extensions import override

from federation.engine.doorkeeper import Visitor
from federation.errors import OutOfTurn, Overtaken, SeatsTaken
from federation.ids import AgreementId, CenterId, ConversationId
from federation.protocol import booking
from federation.protocol.booking import (
    Answer,
    Decide,
    Decision,
    ExpertNeed,
    Hold,
    SelectionMode,
    Vote,
)
from federation.protocol.conversation import REFUSED, Kind
from federation.wire.envelopes import Outcome, Receipt, decode_statement, encode_statement
from node.services.house import Desk
from tests.support.pair import DAY_MS, NOON, Furniture, Mute, TwoCenters, two_centers


class Picky(Mute):
    """Accepts everything until told otherwise."""

    def __init__(self) -> None:
        self.full = False
        self.overtaken = False
        self.refusals: list[Receipt] = []

    @override
    def admit(self, desk: Desk, conversation: Any, word: Any, statement: Any) -> None:
        if self.overtaken:
            raise Overtaken("what it follows from is not here yet")
        if self.full:
            raise SeatsTaken("all seats are taken", clause="seats", alternative="start_ms=1")

    @override
    def refused(self, desk: Desk, conversation: Any, receipt: Receipt) -> None:
        self.refusals.append(receipt)


class Scene:
    """A pair under an agreement, and what their bookings make of words."""

    def __init__(self, pair: TwoCenters, agreement: AgreementId, houses: list[Picky]) -> None:
        self.pair = pair
        self.agreement = agreement
        self.host, self.sub = houses

    async def hold(self) -> ConversationId:
        word = Hold(
            bundle_id=bytes(16),
            participants=(self.pair.sub.id,),
            start_ms=NOON + DAY_MS,
            end_ms=NOON + 2 * DAY_MS,
            seats=1,
            equipment=(),
            overnight=False,
            project_kind="A",
            experts=(ExpertNeed("A08", 1),),
            selection=SelectionMode.CHOSEN,
        )
        said = await self.pair.host.do(
            lambda desk: desk.open(self.pair.sub.id, self.agreement, word)
        )
        return said.conversation.id

    async def first_visitor(self) -> Visitor:
        """The host's oldest pending word, as the sub's doorkeeper sees it."""
        (word, *_) = await self.pair.host.do(
            lambda desk: desk.ledger.pending(self.pair.sub.id, 1, 1 << 20)
        )
        (envelope,) = self.pair.host.sign([(word.payload_type, word.payload)])
        return self.pair.sub.negotiator.doorkeeper.admit(
            envelope, self.pair.host.certificate, self.pair.watch.now_ms
        )

    async def heard(self, visitor: Visitor) -> tuple[bytes, Receipt]:
        return await self.pair.sub.do(lambda desk: desk.hear(visitor))


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    houses: list[Picky] = []

    def furnish(_center: Any) -> Furniture:
        houses.append(Picky())
        return Furniture(reactions={Kind.BOOKING: houses[-1]})

    async with two_centers(furnish) as pair:
        yield Scene(pair, await pair.agree(), houses)


async def test_a_word_is_on_disk_and_in_the_log_before_it_is_sent(scene: Scene) -> None:
    await scene.hold()

    assert await scene.pair.host.sql("SELECT count(*) FROM said WHERE receipt IS NULL") == [(1,)]
    assert await scene.pair.host.sql("SELECT count(*) FROM log_entry") == [(1,)]


async def test_a_duplicate_gets_the_stored_receipt_byte_for_byte(scene: Scene) -> None:
    await scene.hold()
    visitor = await scene.first_visitor()
    first, _ = await scene.heard(visitor)
    scene.pair.watch.pass_ms(DAY_MS)
    second, _ = await scene.heard(visitor)

    assert first == second
    assert await scene.pair.sub.sql("SELECT count(*) FROM heard") == [(1,)]


async def test_one_message_id_is_one_word(scene: Scene) -> None:
    await scene.hold()
    visitor = await scene.first_visitor()
    await scene.heard(visitor)
    other = replace(visitor, hash=bytes(32))

    _, receipt = await scene.heard(other)

    assert (receipt.outcome, receipt.reason) == (Outcome.REFUSED, "MALFORMED")


async def test_a_word_out_of_order_is_a_gap_and_repaired(scene: Scene) -> None:
    conversation = await scene.hold()
    await scene.pair.host.do(
        lambda desk: desk.say(conversation, Decide(bytes(16), Decision.ABORT, "changed our mind"))
    )
    words = await scene.pair.host.do(
        lambda desk: desk.ledger.pending(scene.pair.sub.id, 9, 1 << 20)
    )
    envelopes = scene.pair.host.sign([(w.payload_type, w.payload) for w in words])
    late, early = (
        scene.pair.sub.negotiator.doorkeeper.admit(
            envelope, scene.pair.host.certificate, scene.pair.watch.now_ms
        )
        for envelope in reversed(envelopes)
    )

    assert (await scene.heard(late))[1].outcome is Outcome.GAP
    assert (await scene.heard(early))[1].outcome is Outcome.ACCEPTED
    assert (await scene.heard(late))[1].outcome is Outcome.ACCEPTED
    assert await scene.pair.sub.phase(conversation) == booking.RELEASED


async def test_an_old_revision_under_a_new_id_is_stale(scene: Scene) -> None:
    await scene.hold()
    visitor = await scene.first_visitor()
    await scene.heard(visitor)
    statement = replace(visitor.statement, message_id=b"m" * 16)

    _, receipt = await scene.heard(replace(visitor, statement=statement, hash=b"h" * 32))

    assert receipt.outcome is Outcome.STALE


async def test_a_forked_conversation_is_refused(scene: Scene) -> None:
    conversation = await scene.hold()
    visitor = await scene.first_visitor()
    await scene.heard(visitor)
    forked = replace(visitor.statement, message_id=b"m" * 16, revision=2, previous_hash=bytes(32))

    _, receipt = await scene.heard(replace(visitor, statement=forked, hash=b"h" * 32))

    assert (receipt.outcome, receipt.reason) == (Outcome.REFUSED, "MALFORMED")
    assert await scene.pair.sub.phase(conversation) == booking.HELD


async def test_a_refused_first_word_ends_the_conversation_on_both_sides(scene: Scene) -> None:
    scene.sub.full = True
    conversation = await scene.hold()
    await scene.pair.settle()

    assert await scene.pair.host.phase(conversation) == REFUSED
    assert await scene.pair.sub.phase(conversation) == REFUSED
    (receipt,) = scene.host.refusals
    assert (receipt.reason, receipt.clause, receipt.alternative) == (
        "SEATS_TAKEN", "seats", "start_ms=1",
    )  # fmt: skip


async def test_a_refused_later_word_leaves_the_hearer_where_it_was(scene: Scene) -> None:
    conversation = await scene.hold()
    await scene.pair.settle()
    scene.host.full = True
    await scene.pair.sub.do(lambda desk: desk.say(conversation, Vote(Answer.YES)))
    await scene.pair.settle()

    assert await scene.pair.host.phase(conversation) == booking.HELD
    assert await scene.pair.sub.phase(conversation) == REFUSED


@pytest.mark.parametrize("agreement", [b"", b"a" * 32])
async def test_a_booking_needs_an_agreement_that_is_in_force(
    scene: Scene, agreement: bytes
) -> None:
    await scene.hold()
    visitor = await scene.first_visitor()
    statement = replace(visitor.statement, agreement_id=agreement)

    _, receipt = await scene.heard(replace(visitor, statement=statement))

    assert (receipt.outcome, receipt.reason) == (Outcome.REFUSED, "NO_AGREEMENT")


async def test_an_expired_agreement_is_not_in_force(scene: Scene) -> None:
    await scene.hold()
    scene.pair.watch.pass_ms(400 * DAY_MS)
    visitor = await scene.first_visitor()

    _, receipt = await scene.heard(replace(visitor, problem=None))

    assert (receipt.outcome, receipt.reason) == (Outcome.REFUSED, "NO_AGREEMENT")


async def test_a_conversation_is_between_two(scene: Scene) -> None:
    await scene.hold()
    visitor = await scene.first_visitor()
    await scene.heard(visitor)
    stranger = CenterId("lp1" + "b" * 32)
    statement = replace(visitor.statement, sender=stranger, message_id=b"m" * 16, revision=2)

    _, receipt = await scene.heard(replace(visitor, statement=statement, hash=b"h" * 32))

    assert (receipt.outcome, receipt.reason) == (Outcome.REFUSED, "OUT_OF_TURN")


async def test_an_expired_statement_is_refused_once_heard_for_the_first_time(scene: Scene) -> None:
    await scene.hold()
    scene.pair.watch.pass_ms(40 * DAY_MS)

    _, receipt = await scene.heard(await scene.first_visitor())

    assert (receipt.outcome, receipt.reason) == (Outcome.REFUSED, "NOT_FRESH")


async def test_a_word_of_a_time_to_come_is_left_for_later(scene: Scene) -> None:
    conversation = await scene.hold()
    scene.pair.watch.pass_ms(-DAY_MS)  # the sub's clock is wrong when the word comes

    _, receipt = await scene.heard(await scene.first_visitor())
    assert (receipt.outcome, receipt.reason) == (Outcome.GAP, "NOT_FRESH")
    assert await scene.pair.sub.sql("SELECT count(*) FROM heard") == [(0,)]

    scene.pair.watch.pass_ms(DAY_MS)  # it is set
    assert (await scene.heard(await scene.first_visitor()))[1].outcome is Outcome.ACCEPTED
    assert await scene.pair.sub.phase(conversation) == booking.HELD


async def test_a_word_that_overtook_another_is_left_for_later(scene: Scene) -> None:
    conversation = await scene.hold()
    scene.sub.overtaken = True

    _, receipt = await scene.heard(await scene.first_visitor())
    assert (receipt.outcome, receipt.reason) == (Outcome.GAP, "TOO_EARLY")
    assert await scene.pair.sub.sql("SELECT count(*) FROM heard") == [(0,)]
    assert scene.host.refusals == []

    scene.sub.overtaken = False
    assert (await scene.heard(await scene.first_visitor()))[1].outcome is Outcome.ACCEPTED
    assert await scene.pair.sub.phase(conversation) == booking.HELD


async def test_a_word_of_a_time_far_to_come_is_refused(scene: Scene) -> None:
    await scene.hold()
    scene.pair.watch.pass_ms(-31 * DAY_MS)

    _, receipt = await scene.heard(await scene.first_visitor())

    assert (receipt.outcome, receipt.reason) == (Outcome.REFUSED, "NOT_FRESH")


async def test_nobody_speaks_in_a_conversation_that_is_not_there(scene: Scene) -> None:
    with pytest.raises(OutOfTurn, match="no conversation"):
        await scene.pair.host.do(lambda desk: desk.say(ConversationId(bytes(16)), Vote(Answer.YES)))


async def test_a_statement_carries_the_log_that_it_was_said_over(scene: Scene) -> None:
    await scene.hold()
    await scene.hold()
    words = await scene.pair.host.do(
        lambda desk: desk.ledger.pending(scene.pair.sub.id, 9, 1 << 20)
    )
    sizes = [decode_statement(word.payload).log_size for word in words]

    assert sizes == [0, 1]
    assert all(encode_statement(decode_statement(word.payload)) == word.payload for word in words)
