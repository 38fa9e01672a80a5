"""Routes of the center's staff: registers, to-dos, projects to rule on, bookings to vote on."""

import asyncio
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, File, Path, UploadFile, status
from pydantic import Field

from adapters.experts.port import Export
from node.api.access import NodeParts, Staff, needs
from node.api.caller import Caller
from node.api.faults import RESPONSES
from node.api.parts import Parts
from node.api.shapes import (
    EXAMPLE_ID,
    MAX_EXACT,
    CenterText,
    Done,
    HexText,
    IdPath,
    Ms,
    Reason,
    Shape,
    Text,
    Unit,
    raw,
)
from node.domain.sheet import MAX_FILE_BYTES, Table, read_table
from node.domain.tabular import experts_from, seats_from
from node.domain.workday import local_time
from node.services.accounts import Role
from node.services.errors import Invalid
from node.services.house import Desk
from node.store.bookings import BookingRow

router = APIRouter(tags=["中心工作人员 · Staff"], responses=RESPONSES)

TABLE_ZH_EN: Final = (
    "CSV(UTF-8 或 GB18030)或 XLSX;有一处错误则全部不导入。"
    " · CSV or XLSX; one mistake, and nothing is imported."
)
# An agency is one of many, and to-dos are a role's: it sees its own projects instead.
WithTodos = Annotated[
    Caller, Depends(needs(Role.STAFF, Role.SUPERVISOR, Role.OPERATOR, Role.OFFICER))
]
TodoPath = Annotated[int, Path(ge=1, le=MAX_EXACT)]
Upload = Annotated[UploadFile, File(description=TABLE_ZH_EN)]


class Imported(Shape):
    """How many rows were taken in."""

    rows: int = Field(examples=[120])


class Todo(Shape):
    """Something that waits for us."""

    id: int
    kind: str = Field(examples=["vote_booking"])
    subject: HexText = Field(examples=[EXAMPLE_ID])
    zh: str
    en: str
    created_at_ms: Ms
    due_ms: Ms = Field(description="办理期限,按工作时间 · when it is due, in working time")
    due: str = Field(description="北京时间 · Beijing time", examples=["2026-05-07 12:00"])
    overdue: bool
    reminded: bool = Field(description="已发提醒 · whether the phones on duty were told half-way")
    escalated: bool = Field(description="已报值班负责人 · whether the operator was told")


class Site(Shape):
    """一处副场要抽取的专家。· What is to be drawn from one sub-venue's pool."""

    center: str
    start_ms: int
    experts: list[tuple[str, int]]


class DrawAsked(Shape):
    """待核验的抽取信息。· What is to be drawn: specialties and numbers, never names."""

    project: str
    bid_deadline_ms: int
    sites: list[Site]
    own_experts: list[tuple[str, int]]
    excluded_employers: list[Unit] = Field(
        description="招标人、代理机构、主管和监督部门 · whose people are left out"
    )


class Need(Shape):
    """So many experts of one specialty."""

    specialty: str = Field(examples=["A0101"])
    count: int


class Booking(Shape):
    """One leg of a joint evaluation; the sub is not told the project."""

    id: HexText = Field(examples=[EXAMPLE_ID])
    role: str = Field(examples=["SUB"])
    peer: CenterText
    phase: str = Field(examples=["HELD"])
    start_ms: Ms
    end_ms: Ms
    seats: int
    project_kind: str = Field(examples=["A"])
    equipment: list[str]
    overnight: bool
    experts: list[Need]
    note: str
    places: list[str] = Field(description="场地/评标室/席位 · venue/room/seat")


class Vote(Shape):
    """Our answer to a partner's request for seats."""

    answer: Literal["YES", "NO"]
    reason: Text = ""


async def read_upload(file: UploadFile) -> Table:
    """Read an uploaded table, off the event loop. Raises BadTable, Invalid."""
    if file.size is not None and file.size > MAX_FILE_BYTES:
        raise Invalid(
            f"文件超过{MAX_FILE_BYTES}字节", f"the file is larger than {MAX_FILE_BYTES} bytes"
        )
    data = await file.read()
    return await asyncio.to_thread(read_table, file.filename or "", data)


@router.post(
    "/import/venues", status_code=status.HTTP_201_CREATED, summary="导入场地席位 · Import seats"
)
async def import_venues(parts: NodeParts, who: Staff, file: Upload) -> Imported:
    """按场地、评标室、席位名称更新。· Updates by venue, room and seat name."""
    table = await read_upload(file)
    rows = await asyncio.to_thread(seats_from, table)
    count = await parts.commands.run(who, lambda desk: parts.venues.import_seats(desk, rows))
    return Imported(rows=count)


@router.post(
    "/import/experts", status_code=status.HTTP_201_CREATED, summary="导入专家库 · Import experts"
)
async def import_experts(parts: NodeParts, who: Staff, file: Upload) -> Imported:
    """按专家编号更新;个人信息加密存放。· Updates by registry number; persons are sealed."""
    table = await read_upload(file)
    rows = await asyncio.to_thread(experts_from, table)
    count = await parts.commands.run(who, lambda desk: parts.experts.import_experts(desk, rows))
    return Imported(rows=count)


