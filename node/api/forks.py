"""Partners' logs with two histories: the proof, and the operator's act that lets draws go on.

Here: routes only; what stands still and why is ``node.services.forks``.
"""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field, StringConstraints

from node import logs
from node.api.access import NodeParts, Operator
from node.api.faults import RESPONSES
from node.api.shapes import CenterPath, Done, Shape, center
from node.services import forks
from node.services.forks import MAX_REASON_CHARS

LOG = logs.logger("node.api.forks")

router = APIRouter(tags=["运维 · Operator"], responses=RESPONSES)


class Contradiction(Shape):
    """Two heads of a partner's log that cannot both be true, as it signed them."""

    held: str = Field(description="本中心会签的,或较大的 · the one we cosigned, or the greater")
    shown: str = Field(description="另一份 · the other one")
    seen_at_ms: int
    via: str = Field(description="由哪个中心转来;空:对方自己出示 · who passed it on; empty: itself")
    epoch: int | None = Field(description="对方以此纪元说明了缘由 · the epoch that explains it")
    lifted_at_ms: int | None
    lifted_by: str | None
    reason: str | None
    stops: bool = Field(description="抽取是否因此停止 · whether draws stand still because of it")


class Finding(Shape):
    """What was found out about a fork."""

    reason: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_REASON_CHARS)
    ] = Field(examples=["对方误启两台节点,已停一台并核对全部消息"])


@router.get("/peers/{peer}/forks", summary="伙伴日志的矛盾 · Contradictions of a partner's log")
async def contradictions(parts: NodeParts, _: Operator, peer: CenterPath) -> list[Contradiction]:
    """两份均有其签名,可作证据。· Both notes bear its signature: proof for anybody."""
    rows = await parts.negotiator.transact(lambda desk: forks.kept(desk, center(peer)))
    return [
        Contradiction(
            held=row.held,
            shown=row.shown,
            seen_at_ms=row.seen_at_ms,
            via=row.via,
            epoch=row.explained,
            lifted_at_ms=row.lifted_at_ms,
            lifted_by=row.lifted_by,
            reason=row.reason,
            stops=row.stops,
        )
        for row in rows
    ]


@router.post("/peers/{peer}/lift-fork", summary="解除日志分叉的停用 · Let draws go on")
async def lift(parts: NodeParts, who: Operator, peer: CenterPath, body: Finding) -> Done:
    """须写明查明的原因;对方再次出示另一份历史,将再次停止。· With what was found out."""
    they = center(peer)
    await parts.commands.run(who, lambda desk: forks.lift(desk, they, body.reason, who.subject))
    LOG.warning("draws with a partner whose log forked go on", peer=they, by=who.subject)
    return Done()
