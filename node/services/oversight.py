"""What we ask of the regulator, and what as a regulator we are asked."""

from typing_extensions import override

from federation.engine.inside import Said
from federation.errors import Refused
from federation.ids import CenterId
from federation.protocol.conversation import Conversation, Word
from federation.wire.envelopes import Receipt, Statement
from node.services.house import Desk, Reaction


class Oversight(Reaction):
    """Our part in conversations of kind ``oversight``."""

    @override
    def admit(
        self, desk: Desk, conversation: Conversation, word: Word, statement: Statement
    ) -> None:
        raise Refused("this node is no regulator, and asks none")

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