@router.post(
    "/experts/refresh",
    status_code=status.HTTP_201_CREATED,
    summary="从综合评标专家库更新 · Fetch the experts from the library",
)
async def refresh_experts(parts: NodeParts, who: Staff) -> Imported:
    """有一处错误则全部不导入;库中已无的专家保留。· All or nothing; whom it lost stays here."""
    export = await parts.library.fetch()
    rows = await asyncio.to_thread(lambda: experts_from(_exported(export)))
    count = await parts.commands.run(who, lambda desk: parts.experts.import_experts(desk, rows))
    return Imported(rows=count)


@router.get("/todos", summary="待办 · What waits for us")
async def todos(parts: NodeParts, who: WithTodos) -> list[Todo]:
    """本人角色的待办,期限早的在前。· Of the caller's role, what is due first first."""
    now_ms, rows = await parts.negotiator.transact(
        lambda desk: (desk.now_ms, parts.todos.open_for(desk, who.role.value))
    )
    return [
        Todo(
            id=row.id,
            kind=row.kind,
            subject=row.subject.hex(),
            zh=row.zh,
            en=row.en,
            created_at_ms=row.created_at_ms,
            due_ms=row.due_ms,
            due=local_time(row.due_ms),
            overdue=row.due_ms <= now_ms,
            reminded=row.reminded_at_ms is not None,
            escalated=row.escalated_at_ms is not None,
        )
        for row in rows
    ]


@router.post("/todos/{todo}/done", summary="办结待办 · Tick a to-do off")
async def tick(parts: NodeParts, who: WithTodos, todo: TodoPath) -> Done:
    """须办理的待办不能直接勾选。· What must be acted upon cannot be ticked off."""
    await parts.commands.run(
        who, lambda desk: parts.todos.tick(desk, todo, who.role.value, who.subject)
    )
    return Done()


@router.post("/projects/{project}/accept", summary="受理项目 · Accept a project")
async def accept(parts: NodeParts, who: Staff, project: IdPath) -> Done:
    """受理后代理机构可以申请副场。· The agency may then ask for sub-venues."""
    await parts.commands.run(
        who, lambda desk: parts.projects.accept(desk, raw(project), who.subject)
    )
    return Done()


@router.post("/projects/{project}/reject", summary="退回项目 · Reject a project")
async def reject(parts: NodeParts, who: Staff, project: IdPath, body: Reason) -> Done:
    """须说明理由。· A reason is needed."""
    await parts.commands.run(
        who, lambda desk: parts.projects.reject(desk, raw(project), body.reason, who.subject)
    )
    return Done()


@router.get("/projects/{project}/draw", summary="待核验的抽取信息 · What is to be drawn")
async def to_be_drawn(parts: NodeParts, _: Staff, project: IdPath) -> DrawAsked:
    """核验专业、人数、时间和回避单位。· Specialties, numbers, times, employers to avoid."""
    asked = await parts.negotiator.transact(
        lambda desk: parts.draws.starting.asked(desk, raw(project))
    )
    return DrawAsked.model_validate(asked)


@router.post("/projects/{project}/draw/verify", summary="核验抽取信息 · Verify what is to be drawn")
async def verify_draw(parts: NodeParts, who: Staff, project: IdPath) -> Done:
    """核验后代理机构才能开始抽取; 信息有变化须重新核验。· The agency may draw only after that."""
    await parts.commands.run(
        who, lambda desk: parts.draws.starting.verify(desk, raw(project), who.subject)
    )
    return Done()


@router.get("/bookings", summary="场地预约 · Bookings")
async def bookings(parts: NodeParts, _: Staff) -> list[Booking]:
    """主场发起的与副场收到的。· Those we asked for and those asked of us."""
    return await parts.negotiator.transact(
        lambda desk: [_booking(parts, desk, row) for row in parts.bookings.all(desk)]
    )


@router.post("/bookings/{booking}/vote", summary="答复预约 · Answer a request for seats")
async def vote(parts: NodeParts, who: Staff, booking: IdPath, body: Vote) -> Done:
    """同意即承诺在对方决定前保留席位。· YES promises the seats until the host decides."""
    await parts.commands.run(
        who,
        lambda desk: parts.bookings.vote(
            desk,
            raw(booking),
            yes=body.answer == "YES",
            reason=body.reason,
            by=who.subject,
        ),
    )
    return Done()


def _exported(export: Export) -> Table:
    """The library's export as a table. Raises BadTable, Invalid."""
    try:
        text = export.content.decode(export.format.encoding)
    except UnicodeDecodeError as error:
        raise Invalid(
            f"专家库导出的文件不是所声明的编码({export.format.value}),请联系专家库管理方",
            f"the library's export is not {export.format.value}, as it says; ask its operator",
        ) from error
    return read_table("experts.csv", text.encode())


def _booking(parts: Parts, desk: Desk, row: BookingRow) -> Booking:
    holder = parts.bookings.after.replacing.holder(desk, row)
    return Booking(
        id=row.conversation.hex(),
        role=row.role,
        peer=row.peer,
        phase=row.phase,
        start_ms=row.start_ms,
        end_ms=row.end_ms,
        seats=row.hold.seats,
        project_kind=row.hold.project_kind,
        equipment=list(row.hold.equipment),
        overnight=row.hold.overnight,
        experts=[Need(specialty=e.specialty, count=e.count) for e in row.hold.experts],
        note=row.note,
        places=["/".join(place) for place in parts.venues.places(desk, holder)],
    )
