"""A pinned peer that misbehaves, over real gRPC: exact outcomes, nothing changed, counted."""

from collections.abc import AsyncIterator
from dataclasses import replace

import grpc
import pytest

from federation.ids import ConversationId
from federation.protocol import agreement, peering
from federation.protocol.conversation import REFUSED
from federation.transport import limits, server
from federation.trust.envelope import Envelope, Verifier
from federation.trust.suite import INTL_1
from federation.wire.envelopes import (
    MAX_CALL_BYTES,
    RECEIPT_TYPE,
    Outcome,
    Receipt,
    Statement,
    Witnessing,
    decode_delivery_reply,
    decode_receipt,
    decode_statement,
    encode_delivery,
)
from tests.protocol import samples
from tests.support.grpc_pair import (
    Dump,
    GrpcNode,
    Party,
    call,
    channel_of,
    read_all,
    running,
)

SIGNED = agreement.DocumentSignature("intl-1", bytes(16), bytes(64))
PROPOSE = agreement.Propose(document=b"terms", signatures=(SIGNED,))
WITHDRAW = agreement.Withdraw(reason="a mistake")
SIGN = agreement.Sign(document_digest=bytes(32), signatures=(SIGNED,))
START = peering.StartTest(bytes(32), ())


class Hostile:
    """The victim, the peer and its line to the victim."""

    def __init__(self, node: GrpcNode, party: Party, channel: grpc.aio.Channel) -> None:
        self.node = node
        self.party = party
        self.channel = channel

    async def send(self, method: str, raw: bytes) -> None:
        """Call any method with bytes."""
        if method == "Follow":
            await read_all(self.channel, raw)
        else:
            await call(self.channel, method, raw)

    async def deliver(self, *envelopes: Envelope) -> list[tuple[Envelope, Statement, Receipt]]:
        """Deliver, and take the receipts apart once they are known to be good."""
        reply = await call(self.channel, "Deliver", encode_delivery(envelopes, Witnessing()))
        receipts, _ = decode_delivery_reply(reply)
        self.check_signatures(receipts)
        statements = [decode_statement(receipt.payload) for receipt in receipts]
        return [
            (receipt, statement, decode_receipt(statement.body))
            for receipt, statement in zip(receipts, statements, strict=True)
        ]

    async def refused(self, envelope: Envelope) -> Receipt:
        ((_, statement, receipt),) = await self.deliver(envelope)
        assert statement.recipient == self.party.center
        assert receipt.outcome is Outcome.REFUSED
        ((peer, kind, counted),) = self.node.watched.receipts[-1:]
        assert (peer, kind, counted) == (self.party.center, envelope.payload_type, receipt)
        return receipt

    def check_signatures(self, receipts: list[Envelope]) -> None:
        verifier = Verifier()
        for receipt in receipts:
            assert receipt.payload_type == RECEIPT_TYPE
            verifier.check(INTL_1, receipt, self.node.party.descriptor_key)

    async def turned_away(self, method: str, raw: bytes, cause: str) -> None:
        """Send bytes: the constant text, nothing changed, counted once under ``cause``."""
        before = await self.node.dump()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await self.send(method, raw)
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
        assert caught.value.details() == server.NOT_AUTHENTICATED
        assert self.node.watched.refusals == [(method, cause)]
        assert self.node.watched.receipts == []
        assert self.node.watched.calls == []
        assert await self.node.dump() == before


@pytest.fixture(name="hostile")
async def _hostile() -> AsyncIterator[Hostile]:
    async with running("victim") as node:
        party = Party.named("hostile")
        node.keyring.pin(party.at(1))
        async with channel_of(party, node.descriptor) as channel:
            yield Hostile(node, party, channel)


def changed(before: Dump, after: Dump) -> set[str]:
    return {name for name in before if before[name] != after[name]}


METHODS = ("Hello", "Deliver", "Query", "Follow")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("raw", [b"garbage", b"\xff" * 64, b"\x0a\x02\x0a\x00"])
async def test_garbage_is_turned_away(hostile: Hostile, method: str, raw: bytes) -> None:
    await hostile.turned_away(method, raw, "unparsable")


@pytest.mark.parametrize("method", METHODS)
async def test_an_empty_message_is_turned_away(hostile: Hostile, method: str) -> None:
    await hostile.turned_away(method, b"", "unparsable")


@pytest.mark.parametrize("method", METHODS)
async def test_a_call_just_too_large_is_turned_away_and_counted(
    hostile: Hostile, method: str
) -> None:
    await hostile.turned_away(method, bytes(MAX_CALL_BYTES + 1), "oversized")


@pytest.mark.parametrize("method", METHODS)
async def test_a_call_far_too_large_is_refused_by_grpc_before_we_see_it(
    hostile: Hostile, method: str
) -> None:
    before = await hostile.node.dump()
    raw = bytes(limits.MAX_MESSAGE_BYTES + 1)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await hostile.send(method, raw)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert hostile.node.watched.refusals == []
    assert await hostile.node.dump() == before


