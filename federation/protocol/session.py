"""One joint evaluation, from the host's call to the hand-over of the archive.

    NEW ─Convene→ CONVENED ─CheckIn*→ CONVENED ─Ready→ READY ─Start→ RUNNING
    RUNNING ─Ballot*→ RUNNING ─Elect→ CHAIRED ─Present→ SIGNING ─SignReport*→ SIGNING
    SIGNING ─Finish→ FINISHED ─HandOver→ HANDED_OVER ─Receive→ ARCHIVED
    CHAIRED ─Suspend→ SUSPENDED ─Resume→ RESUMING ─Ready→ CHAIRED
    READY, RUNNING, CHAIRED, SIGNING ─Replace→ REPLACING ─CheckIn*→ ─Ready→ READY

One start for all sites: the host says Start only after the sub said Ready. After a
suspension it is the same: the sub answers Resume with Ready. Until then a Suspend of the
sub's may be an old one on its way, afterwards it is a new one. When a member leaves once its
site is ready (回避, 请假, 缺席), its conclusions are void (实施条例 art. 48), and its vote for the
chair: the next of the same lottery checks in, and a Start that names everybody begins again.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from federation.protocol.conversation import EITHER, Kind, Phase, Role, Table, Wait, Word

HOST: Final = Role("HOST")
SUB: Final = Role("SUB")

NEW: Final = Phase("NEW")
CONVENED: Final = Phase("CONVENED")
READY: Final = Phase("READY")
RUNNING: Final = Phase("RUNNING")
CHAIRED: Final = Phase("CHAIRED")
SIGNING: Final = Phase("SIGNING")
SUSPENDED: Final = Phase("SUSPENDED")
RESUMING: Final = Phase("RESUMING")
REPLACING: Final = Phase("REPLACING")
FINISHED: Final = Phase("FINISHED")
HANDED_OVER: Final = Phase("HANDED_OVER")
ARCHIVED: Final = Phase("ARCHIVED")

DAY_MS: Final = 86_400_000
EVALUATION_MS: Final = 5 * DAY_MS  # the longest window that can be booked
HANDOVER_MS: Final = 14 * DAY_MS  # five working days over the longest public holiday
MAX_MEMBERS: Final = 99  # a committee fits one room; the largest on record has 33
MAX_ARCHIVE_ITEMS: Final = 256


@dataclass(frozen=True, slots=True)
class Convene(Word):
    """The host calls the evaluation."""

    kind = Kind.SESSION
    speaker = HOST

    booking_id: bytes
    draw_ids: tuple[bytes, ...]
    start_ms: int
    end_ms: int
    representatives: int
    host_experts: int
    sub_experts: int


@dataclass(frozen=True, slots=True)
class CheckIn(Word):
    """One of the sub's experts has checked in with ID and face."""

    kind = Kind.SESSION
    speaker = SUB

    member: bytes
    at_ms: int


@dataclass(frozen=True, slots=True)
class Ready(Word):
    """The sub's experts are seated, its site is in order."""

    kind = Kind.SESSION
    speaker = SUB

    present: int


@dataclass(frozen=True, slots=True)
class Start(Word):
    """The unified start; the project becomes known."""

    kind = Kind.SESSION
    speaker = HOST

    lot_code: str
    project_name: str
    members: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Ballot(Word):
    """One of the sub's experts votes for the chair."""

    kind = Kind.SESSION
    speaker = SUB

    voter: bytes
    candidate: bytes


@dataclass(frozen=True, slots=True)
class Elect(Word):
    """Who was elected chair."""

    kind = Kind.SESSION
    speaker = HOST

    chair: bytes
    votes: int
    cast: int


@dataclass(frozen=True, slots=True)
class Present(Word):
    """The report is ready to be signed."""

    kind = Kind.SESSION
    speaker = HOST

    report_digest: bytes


@dataclass(frozen=True, slots=True)
class SignReport(Word):
    """One of the sub's experts has signed the report."""

    kind = Kind.SESSION
    speaker = SUB

    member: bytes
    report_digest: bytes
    signature_digest: bytes


@dataclass(frozen=True, slots=True)
class Suspend(Word):
    """A fault stops the evaluation for now."""

    kind = Kind.SESSION
    speaker = EITHER

    reason: str


@dataclass(frozen=True, slots=True)
class Resume(Word):
    """All go on together with the signing or the evaluation."""

    kind = Kind.SESSION
    speaker = HOST

    note: str = ""


@dataclass(frozen=True, slots=True)
class Finish(Word):
    """Everybody has signed."""

    kind = Kind.SESSION
    speaker = HOST

    report_digest: bytes
    signatures: int


@dataclass(frozen=True, slots=True)
class ArchiveItem:
    """One item of an archive; the media themselves stay where they are."""

    name: str
    digest: bytes
    size: int
    retention: str


