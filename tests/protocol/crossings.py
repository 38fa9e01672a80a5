"""Tries every way in which the words of two ends can cross on the way.

Each end says whatever its table lets it say, its clock may run out at any moment, and each
direction is a queue in order. ``explore`` visits every joint state within a bound on words
under way and reports the shortest script after which a word is refused, or after which
nothing is under way and the two ends stand in phases that ``explained`` does not list.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from typing_extensions import override

from federation.errors import OutOfTurn
from federation.protocol.conversation import Phase, Role, Table, Word, expire, hear, say
from tests.protocol.grids import NOW, standing

UNDER_WAY = 3
"""Words that may be under way in one direction: one more than any crossing needed to fail."""

Pair = tuple[Phase, Phase]


@dataclass(frozen=True, slots=True)
class Joint:
    """Both phases, and the words under way from each of the two ends."""

    phases: Pair
    mail: tuple[tuple[Word, ...], tuple[Word, ...]] = ((), ())

    def enter(self, end: int, phase: Phase) -> "Joint":
        """Put one end into a phase."""
        first, second = self.phases
        return replace(self, phases=(phase, second) if end == 0 else (first, phase))

    def post(self, end: int, letters: tuple[Word, ...]) -> "Joint":
        """Replace what is under way from one end."""
        first, second = self.mail
        return replace(self, mail=(letters, second) if end == 0 else (first, letters))


Guard = Callable[[Joint, Role, Word], bool]


def anything(_joint: Joint, _role: Role, _word: Word) -> bool:
    """Nothing but the table holds a speaker back."""
    return True


@dataclass(frozen=True, slots=True)
class Finding:
    """The shortest way into trouble."""

    script: tuple[str, ...]
    trouble: str

    @override
    def __str__(self) -> str:
        return f"{'; '.join(self.script)}: {self.trouble}"


def explore(
    table: Table,
    samples: tuple[Word, ...],
    explained: frozenset[Pair] = frozenset(),
    guard: Guard = anything,
) -> Finding | None:
    """Find the shortest script that ends in trouble, or None when there is none."""
    start = Joint((table.start, table.start))
    scripts: dict[Joint, tuple[str, ...]] = {start: ()}
    waiting = deque([start])
    while waiting:
        joint = waiting.popleft()
        script = scripts[joint]
        first, second = joint.phases
        if joint.mail == ((), ()) and first != second and (first, second) not in explained:
            return Finding(script, f"{table.roles[0]} is {first}, {table.roles[1]} is {second}")
        try:
            following = list(_following(table, samples, guard, joint))
        except OutOfTurn as error:
            return Finding(script, f"a word on the way is refused: {error}")
        for line, after in following:
            if after not in scripts:
                scripts[after] = (*script, line)
                waiting.append(after)
    return None


def _following(
    table: Table, samples: tuple[Word, ...], guard: Guard, joint: Joint
) -> Iterator[tuple[str, Joint]]:
    for end, role in enumerate(table.roles):
        own = standing(table, joint.phases[end], role)
        for word in samples:
            if len(joint.mail[end]) == UNDER_WAY or not guard(joint, role, word):
                continue
            if _begins_for_the_other(table, joint, end):
                continue
            try:
                after = say(table, own, word, NOW)
            except OutOfTurn:
                continue
            spoken = joint.enter(end, after.phase).post(end, (*joint.mail[end], word))
            yield f"{role} says {word.case}", spoken
        if joint.mail[1 - end]:
            letter, *rest = joint.mail[1 - end]
            heard = hear(table, own, letter, NOW).phase
            yield f"{role} hears {letter.case}", joint.enter(end, heard).post(1 - end, (*rest,))
        if own.phase in table.waits:
            late = expire(table, replace(own, deadline_ms=NOW), NOW).phase
            if late != own.phase:
                yield f"{role} runs out of time", joint.enter(end, late)


def _begins_for_the_other(table: Table, joint: Joint, end: int) -> bool:
    """A conversation id is its initiator's: nobody else can begin under it."""
    begun = joint.phases[1 - end] != table.start or bool(joint.mail[1 - end])
    return joint.phases[end] == table.start and begun
