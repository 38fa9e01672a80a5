"""One draw while it runs: who may be asked next, what must be ruled, where the chain stands.

    walk = walk.heard(word, payload)      for every Next, Verdict, Report, Shortfall, Result

Sealer, owner and auditor all build the same ``Walk`` from the same words, so a wrong word
is refused by the other side with the rule it broke (``clause``, the numbers of
``draw-and-evidence.md`` §1.7), and found again by anybody later. What only the sealer
knows, the order, is not in here: ``next_step`` takes it as an argument, and ``audit``
recomputes it after ``Close``.

Slots are filled one after the other, each from its own order, never going back: an entry
that was passed over stays passed over even if a leave frees its employer later. A leave, a
recusal or an absence (after the list was sealed) reopens its slot at the next rank: that is the
supplement (补抽).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, assert_never

from federation.errors import Malformed, OutOfTurn
from federation.lottery.pool import (
    ACTIVE,
    EMPLOYER,
    LINK,
    STATUS,
    USCC,
    Attributes,
    check_opening,
)
from federation.lottery.ranking import step_hash
from federation.lottery.supplement import NOBODY, Taken
from federation.protocol.conversation import Word
from federation.protocol.draw import (
    GONE,
    MAX_PER_SLOT,
    MAX_SLOTS,
    MAX_STEPS,
    Next,
    Open,
    Proceed,
    Report,
    Rescue,
    Response,
    Result,
    Ruling,
    Shortfall,
    Slot,
    Verdict,
)
from federation.trust.suite import Digests

OPENED_FOR: Final[Mapping[Ruling, tuple[str, ...]]] = MappingProxyType({
    Ruling.INVITE: (LINK, EMPLOYER, STATUS),
    Ruling.SKIP_STATUS: (STATUS,),
    Ruling.SKIP_LINK: (LINK,),
    Ruling.SKIP_EMPLOYER: (EMPLOYER,),
    Ruling.SKIP_EXCLUDED: (USCC,),
})  # fmt: skip
"""What a verdict opens: enough to justify it, and not one attribute more (the law keeps the
committee's names secret; a sealer that learned them would no longer be blind)."""


@dataclass(frozen=True, slots=True)
class Ask:
    """The sealer says ``Next``: this entry, at this rank of this slot."""

    slot: int
    rank: int
    entry: bytes


@dataclass(frozen=True, slots=True)
class Place:
    """The walk goes on at this rank of this slot; which entry it is, only the sealer knows."""

    slot: int
    rank: int


@dataclass(frozen=True, slots=True)
class Exhausted:
    """The owner says ``Shortfall``: everybody of the stratum was asked for this slot."""

    slot: int
    missing: int


@dataclass(frozen=True, slots=True)
class Settled:
    """The owner says ``Result``: every slot is full, or declared short."""

    missing: int


@dataclass(frozen=True, slots=True)
class Asked:
    """An entry that waits for the owner's verdict, or its expert for an answer."""

    slot: int
    entry: bytes


@dataclass(frozen=True, slots=True)
class Invited(Asked):
    """An entry whose expert was called and has not answered yet."""

    link: bytes
    employer: bytes


@dataclass(frozen=True, slots=True)
class _Progress:
    """How far one slot has come."""

    asked: frozenset[bytes] = frozenset()
    short: bool = False

    @property
    def rank(self) -> int:
        return len(self.asked)


@dataclass(frozen=True, slots=True)
class Walk:
    """All that follows from the words of one draw so far. Made by ``start``.

    Args:
        digests: The agreement's suite.
        pool: As opened.
        epoch: As opened.
        slots: As opened.
        strata: The listed entries by specialty.
        excluded: Credit codes of employers that must recuse; None where they are secret, then
            a recusal is believed until ``audit`` is given the list.
        head: The step chain: C at first, then the hash of the last step.
        steps: How many ``Next`` there were.
        pending: Who is waiting for the owner, or None.
        invited: How many experts were called.
        accepted: How many of them ever accepted.
        supplements: How many invitations came to nothing: declined, not answered, or gone.
        revision: How many times the list was sealed.
        sealed: The list is sealed and nothing has changed since.
        rescued: The sealer is silent and its escrow open: the owner goes on alone.
        taken: Whom other draws from the same pool have asked already; see ``beside``.
    """

    digests: Digests
    pool: str
    epoch: str
    slots: tuple[Slot, ...]
    strata: Mapping[str, frozenset[bytes]]
    excluded: frozenset[str] | None
    head: bytes
    steps: int = 0
    pending: Asked | None = None
    invited: int = 0
    accepted: int = 0
    supplements: int = 0
    revision: int = 0
    sealed: bool = False
    rescued: bool = False
    taken: Taken = NOBODY
    _before: "Walk | None" = None
    _progress: tuple[_Progress, ...] = ()
    _members: tuple[Invited, ...] = ()

    @property
    def chosen(self) -> tuple[tuple[int, bytes], ...]:
        """Who is on the list now: ``(slot, entry)`` by slot, then in the order of acceptance."""
        members = sorted(self._members, key=lambda member: member.slot)
        return tuple((member.slot, member.entry) for member in members)

    @property
    def due(self) -> Place | Exhausted | Settled:
        """What has to happen next, once nobody is pending."""
        missing = 0
        for index, (slot, progress) in enumerate(zip(self.slots, self._progress, strict=True)):
            lacks = slot.count - sum(member.slot == index for member in self._members)
            if lacks and not progress.short:
                spent = self.steps >= MAX_STEPS
                if spent or progress.rank >= len(self.strata[slot.specialty]):
                    return Exhausted(index, lacks)
                return Place(index, progress.rank)
            missing += lacks
        return Settled(missing)

    def links(self) -> frozenset[bytes]:
        """Tokens of the persons on the list now, and of those whom other draws have asked."""
        return self.taken.links.union(member.link for member in self._members)

    def employers(self) -> frozenset[bytes]:
        """Tokens of the employers on the list now, and on those of the draws beside it."""
        return self.taken.employers.union(member.employer for member in self._members)

    def beside(self, taken: Taken) -> "Walk":
        """The same with what other draws from the pool have come to by now (``supplement``)."""
        return self if taken == self.taken else replace(self, taken=taken)

    def heard(self, word: Word, payload: bytes) -> "Walk":
        """Go on by one word, said or heard.

        Args:
            word: A Next, Verdict, Report, Shortfall, Result, Rescue or Proceed.
            payload: The exact signed bytes that ``word`` was read from.

        Raises:
            OutOfTurn: It is not this word's turn, or the walk has come further than it says.
            Malformed: What it says cannot be: an entry that was never listed, an opening that
                does not match, a ruling that is not justified, a number that is wrong.
        """
        match word:
            case Next() | Proceed():
                return self._named(word, payload)
            case Rescue():
                return self._rescued()
            case Verdict():
                return self._ruled(word, payload)
            case Report() if word.response in GONE:
                return self._left(word, payload)
            case Report():
                return self._answered(word, payload)
            case Shortfall():
                return self._fell_short(word)
            case Result():
                return self._was_sealed(word)
            case _:
                raise OutOfTurn(f"{word.case} is no step of a walk", clause="V12")

    def _named(self, word: Next | Proceed, payload: bytes) -> "Walk":
        if isinstance(word, Next) and self.rescued:
            return self  # it crossed the Rescue: the owner names who is asked by now
        if isinstance(word, Proceed) and not self.rescued:
            raise OutOfTurn("Proceed before the sealer's escrow was opened", clause="V12")
        return self._asked(word, payload)

    def _rescued(self) -> "Walk":
        """The owner goes on alone; an entry that was named and not ruled on was not asked."""
        if isinstance(self.pending, Invited):
            raise OutOfTurn("Rescue while an expert is called", clause="V12")
        before = self if self.pending is None or self._before is None else self._before
        return replace(before, rescued=True, _before=None)

    def _asked(self, word: Next | Proceed, payload: bytes) -> "Walk":
        self._require_free(word)
        due = self.due
        if not isinstance(due, Place):
            raise OutOfTurn(f"{word.case} draws an expert that no open slot asks for", clause="V12")
        if (word.step, word.slot, word.rank) != (self.steps, due.slot, due.rank):
            raise OutOfTurn(
                f"{word.case} is step {word.step}, slot {word.slot}, rank {word.rank}; the walk is "
                f"at step {self.steps}, slot {due.slot}, rank {due.rank}",
                clause="V9",
            )
        if word.entry not in self.strata[self.slots[due.slot].specialty]:
            raise Malformed(f"entry {word.entry.hex()} is not in the listed stratum", clause="V9")
        progress = self._progress[due.slot]
        if word.entry in progress.asked:
            raise Malformed(
                f"entry {word.entry.hex()} was asked before for slot {due.slot}", clause="V9"
            )
        return replace(
            self._chained(word, payload),
            steps=self.steps + 1,
            pending=Asked(due.slot, word.entry),
            _before=replace(self, _before=None),
            _progress=_with(
                self._progress, due.slot, replace(progress, asked=progress.asked | {word.entry})
            ),
        )

    def _ruled(self, word: Verdict, payload: bytes) -> "Walk":
        asked = self.pending
        if asked is None or isinstance(asked, Invited) or asked.entry != word.entry:
            raise OutOfTurn("Verdict rules on an entry that was not asked", clause="V12")
        opened = check_opening(
            self.digests, self.pool, self.epoch, self.slots[asked.slot].specialty,
            word.entry, word.digests, word.openings,
        )  # fmt: skip
        expected = OPENED_FOR[word.ruling]
        if opened.keys() != set(expected):
            raise Malformed(
                f"{word.ruling.name} opens {', '.join(expected)}, not {', '.join(opened)}",
                clause="V11",
            )
        if not self._justified(word.ruling, opened):
            raise Malformed(
                f"{word.ruling.name} is not what the committed attributes of entry "
                f"{word.entry.hex()} call for",
                clause="V11",
            )
        after = replace(self._chained(word, payload), _before=None)
        if word.ruling is not Ruling.INVITE:
            return replace(after, pending=None)
        return replace(
            after,
            pending=Invited(asked.slot, asked.entry, opened[LINK], opened[EMPLOYER]),
            invited=self.invited + 1,
        )

    def _justified(self, ruling: Ruling, opened: Mapping[str, bytes]) -> bool:
        match ruling:
            case Ruling.INVITE:
                return (
                    opened[STATUS] == ACTIVE.encode()
                    and opened[LINK] not in self.links()
                    and opened[EMPLOYER] not in self.employers()
                )
            case Ruling.SKIP_STATUS:
                return opened[STATUS] != ACTIVE.encode()
            case Ruling.SKIP_LINK:
                return opened[LINK] in self.links()
            case Ruling.SKIP_EMPLOYER:
                return opened[EMPLOYER] in self.employers()
            case Ruling.SKIP_EXCLUDED:
                excluded = self.excluded
                return excluded is None or opened[USCC] in {uscc.encode() for uscc in excluded}
            case _:
                assert_never(ruling)

    def _answered(self, word: Report, payload: bytes) -> "Walk":
        invited = self.pending
        if not isinstance(invited, Invited) or invited.entry != word.entry:
            raise OutOfTurn("Report answers for an expert who was not invited", clause="V12")
        after = replace(self._chained(word, payload), pending=None)
        if word.response is not Response.ACCEPT:
            return replace(after, supplements=self.supplements + 1)
        return replace(after, accepted=self.accepted + 1, _members=(*self._members, invited))

    def _left(self, word: Report, payload: bytes) -> "Walk":
        leaving = [member for member in self._members if member.entry == word.entry]
        if not self.sealed or not leaving:
            raise OutOfTurn(
                f"{word.response.name} is for an expert on the list, once the list is sealed",
                clause="V12",
            )
        # One entry is one ticket: whoever holds it can be on the list only once (SKIP_LINK).
        slot = leaving[0].slot
        return replace(
            self._chained(word, payload),
            sealed=False,
            supplements=self.supplements + 1,
            _progress=_with(self._progress, slot, replace(self._progress[slot], short=False)),
            _members=tuple(member for member in self._members if member is not leaving[0]),
        )

    def _fell_short(self, word: Shortfall) -> "Walk":
        self._require_free(word)
        due = self.due
        if not isinstance(due, Exhausted) or (word.slot, word.missing) != (due.slot, due.missing):
            raise OutOfTurn(
                f"Shortfall of {word.missing} in slot {word.slot}, but the walk is at {due}",
                clause="V12",
            )
        progress = replace(self._progress[due.slot], short=True)
        return replace(self, _progress=_with(self._progress, due.slot, progress))

    def _was_sealed(self, word: Result) -> "Walk":
        self._require_free(word)
        due = self.due
        if self.sealed or not isinstance(due, Settled):
            raise OutOfTurn(f"Result seals a list that is at {due}", clause="V12")
        if (word.revision, word.members) != (self.revision + 1, len(self._members)):
            raise Malformed(
                f"Result is revision {word.revision} with {word.members} members, expected "
                f"revision {self.revision + 1} with {len(self._members)}",
                clause="V14",
            )
        return replace(self, revision=word.revision, sealed=True)

    def _require_free(self, word: Word) -> None:
        if self.pending is not None:
            raise OutOfTurn(
                f"{word.case} while entry {self.pending.entry.hex()} is left without an outcome",
                clause="V12",
            )

    def _chained(self, word: Next | Proceed | Verdict | Report, payload: bytes) -> "Walk":
        if word.previous_step != self.head:
            raise Malformed(
                f"{word.case} follows step {word.previous_step.hex()}, but the last one was "
                f"{self.head.hex()}",
                clause="V10",
            )
        return replace(self, head=step_hash(self.digests, payload))


def start(
    digests: Digests,
    opening: Open,
    listings: Mapping[str, Sequence[bytes]],
    commits: bytes,
    excluded: Collection[str] | None = None,
) -> Walk:
    """Begin a walk.

    Args:
        digests: The agreement's suite.
        opening: The draw's ``Open``.
        listings: Entries by specialty, as ``pool.check_listings`` gave them.
        commits: C, see ``ranking.commits_hash``.
        excluded: Credit codes of employers that must recuse, where known; see ``Walk``.

    Raises:
        Malformed: No slots, more than the protocol allows, or a slot of an impossible size.
    """
    sizes = [slot.count for slot in opening.slots]
    if not 1 <= len(sizes) <= MAX_SLOTS or not all(1 <= size <= MAX_PER_SLOT for size in sizes):
        raise Malformed(
            f"a draw has 1 to {MAX_SLOTS} slots of 1 to {MAX_PER_SLOT} experts, not {sizes}",
            clause="V2",
        )
    return Walk(
        digests,
        opening.pool,
        opening.epoch,
        opening.slots,
        MappingProxyType({name: frozenset(entries) for name, entries in listings.items()}),
        None if excluded is None else frozenset(excluded),
        commits,
        _progress=(_Progress(),) * len(opening.slots),
    )


def rule(walk: Walk, attributes: Attributes, excluded: Collection[str]) -> Ruling:
    """What the owner has to say of an entry; ``OPENED_FOR`` has what it must open with it.

    Args:
        walk: As it stands.
        attributes: Of the entry that was asked, see ``Pool.attributes``.
        excluded: Credit codes of employers that must recuse (bidders, agency, tenderer).
    """
    if attributes.status != ACTIVE:
        return Ruling.SKIP_STATUS
    if attributes.uscc in excluded:
        return Ruling.SKIP_EXCLUDED
    if attributes.link in walk.links():
        return Ruling.SKIP_LINK
    if attributes.employer in walk.employers():
        return Ruling.SKIP_EMPLOYER
    return Ruling.INVITE


def next_step(walk: Walk, orders: Sequence[Sequence[bytes]]) -> Ask | Exhausted | Settled:
    """What has to be said next, as the sealer sees it.

    Args:
        walk: As it stands, with nobody pending.
        orders: See ``ranking.orders``, at least ``MAX_STEPS`` deep.
    """
    due = walk.due
    if isinstance(due, Place):
        return Ask(due.slot, due.rank, orders[due.slot][due.rank])
    return due


def _with(progress: tuple[_Progress, ...], slot: int, changed: _Progress) -> tuple[_Progress, ...]:
    return (*progress[:slot], changed, *progress[slot + 1 :])
