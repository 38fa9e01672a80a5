"""The floor: one transaction in which words are said and heard.

State, outgoing word, evidence entry and stored receipt are written to one ledger, so they
commit together or not at all. The outbox sends afterwards. The center's own reasons and
reactions come from ``Inside``; whatever it says goes through the same floor.
"""

from dataclasses import replace
from typing import Generic, TypeVar

from federation.engine import agreed
from federation.engine.agreed import ANY, Dealing
from federation.engine.doorkeeper import Visitor
from federation.engine.identity import WORD_LASTS_MS, Identity
from federation.engine.inside import Inside, Said
from federation.errors import (
    FederationError,
    Malformed,
    NoAgreement,
    NotFresh,
    NotYet,
    OutOfTurn,
    Overtaken,
    Refused,
    Unauthenticated,
)
from federation.evidence.entry import log_entry
from federation.ids import (
    DIGEST_BYTES,
    OPAQUE_ID_BYTES,
    AgreementId,
    CenterId,
    ConversationId,
    time_ordered,
)
from federation.ports import HeardWord, Ledger, Random, SaidWord
from federation.protocol import conversation as machine
from federation.protocol.conversation import EITHER, Conversation, Kind, Role, Word
from federation.protocol.standing import NEW_WORK
from federation.protocol.tables import TABLES
from federation.trust.envelope import envelope_hash
from federation.trust.keyring import Keyring
from federation.trust.suite import Suite, UnknownSuite, suite
from federation.wire.envelopes import (
    RECEIPT_TYPE,
    Outcome,
    Receipt,
    Statement,
    encode_envelope,
    encode_receipt,
    encode_statement,
    refusal,
)
from federation.wire.words import PAYLOAD_TYPES, decode_word, encode_word

L = TypeVar("L", bound=Ledger)


