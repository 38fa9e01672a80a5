"""Routes of the agency: its projects, what it asks for, and the draws. Counts, never names."""

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, status
from pydantic import Field

from federation.wire.questions import AvailabilityAnswer, AvailabilityQuestion
from node.api.access import Agency, AgencyOrStaff, NodeParts
from node.api.caller import Caller
from node.api.faults import RESPONSES
from node.api.parts import Parts
from node.api.pools import SmallStratum, small_strata_of
from node.api.shapes import (
    EXAMPLE_ID,
    MAX_MS,
    MAX_SUBS,
    CenterText,
    Done,
    HexText,
    IdPath,
    Made,
    Ms,
    Shape,
    Slots,
    Unit,
    center,
    raw,
)
from node.domain import calendar, codes
from node.domain.calendar import Window
from node.domain.project import (
    MAX_VALUE_FEN,
    ExpertSlots,
    Lot,
    Party,
    Project,
    SelectionMode,
    SubRequirement,
)
from node.domain.undated import UndatedRequest
from node.domain.venue import Requirement, SeatKind, capability
from node.services.accounts import Role
from node.services.booking_terms import KIND_CODES
from node.services.disclosing import award_day
from node.services.draws import DrawStatus
from node.services.errors import Conflicting, NotFound
from node.services.house import Desk
from node.services.selection_view import SelectionStatus
from node.store.bookings import BookingRow
from node.store.projects import ProjectRow
from node.store.sessions import SessionRow
from node.store.undated import UndatedRow

MAX_LOTS: Final = 500  # above what the domain allows, so that its own words are heard

_KINDS: Final = {code: kind for kind, code in KIND_CODES.items()}

router = APIRouter(tags=["代理机构 · Agency"], responses=RESPONSES)


class Organisation(Shape):
    """A party of the project."""

    name: str = Field(examples=["吉安市城市建设投资公司"], max_length=255)
    uscc: str = Field(examples=["91360800MA35CCCC1X"], max_length=32)


class Section(Shape):
    """A bid section (标段)."""

    code: str = Field(examples=["E3608000001000001001"], max_length=255)
    name: str = Field(examples=["施工一标段"], max_length=255)


class Person(Shape):
    """A representative of the tenderee; sealed at once."""

    name: str = Field(examples=["李代表"], max_length=64)
    id_number: str = Field(examples=["11010519491231002X"], max_length=32)


class NewProject(Shape):
    """A project as its agency enters it."""

    code: str = Field(examples=["E3608000001000001"], max_length=255)
    name: str = Field(examples=["吉安市某道路改造工程"], max_length=255)
    kind: Literal["A", "B", "C"] = Field(
        description="A 工程, B 货物, C 服务 · works, goods, services"
    )
    region: str = Field(examples=["360800"], max_length=12)
    tenderee: Organisation
    agency: Organisation | None = None
    competent: list[Organisation] = Field(
        default_factory=list,
        max_length=99,
        description="项目主管部门、行政监督部门,其人员不得进入评标委员会(评标委员会和评标方法"
        "暂行规定第十二条) · competent departments and supervision: their people may not sit on"
        " the committee",
    )
    value_fen: int = Field(
        default=0,
        ge=0,
        le=MAX_VALUE_FEN,
        description="项目金额(分),协议限定金额时必填 · value in fen, where agreements limit it",
        examples=[2_500_000_000],
    )
    bid_deadline_ms: Ms
    start_ms: Ms
    end_ms: Ms
    lots: list[Section] = Field(max_length=MAX_LOTS)
    representatives: list[Person] = Field(default_factory=list, max_length=99)


class Sub(Shape):
    """What one sub-venue must offer."""

    seats: int = Field(examples=[3])
    kind: SeatKind | None = None
    equipment: list[str] = Field(default_factory=list, max_length=32, examples=[["camera"]])
    overnight: bool = False
    experts: list[Slots] = Field(max_length=99)


class UndatedPlan(Shape):
    """What the agency asks for while the date is not fixed: host, sub-venues."""

    host_seats: int = Field(examples=[3])
    representatives: int = Field(examples=[1])
    host_experts: list[Slots] = Field(default_factory=list, max_length=99)
    subs: list[Sub] = Field(max_length=MAX_SUBS)
    mode: SelectionMode = SelectionMode.CHOSEN
    chosen: list[CenterText] = Field(default_factory=list, max_length=MAX_SUBS)


