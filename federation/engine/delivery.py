"""What the outbox remembers of each peer: who waits for what, and how the last tries went.

Here: which conversations may be told now, when a call may be tried, and the breaker. Not here:
calling (``outbox``), nor when to look again (``transport.pumps``). All of it is in memory:
after a restart everything is tried at once, and the peer knows by ``message_id`` what it has.

Words are in order within a conversation and nowhere else. So a conversation is *busy* while a
call carries its words, and *held* while the peer says that words before them are missing; all
others go on. ``after`` passes over what need not be looked at again.

The store runs ``Link.take`` on its own thread, one at a time; everything else is on the
event loop's. Between the two there are only single operations on sets and dicts.
"""

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from federation.ids import ConversationId
from federation.ports import SaidWord

FIRST_BACK_OFF_MS: Final = 500
MAX_BACK_OFF_MS: Final = 600_000  # a bilateral partner is never given up for longer
MAX_DOUBLINGS: Final = 16  # 500 ms doubled so often is far above the most; bounds the power
OPENS_AFTER: Final = 3  # failures in a row: one lost call is weather, three are an outage
CALLS_AT_ONCE: Final = 4  # to one peer: one is signed, one under way, one heard, one receipted
MAX_HELD: Final = 4_096  # conversations of one peer; about 1 MiB. Beyond it the peer is at fault
ATTEMPTS_KEPT: Final = 5  # of each peer: what a person reads who asks why nothing moves


class Breaker(StrEnum):
    """Whether calls to a peer are worth their while."""

    CLOSED = "closed"
    """They are: up to ``CALLS_AT_ONCE`` at the same time."""
    OPEN = "open"
    """``OPENS_AFTER`` or more failed in a row: none before the back-off ends."""
    HALF_OPEN = "half_open"
    """The back-off has ended: one call probes, and its outcome closes or opens."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to deliver words.

    Args:
        at_ms: When it began, by our clock.
        took_ms: How long it took.
        payload_types: Of the words, each once, in order.
        words: How many there were.
        conversations: Theirs.
        outcome: How many words got which receipt, e.g. ``ACCEPTED 3, GAP 1``; or what failed.
        cause: In the words of whoever knows; empty if all was well.
    """

    at_ms: int
    took_ms: int
    payload_types: tuple[str, ...]
    words: int
    conversations: frozenset[ConversationId]
    outcome: str
    cause: str


@dataclass(slots=True)
class Stuck:
    """How the last tries to deliver words of one suite went, while those of another may do well."""

    failures: int = 0
    not_before_ms: int = 0


@dataclass(frozen=True, slots=True)
class Held:
    """A conversation whose next words the peer will not hear before others that it lacks.

    Args:
        heard: The last word of ours in it that the peer has, by its own receipt.
        failures: How often saying them again did not help.
        not_before_ms: When it is tried again.
    """

    heard: int
    failures: int
    not_before_ms: int


