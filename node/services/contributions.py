"""Random values from outside (外部随机数): given to draws of others, and collected for ours.

As a **contributor** this center gives one value for a draw, whoever asks how often, and opens
it only when both centers of the draw have committed. It looks after itself: a value that the
owner leaves out is found when the owner accounts for it. As an **asker** it hands what comes
to the draw (``Collected``). What is shown inside the words is verified before anything is
believed. Rules: ``proto/README.md``, Contribution; ``draw-and-evidence.md`` §1.5.
"""

from typing import Final, Protocol

from typing_extensions import override

from federation.engine.inside import Said
from federation.engine.shown import Shown, W, shown, unverified
from federation.errors import Conflict, Malformed, Refused
from federation.ids import CenterId, ConversationId
from federation.lottery import ranking
from federation.protocol import contribution as words
from federation.protocol.contribution import (
    ASKER,
    CONTRIBUTOR,
    Account,
    AskValue,
    Bind,
    Contribute,
    PassValue,
    Pledge,
    Release,
)
from federation.protocol.conversation import Conversation, Word
from federation.protocol.draw import Commit, Open, Reveal
from federation.wire.envelopes import Receipt, Statement, decode_envelope
from node.services.draw_files import word_in
from node.services.house import Desk, Reaction
from node.services.outside_values import envelope_of
from node.services.todos import BY_SYSTEM
from node.store import contributions, todos
from node.store.cipher import ColumnCipher
from node.store.contributions import ContributionRow

LEFT_OUT: Final = "contribution_left_out"
"""Tells people that a value of ours was not used, although we had given it, or that nobody has
shown whether it was."""
COLUMN: Final = "contribution.sealed_value"


class Collected(Protocol):
    """The draws of our own pools, which wait for values from outside."""

    def pledged(self, desk: Desk, draw: bytes) -> None:
        """A contributor has committed."""

    def contributed(self, desk: Desk, draw: bytes) -> None:
        """A contributor has opened its value, or was waited for in vain."""

    def without(self, desk: Desk, draw: bytes, contributor: str) -> None:
        """A contributor will not commit."""


