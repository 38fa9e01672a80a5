"""Step (10) of hearing a word: what the agreement in force, its suite and its standing allow.

Here: which agreement a word is under, and whether new work may begin under it, also by this
center's own list of suites (``draw-and-evidence.md`` §4, rule 4). Not here: the
terms of each kind of work (``federation.protocol.enforcement``), which the center's own reactions
hold their words against, with their own counts, in the same transaction.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from federation.engine.identity import Identity
from federation.errors import NoAgreement, Recovering, Refused, Unavailable
from federation.ids import CenterId
from federation.ports import Ledger
from federation.protocol import conversation as machine
from federation.protocol import enforcement
from federation.protocol.agreement import AgreementTerms
from federation.protocol.conversation import Conversation, Kind, Phase, Word
from federation.protocol.draw import Fault
from federation.protocol.standing import NEEDS_NO_AGREEMENT, NEW_WORK, check_open
from federation.wire.envelopes import Statement


@dataclass(frozen=True, slots=True)
class Dealing:
    """Under which suites this center signs agreements and begins new work, and until when.

    What was begun ends under its suite, whatever is configured since: keys are one thing,
    dealings another.

    Args:
        until_ms: The end of each suite, unix milliseconds, None for no end; a suite that is not
            listed is not dealt under. Without a list all are.
    """

    until_ms: Mapping[str, int | None] | None = None

    def objection(self, suite_id: str, at_ms: int) -> str:
        """Why there is no dealing under a suite at a time; empty if there is."""
        if self.until_ms is None:
            return ""
        if suite_id not in self.until_ms:
            return f"this center does not deal under {suite_id}"
        ends_ms = self.until_ms[suite_id]
        if ends_ms is not None and at_ms >= ends_ms:
            return f"this center does not deal under {suite_id} from {ends_ms} ms on"
        return ""

    def check(self, suite_id: str, at_ms: int) -> None:
        """Check that new work may begin under a suite. Raises Refused; nothing falls back."""
        found = self.objection(suite_id, at_ms)
        if found:
            raise Refused(found, clause="suite")


ANY: Final = Dealing()

FORK: Final = "fork"
"""The clause by which draws stand still."""


def check(
    ledger: Ledger,
    identity: Identity,
    conversation: Conversation,
    statement: Statement,
    now_ms: int,
    dealing: Dealing = ANY,
) -> AgreementTerms | None:
    """Check that a word's agreement lets it be said at all; answers its terms, if it has one.

    Raises:
        NoAgreement: None, not this one, or not active.
        Refused: Signed under another suite than was agreed on, or one that we deal under no more.
        FederationError: No new work may begin under it now; the clause is named.
    """
    if (conversation.agreement or b"") != statement.agreement_id:
        raise NoAgreement("the word names another agreement than its conversation")
    if conversation.agreement is None:
        if conversation.kind not in NEEDS_NO_AGREEMENT:
            raise NoAgreement(f"a {conversation.kind} needs an agreement")
        return None
    terms = ledger.agreement(conversation.agreement)
    if terms is None:
        raise NoAgreement("no such agreement is active here")
    if {party.center_id for party in terms.parties} != {
        conversation.peer,
        identity.center,
    }:
        raise NoAgreement("the agreement is between other centers", clause="parties")
    if terms.suite != conversation.suite:
        raise Refused(
            f"the agreement is under {terms.suite}, the word is signed under "
            f"{conversation.suite}; nothing falls back",
            clause="suite",
        )
    if conversation.heard == 0 and conversation.said == 0:
        if conversation.kind is Kind.DRAW:
            check_steady(ledger, conversation.peer)
        if conversation.kind in NEW_WORK:
            check_one(ledger, conversation.peer)
            dealing.check(terms.suite, now_ms)
            check_open(terms, ledger.standing(conversation.agreement), now_ms)
        else:
            enforcement.check_in_force(terms, now_ms)
    return terms


def check_one(ledger: Ledger, peer: CenterId) -> None:
    """No new work with whoever may be two. Raises Unavailable."""
    if ledger.doubtful(peer):
        raise Unavailable(
            "two nodes seem to use one identity here: its logs or descriptors contradict each "
            "other; both centers' operators must find out why",
            clause="identity",
            alternative="run=lianping peer show",
        )


def check_steady(ledger: Ledger, peer: CenterId) -> None:
    """No draw with whoever's log has two histories. Raises Unavailable."""
    if ledger.forked(peer):
        raise Unavailable(
            "its evidence log has two histories here: draws with it stand still until an operator "
            "has found out why and lifts this",
            clause=FORK,
            alternative="run=lianping peer lift-fork",
        )


def standstill(ledger: Ledger, conversation: Conversation, word: Word) -> Unavailable | None:
    """Why a peer's word in a running draw waits; None if it need not. A Fault never waits."""
    begun = conversation.heard > 0 or conversation.said > 0
    if conversation.kind is not Kind.DRAW or not begun or isinstance(word, Fault):
        return None
    try:
        check_steady(ledger, conversation.peer)
    except Unavailable as why:
        return why
    return None


def waits(ledger: Ledger, conversation: Conversation) -> Mapping[Phase, int]:
    """How long the agreement lets each phase last, where it says so."""
    if conversation.agreement is None or conversation.kind not in enforcement.KINDS_THAT_WAIT:
        return machine.NO_WAITS
    return waits_under(ledger.agreement(conversation.agreement), conversation)


def waits_under(terms: AgreementTerms | None, conversation: Conversation) -> Mapping[Phase, int]:
    """The same where the terms have been read."""
    return machine.NO_WAITS if terms is None else enforcement.agreed_waits(terms, conversation)


def check_whole(ledger: Ledger, peer: CenterId) -> None:
    """Nothing new with a peer before it gave back what we have lost. Raises Recovering."""
    if ledger.blocked(peer):
        raise Recovering(
            "this center restores words that it has lost from its partners' copies, and takes no "
            "new work meanwhile; try again later"
        )
