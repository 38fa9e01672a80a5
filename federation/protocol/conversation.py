"""The machine that every conversation of two centers runs on.

Rule 1: what may be said next is a row of a ``Table``; what is not in the table is an
error. The tables are the sibling modules, one per kind.
Rule 2: nothing here waits, sends, stores or reads a clock. Functions take the time and
answer with the new ``Conversation``; ``federation.engine`` carries it out.
Rule 3: both sides run the same table, so a broken peer and a bug of our own are caught
by the same line. Who speaks is part of the word, not of the transition.

Each side counts its own words (``said``, ``heard``), so that words that cross on the way
do not collide; where a crossing is possible, the table has a row for it. Such a row may
only be heard: nobody may begin to say what would have come too late.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar, Final, NewType

from federation.errors import OutOfTurn
from federation.ids import AgreementId, CenterId, ConversationId

Role = NewType("Role", str)
Phase = NewType("Phase", str)

EITHER: Final = Role("EITHER")
REFUSED: Final = Phase("REFUSED")
"""Where a conversation ends when the other side refuses a word with its signature."""


class Kind(StrEnum):
    """What a conversation is about."""

    AGREEMENT = "agreement"
    PEERING = "peering"
    BOOKING = "booking"
    DRAW = "draw"
    SESSION = "session"
    SELECTION = "selection"
    CONTRIBUTION = "contribution"
    OVERSIGHT = "oversight"


@dataclass(frozen=True, slots=True)
class Word:
    """One thing a center may say. Never constructed directly."""

    kind: ClassVar[Kind]
    speaker: ClassVar[Role]

    @property
    def case(self) -> str:
        """The row of the table: the word's name, and its choice where the choice matters."""
        return type(self).__name__

    @property
    def wait_ms(self) -> int | None:
        """How long the phase that follows may last, when the word itself says so."""
        return None


@dataclass(frozen=True, slots=True)
class Wait:
    """A phase in which somebody is waited for.

    Args:
        turn: Whose turn it is.
        authority: On whose clock the deadline runs; only this side lets it lapse.
        lapses_to: Where silence leads. None: the authority's engine must say a word.
        limit_ms: How long the phase lasts unless the word that led here, or the agreement, says
            otherwise.
    """

    turn: Role
    authority: Role
    limit_ms: int
    lapses_to: Phase | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """All that may happen in one kind of conversation."""

    kind: Kind
    roles: tuple[Role, Role]
    words: tuple[type[Word], ...]
    next: Mapping[tuple[Phase, str], Phase]
    waits: Mapping[Phase, Wait]
    over: frozenset[Phase]
    start: Phase = Phase("NEW")
    speakers: Mapping[tuple[Phase, str], Role] = field(default_factory=dict)
    """Who alone may say a word of ``EITHER`` where the phase leaves it to one side."""
    crossings: frozenset[tuple[Phase, str]] = frozenset()
    """Rows for words that crossed on the way: they may be heard, never said."""

    @property
    def phases(self) -> frozenset[Phase]:
        """Every phase that the table names."""
        named = {self.start, REFUSED, *self.over, *self.waits}
        return frozenset(named | {before for before, _ in self.next} | set(self.next.values()))

    def other(self, role: Role) -> Role:
        """The role of the other side."""
        first, second = self.roles
        return second if role == first else first

    def speaker(self, phase: Phase, word: Word) -> Role:
        """Who may say the word in that phase."""
        return self.speakers.get((phase, word.case), word.speaker)


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation, as one of its two centers remembers it."""

    id: ConversationId
    kind: Kind
    role: Role
    peer: CenterId
    agreement: AgreementId | None
    suite: str
    phase: Phase
    said: int = 0
    heard: int = 0
    said_hash: bytes = b""
    heard_hash: bytes = b""
    deadline_ms: int | None = None
    """On our own clock; None when nothing is waited for."""

    def moved(
        self,
        phase: Phase,
        deadline_ms: int | None,
        *,
        said: int = 0,
        heard: int = 0,
        heard_hash: bytes | None = None,
    ) -> "Conversation":
        """The same after one more word. Spelled out: ``replace`` takes a tenth of a word's time."""
        return Conversation(
            self.id,
            self.kind,
            self.role,
            self.peer,
            self.agreement,
            self.suite,
            phase,
            self.said + said,
            self.heard + heard,
            self.said_hash,
            self.heard_hash if heard_hash is None else heard_hash,
            deadline_ms,
        )


NO_WAITS: Final[Mapping[Phase, int]] = MappingProxyType({})


