"""Routes of agreements: propose, counter, sign, and all that follows. For the operator.

Signing, proposing and countering are acts of a person: whoever opened the node's own socket
without a log-in is refused.
"""

from typing import Annotated

from fastapi import APIRouter, Query, Response, status
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse

from federation.ids import CenterId
from federation.protocol.agreement import AgreementTerms
from node.api.access import NodeParts, Operator
from node.api.agreement_shapes import (
    Agreement,
    Detail,
    Document,
    Ending,
    Notice,
    Proposal,
    Signed,
    plainly,
)
from node.api.caller import Caller
from node.api.faults import RESPONSES
from node.api.parts import Parts
from node.api.shapes import Done, LongIdPath, Made, Reason, center, raw
from node.domain.workday import shanghai_date
from node.services import agreement_page as pages
from node.services import terms_file
from node.services.agreement_papers import party_of
from node.services.errors import Invalid, NotAllowed, NotFound
from node.services.house import Desk
from node.store.agreement_drafts import Draft
from node.store.agreements import AgreementRow

router = APIRouter(prefix="/agreements", tags=["协议 · Agreements"], responses=RESPONSES)

PageKind = Annotated[str, Query(pattern="^(html|text|json)$", examples=["html"])]
_SAFE = {
    # The page has titles and names of the other side in it, and needs nothing from anywhere.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
}


@router.post("", status_code=status.HTTP_201_CREATED, summary="提议协议 · Propose an agreement")
async def propose(parts: NodeParts, who: Operator, body: Proposal) -> Made:
    """签署并发给对方;须两人签署的,先存为草稿。· Signs and sends; a draft if two must sign."""
    _person(who)
    peer = center(body.peer)
    terms = _terms(parts, peer, body)
    made = await parts.commands.run(
        who, lambda desk: parts.agreements.propose(desk, peer, terms, who.subject)
    )
    return Made(id=made.hex())


@router.get("", summary="全部协议 · All agreements")
async def agreements(parts: NodeParts, _: Operator) -> list[Agreement]:
    """含草稿、待签、已拒绝。· Also drafts, and those waiting or declined."""

    def look(desk: Desk) -> list[Agreement]:
        drafts = [_draft(parts, desk, each) for each in parts.agreements.drafts(desk)]
        return [*drafts, *(_shown(parts, desk, row) for row in parts.agreements.all(desk))]

    return await parts.negotiator.transact(look)


@router.get("/template", summary="协议文件模板 · A file to fill in", response_class=Response)
async def template(parts: NodeParts, _: Operator) -> PlainTextResponse:
    """TOML,每项均有说明。· TOML; every key is explained."""
    return PlainTextResponse(terms_file.template(shanghai_date(parts.negotiator.clock.now_ms())))


@router.get("/{agreement}", summary="一份协议 · One agreement")
async def agreement(parts: NodeParts, _: Operator, agreement: LongIdPath) -> Detail:
    """全部条款。· All of its terms."""

    def look(desk: Desk) -> Detail:
        found = _find(parts, desk, raw(agreement))
        shown = _draft(parts, desk, found) if isinstance(found, Draft) else None
        shown = shown or _shown(parts, desk, _row(found))
        return Detail(**shown.model_dump(), terms=plainly(found.terms))

    return await parts.negotiator.transact(look)


@router.get("/{agreement}/page", summary="协议页 · The page to read", response_class=Response)
async def page(
    parts: NodeParts, _: Operator, agreement: LongIdPath, kind: PageKind = "html"
) -> Response:
    """一页中文,条款编号,双方签名。· One page in Chinese: clauses, parties, signatures."""

    def look(desk: Desk) -> pages.Page:
        found = _find(parts, desk, raw(agreement))
        if isinstance(found, Draft):
            return pages.page_of_draft(found)
        return pages.page_of(found, desk.identity.center, desk.now_ms)

    made = await parts.negotiator.transact(look)
    if kind == "json":
        return JSONResponse({"text": pages.as_text(made), "html": pages.as_html(made)})
    if kind == "text":
        return PlainTextResponse(pages.as_text(made))
    return HTMLResponse(pages.as_html(made), headers=_SAFE)


@router.post(
    "/{agreement}/counter",
    status_code=status.HTTP_201_CREATED,
    summary="还价 · Counter with another document",
)
async def counter(parts: NodeParts, who: Operator, agreement: LongIdPath, body: Document) -> Made:
    """以本中心的完整文本答复。· Answers with a whole document of our own."""
    _person(who)
    row = await parts.negotiator.transact(lambda desk: parts.agreements.get(desk, raw(agreement)))
    terms = _terms(parts, row.peer, body)
    made = await parts.commands.run(
        who, lambda desk: parts.agreements.counter(desk, row.id, terms, who.subject)
    )
    return Made(id=made.hex())


@router.post(
    "/{agreement}/amend",
    status_code=status.HTTP_201_CREATED,
    summary="修订 · Propose a new version",
)
async def amend(parts: NodeParts, who: Operator, agreement: LongIdPath, body: Document) -> Made:
    """版本号加一;已开始的工作按原版本办理。· Counts on; running work keeps its version."""
    _person(who)
    row = await parts.negotiator.transact(lambda desk: parts.agreements.get(desk, raw(agreement)))
    terms = _terms(parts, row.peer, body)
    made = await parts.commands.run(
        who, lambda desk: parts.agreements.amend(desk, row.id, terms, who.subject)
    )
    return Made(id=made.hex())