class Plan(UndatedPlan):
    """What the agency asks for: window, host, sub-venues."""

    start_ms: Ms
    end_ms: Ms


class Free(Shape):
    """How many seats a partner has free; advice, not a promise."""

    peer: CenterText
    free_seats: int
    as_of_ms: Ms


class Leg(Shape):
    """One sub-venue's booking."""

    id: HexText = Field(examples=[EXAMPLE_ID])
    peer: CenterText
    phase: str = Field(examples=["CONFIRMED"])
    start_ms: Ms
    end_ms: Ms
    seats: int
    note: str
    instead_of: HexText | None = Field(
        description="替换的副场预约 · the leg whose place it takes", examples=[EXAMPLE_ID]
    )
    warnings: list[str] = Field(
        description="召集、开始前应知的就绪情况 · what to know before convening or starting"
    )
    alternative_start_ms: Ms | None = Field(
        description="副场提议的时间,可直接采纳 · what the sub proposed instead; one action takes it"
    )


class Undated(Shape):
    """A request without a date (pseudo-booking): it holds no capacity."""

    sub_venues: int
    mode: str
    filed_at_ms: Ms


class Draw(Shape):
    """One draw in numbers."""

    id: HexText = Field(examples=[EXAMPLE_ID])
    owner: CenterText
    sealer: CenterText
    phase: str = Field(examples=["SEALED"])
    invited: int
    accepted: int
    supplements: int
    list_delivered: bool
    missing: int = Field(description="缺几人,见 /supplement · seats that a supplement may fill")


class Evaluation(Shape):
    """One session in short."""

    id: HexText = Field(examples=[EXAMPLE_ID])
    peer: CenterText
    phase: str = Field(examples=["CONVENED"])


class Lottery(Shape):
    """A lottery of sub-venues in numbers; of a blind one nobody sees the order."""

    id: HexText = Field(examples=[EXAMPLE_ID])
    mode: str = Field(examples=["BLIND"])
    attempt: int
    progress: str = Field(examples=["DRAWN"])
    candidates: int
    entrants: int
    ranked: list[CenterText] = Field(description="按顺位;盲选不显示 · by rank; empty if blind")
    declined: int = Field(description="未能承接的副场数 · how many were passed over")
    note: str


class ProjectBrief(Shape):
    """A project in one line."""

    id: HexText = Field(examples=[EXAMPLE_ID])
    code: str
    name: str
    state: str = Field(examples=["ACCEPTED"])
    reason: str
    created_at_ms: Ms


class ProjectState(ProjectBrief):
    """A project and the phase of everything that came of it."""

    bid_deadline_ms: Ms
    start_ms: Ms
    end_ms: Ms
    avoided: list[Unit] = Field(description="回避单位 · units whose people are not drawn")
    undated: Undated | None = Field(description="未定时间的预约 · asked for without a date")
    selections: list[Lottery]
    bookings: list[Leg]
    draws: list[Draw]
    small_pools: list[SmallStratum] = Field(
        description="候选人数偏少的专业 · strata so small that lists can be guessed"
    )
    sessions: list[Evaluation]
    award_determined_on: str | None = Field(
        description="中标结果确定日期 · when the award was determined", examples=["2026-05-20"]
    )


@router.post(
    "/projects", status_code=status.HTTP_201_CREATED, summary="录入并提交项目 · Enter a project"
)
async def create(parts: NodeParts, who: Agency, body: NewProject) -> Made:
    """含标段、招标人代表;提交后等待受理。· With lots and representatives; waits for the staff."""
    project = Project(
        code=codes.project_code(body.code),
        name=body.name,
        tenderee=_party(body.tenderee),
        agency=None if body.agency is None else _party(body.agency),
        competent=tuple(_party(unit) for unit in body.competent),
        kind=_KINDS[body.kind],
        region=codes.region_code(body.region),
        bid_deadline_ms=body.bid_deadline_ms,
        value_fen=body.value_fen,
        evaluation=Window(body.start_ms, body.end_ms),
        lots=tuple(Lot(codes.lot_code(lot.code), lot.name) for lot in body.lots),
    )
    people = [(person.name, person.id_number) for person in body.representatives]

    def enter(desk: Desk) -> bytes:
        project_id = parts.projects.create(desk, project, who.subject)
        parts.projects.add_representatives(desk, project_id, people)
        parts.projects.submit(desk, project_id, who.subject)
        return project_id

    made = await parts.commands.run(who, enter)
    return Made(id=made.hex())


