"""What the owner of a pool does about values from outside: asks, binds, collects, accounts.

Here: our words to the contributors of one draw, and what they have signed for us to show. Not
here: what we say in the draw itself (``draw_moves``), and giving values to others
(``contributions``). The rules of both are in ``proto/README.md``, Contribution.
"""

from collections.abc import Sequence

from federation.ids import CenterId, ConversationId
from federation.protocol import contribution as words
from federation.protocol.contribution import (
    ASKER,
    Account,
    AskValue,
    Bind,
    Contribute,
    Pledge,
    Release,
)
from federation.protocol.conversation import Word
from federation.protocol.draw import Commit, Open, Reveal
from federation.wire.envelopes import encode_envelope
from federation.wire.words import PAYLOAD_TYPES
from node.services.house import Desk
from node.store import contributions, transcripts
from node.store.contributions import ContributionRow
from node.store.transcripts import Line

_WAITED_FOR = frozenset({words.ASKED, words.PLEDGED, words.BOUND, words.GIVEN})


def ask(desk: Desk, draw: bytes, opening: Open) -> None:
    """Ask every outside contributor that an ``Open`` names.

    Raises:
        UnknownSuite: A contributor does not speak the draw's suite.
    """
    shown = envelope_of(desk, draw, Open)
    suite_id = desk.suite_of(ConversationId(draw)).suite_id
    for center in opening.outside:
        word = AskValue(draw_id=draw, opening=shown)
        desk.open(CenterId(center), None, word, suite_id=suite_id)


def pledges(desk: Desk, draw: bytes, outside: Sequence[str]) -> tuple[bytes, ...] | None:
    """Every contributor's pledge as it was signed, in their order; None while one is missing."""
    asked = contributions.of_draw(desk.ledger.connection, draw, ASKER)
    if any(asked[center].phase == words.ASKED for center in outside):
        return None
    return tuple(envelope_of(desk, asked[center].conversation, Pledge) for center in outside)


def bind(desk: Desk, draw: bytes, sealer: str) -> None:
    """Show every contributor that all have committed."""
    both = (envelope_of(desk, draw, Commit), envelope_of(desk, draw, Commit, by=sealer))
    for row in contributions.of_draw(desk.ledger.connection, draw, ASKER).values():
        desk.say(ConversationId(row.conversation), Bind(both))


def values(desk: Desk, draw: bytes, outside: Sequence[str]) -> tuple[bytes, ...] | None:
    """Every contributor's value as it was signed; empty bytes for one that was waited for in vain.

    None while one may still come.
    """
    asked = contributions.of_draw(desk.ledger.connection, draw, ASKER)
    if any(_may_come(asked[center]) for center in outside):
        return None
    return tuple(
        envelope_of(desk, asked[center].conversation, Contribute)
        if asked[center].phase == words.GIVEN
        else b""
        for center in outside
    )


def account(desk: Desk, draw: bytes) -> None:
    """Show every contributor what the sealer was told."""
    shown = envelope_of(desk, draw, Reveal)
    for row in contributions.of_draw(desk.ledger.connection, draw, ASKER).values():
        if row.phase in {words.BOUND, words.GIVEN}:
            desk.say(ConversationId(row.conversation), Account(shown))


def release(desk: Desk, draw: bytes, reason: str) -> None:
    """The draw is void: tell whoever still waits for it."""
    for row in contributions.of_draw(desk.ledger.connection, draw, ASKER).values():
        if row.phase in _WAITED_FOR:
            desk.say(ConversationId(row.conversation), Release(reason))


def envelope_of(
    desk: Desk, conversation: bytes, kind: type[Word], *, by: str | None = None
) -> bytes:
    """The last word of a type in a conversation, as it can be shown to others.

    Args:
        desk: The floor.
        conversation: Which.
        kind: The word's type.
        by: Who has said it, where both may; by default the one who may, or we.

    Raises:
        LookupError: There is no such word.
    """
    wanted = PAYLOAD_TYPES[kind]
    ours = by is None or by == desk.identity.center
    lines = [
        line
        for line in transcripts.of_conversation(desk.ledger.connection, conversation)
        if line.payload_type == wanted
    ]
    found = [line for line in lines if line.ours is ours] or (lines if by is None else [])
    if not found:
        raise LookupError(f"no {kind.__name__} in conversation {conversation.hex()}")
    return as_signed(desk, conversation, found[-1])


def as_signed(desk: Desk, conversation: bytes, line: Line) -> bytes:
    """A word of a conversation, as it can be shown to others."""
    return line.envelope if line.envelope is not None else _signed(desk, conversation, line)


def _signed(desk: Desk, conversation: bytes, line: Line) -> bytes:
    """A word of ours is signed when it is sent, with others; what has to be shown now, now."""
    known = desk.ledger.conversation(ConversationId(conversation))
    assert known is not None, "it has words"
    item = (line.payload_type, line.payload)
    (envelope,) = desk.identity.sign(known.peer, known.suite, [item], desk.now_ms)
    return encode_envelope(envelope)


def _may_come(row: ContributionRow) -> bool:
    return row.phase == words.BOUND and row.deadline_ms is not None