class Contributions(Reaction):
    """Our part in conversations of kind ``contribution``.

    Args:
        cipher: For our values.
        collected: The draws that we ask for.
    """

    def __init__(self, cipher: ColumnCipher, collected: Collected) -> None:
        self._cipher = cipher
        self._collected = collected

    @override
    def admit(
        self, desk: Desk, conversation: Conversation, word: Word, statement: Statement
    ) -> None:
        match word:
            case AskValue():
                _check_asked(desk, conversation, word)
            case Bind():
                _check_bound(desk, conversation, word)
            case Account():
                row = _row(desk, conversation.id)
                told = _check_of_draw(desk, word.reveal, Reveal, row.peer, row)
                if told.statement.recipient != row.sealer:
                    raise Malformed("the reveal was not said to the sealer", clause="reveal")
            case Contribute():
                self._check_value(desk, conversation, word)
            case _:
                pass  # a commitment is only bytes, and the rest promises nothing

    @override
    def said(self, desk: Desk, spoken: Said) -> None:
        """Keep whom we ask, for whichever draw; here, as it may come back after a restore."""
        word, conversation = spoken.word, spoken.conversation
        if isinstance(word, AskValue):
            statement, opening = unverified(word.opening)
            assert isinstance(opening, Open), "we show how our draw was opened"
            payload = decode_envelope(word.opening).payload
            row = ContributionRow(
                conversation=conversation.id,
                draw=word.draw_id,
                role=ASKER,
                peer=conversation.peer,
                sealer=statement.sender,
                open_hash=ranking.open_hash(desk.suite_of(conversation.id), payload),
                sealed_value=None,
            )
            contributions.add(desk.ledger.connection, row)

    @override
    def heard(self, desk: Desk, spoken: Said) -> None:
        conversation, word = spoken.conversation, spoken.word
        match word:
            case AskValue():
                self._pledge(desk, conversation, word)
            case Bind():
                row = _row(desk, conversation.id)
                desk.say(conversation.id, Contribute(self._value(row)))
            case Account():
                _settle(desk, conversation.id)
                _look_for_ours(desk, conversation, word)
            case Release():
                _settle(desk, conversation.id)
            case Pledge() if conversation.phase == words.PLEDGED:
                self._collected.pledged(desk, _row(desk, conversation.id).draw)
            case Contribute() if conversation.phase == words.GIVEN:
                self._collected.contributed(desk, _row(desk, conversation.id).draw)
            case PassValue() if conversation.phase == words.PASSED:
                self._collected.without(desk, _row(desk, conversation.id).draw, conversation.peer)
            case _:
                pass  # it crossed our Release

    @override
    def refused(self, desk: Desk, conversation: Conversation, receipt: Receipt) -> None:
        row = contributions.get(desk.ledger.connection, conversation.id)
        if row is not None and row.role == ASKER:
            self._collected.without(desk, row.draw, row.peer)

    @override
    def lapsed(self, desk: Desk, before: Conversation, after: Conversation) -> None:
        row = _row(desk, before.id)
        if before.phase == words.ASKED:
            self._collected.without(desk, row.draw, row.peer)
        elif before.phase == words.BOUND:
            self._collected.contributed(desk, row.draw)
        elif after.phase == words.UNACCOUNTED:
            _tell_of_silence(desk, after)
        # A pledge that nobody binds harms nobody: a draw that never goes on is void.

    @override
    def cosigned(self, desk: Desk, peer: CenterId, suite_id: str, size: int) -> None:
        """The draw waits for the cosignature, not its contributors."""

    def _pledge(self, desk: Desk, conversation: Conversation, word: AskValue) -> None:
        found = _opening(desk, word)
        digests = desk.suite_of(conversation.id)
        bound = ranking.open_hash(digests, found.envelope.payload)
        value = desk.new_secret()
        contributions.add(
            desk.ledger.connection,
            ContributionRow(
                conversation=conversation.id,
                draw=word.draw_id,
                role=CONTRIBUTOR,
                peer=conversation.peer,
                sealer=found.word.contributors[-1],
                open_hash=bound,
                sealed_value=self._cipher.seal(COLUMN, conversation.id.hex(), value.hex()),
            ),
        )
        ours = ranking.commitment(digests, bound, desk.identity.center, value)
        desk.say(conversation.id, Pledge(ours))

    def _value(self, row: ContributionRow) -> bytes:
        assert row.sealed_value is not None, "made when we pledged"
        opened = self._cipher.open(COLUMN, row.conversation.hex(), row.sealed_value)
        return bytes.fromhex(opened)

    def _check_value(self, desk: Desk, conversation: Conversation, word: Contribute) -> None:
        row = _row(desk, conversation.id)
        pledge = _committed(word_in(envelope_of(desk, conversation.id, Pledge), row.peer))
        digests = desk.suite_of(conversation.id)
        opened = ranking.commitment(digests, row.open_hash, conversation.peer, word.value)
        if opened != pledge:
            raise Malformed("the value does not open your pledge", clause="V7")


def _committed(word: Word) -> bytes:
    return word.commitment if isinstance(word, Pledge) else b""


def _opening(desk: Desk, word: AskValue) -> Shown[Open]:
    """The draw that we are asked for, as its sealer has opened it.

    Raises:
        Malformed: It opens no draw, or another one, or is not signed by a center we know.
    """
    claimed, _ = unverified(word.opening)
    sealer = claimed.sender
    if sealer not in desk.keyring.peers:
        raise Malformed(f"the sealer {sealer[:40]} is no partner of ours: join it first")
    return shown(desk.identity, desk.keyring, word.opening, Open, sealer, desk.now_ms)


