"""What our tables and the words so far say of a lottery of sub-venues, and our random values."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

from federation.engine.inside import Said
from federation.errors import Refused
from federation.ids import ConversationId
from federation.lottery import selection as rules
from federation.lottery.selection import Unfair
from federation.protocol.conversation import Role, Word
from federation.protocol.selection import Enter, Invite
from federation.trust.suite import Digests
from federation.wire.envelopes import decode_statement
from federation.wire.words import decode_word
from node.services.house import Desk
from node.store import selections, transcripts
from node.store.cipher import ColumnCipher
from node.store.selections import Candidacy, SelectionRow
from node.store.transcripts import Line

W = TypeVar("W", bound=Word)


class Values:
    """Our random values, of lotteries that we hold and of those that we are invited to.

    Args:
        cipher: Seals them: whoever reads our disk must not foretell an order.
    """

    def __init__(self, cipher: ColumnCipher) -> None:
        self._cipher = cipher

    def renewed(self, desk: Desk, held: SelectionRow) -> SelectionRow:
        """The same with a fresh value, for its next attempt."""
        text = desk.new_secret().hex()
        name = f"{held.id.hex()}/{held.attempt}"
        return replace(held, sealed_value=self._cipher.seal("selection.sealed_value", name, text))

    def host(self, held: SelectionRow) -> bytes:
        """Our value as the host."""
        name = f"{held.id.hex()}/{held.attempt}"
        return bytes.fromhex(self._cipher.open("selection.sealed_value", name, held.sealed_value))

    def seal(self, conversation: ConversationId, value: bytes) -> bytes:
        """A candidate's value, for the store."""
        return self._cipher.seal("candidacy.sealed_value", conversation.hex(), value.hex())

    def own(self, row: Candidacy) -> bytes:
        """Our value as a candidate."""
        assert row.sealed_value is not None, "a candidate's value is made when it is invited"
        name = row.conversation.hex()
        return bytes.fromhex(self._cipher.open("candidacy.sealed_value", name, row.sealed_value))

    def enter(self, desk: Desk, row: Candidacy) -> Enter:
        """Our entry: it commits to our value."""
        digests, bound = bound_to(desk, row.conversation)
        return Enter(rules.commitment(digests, bound, desk.identity.center, self.own(row)))


@contextmanager
def fair() -> Iterator[None]:
    """Refuse, with the sentence that says where, what is not fair."""
    try:
        yield
    except Unfair as error:
        raise Refused(str(error), clause="selection") from error


def enrol(desk: Desk, spoken: Said, role: Role, sealed: bytes | None) -> None:
    """Store a conversation with its Invite."""
    word, conversation = spoken.word, spoken.conversation
    assert isinstance(word, Invite), "a lottery begins with it"
    selections.enrol(
        desk.ledger.connection,
        Candidacy(
            conversation=conversation.id,
            selection=word.selection_id,
            attempt=word.attempt,
            role=role,
            peer=conversation.peer,
            invite=word,
            sealed_value=sealed,
        ),
    )


def selection_row(desk: Desk, selection_id: bytes) -> SelectionRow:
    """A lottery of ours."""
    row = selections.get(desk.ledger.connection, selection_id)
    assert row is not None, "a lottery of ours is stored before its first word is said"
    return row


def candidacy_row(desk: Desk, conversation: bytes) -> Candidacy:
    """A conversation of a lottery."""
    row = selections.candidacy(desk.ledger.connection, conversation)
    assert row is not None, "a candidacy is stored with its Invite"
    return row


def heard_word(desk: Desk, conversation: bytes, wanted: type[W]) -> W:
    """The last word of a type in a conversation, which the table makes sure of."""
    found = [
        word
        for line in transcripts.of_conversation(desk.ledger.connection, conversation)
        if isinstance(word := _word(line), wanted)
    ]
    return found[-1]


def bound_to(desk: Desk, conversation: ConversationId) -> tuple[Digests, bytes]:
    """The suite of a lottery, and what binds everything to its Invite, as it was serialised."""
    digests = desk.suite_of(conversation)
    first = transcripts.of_conversation(desk.ledger.connection, conversation)[0]
    return digests, rules.invite_hash(digests, decode_statement(first.payload).body)


def _word(line: Line) -> Word:
    return decode_word(line.payload_type, decode_statement(line.payload).body)