def say(
    table: Table,
    conversation: Conversation,
    word: Word,
    now_ms: int,
    agreed: Mapping[Phase, int] = NO_WAITS,
) -> Conversation:
    """Say the next word ourselves.

    Args:
        table: The kind's.
        conversation: As it is before the word.
        word: What is said.
        now_ms: Now, on our clock.
        agreed: How long phases last where the agreement says so and the word does not,
            milliseconds; the table's limits are for the others.

    Raises:
        OutOfTurn: The word is not ours, or not next.
    """
    if table.speaker(conversation.phase, word) not in {conversation.role, EITHER}:
        raise OutOfTurn(f"{word.case} is for the other side to say")
    if (conversation.phase, word.case) in table.crossings:
        raise OutOfTurn(f"{word.case} comes too late: the phase is {conversation.phase}")
    phase, deadline_ms = _next(table, conversation, word, now_ms, agreed)
    return conversation.moved(phase, deadline_ms, said=1)


def hear(
    table: Table,
    conversation: Conversation,
    word: Word,
    now_ms: int,
    agreed: Mapping[Phase, int] = NO_WAITS,
    word_hash: bytes | None = None,
) -> Conversation:
    """Hear the other side's next word. Duplicates never get here: they have a stored receipt.

    ``agreed`` as for ``say``; ``word_hash`` is the word's, to be kept as the last one heard.

    Raises:
        OutOfTurn: The word is ours to say, or not next.
    """
    if table.speaker(conversation.phase, word) not in {table.other(conversation.role), EITHER}:
        raise OutOfTurn(f"{word.case} is not for the other side to say")
    phase, deadline_ms = _next(table, conversation, word, now_ms, agreed)
    return conversation.moved(phase, deadline_ms, heard=1, heard_hash=word_hash)


def learn(
    table: Table,
    conversation: Conversation,
    word: Word,
    now_ms: int,
    agreed: Mapping[Phase, int] = NO_WAITS,
) -> Conversation:
    """Take a word that the other side has said to somebody else, about what we share.

    The phase moves as if we had heard it; nothing is counted, as our own copy is still to come.
    Answers the same conversation where the word is not awaited. ``agreed`` as for ``say``.

    Raises:
        OutOfTurn: The word is not the other side's to say.
    """
    if table.speaker(conversation.phase, word) not in {table.other(conversation.role), EITHER}:
        raise OutOfTurn(f"{word.case} is not for the other side to say")
    cell = (conversation.phase, word.case)
    if cell in table.crossings or table.next.get(cell, conversation.phase) == conversation.phase:
        return conversation
    phase, deadline_ms = _next(table, conversation, word, now_ms, agreed)
    return replace(conversation, phase=phase, deadline_ms=deadline_ms)


def expire(table: Table, conversation: Conversation, now_ms: int) -> Conversation:
    """Let the phase lapse if its time has passed, on our clock and by our authority.

    Returns the same conversation when there is nothing to do. Where the table names no
    phase for silence, the phase stays and the deadline is taken off; see ``overdue``.
    """
    if not overdue(table, conversation, now_ms):
        return conversation
    wait = table.waits[conversation.phase]
    if wait.lapses_to is None:
        return replace(conversation, deadline_ms=None)
    return replace(
        conversation,
        phase=wait.lapses_to,
        deadline_ms=_deadline(table, wait.lapses_to, None, now_ms, NO_WAITS),
    )


def overdue(table: Table, conversation: Conversation, now_ms: int) -> bool:
    """Tell whether the deadline has passed and it is ours to act on."""
    wait = table.waits.get(conversation.phase)
    return (
        wait is not None
        and wait.authority == conversation.role
        and conversation.deadline_ms is not None
        and now_ms >= conversation.deadline_ms
    )


def refused(table: Table, conversation: Conversation) -> Conversation:
    """End the conversation because the other side refused a word of ours with its signature."""
    if conversation.phase in table.over:
        return conversation
    return replace(conversation, phase=REFUSED, deadline_ms=None)


def _next(
    table: Table, conversation: Conversation, word: Word, now_ms: int, agreed: Mapping[Phase, int]
) -> tuple[Phase, int | None]:
    phase = table.next.get((conversation.phase, word.case))
    if phase is None:
        raise OutOfTurn(f"{word.case} does not follow {conversation.phase}")
    return phase, _deadline(table, phase, word.wait_ms, now_ms, agreed)


def _deadline(
    table: Table, phase: Phase, wait_ms: int | None, now_ms: int, agreed: Mapping[Phase, int]
) -> int | None:
    wait = table.waits.get(phase)
    if wait is None:
        return None
    return now_ms + (agreed.get(phase, wait.limit_ms) if wait_ms is None else wait_ms)
