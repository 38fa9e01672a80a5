"""What a center asks of its regulator (监督部门), and what the regulator tells it.

    NEW ─AskPermit→ ASKED ─Permit→ PERMITTED           a draw came to nothing: draw again?
    NEW ─AskUnseal→ UNSEALING ─Unseal→ UNSEALED        the sealer is silent: open its escrow?
    NEW ─SubmitEmployers→ COMPARING ─Recuse→ COMPARED  who on the list works for a bidder?
    NEW ─SubmitBidders→ SUBMITTED                      the other half of that question
    NEW ─StateAct→ STATED                              officers have opened or checked something
    NEW ─SubmitReports→ SUBMITTED                      what was reported of invitations
    NEW ─AskRecords→ PRODUCING ─ProduceRecords→ PRODUCED   show me the records of these calls
                              └(silence)→ MISSING
    NEW ─FaultRecord→ STATED                           a record proves nothing, or is not there
    NEW ─StateCallBack→ STATED                         officers have called an expert back
    Each question may be answered DenyRequest → DENIED, or not at all → UNANSWERED.

What opens or allows something takes two officers (``domain.md`` §3, 1: a list was sold by
one who could open it alone) and is a signed word, so that both logs have it. Officers are
pseudonyms that only the regulator can resolve. Bidders and employers come sealed to the
regulator and are compared by its node; neither center learns the other's (招标投标法 art.
22: bidders are secret until the bids are opened, and never the pool's business). Which experts
are called back is chosen by a keyed hash; records of calls, which name people, come sealed.
"""

from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Final

from federation.protocol.conversation import Kind, Phase, Role, Table, Wait, Word

CENTER: Final = Role("CENTER")
REGULATOR: Final = Role("REGULATOR")

NEW: Final = Phase("NEW")
ASKED: Final = Phase("ASKED")
PERMITTED: Final = Phase("PERMITTED")
UNSEALING: Final = Phase("UNSEALING")
UNSEALED: Final = Phase("UNSEALED")
COMPARING: Final = Phase("COMPARING")
COMPARED: Final = Phase("COMPARED")
SUBMITTED: Final = Phase("SUBMITTED")
STATED: Final = Phase("STATED")
PRODUCING: Final = Phase("PRODUCING")
PRODUCED: Final = Phase("PRODUCED")
MISSING: Final = Phase("MISSING")
DENIED: Final = Phase("DENIED")
UNANSWERED: Final = Phase("UNANSWERED")

DAY_MS: Final = 86_400_000
OFFICERS_MS: Final = 5 * DAY_MS  # two people have to meet; the longest window that can be booked
COMPARE_MS: Final = 5 * DAY_MS  # the host submits bidders once the bids are open
RECORDS_MS: Final = 3 * DAY_MS  # the node produces them by itself; a long weekend without it
MAX_REPORTS: Final = 64  # with the announcement they fit one word; longer draws take several
MAX_RECORDS: Final = 6  # so many of the longest records, with who was called, fit one seal
MIN_OFFICERS: Final = 2
MAX_OFFICERS: Final = 8
MAX_SEALED_BYTES: Final = 128 * 1024  # openings of MAX_SLOTS slots, of thousands of bidders


class Act(IntEnum):
    """What officers did of their own accord."""

    OPEN_POOL = 1


class Finding(IntEnum):
    """What an expert said who was called back."""

    MATCH = 1
    MISMATCH = 2
    UNREACHED = 3


class Wrong(IntEnum):
    """What is wrong with the record of a call that was asked for."""

    NOT_PRODUCED = 1
    OTHER_RECORD = 2
    NOT_SIGNED = 3
    OTHER_CALL = 4
    OTHER_ANSWER = 5
    OTHER_PERSON = 6


@dataclass(frozen=True, slots=True)
class AskPermit(Word):
    """A center asks for leave to draw again."""

    kind = Kind.OVERSIGHT
    speaker = CENTER

    draw_id: bytes
    opening: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Permit(Word):
    """One more draw may be opened in place of this one.

    A draw id alone is a name that its opener picked: the leave is for the very words that the
    officers were shown. ``open_hash`` is O of that ``Open`` (``lottery.ranking.open_hash``).
    """

    kind = Kind.OVERSIGHT
    speaker = REGULATOR

    draw_id: bytes
    officers: tuple[bytes, ...]
    open_hash: bytes


@dataclass(frozen=True, slots=True)
class DenyRequest(Word):
    """What was asked for is not given."""

    kind = Kind.OVERSIGHT
    speaker = REGULATOR

    reason: str


@dataclass(frozen=True, slots=True)
class AskUnseal(Word):
    """The owner of a pool asks to open the silent sealer's escrow."""

    kind = Kind.OVERSIGHT
    speaker = CENTER

    draw_id: bytes
    opening: bytes
    commit: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Unseal(Word):
    """The sealer's value, from its escrow."""

    kind = Kind.OVERSIGHT
    speaker = REGULATOR

    draw_id: bytes
    value: bytes
    officers: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Drawn:
    """One draw, and who is on its list."""

    draw_id: bytes
    entries: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class SubmitBidders(Word):
    """The host submits the bidders, sealed, once the bids are open."""

    kind = Kind.OVERSIGHT
    speaker = CENTER

    booking_id: bytes
    draws: tuple[Drawn, ...]
    exclusion_commitment: bytes
    sealed: bytes
    evaluation_id: bytes


