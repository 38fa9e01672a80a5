"""Random values from outside: we ask for them as a pool's owner, and give them to others."""

from typing_extensions import override

from federation.engine.inside import Said
from federation.errors import Refused
from federation.ids import CenterId
from federation.protocol.conversation import Conversation, Word
from federation.wire.envelopes import Receipt, Statement
from node.services.house import Desk, Reaction


class Contributions(Reaction):
    """Our part in conversations of kind ``contribution``."""

    @override
    def admit(
        self, desk: Desk, conversation: Conversation, word: Word, statement: Statement
    ) -> None:
        raise Refused("this node contributes to no draw of others")

    @override
    def said(self, desk: Desk, spoken: Said) -> None:
        """Nothing is said yet."""

    @override
    def heard(self, desk: Desk, spoken: Said) -> None:
        """Nothing is heard yet."""

    @override
    def refused(self, desk: Desk, conversation: Conversation, receipt: Receipt) -> None:
        """Nothing was said."""

    @override
    def lapsed(self, desk: Desk, before: Conversation, after: Conversation) -> None:
        """Nothing is waited for."""

    @override
    def cosigned(self, desk: Desk, peer: CenterId, suite_id: str, size: int) -> None:
        """Nothing waits for it."""
