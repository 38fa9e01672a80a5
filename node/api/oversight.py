"""Routes of oversight: what a center asks of its regulator, and what two officers decide there.

``/oversight/asked`` and ``/pools/audit`` are a center's; ``/oversight/requests`` and
``/oversight/audits`` a regulator's, for its officers, each logged in by name. Findings of an
audit are answered to the officer who asks, and kept nowhere.
"""

import asyncio
from enum import StrEnum
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Response, status
from pydantic import Field, StringConstraints

from federation.engine.shown import unverified
from federation.lottery.pool_audit import MAX_FILE_BYTES, Findings, Suspect
from federation.protocol.draw import Open
from federation.protocol.oversight import DenyRequest
from node.api.access import NodeParts, Officer, Operator, Staff, needs
from node.api.caller import Caller
from node.api.faults import RESPONSES
from node.api.shapes import (
    EXAMPLE_ID,
    EXAMPLE_LONG_ID,
    CenterText,
    Done,
    HexText,
    IdPath,
    Made,
    Ms,
    Shape,
    Text,
    raw,
)
from node.domain.absence import CAPPED
from node.domain.expert import MAX_UID_CHARS, ExpertStatus
from node.services import pool_auditing
from node.services.accounts import Role
from node.services.house import Desk
from node.services.oversight_deciding import Decision, asks, find
from node.store.oversight import Asked, RequestRow, State

MAX_LISTED: Final = 500_000  # register numbers of the largest province's list
STATUSES: Final = frozenset({*(each.value for each in ExpertStatus), CAPPED})
"""All that an announced pool may say of an expert."""

router = APIRouter(tags=["监督 · Oversight"], responses=RESPONSES)

Onlooker = Annotated[
    Caller, Depends(needs(Role.STAFF, Role.SUPERVISOR, Role.OPERATOR, Role.AGENCY))
]
Uid = Annotated[str, StringConstraints(min_length=1, max_length=MAX_UID_CHARS)]


class What(StrEnum):
    """What a center asks for."""

    PERMIT = "PERMIT"
    UNSEAL = "UNSEAL"


class Question(Shape):
    """Ask the regulator: leave to draw again, or to open a silent sealer's escrow."""

    what: What = Field(examples=["PERMIT"])
    draw: str = Field(pattern=r"^[0-9a-f]{32}$", examples=[EXAMPLE_ID])
    reason: Text = Field(examples=["副场设备故障,抽取作废"])


class AskedShape(Shape):
    """What we asked, and what came back."""

    id: HexText = Field(examples=[EXAMPLE_ID])
    word: str = Field(examples=["AskPermit"])
    draw: str = Field(description="空:涉及多次抽取 · empty: several", examples=[EXAMPLE_ID])
    regulator: CenterText
    phase: str = Field(examples=["PERMITTED"])
    asked_at_ms: Ms
    answer: str = Field(description="空:尚无 · empty: none yet", examples=["Permit"])
    reason: str = Field(description="不准许的理由 · why it was denied")


class DrawShape(Shape):
    """The draw that is asked about, as its sealer has opened it; verified when it was asked."""

    owner: CenterText
    sealer: CenterText
    sequence: int
    pool: str = Field(examples=["experts"])
    epoch: str = Field(examples=["2026-11"])
    experts: int = Field(description="应抽取人数 · how many are to be drawn")
    bid_deadline_ms: Ms
    evaluation_start_ms: Ms


class RequestShape(Shape):
    """What two officers decide."""

    id: HexText = Field(examples=[EXAMPLE_ID])
    word: str = Field(examples=["AskPermit"])
    peer: CenterText
    suite: str = Field(examples=["intl-1"])
    subject: HexText = Field(description="抽取,或文件摘要 · a draw, or a file's digest")
    reason: str
    asked_at_ms: Ms
    state: State
    decision: str = Field(description="GRANT, DENY, 或空 · or empty")
    grounds: str
    proposed_by: str
    confirmed_by: str
    decided_at_ms: Ms | None
    false_escrow: str = Field(description="托管不实 · what is false about the escrow")
    draw: DrawShape | None = Field(description="启封审计文件时为空 · null for an audit file")


class Proposal(Shape):
    """What one officer proposes to answer."""

    decision: Decision = Field(examples=["GRANT"])
    grounds: Text = Field(examples=["已电话核实双方中心"])


class AuditProposal(Shape):
    """Open the audit file of a pool, on these grounds."""

    file: str = Field(max_length=MAX_FILE_BYTES, description="lianping pool export-audit")
    grounds: Text = Field(examples=["年度检查"])


