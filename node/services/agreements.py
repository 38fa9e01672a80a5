"""Agreements: proposing, signing and declining the document that two centers deal under.

Both sides sign the same bytes; the agreement's id is their digest. A document is checked
before it is stored, at the proposer and again at the answerer, so that what is active never
contradicts itself. Which agreement counts for a peer is decided here too, and alike on both
sides: the highest version in force.
"""

from collections.abc import Callable, Mapping
from typing import Final

from typing_extensions import override

from federation.engine.floor import Said
from federation.errors import Conflict, Malformed, Refused, TooLate
from federation.ids import AgreementId, CenterId
from federation.protocol.agreement import (
    ACTIVE,
    DECLINED,
    PROPOSED,
    WITHDRAWN,
    AgreementTerms,
    Decline,
    Propose,
    Sign,
    Withdraw,
    contradictions,
)
from federation.protocol.conversation import REFUSED, Conversation, Word
from federation.trust.envelope import sign_alone, verify_alone
from federation.trust.keyring import Keyring
from federation.trust.keys import AGREEMENT_TYPE
from federation.wire.envelopes import Receipt, Statement
from federation.wire.words import TERMS
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.house import Desk, Reaction
from node.services.reasons import refusal
from node.store import agreements, todos
from node.store.agreements import AgreementRow

TO_SIGN: Final = "agreement_to_sign"
REFUSED_BY_PEER: Final = "agreement_refused"

_BY_STATE_ZH: Final[Mapping[str, str]] = {
    PROPOSED: "待签署",
    ACTIVE: "已生效",
    DECLINED: "已拒绝",
    WITHDRAWN: "已撤回",
    REFUSED: "未被对方接受",
}

WhenActive = Callable[[Desk, CenterId], None]


