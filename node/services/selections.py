"""The lottery of sub-venues: what its words mean for this center."""

from typing_extensions import override

from federation.engine.inside import Said
from federation.errors import Refused
from federation.ids import CenterId
from federation.protocol.conversation import Conversation, Word
from federation.wire.envelopes import Receipt, Statement
from node.services.house import Desk, Reaction


class Selections(Reaction):
    """Takes part in no lottery yet."""

    @override
    def admit(
        self, desk: Desk, conversation: Conversation, word: Word, statement: Statement
    ) -> None:
        raise Refused("this center takes part in no lottery of sub-venues")

    @override
    def said(self, desk: Desk, spoken: Said) -> None:
        return

    @override
    def heard(self, desk: Desk, spoken: Said) -> None:
        return

    @override
    def refused(self, desk: Desk, conversation: Conversation, receipt: Receipt) -> None:
        return

    @override
    def lapsed(self, desk: Desk, before: Conversation, after: Conversation) -> None:
        return

    @override
    def cosigned(self, desk: Desk, peer: CenterId, suite_id: str, size: int) -> None:
        return
