"""Two ends of one conversation, their clocks, and the mail between them.

The mail is lost, repeated and late, as the network's is; what reaches ``hear`` is in order per
sender and without duplicates, as the engine's is: a letter that was heard is answered from the
store, a letter too far ahead is put off, a lost one is sent again.
"""

from dataclasses import dataclass, field, replace

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from typing_extensions import override

from federation.errors import OutOfTurn
from federation.protocol.conversation import Conversation, Role, Table, Word, expire, hear, say
from tests.protocol.grids import CONVERSATION_ID, NOW, PEER

MOST_WORDS = 12
"""Words that one end may say: longer than any conversation without repetitions."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A word and its place among the words of its sender, from 1."""

    number: int
    word: Word


@dataclass(slots=True)
class End:
    """One center's side: its conversation, its clock, all it has said, and what is in the post."""

    conversation: Conversation
    now_ms: int
    outbox: list[Letter] = field(default_factory=list)
    post: list[Letter] = field(default_factory=list)
    phases: list[str] = field(default_factory=list)

    def enter(self, conversation: Conversation) -> None:
        """Take the next state and remember the phase."""
        self.conversation = conversation
        self.phases.append(conversation.phase)


class TwoEnds(RuleBasedStateMachine):
    """Both ends, driven by chance. A subclass names the table, the words and the invariants."""

    table: Table
    samples: tuple[Word, ...]
    longest_wait_ms: int = 100_000_000

    def __init__(self) -> None:
        super().__init__()
        # The clocks of two centers differ: here by a day.
        self.ends = {
            role: End(
                Conversation(
                    CONVERSATION_ID,
                    self.table.kind,
                    role,
                    PEER,
                    agreement=None,
                    suite="intl-1",
                    phase=self.table.start,
                ),
                NOW + skew,
            )
            for role, skew in zip(self.table.roles, (0, 86_400_000), strict=True)
        }

    @rule(data=st.data(), which=st.sampled_from((0, 1)))
    def say(self, data: st.DataObject, which: int) -> None:
        role = self.table.roles[which]
        end = self.ends[role]
        if len(end.outbox) < MOST_WORDS and (words := self._sayable(role)):
            word = data.draw(st.sampled_from(words))
            end.enter(say(self.table, end.conversation, word, end.now_ms))
            letter = Letter(end.conversation.said, word)
            end.outbox.append(letter)
            end.post.append(letter)
            self.noticed(role, word.case)

    def _sayable(self, role: Role) -> list[Word]:
        """What the table lets this end say. Only the first to speak begins."""
        end, other = self.ends[role], self.ends[self.table.other(role)]
        if end.conversation.phase == self.table.start and other.outbox:
            return []
        return [word for word in self.samples if self._may(end, word)]

    def _may(self, end: End, word: Word) -> bool:
        try:
            say(self.table, end.conversation, word, end.now_ms)
        except OutOfTurn:
            return False
        return True

    @precondition(lambda self: any(end.post for end in self.ends.values()))
    @rule(data=st.data(), lose=st.booleans(), repeat=st.booleans())
    def deliver(self, data: st.DataObject, lose: bool, repeat: bool) -> None:
        senders = [role for role in self.table.roles if self.ends[role].post]
        sender = data.draw(st.sampled_from(senders))
        letter = data.draw(st.sampled_from(self.ends[sender].post))
        if not repeat:
            self.ends[sender].post.remove(letter)
        if not lose:
            self._arrive(sender, letter)

    def _arrive(self, sender: Role, letter: Letter) -> None:
        listener = self.ends[self.table.other(sender)]
        if letter.number == listener.conversation.heard + 1:
            self.listen(self.table.other(sender), letter)
        elif letter.number > listener.conversation.heard:
            self.ends[sender].post.append(letter)  # a gap: it will be said again

    def listen(self, role: Role, letter: Letter) -> None:
        """Hear the next letter."""
        end = self.ends[role]
        end.enter(hear(self.table, end.conversation, letter.word, end.now_ms))
        self.noticed(role, letter.word.case)

    def noticed(self, role: Role, what: str) -> None:
        """Let a subclass keep its own books of what an end said, heard, or waited for in vain."""

    @rule()
    def send_again(self) -> None:
        """The outbox says again what has no receipt yet."""
        for role in self.table.roles:
            heard = self.ends[self.table.other(role)].conversation.heard
            end = self.ends[role]
            end.post = [*end.post, *end.outbox[heard:]][:MOST_WORDS]

    @rule(which=st.sampled_from((0, 1)), share=st.integers(1, 100))
    def wait(self, which: int, share: int) -> None:
        end = self.ends[self.table.roles[which]]
        end.now_ms += self.longest_wait_ms * share // 100
        lapsed = expire(self.table, end.conversation, end.now_ms)
        if lapsed.phase != end.conversation.phase:
            end.enter(lapsed)
            self.noticed(self.table.roles[which], "silence")
        end.conversation = lapsed

    @rule()
    def deliver_everything(self) -> None:
        """The network heals: all that was said arrives, the two directions in any order."""
        for role in self.table.roles:
            heard = self.ends[self.table.other(role)].conversation.heard
            for letter in self.ends[role].outbox[heard:]:
                self._arrive(role, letter)

    @property
    def quiet(self) -> bool:
        """Whether everything that was said has been heard."""
        first, second = (self.ends[role].conversation for role in self.table.roles)
        return first.said == second.heard and second.said == first.heard

    @property
    def phases(self) -> tuple[str, str]:
        """The phases of both ends, in the order of the table's roles."""
        first, second = (self.ends[role].conversation.phase for role in self.table.roles)
        return first, second

    @invariant()
    def nobody_hears_what_was_not_said(self) -> None:
        for role in self.table.roles:
            assert self.ends[self.table.other(role)].conversation.heard <= len(
                self.ends[role].outbox
            )

    @override
    def teardown(self) -> None:
        """Heal the network at the end of every run; what a subclass says of quiet must hold."""
        self.deliver_everything()
        assert self.quiet
        self.check_quiet()

    @invariant()
    def when_quiet_the_ends_agree(self) -> None:
        if self.quiet:
            self.check_quiet()

    def check_quiet(self) -> None:
        """Assert that the two ends agree."""
        first, second = self.phases
        assert first == second
        first_end, second_end = (self.ends[role].conversation for role in self.table.roles)
        assert replace(first_end, role=second_end.role, said=0, heard=0, deadline_ms=None) == (
            replace(second_end, said=0, heard=0, deadline_ms=None)
        )