async def test_an_unsigned_word_is_turned_away(hostile: Hostile) -> None:
    envelope = replace(hostile.party.says(hostile.node.center, PROPOSE), signature=b"")
    raw = encode_delivery([envelope], Witnessing())
    await hostile.turned_away("Deliver", raw, "unparsable")


async def test_a_wrong_signature_is_turned_away(hostile: Hostile) -> None:
    envelope = replace(hostile.party.says(hostile.node.center, PROPOSE), signature=bytes(64))
    raw = encode_delivery([envelope], Witnessing())
    await hostile.turned_away("Deliver", raw, "bad_signature")


async def test_a_tampered_payload_is_turned_away(hostile: Hostile) -> None:
    envelope = hostile.party.says(hostile.node.center, PROPOSE)
    tampered = replace(envelope, payload=envelope.payload.replace(b"terms", b"farms"))
    assert tampered != envelope
    raw = encode_delivery([tampered], Witnessing())
    await hostile.turned_away("Deliver", raw, "bad_signature")


async def test_a_payload_type_that_was_not_signed_is_turned_away(hostile: Hostile) -> None:
    envelope = hostile.party.says(hostile.node.center, PROPOSE)
    other = hostile.party.says(hostile.node.center, WITHDRAW).payload_type
    raw = encode_delivery([replace(envelope, payload_type=other)], Witnessing())
    await hostile.turned_away("Deliver", raw, "bad_signature")


async def test_one_bad_word_among_good_ones_turns_the_whole_call_away(hostile: Hostile) -> None:
    good = hostile.party.says(hostile.node.center, PROPOSE)
    bad = replace(hostile.party.says(hostile.node.center, PROPOSE), signature=bytes(64))
    raw = encode_delivery([good, bad], Witnessing())
    await hostile.turned_away("Deliver", raw, "bad_signature")


async def test_words_of_an_unknown_center_are_turned_away(hostile: Hostile) -> None:
    envelope = Party.named("nobody").says(hostile.node.center, PROPOSE)
    raw = encode_delivery([envelope], Witnessing())
    await hostile.turned_away("Deliver", raw, "unknown_sender")


async def test_words_under_an_unknown_key_are_turned_away(hostile: Hostile) -> None:
    envelope = replace(hostile.party.says(hostile.node.center, PROPOSE), key_id=bytes(16))
    raw = encode_delivery([envelope], Witnessing())
    await hostile.turned_away("Deliver", raw, "unknown_key")


async def test_words_of_one_peer_on_the_line_of_another_are_turned_away(
    hostile: Hostile,
) -> None:
    other = Party.named("other")
    hostile.node.keyring.pin(other.at(1))
    envelope = other.says(hostile.node.center, PROPOSE)
    raw = encode_delivery([envelope], Witnessing())
    await hostile.turned_away("Deliver", raw, "wrong_certificate")


async def test_sixty_five_envelopes_are_turned_away_and_sixty_four_are_not(
    hostile: Hostile,
) -> None:
    words = [hostile.party.says(hostile.node.center, PROPOSE) for _ in range(65)]
    await hostile.turned_away("Deliver", encode_delivery(words, Witnessing()), "unparsable")
    answers = await hostile.deliver(*words[:64])
    assert {receipt.outcome for *_, receipt in answers} == {Outcome.ACCEPTED}


async def test_a_call_without_envelopes_is_turned_away(hostile: Hostile) -> None:
    raw = encode_delivery([], Witnessing("note", 0, (), ""))
    await hostile.turned_away("Deliver", raw, "unparsable")


async def test_a_word_for_another_center_gets_a_signed_refusal_and_changes_nothing(
    hostile: Hostile,
) -> None:
    before = await hostile.node.dump()
    other = Party.named("other").center
    receipt = await hostile.refused(hostile.party.says(other, PROPOSE))
    assert receipt.reason == "WRONG_RECIPIENT"
    assert await hostile.node.dump() == before


async def test_a_word_that_is_not_fresh_gets_a_signed_refusal_and_changes_nothing(
    hostile: Hostile,
) -> None:
    before = await hostile.node.dump()
    receipt = await hostile.refused(
        hostile.party.says(hostile.node.center, PROPOSE, expires_at_ms=1)
    )
    assert receipt.reason == "NOT_FRESH"
    receipt = await hostile.refused(
        hostile.party.says(hostile.node.center, PROPOSE, sent_at_ms=1 << 50)
    )
    assert receipt.reason == "NOT_FRESH"
    assert await hostile.node.dump() == before


