"""What a peer says about agreements, and what each word, said or heard, makes of them.

Whatever changes an agreement passes through ``_keep``: a word that was signed, by us or by the
peer, and is in the evidence log. There is no other way, and the database refuses any other.
"""

from collections.abc import Callable
from typing import Final

from typing_extensions import override

from federation.engine.inside import Said
from federation.errors import Conflict, Malformed, Refused, TooLate
from federation.ids import AgreementId, CenterId, ConversationId
from federation.protocol.agreement import (
    ACTIVE,
    COUNTERED,
    MAX_ROUNDS,
    PROPOSED,
    PROPOSER,
    WITHDRAWN,
    Counter,
    Decline,
    DocumentSignature,
    Propose,
    ResumeAgreement,
    Side,
    Sign,
    SuspendAgreement,
    Terminate,
    Withdraw,
)
from federation.protocol.conversation import REFUSED, Conversation, Word
from federation.protocol.standing import check_notice, rank
from federation.trust.keyring import Keyring
from federation.wire.envelopes import Receipt, Statement
from federation.wire.words import PAYLOAD_TYPES, TERMS
from node.domain.workday import local_time
from node.services import agreement_papers as papers
from node.services.house import Desk, Reaction
from node.services.reasons import refusal
from node.store import agreement_drafts, agreements, todos
from node.store.agreements import AgreementRow, By

TO_SIGN: Final = "agreement_to_sign"
TO_APPROVE: Final = "agreement_to_approve"
REFUSED_BY_PEER: Final = "agreement_refused"
CHANGED_BY_PEER: Final = "agreement_changed"

WhenActive = Callable[[Desk, CenterId], None]

_DOCUMENTS: Final = frozenset({PAYLOAD_TYPES[Propose], PAYLOAD_TYPES[Counter]})
_SIGN: Final = PAYLOAD_TYPES[Sign]


