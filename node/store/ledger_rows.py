"""The ledger's rows as the engine's values: conversations, words of ours, terms."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from federation.ids import AgreementId, CenterId, ConversationId
from federation.ports import SaidWord
from federation.protocol.agreement import AgreementTerms
from federation.protocol.conversation import Conversation, Kind, Phase, Role
from federation.wire.words import TERMS

CONVERSATION: Final = (
    "id, kind, role, peer, agreement, suite, phase, said, heard, said_hash, heard_hash, deadline_ms"
)
SAID: Final = "number, peer, conversation, revision, payload_type, payload, hash, said_at_ms, suite"


@lru_cache(maxsize=256)  # the agreements of a few partners; each word is held against one
def terms_of(document: bytes) -> AgreementTerms:
    """The terms of a document."""
    return TERMS.decode(document)


def conversation_of(row: Sequence[object]) -> Conversation:
    """A row of ``CONVERSATION``."""
    conversation, kind, role, peer, agreement, suite_id, phase, *rest = row
    return Conversation(
        ConversationId(conversation),  # type: ignore[arg-type]
        Kind(str(kind)),
        Role(role),  # type: ignore[arg-type]
        CenterId(peer),  # type: ignore[arg-type]
        None if agreement is None else AgreementId(agreement),  # type: ignore[arg-type]
        str(suite_id),
        Phase(phase),  # type: ignore[arg-type]
        *rest,  # type: ignore[arg-type]
    )


def said_of(row: Sequence[object]) -> SaidWord:
    """A row of ``SAID``."""
    return SaidWord(*row)  # type: ignore[arg-type]