def _check_asked(desk: Desk, conversation: Conversation, word: AskValue) -> None:
    found = _opening(desk, word)
    statement, opening = found.statement, found.word
    if statement.conversation_id != word.draw_id:
        raise Malformed("the opening that is shown is of another draw", clause="draw_id")
    if statement.recipient != conversation.peer:
        raise Malformed("the opening that is shown was not said to you", clause="opening")
    ends = (opening.contributors[0], opening.contributors[-1])
    if ends != (conversation.peer, statement.sender):
        raise Malformed(f"its contributors are not from {ends[0]} to {ends[1]}", clause="V6")
    if desk.identity.center not in opening.outside:
        raise Refused("the draw does not name us as a contributor", clause="contributors")
    if conversation.suite != found.suite_id:
        raise Malformed(f"the draw is under {found.suite_id}", clause="suite")
    known = contributions.of_draw(desk.ledger.connection, word.draw_id, CONTRIBUTOR)
    if conversation.peer in known:  # two others may have opened one under an id of another's
        raise Conflict("we were asked for this draw before: one value for one draw")


def _check_bound(desk: Desk, conversation: Conversation, word: Bind) -> None:
    row = _row(desk, conversation.id)
    owners = _check_of_draw(desk, word.commits[0], Commit, row.peer, row)
    sealers = _check_of_draw(desk, word.commits[1], Commit, row.sealer, row)
    if owners.statement.recipient != row.sealer or sealers.statement.recipient != row.peer:
        raise Malformed("the commits were not said to one another", clause="commits")
    ours = _committed(word_in(envelope_of(desk, conversation.id, Pledge), row.peer))
    if ours not in [_committed(word_in(raw, row.peer)) for raw in owners.word.outside]:
        raise Malformed("the owner's Commit does not have our pledge", clause="V6")


def _check_of_draw(
    desk: Desk, raw: bytes, kind: type[W], by: str, row: ContributionRow
) -> Shown[W]:
    found = shown(desk.identity, desk.keyring, raw, kind, by, desk.now_ms)
    if found.statement.conversation_id != row.draw:
        raise Malformed(f"the {kind.__name__} that is shown is of another draw", clause="draw_id")
    return found


def _look_for_ours(desk: Desk, conversation: Conversation, word: Account) -> None:
    """Was the value that we gave told to the sealer?"""
    row = _row(desk, conversation.id)
    reveal = shown(desk.identity, desk.keyring, word.reveal, Reveal, row.peer, desk.now_ms).word
    told = [_legible(raw) for raw in reveal.outside]
    gave = _given(desk, conversation)
    if gave is None or gave in told:
        return
    todos.add(
        desk.ledger.connection,
        role="staff",
        kind=LEFT_OUT,
        subject=conversation.id,
        zh=f"{row.peer}的抽取没有采用本中心已提供的随机数;双方签名均已留存,请向{row.peer}和监管部门核实",
        en=f"the draw of {row.peer} left out the value that we gave; both signatures are kept, "
        "ask that center and the supervisor",
        now_ms=desk.now_ms,
    )


def _tell_of_silence(desk: Desk, conversation: Conversation) -> None:
    """We gave a value, and in a day nobody has shown what became of it."""
    peer = conversation.peer
    todos.add(
        desk.ledger.connection,
        role="staff",
        kind=LEFT_OUT,
        subject=conversation.id,
        zh=f"{peer}一日内未出示其抽取采用了哪些随机数;迟到的出示仍然有效,请向{peer}核实",
        en=f"{peer} has not shown in a day which values its draw has used; ask it. It still "
        "counts when it comes late",
        now_ms=desk.now_ms,
    )


def _settle(desk: Desk, conversation: bytes) -> None:
    """It came late: nobody has to ask any more."""
    todos.done(
        desk.ledger.connection,
        kind=LEFT_OUT,
        subject=conversation,
        by=BY_SYSTEM,
        now_ms=desk.now_ms,
    )


def _legible(raw: bytes) -> Word | None:
    """What was told in a value's place; None: nothing that anybody could read."""
    try:
        return word_in(raw, "")
    except Malformed:
        return None


def _given(desk: Desk, conversation: Conversation) -> Word | None:
    try:
        return word_in(envelope_of(desk, conversation.id, Contribute), conversation.peer)
    except LookupError:
        return None


def _row(desk: Desk, conversation: ConversationId) -> ContributionRow:
    row = contributions.get(desk.ledger.connection, conversation)
    assert row is not None, "kept when it began"
    return row
