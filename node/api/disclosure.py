"""Routes to names: the members as far as they may be seen, awards, and acts of two persons."""

from typing import Annotated

from fastapi import APIRouter, Path, status
from pydantic import Field, StringConstraints

from node.api.access import AgencyOrStaff, NodeParts, Staff, Watcher
from node.api.agency import own_project
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
from node.services.accounts import Role
from node.services.disclosing import Disclosing
from node.services.house import Desk
from node.services.openings import Act, Openings

router = APIRouter(tags=["信息公开 · Disclosure"], responses=RESPONSES)

OpeningPath = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", examples=[EXAMPLE_ID])]


class Member(Shape):
    """A member of the committee."""

    code: HexText = Field(examples=[EXAMPLE_LONG_ID])
    site: CenterText
    capacity: str = Field(examples=["EXPERT"])
    checked_in: bool
    signed: bool
    name: str | None = Field(
        description="签到后供本场地工作人员核对,中标结果确定后公开;此前及对方专家不显示"
        " · once checked in, for the staff of the site; for all after the award"
    )


class Award(Shape):
    """On which day the award was determined."""

    determined_on: Annotated[str, StringConstraints(max_length=10)] = Field(
        description="中标结果确定日期 · YYYY-MM-DD", examples=["2026-05-20"]
    )


class Why(Shape):
    """Why names must be seen before their time."""

    reason: Text = Field(examples=["专家突发疾病,须立即联系"])


class Proposed(Shape):
    """An act that waits for its second person."""

    id: HexText = Field(examples=[EXAMPLE_ID])


class Confirmed(Shape):
    """Until when the names may be seen."""

    until_ms: Ms


class OpeningStep(Shape):
    """One step of an act; its record's digest is the leaf at ``log_index``."""

    did: str = Field(examples=["PROPOSED"])
    by: str
    at_ms: Ms
    suite: str = Field(examples=["intl-1"])
    log_index: int


class Opening(Shape):
    """An act of two persons; no name of an expert."""

    id: HexText = Field(examples=[EXAMPLE_ID])
    draw: HexText = Field(examples=[EXAMPLE_ID])
    state: str = Field(examples=["OPEN"], description="PROPOSED, OPEN, OVER, WITHDRAWN, LAPSED")
    until_ms: Ms | None = Field(description="此状态何时自动结束 · when that ends by itself")
    reason: str
    looks: int = Field(description="查看次数 · how often the names were shown")
    steps: list[OpeningStep]


class Person(Shape):
    """An expert of ours who is on the list of a draw."""

    code: HexText = Field(examples=[EXAMPLE_LONG_ID])
    name: str
    phone: str


@router.get("/sessions/{session}/members", summary="评标委员会成员 · The committee")
async def members(parts: NodeParts, who: Watcher, session: IdPath) -> list[Member]:
    """姓名按阶段显示(招标投标法第三十七条)。· Names as the stage allows."""
    rows = await parts.negotiator.transact(
        lambda desk: Disclosing(parts.cipher).members(
            desk, raw(session), staff=who.role is Role.STAFF
        )
    )
    return [
        Member(
            code=row.code.hex(),
            site=row.site,
            capacity=row.capacity,
            checked_in=row.checked_in,
            signed=row.signed,
            name=row.name,
        )
        for row in rows
    ]


@router.post("/projects/{project}/award", summary="记录中标结果确定 · Record the award")
async def award(parts: NodeParts, who: AgencyOrStaff, project: IdPath, body: Award) -> Done:
    """只能记录一次;此后成员名单可以公开。· Once; from then on the members may be named."""

    def record(desk: Desk) -> None:
        row = own_project(parts, desk, who, project)
        Disclosing(parts.cipher).record_award(desk, row.id, body.determined_on, who.subject)

    await parts.commands.run(who, record)
    return Done()


@router.post("/sessions/{session}/award", summary="副场记录中标结果确定 · Record it at the sub")
async def award_at_sub(parts: NodeParts, who: Staff, session: IdPath, body: Award) -> Done:
    """副场根据主场公布的结果记录。· What the host has published; no word tells it."""
    await parts.commands.run(
        who,
        lambda desk: Disclosing(parts.cipher).record_award_at_sub(
            desk, raw(session), body.determined_on, who.subject
        ),
    )
    return Done()


@router.get("/openings", summary="双人开启名单记录 · Acts of two persons")
async def openings(parts: NodeParts, _: Watcher) -> list[Opening]:
    """监督人员可查看全部记录,不含姓名。· All acts, for supervisors too; no names."""
    return [_opening(each) for each in await parts.negotiator.transact(Openings(parts.cipher).all)]


@router.post(
    "/draws/{draw}/openings",
    status_code=status.HTTP_201_CREATED,
    summary="申请开启专家名单 · Propose to open names",
)
async def propose(parts: NodeParts, who: Staff, draw: IdPath, body: Why) -> Proposed:
    """仅限紧急情况;须另一人复核。· For emergencies; a second person must confirm."""
    made = await parts.commands.run(
        who, lambda desk: Openings(parts.cipher).propose(desk, raw(draw), body.reason, who.subject)
    )
    return Proposed(id=made.hex())


@router.post("/draws/{draw}/openings/{opening}/confirm", summary="复核开启 · Confirm an opening")
async def confirm(parts: NodeParts, who: Staff, draw: IdPath, opening: OpeningPath) -> Confirmed:
    """申请人以外的人员;此后两人限时可看。· Not by who proposed it; both may look for a while."""
    until_ms = await parts.commands.run(
        who, lambda desk: Openings(parts.cipher).confirm(desk, raw(draw), raw(opening), who.subject)
    )
    return Confirmed(until_ms=until_ms)


@router.post("/draws/{draw}/openings/{opening}/withdraw", summary="撤回开启 · Withdraw an opening")
async def withdraw(parts: NodeParts, who: Staff, draw: IdPath, opening: OpeningPath) -> Done:
    """复核之前。· Before it is confirmed."""
    await parts.commands.run(
        who,
        lambda desk: Openings(parts.cipher).withdraw(desk, raw(draw), raw(opening), who.subject),
    )
    return Done()


@router.post("/draws/{draw}/openings/{opening}/names", summary="查看已开启名单 · See the names")
async def names(parts: NodeParts, who: Staff, draw: IdPath, opening: OpeningPath) -> list[Person]:
    """每次查看都记入日志。· Every look is logged; it is never answered from memory."""
    # Not a command: what those came to is kept in clear for a week.
    rows = await parts.negotiator.transact(
        lambda desk: Openings(parts.cipher).show(desk, raw(draw), raw(opening), who.subject)
    )
    return [Person(code=row.entry.hex(), name=row.name, phone=row.phone) for row in rows]


def _opening(each: Act) -> Opening:
    return Opening(
        id=each.opening.id.hex(),
        draw=each.opening.draw.hex(),
        state=each.state.value,
        until_ms=each.until_ms,
        reason=each.opening.reason,
        looks=each.looks,
        steps=[
            OpeningStep(
                did=step.did.value,
                by=step.by,
                at_ms=step.at_ms,
                suite=step.suite,
                log_index=step.log_index,
            )
            for step in each.opening.steps
        ],
    )