class Hearing(Reaction):
    """The words of the ``agreement`` conversation. Use cases are ``Agreements``."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._when_active: list[WhenActive] = []

    def when_active(self, callback: WhenActive) -> None:
        """Have ``callback`` called in the transaction in which an agreement becomes active."""
        self._when_active.append(callback)

    @override
    def admit(
        self, desk: Desk, conversation: Conversation, word: Word, statement: Statement
    ) -> None:
        """Refuse documents that could not be kept, and signatures over other bytes."""
        match word:
            case Propose(document, signatures):
                self._admit_document(desk, conversation, document, signatures)
            case Counter(document, signatures, turn):
                self._admit_counter(desk, conversation, turn)
                self._admit_document(desk, conversation, document, signatures)
            case Sign(digest, signatures):
                self._admit_signature(desk, conversation, digest, signatures)
            case SuspendAgreement(side) | ResumeAgreement(side):
                theirs = Side.ANSWERER if conversation.role == PROPOSER else Side.PROPOSER
                if side is not theirs:
                    raise Malformed("side: not the speaker's")
            case Terminate(effective_ms):
                terms = self._row(desk, conversation.id).terms
                check_notice(terms, effective_ms, statement.sent_at_ms)
            case _:
                pass

    @override
    def said(self, desk: Desk, spoken: Said) -> None:
        """Keep our own word."""
        self._keep(desk, spoken, ours=True)

    @override
    def heard(self, desk: Desk, spoken: Said) -> None:
        """Keep the peer's word, and ask our people to answer."""
        self._keep(desk, spoken, ours=False)
        row = self._row(desk, spoken.conversation.id)
        match spoken.word:
            case Propose() | Counter() if row.state == PROPOSED:
                self._ask_to_sign(desk, row)
            case SuspendAgreement(_, reason):
                self._tell(desk, row, f"对方暂停了协议:{reason}", f"suspended it: {reason}")
            case ResumeAgreement(_, reason):
                self._tell(desk, row, f"对方恢复了协议:{reason}", f"resumed it: {reason}")
            case Terminate(effective_ms, reason):
                when = local_time(effective_ms)
                self._tell(
                    desk,
                    row,
                    f"对方通知终止协议,{when}起不再受理新业务:{reason}",
                    f"gave notice for {when}: {reason}",
                )
            case _:
                pass

    @override
    def refused(self, desk: Desk, conversation: Conversation, receipt: Receipt) -> None:
        """The peer did not take a word of ours: what it would have changed is not in force."""
        connection, row = desk.ledger.connection, self._row(desk, conversation.id)
        refused = agreements.last_refused(connection, conversation.id)
        by = By(conversation.said_hash, conversation.id, desk.now_ms)
        why_zh, why = refusal(receipt)
        ours = refused in _DOCUMENTS and row.we_proposed and row.state == PROPOSED
        if ours or (refused == _SIGN and not row.we_proposed and row.state == ACTIVE):
            agreements.set_state(connection, row.id, REFUSED, by, note=f"{why_zh} · {why}")
            self._settle_versions(desk, row, by)
        todos.add(
            connection,
            role="operator",
            kind=REFUSED_BY_PEER,
            subject=row.id,
            zh=f"{self._name(row.peer)}的系统未接受协议:{why_zh},请联系对方核对后重新办理",
            en=f"the node of {row.peer} did not take the agreement ({why}); call the peer, mend "
            "it and say it anew",
            now_ms=desk.now_ms,
        )

    @override
    def lapsed(self, desk: Desk, before: Conversation, after: Conversation) -> None:
        """Nobody answered our document: take it back."""
        del before
        desk.say(after.id, Withdraw("逾期未签署 · not signed in time"))

    @override
    def cosigned(self, desk: Desk, peer: CenterId, suite_id: str, size: int) -> None:
        """Of no consequence here."""

    # What is admitted

    def _admit_document(
        self,
        desk: Desk,
        conversation: Conversation,
        document: bytes,
        signatures: tuple[DocumentSignature, ...],
    ) -> None:
        peer, paper = conversation.peer, papers.read(document)
        for found in papers.outside(desk, self._keyring, peer, paper.terms):
            kind = TooLate if found.clause == "effective_until_ms" else Refused
            raise kind(found.en, clause=found.clause)
        if paper.terms.suite != conversation.suite:
            raise Refused(
                f"the document is under {paper.terms.suite}, the negotiation under "
                f"{conversation.suite}; begin anew to change it",
                clause="suite",
            )
        base = self._base(desk, paper.terms.supersedes)
        why = papers.not_replaceable(paper.terms, peer, base, desk.now_ms)
        if why:
            raise Conflict(why, clause="supersedes")
        papers.check_signatures(
            self._keyring,
            peer,
            document,
            signatures,
            papers.suites(paper.terms, base),
            desk.now_ms,
        )
        if agreements.get(desk.ledger.connection, paper.id) is not None:
            raise Conflict("this very document was proposed before; change it")

    def _admit_counter(self, desk: Desk, conversation: Conversation, turn: int) -> None:
        row = self._row(desk, conversation.id)
        if turn > MAX_ROUNDS:
            raise TooLate(f"there are at most {MAX_ROUNDS} counters; sign, decline or begin anew")
        if turn != row.round + 1:
            raise Malformed(f"round: this is counter {row.round + 1}, not {turn}")

    def _admit_signature(
        self,
        desk: Desk,
        conversation: Conversation,
        digest: bytes,
        signatures: tuple[DocumentSignature, ...],
    ) -> None:
        row = self._row(desk, conversation.id)
        if digest != row.id or not row.we_proposed:
            raise Malformed("the signature is for another document than was proposed")
        if row.terms.effective_until_ms <= desk.now_ms:
            raise TooLate("the agreement's term is over", clause="effective_until_ms")
        base = self._base(desk, row.terms.supersedes)
        if base is not None:
            self._admit_replacement(desk, base)
        papers.check_signatures(
            self._keyring,
            row.peer,
            row.document,
            signatures,
            papers.suites(row.terms, base),
            desk.now_ms,
        )

    def _admit_replacement(self, desk: Desk, base: AgreementRow) -> None:
        """Refuse a signature by which a peer would take back what it knew or had signed.

        Two amendments may cross, one of either side; of our own the peer signs one.
        """
        if base.ends_at_ms is not None:
            raise Conflict("the version to be replaced is terminated", clause="supersedes")
        signed = agreements.amendments(desk.ledger.connection, base.id)
        if any(each.we_proposed for each in signed):
            raise Conflict("you have signed another version in its place", clause="supersedes")

    # What is kept

    def _keep(self, desk: Desk, spoken: Said, *, ours: bool) -> None:
        connection, conversation = desk.ledger.connection, spoken.conversation
        by = By(spoken.hash, conversation.id, desk.now_ms)
        match spoken.word:
            case Propose(document, signatures):
                self._add(desk, conversation, document, signatures, by, turn=0, ours=ours)
            case Counter(document, signatures, turn):
                row = self._row(desk, conversation.id)
                if conversation.phase == WITHDRAWN:
                    return  # it crossed the withdrawal
                agreements.set_state(connection, row.id, COUNTERED, by)
                self._settled(desk, row)
                self._add(desk, conversation, document, signatures, by, turn=turn, ours=ours)
            case Sign(_, signatures):
                row = self._row(desk, conversation.id)
                agreements.set_signed(connection, row, signatures, by)
                self._settle_versions(desk, row, by)
                self._settled(desk, row)
                for callback in self._when_active:
                    callback(desk, row.peer)
            case Decline(reason) | Withdraw(reason):
                # The table decides which of two crossing words stands.
                row = self._row(desk, conversation.id)
                if row.state in {PROPOSED, WITHDRAWN} and conversation.phase != row.state:
                    agreements.set_state(connection, row.id, conversation.phase, by, note=reason)
                self._settled(desk, row)
            case SuspendAgreement(_, reason) | ResumeAgreement(_, reason):
                agreements.set_suspended(
                    connection,
                    self._row(desk, conversation.id),
                    by,
                    note=reason,
                    ours=ours,
                    yes=isinstance(spoken.word, SuspendAgreement),
                )
            case Terminate(effective_ms, reason):
                row = self._row(desk, conversation.id)
                agreements.set_ending(connection, row, effective_ms, by, note=reason)
            case other:
                raise AssertionError(f"{other.case} is no word about an agreement")

    def _add(
        self,
        desk: Desk,
        conversation: Conversation,
        document: bytes,
        signatures: tuple[DocumentSignature, ...],
        by: By,
        *,
        turn: int,
        ours: bool,
    ) -> None:
        agreements.add(
            desk.ledger.connection,
            AgreementRow(
                id=papers.identify(TERMS.decode(document).suite, document),
                conversation=conversation.id,
                round=turn,
                peer=conversation.peer,
                document=document,
                proposed=signatures,
                answered=(),
                we_proposed=ours,
                state=PROPOSED,
                by=by,
            ),
        )

    def _settle_versions(self, desk: Desk, row: AgreementRow, by: By) -> None:
        """Work out anew which version replaces which, after a signature came or was refused.

        Two amendments of one version may have crossed: then the higher rank counts, on both
        sides alike, and the other one is replaced, too. A version whose successor is itself
        replaced before it takes effect is replaced then, not later.
        """
        connection = desk.ledger.connection
        base = self._base(desk, row.terms.supersedes)
        while base is not None:
            signed = sorted(
                agreements.amendments(connection, base.id),
                key=lambda each: rank(each.terms, each.id),
            )
            successor = None if not signed else self._successor(desk, signed[-1], by)
            for replaced in (base, *signed[:-1]):
                agreements.set_superseded(connection, replaced.id, successor, by)
            base = self._base(desk, base.terms.supersedes)

    def _successor(self, desk: Desk, last: AgreementRow, by: By) -> tuple[AgreementId, int]:
        """What counts after a version, and from when on; ``last`` is its newest amendment."""
        connection, own = desk.ledger.connection, (last.id, last.terms.effective_from_ms)
        if last.superseded_by is None:
            return own
        replaced_by = agreements.get(connection, last.superseded_by)
        if replaced_by is not None and replaced_by.terms.supersedes == last.terms.supersedes:
            agreements.set_superseded(connection, last.id, None, by)  # that one was refused
            return own
        return (
            own
            if own[1] < last.superseded_from_ms
            else (
                last.superseded_by,
                last.superseded_from_ms,
            )
        )

    # Small matters

    def _base(self, desk: Desk, supersedes: bytes) -> AgreementRow | None:
        return agreements.get(desk.ledger.connection, supersedes) if supersedes else None

    def _ask_to_sign(self, desk: Desk, row: AgreementRow) -> None:
        what_zh = "还价" if row.round else "提议"
        todos.add(
            desk.ledger.connection,
            role="operator",
            kind=TO_SIGN,
            subject=row.id,
            zh=f"{self._name(row.peer)}{what_zh}的协议待签署:{row.terms.title}",
            en=f"an agreement {'countered' if row.round else 'proposed'} by {row.peer} waits for "
            f"a signature: {row.terms.title}",
            now_ms=desk.now_ms,
        )

    def _tell(self, desk: Desk, row: AgreementRow, zh: str, en: str) -> None:
        todos.add(
            desk.ledger.connection,
            role="operator",
            kind=CHANGED_BY_PEER,
            subject=row.by.word,  # each word is told
            zh=f"与{self._name(row.peer)}的协议《{row.terms.title}》:{zh}",
            en=f"the agreement {row.terms.title!r}: {row.peer} {en}",
            now_ms=desk.now_ms,
        )

    def _settled(self, desk: Desk, row: AgreementRow) -> None:
        connection = desk.ledger.connection
        drafts = agreement_drafts.of_conversation(connection, row.conversation)
        for draft in drafts:  # counters of ours that come too late
            agreement_drafts.remove(connection, draft.id)
            agreement_drafts.withdraw_approvals(connection, draft.id)
        for subject in (row.id, *(draft.id for draft in drafts)):
            for kind in (TO_SIGN, TO_APPROVE):
                todos.done(connection, kind=kind, subject=subject, by="system", now_ms=desk.now_ms)

    def _row(self, desk: Desk, conversation: ConversationId) -> AgreementRow:
        row = agreements.on_the_table(desk.ledger.connection, conversation)
        assert row is not None, "a document is stored with its word"
        return row

    def _name(self, peer: CenterId) -> str:
        known = self._keyring.peers.get(peer)
        return known.name if known else peer