class AuditConfirmation(Shape):
    """The same file again; and the regulator's own list of register numbers, if it has one."""

    file: str = Field(max_length=MAX_FILE_BYTES, description="lianping pool export-audit")
    listed: list[Uid] | None = Field(default=None, max_length=MAX_LISTED, examples=[["JA-0001"]])


class EntryShape(Shape):
    """One handle of an expert, as dossiers of draws show it."""

    specialty: str = Field(examples=["A0801"])
    entry: HexText = Field(examples=[EXAMPLE_LONG_ID])


class SuspectShape(Shape):
    """One expert with whom something is wrong; by register number."""

    uid: str = Field(examples=["JA-0001"])
    why: str
    entries: list[EntryShape]


class ShareShape(Shape):
    """An employer with a large part of a specialty."""

    specialty: str = Field(examples=["A0801"])
    uscc: str
    count: int
    size: int


class FindingsShape(Shape):
    """What an audit found. It is kept nowhere."""

    center: CenterText
    pool: str = Field(examples=["experts"])
    epoch: str = Field(examples=["2026-11"])
    clean: bool
    rebuilt: bool
    why_not: str
    members: int
    entries: int
    statuses: dict[str, int]
    duplicates: list[list[SuspectShape]]
    ghosts: list[SuspectShape]
    missing: list[str]
    unlisted: list[str]
    shares: list[ShareShape]


@router.post(
    "/oversight/asked",
    status_code=status.HTTP_201_CREATED,
    summary="向监管部门申请 · Ask the regulator",
)
async def ask(parts: NodeParts, who: Staff, body: Question) -> Made:
    """作废后重新抽取,或对方失联时启封托管值。· To draw again, or to open an escrow."""
    asking = parts.oversight.asking
    use_case = asking.ask_permit if body.what is What.PERMIT else asking.ask_unseal
    made = await parts.commands.run(who, lambda desk: use_case(desk, raw(body.draw), body.reason))
    return Made(id=made.hex())


@router.get("/oversight/asked", summary="已申请的事项 · What we asked")
async def asked(parts: NodeParts, _: Onlooker) -> list[AskedShape]:
    """及其答复。· And what was answered."""
    rows = await parts.negotiator.transact(parts.oversight.asking.everything)
    return [_asked(row) for row in rows]


@router.get("/oversight/requests", summary="待办与已办申请 · What centers ask")
async def requests(parts: NodeParts, _: Officer) -> list[RequestShape]:
    """未办结的在前。· What is open first."""
    rows = await parts.negotiator.transact(parts.oversight.requests)
    return [_request(row) for row in rows]


@router.post("/oversight/requests/{request}/propose", summary="提出意见 · Propose an answer")
async def propose(parts: NodeParts, who: Officer, request: IdPath, body: Proposal) -> Done:
    """须另一名监管人员确认后才答复。· Nothing is said before another officer confirms it."""
    await parts.commands.run(
        who,
        lambda desk: parts.oversight.deciding.propose(
            desk, raw(request), body.decision, body.grounds, who.subject
        ),
    )
    return Done()


@router.post("/oversight/requests/{request}/confirm", summary="确认意见 · Confirm it")
async def confirm(parts: NodeParts, who: Officer, request: IdPath) -> RequestShape:
    """不能确认本人提出的意见。· Nobody confirms what he proposed himself."""

    def use_case(desk: Desk) -> None:
        parts.oversight.deciding.confirm(desk, raw(request), who.subject)

    await parts.commands.run(who, use_case)
    rows = await parts.negotiator.transact(parts.oversight.requests)
    return next(_request(row) for row in rows if row.id == raw(request))


@router.post("/oversight/requests/{request}/withdraw", summary="撤回意见 · Withdraw it")
async def withdraw(parts: NodeParts, who: Officer, request: IdPath) -> Done:
    """改变主意或不同意时,重新办理。· Who thinks again, or does not agree: it begins anew."""
    await parts.commands.run(
        who, lambda desk: parts.oversight.deciding.withdraw(desk, raw(request))
    )
    return Done()


@router.post(
    "/oversight/audits",
    status_code=status.HTTP_201_CREATED,
    summary="申请启封审计文件 · Propose to open an audit file",
)
async def propose_audit(parts: NodeParts, who: Officer, body: AuditProposal) -> Made:
    """须另一名监管人员用同一文件确认。· Another officer confirms it, with the same file."""
    made = await parts.commands.run(
        who,
        lambda desk: parts.oversight.auditing.propose(
            desk, body.file.encode(), body.grounds, who.subject
        ),
    )
    return Made(id=made.hex())


