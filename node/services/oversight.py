"""Kind ``oversight``: what we ask of the regulator, and what as a regulator we are asked.

A node is one or the other; both sides are put together here, as a conversation has two. What a
center asks is ``oversight_asking``; what two officers decide is ``oversight_deciding``; what the
regulator's node compares by itself is ``oversight_comparing``; audits of pools, which officers
do of their own accord, are ``pool_auditing``. The rules are ``proto/README.md``, Oversight.
"""

from typing_extensions import override

from federation.engine.inside import Said
from federation.errors import Refused
from federation.ids import CenterId
from federation.protocol.conversation import Conversation, Word
from federation.protocol.oversight import (
    REGULATOR,
    AskPermit,
    AskUnseal,
    DenyRequest,
    Permit,
    SubmitBidders,
    SubmitEmployers,
    Unseal,
)
from federation.wire.envelopes import Receipt, Statement
from node.services import oversight_comparing as comparing
from node.services.house import Desk, Reaction
from node.services.officers import Officers
from node.services.oversight_asking import Asking
from node.services.oversight_deciding import Deciding
from node.services.pool_auditing import PoolAuditing
from node.store import oversight
from node.store.cipher import ColumnCipher
from node.store.oversight import RequestRow


class Oversight(Reaction):
    """Our part in conversations of kind ``oversight``.

    Args:
        regulates: Whether this node is a regulator's.
        cipher: For the officers' pseudonyms.
        asking: A center's side.
    """

    def __init__(self, *, regulates: bool, cipher: ColumnCipher, asking: Asking) -> None:
        officers = Officers(cipher)
        self._regulates = regulates
        self.asking = asking
        self.deciding = Deciding(officers)
        self.auditing = PoolAuditing(officers)

    def requests(self, desk: Desk) -> list[RequestRow]:
        """All that officers decide or have decided, what is open first."""
        return oversight.requests(desk.ledger.connection)

    @override
    def admit(
        self, desk: Desk, conversation: Conversation, word: Word, statement: Statement
    ) -> None:
        if conversation.role != REGULATOR:
            if self._regulates:
                raise Refused("this is a regulator's node: nobody oversees it", clause="role")
            self.asking.admit(desk, conversation, word)
            return
        if not self._regulates:
            raise Refused("this node is no regulator", clause="role")
        match word:
            case AskPermit() | AskUnseal():
                self.deciding.admit(desk, conversation, word)
            case SubmitBidders() | SubmitEmployers():
                comparing.admit(desk, conversation, word)
            case _:
                raise AssertionError(f"a center says no {word.case}")

    @override
    def said(self, desk: Desk, spoken: Said) -> None:
        if spoken.conversation.role != REGULATOR:
            self.asking.said(desk, spoken)
        elif isinstance(spoken.word, Permit | Unseal | DenyRequest):
            self.deciding.said(desk, spoken)

    @override
    def heard(self, desk: Desk, spoken: Said) -> None:
        if spoken.conversation.role != REGULATOR:
            self.asking.heard(desk, spoken)
        elif isinstance(spoken.word, AskPermit | AskUnseal):
            self.deciding.heard(desk, spoken)
        else:
            comparing.heard(desk, spoken)

    @override
    def refused(self, desk: Desk, conversation: Conversation, receipt: Receipt) -> None:
        if conversation.role != REGULATOR:
            self.asking.refused(desk, conversation, receipt)
        else:
            self.auditing.refused(desk, conversation, receipt)

    @override
    def lapsed(self, desk: Desk, before: Conversation, after: Conversation) -> None:
        if before.role != REGULATOR:
            self.asking.lapsed(desk, after)
        # The regulator has no clock of its own here: a late answer still counts.

    @override
    def cosigned(self, desk: Desk, peer: CenterId, suite_id: str, size: int) -> None:
        """Nothing waits for it."""
