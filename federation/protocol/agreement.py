"""The agreement of two centers: how it comes into force, rests and ends.

    NEW ─Propose→ PROPOSED ─Counter→ COUNTERED ─Counter→ PROPOSED …
                     ├───────Sign─────────┴→ ACTIVE ⇄ SUSPENDED… ─Terminate→ TERMINATED
                     ├──────Decline───────┴→ DECLINED
                     └──────Withdraw──────┴→ WITHDRAWN

The terms (``terms.py``) are signed as bytes; whoever counters puts a whole document of its own,
signed, in the place of the other's. An amendment is a new proposal that names the version it
replaces. What the terms allow is ``enforcement.py``; whether new work may begin under an
agreement, ``standing.py``.
"""

from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Final

from typing_extensions import override

from federation.protocol.contradictions import contradictions
from federation.protocol.conversation import EITHER, Kind, Phase, Role, Table, Wait, Word
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
    "COUNTERED",
    "DAY_MS",
    "DECLINED",
    "MAX_DOCUMENT_BYTES",
    "MAX_HANDOVER_DAYS",
    "MAX_ROUNDS",
    "MAX_SEATS",
    "MAX_SIGNATURES",
    "MAX_YEARS_MS",
    "NEW",
    "PROPOSAL_LASTS_MS",
    "PROPOSED",
    "PROPOSER",
    "SIGNED_BY_BOTH",
    "SUSPENDED",
    "SUSPENDED_BY_ANSWERER",
    "SUSPENDED_BY_PROPOSER",
    "TERMINATED",
    "WITHDRAWN",
    "AgreementTerms",
    "Counter",
    "Decline",
    "Direction",
    "DocumentSignature",
    "DrawAnchor",
    "Party",
    "Propose",
    "ResumeAgreement",
    "Side",
    "Sign",
    "SuspendAgreement",
    "Terminate",
    "Withdraw",
    "contradictions",
]

PROPOSER: Final = Role("PROPOSER")
ANSWERER: Final = Role("ANSWERER")

NEW: Final = Phase("NEW")
PROPOSED: Final = Phase("PROPOSED")
COUNTERED: Final = Phase("COUNTERED")
ACTIVE: Final = Phase("ACTIVE")
SUSPENDED_BY_PROPOSER: Final = Phase("SUSPENDED_BY_PROPOSER")
SUSPENDED_BY_ANSWERER: Final = Phase("SUSPENDED_BY_ANSWERER")
SUSPENDED: Final = Phase("SUSPENDED")
TERMINATED: Final = Phase("TERMINATED")
DECLINED: Final = Phase("DECLINED")
WITHDRAWN: Final = Phase("WITHDRAWN")

PROPOSAL_LASTS_MS: Final = 30 * DAY_MS  # a month for two authorities to read and sign
MAX_ROUNDS: Final = 8  # counters in one negotiation; who is still apart then needs a meeting
MAX_SIGNATURES: Final = 2  # a document's own suite, and the one before it if the suite changes
MAX_DOCUMENT_BYTES: Final = 65_536  # an agreement is a few pages; a word must fit a call


class Side(IntEnum):
    """Which of the two, for what each does for itself."""

    PROPOSER = 1
    ANSWERER = 2


@dataclass(frozen=True, slots=True)
class DocumentSignature:
    """One party's signature over a document, under one suite."""

    suite: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Propose(Word):
    """The proposer proposes a document and stands by it."""

    kind = Kind.AGREEMENT
    speaker = PROPOSER

    document: bytes
    signatures: tuple[DocumentSignature, ...]


@dataclass(frozen=True, slots=True)
class Counter(Word):
    """Whoever is asked puts another document in the place of the one that was proposed."""

    kind = Kind.AGREEMENT
    speaker = EITHER

    document: bytes
    signatures: tuple[DocumentSignature, ...]
    round: int


@dataclass(frozen=True, slots=True)
class Sign(Word):
    """Whoever is asked signs the same bytes."""

    kind = Kind.AGREEMENT
    speaker = EITHER

    document_digest: bytes
    signatures: tuple[DocumentSignature, ...]


@dataclass(frozen=True, slots=True)
class Decline(Word):
    """Whoever is asked does not sign."""

    kind = Kind.AGREEMENT
    speaker = EITHER

    reason: str


@dataclass(frozen=True, slots=True)
class Withdraw(Word):
    """Either side ends the negotiation."""

    kind = Kind.AGREEMENT
    speaker = EITHER

    reason: str


@dataclass(frozen=True, slots=True)
class SuspendAgreement(Word):
    """One side begins no new work, and lets the other begin none, until it resumes."""

    kind = Kind.AGREEMENT
    speaker = EITHER

    side: Side
    reason: str

    @property
    @override
    def case(self) -> str:
        """``SuspendAgreement.PROPOSER`` or ``SuspendAgreement.ANSWERER``."""
        return f"SuspendAgreement.{self.side.name}"


@dataclass(frozen=True, slots=True)
class ResumeAgreement(Word):
    """Whoever has suspended goes on."""

    kind = Kind.AGREEMENT
    speaker = EITHER

    side: Side
    reason: str

    @property
    @override
    def case(self) -> str:
        """``ResumeAgreement.PROPOSER`` or ``ResumeAgreement.ANSWERER``."""
        return f"ResumeAgreement.{self.side.name}"


