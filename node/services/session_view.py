"""What the use cases and the words of a session have in common: looking, seating, to-dos.

Here: reading one evaluation as it stands, and bringing its members in line with the draws.
Not here: what people do (``sessions``), what words mean (``session_words``), and what is
left of an evaluation (``session_archive``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from federation.protocol import session as words
from federation.protocol.booking import BOOKED
from federation.protocol.conversation import REFUSED, Phase
from federation.protocol.draw import Response
from federation.protocol.terms import AgreementTerms
from federation.wire.words import PAYLOAD_TYPES
from node.domain import committee
from node.domain.committee import Committee, Site
from node.services.errors import Conflicting, NotAllowed, NotFound
from node.services.house import Desk
from node.store import bookings, sessions, todos, transcripts
from node.store.sessions import Capacity, Member, SessionRow

STAFF: Final = "staff"
CHECK_IN: Final = "session_check_in"
START: Final = "session_start"
ELECT: Final = "session_elect"
PRESENT: Final = "session_present"
FINISH: Final = "session_finish"
NOT_STARTED: Final = frozenset({words.CONVENED, words.READY, words.REPLACING})
RESUME: Final = "session_resume"
REPLACE: Final = "session_replace"
HAND_OVER: Final = "session_hand_over"
RECEIVE: Final = "session_receive"
REFUSAL: Final = "session_refused"
OVERDUE: Final = "session_overdue"

PHASES_ZH: Final = {
    words.CONVENED: "已召集",
    words.READY: "副场已确认",
    words.RUNNING: "评标中",
    words.CHAIRED: "已推选组长",
    words.SIGNING: "签署报告中",
    words.SUSPENDED: "已暂停",
    words.RESUMING: "恢复中",
    words.REPLACING: "更换成员中",
    words.FINISHED: "评标结束",
    words.HANDED_OVER: "已移交",
    words.ARCHIVED: "已归档",
    REFUSED: "被拒绝",
}


class DrawnMember(Protocol):
    """An expert on the list of a draw; ``uid`` only of our own."""

    @property
    def draw(self) -> bytes:
        """The draw, 16 bytes."""

    @property
    def owner(self) -> str:
        """Whose expert."""

    @property
    def entry(self) -> bytes:
        """The code, 32 bytes."""

    @property
    def uid(self) -> str | None:
        """Registry number, at the owner only."""


@dataclass(frozen=True, slots=True)
class Departed:
    """One of our own who left a list.

    Args:
        code: Who.
        response: How.
        reason: Why: for our own staff.
        by: Who entered it.
        at_ms: When.
        reported: Whether the other center was told yet.
    """

    code: bytes
    response: Response
    reason: str = field(repr=False)
    by: str
    at_ms: int
    reported: bool


class Draws(Protocol):
    """What sessions need of the draws under a booking."""

    def members(self, desk: Desk, booking: bytes, /) -> Sequence[DrawnMember]:
        """Who is on the lists now."""

    def sealed(self, desk: Desk, booking: bytes, /) -> bool:
        """Whether all draws are sealed and our own lists were receipted."""

    def standing(self, desk: Desk, booking: bytes, /) -> tuple[bytes, ...]:
        """The draws that fill the committee, ascending."""

    def gone(self, desk: Desk, booking: bytes, /) -> Mapping[bytes, Response]:
        """Who was on a list and has left it, and how."""

    def depart(
        self,
        desk: Desk,
        draw: bytes,
        entry: bytes,
        response: Response,
        reason: str,
        by: str,
        /,
    ) -> None:
        """One of our own leaves a list; the next rank follows."""

    def departed(self, desk: Desk, booking: bytes, /) -> Sequence[Departed]:
        """Who of our own has left a list, with why."""

    def listed(self, desk: Desk, uid: str, /) -> Sequence[tuple[bytes, bytes, bytes]]:
        """Where one of our own is on a list that may change: (booking, draw, entry)."""

    def close_all(self, desk: Desk, booking: bytes, /) -> None:
        """The report is signed: close every draw that we sealed; the orders become public."""


class Bookings(Protocol):
    """What sessions need of bookings."""

    def complete(self, desk: Desk, booking: bytes, session: bytes, /) -> None:
        """The evaluation is over and its archive received."""


def get(desk: Desk, session_id: bytes) -> SessionRow:
    """A session. Raises NotFound."""
    row = sessions.get(desk.ledger.connection, session_id)
    if row is None:
        raise NotFound("没有这场评标", f"there is no session {session_id.hex()}")
    return row


def has_started(row: SessionRow) -> bool:
    """Whether the evaluation has begun; it may have to begin again since."""
    return row.started_at_ms is not None or row.phase not in NOT_STARTED


def suspended_at_ms(desk: Desk, row: SessionRow) -> int | None:
    """When the fault began that an evaluation is suspended for; None if it is not suspended.

    By our clock, at the first of the words of either side: they may cross.
    """
    began = None
    for line in transcripts.of_conversation(desk.ledger.connection, row.id):
        if line.payload_type == PAYLOAD_TYPES[words.Resume]:
            began = None
        elif line.payload_type == PAYLOAD_TYPES[words.Suspend] and began is None:
            began = line.at_ms
    return began


def terms(desk: Desk, row: SessionRow) -> AgreementTerms:
    """What was agreed on; a session keeps the version that it was booked under."""
    found = desk.ledger.agreement(row.agreement)
    assert found is not None, "a session is under an agreement that both have signed"
    return found


def joint(desk: Desk, row: SessionRow) -> list[SessionRow]:
    """All sessions of the same evaluation that this side has."""
    return sessions.joint(desk.ledger.connection, row)


def all_started(desk: Desk, row: SessionRow) -> list[SessionRow]:
    """The same at the host, of an evaluation that has begun; nobody goes on without a site.

    Raises:
        Conflicting: A sub has refused a word since: its site is no longer in the evaluation.
    """
    connection = desk.ledger.connection
    for other in sessions.refused_after_start(connection, row):
        leg = bookings.get(connection, other.booking)
        if leg is not None and leg.phase in BOOKED:  # else it was ended, and this is another one
            raise Conflicting(
                f"副场{other.peer}拒绝了评标消息,评标不能缺少该副场继续;请联系对方,"
                "不能恢复的,超过协议时限后终止并重新安排",
                f"{other.peer} has refused a word of the evaluation, which does not go on without "
                "it; ask it, and past the agreed limits end the evaluation and plan anew",
            )
    return joint(desk, row)


def members(desk: Desk, row: SessionRow) -> list[Member]:
    """All members that this side knows, of all sites."""
    return sessions.members(desk.ledger.connection, joint(desk, row))


def own(desk: Desk, row: SessionRow) -> list[Member]:
    """The members at our own site."""
    return [one for one in members(desk, row) if one.site == desk.identity.center]


def own_member(desk: Desk, row: SessionRow, code: bytes) -> Member:
    """A member at our own site. Raises NotFound."""
    for one in own(desk, row):
        if one.code == code:
            return one
    raise NotFound(
        "此人不是本场地的评标委员会成员", "this is no member of the committee at our site"
    )


def only(row: SessionRow, role: str) -> None:
    """Raises NotAllowed unless this center has the role in the session."""
    if row.role != role:
        zh, en = ("主场", "the host") if role == words.HOST else ("副场", "the sub-venue")
        raise NotAllowed(f"此操作由{zh}进行", f"this is for {en} to do")


def in_phase(rows: Sequence[SessionRow], *phases: Phase) -> None:
    """Raises Conflicting unless every session is in one of the phases."""
    for row in rows:
        if row.superseded:
            raise Conflicting(
                "本场已终止或由新的场次取代,请使用新的场次",
                "this session was ended or called anew; use the new one",
            )
        if row.phase not in phases:
            wanted = "、".join(PHASES_ZH[phase] for phase in phases)
            raise Conflicting(
                f"评标处于“{PHASES_ZH[Phase(row.phase)]}”阶段,此操作须在“{wanted}”阶段进行",
                f"the session with {row.peer} is {row.phase}; this needs {' or '.join(phases)}",
            )


def give_up(desk: Desk, row: SessionRow, by: str) -> None:
    """End a session that cannot be held; what was done in it is kept."""
    sessions.give_up(desk.ledger.connection, row.id)
    for kind in (CHECK_IN, START, ELECT, PRESENT, FINISH, RESUME, REPLACE, REFUSAL, OVERDUE):
        tick_off(desk, kind, [row], by)


def supersede(desk: Desk, row: SessionRow, by: str) -> None:
    """Let a new call take the place of a session that has not started."""
    sessions.supersede(desk.ledger.connection, row.id)
    for kind in (CHECK_IN, START, REPLACE, REFUSAL, OVERDUE):
        tick_off(desk, kind, [row], by)


def refresh(desk: Desk, draws: Draws, row: SessionRow) -> None:
    """Bring the experts of a session that does not run in line with its draws."""
    connection, me = desk.ledger.connection, desk.identity.center
    wanted = {
        one.entry: Member(row.id, one.entry, one.owner, Capacity.EXPERT, one.uid)
        for one in draws.members(desk, row.booking)
        if row.role == words.HOST or one.owner == me
    }
    for seated in sessions.members(connection, [row]):
        if seated.capacity is Capacity.EXPERT and seated.code not in wanted:
            sessions.remove_member(connection, seated)
    for member in wanted.values():
        sessions.add_member(connection, member)


def check_law(*, representatives: int, host_experts: int, subs: Sequence[int]) -> None:
    """Check the whole committee by 招标投标法第三十七条.

    Raises:
        CommitteeRefused: Names everything that is wrong.
    """
    committee.check(
        Committee(
            host=Site("主场", representatives, host_experts),
            subs=tuple(Site(f"副场{i}", 0, experts) for i, experts in enumerate(subs, 1)),
        )
    )


def remind(desk: Desk, kind: str, row: SessionRow, zh: str, en: str) -> None:
    """Leave a to-do for staff about this evaluation."""
    todos.add(
        desk.ledger.connection,
        role=STAFF,
        kind=kind,
        subject=row.id,
        zh=zh,
        en=en,
        now_ms=desk.now_ms,
    )


def tick_off(desk: Desk, kind: str, rows: Sequence[SessionRow], by: str) -> None:
    """Mark the to-dos of a kind as done."""
    for row in rows:
        todos.done(desk.ledger.connection, kind=kind, subject=row.id, by=by, now_ms=desk.now_ms)


def remind_of_votes(desk: Desk, row: SessionRow) -> None:
    """At the host: once all have voted, the chair can be declared."""
    legs = joint(desk, row)
    if all(one.ballot for one in sessions.members(desk.ledger.connection, legs)):
        remind(
            desk,
            ELECT,
            legs[0],
            "全体成员已投票,请确认评标组长",
            "all members have voted; declare the chair",
        )


def remind_of_signatures(desk: Desk, row: SessionRow) -> None:
    """At the host: once all have signed, the evaluation can be finished."""
    legs = joint(desk, row)
    if all(one.signature_digest for one in sessions.members(desk.ledger.connection, legs)):
        remind(
            desk,
            FINISH,
            legs[0],
            "全体成员已签署评标报告,请结束评标",
            "all members have signed the report; finish the evaluation",
        )
