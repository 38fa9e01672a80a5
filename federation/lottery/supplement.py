"""A list that stayed short, and the draw in other specialties that adds to it (补抽于其他专业).

A ``Shortfall`` says that a stratum is exhausted. What is still missing is drawn by another
``Open`` from the same committed pool, in other strata; it names in ``supersedes`` the draw that
was opened before it from the same pool. The members of the short list stay: the draws stand
beside each other and make one list. Those that were not void are together a *chain*.

    standing = tell(words of one draw)          what it came to so far
    wrong(chain before, RequestDraw | Open)     why it may not add to them, or None
    taken(other draws of the chain)             whom the walk passes over beside its own list

Both centers and the offline verifier ask here, each from the words that it knows; no permit is
needed, as the words themselves prove that the list is short. Not here: whether these words fit
their walk (``walk``, ``audit``), and leave to draw again in place of a void draw. Source:
``draw-and-evidence.md`` §1.5 step 7.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from federation.errors import Malformed
from federation.lottery.pool import EMPLOYER, LINK
from federation.protocol.conversation import Word
from federation.protocol.draw import (
    Close,
    Conclude,
    Fault,
    Next,
    Open,
    Proceed,
    Report,
    RequestDraw,
    Rescue,
    Response,
    Result,
    Ruling,
    Shortfall,
    Slot,
    Verdict,
)

SLOTS: Final = "slots"
"""The clause of what somebody has chosen wrongly; every other one is of the state of the draws."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Whom a walk passes over because of other draws from the same pool.

    Args:
        links: Tokens of every person that they have invited, whatever was answered: nobody is
            asked twice for one evaluation, under no specialty.
        employers: Tokens of the employers of who is on their lists, or is being called.
    """

    links: frozenset[bytes] = frozenset()
    employers: frozenset[bytes] = frozenset()


NOBODY: Final = Taken()


@dataclass(frozen=True, slots=True)
class Wrong:
    """Why a draw may not add to a list.

    Args:
        clause: ``SLOTS``: other specialties or numbers may do; else it is not the time for it.
        zh: For people.
        en: The same in English.
    """

    clause: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What one draw came to, as its words so far tell.

    Args:
        opening: Its ``Open``.
        members: How many are on its list, or are being called.
        exhausted: Specialties of which everybody was asked.
        sealed: The list is sealed, and nothing has changed since.
        ended: Its order is public: the report is signed.
        void: It came to nothing.
        taken: Whom it has asked, and the employers of who is on its list.
    """

    opening: Open
    members: int = 0
    exhausted: frozenset[str] = frozenset()
    sealed: bool = False
    ended: bool = False
    void: bool = False
    taken: Taken = field(default=NOBODY, repr=False)


def tell(words: Iterable[Word]) -> Standing | None:
    """What a draw came to; None: it was never opened.

    Args:
        words: Of one draw's conversation, in order, whoever said them. They are taken as they
            are: that they fit the walk is known, or found by whoever audits it.

    Raises:
        Malformed: A ``Shortfall`` names a slot that is not there.
    """
    found = _Tally()
    for word in words:
        found.count(word)
    return found.standing()


@dataclass(slots=True)
class _Tally:
    """Counts the words of one draw."""

    opening: Open | None = None
    tokens: dict[bytes, tuple[bytes, bytes]] = field(default_factory=dict)
    there: set[bytes] = field(default_factory=set)
    exhausted: set[str] = field(default_factory=set)
    sealed: bool = False
    rescued: bool = False
    ended: bool = False
    void: bool = False

    def count(self, word: Word) -> None:
        match word:
            case Open():
                self.opening = word
            case Verdict() if word.ruling is Ruling.INVITE:
                self.tokens[word.entry] = _tokens(word)
                self.there.add(word.entry)
            case Report() if word.response is not Response.ACCEPT:
                self.there.discard(word.entry)
            case Shortfall() if self.opening is not None:
                self.exhausted.add(_slot(self.opening, word.slot).specialty)
            case _:
                self._progress(word)
        if isinstance(word, Next | Proceed | Report):
            self.sealed = False

    def _progress(self, word: Word) -> None:
        match word:
            case Result():
                self.sealed = True
            case Rescue():
                self.rescued, self.void = True, False
            case Close() | Conclude():
                self.ended, self.void = True, False
            case Fault() if not self.rescued and not self.ended:
                self.void = True
            case _:
                pass

    def standing(self) -> Standing | None:
        if self.opening is None:
            return None
        taken = Taken(
            frozenset(link for link, _ in self.tokens.values()),
            frozenset(self.tokens[entry][1] for entry in self.there),
        )
        return Standing(
            self.opening,
            len(self.there),
            frozenset(self.exhausted),
            self.sealed,
            self.ended,
            self.void,
            taken,
        )


