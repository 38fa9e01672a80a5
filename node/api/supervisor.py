"""Routes of the supervisors (监督人员): everything in numbers, and the dossiers.

Dossiers are downloaded from ``/sessions/{id}/dossier``, which supervisors share with staff.
"""

from fastapi import APIRouter

from node.api.access import NodeParts, Supervisor
from node.api.agency import Draw, draw_shape
from node.api.evaluation import Session, session_shape
from node.api.faults import RESPONSES

router = APIRouter(prefix="/supervision", tags=["监督 · Supervision"], responses=RESPONSES)


@router.get("/sessions", summary="监督评标 · All sessions")
async def sessions(parts: NodeParts, _: Supervisor) -> list[Session]:
    """人数、阶段、时间;开始前不含项目名称。· Counts, phases, times; no project before the start."""
    rows = await parts.negotiator.transact(parts.sessions.overview)
    return [session_shape(row) for row in rows]


@router.get("/draws", summary="监督抽取 · All draws")
async def draws(parts: NodeParts, _: Supervisor) -> list[Draw]:
    """通知、接受、补抽人数,不含姓名。· Invited, accepted, supplemented; no names."""
    rows = await parts.negotiator.transact(parts.draws.everything)
    return [draw_shape(row) for row in rows]
