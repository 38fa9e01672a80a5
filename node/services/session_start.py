"""From the call to the unified start: convening, check-in, confirmation, start (统一开始).

Sync use cases on a desk. The law's arithmetic is checked twice, when the committee is called
and as it stands at the start. What follows the start is ``sessions``.
"""

from collections.abc import Sequence

from federation.errors import FederationError
from federation.ids import AgreementId
from federation.protocol import execution
from federation.protocol import session as words
from federation.protocol.session import (
    CheckIn,
    Convene,
    Ready,
    Start,
)
from node.domain.committee import CommitteeRefused
from node.domain.evaluation import check_in_opens_ms
from node.services import session_view as view
from node.services.errors import Conflicting, NotAllowed, NotFound
from node.services.evaluated import evaluated_legs
from node.services.house import Desk
from node.services.reasons import clause_zh
from node.services.session_words import SessionWords
from node.store import projects, sessions
from node.store.bookings import BookingRow
from node.store.projects import ProjectRow
from node.store.sessions import Capacity, Member, SessionRow


class SessionStart(SessionWords):
    """The use cases before the evaluation runs; ``sessions.Sessions`` has all of them."""

    def convene(self, desk: Desk, project_id: bytes, by: str, *, anew: bool = False) -> list[bytes]:
        """The host calls the evaluation at all its sub-venues; answers the sessions' ids.

        With ``anew``, sessions that have not started are given up and called again: the way
        out when one side has refused a word of the other's. All check in again.

        Raises:
            NotFound: There is no such project here.
            Conflicting: Not all bookings are confirmed, a draw is not sealed, somebody is
                missing, or the evaluation was called already.
            NotAllowed: The committee is unlawful (招标投标法第三十七条).
        """
        connection = desk.ledger.connection
        project = projects.get(connection, project_id)
        if project is None:
            raise NotFound("没有这个项目", f"there is no project {project_id.hex()}")
        confirmed = evaluated_legs(desk, project)
        assert project.plan is not None, "what was booked was planned"
        fresh = self._fresh(desk, confirmed, by, anew=anew)
        if not fresh:
            raise Conflicting("评标已经召集", "the evaluation was convened already")
        for leg in confirmed:
            self._check_leg(desk, leg)
        codes = sessions.representatives(connection, project_id)
        host_experts = sum(len(self._drawn(desk, leg, desk.identity.center)) for leg in confirmed)
        if (len(codes), host_experts) != (project.plan.representatives, project.plan.host_experts):
            raise Conflicting(
                f"主场成员与申请不符:招标人代表{len(codes)}人(申请{project.plan.representatives}"
                f"人),专家{host_experts}人(申请{project.plan.host_experts}人)",
                f"{len(codes)} representatives of {project.plan.representatives} planned, "
                f"{host_experts} host experts of {project.plan.host_experts}",
            )
        self._check_law(
            len(codes),
            host_experts,
            [len(self._drawn(desk, leg, leg.peer)) for leg in confirmed],
        )
        opened = [self._convene(desk, leg, project_id, len(codes), host_experts) for leg in fresh]
        first = view.get(desk, opened[0])
        seated = {one.code for one in view.members(desk, first)}
        for code in codes:
            if code not in seated:
                sessions.add_member(
                    connection,
                    Member(first.id, code, desk.identity.center, Capacity.REPRESENTATIVE),
                )
        for row in view.joint(desk, first):
            view.tick_off(desk, view.REFUSAL, [row], by)
        return opened

    def _fresh(
        self, desk: Desk, confirmed: Sequence[BookingRow], by: str, *, anew: bool
    ) -> list[BookingRow]:
        """The legs that have no session; with ``anew`` also those whose has not started."""
        connection = desk.ledger.connection
        for leg in confirmed if anew else ():
            stuck = sessions.live_of_booking(connection, leg.conversation)
            if stuck is not None and not view.has_started(stuck):
                view.supersede(desk, stuck, by)
        return [
            leg
            for leg in confirmed
            if sessions.live_of_booking(connection, leg.conversation) is None
        ]

    def _convene(
        self, desk: Desk, leg: BookingRow, project_id: bytes, representatives: int, experts: int
    ) -> bytes:
        word = Convene(
            booking_id=leg.conversation,
            draw_ids=self._draws.standing(desk, leg.conversation),
            start_ms=leg.start_ms,
            end_ms=leg.end_ms,
            representatives=representatives,
            host_experts=experts,
            sub_experts=len(self._drawn(desk, leg, leg.peer)),
        )
        spoken = desk.open(leg.peer, AgreementId(leg.agreement), word)
        sessions.add(
            desk.ledger.connection,
            session=spoken.conversation.id,
            role=words.HOST,
            peer=leg.peer,
            project=project_id,
            convene=word,
        )
        view.refresh(desk, self._draws, view.get(desk, spoken.conversation.id))
        return spoken.conversation.id

    def _check_leg(self, desk: Desk, leg: BookingRow) -> None:
        if leg.end_ms <= desk.now_ms:
            raise Conflicting("预约的评标时间已过", "the booked window has passed")
        if not self._draws.sealed(desk, leg.conversation):
            raise Conflicting(
                "专家抽取尚未全部完成并封存,不能召集评标",
                "not all draws are sealed with their lists receipted",
            )
        wanted = sum(need.count for need in leg.hold.experts)
        drawn = len(self._drawn(desk, leg, leg.peer))
        if drawn != wanted:
            raise Conflicting(
                f"副场应有专家{wanted}人,现为{drawn}人,请先为缺额另选专业补抽",
                f"{wanted} experts of the sub are needed, {drawn} were drawn: choose other "
                "specialties for the rest (supplement)",
            )

    def _drawn(self, desk: Desk, leg: BookingRow, owner: str) -> list[bytes]:
        members = self._draws.members(desk, leg.conversation)
        return [one.entry for one in members if one.owner == owner]

    def _check_law(self, representatives: int, host_experts: int, subs: Sequence[int]) -> None:
        try:
            view.check_law(representatives=representatives, host_experts=host_experts, subs=subs)
        except CommitteeRefused as error:
            raise NotAllowed(error.zh, error.en) from error

    def check_in(self, desk: Desk, session_id: bytes, code: bytes, at_ms: int) -> None:
        """A member of our own site checks in; the caller has verified ID and face.

        Twice is once.

        Raises:
            NotFound: No such session, or not a member at our site.
            Conflicting: Check-in is not open yet, or no more.
        """
        row = view.get(desk, session_id)
        open_in = (words.CONVENED, words.REPLACING)
        view.in_phase([row], *open_in, *((words.READY,) if row.role == words.HOST else ()))
        self._refresh(desk, row)
        member = view.own_member(desk, row, code)
        if member.checked_in_at_ms is not None:
            return
        if not check_in_opens_ms(row.convene.start_ms) <= at_ms <= desk.now_ms:
            raise Conflicting(
                "尚未到签到时间(评标开始前2小时开放签到)",
                "check-in opens two hours before the evaluation, and is not for the future",
            )
        if at_ms >= row.end_ms and not view.has_started(row):
            raise Conflicting("评标时间已过,不能签到", "the evaluation's window has ended")
        sessions.set_checked_in(desk.ledger.connection, member, at_ms)
        if row.role == words.SUB:
            desk.say(row.id, CheckIn(code, at_ms))

    def ready(self, desk: Desk, session_id: bytes, by: str) -> None:
        """The sub's staff confirm their site: at first, after a suspension, after a replacement.

        Raises:
            Conflicting: Somebody has not checked in, or a list is not sealed.
        """
        row = view.get(desk, session_id)
        view.only(row, words.SUB)
        view.in_phase([row], words.CONVENED, words.REPLACING, words.RESUMING)
        if row.phase != words.RESUMING:
            self._refresh(desk, row)
            self._check_sealed(desk, [row])
            self._check_present(view.own(desk, row), row.convene.sub_experts)
        desk.say(row.id, Ready(len(view.own(desk, row))))
        view.tick_off(desk, view.CHECK_IN, [row], by)

    def start(self, desk: Desk, session_id: bytes, by: str) -> None:
        """The unified start (统一开始): the host's staff start all sites at once.

        Also once more, after a member was replaced: then at any time, as it has begun before.

        Raises:
            Conflicting: A sub-venue was not called or is not ready; before the window, after
                it, later than was agreed, or not everybody is there.
            NotAllowed: The committee is unlawful as it stands now.
        """
        row = view.get(desk, session_id)
        view.only(row, words.HOST)
        rows = view.joint(desk, row)
        view.in_phase(rows, words.READY)
        assert row.project is not None, "the host knows its project"
        project = projects.get(desk.ledger.connection, row.project)
        assert project is not None, "projects are never deleted"
        self._check_all_called(desk, project, rows)
        if not any(view.has_started(leg) for leg in rows):
            _check_time(desk, rows)
        self._refresh(desk, row)
        self._check_sealed(desk, rows)
        everybody = view.members(desk, row)
        first = rows[0].convene
        self._check_present(
            everybody,
            first.representatives
            + first.host_experts
            + sum(leg.convene.sub_experts for leg in rows),
        )
        experts = [one for one in everybody if one.capacity is Capacity.EXPERT]
        self._check_law(
            len(everybody) - len(experts),
            sum(one.site == desk.identity.center for one in experts),
            [sum(one.site == leg.peer for one in experts) for leg in rows],
        )
        codes = tuple(sorted(one.code for one in everybody))
        for leg in rows:
            desk.say(leg.id, Start(project.lot_code, project.project.name, codes))
            sessions.set_started(
                desk.ledger.connection,
                leg.id,
                project.lot_code,
                project.project.name,
                desk.now_ms,
            )
        view.tick_off(desk, view.START, rows, by)
        view.tick_off(desk, view.REPLACE, rows, by)

    def _check_all_called(
        self, desk: Desk, project: ProjectRow, rows: Sequence[SessionRow]
    ) -> None:
        called = {row.booking for row in rows}
        missing = [leg for leg in evaluated_legs(desk, project) if leg.conversation not in called]
        if missing:
            raise Conflicting(
                f"副场{missing[0].peer}尚无有效的评标召集,请重新召集",
                f"{missing[0].peer} has no session that stands; convene again",
            )

    def _refresh(self, desk: Desk, row: SessionRow) -> None:
        for leg in view.joint(desk, row):
            view.refresh(desk, self._draws, leg)

    def _check_sealed(self, desk: Desk, rows: Sequence[SessionRow]) -> None:
        if not all(self._draws.sealed(desk, row.booking) for row in rows):
            raise Conflicting(
                "正在补抽专家,请待名单重新封存后再操作",
                "an expert is being replaced; wait until the list is sealed again",
            )

    def _check_present(self, people: Sequence[Member], wanted: int) -> None:
        there = sum(one.checked_in_at_ms is not None for one in people)
        if (there, len(people)) != (wanted, wanted):
            raise Conflicting(
                f"应到{wanted}人,已签到{there}人,全部签到后方可继续",
                f"{there} of {wanted} members have checked in; all must",
            )


def _check_time(desk: Desk, rows: Sequence[SessionRow]) -> None:
    """May an evaluation that has not begun yet begin now? Raises Conflicting."""
    start_ms = rows[0].convene.start_ms
    if not start_ms <= desk.now_ms < rows[0].end_ms:
        raise Conflicting(
            "只能在预约的评标时间内开始", "an evaluation starts within its booked window only"
        )
    for leg in rows:
        try:
            execution.check_start(view.terms(desk, leg), start_ms, desk.now_ms)
        except FederationError as error:
            raise Conflicting(clause_zh(error.clause), error.detail) from error
