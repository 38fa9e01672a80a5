"""Routes of the staff for evaluations, from convening to the dossier."""

from typing import Annotated, Final

from fastapi import APIRouter, File, UploadFile, status
from fastapi.responses import FileResponse
from pydantic import Field

from federation.evidence.dossier import DOSSIER_TYPE
from federation.protocol.session import ArchiveItem
from node.api.access import NodeParts, Staff, Watcher
from node.api.faults import RESPONSES
from node.api.parts import Parts
from node.api.shapes import (
    EXAMPLE_ID,
    MAX_EXACT,
    CenterText,
    Done,
    HexText,
    IdPath,
    Made,
    Ms,
    Reason,
    Shape,
    Text,
    raw,
)
from node.services.errors import Invalid, NotFound
from node.services.house import Desk
from node.services.naming import NamesAfterAward
from node.services.session_look import Overview

REPORT_BYTES_MAX: Final = 20 * 1024 * 1024  # a signed PDF of some hundred pages

router = APIRouter(tags=["评标 · Evaluation"], responses=RESPONSES)


class Site(Shape):
    """One site in numbers."""

    center: CenterText
    members: int
    checked_in: int
    signed: int


class Session(Shape):
    """A session in numbers and times; no name of anybody."""

    id: HexText = Field(examples=[EXAMPLE_ID])
    role: str = Field(examples=["HOST"])
    peer: CenterText
    phase: str = Field(examples=["RUNNING"])
    start_ms: Ms
    end_ms: Ms
    started_at_ms: Ms | None
    finished_at_ms: Ms | None
    handover_due_ms: Ms | None
    lot_code: str | None = Field(description="开始后才知道 · known from the start on")
    project_name: str | None
    sites: list[Site]
    ballots: int
    signatures: int
    chair: HexText | None
    report_digest: HexText | None


class Convened(Made):
    """The sessions that were convened; ``id`` is the first, or the only one."""

    ids: list[HexText]
    warnings: list[str] = Field(
        description="副场就绪情况,仅提示 · how ready the sites are; it blocks nothing"
    )


class Ended(Shape):
    """How many bookings were ended."""

    bookings: int


class Note(Shape):
    """A note for the other site."""

    note: Text = ""


class Item(Shape):
    """One item of the archive; media stay where they are."""

    name: str = Field(max_length=255, examples=["副场监控录像.mp4"])
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256")]
    size: int = Field(ge=0, le=MAX_EXACT)
    retention: str = Field(max_length=64, examples=["15年"])


class Manifest(Shape):
    """What the sub hands over."""

    items: list[Item] = Field(max_length=256)


class DossierInfo(Shape):
    """A dossier that was made."""

    file_name: str = Field(examples=["5f0c1e9a7b3d42688e0a1c2d3e4f5061.dossier"])


@router.post(
    "/projects/{project}/convene",
    status_code=status.HTTP_201_CREATED,
    summary="召集评标 · Convene the evaluation",
)
async def convene(parts: NodeParts, who: Staff, project: IdPath) -> Convened:
    """所有名单已送达电子交易系统后。· After all lists were delivered to the e-trading system."""
    made = await parts.commands.run(
        who, lambda desk: parts.sessions.convene(desk, raw(project), who.subject)
    )
    return Convened(
        id=made[0].hex(),
        ids=[each.hex() for each in made],
        warnings=await _warnings(parts, raw(project)),
    )


@router.post("/projects/{project}/end-failed", summary="终止未成的评标 · End a failed evaluation")
async def end_failed(parts: NodeParts, who: Staff, project: IdPath) -> Ended:
    """故障超过协议时限后,可终止并重新安排。· After a fault beyond the limits; then plan anew."""
    count = await parts.commands.run(
        who, lambda desk: parts.sessions.end_failed(desk, raw(project), who.subject)
    )
    return Ended(bookings=count)


