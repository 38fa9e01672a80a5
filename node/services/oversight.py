"""Kind ``oversight``: what we ask of the regulator, and what as a regulator we are asked.

A node is one or the other; both sides are put together here, as a conversation has two. What a
center asks is ``oversight_asking``; what two officers decide is ``oversight_deciding``; what the
regulator's node compares by itself is ``oversight_comparing``; audits of pools, which officers
do of their own accord, are ``pool_auditing``; checks of what was reported of invitations are
``call_backs`` at a regulator and ``call_records`` at a center. The rules are
``proto/README.md``, Oversight.
"""

from typing_extensions import override

from federation.engine.inside import Said
from federation.errors import Refused
from federation.ids import CenterId
from federation.protocol.conversation import Conversation, Word
from federation.protocol.oversight import (
    REGULATOR,
    AskPermit,
    AskRecords,
    AskUnseal,
    DenyRequest,
    FaultRecord,
    Permit,
    ProduceRecords,
    StateCallBack,
    SubmitBidders,
    SubmitEmployers,
    SubmitReports,
    Unseal,
)
from federation.wire.envelopes import Receipt, Statement
from node.services import oversight_comparing as comparing
from node.services.call_backs import USUAL, CallBackPolicy, CallBacks
from node.services.call_records import CallRecords
from node.services.house import Desk, Reaction
from node.services.officers import Officers
from node.services.oversight_asking import Asking
from node.services.oversight_deciding import Deciding
from node.services.pool_auditing import PoolAuditing
from node.store import oversight
from node.store.cipher import ColumnCipher
from node.store.oversight import RequestRow

_CHECKS = (AskRecords, FaultRecord, StateCallBack)
"""What a regulator says about calls to experts."""


class Oversight(Reaction):
    """Our part in conversations of kind ``oversight``.

    Args:
        regulates: Whether this node is a regulator's.
        cipher: For the officers' pseudonyms, and records of calls.
        asking: A center's side.
        call_backs: Which invitations a regulator calls back.
    """

    def __init__(
        self,
        *,
        regulates: bool,
        cipher: ColumnCipher,
        asking: Asking,
        call_backs: CallBackPolicy = USUAL,
    ) -> None:
        officers = Officers(cipher)
        self._regulates = regulates
        self.asking = asking
        self.records = CallRecords(cipher)
        self.calling = CallBacks(officers, cipher, call_backs)
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
            if isinstance(word, _CHECKS):
                self.records.admit(desk, conversation, word)
            else:
                self.asking.admit(desk, conversation, word)
            return
        if not self._regulates:
            raise Refused("this node is no regulator", clause="role")
        match word:
            case AskPermit() | AskUnseal():
                self.deciding.admit(desk, conversation, word)
            case SubmitBidders() | SubmitEmployers():
                comparing.admit(desk, conversation, word)
            case SubmitReports() | ProduceRecords():
                self.calling.admit(desk, conversation, word)
            case _:
                raise AssertionError(f"a center says no {word.case}")

    @override
    def said(self, desk: Desk, spoken: Said) -> None:
        if spoken.conversation.role != REGULATOR:
            if not isinstance(spoken.word, ProduceRecords):
                self.asking.said(desk, spoken)
        elif isinstance(spoken.word, Permit | Unseal | DenyRequest):
            self.deciding.said(desk, spoken)

    @override
    def heard(self, desk: Desk, spoken: Said) -> None:
        if spoken.conversation.role != REGULATOR:
            if isinstance(spoken.word, _CHECKS):
                self.records.heard(desk, spoken)
            else:
                self.asking.heard(desk, spoken)
        elif isinstance(spoken.word, SubmitReports | ProduceRecords):
            self.calling.heard(desk, spoken)
        elif isinstance(spoken.word, AskPermit | AskUnseal):
            self.deciding.heard(desk, spoken)
        else:
            comparing.heard(desk, spoken)

    @override
    def refused(self, desk: Desk, conversation: Conversation, receipt: Receipt) -> None:
        if conversation.role != REGULATOR:
            self.asking.refused(desk, conversation, receipt)
        elif not self.calling.refused(desk, conversation):
            self.auditing.refused(desk, conversation, receipt)

    @override
    def lapsed(self, desk: Desk, before: Conversation, after: Conversation) -> None:
        if before.role != REGULATOR:
            self.asking.lapsed(desk, after)
        else:
            self.calling.lapsed(desk, before, after)  # the only questions on a regulator's clock

    @override
    def cosigned(self, desk: Desk, peer: CenterId, suite_id: str, size: int) -> None:
        """Nothing waits for it."""