@dataclass(frozen=True, slots=True)
class Terminate(Word):
    """Either side gives notice."""

    kind = Kind.AGREEMENT
    speaker = EITHER

    effective_ms: int
    reason: str


_OWN: Final = MappingProxyType({
    "SuspendAgreement.PROPOSER": PROPOSER,
    "SuspendAgreement.ANSWERER": ANSWERER,
    "ResumeAgreement.PROPOSER": PROPOSER,
    "ResumeAgreement.ANSWERER": ANSWERER,
})  # fmt: skip
"""Cases that are one side's own in whatever phase."""
SIGNED_BY_BOTH: Final = (
    ACTIVE,
    SUSPENDED_BY_PROPOSER,
    SUSPENDED_BY_ANSWERER,
    SUSPENDED,
    TERMINATED,
)

AGREEMENT: Final = Table(
    kind=Kind.AGREEMENT,
    roles=(PROPOSER, ANSWERER),
    words=(Propose, Counter, Sign, Decline, Withdraw, SuspendAgreement, ResumeAgreement, Terminate),
    next=MappingProxyType({
        (NEW, "Propose"): PROPOSED,
        (PROPOSED, "Sign"): ACTIVE,
        (PROPOSED, "Counter"): COUNTERED,
        (PROPOSED, "Decline"): DECLINED,
        (PROPOSED, "Withdraw"): WITHDRAWN,
        (COUNTERED, "Sign"): ACTIVE,
        (COUNTERED, "Counter"): PROPOSED,
        (COUNTERED, "Decline"): DECLINED,
        (COUNTERED, "Withdraw"): WITHDRAWN,
        # The withdrawal crossed the answer on the way: a signature or a no stands, a counter
        # is gone. Whoever has heard the withdrawal can sign no more.
        (WITHDRAWN, "Sign"): ACTIVE,
        (WITHDRAWN, "Counter"): WITHDRAWN,
        (WITHDRAWN, "Decline"): DECLINED,
        (WITHDRAWN, "Withdraw"): WITHDRAWN,
        (DECLINED, "Withdraw"): DECLINED,
        **{(phase, "Withdraw"): phase for phase in SIGNED_BY_BOTH},
        # Each side suspends and resumes for itself: these cannot get in each other's way.
        (ACTIVE, "SuspendAgreement.PROPOSER"): SUSPENDED_BY_PROPOSER,
        (ACTIVE, "SuspendAgreement.ANSWERER"): SUSPENDED_BY_ANSWERER,
        (SUSPENDED_BY_ANSWERER, "SuspendAgreement.PROPOSER"): SUSPENDED,
        (SUSPENDED_BY_PROPOSER, "SuspendAgreement.ANSWERER"): SUSPENDED,
        (SUSPENDED_BY_PROPOSER, "ResumeAgreement.PROPOSER"): ACTIVE,
        (SUSPENDED_BY_ANSWERER, "ResumeAgreement.ANSWERER"): ACTIVE,
        (SUSPENDED, "ResumeAgreement.PROPOSER"): SUSPENDED_BY_ANSWERER,
        (SUSPENDED, "ResumeAgreement.ANSWERER"): SUSPENDED_BY_PROPOSER,
        # Both may give notice; the earlier end counts. Until then the agreement is in use, and
        # can be suspended.
        **{(phase, "Terminate"): TERMINATED for phase in SIGNED_BY_BOTH},
        **{(TERMINATED, case): TERMINATED for case in _OWN},
    }),
    speakers=MappingProxyType({
        (PROPOSED, "Sign"): ANSWERER,
        (PROPOSED, "Counter"): ANSWERER,
        (PROPOSED, "Decline"): ANSWERER,
        (COUNTERED, "Sign"): PROPOSER,
        (COUNTERED, "Counter"): PROPOSER,
        (COUNTERED, "Decline"): PROPOSER,
        (ACTIVE, "SuspendAgreement.PROPOSER"): PROPOSER,
        (ACTIVE, "SuspendAgreement.ANSWERER"): ANSWERER,
        (SUSPENDED_BY_ANSWERER, "SuspendAgreement.PROPOSER"): PROPOSER,
        (SUSPENDED_BY_PROPOSER, "SuspendAgreement.ANSWERER"): ANSWERER,
        (SUSPENDED_BY_PROPOSER, "ResumeAgreement.PROPOSER"): PROPOSER,
        (SUSPENDED_BY_ANSWERER, "ResumeAgreement.ANSWERER"): ANSWERER,
        (SUSPENDED, "ResumeAgreement.PROPOSER"): PROPOSER,
        (SUSPENDED, "ResumeAgreement.ANSWERER"): ANSWERER,
        **{(TERMINATED, case): side for case, side in _OWN.items()},
    }),
    waits=MappingProxyType({
        PROPOSED: Wait(ANSWERER, authority=PROPOSER, limit_ms=PROPOSAL_LASTS_MS),
        COUNTERED: Wait(PROPOSER, authority=ANSWERER, limit_ms=PROPOSAL_LASTS_MS),
    }),
    over=frozenset({*SIGNED_BY_BOTH, DECLINED, WITHDRAWN}),
    crossings=frozenset({
        (WITHDRAWN, "Sign"), (WITHDRAWN, "Counter"), (WITHDRAWN, "Decline"),
        (WITHDRAWN, "Withdraw"), (DECLINED, "Withdraw"),
        *((phase, "Withdraw") for phase in SIGNED_BY_BOTH),
    }),
)  # fmt: skip
