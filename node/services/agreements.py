"""Agreements: what a center's people do with the documents that two centers deal under.

Both sides sign the same bytes; the agreement's id is their digest. Which agreement counts for a
peer is decided here, and alike on both sides. Where the center's policy asks for two persons, a
document is signed only when the second one has said so. What the peer says is
``agreement_hearing.py``, the papers themselves are ``agreement_papers.py``.
"""

from dataclasses import replace
from typing import Final

from federation.errors import FederationError
from federation.ids import AgreementId, CenterId
from federation.protocol.agreement import (
    MAX_ROUNDS,
    PROPOSED,
    PROPOSER,
    AgreementTerms,
    Counter,
    Decline,
    Propose,
    ResumeAgreement,
    Side,
    Sign,
    SuspendAgreement,
    Terminate,
    Withdraw,
)
from federation.protocol.standing import check_notice, check_open, rank
from federation.protocol.terms import DAY_MS
from federation.trust.keyring import Keyring
from federation.wire.words import TERMS
from node.services import agreement_papers as papers
from node.services.agreement_hearing import TO_APPROVE, Hearing
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.house import Desk
from node.services.reasons import CLAUSES_ZH
from node.services.speech import well_formed
from node.store import agreement_drafts, agreements, todos
from node.store.agreement_drafts import Draft
from node.store.agreements import AgreementRow

ONE_PERSON: Final = 1
NOTICE_MARGIN_MS: Final = 60_000  # a notice is counted from the moment it is said, not asked for


