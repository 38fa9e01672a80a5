"""The agreement of two centers: its terms and how it comes into force.

    NEW ─Propose→ PROPOSED ─Sign→ ACTIVE
                     │ Decline      → DECLINED
                     │ Withdraw     → WITHDRAWN

The terms are signed as bytes; this module sees them parsed. What they allow is decided in
``enforcement.py``, so that both sides decide it alike. Amending, suspending
and terminating are later words of the same table.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from federation.protocol.contradictions import contradictions
from federation.protocol.conversation import Kind, Phase, Role, Table, Wait, Word
from federation.protocol.terms import (
    DAY_MS,
    MAX_HANDOVER_DAYS,
    MAX_SEATS,
    MAX_YEARS_MS,
    AgreementTerms,
    Direction,
    DrawAnchor,
    Party,
)

__all__ = [
    "ACTIVE",
    "AGREEMENT",
    "ANSWERER",
    "DAY_MS",
    "DECLINED",
    "MAX_DOCUMENT_BYTES",
    "MAX_HANDOVER_DAYS",
    "MAX_SEATS",
    "MAX_YEARS_MS",
    "NEW",
    "PROPOSAL_LASTS_MS",
    "PROPOSED",
    "PROPOSER",
    "WITHDRAWN",
    "AgreementTerms",
    "Decline",
    "Direction",
    "DrawAnchor",
    "Party",
    "Propose",
    "Sign",
    "Withdraw",
    "contradictions",
]

PROPOSER: Final = Role("PROPOSER")
ANSWERER: Final = Role("ANSWERER")

NEW: Final = Phase("NEW")
PROPOSED: Final = Phase("PROPOSED")
ACTIVE: Final = Phase("ACTIVE")
DECLINED: Final = Phase("DECLINED")
WITHDRAWN: Final = Phase("WITHDRAWN")

PROPOSAL_LASTS_MS: Final = 30 * DAY_MS  # a month for two authorities to read and sign
MAX_DOCUMENT_BYTES: Final = 65_536  # an agreement is a few pages; a word must fit a call


@dataclass(frozen=True, slots=True)
class Propose(Word):
    """The proposer proposes a document and stands by it."""

    kind = Kind.AGREEMENT
    speaker = PROPOSER

    document: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Sign(Word):
    """The answerer signs the same bytes."""

    kind = Kind.AGREEMENT
    speaker = ANSWERER

    document_digest: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Decline(Word):
    """The answerer does not sign."""

    kind = Kind.AGREEMENT
    speaker = ANSWERER

    reason: str


@dataclass(frozen=True, slots=True)
class Withdraw(Word):
    """The proposer takes its proposal back."""

    kind = Kind.AGREEMENT
    speaker = PROPOSER

    reason: str


AGREEMENT: Final = Table(
    kind=Kind.AGREEMENT,
    roles=(PROPOSER, ANSWERER),
    words=(Propose, Sign, Decline, Withdraw),
    next=MappingProxyType({
        (NEW, "Propose"): PROPOSED,
        (PROPOSED, "Sign"): ACTIVE,
        (PROPOSED, "Decline"): DECLINED,
        (PROPOSED, "Withdraw"): WITHDRAWN,
        # The withdrawal crossed the answer on the way: what the answerer said stands. Whoever
        # has heard the withdrawal can sign no more.
        (ACTIVE, "Withdraw"): ACTIVE,
        (DECLINED, "Withdraw"): DECLINED,
        (WITHDRAWN, "Sign"): ACTIVE,
        (WITHDRAWN, "Decline"): DECLINED,
    }),
    waits=MappingProxyType({
        PROPOSED: Wait(ANSWERER, authority=PROPOSER, limit_ms=PROPOSAL_LASTS_MS),
    }),
    over=frozenset({ACTIVE, DECLINED, WITHDRAWN}),
    crossings=frozenset({
        (ACTIVE, "Withdraw"), (DECLINED, "Withdraw"), (WITHDRAWN, "Sign"), (WITHDRAWN, "Decline"),
    }),
)  # fmt: skip