@router.get("/sessions", summary="全部评标 · All sessions")
async def sessions(parts: NodeParts, _: Watcher) -> list[Session]:
    """只有人数与时间。· Counts and times only."""
    rows = await parts.negotiator.transact(parts.sessions.overview)
    return [session_shape(row) for row in rows]


@router.get("/sessions/{session}", summary="一场评标 · One session")
async def session(parts: NodeParts, _: Watcher, session: IdPath) -> Session:
    """只有人数与时间。· Counts and times only."""
    row = await parts.negotiator.transact(
        lambda desk: parts.sessions.overview_of(desk, raw(session))
    )
    return session_shape(row)


@router.post("/sessions/{session}/ready", summary="副场就绪 · The sub is ready")
async def ready(parts: NodeParts, who: Staff, session: IdPath) -> Done:
    """副场专家全部签到后。· When all experts of the sub have checked in."""
    await parts.commands.run(
        who, lambda desk: parts.sessions.ready(desk, raw(session), who.subject)
    )
    return Done()


@router.post("/sessions/{session}/start", summary="统一开始 · The one start")
async def start(parts: NodeParts, who: Staff, session: IdPath) -> Done:
    """副场就绪、主场到齐、时间已到。· Sub ready, host complete, time come."""
    await parts.commands.run(
        who, lambda desk: parts.sessions.start(desk, raw(session), who.subject)
    )
    return Done()


@router.post("/sessions/{session}/elect", summary="组长选举结果 · Elect the chair")
async def elect(parts: NodeParts, who: Staff, session: IdPath) -> Done:
    """全体投票后;票数相同须重投。· When all have voted; a tie is voted again."""
    await parts.commands.run(
        who, lambda desk: parts.sessions.elect(desk, raw(session), who.subject)
    )
    return Done()


@router.post("/sessions/{session}/present", summary="提交评标报告 · Present the report")
async def present(
    parts: NodeParts, who: Staff, session: IdPath, file: Annotated[UploadFile, File()]
) -> Done:
    """报告留在主场,只有摘要送副场。· The report stays here, its digest goes to the sub."""
    content = await file.read(REPORT_BYTES_MAX + 1)
    if not 0 < len(content) <= REPORT_BYTES_MAX:
        raise Invalid(
            f"报告应为1至{REPORT_BYTES_MAX}字节", f"a report has 1 to {REPORT_BYTES_MAX} bytes"
        )
    await parts.commands.run(
        who, lambda desk: parts.sessions.present(desk, raw(session), content, who.subject)
    )
    return Done()


@router.post("/sessions/{session}/finish", summary="结束评标 · Finish")
async def finish(parts: NodeParts, who: Staff, session: IdPath) -> Done:
    """全体签名后。· When everybody has signed."""
    await parts.commands.run(
        who, lambda desk: parts.sessions.finish(desk, raw(session), who.subject)
    )
    return Done()


@router.post("/sessions/{session}/suspend", summary="暂停 · Suspend")
async def suspend(parts: NodeParts, who: Staff, session: IdPath, body: Reason) -> Done:
    """任一方发现故障即可。· Either side, when something fails."""
    await parts.commands.run(
        who, lambda desk: parts.sessions.suspend(desk, raw(session), body.reason, who.subject)
    )
    return Done()


@router.post("/sessions/{session}/resume", summary="恢复 · Resume")
async def resume(parts: NodeParts, who: Staff, session: IdPath, body: Note) -> Done:
    """主场提出,副场就绪后继续。· The host; it goes on when the sub is ready."""
    await parts.commands.run(
        who, lambda desk: parts.sessions.resume(desk, raw(session), body.note, who.subject)
    )
    return Done()


@router.post("/sessions/{session}/hand-over", summary="移交材料 · Hand the archive over")
async def hand_over(parts: NodeParts, who: Staff, session: IdPath, body: Manifest) -> Done:
    """副场在协议约定的工作日内。· The sub, within the agreed working days."""
    items = [
        ArchiveItem(item.name, bytes.fromhex(item.digest), item.size, item.retention)
        for item in body.items
    ]
    await parts.commands.run(
        who, lambda desk: parts.sessions.hand_over(desk, raw(session), items, who.subject)
    )
    return Done()


