"""Routes of the daily statements of usage (用量对账) and of the disputes over them."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import Field

from federation.protocol.peering import Usage
from node.api.access import NodeParts, needs
from node.api.caller import Caller
from node.api.faults import RESPONSES
from node.api.shapes import EXAMPLE_ID, CenterText, Done, HexText, IdPath, Ms, Shape, Text, raw
from node.services.accounts import Role
from node.services.reasons import phase_zh
from node.services.usage import Dispute
from node.store.usage import Statement

router = APIRouter(tags=["用量 · Usage"], responses=RESPONSES)

Reader = Annotated[Caller, Depends(needs(Role.STAFF, Role.OPERATOR, Role.SUPERVISOR))]
Settler = Annotated[Caller, Depends(needs(Role.STAFF, Role.OPERATOR))]


class Counts(Shape):
    """What one side has counted on a day."""

    bookings_held: int = Field(description="当日预留的预约 · bookings held")
    bookings_confirmed: int = Field(description="当日确认的预约 · bookings confirmed")
    bookings_completed: int = Field(description="当日办结的预约 · bookings completed")
    seats: int = Field(description="已确认预约的席位 · seats of those confirmed")
    experts: int = Field(description="已确认预约的专家 · experts of those confirmed")


class StatementShape(Shape):
    """One day under one agreement, as the sub stated it and the host answered."""

    id: HexText = Field(examples=[EXAMPLE_ID])
    peer: CenterText
    agreement: HexText
    day: str = Field(examples=["2026-05-06"])
    stated_by: CenterText = Field(description="副场 · the sub of these bookings")
    stated: Counts
    answered: Counts | None = Field(description="主场的计数 · the host's counts")
    state: str = Field(examples=["AGREED"])
    state_zh: str = Field(examples=["双方一致"])


class EvidenceShape(Shape):
    """A word that only one side counted."""

    booking: HexText = Field(examples=[EXAMPLE_ID])
    stage: str = Field(examples=["CONFIRMED"])
    word: HexText = Field(description="报文摘要 · envelope hash")
    counted_by_us: bool
    log_index: int | None = Field(
        description="在本中心存证日志中的序号 · place in our evidence log, null if unknown here"
    )


class DisputeShape(StatementShape):
    """A day on which the two counts differ, with the evidence."""

    ours: Counts
    theirs: Counts
    evidence: list[EvidenceShape]
    resolved_by: str | None
    resolved_at_ms: Ms | None
    resolution: str | None


class Resolution(Shape):
    """How a dispute was settled."""

    note: Text = Field(examples=["电话核对,以副场签收记录为准"])


@router.get("/usage", summary="每日用量 · Daily statements of usage")
async def usage(parts: NodeParts, _: Reader) -> list[StatementShape]:
    """双方签名的每日用量,最近的在前。· Signed by both sides, the newest day first."""
    rows = await parts.negotiator.transact(parts.usage.statements)
    return [StatementShape(**_statement(row)) for row in rows]


@router.get("/disputes", summary="用量争议 · Disputes over usage")
async def disputes(parts: NodeParts, _: Reader) -> list[DisputeShape]:
    """双方计数及各自证据,未处理的在前。· Both counts with their evidence, open ones first."""
    found = await parts.negotiator.transact(parts.usage.disputes)
    return [_dispute(each) for each in found]


@router.post("/disputes/{id}/resolve", summary="处理争议 · Settle a dispute")
async def resolve(parts: NodeParts, who: Settler, id: IdPath, body: Resolution) -> Done:  # noqa: A002
    """记录处理结果;对方中心自行处理其一侧。· For this side; the other settles its own."""
    await parts.commands.run(
        who, lambda desk: parts.usage.resolve(desk, raw(id), body.note, who.subject)
    )
    return Done()


def _counts(usage: Usage) -> Counts:
    return Counts(
        bookings_held=usage.bookings_held,
        bookings_confirmed=usage.bookings_confirmed,
        bookings_completed=usage.bookings_completed,
        seats=usage.seats,
        experts=usage.experts,
    )


def _statement(row: Statement) -> dict[str, Any]:
    return {
        "id": row.conversation.hex(),
        "peer": row.peer,
        "agreement": row.agreement.hex(),
        "day": row.day,
        "stated_by": row.stated_by,
        "stated": _counts(row.stated),
        "answered": None if row.answered is None else _counts(row.answered),
        "state": row.phase,
        "state_zh": phase_zh(row.phase),
    }


def _dispute(found: Dispute) -> DisputeShape:
    row = found.statement
    return DisputeShape(
        **_statement(row),
        ours=_counts(found.ours),
        theirs=_counts(found.theirs),
        evidence=[
            EvidenceShape(
                booking=each.word.booking_id.hex(),
                stage=each.word.stage.name,
                word=each.word.word.hex(),
                counted_by_us=each.ours,
                log_index=each.log_index,
            )
            for each in found.evidence
        ],
        resolved_by=row.resolved_by,
        resolved_at_ms=row.resolved_at_ms,
        resolution=row.resolution,
    )
