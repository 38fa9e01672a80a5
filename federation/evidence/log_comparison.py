"""What is told of two logs that were laid side by side: kinds of differences, and their words."""

from dataclasses import dataclass
from typing import Any, Final

MISSING: Final = "missing"
"""A word in one log alone, and a signature of the other center proves that it knew it."""
UNANSWERED: Final = "unanswered"
"""A word in one log alone, without a receipt: nothing proves that it ever arrived."""
RECEIPT: Final = "receipt"
"""Both have the word, but the receipt in the hearer's log is not the one it gave."""
TWICE: Final = "twice"
"""One log has the same word twice."""
GAP: Final = "gap"
"""A conversation lacks a word of its own numbering."""
FORKED: Final = "forked"
"""The log is not the one whose head the other center cosigned."""
CUT_BACK: Final = "cut back"
"""The log is shorter than the one whose head the other center cosigned."""
KEYS: Final = "keys"
"""The other center knows other descriptors than the ones that are shown."""
UNCLEAR: Final = "unclear"
"""The sums differ, but no difference was found on the second reading: the file changed."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that the two files do not have in common.

    Args:
        kind: See above.
        only_in: The center whose log has it; empty if it is not about one word.
        by: Who should have it too, or whose log contradicts itself.
        proof: ``receipt`` or ``signature`` of ``by`` under the word, or ``none``.
        word: The word's hash in hex, or empty.
        type: Its short name.
        conversation: Its conversation in hex; empty if the envelope was erased.
        revision: Its number in the conversation; 0 if it is not known.
        at_ms: By the clock of who has it.
        zh: All that in a sentence, in Chinese.
        en: The same in English.
    """

    kind: str
    by: str
    zh: str
    en: str
    only_in: str = ""
    proof: str = "none"
    word: str = ""
    type: str = ""
    conversation: str = ""
    revision: int = 0
    at_ms: int = 0

    def document(self) -> dict[str, Any]:
        """The same for programs."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two files.

    Args:
        center: Whose log.
        name: As its descriptor has it.
        made_ms: When it was written out.
        entries: How many.
        words: Words with the other center.
        erased: Words whose envelope is gone, with whomever.
        heads: Heads of this log that peers cosigned, all verified.
        cosigned_ms: When the latest of them was cosigned; 0 if there is none.
    """

    center: str
    name: str
    made_ms: int
    entries: int
    words: int
    erased: int
    heads: int
    cosigned_ms: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of laying two files side by side.

    Args:
        sides: The two.
        same_center: Whether both are of one center.
        differences: What is not in common, oldest first.
        later: Words said after the other file was written out: no difference.
        unreceipted: Words that both have, and whose speaker holds no receipt yet.
        more: Whether there are more differences than are told.
    """

    sides: tuple[Side, Side]
    same_center: bool
    differences: tuple[Difference, ...]
    later: int
    unreceipted: int
    more: bool

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        return not self.differences

    def document(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "equal": self.equal,
            "same_center": self.same_center,
            "files": [
                {name: getattr(side, name) for name in side.__slots__} for side in self.sides
            ],
            "later": self.later,
            "unreceipted": self.unreceipted,
            "more": self.more,
            "differences": [each.document() for each in self.differences],
        }
