"""Receipts that lie: none of them counts, none stops the outbox from trying again."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import pytest

from federation.engine.identity import WORD_LASTS_MS
from federation.ids import ConversationId
from federation.protocol.booking import Check
from federation.protocol.peering import TESTING, StartTest
from federation.trust.envelope import Envelope, envelope_hash
from federation.trust.suite import INTL_1
from federation.wire.envelopes import (
    RECEIPT_TYPE,
    Outcome,
    Receipt,
    Statement,
    Witnessing,
    decode_delivery,
    decode_statement,
    encode_delivery_reply,
    encode_receipt,
    encode_statement,
)
from federation.wire.words import payload_type
from node.services.house import Desk
from tests.support.pair import Center, TwoCenters, two_centers

CHECKS: Final = (Check("clock_skew", passed=True, measured="0 ms"),)
Forge = Callable[[Center, list[Envelope]], list[Envelope]]


class Forger:
    """Takes the place of a negotiator: answers deliveries as it likes, with its good key."""

    def __init__(self, center: Center, forge: Forge) -> None:
        self._center = center
        self._forge = forge

    async def deliver(self, raw: bytes, _certificate: bytes) -> bytes:
        envelopes, _ = decode_delivery(raw)
        return encode_delivery_reply(self._forge(self._center, envelopes), Witnessing())


def receipt(
    center: Center, word: Envelope, *, kind: str = RECEIPT_TYPE, **forged: object
) -> tuple[str, bytes]:
    heard = decode_statement(word.payload)
    now_ms = center.clock.now_ms()
    usual = Statement(
        sender=center.id,
        recipient=heard.sender,
        message_id=bytes(16),
        conversation_id=heard.conversation_id,
        revision=0,
        previous_hash=b"",
        answers_hash=envelope_hash(INTL_1, word.payload_type, word.payload),
        sent_at_ms=now_ms,
        expires_at_ms=now_ms + WORD_LASTS_MS,
        agreement_id=b"",
        log_size=0,
        log_root=b"",
        body=encode_receipt(Receipt(Outcome.ACCEPTED, phase=TESTING, heard_revision=1)),
    )
    return kind, encode_statement(replace(usual, **forged))  # type: ignore[arg-type]


def unreadable(center: Center, words: list[Envelope]) -> list[Envelope]:
    return center.sign([receipt(center, word, body=b"\xff\xff") for word in words])


def empty(center: Center, words: list[Envelope]) -> list[Envelope]:
    return center.sign([receipt(center, word, body=b"") for word in words])


def unknown_outcome(center: Center, words: list[Envelope]) -> list[Envelope]:
    return center.sign([receipt(center, word, body=b"\x08\x63") for word in words])


def of_another_type(center: Center, words: list[Envelope]) -> list[Envelope]:
    kind = payload_type("peering.ConcludeTest")
    return center.sign([receipt(center, word, kind=kind) for word in words])


def for_another_word(center: Center, words: list[Envelope]) -> list[Envelope]:
    return center.sign([receipt(center, word, answers_hash=bytes(32)) for word in words])


def to_another(center: Center, words: list[Envelope]) -> list[Envelope]:
    return center.sign([receipt(center, word, recipient=center.id) for word in words])


def swapped(center: Center, words: list[Envelope]) -> list[Envelope]:
    return center.sign([receipt(center, word) for word in reversed(words)])


def too_few(center: Center, words: list[Envelope]) -> list[Envelope]:
    return center.sign([receipt(center, words[0])])


def too_many(center: Center, words: list[Envelope]) -> list[Envelope]:
    return center.sign([receipt(center, word) for word in (*words, words[0])])


LIES: Final = (
    unreadable,
    empty,
    unknown_outcome,
    of_another_type,
    for_another_word,
    to_another,
    swapped,
    too_few,
    too_many,
)


async def two_words(pair: TwoCenters) -> list[ConversationId]:
    def start(desk: Desk) -> list[ConversationId]:
        return [
            desk.open(pair.sub.id, None, StartTest(raw, CHECKS)).conversation.id
            for raw in (bytes(32), b"\x01" * 32)
        ]

    return await pair.host.do(start)


@pytest.mark.parametrize("forge", LIES)
async def test_a_receipt_that_lies_is_none(forge: Forge) -> None:
    async with two_centers() as pair:
        tests = await two_words(pair)
        honest = pair.sub.negotiator
        pair.sub.negotiator = Forger(pair.sub, forge)  # type: ignore[assignment]

        assert not await pair.host.outbox.deliver(pair.sub.id)

        link = pair.host.outbox.link(pair.sub.id)
        assert link.failures == 1, "it backs off, as after a time-out"
        assert await pair.host.sql("SELECT count(*) FROM said WHERE receipt IS NULL") == [(2,)]
        pair.sub.negotiator = honest
        pair.restore()
        await pair.settle()
        assert [await pair.sub.phase(test) for test in tests] == [TESTING, TESTING]
        assert await pair.host.sql("SELECT count(*) FROM said WHERE receipt IS NULL") == [(0,)]
