"""What a center shows when it asks a regulator something, held against what it must be.

Nothing that is asked for is believed: the draw is as its sealer has opened it, signed by a
center that we know, between the two centers that it names; whoever asks is one of them. Here:
only these checks. What officers make of it is ``oversight_deciding``.
"""

from dataclasses import dataclass
from typing import TypeVar

from federation.engine.shown import Shown, shown, unverified
from federation.errors import Malformed, Overtaken, Refused, Unauthenticated
from federation.evidence.call_back import ANSWERS
from federation.ids import CenterId, ConversationId
from federation.protocol.conversation import Conversation, Word
from federation.protocol.draw import Close, Commit, Conclude, Fault, Open, Report
from federation.protocol.oversight import UNSEALED, AskPermit, AskUnseal, SubmitReports
from federation.protocol.peering import AnnouncePool
from federation.trust.keyring import UNKNOWN_KEY
from node.services.house import Desk
from node.store import oversight

W = TypeVar("W", bound=Word)


@dataclass(frozen=True, slots=True)
class Told:
    """What was reported in a draw, as its owner has signed it.

    Args:
        opening: How it was opened.
        announced: The pool that it was opened on, as the sealer was told of it.
        reports: The answers.
    """

    opening: Shown[Open]
    announced: AnnouncePool
    reports: tuple[Report, ...]

    @property
    def owner(self) -> CenterId:
        """Whose experts were called."""
        return CenterId(self.opening.statement.recipient)

    @property
    def sealer(self) -> CenterId:
        """Whom the answers were reported to."""
        return CenterId(self.opening.statement.sender)


def told_of(desk: Desk, conversation: Conversation, word: SubmitReports) -> Told:
    """What was reported of invitations, with the key that records are signed with.

    Raises:
        Malformed: Something that is shown is not of this draw, not signed by who must have said
            it, or no answer.
        Refused: The owner tells of itself, and has not been let go on alone.
    """
    opening = opening_of(desk, conversation, word)
    owner, sealer = opening.statement.recipient, opening.statement.sender
    if conversation.peer == owner and not _is_alone(desk, word.draw_id, owner):
        raise Refused("its sealer tells of a draw whose escrow is closed", clause="opening")
    announced = _shown(desk, word.announcement, AnnouncePool, owner, sealer, opening.suite_id)
    draws = opening.word
    if (announced.word.pool, announced.word.epoch, announced.word.root) != (
        draws.pool, draws.epoch, draws.root,
    ):  # fmt: skip
        raise Malformed("the announcement is of another pool", clause="announcement")
    if announced.statement.sent_at_ms > opening.statement.sent_at_ms:
        raise Malformed("the pool was announced after the draw was opened", clause="announcement")
    found = []
    ended(desk, word.ending, word.draw_id, (owner, sealer), opening.suite_id)
    for raw in word.reports:
        report = _shown(desk, raw, Report, owner, sealer, opening.suite_id)
        if report.statement.conversation_id != word.draw_id:
            raise Malformed("a report that is shown is of another draw", clause="reports")
        if report.word.response not in ANSWERS:
            raise Malformed(f"{report.word.response.name} is no answer", clause="reports")
        found.append(report.word)
    return Told(opening, announced.word, tuple(found))


def _is_alone(desk: Desk, draw: bytes, owner: str) -> bool:
    """Whether we have opened the escrow for the owner.

    It could sign an end whenever it liked, tell of one honest call, and learn by our question
    which of the calls to come are checked.
    """
    return any(
        (row.word, row.peer) == (AskUnseal.__name__, owner)
        and (known := desk.ledger.conversation(ConversationId(row.id))) is not None
        and known.phase == UNSEALED
        for row in oversight.requests_about(desk.ledger.connection, draw)
    )