@router.get("/projects", summary="项目列表 · Projects")
async def projects(parts: NodeParts, who: AgencyOrStaff) -> list[ProjectBrief]:
    """代理机构只看到自己的项目。· An agency sees its own."""
    rows = await parts.negotiator.transact(parts.projects.all)
    return [ProjectBrief(**_brief(row)) for row in rows if _may_see(who, row)]


@router.get("/projects/{project}", summary="项目进展 · A project's progress")
async def progress(parts: NodeParts, who: AgencyOrStaff, project: IdPath) -> ProjectState:
    """各阶段状态与人数,不含任何姓名。· Phases and counts, no name of anybody."""

    def look(desk: Desk) -> ProjectState:
        row = own_project(parts, desk, who, project)
        return ProjectState(
            **_brief(row),
            bid_deadline_ms=row.project.bid_deadline_ms,
            start_ms=row.project.evaluation.start_ms,
            end_ms=row.project.evaluation.end_ms,
            avoided=[Unit.of(each) for each in row.project.avoided],
            selections=[_lottery(each) for each in parts.selections.of_project(desk, row.id)],
            undated=_undated(parts.replanning.filed(desk, row.id)),
            bookings=[_leg(parts, desk, leg) for leg in parts.bookings.of_project(desk, row.id)],
            draws=[draw_shape(each) for each in parts.draws.status(desk, row.id)],
            small_pools=small_strata_of(parts, desk, row.id),
            sessions=[_evaluation(each) for each in parts.sessions.of_project(desk, row.id)],
            award_determined_on=award_day(desk, row.id),
        )

    return await parts.negotiator.transact(look)


@router.post("/projects/{project}/plan", summary="申请副场 · Ask for sub-venues")
async def plan(parts: NodeParts, who: Agency, project: IdPath, body: Plan) -> Made:
    """全部副场都同意才成立;随机或盲选时先抽取。· All or none; drawn first if not chosen by name."""
    request = undated_request(body).dated(Window(body.start_ms, body.end_ms))

    def ask(desk: Desk) -> bytes:
        row = own_project(parts, desk, who, project)
        return parts.bookings.plan(desk, row.id, request, who.subject)

    made = await parts.commands.run(who, ask)
    return Made(id=made.hex())


@router.post("/projects/{project}/draw", summary="开始抽取专家 · Start the draws")
async def draw(parts: NodeParts, who: Agency, project: IdPath) -> list[Made]:
    """全部副场确认、抽取时间已到才能开始。· When all is confirmed and the window is open."""

    def start(desk: Desk) -> list[bytes]:
        row = own_project(parts, desk, who, project)
        return parts.draws.start(desk, row.id, who.subject)

    return [Made(id=each.hex()) for each in await parts.commands.run(who, start)]


@router.get("/availability", summary="查询伙伴空闲席位 · Ask a partner for free seats")
async def availability(
    parts: NodeParts,
    _: AgencyOrStaff,
    peer: Annotated[str, Query()],
    start_ms: Annotated[int, Query(ge=0, le=MAX_MS)],
    end_ms: Annotated[int, Query(ge=0, le=MAX_MS)],
    seats: Annotated[int, Query(ge=1, le=500)],
    equipment: Annotated[list[str] | None, Query(max_length=32)] = None,
    overnight: Annotated[bool, Query()] = False,
) -> Free:
    """仅供参考,不是承诺。· Advice, not a promise."""
    asked = center(peer)
    calendar.check_window(Window(start_ms, end_ms), parts.negotiator.clock.now_ms(), 0)
    words = tuple(capability(word) for word in equipment or ())
    if asked not in parts.keyring.peers:
        raise NotFound("没有登记该中心的名片", "that center is not pinned")
    answer = await parts.outbox.ask(
        asked,
        AvailabilityQuestion(start_ms, end_ms, seats, words, overnight),
    )
    if not isinstance(answer, AvailabilityAnswer):
        raise Conflicting("伙伴中心答非所问", "the peer answered something else")
    return Free(peer=asked, free_seats=answer.free_seats, as_of_ms=answer.as_of_ms)


