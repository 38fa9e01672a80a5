"""A pinned peer that says what it likes, with good signatures, in the right order.

Its words skip its own program: only the receiver's tables, rules and reactions stand in the
way. Revision and previous hash are what the receiver expects, so that nothing but the content
is wrong; a test that wants those wrong too gives them.
"""

from dataclasses import dataclass, replace
from typing import Any

from federation.engine.identity import WORD_LASTS_MS
from federation.ids import AgreementId, ConversationId
from federation.protocol.conversation import Word
from federation.trust.envelope import Envelope
from federation.wire.envelopes import (
    Receipt,
    Statement,
    Witnessing,
    decode_delivery_reply,
    decode_receipt,
    decode_statement,
    encode_delivery,
    encode_statement,
)
from federation.wire.words import PAYLOAD_TYPES, encode_word
from tests.support.pair import Center


@dataclass(frozen=True)
class Liar:
    """One center's keys in the hands of somebody who lies to the other center."""

    ours: Center
    victim: Center

    async def tell(
        self,
        conversation: bytes,
        word: Word,
        agreement: bytes | None = None,
        **forged: Any,
    ) -> Receipt:
        """Deliver a word in a conversation, new or known; answers the receipt.

        Args:
            conversation: Its id.
            word: What is said.
            agreement: Of a new conversation; a known one keeps its own.
            forged: Fields of the statement that are to be wrong.
        """
        known = await self.victim.do(
            lambda desk: desk.ledger.conversation(ConversationId(conversation))
        )
        now_ms = self.ours.clock.now_ms()
        usual = Statement(
            sender=self.ours.id,
            recipient=self.victim.id,
            message_id=self.ours.random.bytes(16),
            conversation_id=conversation,
            revision=1 if known is None else known.heard + 1,
            previous_hash=b"" if known is None else known.heard_hash,
            answers_hash=b"",
            sent_at_ms=now_ms,
            expires_at_ms=now_ms + WORD_LASTS_MS,
            agreement_id=(known.agreement if known else AgreementId(agreement or b"")) or b"",
            log_size=0,
            log_root=b"",
            body=encode_word(word),
        )
        return await self.send(PAYLOAD_TYPES[type(word)], replace(usual, **forged))

    async def send(self, kind: str, statement: Statement) -> Receipt:
        """Sign any statement and deliver it."""
        envelopes = self.ours.sign([(kind, encode_statement(statement))])
        receipts = await self.deliver(envelopes, Witnessing())
        return decode_receipt(decode_statement(receipts[0].payload).body)

    async def deliver(self, envelopes: list[Envelope], witnessing: Witnessing) -> list[Envelope]:
        """Deliver envelopes; answers those of the receipts."""
        reply = await self.victim.negotiator.deliver(
            encode_delivery(envelopes, witnessing), self.ours.certificate
        )
        return decode_delivery_reply(reply)[0]
