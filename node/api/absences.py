"""Routes of the staff about experts of the register: leave, suspensions, and receipts."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Response, status
from pydantic import Field, StringConstraints

from node.api.access import NodeParts, Staff
from node.api.faults import RESPONSES
from node.api.shapes import EXAMPLE_ID, Done, HexText, IdPath, Made, Ms, Shape, raw
from node.domain.absence import AbsenceKind
from node.domain.expert import MAX_UID_CHARS
from node.domain.workday import local_time
from node.services import disclosing
from node.services.expert_receipts import DAYS, MAX_DAYS
from node.services.experts import Filed
from node.services.house import Desk
from node.store.absences import AbsenceRow

router = APIRouter(prefix="/expert-register", tags=["专家库 · Register"], responses=RESPONSES)

Uid = Annotated[str, StringConstraints(min_length=1, max_length=MAX_UID_CHARS)]
UidQuery = Annotated[str, Query(min_length=1, max_length=MAX_UID_CHARS, examples=["FJ-0001"])]


class NewAbsence(Shape):
    """A leave or a suspension: whole days, the last one too."""

    uid: Uid = Field(examples=["FJ-0001"])
    kind: AbsenceKind
    first: date = Field(examples=["2026-06-01"])
    last: date = Field(examples=["2026-06-03"])
    reason: Annotated[str, StringConstraints(max_length=200)] = Field(
        default="", description="暂停须写明 · a suspension needs one"
    )


class Absence(Shape):
    """One leave or suspension as it was filed."""

    id: HexText = Field(examples=[EXAMPLE_ID])
    kind: AbsenceKind
    from_ms: Ms
    until_ms: Ms
    since: str = Field(description="北京时间 · Beijing time", examples=["2026-06-01 00:00"])
    until: str = Field(description="北京时间 · Beijing time", examples=["2026-06-04 00:00"])
    reason: str
    filed_by: str
    filed_at_ms: Ms
    withdrawn_by: str | None
    withdrawn_at_ms: Ms | None


def absence_shape(row: AbsenceRow) -> Absence:
    """One row for the API."""
    return Absence(
        id=row.id.hex(),
        kind=row.kind,
        from_ms=row.span.from_ms,
        until_ms=row.span.until_ms,
        since=local_time(row.span.from_ms),
        until=local_time(row.span.until_ms),
        reason=row.reason,
        filed_by=row.filed_by,
        filed_at_ms=row.filed_at_ms,
        withdrawn_by=row.withdrawn_by,
        withdrawn_at_ms=row.withdrawn_at_ms,
    )


@router.get("/absences", summary="请假与暂停记录 · Absences of an expert")
async def absences(parts: NodeParts, _: Staff, uid: UidQuery) -> list[Absence]:
    """新登记的在前。· The newest first."""
    rows = await parts.negotiator.transact(lambda desk: parts.experts.absences(desk, uid))
    return [absence_shape(row) for row in rows]


@router.post(
    "/absences", status_code=status.HTTP_201_CREATED, summary="登记请假或暂停 · File an absence"
)
async def file(parts: NodeParts, who: Staff, body: NewAbsence) -> Made:
    """自下一期专家库起生效。· Counts from the next epoch of the pool on."""
    filed = Filed(body.kind, body.first, body.last, body.reason)
    absence = await parts.commands.run(
        who, lambda desk: parts.experts.file_absence(desk, body.uid, filed, who.subject)
    )
    return Made(id=absence.hex())


@router.post("/absences/{absence}/withdraw", summary="撤回请假或暂停 · Withdraw an absence")
async def withdraw(parts: NodeParts, who: Staff, absence: IdPath) -> Done:
    """自下一期专家库起可以再抽取。· From the next epoch on the expert can be drawn again."""
    await parts.commands.run(
        who, lambda desk: parts.experts.withdraw_absence(desk, raw(absence), who.subject)
    )
    return Done()


@router.get("/receipt", summary="出具专家回执 · An expert's receipt", response_class=Response)
async def receipt(
    parts: NodeParts,
    _: Staff,
    uid: UidQuery,
    days: Annotated[int, Query(ge=1, le=MAX_DAYS)] = DAYS,
) -> Response:
    """只交专家本人,可离线核对;名单未公开时不代领。· For that expert, and no list being secret."""

    def make(desk: Desk) -> bytes:
        disclosing.check_lists_public(desk)
        return parts.experts.receipts.make(desk, uid, days)

    made = await parts.negotiator.transact(make)
    return Response(made, media_type="application/vnd.lianping.expert-receipt")