class Floor(Generic[L]):
    """One transaction's worth of conversation.

    Args:
        ledger: This transaction.
        identity: Who we are.
        keyring: Who the peers are.
        inside: The center's reasons and reactions.
        random: For ids.
        now_ms: The one moment at which all of this happens.
        dealing: Under which suites new work may begin.
    """

    def __init__(
        self,
        *,
        ledger: L,
        identity: Identity,
        keyring: Keyring,
        inside: Inside[L],
        random: Random,
        now_ms: int,
        dealing: Dealing = ANY,
    ) -> None:
        self.ledger = ledger
        self.now_ms = now_ms
        self.identity = identity
        self.keyring = keyring
        self.dealing = dealing
        self.woken: set[CenterId] = set()
        self._inside = inside
        self._random = random

    def new_id(self) -> bytes:
        """A fresh id, 16 bytes: for names, never for secrets, as it shows when it was made."""
        return time_ordered(self.now_ms, self._random.bytes(10))

    def new_secret(self) -> bytes:
        """32 fresh bytes that nobody can foretell."""
        return self._random.bytes(DIGEST_BYTES)

    def suite_of(self, conversation: ConversationId) -> Suite:
        """The suite of a conversation that is known."""
        known = self.ledger.conversation(conversation)
        assert known is not None, "asked for the suite of a conversation that is not stored"
        return suite(known.suite)

    def open(
        self,
        peer: CenterId,
        agreement: AgreementId | None,
        word: Word,
        *,
        role: Role | None = None,
        suite_id: str | None = None,
    ) -> Said:
        """Begin a conversation with its first word.

        Args:
            peer: Whom we talk to.
            agreement: Under which agreement; None only for agreement and peering.
            word: The first word.
            role: Ours, where the word may be said by either.
            suite_id: Of a conversation under no agreement, where the word itself names one;
                by default the one that both centers speak.

        Raises:
            UnknownSuite: We and the peer have no suite in common, or not the one named.
            NoAgreement: The agreement is not active here.
            Refused: It is new work, and we do not deal under the agreement's suite any more.
            Unavailable: It is new work, and the peer may be two nodes; or a draw, and its log
                has two histories.
        """
        if word.kind in NEW_WORK:
            agreed.check_one(self.ledger, peer)
        if word.kind is Kind.DRAW:
            agreed.check_steady(self.ledger, peer)
        if agreement is not None:
            terms = self.ledger.agreement(agreement)
            if terms is None:
                raise NoAgreement("no such agreement is active here")
            suite_id = terms.suite
            if word.kind in NEW_WORK:
                self.dealing.check(suite_id, self.now_ms)
        elif suite_id is None:
            suite_id = self.identity.suite_with(self.keyring.peers[peer])
        self.identity.face(suite_id)
        pinned = self.keyring.peers.get(peer)
        if pinned is not None and suite_id not in pinned.suites:
            raise UnknownSuite(f"{peer} does not speak {suite_id}")  # it would be tried for ever
        table = TABLES[word.kind]
        if role is None:
            role = table.roles[0] if word.speaker == EITHER else word.speaker
        fresh = Conversation(
            id=ConversationId(self.new_id()),
            kind=word.kind,
            role=role,
            peer=peer,
            agreement=agreement,
            suite=suite_id,
            phase=table.start,
        )
        return self._say(fresh, word)

    def say(self, conversation: ConversationId, word: Word) -> Said:
        """Say the next word in a conversation.

        Raises:
            OutOfTurn: Not ours to say, or not now.
        """
        known = self.ledger.conversation(conversation)
        if known is None:
            raise OutOfTurn(f"there is no conversation {conversation.hex()}")
        return self._say(known, word)

    def _say(self, conversation: Conversation, word: Word) -> Said:
        agreed.check_whole(self.ledger, conversation.peer)
        after = machine.say(
            TABLES[word.kind],
            conversation,
            word,
            self.now_ms,
            agreed.waits(self.ledger, conversation),
        )
        kind = PAYLOAD_TYPES[type(word)]
        spoken_in = suite(conversation.suite)
        log_size, log_root = self.ledger.log_head(conversation.suite)
        message_id = self.new_id()
        payload = encode_statement(
            Statement(
                sender=self.identity.center,
                recipient=conversation.peer,
                message_id=message_id,
                conversation_id=conversation.id,
                revision=after.said,
                previous_hash=conversation.said_hash,
                answers_hash=conversation.heard_hash,
                sent_at_ms=self.now_ms,
                expires_at_ms=self.now_ms + WORD_LASTS_MS,
                agreement_id=conversation.agreement or b"",
                log_size=log_size,
                log_root=log_root,
                body=encode_word(word),
            )
        )
        digest = envelope_hash(spoken_in, kind, payload)
        after = replace(after, said_hash=digest)
        self.ledger.put_conversation(after, self.now_ms)
        self.ledger.append_log(
            conversation.suite,
            log_entry("out", conversation.peer, kind, digest, b"", self.now_ms),
            digest,
        )
        self.ledger.put_said(
            SaidWord(
                number=self.ledger.next_number(conversation.peer),
                peer=conversation.peer,
                conversation=conversation.id,
                revision=after.said,
                payload_type=kind,
                payload=payload,
                hash=digest,
                said_at_ms=self.now_ms,
                suite=conversation.suite,
            ),
        )
        self.woken.add(conversation.peer)
        spoken = Said(after, word, payload, digest)
        self._inside.said(self, spoken)
        return spoken

    def hear(self, visitor: Visitor) -> tuple[bytes, Receipt]:
        """Hear one word; answers the receipt's payload, and the receipt.

        The steps go on from the doorkeeper's (1) to (8).

        Raises:
            Unauthenticated: Its key was revoked since the doorkeeper looked. By the order of
                our log a word under a revoked key stands before the revocation, or nowhere.
        """
        statement = visitor.statement
        sender = CenterId(statement.sender)
        if self.ledger.revoked(sender, visitor.envelope.key_id):
            raise Unauthenticated("revoked_key")
        stored = self.ledger.receipt(sender, statement.message_id)  # (9)
        if stored is not None:
            if stored.word_hash == visitor.hash:
                return stored.payload, Receipt(Outcome.ACCEPTED, detail="duplicate")
            return self._answer(
                visitor, refusal(Malformed("message_id was used for another word"), "")
            )
        conversation = self.ledger.conversation(ConversationId(statement.conversation_id))
        if visitor.problem is not None:
            return self._turn_away(visitor, conversation, visitor.problem)
        try:
            word = decode_word(visitor.envelope.payload_type, statement.body)
            if conversation is None and statement.revision != 1:
                return self._answer(visitor, Receipt(Outcome.GAP))
            conversation = conversation or self._introduced(visitor, word)
            order = self._order(conversation, visitor, word)
        except FederationError as error:
            # The word has no place in any conversation, so none is changed by it.
            return self._answer(visitor, refusal(error, conversation.phase if conversation else ""))
        if order is not None:
            return self._answer(visitor, order)
        later = agreed.standstill(self.ledger, conversation, word)
        if later is not None:
            return self.put_off(visitor, later)
        try:
            terms = agreed.check(  # (10)
                self.ledger, self.identity, conversation, statement, self.now_ms, self.dealing
            )
            waits = agreed.waits_under(terms, conversation)
            after = machine.hear(  # (11)
                TABLES[word.kind], conversation, word, self.now_ms, waits, visitor.hash
            )
            self._inside.admit(self, conversation, word, statement)  # (12)
        except FederationError as error:
            return self._deny(visitor, conversation, word, error)
        receipt = self._receipt(Outcome.ACCEPTED, after)
        payload = self._keep(visitor, after, receipt)
        self._inside.heard(self, Said(after, word, visitor.envelope.payload, visitor.hash))
        return payload, receipt

    def _deny(
        self, visitor: Visitor, conversation: Conversation, word: Word, error: FederationError
    ) -> tuple[bytes, Receipt]:
        """Refuse a word that has its place, or leave it for later if it overtook another."""
        if isinstance(error, Overtaken):
            return self.put_off(visitor, error)
        payload, receipt = self._refuse(visitor, conversation, error)
        said = Said(conversation, word, visitor.envelope.payload, visitor.hash)
        self._inside.denied(self, said, error)
        return payload, receipt

    def learn(self, conversation: ConversationId, word: Word) -> Conversation | None:
        """Take a decision that a peer has told somebody else; None if it was not awaited.

        The caller has verified that it is the peer's, and about what we share.
        """
        known = self.ledger.conversation(conversation)
        assert known is not None, "a decision is learned about a conversation that we have"
        waits = agreed.waits(self.ledger, known)
        after = machine.learn(TABLES[word.kind], known, word, self.now_ms, waits)
        if after == known:
            return None
        self.ledger.put_conversation(after, self.now_ms)
        return after

    def receipted(self, word: SaidWord, envelope: bytes, receipt: Receipt, raw: bytes) -> bool:
        """Take a verified receipt for a word of ours; answers whether the word is done with."""
        if receipt.outcome is Outcome.GAP:
            return False
        # STALE is no acceptance: the peer has another word of ours in this one's place.
        accepted = receipt.outcome is Outcome.ACCEPTED
        self.ledger.put_receipt(word, envelope, raw, accepted=accepted)
        if receipt.outcome is Outcome.REFUSED:
            conversation = self.ledger.conversation(word.conversation)
            assert conversation is not None, "a word of ours belongs to a conversation"
            ended = machine.refused(TABLES[conversation.kind], conversation)
            self.ledger.put_conversation(ended, self.now_ms)
            self._inside.refused(self, ended, receipt)
        return True

    def lapse(self, conversation: Conversation) -> None:
        """Let a conversation's deadline pass, if it is ours; not before lost words are back."""
        if self.ledger.blocked(conversation.peer):
            return
        after = machine.expire(TABLES[conversation.kind], conversation, self.now_ms)
        if after == conversation:
            # The other side's clock decides; look again when it has had time to act.
            self.ledger.put_conversation(replace(conversation, deadline_ms=None), self.now_ms)
            return
        self.ledger.put_conversation(after, self.now_ms)
        self._inside.lapsed(self, conversation, after)

    def ended(self, conversation: Conversation, receipt: Receipt) -> None:
        """Tell the inside that a conversation has ended by a refusal, of theirs or of ours."""
        self._inside.refused(self, conversation, receipt)

    def cosigned(self, peer: CenterId, suite_id: str, size: int) -> None:
        """Tell the inside that a peer's cosignature covers more of our log of a suite."""
        self._inside.cosigned(self, peer, suite_id, size)

    def put_off(self, visitor: Visitor, problem: FederationError) -> tuple[bytes, Receipt]:
        """Leave a word for later, with the reason: its sender says it again."""
        known = self.ledger.conversation(ConversationId(visitor.statement.conversation_id))
        heard, phase = (known.heard, known.phase) if known else (0, "")
        later = refusal(problem, phase)
        return self._answer(visitor, replace(later, outcome=Outcome.GAP, heard_revision=heard))

    def _turn_away(
        self, visitor: Visitor, conversation: Conversation | None, problem: FederationError
    ) -> tuple[bytes, Receipt]:
        """Refuse a word that did not pass the doorkeeper's last steps.

        One that is only late, and next in a conversation, counts as heard: else no word could
        ever follow it, and a signed agreement could never be terminated. One that is early is
        left for later: a clock that is set wrong for an hour must not undo a decision for good.
        """
        if isinstance(problem, NotYet):
            return self.put_off(visitor, problem)
        if conversation is not None and isinstance(problem, NotFresh):
            try:
                word = decode_word(visitor.envelope.payload_type, visitor.statement.body)
                if self._order(conversation, visitor, word) is None:
                    return self._refuse(visitor, conversation, problem)
            except FederationError:
                pass  # it has no place in the conversation either
        return self._answer(visitor, refusal(problem, ""))

    def _introduced(self, visitor: Visitor, word: Word) -> Conversation:
        statement = visitor.statement
        if not statement.conversation_id:  # as statements outside conversations may have it
            raise Malformed("a word needs a conversation_id of 16 bytes")
        table = TABLES[word.kind]
        speaker = table.roles[0] if word.speaker == EITHER else word.speaker
        return Conversation(
            id=ConversationId(statement.conversation_id),
            kind=word.kind,
            role=table.other(speaker),
            peer=CenterId(statement.sender),
            agreement=AgreementId(statement.agreement_id) if statement.agreement_id else None,
            suite=visitor.suite.suite_id,
            phase=table.start,
        )

    def _order(self, conversation: Conversation, visitor: Visitor, word: Word) -> Receipt | None:
        statement = visitor.statement
        if conversation.peer != statement.sender or conversation.kind is not word.kind:
            raise OutOfTurn("the conversation is not one of the sender's of this kind")
        if visitor.suite.suite_id != conversation.suite:
            raise Refused(
                f"the conversation is under {conversation.suite}, the word is signed under "
                f"{visitor.suite.suite_id}; nothing falls back",
                clause="suite",
            )
        if statement.revision <= conversation.heard:
            return self._receipt(Outcome.STALE, conversation)
        if statement.revision > conversation.heard + 1:
            return self._receipt(Outcome.GAP, conversation)
        if statement.previous_hash != conversation.heard_hash:
            raise Malformed("previous_hash is not the word that was heard before this one")
        return None

    def _refuse(
        self, visitor: Visitor, conversation: Conversation, error: FederationError
    ) -> tuple[bytes, Receipt]:
        """Refuse a word for good; it counts as heard, so that others may follow it."""
        first = conversation.heard == 0 and conversation.said == 0
        after = replace(
            conversation,
            phase=machine.REFUSED if first else conversation.phase,
            heard=conversation.heard + 1,
            heard_hash=visitor.hash,
        )
        receipt = replace(refusal(error, after.phase), heard_revision=after.heard)
        return self._keep(visitor, after, receipt), receipt

    def _receipt(self, outcome: Outcome, conversation: Conversation) -> Receipt:
        deadline = conversation.deadline_ms
        return Receipt(
            outcome,
            phase=conversation.phase,
            heard_revision=conversation.heard,
            remaining_ms=0 if deadline is None else max(0, deadline - self.now_ms),
        )

    def _keep(self, visitor: Visitor, after: Conversation, receipt: Receipt) -> bytes:
        statement = visitor.statement
        payload, _ = self._answer(visitor, receipt)
        kind = visitor.envelope.payload_type
        self.ledger.put_conversation(after, self.now_ms)
        self.ledger.append_log(
            visitor.suite.suite_id,
            log_entry(
                "in",
                CenterId(statement.sender),
                kind,
                visitor.hash,
                envelope_hash(visitor.suite, RECEIPT_TYPE, payload),
                self.now_ms,
            ),
            visitor.hash,
        )
        self.ledger.put_heard(
            HeardWord(
                sender=CenterId(statement.sender),
                message_id=statement.message_id,
                conversation=after.id,
                revision=statement.revision,
                payload_type=kind,
                hash=visitor.hash,
                envelope=encode_envelope(visitor.envelope),
                receipt_payload=payload,
                heard_at_ms=self.now_ms,
                accepted=receipt.outcome is Outcome.ACCEPTED,
                suite=visitor.suite.suite_id,
            )
        )
        return payload

    def _answer(self, visitor: Visitor, receipt: Receipt) -> tuple[bytes, Receipt]:
        statement = visitor.statement
        payload = encode_statement(
            Statement(
                sender=self.identity.center,
                recipient=statement.sender,
                message_id=visitor.suite.hash(visitor.hash)[:OPAQUE_ID_BYTES],
                conversation_id=statement.conversation_id,
                revision=0,
                previous_hash=b"",
                answers_hash=visitor.hash,
                sent_at_ms=self.now_ms,
                expires_at_ms=self.now_ms + WORD_LASTS_MS,
                agreement_id=statement.agreement_id,
                log_size=0,
                log_root=b"",
                body=encode_receipt(receipt),
            )
        )
        return payload, receipt