def ended(desk: Desk, raw: bytes, draw: bytes, centers: tuple[str, str], suite_id: str) -> None:
    """A draw has ended, as one of its two centers has told the other.

    Raises:
        Malformed: What is shown does not end this draw.
    """
    by = unverified(raw)[0].sender
    if by not in centers:
        raise Malformed(f"{by[:40]} is no center of the draw", clause="ending")
    told = centers[1 - centers.index(by)]
    found = _shown(desk, raw, Word, by, told, suite_id)
    if not isinstance(found.word, Close | Conclude | Fault):
        raise Malformed(f"{found.word.case} ends no draw", clause="ending")
    if found.statement.conversation_id != draw:
        raise Malformed("the end that is shown is of another draw", clause="ending")


def _shown(desk: Desk, raw: bytes, kind: type[W], by: str, told: str, suite_id: str) -> Shown[W]:
    # A pool was announced weeks ago: its owner's key of then may have run out by itself.
    then_ms = min(unverified(raw)[0].sent_at_ms, desk.now_ms)
    try:
        found = shown(desk.identity, desk.keyring, raw, kind, by, then_ms)
    except Malformed as error:
        why = error.__cause__
        if isinstance(why, Unauthenticated) and why.cause == UNKNOWN_KEY:
            raise Overtaken(f"{by[:40]} has a key that is not known here yet") from error
        raise
    if found.statement.recipient != told:
        raise Malformed(f"the {kind.__name__} that is shown was not said to {told[:40]}")
    if found.suite_id != suite_id:
        raise Malformed(f"the {kind.__name__} is under {found.suite_id}", clause="suite")
    return found


def opening_of(
    desk: Desk, conversation: Conversation, word: AskPermit | AskUnseal | SubmitReports
) -> Shown[Open]:
    """The draw that is asked about, as it was opened.

    Raises:
        Malformed: It opens no draw, or another one, or one of other centers, or is not signed
            by a center that we know.
    """
    sealer = unverified(word.opening)[0].sender
    if sealer not in desk.keyring.peers:
        raise Malformed(f"the sealer {sealer[:40]} is no peer of ours: join it first")
    found = shown(desk.identity, desk.keyring, word.opening, Open, sealer, desk.now_ms)
    owner = found.statement.recipient
    if found.statement.conversation_id != word.draw_id:
        raise Malformed("the opening that is shown is of another draw", clause="draw_id")
    if (found.word.contributors[0], found.word.contributors[-1]) != (owner, sealer):
        raise Malformed(f"its contributors are not from {owner} to {sealer}", clause="V6")
    if owner not in desk.keyring.peers:
        raise Malformed(f"the owner {owner[:40]} is no peer of ours: join it first")
    if conversation.peer not in {owner, sealer}:
        raise Malformed("the draw that is shown is not yours", clause="opening")
    if found.suite_id != conversation.suite:
        raise Malformed(f"the draw is under {found.suite_id}", clause="suite")
    return found


def escrow_of(desk: Desk, conversation: Conversation, word: AskUnseal) -> Shown[Commit]:
    """The sealer's commitment with its escrow.

    Raises:
        Malformed: It is not the sealer's, not of this draw, or has no escrow.
        Refused: Whoever asks is not the owner of the pool: the sealer knows its own value.
    """
    opening = opening_of(desk, conversation, word)
    sealer = opening.statement.sender
    if conversation.peer == sealer:
        raise Refused("only the owner of the pool asks to open the escrow", clause="opening")
    found = shown(desk.identity, desk.keyring, word.commit, Commit, sealer, desk.now_ms)
    if found.statement.conversation_id != word.draw_id:
        raise Malformed("the commit that is shown is of another draw", clause="draw_id")
    if found.statement.recipient != conversation.peer:
        raise Malformed("the commit that is shown was not said to you", clause="commit")
    if found.suite_id != opening.suite_id:
        raise Malformed(f"the commit is under {found.suite_id}", clause="suite")
    if not found.word.escrow:
        raise Malformed("the commit that is shown has no escrow", clause="escrow")
    return found