@router.post("/oversight/audits/{request}/confirm", summary="启封并审计 · Open and audit it")
async def confirm_audit(
    parts: NodeParts, who: Officer, request: IdPath, body: AuditConfirmation
) -> FindingsShape:
    """结果只给本次请求,不保存。· The findings are in this answer and nowhere else.

    Not repeatable with an Idempotency-Key, for then they would have to be kept.
    """

    def use_case(desk: Desk) -> tuple[pool_auditing.Opened, str]:
        opened = parts.oversight.auditing.confirm(
            desk, raw(request), body.file.encode(), who.subject
        )
        return opened, find(desk, raw(request)).peer

    (opening, announced), center = await parts.negotiator.transact(use_case)
    found = await asyncio.to_thread(
        pool_auditing.audited, opening, announced, STATUSES, body.listed
    )
    return _findings(found, center, announced.pool, announced.epoch)


@router.get(
    "/pools/audit",
    summary="导出专家库审计文件 · Export the audit file of a pool",
    response_class=Response,
    responses={200: {"content": {"application/json": {}}}},
)
async def export_audit(
    parts: NodeParts,
    _: Operator,
    epoch: Annotated[str | None, Query(pattern=r"^[0-9A-Za-z-]{1,32}$")] = None,
    suite: Annotated[str | None, Query(pattern=r"^[a-z0-9-]{1,16}$")] = None,
) -> Response:
    """公布时已加密给监管部门,本中心也打不开。· Sealed when announced; not even we can open it."""
    content = await parts.negotiator.transact(
        lambda desk: pool_auditing.export(desk, parts.config.pool.name, epoch, suite)
    )
    return Response(content, media_type="application/json")


def _asked(row: Asked) -> AskedShape:
    word = None if row.envelope is None else unverified(row.envelope)[1]
    return AskedShape(
        id=row.conversation.hex(),
        word=row.word,
        draw="" if row.draw is None else row.draw.hex(),
        regulator=row.peer,
        phase=row.phase,
        asked_at_ms=row.asked_at_ms,
        answer=row.answer or "",
        reason=word.reason if isinstance(word, DenyRequest) else "",
    )


def _request(row: RequestRow) -> RequestShape:
    return RequestShape(
        id=row.id.hex(),
        word=row.word,
        peer=row.peer,
        suite=row.suite,
        subject=row.subject.hex(),
        reason=row.reason,
        asked_at_ms=row.asked_at_ms,
        state=row.state,
        decision=row.decision or "",
        grounds=row.grounds or "",
        proposed_by=row.proposed_by or "",
        confirmed_by=row.confirmed_by or "",
        decided_at_ms=row.decided_at_ms,
        false_escrow=row.false_escrow or "",
        draw=_draw(row),
    )


def _draw(row: RequestRow) -> DrawShape | None:
    asked = asks(row)
    opening = None if asked is None else unverified(asked.opening)[1]
    if not isinstance(opening, Open):
        return None
    return DrawShape(
        owner=opening.contributors[0],
        sealer=opening.contributors[-1],
        sequence=opening.sequence,
        pool=opening.pool,
        epoch=opening.epoch,
        experts=sum(slot.count for slot in opening.slots),
        bid_deadline_ms=opening.bid_deadline_ms,
        evaluation_start_ms=opening.evaluation_start_ms,
    )


def _findings(found: Findings, center: str, pool: str, epoch: str) -> FindingsShape:
    return FindingsShape(
        center=center,
        pool=pool,
        epoch=epoch,
        clean=found.clean,
        rebuilt=found.rebuilt,
        why_not=found.why_not,
        members=found.members,
        entries=found.entries,
        statuses=dict(found.statuses),
        duplicates=[[_suspect(each) for each in group] for group in found.duplicates],
        ghosts=[_suspect(each) for each in found.ghosts],
        missing=list(found.missing),
        unlisted=list(found.unlisted),
        shares=[
            ShareShape(specialty=each.specialty, uscc=each.uscc, count=each.count, size=each.size)
            for each in found.shares
        ],
    )


def _suspect(each: Suspect) -> SuspectShape:
    entries = [EntryShape(specialty=name, entry=entry.hex()) for name, entry in each.entries]
    return SuspectShape(uid=each.uid, why=each.why, entries=entries)
