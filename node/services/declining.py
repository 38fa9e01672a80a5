"""What a regulator's node (监督部门) says to centers that take it for one of theirs.

It joins peers, cosigns logs, gives random values and answers what is asked of a regulator; it
makes no agreements, books nothing and evaluates nothing. Such words are refused for good, so
that whoever sent them learns what this node is for.
"""

from collections.abc import Mapping
from typing import Final

from typing_extensions import override

from federation.engine.inside import Said
from federation.errors import Refused
from federation.ids import CenterId
from federation.protocol.conversation import Conversation, Kind, Word
from federation.wire.envelopes import Receipt, Statement
from node.services.house import Desk, Reaction

REGULATORS_KINDS: Final = frozenset({Kind.CONTRIBUTION, Kind.OVERSIGHT})
"""All that a regulator talks about."""


class Declining(Reaction):
    """Refuses every word of the other kinds."""

    @override
    def admit(
        self, desk: Desk, conversation: Conversation, word: Word, statement: Statement
    ) -> None:
        raise Refused(
            f"this is a regulator's node: it takes no part in {conversation.kind.value}; it gives "
            "random values, cosigns logs, and decides on permits, escrows and recusals",
            clause="role",
        )

    @override
    def said(self, desk: Desk, spoken: Said) -> None:
        """Nothing is ever said."""

    @override
    def heard(self, desk: Desk, spoken: Said) -> None:
        """Nothing is ever accepted."""

    @override
    def refused(self, desk: Desk, conversation: Conversation, receipt: Receipt) -> None:
        """Nothing was said."""

    @override
    def lapsed(self, desk: Desk, before: Conversation, after: Conversation) -> None:
        """Nothing is waited for."""

    @override
    def cosigned(self, desk: Desk, peer: CenterId, suite_id: str, size: int) -> None:
        """Nothing waits for it."""


def of_role(regulates: bool, reactions: Mapping[Kind, Reaction]) -> Mapping[Kind, Reaction]:
    """What each kind of conversation means to a node of its role.

    Args:
        regulates: Whether it is a regulator's.
        reactions: What they mean to a center, all kinds.
    """
    if not regulates:
        return reactions
    return {
        kind: reaction if kind in REGULATORS_KINDS else Declining()
        for kind, reaction in reactions.items()
    }
