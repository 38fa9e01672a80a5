"""Routes by which a member leaves a committee: leave, recusal, absence, or works for a bidder."""

from enum import Enum
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import Field

from federation.protocol.draw import Response
from node.api.access import AgencyOrStaff, AnyCaller, ExpertMember, NodeParts, Staff
from node.api.faults import RESPONSES
from node.api.shapes import EXAMPLE_LONG_ID, Done, HexText, IdPath, Ms, Shape, raw
from node.domain.departure import GROUNDS, MAX_NOTE, Ground, reason_of
from node.services.errors import Invalid
from node.services.recusal import MAX_BIDDERS

router = APIRouter(tags=["更换成员 · Replacing members"], responses=RESPONSES)

Uid = Annotated[str, Path(min_length=1, max_length=64, examples=["E0001"])]
Note = Annotated[str, Field(max_length=MAX_NOTE, examples=["突发疾病"])]


class Why(Enum):
    """In which way somebody leaves."""

    LEAVE = "LEAVE"
    RECUSED = "RECUSED"
    ABSENT = "ABSENT"


class Departing(Shape):
    """Why an expert leaves. Kept here, encrypted; the other center is told only which of three."""

    why: Why
    ground: Ground | None = Field(
        default=None, description="回避时必填,见 /api/recusal-grounds · with RECUSED only"
    )
    note: Note = ""

    def told(self) -> tuple[Response, str]:
        """What the use case takes. Raises Invalid."""
        if (self.why is Why.RECUSED) != (self.ground is not None):
            raise Invalid(
                "回避须说明法定事由(GET /api/recusal-grounds),请假、缺席不填事由",
                "a recusal names its ground (GET /api/recusal-grounds), the others name none",
            )
        return Response[self.why.value], reason_of(self.ground, self.note)


class DepartingMember(Departing):
    """Which member leaves, and why."""

    code: HexText = Field(examples=[EXAMPLE_LONG_ID])


class Recusal(Shape):
    """An expert recuses of its own motion."""

    ground: Ground
    note: Note = ""


class Leave(Shape):
    """An expert takes leave."""

    note: Note = ""


class Bidders(Shape):
    """All bidders of a project."""

    codes: list[Annotated[str, Field(max_length=32)]] = Field(
        max_length=MAX_BIDDERS,
        description="统一社会信用代码 · unified social credit codes",
        examples=[["91350100M000100Y43"]],
    )


class Submitted(Shape):
    """Of how many sealed lists the regulator was told; of later ones it is told by itself."""

    lists: int


class GroundShape(Shape):
    """A ground of the law to recuse."""

    ground: Ground
    zh: str
    en: str


class Departed(Shape):
    """Somebody of our own site who left."""

    code: HexText
    why: Why
    reason: str
    by: str
    at_ms: Ms
    told: bool = Field(description="已告知对方中心 · whether the other center was told")


@router.post("/projects/{project}/bidders", summary="提交投标人名单 · Enter the bidders")
async def bidders(
    parts: NodeParts, who: AgencyOrStaff, project: IdPath, body: Bidders
) -> Submitted:
    """开标后;密封交监管节点与专家单位比对。· Once bids are open; sealed to the regulator."""
    count = await parts.commands.run(
        who,
        lambda desk: parts.draws.recusal.submit_bidders(
            desk, raw(project), body.codes, who.subject
        ),
    )
    return Submitted(lists=count)


@router.get("/recusal-grounds", summary="法定回避事由 · Grounds to recuse")
async def grounds(_: AnyCaller) -> list[GroundShape]:
    """评标委员会和评标方法暂行规定第十二条。· Order 12 of 2001, article 12."""
    return [GroundShape(ground=one, zh=zh, en=en) for one, (zh, en) in GROUNDS.items()]


@router.post("/sessions/{session}/depart", summary="成员退出 · A member leaves")
async def depart(parts: NodeParts, who: Staff, session: IdPath, body: DepartingMember) -> Done:
    """本场地抽取的专家;随即补抽,报告签署前均可。· Ours; the next is called, until the report."""
    response, reason = body.told()
    await parts.commands.run(
        who,
        lambda desk: parts.sessions.depart(
            desk, raw(session), raw(body.code), response, reason, who.subject
        ),
    )
    return Done()


@router.get("/sessions/{session}/departures", summary="退出的成员 · Who left")
async def departed(parts: NodeParts, _: Staff, session: IdPath) -> list[Departed]:
    """只有本场地的专家。· Only our own site's experts."""
    found = await parts.negotiator.transact(
        lambda desk: parts.sessions.departed(desk, raw(session))
    )
    return [
        Departed(
            code=one.code.hex(),
            why=Why[one.response.name],
            reason=one.reason,
            by=one.by,
            at_ms=one.at_ms,
            told=one.reported,
        )
        for one in found
    ]


@router.post("/experts/{uid}/depart", summary="专家来电退出 · An expert calls and leaves")
async def depart_expert(parts: NodeParts, who: Staff, uid: Uid, body: Departing) -> Done:
    """召集前后均可;有多场的,最早的一场。· Of several evaluations the one that begins first."""
    response, reason = body.told()
    await parts.commands.run(
        who, lambda desk: parts.sessions.depart_expert(desk, uid, response, reason, who.subject)
    )
    return Done()


@router.post("/me/recuse", summary="主动回避 · Recuse")
async def recuse(parts: NodeParts, who: ExpertMember, body: Recusal) -> Done:
    """签到后发现应当回避的;已投的票、已签的名作废。· Votes and signatures are void then."""
    session, code = who.member
    reason = reason_of(body.ground, body.note)
    await parts.commands.run(
        who,
        lambda desk: parts.sessions.depart(
            desk, session, code, Response.RECUSED, reason, who.subject
        ),
    )
    return Done()


@router.post("/me/leave", summary="请假 · Take leave")
async def leave(parts: NodeParts, who: ExpertMember, body: Leave) -> Done:
    """评标报告签署前。· Until the report is signed."""
    session, code = who.member
    await parts.commands.run(
        who,
        lambda desk: parts.sessions.depart(
            desk, session, code, Response.LEAVE, reason_of(None, body.note), who.subject
        ),
    )
    return Done()
