"""Routes by which a short list is added to from other specialties (补抽于其他专业)."""

from fastapi import APIRouter, status
from pydantic import Field

from federation.protocol.draw import MAX_SLOTS, Slot
from node.api.access import NodeParts, Staff
from node.api.faults import RESPONSES
from node.api.shapes import EXAMPLE_ID, CenterText, HexText, IdPath, Made, Shape, Slots, raw
from node.services.supplementing import Lacking

router = APIRouter(tags=["补抽 · Supplements"], responses=RESPONSES)


class Short(Shape):
    """A list that stayed short, and from which other specialties its seats may be drawn."""

    draw: HexText = Field(
        examples=[EXAMPLE_ID], description="补抽时填写 · to be named when it is added to"
    )
    owner: CenterText
    missing: int = Field(description="缺几人 · how many experts are missing")
    exhausted: list[str] = Field(
        description="已无人可抽的专业 · of these everybody was asked", examples=[["A0801"]]
    )
    specialties: list[str] = Field(
        description="同一期专家库的其他专业 · the others of the same pool", examples=[["A0802"]]
    )


class Supplement(Shape):
    """Which other specialties the missing seats are drawn from."""

    draw: HexText = Field(examples=[EXAMPLE_ID])
    experts: list[Slots] = Field(max_length=MAX_SLOTS)


@router.get("/projects/{project}/supplement", summary="名单缺额 · Which lists are short")
async def short(parts: NodeParts, _: Staff, project: IdPath) -> list[Short]:
    """专业人选用尽、名单缺人的抽取。· Lists that stayed short as a specialty was exhausted."""
    found = await parts.negotiator.transact(
        lambda desk: parts.draws.supplementing.lacking(desk, raw(project))
    )
    return [_short(each) for each in found]


@router.post(
    "/projects/{project}/supplement",
    status_code=status.HTTP_201_CREATED,
    summary="另选专业补抽 · Draw the missing seats from other specialties",
)
async def supplement(parts: NodeParts, who: Staff, project: IdPath, body: Supplement) -> Made:
    """原名单成员不变;不超过缺额,不选已无人的专业。· Who is on the list stays; no more seats."""
    slots = [Slot(each.specialty, each.count) for each in body.experts]
    made = await parts.commands.run(
        who,
        lambda desk: parts.draws.supplementing.start(desk, raw(project), raw(body.draw), slots),
    )
    return Made(id=made.hex())


def _short(each: Lacking) -> Short:
    return Short(
        draw=each.draw.hex(),
        owner=each.owner,
        missing=each.missing,
        exhausted=list(each.exhausted),
        specialties=[stratum.specialty for stratum in each.strata],
    )