async def test_a_replayed_word_gets_the_stored_receipt_byte_for_byte(hostile: Hostile) -> None:
    envelope = hostile.party.says(hostile.node.center, PROPOSE)
    ((first, _, receipt),) = await hostile.deliver(envelope)
    assert receipt.outcome is Outcome.ACCEPTED
    before = await hostile.node.dump()
    for _ in range(3):
        ((again, _, _),) = await hostile.deliver(envelope)
        assert again.payload == first.payload
    assert await hostile.node.dump() == before
    assert [item.detail for _, _, item in hostile.node.watched.receipts] == [
        "",
        *["duplicate"] * 3,
    ]


async def test_a_message_id_used_twice_is_refused_and_changes_nothing(hostile: Hostile) -> None:
    await hostile.deliver(hostile.party.says(hostile.node.center, PROPOSE, message_id=bytes(16)))
    before = await hostile.node.dump()
    receipt = await hostile.refused(
        hostile.party.says(hostile.node.center, START, message_id=bytes(16))
    )
    assert receipt.reason == "MALFORMED"
    assert await hostile.node.dump() == before


async def test_words_in_the_wrong_order_are_a_gap_and_are_accepted_in_the_right_one(
    hostile: Hostile,
) -> None:
    party, node = hostile.party, hostile.node
    conversation = ConversationId(bytes(16))
    first = party.says(node.center, PROPOSE, conversation_id=conversation)
    second = party.says(
        node.center,
        WITHDRAW,
        conversation_id=conversation,
        revision=2,
        previous_hash=node.negotiator.doorkeeper.admit(
            first, party.tls.certificate, node.negotiator.clock.now_ms()
        ).hash,
    )
    before = await node.dump()
    ((_, _, gap),) = await hostile.deliver(second)
    assert gap.outcome is Outcome.GAP
    assert await node.dump() == before
    answers = await hostile.deliver(first, second)
    assert [receipt.outcome for *_, receipt in answers] == [Outcome.ACCEPTED] * 2
    known = await node.conversation(conversation)
    assert known is not None
    assert (known.phase, known.heard) == (agreement.WITHDRAWN, 2)
    assert [item.outcome for *_, item in node.watched.receipts] == [
        Outcome.GAP,
        Outcome.ACCEPTED,
        Outcome.ACCEPTED,
    ]


async def test_a_word_that_does_not_follow_from_the_last_is_refused(hostile: Hostile) -> None:
    party, node = hostile.party, hostile.node
    await hostile.deliver(party.says(node.center, PROPOSE, conversation_id=bytes(16)))
    before = await node.dump()
    receipt = await hostile.refused(
        party.says(
            node.center,
            WITHDRAW,
            conversation_id=bytes(16),
            revision=2,
            previous_hash=bytes(32),
        )
    )
    assert receipt.reason == "MALFORMED"
    assert await node.dump() == before


async def test_a_word_out_of_turn_is_refused_and_the_refusal_is_kept(hostile: Hostile) -> None:
    before = await hostile.node.dump()
    envelope = hostile.party.says(hostile.node.center, SIGN, conversation_id=bytes(16))
    receipt = await hostile.refused(envelope)
    assert (receipt.reason, receipt.phase) == ("OUT_OF_TURN", REFUSED)
    after = await hostile.node.dump()
    kept = {"conversation", "heard", "tally", "log_entry"}
    assert changed(before, after) == kept
    assert len(after["heard"]) == 1
    assert len(after["log_entry"]) == 1


@pytest.mark.parametrize("agreement_id", [b"", bytes(32)])
async def test_a_booking_without_an_agreement_is_refused_and_reserves_nothing(
    hostile: Hostile, agreement_id: bytes
) -> None:
    before = await hostile.node.dump()
    receipt = await hostile.refused(
        hostile.party.says(hostile.node.center, samples.HOLD, agreement_id=agreement_id)
    )
    assert (receipt.reason, receipt.phase) == ("NO_AGREEMENT", REFUSED)
    kept = {"conversation", "heard", "tally", "log_entry"}
    assert changed(before, await hostile.node.dump()) - {"log_node"} == kept


async def test_words_in_the_conversation_of_another_peer_are_refused_and_change_nothing(
    hostile: Hostile,
) -> None:
    node = hostile.node
    other = Party.named("other")
    node.keyring.pin(other.at(1))
    async with channel_of(other, node.descriptor) as channel:
        theirs = Hostile(node, other, channel)
        await theirs.deliver(other.says(node.center, PROPOSE, conversation_id=bytes(16)))
    before = await node.dump()
    for revision in (1, 2):
        receipt = await hostile.refused(
            hostile.party.says(node.center, WITHDRAW, conversation_id=bytes(16), revision=revision)
        )
        assert receipt.reason == "OUT_OF_TURN"
        # Only our own checkpoint, signed to be shown to this peer, is new.
        assert changed(before, await node.dump()) <= {"checkpoint"}
    known = await node.conversation(ConversationId(bytes(16)))
    assert known is not None
    assert (known.peer, known.phase) == (other.center, agreement.PROPOSED)
