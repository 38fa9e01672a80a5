"""Routes that plan with another date: a sub's alternative, a pseudo-booking, its date."""

from fastapi import APIRouter

from node.api.access import Agency, NodeParts
from node.api.agency import UndatedPlan, own_project, undated_request
from node.api.faults import RESPONSES
from node.api.shapes import Done, IdPath, Made, Ms, Shape, raw
from node.services.errors import NotFound
from node.services.house import Desk

router = APIRouter(tags=["改期与补期 · Replanning"], responses=RESPONSES)


class Dates(Shape):
    """The date that is fixed now."""

    start_ms: Ms
    end_ms: Ms


@router.post(
    "/bookings/{booking}/take-alternative",
    summary="采纳副场提议的时间 · Take the time that the sub proposed",
)
async def take_alternative(parts: NodeParts, who: Agency, booking: IdPath) -> Made:
    """按该时间重新安排全部副场。· Plans all sub-venues anew for that time."""

    def take(desk: Desk) -> bytes:
        row = parts.bookings.get(desk, raw(booking))
        if row.project is None:
            raise NotFound("没有该预约", "there is no such booking at this host")
        own_project(parts, desk, who, row.project.hex())
        return parts.replanning.take_alternative(desk, row.conversation, who.subject)

    made = await parts.commands.run(who, take)
    return Made(id=made.hex())


@router.post(
    "/projects/{project}/undated", summary="未定时间的预约 · Ask without a date (pseudo-booking)"
)
async def file(parts: NodeParts, who: Agency, project: IdPath, body: UndatedPlan) -> Done:
    """不占用任何席位;时间确定后再正式申请。· Holds no capacity; becomes a plan once dated."""
    request = undated_request(body)

    def put(desk: Desk) -> None:
        row = own_project(parts, desk, who, project)
        parts.replanning.file(desk, row.id, request, who.subject)

    await parts.commands.run(who, put)
    return Done()


@router.post("/projects/{project}/undated/withdraw", summary="撤回未定时间的预约 · Take it back")
async def withdraw(parts: NodeParts, who: Agency, project: IdPath) -> Done:
    """已正式申请的不受影响。· What was planned already stays."""

    def take_back(desk: Desk) -> None:
        row = own_project(parts, desk, who, project)
        parts.replanning.withdraw(desk, row.id)

    await parts.commands.run(who, take_back)
    return Done()


@router.post("/projects/{project}/fix-date", summary="确定时间并申请 · Fix the date, and plan")
async def fix(parts: NodeParts, who: Agency, project: IdPath, body: Dates) -> Made:
    """按确定的时间正式申请副场。· The pseudo-booking becomes a plan."""

    def plan(desk: Desk) -> bytes:
        row = own_project(parts, desk, who, project)
        return parts.replanning.fix(desk, row.id, body.start_ms, body.end_ms, who.subject)

    made = await parts.commands.run(who, plan)
    return Made(id=made.hex())
