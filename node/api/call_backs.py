"""Routes of call-backs: which invitations a regulator checks, whom to call, and what was found.

For officers, each logged in by name. The list names nobody; whom to call is told for one
invitation at a time. What two officers state is said to both centers of the draw.
"""

from enum import StrEnum

from fastapi import APIRouter
from pydantic import Field

from federation.protocol.oversight import Finding
from node.api.access import NodeParts, Officer
from node.api.faults import RESPONSES
from node.api.shapes import (
    EXAMPLE_ID,
    EXAMPLE_LONG_ID,
    CenterText,
    Done,
    HexText,
    IdPath,
    Ms,
    Shape,
    Text,
    raw,
)
from node.services.call_backs import Call
from node.store.call_backs import CallBackRow, State

router = APIRouter(tags=["监督 · Oversight"], responses=RESPONSES)


class FindingText(StrEnum):
    """What officers found when they called."""

    MATCH = Finding.MATCH.name
    MISMATCH = Finding.MISMATCH.name
    UNREACHED = Finding.UNREACHED.name


class CallBackShape(Shape):
    """One invitation that the regulator's choice fell on. It names nobody."""

    id: HexText = Field(examples=[EXAMPLE_ID])
    draw: HexText = Field(examples=[EXAMPLE_ID])
    entry: HexText = Field(examples=[EXAMPLE_LONG_ID])
    owner: CenterText
    sealer: CenterText
    suite: str = Field(examples=["intl-1"])
    pool: str = Field(examples=["experts"])
    epoch: str = Field(examples=["2026-11"])
    reported: str = Field(description="所报告的答复 · what was reported", examples=["NO_ANSWER"])
    asked_at_ms: Ms
    state: State
    wrong: str = Field(description="回执有何不符 · what is wrong with the record", examples=[""])
    finding: str = Field(description="回访结果 · what officers found", examples=["MATCH"])
    grounds: str
    proposed_by: str
    confirmed_by: str
    decided_at_ms: Ms | None


class CallShape(Shape):
    """Whom to call about what."""

    uid: str = Field(examples=["JA-0001"])
    name: str
    phone: str = Field(examples=["13800138000"])
    answer: str = Field(examples=["no_answer"])
    keys: str = Field(description="所按的键 · what was pressed")
    placed_ms: Ms
    text: str = Field(description="所播报的内容 · what was read out")


class CallBackDetail(Shape):
    """One invitation, and whom to call; null where no good record was produced."""

    call_back: CallBackShape
    call: CallShape | None


class Found(Shape):
    """What one officer found, and how."""

    finding: FindingText = Field(examples=["MISMATCH"])
    grounds: Text = Field(examples=["专家称当日未接到任何电话"])


@router.get("/oversight/call-backs", summary="回访抽查 · Call-backs")
async def call_backs(parts: NodeParts, _: Officer) -> list[CallBackShape]:
    """待办的在前。· What officers still have to do first."""
    rows = await parts.negotiator.transact(parts.oversight.calling.everything)
    return [_shape(row) for row in rows]


@router.get("/oversight/call-backs/{call_back}", summary="回访对象 · Whom to call")
async def call_back(parts: NodeParts, _: Officer, call_back: IdPath) -> CallBackDetail:
    """仅供监管人员致电核实。· For officers alone, to call and ask."""
    row, call = await parts.negotiator.transact(
        lambda desk: parts.oversight.calling.call(desk, raw(call_back))
    )
    return CallBackDetail(call_back=_shape(row), call=None if call is None else _call(call))


@router.post(
    "/oversight/call-backs/{call_back}/propose", summary="登记回访结果 · Say what was found"
)
async def propose_call_back(parts: NodeParts, who: Officer, call_back: IdPath, body: Found) -> Done:
    """须另一名监管人员确认后才告知双方中心。· Nothing is said before another officer confirms."""
    await parts.commands.run(
        who,
        lambda desk: parts.oversight.calling.propose(
            desk, raw(call_back), Finding[body.finding], body.grounds, who.subject
        ),
    )
    return Done()


@router.post("/oversight/call-backs/{call_back}/confirm", summary="确认回访结果 · Confirm it")
async def confirm_call_back(parts: NodeParts, who: Officer, call_back: IdPath) -> Done:
    """不能确认本人登记的结果。· Nobody confirms what he found himself."""
    await parts.commands.run(
        who, lambda desk: parts.oversight.calling.confirm(desk, raw(call_back), who.subject)
    )
    return Done()


@router.post("/oversight/call-backs/{call_back}/withdraw", summary="撤回回访结果 · Withdraw it")
async def withdraw_call_back(parts: NodeParts, who: Officer, call_back: IdPath) -> Done:
    """改变主意或不同意时,重新回访。· Who thinks again, or does not agree: it begins anew."""
    await parts.commands.run(
        who, lambda desk: parts.oversight.calling.withdraw(desk, raw(call_back))
    )
    return Done()


def _shape(row: CallBackRow) -> CallBackShape:
    return CallBackShape(
        id=row.id.hex(),
        draw=row.draw.hex(),
        entry=row.entry.hex(),
        owner=row.owner,
        sealer=row.sealer,
        suite=row.suite,
        pool=row.pool,
        epoch=row.epoch,
        reported=row.response,
        asked_at_ms=row.asked_at_ms,
        state=row.state,
        wrong=row.wrong or "",
        finding=row.finding or "",
        grounds=row.grounds or "",
        proposed_by=row.proposed_by or "",
        confirmed_by=row.confirmed_by or "",
        decided_at_ms=row.decided_at_ms,
    )


def _call(call: Call) -> CallShape:
    return CallShape(
        uid=call.uid,
        name=call.name,
        phone=call.phone,
        answer=call.answer,
        keys=call.keys,
        placed_ms=call.placed_ms,
        text=call.text,
    )
