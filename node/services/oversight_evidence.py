"""What a center shows when it asks a regulator something, held against what it must be.

Nothing that is asked for is believed: the draw is as its sealer has opened it, signed by a
center that we know, between the two centers that it names; whoever asks is one of them. Here:
only these checks. What officers make of it is ``oversight_deciding``.
"""

from federation.engine.shown import Shown, shown, unverified
from federation.errors import Malformed, Refused
from federation.protocol.conversation import Conversation
from federation.protocol.draw import Commit, Open
from federation.protocol.oversight import AskPermit, AskUnseal
from node.services.house import Desk


def opening_of(desk: Desk, conversation: Conversation, word: AskPermit | AskUnseal) -> Shown[Open]:
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