@router.post("/{agreement}/sign", summary="签署协议 · Sign an agreement")
async def sign(parts: NodeParts, who: Operator, agreement: LongIdPath) -> Signed:
    """签署对方的文本,或作为第二人签署草稿。· The peer's document, or a draft as the second."""
    _person(who)
    done = await parts.commands.run(
        who, lambda desk: parts.agreements.sign(desk, raw(agreement), who.subject)
    )
    return Signed(signed=bool(done))


@router.post("/{agreement}/decline", summary="拒绝协议 · Decline an agreement")
async def decline(parts: NodeParts, who: Operator, agreement: LongIdPath, body: Reason) -> Done:
    """说明理由。· Says why."""
    await parts.commands.run(
        who, lambda desk: parts.agreements.decline(desk, raw(agreement), body.reason)
    )
    return Done()


@router.post("/{agreement}/withdraw", summary="撤回 · Take our document back")
async def withdraw(parts: NodeParts, who: Operator, agreement: LongIdPath, body: Reason) -> Done:
    """撤回提议、还价或草稿。· A proposal, a counter or a draft."""
    await parts.commands.run(
        who, lambda desk: parts.agreements.withdraw(desk, raw(agreement), body.reason)
    )
    return Done()


@router.post("/{agreement}/suspend", summary="暂停协议 · Suspend an agreement")
async def suspend(parts: NodeParts, who: Operator, agreement: LongIdPath, body: Reason) -> Done:
    """不再受理新业务,直至恢复。· No new work until we resume."""
    await parts.commands.run(
        who, lambda desk: parts.agreements.suspend(desk, raw(agreement), body.reason)
    )
    return Done()


@router.post("/{agreement}/resume", summary="恢复协议 · Resume an agreement")
async def resume(parts: NodeParts, who: Operator, agreement: LongIdPath, body: Reason) -> Done:
    """由暂停方恢复。· Only who has suspended resumes."""
    await parts.commands.run(
        who, lambda desk: parts.agreements.resume(desk, raw(agreement), body.reason)
    )
    return Done()


@router.post("/{agreement}/terminate", summary="终止协议 · Terminate with notice")
async def terminate(parts: NodeParts, who: Operator, agreement: LongIdPath, body: Notice) -> Ending:
    """按约定提前通知。· With the agreed notice."""
    ends_ms = await parts.commands.run(
        who,
        lambda desk: parts.agreements.terminate(
            desk, raw(agreement), body.reason, body.effective_ms
        ),
    )
    return Ending(effective_ms=int(ends_ms))


def _person(who: Caller) -> None:
    if not who.is_person:
        raise NotAllowed(
            "签署协议须由具体人员负责,请以账号登录(--account)",
            "a person answers for this: log in with an account (--account)",
        )


def _terms(parts: Parts, peer: CenterId, body: Document) -> AgreementTerms:
    known = parts.keyring.peers.get(peer)
    if known is None:
        raise NotFound("没有登记该中心的名片", f"{peer} is not pinned")
    ours, theirs = party_of(parts.negotiator.identity.descriptor), party_of(known)
    if body.terms is not None and body.file is None:
        return body.terms.terms(ours, theirs)
    if body.file is not None and body.terms is None:
        return terms_file.read(body.file, ours, theirs)
    raise Invalid("应提供 terms 或 file 之一", "give terms or file, one of the two")


def _find(parts: Parts, desk: Desk, agreement: bytes) -> AgreementRow | Draft:
    for draft in parts.agreements.drafts(desk):
        if draft.id == agreement:
            return draft
    return parts.agreements.get(desk, agreement)


def _row(found: AgreementRow | Draft) -> AgreementRow:
    assert isinstance(found, AgreementRow), "a draft is shown as one"
    return found


def _shown(parts: Parts, desk: Desk, row: AgreementRow) -> Agreement:
    terms, state = row.terms, pages.standing_of(row, desk.now_ms)
    return Agreement(
        id=row.id.hex(),
        peer=row.peer,
        state=state,
        state_zh=pages.STATES[state][0],
        note=row.note,
        proposed_by_us=row.we_proposed,
        signatures=1 + bool(row.answered),
        approved_by=parts.agreements.approvals(desk, row.id),
        title=terms.title,
        agreement_no=terms.agreement_no,
        version=terms.version,
        supersedes=terms.supersedes.hex(),
        superseded_by=row.superseded_by.hex() if row.superseded_by else "",
        round=row.round,
        suite=terms.suite,
        effective_from_ms=terms.effective_from_ms,
        effective_until_ms=terms.effective_until_ms,
        ends_at_ms=row.ends_at_ms,
    )


def _draft(parts: Parts, desk: Desk, draft: Draft) -> Agreement:
    terms = draft.terms
    return Agreement(
        id=draft.id.hex(),
        peer=draft.peer,
        state="DRAFT",
        state_zh=pages.STATES["DRAFT"][0],
        note="",
        proposed_by_us=True,
        signatures=0,
        approved_by=parts.agreements.approvals(desk, draft.id),
        title=terms.title,
        agreement_no=terms.agreement_no,
        version=terms.version,
        supersedes=terms.supersedes.hex(),
        superseded_by="",
        round=0,
        suite=terms.suite,
        effective_from_ms=terms.effective_from_ms,
        effective_until_ms=terms.effective_until_ms,
    )