@dataclass(frozen=True, slots=True)
class HandOver(Word):
    """The sub hands its archive manifest over."""

    kind = Kind.SESSION
    speaker = SUB

    items: tuple[ArchiveItem, ...]


@dataclass(frozen=True, slots=True)
class Receive(Word):
    """The host has received it."""

    kind = Kind.SESSION
    speaker = HOST

    manifest_digest: bytes


@dataclass(frozen=True, slots=True)
class Replace(Word):
    """Members leave; others are drawn in their place, and what had begun begins again."""

    kind = Kind.SESSION
    speaker = HOST

    left: tuple[bytes, ...]
    reason: str


_AFTER_THE_ELECTION: Final = (CHAIRED, SUSPENDED, RESUMING, SIGNING, FINISHED)

SESSION: Final = Table(
    kind=Kind.SESSION,
    roles=(HOST, SUB),
    words=(
        Convene, CheckIn, Ready, Start, Ballot, Elect, Present, SignReport, Suspend, Resume,
        Finish, HandOver, Receive, Replace,
    ),
    next=MappingProxyType({
        (NEW, "Convene"): CONVENED,
        (CONVENED, "CheckIn"): CONVENED,
        (CONVENED, "Ready"): READY,
        (READY, "Start"): RUNNING,
        (RUNNING, "Ballot"): RUNNING,
        (RUNNING, "Elect"): CHAIRED,
        (CHAIRED, "Present"): SIGNING,
        (SIGNING, "SignReport"): SIGNING,
        (SIGNING, "Finish"): FINISHED,
        (FINISHED, "HandOver"): HANDED_OVER,
        (HANDED_OVER, "Receive"): ARCHIVED,
        # A fault between the chair's election and the report.
        (CHAIRED, "Suspend"): SUSPENDED,
        (SUSPENDED, "Resume"): RESUMING,
        (RESUMING, "Ready"): CHAIRED,
        # A member leaves once its site is ready, before the start or after it.
        (READY, "Replace"): REPLACING,
        (RUNNING, "Replace"): REPLACING,
        (CHAIRED, "Replace"): REPLACING,
        (SIGNING, "Replace"): REPLACING,
        (REPLACING, "CheckIn"): REPLACING,
        (REPLACING, "Ready"): READY,
        # What the sub had said before it heard of that counts no more.
        (SUSPENDED, "Replace"): REPLACING,
        (REPLACING, "Suspend"): REPLACING,
        (REPLACING, "Ballot"): REPLACING,
        (REPLACING, "SignReport"): REPLACING,
        # Both sides may notice a fault at once; against the report it comes too late.
        (SUSPENDED, "Suspend"): SUSPENDED,
        (RESUMING, "Suspend"): RESUMING,
        (SIGNING, "Suspend"): SIGNING,
        (FINISHED, "Suspend"): FINISHED,
        (SUSPENDED, "Present"): SIGNING,
        # Ballots that the host did not wait for, signatures likewise: heard, but not counted.
        **{(phase, "Ballot"): phase for phase in _AFTER_THE_ELECTION},
        (FINISHED, "SignReport"): FINISHED,
    }),
    waits=MappingProxyType({
        CONVENED: Wait(SUB, authority=HOST, limit_ms=EVALUATION_MS),
        READY: Wait(HOST, authority=SUB, limit_ms=EVALUATION_MS),
        RUNNING: Wait(HOST, authority=SUB, limit_ms=EVALUATION_MS),
        CHAIRED: Wait(HOST, authority=SUB, limit_ms=EVALUATION_MS),
        SIGNING: Wait(SUB, authority=HOST, limit_ms=EVALUATION_MS),
        SUSPENDED: Wait(HOST, authority=SUB, limit_ms=EVALUATION_MS),
        RESUMING: Wait(SUB, authority=HOST, limit_ms=EVALUATION_MS),
        REPLACING: Wait(SUB, authority=HOST, limit_ms=EVALUATION_MS),
        FINISHED: Wait(SUB, authority=HOST, limit_ms=HANDOVER_MS),
        HANDED_OVER: Wait(HOST, authority=SUB, limit_ms=HANDOVER_MS),
    }),
    over=frozenset({ARCHIVED}),
    crossings=frozenset({
        *((phase, "Suspend") for phase in (SUSPENDED, RESUMING, SIGNING, FINISHED)),
        *((phase, "Ballot") for phase in _AFTER_THE_ELECTION),
        (SUSPENDED, "Present"),
        (SUSPENDED, "Replace"),
        *((REPLACING, case) for case in ("Suspend", "Ballot", "SignReport")),
        (FINISHED, "SignReport"),
    }),
)  # fmt: skip