@dataclass(frozen=True, slots=True)
class SubmitEmployers(Word):
    """The owner of a pool submits the employers of those on its list, sealed."""

    kind = Kind.OVERSIGHT
    speaker = CENTER

    draw_id: bytes
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Recuse(Word):
    """Who on the list must recuse."""

    kind = Kind.OVERSIGHT
    speaker = REGULATOR

    draw_id: bytes
    recused: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class StateAct(Word):
    """Officers have opened or checked something of the center's."""

    kind = Kind.OVERSIGHT
    speaker = REGULATOR

    act: Act
    subject: bytes
    reason: str
    officers: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class SubmitReports(Word):
    """A center of a draw that is over shows what its owner reported of invitations."""

    kind = Kind.OVERSIGHT
    speaker = CENTER

    draw_id: bytes
    opening: bytes
    announcement: bytes
    reports: tuple[bytes, ...]
    ending: bytes


@dataclass(frozen=True, slots=True)
class AskRecords(Word):
    """The regulator asks for the records of the calls that its choice fell on."""

    kind = Kind.OVERSIGHT
    speaker = REGULATOR

    draw_id: bytes
    value: bytes
    percent: int
    entries: tuple[bytes, ...]
    ending: bytes


@dataclass(frozen=True, slots=True)
class ProduceRecords(Word):
    """The owner of the pool produces them, sealed."""

    kind = Kind.OVERSIGHT
    speaker = CENTER

    draw_id: bytes
    sealed: bytes


@dataclass(frozen=True, slots=True)
class FaultRecord(Word):
    """A record that was asked for does not prove what was reported."""

    kind = Kind.OVERSIGHT
    speaker = REGULATOR

    draw_id: bytes
    entry: bytes
    wrong: Wrong


@dataclass(frozen=True, slots=True)
class StateCallBack(Word):
    """Two officers have called an expert back."""

    kind = Kind.OVERSIGHT
    speaker = REGULATOR

    draw_id: bytes
    entry: bytes
    finding: Finding
    officers: tuple[bytes, ...]


_ANSWERS: Final = {
    (ASKED, "Permit"): PERMITTED,
    (ASKED, "DenyRequest"): DENIED,
    (UNSEALING, "Unseal"): UNSEALED,
    (UNSEALING, "DenyRequest"): DENIED,
    (COMPARING, "Recuse"): COMPARED,
    (COMPARING, "DenyRequest"): DENIED,
}
# An answer that crossed the lapse of its question still counts: nothing else was done meanwhile.
_LATE: Final = {
    **{(UNANSWERED, word): after for (_, word), after in _ANSWERS.items()},
    (MISSING, "ProduceRecords"): PRODUCED,  # the fault stands; what is shown is looked at
}

OVERSIGHT: Final = Table(
    kind=Kind.OVERSIGHT,
    roles=(CENTER, REGULATOR),
    words=(
        AskPermit, Permit, DenyRequest, AskUnseal, Unseal, SubmitBidders, SubmitEmployers, Recuse,
        StateAct, SubmitReports, AskRecords, ProduceRecords, FaultRecord, StateCallBack,
    ),
    next=MappingProxyType({
        (NEW, "AskPermit"): ASKED,
        (NEW, "AskUnseal"): UNSEALING,
        (NEW, "SubmitEmployers"): COMPARING,
        (NEW, "SubmitBidders"): SUBMITTED,
        (NEW, "StateAct"): STATED,
        (NEW, "SubmitReports"): SUBMITTED,
        (NEW, "AskRecords"): PRODUCING,
        (PRODUCING, "ProduceRecords"): PRODUCED,
        (NEW, "FaultRecord"): STATED,
        (NEW, "StateCallBack"): STATED,
        **_ANSWERS,
        **_LATE,
    }),
    waits=MappingProxyType({
        ASKED: Wait(REGULATOR, authority=CENTER, limit_ms=OFFICERS_MS, lapses_to=UNANSWERED),
        UNSEALING: Wait(REGULATOR, authority=CENTER, limit_ms=OFFICERS_MS, lapses_to=UNANSWERED),
        COMPARING: Wait(REGULATOR, authority=CENTER, limit_ms=COMPARE_MS, lapses_to=UNANSWERED),
        PRODUCING: Wait(CENTER, authority=REGULATOR, limit_ms=RECORDS_MS, lapses_to=MISSING),
    }),
    over=frozenset({
        PERMITTED, UNSEALED, COMPARED, SUBMITTED, STATED, DENIED, UNANSWERED, PRODUCED, MISSING,
    }),
    crossings=frozenset(_LATE),
)  # fmt: skip