@router.post("/projects/{project}/representatives", summary="补登招标人代表 · Add representatives")
async def representatives(
    parts: NodeParts, who: Agency, project: IdPath, body: list[Person]
) -> Done:
    """个人信息加密存放。· Sealed at once."""
    people = [(person.name, person.id_number) for person in body]

    def add(desk: Desk) -> None:
        row = own_project(parts, desk, who, project)
        parts.projects.add_representatives(desk, row.id, people)

    await parts.commands.run(who, add)
    return Done()


@router.post("/projects/{project}/competent-units", summary="更正主管部门 · Name competent units")
async def competent_units(
    parts: NodeParts,
    who: AgencyOrStaff,
    project: IdPath,
    body: Annotated[list[Organisation], Field(max_length=99)],
) -> Done:
    """替换全部主管部门和监督部门;抽取开始后不能再改。· Replaces them all, before a draw begins."""
    units = [_party(unit) for unit in body]

    def name(desk: Desk) -> None:
        row = own_project(parts, desk, who, project)
        parts.projects.name_competent(desk, row.id, units)

    await parts.commands.run(who, name)
    return Done()


def draw_shape(each: DrawStatus) -> Draw:
    """A draw in numbers."""
    return Draw(
        id=each.id.hex(),
        owner=each.owner,
        sealer=each.sealer,
        phase=each.phase,
        invited=each.invited,
        accepted=each.accepted,
        supplements=each.supplements,
        list_delivered=each.list_delivered,
        missing=each.missing,
    )


def undated_request(body: UndatedPlan) -> UndatedRequest:
    """What the agency asks for, apart from the window. Raises Inadmissible."""
    return UndatedRequest(
        host_seats=body.host_seats,
        representatives=body.representatives,
        host_slots=_slots(body.host_experts),
        subs=tuple(
            SubRequirement(
                Requirement(
                    sub.seats,
                    sub.kind,
                    frozenset(capability(word) for word in sub.equipment),
                    sub.overnight,
                ),
                _slots(sub.experts),
            )
            for sub in body.subs
        ),
        mode=body.mode,
        chosen=tuple(center(each) for each in body.chosen),
    )


def own_project(parts: Parts, desk: Desk, who: Caller, project: str) -> ProjectRow:
    """The project, if this caller may see it. Raises NotFound."""
    row = parts.projects.get(desk, raw(project))
    if not _may_see(who, row):
        raise NotFound("没有该项目", "there is no such project")
    return row


def _may_see(who: Caller, row: ProjectRow) -> bool:
    return who.role is not Role.AGENCY or row.created_by == who.subject


def _brief(row: ProjectRow) -> dict[str, Any]:
    return {
        "id": row.id.hex(),
        "code": row.project.code,
        "name": row.project.name,
        "state": row.state.value,
        "reason": row.reason,
        "created_at_ms": row.created_at_ms,
    }


def _lottery(each: SelectionStatus) -> Lottery:
    return Lottery(
        id=each.id.hex(),
        mode=each.mode,
        attempt=each.attempt,
        progress=each.progress,
        candidates=each.candidates,
        entrants=each.entrants,
        ranked=list(each.ranked),
        declined=each.declined,
        note=each.note,
    )


def _undated(row: UndatedRow | None) -> Undated | None:
    if row is None:
        return None
    return Undated(
        sub_venues=len(row.request.subs), mode=row.request.mode.value, filed_at_ms=row.filed_at_ms
    )


def _leg(parts: Parts, desk: Desk, row: BookingRow) -> Leg:
    after = parts.bookings.after
    old = after.replacing.standing_for(desk, row)
    return Leg(
        id=row.conversation.hex(),
        peer=row.peer,
        phase=row.phase,
        start_ms=row.start_ms,
        end_ms=row.end_ms,
        seats=row.hold.seats,
        note=row.note,
        instead_of=None if old is None else old.conversation.hex(),
        warnings=[f"{zh} · {en}" for zh, en in after.readiness.warnings(desk, [row])],
        alternative_start_ms=parts.replanning.alternative_ms(desk, row.conversation),
    )


def _evaluation(row: SessionRow) -> Evaluation:
    return Evaluation(id=row.id.hex(), peer=row.peer, phase=row.phase)


def _party(body: Organisation) -> Party:
    return Party(body.name, codes.uscc(body.uscc))


def _slots(body: list[Slots]) -> tuple[ExpertSlots, ...]:
    return tuple(ExpertSlots(codes.specialty(each.specialty), each.count) for each in body)