class Agreements(Reaction):
    """The agreements of this center."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._when_active: list[WhenActive] = []

    def when_active(self, callback: WhenActive) -> None:
        """Have ``callback`` called in the transaction in which an agreement becomes active."""
        self._when_active.append(callback)

    # Use cases

    def propose(self, desk: Desk, peer: CenterId, terms: AgreementTerms) -> bytes:
        """Sign terms for this center and propose them to a peer.

        Returns:
            The agreement's id, 32 bytes.

        Raises:
            NotFound: The peer is not pinned.
            Invalid: The terms contradict themselves, or are not between us and the peer.
            Conflicting: These very terms were proposed before.
        """
        if peer not in self._keyring.peers:
            raise NotFound("没有登记该中心的名片", f"{peer} is not pinned")
        # Before encoding: a number that contradicts may not even fit its field.
        found = (*contradictions(terms), *_outside(desk, peer, terms))
        document = b"" if found else TERMS.encode(terms)
        found = found or _objections(document)
        if found:
            raise Invalid(
                "协议条款有误,请逐条修改后再提议",
                "the terms cannot be agreed on; mend each of them",
                detail=found,
            )
        agreement = _id(desk, document)
        if agreements.get(desk.ledger.connection, agreement) is not None:
            raise Conflicting(
                "条款完全相同的协议已经提议过", "these very terms were proposed before"
            )
        signature = sign_alone(AGREEMENT_TYPE, document, desk.identity.secrets.signer)
        desk.open(peer, None, Propose(document, signature))
        return agreement

    def sign(self, desk: Desk, agreement: bytes, by: str) -> None:
        """Sign what a peer proposed; it is in force from here on.

        Raises:
            NotFound: No such agreement.
            Conflicting: It does not wait for our signature, or its time is over.
        """
        row = self._waiting(desk, agreement)
        if row.terms.effective_until_ms <= desk.now_ms:
            raise Conflicting(
                "协议期限已过,请对方重新提议", "its term is over; ask for a new proposal"
            )
        agreements.set_decided_by(desk.ledger.connection, agreement, by)
        signature = sign_alone(AGREEMENT_TYPE, row.document, desk.identity.secrets.signer)
        desk.say(row.conversation, Sign(row.id, signature))

    def decline(self, desk: Desk, agreement: bytes, reason: str) -> None:
        """Do not sign what a peer proposed. Raises as ``sign``."""
        desk.say(self._waiting(desk, agreement).conversation, Decline(reason))

    def withdraw(self, desk: Desk, agreement: bytes, reason: str) -> None:
        """Take a proposal of ours back. Raises as ``sign``."""
        row = self.get(desk, agreement)
        if row.state != PROPOSED or not row.we_proposed:
            raise _not_now(row)
        desk.say(row.conversation, Withdraw(reason))

    def get(self, desk: Desk, agreement: bytes) -> AgreementRow:
        """One agreement. Raises NotFound."""
        row = agreements.get(desk.ledger.connection, agreement)
        if row is None:
            raise NotFound("没有这份协议", f"there is no agreement {agreement.hex()}")
        return row

    def all(self, desk: Desk) -> list[AgreementRow]:
        """All agreements, the last changed first."""
        return agreements.every(desk.ledger.connection)

    def in_force(self, desk: Desk, peer: CenterId) -> tuple[AgreementId, AgreementTerms]:
        """The agreement with a peer that counts now: the highest version in force.

        Raises:
            NotFound: None is in force.
        """
        found = self._current(desk).get(peer)
        if found is None:
            raise NotFound(f"与{peer}没有生效中的协议", f"no agreement with {peer} is in force now")
        return found

    def partners(self, desk: Desk) -> list[CenterId]:
        """The peers with whom an agreement is in force, by center id."""
        return sorted(self._current(desk))

    def _current(self, desk: Desk) -> dict[CenterId, tuple[AgreementId, AgreementTerms]]:
        # Both sides must choose the same one, so nothing of our own clock decides.
        found: dict[CenterId, tuple[AgreementId, AgreementTerms]] = {}
        rows = [(row, row.terms) for row in agreements.active(desk.ledger.connection)]
        for row, terms in sorted(
            rows, key=lambda pair: (pair[1].version, pair[1].effective_from_ms, pair[0].id)
        ):
            if terms.effective_from_ms <= desk.now_ms <= terms.effective_until_ms:
                found[row.peer] = row.id, terms
        return found

    def _waiting(self, desk: Desk, agreement: bytes) -> AgreementRow:
        row = self.get(desk, agreement)
        if row.state != PROPOSED or row.we_proposed:
            raise _not_now(row)
        return row

    # Reactions

    @override
    def admit(
        self, desk: Desk, conversation: Conversation, word: Word, statement: Statement
    ) -> None:
        """Refuse documents that could not be kept, and signatures over other bytes."""
        del statement
        if isinstance(word, Propose):
            self._admit_proposal(desk, conversation, word)
        elif isinstance(word, Sign):
            row = self._row(desk, conversation)
            if word.document_digest != row.id:
                raise Malformed("the signature is for another document than was proposed")
            self._check_signature(row.peer, row.document, word.signature)

    @override
    def said(self, desk: Desk, spoken: Said) -> None:
        """Keep our own word."""
        self._keep(desk, spoken, ours=True)

    @override
    def heard(self, desk: Desk, spoken: Said) -> None:
        """Keep the peer's word, and ask our people to sign."""
        self._keep(desk, spoken, ours=False)
        if isinstance(spoken.word, Propose):
            row = self._row(desk, spoken.conversation)
            todos.add(
                desk.ledger.connection,
                role="operator",
                kind=TO_SIGN,
                subject=row.id,
                zh=f"{self._name(row.peer)}提议的协议待签署:{row.terms.title}",
                en=f"an agreement proposed by {row.peer} waits for a signature: {row.terms.title}",
                now_ms=desk.now_ms,
            )

    @override
    def refused(self, desk: Desk, conversation: Conversation, receipt: Receipt) -> None:
        """The peer did not take our proposal, or our signature: then nothing is in force."""
        row = self._row(desk, conversation)
        if row.state != (PROPOSED if row.we_proposed else ACTIVE):
            return  # a withdrawal or a decline, which end the matter anyway
        why_zh, why = refusal(receipt)
        agreements.set_state(
            desk.ledger.connection, row.id, REFUSED, desk.now_ms, note=f"{why_zh} · {why}"
        )
        todos.add(
            desk.ledger.connection,
            role="operator",
            kind=REFUSED_BY_PEER,
            subject=row.id,
            zh=f"{self._name(row.peer)}的系统未接受协议:{why_zh},请联系对方核对后重新提议",
            en=f"the node of {row.peer} did not take the agreement ({why}); call the peer, mend "
            "it and propose anew",
            now_ms=desk.now_ms,
        )

    @override
    def lapsed(self, desk: Desk, before: Conversation, after: Conversation) -> None:
        """Nobody answered our proposal: take it back."""
        del before
        desk.say(after.id, Withdraw("逾期未签署 · not signed in time"))

    @override
    def cosigned(self, desk: Desk, peer: CenterId, size: int) -> None:
        """Of no consequence here."""

    def _admit_proposal(self, desk: Desk, conversation: Conversation, word: Propose) -> None:
        found = _objections(word.document)
        if found:
            raise Malformed("; ".join(found))
        terms = TERMS.decode(word.document)
        if {party.center_id for party in terms.parties} != {
            conversation.peer,
            desk.identity.center,
        }:
            raise Refused("the agreement is between other centers", clause="parties")
        if terms.effective_until_ms <= desk.now_ms:
            raise TooLate("the agreement's term is over", clause="effective_until_ms")
        self._check_signature(conversation.peer, word.document, word.signature)
        if agreements.get(desk.ledger.connection, _id(desk, word.document)) is not None:
            raise Conflict("this very document was proposed before; change its version")

    def _check_signature(self, peer: CenterId, document: bytes, signature: bytes) -> None:
        key = self._keyring.peers[peer].message_key
        if not verify_alone(AGREEMENT_TYPE, document, key, signature):
            raise Malformed("the signature is not by your message key over the document")

    def _keep(self, desk: Desk, spoken: Said, *, ours: bool) -> None:
        connection, conversation = desk.ledger.connection, spoken.conversation
        match spoken.word:
            case Propose(document, signature):
                agreements.add(
                    connection,
                    AgreementRow(
                        id=_id(desk, document),
                        conversation=conversation.id,
                        peer=conversation.peer,
                        document=document,
                        proposer_signature=signature,
                        answerer_signature=None,
                        we_proposed=ours,
                        state=PROPOSED,
                        note="",
                        decided_by=None,
                        changed_at_ms=desk.now_ms,
                    ),
                )
            case Sign(_, signature):
                row = self._row(desk, conversation)
                agreements.set_signed(connection, row.id, signature, desk.now_ms)
                self._settled(desk, row)
                for callback in self._when_active:
                    callback(desk, row.peer)
            case Decline(reason) | Withdraw(reason):
                # The table decides which of two crossing words stands.
                row = self._row(desk, conversation)
                if conversation.phase != row.state:
                    agreements.set_state(
                        connection, row.id, conversation.phase, desk.now_ms, note=reason
                    )
                self._settled(desk, row)
            case other:
                raise AssertionError(f"{other.case} is no word about an agreement")

    def _settled(self, desk: Desk, row: AgreementRow) -> None:
        todos.done(
            desk.ledger.connection, kind=TO_SIGN, subject=row.id, by="system", now_ms=desk.now_ms
        )

    def _row(self, desk: Desk, conversation: Conversation) -> AgreementRow:
        row = agreements.of_conversation(desk.ledger.connection, conversation.id)
        assert row is not None, "an agreement is stored with its Propose"
        return row

    def _name(self, peer: CenterId) -> str:
        known = self._keyring.peers.get(peer)
        return known.name if known else peer