def taken(others: Iterable[Standing]) -> Taken:
    """Whom a walk passes over because of other draws; a void one has taken nobody."""
    standing = [each.taken for each in others if not each.void]
    return Taken(
        frozenset[bytes]().union(*(each.links for each in standing)),
        frozenset[bytes]().union(*(each.employers for each in standing)),
    )


def missing(chain: Sequence[Standing]) -> int:
    """How many experts a chain lacks: of what its first draw was for, less who is on a list."""
    if not chain:
        return 0
    wanted = sum(slot.count for slot in chain[0].opening.slots)
    return max(0, wanted - sum(each.members for each in chain))


def exhausted(chain: Iterable[Standing]) -> frozenset[str]:
    """Specialties of which everybody was asked: no draw adds to the list from them."""
    return frozenset[str]().union(*(each.exhausted for each in chain))


def wrong(chain: Sequence[Standing], asked: RequestDraw | Open) -> Wrong | None:
    """Why a draw may not add to the lists of others; None: it may.

    Args:
        chain: The draws of the same booking and pool that are not void, in the order in which
            they were opened; at least one.
        asked: What is requested or opened.
    """
    first, lacking = chain[0].opening, missing(chain)
    if any(each.ended for each in chain):
        return Wrong("V2", "抽取结果已公开,不能再补抽", "the order is public: nobody is added")
    if not all(each.sealed for each in chain):
        return Wrong(
            "V2",
            "同一专家库的抽取尚未封存名单",
            "a draw from the same pool was opened before, and its list is not sealed",
        )
    if not lacking:
        return Wrong(
            "V2",
            "名单不缺人,不能再次抽取",
            "a draw from the same pool was opened before, and its list is not short",
        )
    if (asked.pool, asked.epoch) != (first.pool, first.epoch) or (
        isinstance(asked, Open) and asked.root != first.root
    ):
        return Wrong(
            "V3",
            "补抽所用的专家库与原抽取不是同一期",
            f"adds to a draw from {first.pool}/{first.epoch}, but is from "
            f"{asked.pool}/{asked.epoch}: tokens of persons are comparable only within one",
        )
    return _wrong_slots(asked.slots, lacking, exhausted(chain))


def _wrong_slots(slots: Sequence[Slot], lacking: int, spent: frozenset[str]) -> Wrong | None:
    again = sorted({slot.specialty for slot in slots} & spent)
    if again:
        named = ", ".join(again)
        return Wrong(
            SLOTS,
            f"专业{named}已无人可抽,请改选其他专业",
            f"of {named} everybody was asked; choose another specialty",
        )
    if len({slot.specialty for slot in slots}) < len(slots):
        return Wrong(SLOTS, "同一专业重复列出,请合并", "one specialty has two slots; merge them")
    wanted = sum(slot.count for slot in slots)
    if not 0 < wanted <= lacking:
        return Wrong(
            SLOTS,
            f"名单缺{lacking}人,补抽{wanted}人不符",
            f"the list is short of {lacking}, not of {wanted}",
        )
    if any(slot.count < 1 for slot in slots):
        return Wrong(SLOTS, "每个专业至少1人", "of each specialty one or more are drawn")
    return None


def _tokens(word: Verdict) -> tuple[bytes, bytes]:
    opened = {one.attribute: one.value for one in word.openings}
    return opened.get(LINK, b""), opened.get(EMPLOYER, b"")


def _slot(opening: Open, index: int) -> Slot:
    if not 0 <= index < len(opening.slots):
        raise Malformed(f"Shortfall of slot {index}, which is not there", clause="V12")
    return opening.slots[index]
