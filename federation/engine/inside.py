"""A center's inside, as the floor sees it: what it is told of each word, and when it may refuse.

Here: the port only. Words are said and heard in ``floor.py``; the center's reasons and reactions
are its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from federation.engine.acquaintance import Link, News
from federation.errors import FederationError
from federation.ids import CenterId
from federation.ports import Ledger
from federation.protocol.conversation import Conversation, Word
from federation.wire.envelopes import Receipt, Statement

if TYPE_CHECKING:
    from federation.engine.floor import Floor

L = TypeVar("L", bound=Ledger)


@dataclass(frozen=True, slots=True)
class Said:
    """What was just said: the word, its payload bytes and its envelope hash."""

    conversation: Conversation
    word: Word
    payload: bytes
    hash: bytes


class Inside(Protocol[L]):
    """A center's own reasons and reactions. All methods run inside the floor's transaction."""

    def admit(
        self, floor: "Floor[L]", conversation: Conversation, word: Word, statement: Statement
    ) -> None:
        """Refuse a word for reasons of our own, before it changes anything.

        ``conversation`` is as it was before the word.

        Raises:
            FederationError: The refusal, in words that the peer will read.
        """

    def said(self, floor: "Floor[L]", spoken: Said) -> None:
        """We said a word: keep what it means for us."""

    def heard(self, floor: "Floor[L]", spoken: Said) -> None:
        """A peer's word was accepted: keep what it means for us, say what follows."""

    def denied(self, floor: "Floor[L]", spoken: Said, error: FederationError) -> None:
        """We refused a peer's word, which is kept all the same. By default that is all."""
        del floor, spoken, error

    def refused(self, floor: "Floor[L]", conversation: Conversation, receipt: Receipt) -> None:
        """A peer refused a word of ours with its signature; the conversation has ended."""

    def lapsed(self, floor: "Floor[L]", before: Conversation, after: Conversation) -> None:
        """A deadline of ours has passed. Same phase: we must say a word."""

    def introduced(
        self, floor: "Floor[L]", peer: CenterId, news: News, taken: Sequence[Link]
    ) -> None:
        """A peer greeted and showed its descriptors; ``taken`` is what was new to us."""

    def cosigned(self, floor: "Floor[L]", peer: CenterId, suite_id: str, size: int) -> None:
        """A peer cosigned our log of a suite up to ``size`` entries.

        Told again, with the same size, after a peer's receipts: they may come in either order.
        """