@dataclass(slots=True)
class Link:
    """How deliveries to one peer stand."""

    failures: int = 0
    not_before_ms: int = 0
    """Nothing is tried before."""

    last_error: str = ""
    stuck: dict[str, Stuck] = field(default_factory=dict)
    """By suite: what went wrong where we share more than one with the peer."""

    held: dict[ConversationId, Held] = field(default_factory=dict)
    attempts: deque[Attempt] = field(default_factory=lambda: deque(maxlen=ATTEMPTS_KEPT))
    """The latest last."""

    calls: int = 0
    """Under way now."""
    crowded: bool = False
    """Words were left behind that another call could take at once."""
    stretch: int = 0
    """Counts the peer's comings and goings: calls of one stretch fail together, as one."""
    _busy: set[ConversationId] = field(default_factory=set)
    _after: int = 0
    _held_back: frozenset[str] = frozenset()
    _passed: dict[ConversationId, int] = field(default_factory=dict)
    """The first word of each conversation that was passed over and must be looked at again."""

    def breaker(self, now_ms: int) -> Breaker:
        """Whether a call is worth its while."""
        if self.failures < OPENS_AFTER:
            return Breaker.CLOSED
        return Breaker.OPEN if now_ms < self.not_before_ms else Breaker.HALF_OPEN

    def may_call(self, now_ms: int) -> bool:
        """Whether one more call may begin now."""
        if now_ms < self.not_before_ms:
            return False
        return self.calls < (1 if self.failures else CALLS_AT_ONCE)

    def reset(self) -> None:
        """The peer is there: nothing that failed on the way to it counts any more."""
        self.failures = self.not_before_ms = 0
        self.last_error = ""
        self.stuck.clear()
        self.stretch += 1

    def held_back(self, now_ms: int) -> set[str]:
        """The suites whose words are not tried now."""
        return {suite_id for suite_id, at in self.stuck.items() if now_ms < at.not_before_ms}

    def next_try_ms(self, now_ms: int) -> int | None:
        """When something that is held back is tried again; None if nothing is."""
        later = [at.not_before_ms for at in self.stuck.values()]
        later += [at.not_before_ms for at in tuple(self.held.values())]
        return min((at_ms for at_ms in later if now_ms < at_ms), default=None)

    # Which words go next

    def due_repairs(self, now_ms: int) -> list[tuple[ConversationId, Held]]:
        """Held conversations that are to be tried again now."""
        busy = frozenset(self._busy)
        return [
            (conversation, held)
            for conversation, held in tuple(self.held.items())
            if held.not_before_ms <= now_ms and conversation not in busy
        ]

    def repairable(self, now_ms: int) -> bool:
        """Whether a held conversation may be tried again now."""
        return any(held.not_before_ms <= now_ms for held in tuple(self.held.values()))

    def look(self, held_back: Collection[str]) -> tuple[int, Collection[ConversationId]]:
        """The number after which to look for words, and the conversations to pass over.

        Args:
            held_back: The suites whose words are passed over without being looked at.
        """
        without = frozenset(held_back)
        if self._held_back != without:
            self._held_back, self._after = without, 0
        closed = frozenset(self._busy) | frozenset(tuple(self.held))
        for conversation in tuple(self._passed):
            if conversation not in closed:
                self._after = min(self._after, self._passed.pop(conversation) - 1)
        return self._after, closed

    def take(self, words: Sequence[SaidWord], passed: Iterable[SaidWord], upto: int | None) -> None:
        """Words are taken for a call; ``upto`` is how far was looked, None for a repair."""
        for word in passed:
            self._passed.setdefault(word.conversation, word.number)
        if upto is not None:
            self._after = max(self._after, upto)
        self._busy.update(word.conversation for word in words)

    def give_back(self, words: Iterable[SaidWord]) -> None:
        """These words of a call are to be looked at again."""
        for word in words:
            first = self._passed.get(word.conversation, word.number)
            self._passed[word.conversation] = min(first, word.number)

    def release(self, words: Iterable[SaidWord]) -> None:
        """The call with these words is over."""
        self._busy.difference_update({word.conversation for word in words})

    # What came of it

    def hold(self, conversation: ConversationId, heard: int, now_ms: int, fraction: float) -> None:
        """The peer lacks words of ours after ``heard``: say them again, at once if that helps.

        Raises:
            TooManyHeld: The peer says so of everything: no single conversation is at fault.
        """
        known = self.held.get(conversation)
        if known is None and len(self.held) >= MAX_HELD:
            raise TooManyHeld(f"it says of {MAX_HELD} conversations that words are missing")
        if known is None or heard > known.heard:
            failures, wait = 0 if known is None else known.failures, 0
        else:
            failures = known.failures + 1
            wait = back_off_ms(failures, fraction)
        self.held[conversation] = Held(heard, failures, now_ms + wait)

    def free(self, conversation: ConversationId) -> None:
        """The peer has heard what it lacked, or nothing waits any more."""
        self.held.pop(conversation, None)


class TooManyHeld(Exception):
    """A peer lacks words in more conversations than can be its memory's fault."""


def back_off_ms(failures: int, fraction: float) -> int:
    """How long to wait: full jitter, so that nodes that lost a line together do not meet again.

    Args:
        failures: In a row; 1 or more.
        fraction: In [0, 1).
    """
    ceiling = min(MAX_BACK_OFF_MS, FIRST_BACK_OFF_MS * 2 ** min(failures, MAX_DOUBLINGS))
    return int(ceiling * fraction)