def _objections(document: bytes) -> tuple[str, ...]:
    """Why a document cannot be agreed on; empty when it can."""
    try:
        terms = TERMS.decode(document)
    except Malformed as error:
        return (error.detail,)
    if TERMS.encode(terms) != document:
        # Two people who read the same terms must have signed the same bytes.
        return ("document: not the canonical bytes of its terms (unknown or reordered fields)",)
    return contradictions(terms)


def _outside(desk: Desk, peer: CenterId, terms: AgreementTerms) -> tuple[str, ...]:
    found = []
    if {party.center_id for party in terms.parties} != {peer, desk.identity.center}:
        found.append(f"parties: must be {desk.identity.center} and {peer}")
    if terms.effective_until_ms <= desk.now_ms:
        found.append("effective_until_ms: the term is over already")
    return tuple(found)


def _id(desk: Desk, document: bytes) -> AgreementId:
    return AgreementId(desk.identity.digests.tagged("agreement", document))


def _not_now(row: AgreementRow) -> Conflicting:
    return Conflicting(
        f"协议{_BY_STATE_ZH.get(row.state, row.state)}"
        f"({'本中心' if row.we_proposed else '对方'}提议),不能这样操作",
        f"the agreement is {row.state}, proposed by {'us' if row.we_proposed else 'the peer'}: "
        "this is not to be done now",
    )
