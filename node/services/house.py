"""The inside of a center, as the federation sees it: one reaction per kind of conversation.

A use case is a synchronous function on a ``Desk``: the floor of one transaction on this
node's database. What must be done outside (a call, a delivery) is left as an errand in
the same transaction and carried out later; see ``node.services.errands``.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias

from typing_extensions import override

from federation.engine.acquaintance import Link, News
from federation.engine.floor import Floor
from federation.engine.inside import Inside, Said
from federation.errors import FederationError
from federation.ids import CenterId
from federation.protocol.conversation import Conversation, Kind, Word
from federation.wire.envelopes import Receipt, Statement
from node.store.ledger import SqlLedger

Desk: TypeAlias = Floor[SqlLedger]

Introduced: TypeAlias = Callable[[Desk, CenterId, News, Sequence[Link]], None]
"""Told what a peer's greeting showed of its descriptors, and what of it was new."""


def _unnoted(_desk: Desk, _peer: CenterId, _news: News, _taken: Sequence[Link]) -> None:
    """What a peer shows is stored by the engine; nobody here keeps more of it."""


class Reaction(Protocol):
    """What one kind of conversation means to this center. See ``Inside`` for each method."""

    def admit(
        self, desk: Desk, conversation: Conversation, word: Word, statement: Statement
    ) -> None:
        """Refuse by raising a FederationError; change nothing."""

    def said(self, desk: Desk, spoken: Said) -> None:
        """We said a word."""

    def heard(self, desk: Desk, spoken: Said) -> None:
        """A peer's word was accepted."""

    def denied(self, desk: Desk, spoken: Said, error: FederationError) -> None:
        """We refused a peer's word. Few kinds have anything to keep of it."""
        del desk, spoken, error

    def refused(self, desk: Desk, conversation: Conversation, receipt: Receipt) -> None:
        """A peer refused a word of ours."""

    def lapsed(self, desk: Desk, before: Conversation, after: Conversation) -> None:
        """A deadline of ours has passed."""

    def cosigned(self, desk: Desk, peer: CenterId, suite_id: str, size: int) -> None:
        """A peer cosigned our log of a suite up to ``size`` entries."""


class House(Inside[SqlLedger]):
    """Hands every event to the reaction of its kind.

    Args:
        reactions: One for each kind.
        introduced: Told of peers' descriptors.
    """

    def __init__(
        self, reactions: Mapping[Kind, Reaction], introduced: Introduced = _unnoted
    ) -> None:
        missing = set(Kind) - set(reactions)
        assert not missing, f"no reaction for {missing}"
        self._reactions = reactions
        self._introduced = introduced

    @override
    def admit(
        self, floor: Desk, conversation: Conversation, word: Word, statement: Statement
    ) -> None:
        self._reactions[conversation.kind].admit(floor, conversation, word, statement)

    @override
    def said(self, floor: Desk, spoken: Said) -> None:
        self._reactions[spoken.conversation.kind].said(floor, spoken)

    @override
    def heard(self, floor: Desk, spoken: Said) -> None:
        self._reactions[spoken.conversation.kind].heard(floor, spoken)

    @override
    def denied(self, floor: Desk, spoken: Said, error: FederationError) -> None:
        self._reactions[spoken.conversation.kind].denied(floor, spoken, error)

    @override
    def refused(self, floor: Desk, conversation: Conversation, receipt: Receipt) -> None:
        self._reactions[conversation.kind].refused(floor, conversation, receipt)

    @override
    def lapsed(self, floor: Desk, before: Conversation, after: Conversation) -> None:
        self._reactions[before.kind].lapsed(floor, before, after)

    @override
    def introduced(self, floor: Desk, peer: CenterId, news: News, taken: Sequence[Link]) -> None:
        self._introduced(floor, peer, news, taken)

    @override
    def cosigned(self, floor: Desk, peer: CenterId, suite_id: str, size: int) -> None:
        for reaction in self._reactions.values():
            reaction.cosigned(floor, peer, suite_id, size)