class Agreements(Hearing):
    """The agreements of this center.

    Args:
        keyring: The pinned peers.
        signers: How many different persons must stand by a document before it is signed.
    """

    def __init__(self, keyring: Keyring, signers: int = ONE_PERSON) -> None:
        super().__init__(keyring)
        self._signers = signers

    # Negotiating

    def propose(self, desk: Desk, peer: CenterId, terms: AgreementTerms, by: str) -> bytes:
        """Sign terms for this center and propose them to a peer.

        Returns:
            The agreement's id, 32 bytes. With two signers the first one leaves a draft.

        Raises:
            NotFound: The peer is not pinned.
            Invalid: The terms contradict themselves or what is known; each objection is named.
            Conflicting: These very terms were proposed before, or replace what is not in use.
        """
        if peer not in self._keyring.peers:
            raise NotFound("没有登记该中心的名片", f"{peer} is not pinned")
        paper = self._fit(desk, peer, terms)
        draft = Draft(paper.id, None, peer, paper.document, desk.now_ms)
        return self._stand_by(desk, draft, by)

    def amend(self, desk: Desk, agreement: bytes, terms: AgreementTerms, by: str) -> bytes:
        """Propose a new version of an agreement in use. Version and base are filled in.

        Raises as ``propose``.
        """
        base = self.get(desk, agreement)
        changed = replace(terms, version=base.terms.version + 1, supersedes=base.id)
        return self.propose(desk, base.peer, changed, by)

    def counter(self, desk: Desk, agreement: bytes, terms: AgreementTerms, by: str) -> bytes:
        """Answer a peer's document with one of our own.

        Raises:
            NotFound: No such agreement.
            Conflicting: It does not wait for our answer, or the rounds are used up.
            Invalid: As ``propose``.
        """
        row = self._asked(desk, agreement)
        if row.round >= MAX_ROUNDS:
            raise Conflicting(
                f"已还价{MAX_ROUNDS}次,只能签署或拒绝;如仍有分歧,请当面协商后重新提议",
                f"{MAX_ROUNDS} counters were made; sign or decline, meet, and propose anew",
            )
        if terms.suite != row.terms.suite:
            raise Conflicting(
                "还价不能改变密码套件,请拒绝后重新提议",
                "a counter cannot change the suite; decline, and propose anew",
            )
        changed = replace(terms, version=row.terms.version, supersedes=row.terms.supersedes)
        paper = self._fit(desk, row.peer, changed)
        draft = Draft(paper.id, row.conversation, row.peer, paper.document, desk.now_ms)
        return self._stand_by(desk, draft, by)

    def sign(self, desk: Desk, agreement: bytes, by: str) -> bool:
        """Sign what a peer proposed, or stand by a draft of ours as the second person.

        Returns:
            Whether it is signed now; False when another person must sign, too.

        Raises:
            NotFound: No such agreement.
            Conflicting: It does not wait for our signature, its time is over, what it replaces
                is not in use any more, or this person has signed already.
        """
        draft = agreement_drafts.get(desk.ledger.connection, agreement)
        if draft is not None:
            self._stand_by(desk, draft, by)
            return agreement_drafts.get(desk.ledger.connection, agreement) is None
        row = self._asked(desk, agreement)
        terms = row.terms
        if terms.effective_until_ms <= desk.now_ms:
            raise Conflicting(
                "协议期限已过,请对方重新提议", "its term is over; ask for a new proposal"
            )
        base = self._base(desk, terms.supersedes)
        _check_replaceable(desk, row.peer, terms, base)
        if not self._approved(desk, row.id, by, row.peer, terms):
            return False
        signatures = papers.sign(desk, row.peer, row.document, papers.suites(terms, base))
        desk.say(row.conversation, Sign(row.id, signatures))
        return True

    def decline(self, desk: Desk, agreement: bytes, reason: str) -> None:
        """Do not sign what a peer proposed.

        Raises as ``sign``, and Invalid where a peer could not read the reason; so do all below.
        """
        desk.say(self._asked(desk, agreement).conversation, well_formed(Decline(reason.strip())))

    def withdraw(self, desk: Desk, agreement: bytes, reason: str) -> None:
        """Take a document of ours back, or a draft. Raises as ``sign``."""
        connection = desk.ledger.connection
        if agreement_drafts.get(connection, agreement) is not None:
            agreement_drafts.remove(connection, agreement)
            agreement_drafts.withdraw_approvals(connection, agreement)
            todos.done(
                connection, kind=TO_APPROVE, subject=agreement, by="system", now_ms=desk.now_ms
            )
            return
        row = self.get(desk, agreement)
        if row.state != PROPOSED or not row.we_proposed:
            raise _not_now(row)
        desk.say(row.conversation, well_formed(Withdraw(reason.strip())))

    # What was signed

    def suspend(self, desk: Desk, agreement: bytes, reason: str) -> None:
        """Begin no new work, and let the peer begin none, until we resume.

        Raises:
            NotFound: No such agreement.
            Conflicting: Not signed by both, or we have suspended it already.
        """
        row = self._signed(desk, agreement)
        if row.suspended_by_us:
            raise Conflicting("本中心已暂停该协议", "we have suspended it already")
        word = SuspendAgreement(self._side(desk, row), reason.strip())
        desk.say(row.conversation, well_formed(word))

    def resume(self, desk: Desk, agreement: bytes, reason: str) -> None:
        """Go on with what we have suspended. Raises as ``suspend``."""
        row = self._signed(desk, agreement)
        if not row.suspended_by_us:
            raise Conflicting(
                "协议由对方暂停,只能由对方恢复" if row.suspended_by_peer else "该协议没有暂停",
                "the peer has suspended it and alone can resume"
                if row.suspended_by_peer
                else "it is not suspended",
            )
        word = ResumeAgreement(self._side(desk, row), reason.strip())
        desk.say(row.conversation, well_formed(word))

    def terminate(
        self, desk: Desk, agreement: bytes, reason: str, effective_ms: int | None = None
    ) -> int:
        """Give notice; what was begun keeps its version.

        Returns:
            When it takes effect, unix milliseconds: the first moment that the agreed notice
            allows, if none was asked for.

        Raises:
            NotFound: No such agreement.
            Conflicting: Not signed by both, or over anyway.
            Invalid: Sooner than the agreed notice.
        """
        row = self._signed(desk, agreement)
        if desk.now_ms > row.terms.effective_until_ms:
            raise Conflicting("协议已到期", "it has expired")
        earliest_ms = desk.now_ms + row.terms.notice_days * DAY_MS
        chosen_ms = earliest_ms + NOTICE_MARGIN_MS if effective_ms is None else effective_ms
        try:
            check_notice(row.terms, chosen_ms, desk.now_ms)
        except FederationError as error:
            raise Invalid(
                f"终止须提前{row.terms.notice_days}天通知",
                f"{error.detail}: {error.alternative}",
            ) from error
        desk.say(row.conversation, well_formed(Terminate(chosen_ms, reason.strip())))
        return chosen_ms

    # Looking

    def get(self, desk: Desk, agreement: bytes) -> AgreementRow:
        """One agreement. Raises NotFound."""
        row = agreements.get(desk.ledger.connection, agreement)
        if row is None:
            raise NotFound("没有这份协议", f"there is no agreement {agreement.hex()}")
        return row

    def all(self, desk: Desk) -> list[AgreementRow]:
        """All agreements, the last changed first."""
        return agreements.every(desk.ledger.connection)

    def drafts(self, desk: Desk) -> list[Draft]:
        """Documents of ours that wait for a second person."""
        return agreement_drafts.every(desk.ledger.connection)

    def approvals(self, desk: Desk, agreement: bytes) -> list[str]:
        """Our accounts that stand by a document."""
        return agreement_drafts.approvals(desk.ledger.connection, agreement)

    def in_force(self, desk: Desk, peer: CenterId) -> tuple[AgreementId, AgreementTerms]:
        """The agreement with a peer under which new work may begin now.

        Raises:
            NotFound: There is none; says why.
        """
        found = self._current(desk).get(peer)
        if found is None:
            raise self._none_in_force(desk, peer)
        return found

    def partners(self, desk: Desk) -> list[CenterId]:
        """The peers with whom an agreement is in force, by center id."""
        return sorted(self._current(desk))

    def _current(self, desk: Desk) -> dict[CenterId, tuple[AgreementId, AgreementTerms]]:
        found: dict[CenterId, tuple[AgreementId, AgreementTerms]] = {}
        rows = agreements.active(desk.ledger.connection)
        # Both sides must choose the same one, so nothing of our own decides.
        for row in sorted(rows, key=lambda row: rank(row.terms, row.id)):
            if papers.usable(row, desk.now_ms):
                found[row.peer] = row.id, row.terms
        # Only then: an older version under another suite must not come back by our configuration.
        return {
            peer: (at, terms)
            for peer, (at, terms) in found.items()
            if not desk.dealing.objection(terms.suite, desk.now_ms)
        }

    def _none_in_force(self, desk: Desk, peer: CenterId) -> NotFound:
        rows = [row for row in agreements.active(desk.ledger.connection) if row.peer == peer]
        if not rows:
            return NotFound(
                f"与{peer}没有生效中的协议", f"no agreement with {peer} is in force now"
            )
        newest = max(rows, key=lambda row: rank(row.terms, row.id))
        try:
            check_open(newest.terms, newest.standing, desk.now_ms)
            desk.dealing.check(newest.terms.suite, desk.now_ms)
        except FederationError as error:
            zh = CLAUSES_ZH.get(error.clause, "协议不能使用")
            return NotFound(
                f"与{peer}没有生效中的协议:{zh}",
                f"no agreement with {peer} is in force now: {error.detail}",
            )
        raise AssertionError("an agreement that is open is in force")

    # Inside

    def _fit(self, desk: Desk, peer: CenterId, terms: AgreementTerms) -> papers.Paper:
        found = papers.written(terms) or papers.outside(desk, self._keyring, peer, terms)
        if found:
            raise Invalid(
                "协议条款有误,请逐条修改后再提议",
                "the terms cannot be agreed on; mend each of them",
                detail=tuple(f"{each.clause}: {each.zh} · {each.en}" for each in found),
            )
        paper = papers.read(TERMS.encode(terms))
        _check_replaceable(desk, peer, terms, self._base(desk, terms.supersedes))
        if agreements.get(desk.ledger.connection, paper.id) is not None:
            raise Conflicting(
                "条款完全相同的协议已经提议过;如需重新提议,请更改协议编号",
                "these very terms were proposed before; give the new proposal another number",
            )
        return paper

    def _stand_by(self, desk: Desk, draft: Draft, by: str) -> bytes:
        """Say a document of ours when enough persons stand by it."""
        connection, terms = desk.ledger.connection, draft.terms
        if self._approved(desk, draft.id, by, draft.peer, terms):
            agreement_drafts.remove(connection, draft.id)
            self._say_document(desk, draft)
        else:
            agreement_drafts.add(connection, draft)
        return draft.id

    def _say_document(self, desk: Desk, draft: Draft) -> None:
        terms = draft.terms
        base = self._base(desk, terms.supersedes)
        # Things may have changed while the draft lay on the table.
        _check_replaceable(desk, draft.peer, terms, base)
        signatures = papers.sign(desk, draft.peer, draft.document, papers.suites(terms, base))
        if draft.conversation is None:
            word = Propose(draft.document, signatures)
            desk.open(draft.peer, None, word, suite_id=terms.suite)
            return
        row = agreements.on_the_table(desk.ledger.connection, draft.conversation)
        assert row is not None, "a counter answers a document"
        if row.state != PROPOSED or row.we_proposed:
            raise _not_now(row)
        desk.say(draft.conversation, Counter(draft.document, signatures, row.round + 1))

    def _approved(
        self, desk: Desk, agreement: bytes, by: str, peer: CenterId, terms: AgreementTerms
    ) -> bool:
        connection = desk.ledger.connection
        fresh = agreement_drafts.approve(connection, agreement, by, desk.now_ms)
        missing = self._signers - len(agreement_drafts.approvals(connection, agreement))
        if missing > 0 and not fresh:
            raise Conflicting(
                "您已签过,须由另一位人员签署", "you have signed already; another person must"
            )
        if missing <= 0:  # also where the policy asks for fewer persons than it did
            todos.done(connection, kind=TO_APPROVE, subject=agreement, by=by, now_ms=desk.now_ms)
            return True
        todos.add(
            connection,
            role="operator",
            kind=TO_APPROVE,
            subject=agreement,
            zh=f"与{self._name(peer)}的协议待第二人签署:{terms.title}",
            en=f"an agreement with {peer} waits for a second person's signature: {terms.title}",
            now_ms=desk.now_ms,
        )
        return False

    def _asked(self, desk: Desk, agreement: bytes) -> AgreementRow:
        row = self.get(desk, agreement)
        if row.state != PROPOSED or row.we_proposed:
            raise _not_now(row)
        return row

    def _signed(self, desk: Desk, agreement: bytes) -> AgreementRow:
        row = self.get(desk, agreement)
        if row.state != "ACTIVE":
            raise _not_now(row)
        return row

    def _side(self, desk: Desk, row: AgreementRow) -> Side:
        conversation = desk.ledger.conversation(row.conversation)
        assert conversation is not None, "an agreement has a conversation"
        return Side.PROPOSER if conversation.role == PROPOSER else Side.ANSWERER


_BY_STATE_ZH: Final = {
    "PROPOSED": "待签署",
    "COUNTERED": "已被还价取代",
    "ACTIVE": "已签署",
    "DECLINED": "已拒绝",
    "WITHDRAWN": "已撤回",
    "REFUSED": "未被对方接受",
}


def _check_replaceable(
    desk: Desk, peer: CenterId, terms: AgreementTerms, base: AgreementRow | None
) -> None:
    why = papers.not_replaceable(terms, peer, base, desk.now_ms)
    if why:
        raise Conflicting("所要修订的协议不在使用中,或版本号不符", why)


def _not_now(row: AgreementRow) -> Conflicting:
    return Conflicting(
        f"协议{_BY_STATE_ZH[row.state]}"
        f"({'本中心' if row.we_proposed else '对方'}提议),不能这样操作",
        f"the agreement is {row.state}, proposed by {'us' if row.we_proposed else 'the peer'}: "
        "this is not to be done now",
    )