@router.post("/sessions/{session}/receive", summary="接收材料 · Receive the archive")
async def receive(parts: NodeParts, who: Staff, session: IdPath) -> Done:
    """主场核对清单后;预约随之完成。· The host; the booking is complete then."""
    await parts.commands.run(
        who, lambda desk: parts.sessions.receive(desk, raw(session), who.subject)
    )
    return Done()


@router.post(
    "/sessions/{session}/dossier",
    status_code=status.HTTP_201_CREATED,
    summary="制作卷宗 · Make the dossier",
)
async def make_dossier(parts: NodeParts, _: Staff, session: IdPath) -> DossierInfo:
    """一个文件证明全过程,可离线检验。· One file that proves it all, offline."""
    made = await parts.dossiers.make(raw(session))
    return DossierInfo(file_name=made.name)


@router.get(
    "/sessions/{session}/dossier", summary="下载卷宗 · Download the dossier", response_model=None
)
async def dossier(parts: NodeParts, _: Watcher, session: IdPath) -> FileResponse:
    """用 lianping verify 检验。· Check it with ``lianping verify``."""
    path = await parts.negotiator.transact(lambda desk: parts.dossiers.made(desk, raw(session)))
    if path is None or not path.is_file():
        raise NotFound("卷宗尚未制作", "the dossier has not been made yet")
    return FileResponse(path, media_type=DOSSIER_TYPE, filename=path.name)


class NamesOrder(Shape):
    """Open the names of our own experts, after the award."""

    dossier: HexText = Field(description="卷宗文件的摘要 · hash of the dossier, by its suite")
    act: Text = Field(examples=["中标公告2026-041"], description="文号 · the award notice")


class OpenedSections(Shape):
    """What goes to the end of the dossier."""

    opened: int
    sections: list[str]


@router.post("/sessions/{session}/names", summary="公开身份 · Open names after the award")
async def open_names(
    parts: NodeParts, _: Staff, session: IdPath, body: NamesOrder
) -> OpenedSections:
    """中标结果登记之后;只公开本中心专家库的入选专家。· Only members, only from our own pool."""
    names = NamesAfterAward(parts.cipher, parts.draws.members)
    found = await parts.negotiator.transact(
        lambda desk: names.open_names(desk, raw(session), bytes.fromhex(body.dossier), body.act)
    )
    return OpenedSections(
        opened=found.names, sections=[section.decode() for section in found.sections]
    )


async def _warnings(parts: Parts, project: bytes) -> list[str]:
    """What the host's people should know of the sites of a project."""

    def look(desk: Desk) -> list[tuple[str, str]]:
        legs = parts.bookings.of_project(desk, project)
        return parts.bookings.after.readiness.warnings(desk, legs)

    return [f"{zh} · {en}" for zh, en in await parts.negotiator.transact(look)]


def session_shape(row: Overview) -> Session:
    """A session in numbers."""
    return Session(
        id=row.id.hex(),
        role=row.role,
        peer=row.peer,
        phase=row.phase,
        start_ms=row.start_ms,
        end_ms=row.end_ms,
        started_at_ms=row.started_at_ms,
        finished_at_ms=row.finished_at_ms,
        handover_due_ms=row.handover_due_ms,
        lot_code=row.lot_code,
        project_name=row.project_name,
        sites=[
            Site(center=s.center, members=s.members, checked_in=s.checked_in, signed=s.signed)
            for s in row.sites
        ],
        ballots=row.ballots,
        signatures=sum(s.signed for s in row.sites),
        chair=None if row.chair is None else row.chair.hex(),
        report_digest=None if row.report_digest is None else row.report_digest.hex(),
    )
