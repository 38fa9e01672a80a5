"""One evaluation put into a whole node, step by step, with marked names at every secret place."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from adapters.experts.synthetic import resident_id, uscc
from federation.ids import AgreementId, CenterId, ConversationId
from federation.protocol import booking, draw, session
from federation.protocol.agreement import AgreementTerms, Direction, DrawAnchor, Party
from federation.protocol.booking import ExpertNeed, Hold, SelectionMode
from federation.protocol.conversation import Conversation, Kind, Phase, Role
from federation.protocol.peering import AnnouncePool, Stratum
from federation.protocol.session import Convene
from federation.wire.words import TERMS, encode_word
from node.domain import codes
from node.domain.calendar import Window
from node.domain.codes import LotCode, ProjectCode
from node.domain.disclosure import Stage
from node.domain.expert import Expert, ExpertStatus
from node.domain.project import Lot
from node.domain.project import Party as Organisation
from node.domain.tabular import SeatRow
from node.domain.venue import Requirement, SeatKind
from node.domain.workday import shanghai_date
from node.services.house import Desk
from node.store import awards, bookings, draws, experts, projects, selections, sessions, todos
from node.store.awards import Award
from node.store.bookings import NewBooking
from node.store.draws import DrawRow, SealedList
from node.store.projects import Representative
from node.store.selections import Progress, SelectionRow
from node.store.sessions import Capacity, Member
from node.wiring import Node
from tests.support.agreed import put_signed
from tests.support.identities import stranger
from tests.support.pair import HOUR_MS, SeededRandom
from tests.support.planning import project

PROJECT, BUNDLE, BOOKING, OWN_DRAW, THEIR_DRAW, SESSION, LOTTERY = (
    bytes([n]) * 16 for n in range(0x31, 0x38)
)
NAME: Final = "sub's name"
AGREEMENT: Final = AgreementId(b"\x39" * 32)
UID, ENTRY, THEIR_ENTRY, REPRESENTATIVE = "Z-7701", b"\x3a" * 32, b"\x3b" * 32, b"\x3c" * 32
ABSENT_UID, ABSENT_ENTRY = "Z-7702", b"\x3d" * 32
PHASES: Final = {
    Stage.HELD: booking.PROMISED,
    Stage.CONFIRMED: booking.CONFIRMED,
    Stage.DRAWN: booking.CONFIRMED,
    Stage.STARTED: booking.CONFIRMED,
    Stage.AWARDED: booking.COMPLETED,
}

PROJECT_MARKS: Final = {
    "project's name": "赣江特大桥标记工程",
    "project's code": "E3608000009907701",
    "lot's code": "E3608000009907701901001",
    "lot's name": "标记标段",
    "tenderee": "标记建设投资公司",
    "tenderee's code": str(codes.uscc(uscc("360800", 77777777))),
    "agency": "标记招标代理公司",
    "competent unit": "标记主管部门",
    "competent unit's code": str(codes.uscc(uscc("360800", 88888888))),
}
PERSON_MARKS: Final = {
    "expert's name": "欧阳标记",
    "expert's phone": "13977017701",
    "expert's id number": resident_id("360800", shanghai_date(0), 771),
    "absent expert's name": "司徒标记",
    "absent expert's phone": "13977027702",
    "absent expert's id number": resident_id("360800", shanghai_date(0), 772),
    "representative's name": "诸葛标记",
    "representative's id number": resident_id("360800", shanghai_date(0), 773),
}
SECRET_FOREVER: Final = {what: value for what, value in PERSON_MARKS.items() if "name" not in what}
"""What no page shows at any stage: numbers serve machines only."""


@dataclass
class Planted:
    """A node with one evaluation in it.

    Args:
        node: The node.
        role: HOST or SUB.
        mode: How the sub was found.
    """

    node: Node
    role: str
    mode: SelectionMode
    stage: Stage = Stage.REQUESTED
    sub_marks: dict[str, str] = field(default_factory=dict)
    peer: CenterId = field(init=False)
    window: Window = field(init=False)

    @property
    def host(self) -> bool:
        return self.role == "HOST"

    async def do(self, function: Callable[[Desk], None]) -> None:
        await self.node.parts.negotiator.transact(function)

    async def plant(self) -> None:
        """Everything that is there before a booking is."""
        now_ms = self.node.parts.negotiator.clock.now_ms()
        other = stranger(SeededRandom("sub").bytes, "sub", now_ms).descriptor
        self.node.parts.keyring.pin(other)
        self.peer = CenterId(other.center_id)
        if self.host:
            self.sub_marks = {
                "sub's id": other.center_id,
                "sub's name": other.name,
                "sub's code": other.uscc,
                "sub's address": other.address,
                "sub's agreement": AGREEMENT.hex(),
            }
        assert all(self.sub_marks.values()), "an empty mark is in every answer"
        await self.do(self._ground)

    def _ground(self, desk: Desk) -> None:
        connection, cipher, now_ms = desk.ledger.connection, self.node.parts.cipher, desk.now_ms
        us, peer = desk.identity.center, self.peer
        host, sub = (us, peer) if self.host else (peer, us)
        put_signed(
            connection, agreement=AGREEMENT, conversation=b"\x3e" * 16, peer=peer,
            document=_terms(host, sub, now_ms), signatures=(b"x", b"y"), we_proposed=True,
            at_ms=now_ms,
        )  # fmt: skip
        for number, (uid, who) in enumerate(((UID, "expert"), (ABSENT_UID, "absent expert"))):
            experts.put(
                connection,
                cipher,
                Expert(
                    uid=uid,
                    name=PERSON_MARKS[f"{who}'s name"],
                    id_number=codes.resident_id(PERSON_MARKS[f"{who}'s id number"]),
                    phone=PERSON_MARKS[f"{who}'s phone"],
                    employer=f"设计院{number}",
                    employer_uscc=codes.uscc(uscc("360800", 55555550 + number)),
                    specialties=(codes.specialty("A08"),),
                    status=ExpertStatus.ACTIVE,
                ),
                now_ms,
            )
        seats = [
            SeatRow(at, "评标楼", "一室", f"座{at}", SeatKind.WORKSTATION, frozenset(), False)
            for at in range(1, 5)
        ]
        self.node.parts.venues.import_seats(desk, seats)
        for owner, other, n in ((us, peer, 1), (peer, us, 2)):
            pool = AnnouncePool(
                "p", "e", (Stratum("A08", 9, bytes(32)),), bytes(32), bytes(32), 1, now_ms * 2
            )
            connection.execute(
                "INSERT INTO pool_announcement (conversation, owner, peer, pool, epoch, suite,"
                " root, body, log_index, valid_from_ms, valid_until_ms, at_ms)"
                " VALUES (?, ?, ?, 'p', 'e', 'intl-1', ?, ?, 0, 1, ?, 1)",
                (bytes([n]) * 16, owner, other, bytes(32), encode_word(pool), now_ms * 2),
            )
        if not self.host:
            return
        marked = project(
            code=ProjectCode(PROJECT_MARKS["project's code"]),
            name=PROJECT_MARKS["project's name"],
            tenderee=Organisation(
                PROJECT_MARKS["tenderee"], codes.uscc(PROJECT_MARKS["tenderee's code"])
            ),
            agency=Organisation(PROJECT_MARKS["agency"], codes.uscc(uscc("360800", 66666666))),
            competent=(
                Organisation(
                    PROJECT_MARKS["competent unit"],
                    codes.uscc(PROJECT_MARKS["competent unit's code"]),
                ),
            ),
            lots=(Lot(LotCode(PROJECT_MARKS["lot's code"]), PROJECT_MARKS["lot's name"]),),
        )
        projects.add(connection, PROJECT, marked, "agency", now_ms)
        projects.add_representative(
            connection,
            cipher,
            Representative(REPRESENTATIVE, PROJECT),
            PERSON_MARKS["representative's name"],
            codes.resident_id(PERSON_MARKS["representative's id number"]),
        )
        todos.add(
            connection, role="staff", kind="rule_project", subject=PROJECT,
            zh=f"受理远程异地评标项目 {marked.code}", en=f"accept project {marked.code}",
            now_ms=now_ms,
        )  # fmt: skip
        connection.execute(
            "INSERT INTO bundle (id, project, phase, reason, decide_by_ms, planned_by,"
            " created_at_ms) VALUES (?, ?, 'CLOSED', '', 1, 'agency', 1)",
            (BUNDLE, PROJECT),
        )
        if self.mode is not SelectionMode.CHOSEN:
            row = SelectionRow(
                LOTTERY, PROJECT, self.mode.name, "intl-1", 1, b"", Progress.DRAWN, "agency",
                (peer,),
            )  # fmt: skip
            selections.add(connection, row, now_ms)

    async def reach(self, stage: Stage) -> None:
        """Bring the evaluation to a stage, through all before it."""
        for each in Stage:
            if self.stage < each <= stage:
                await self.do({
                    Stage.HELD: self._held,
                    Stage.CONFIRMED: self._confirmed,
                    Stage.DRAWN: self._drawn,
                    Stage.STARTED: self._started,
                    Stage.AWARDED: self._awarded,
                }[each])  # fmt: skip
                self.stage = each

    def _talk(self, of: bytes, kind: Kind, role: Role, phase: Phase) -> Conversation:
        return Conversation(ConversationId(of), kind, role, self.peer, AGREEMENT, "intl-1", phase)

    def _phase(self, desk: Desk, of: bytes, phase: str) -> None:
        desk.ledger.connection.execute(
            "UPDATE conversation SET phase = ? WHERE id = ?", (phase, of)
        )

    def _held(self, desk: Desk) -> None:
        sub = self.peer if self.host else desk.identity.center
        # In whole minutes, as people book; it has just begun, so that all steps are possible.
        start_ms = desk.now_ms // HOUR_MS * HOUR_MS
        self.window = Window(start_ms, start_ms + 9 * HOUR_MS)
        lottery = b"" if self.mode is SelectionMode.CHOSEN else LOTTERY
        hold = Hold(
            BUNDLE, (sub,), self.window.start_ms, self.window.end_ms, 3, (), False, "A",
            (ExpertNeed("A08", 2),), self.mode,
            selection_id=lottery,
        )  # fmt: skip
        role = booking.HOST if self.host else booking.SUB
        desk.ledger.put_conversation(
            self._talk(BOOKING, Kind.BOOKING, role, booking.PROMISED), desk.now_ms
        )
        bookings.add(
            desk.ledger.connection,
            NewBooking(
                ConversationId(BOOKING), role, self.peer, PROJECT if self.host else None, hold
            ),
        )
        note = f"副场{self.peer} · {self.sub_marks[NAME]}" if self.host else "请准备"
        bookings.set_note(desk.ledger.connection, BOOKING, note)
        for who in ("staff", "agency", "supervisor", "operator"):
            todos.add(
                desk.ledger.connection, role=who, kind=f"about-{who}", subject=BOOKING,
                zh=note, en=note, now_ms=desk.now_ms,
            )  # fmt: skip

    def _confirmed(self, desk: Desk) -> None:
        self._phase(desk, BOOKING, booking.CONFIRMED)
        if not self.host:
            venues = self.node.parts.venues
            seats = venues.free_seats(desk, self.window, Requirement(2))
            venues.reserve(desk, BOOKING, seats, self.window)

    def _drawn(self, desk: Desk) -> None:
        connection, now_ms = desk.ledger.connection, desk.now_ms
        named = PROJECT if self.host else None
        for of, role in ((OWN_DRAW, draw.OWNER), (THEIR_DRAW, draw.SEALER)):
            desk.ledger.put_conversation(self._talk(of, Kind.DRAW, role, draw.SEALED), now_ms)
            row = DrawRow(
                of, role, self.peer, BOOKING, named, "p", "e", None, None, None, "", AGREEMENT
            )
            draws.add(connection, row, now_ms)
        for entry, uid in ((ENTRY, UID), (ABSENT_ENTRY, ABSENT_UID)):
            draws.invite(connection, OWN_DRAW, entry, 0, uid, now_ms)
            draws.answer(connection, OWN_DRAW, entry, "ACCEPT", b"", now_ms)
        draws.add_list(
            connection, SealedList(OWN_DRAW, 1, b"\x99" * 200, b"", 2, bytes(32), "receipt")
        )
        role = session.HOST if self.host else session.SUB
        convene = Convene(
            BOOKING, (OWN_DRAW, THEIR_DRAW), self.window.start_ms, self.window.end_ms, 1, 2, 2
        )
        desk.ledger.put_conversation(
            self._talk(SESSION, Kind.SESSION, role, session.CONVENED), now_ms
        )
        sessions.add(
            connection, session=SESSION, role=role, peer=self.peer, project=named, convene=convene
        )
        # A store that has it too early must not tell it: the gate is the stage, not the column.
        connection.execute(
            "UPDATE session SET project_name = ?, lot_code = ?",
            (PROJECT_MARKS["project's name"], PROJECT_MARKS["lot's code"]),
        )
        us = desk.identity.center
        seated = [
            Member(ConversationId(SESSION), ENTRY, us, Capacity.EXPERT, UID),
            Member(ConversationId(SESSION), ABSENT_ENTRY, us, Capacity.EXPERT, ABSENT_UID),
        ]
        if self.host:
            seated += [
                Member(ConversationId(SESSION), THEIR_ENTRY, self.peer, Capacity.EXPERT),
                Member(ConversationId(SESSION), REPRESENTATIVE, us, Capacity.REPRESENTATIVE),
            ]
        for one in seated:
            sessions.add_member(connection, one)
            if one.code in {ENTRY, REPRESENTATIVE}:
                sessions.set_checked_in(connection, one, now_ms)

    def _started(self, desk: Desk) -> None:
        self._phase(desk, SESSION, session.RUNNING)
        sessions.set_started(
            desk.ledger.connection,
            SESSION,
            PROJECT_MARKS["lot's code"],
            PROJECT_MARKS["project's name"],
            desk.now_ms,
        )

    def _awarded(self, desk: Desk) -> None:
        self._phase(desk, SESSION, session.ARCHIVED)
        self._phase(desk, BOOKING, booking.COMPLETED)
        sessions.set_finished(desk.ledger.connection, SESSION, desk.now_ms, desk.now_ms)
        day = shanghai_date(desk.now_ms).isoformat()
        subject = PROJECT if self.host else BOOKING
        awards.add(desk.ledger.connection, Award(subject, day, "staff", desk.now_ms))


def _terms(host: str, sub: str, now_ms: int) -> bytes:
    parties = tuple(
        Party(each, name, str(codes.uscc(uscc("360800", 44444440 + n))), "360800")
        for n, (each, name) in enumerate(((host, "甲中心"), (sub, "乙中心")))
    )
    return TERMS.encode(
        AgreementTerms(
            version=1, title="协议", parties=parties, directions=(Direction(host, sub),),
            effective_from_ms=1, effective_until_ms=now_ms * 2, project_kinds=("A",),
            max_seats_per_session=7, max_open_bookings=5, lead_time_ms=HOUR_MS, vote_ms=HOUR_MS,
            decide_ms=HOUR_MS, draw_anchor=DrawAnchor.EVALUATION_START, draw_earliest_ms=HOUR_MS,
            pool_min_age_ms=0, joint_test_valid_days=0, handover_working_days=5, suite="intl-1",
            sealed_disclosure=True,
        )
    )  # fmt: skip
