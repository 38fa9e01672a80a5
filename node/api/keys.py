"""Routes of the operator: what our keys are, and having new ones in force without a restart."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from node.api.access import NodeParts, Operator
from node.api.faults import RESPONSES
from node.api.shapes import CenterText, Shape
from node.keystore.errors import BadKeys
from node.services.errors import Conflicting

router = APIRouter(tags=["运维 · Operator"], responses=RESPONSES)


class Reloaded(Shape):
    """What came of it: our newest descriptor, and who has it."""

    sequence: Annotated[int, Field(examples=[2])]
    reached: list[CenterText] = Field(description="已采用新名片 · have taken it")
    missed: list[CenterText] = Field(description="尚未采用 · have not, and will with a heartbeat")


@router.post("/keys/reload", summary="启用新密钥 · Have new keys in force")
async def reload(parts: NodeParts, _: Operator) -> Reloaded:
    """密钥目录由 lianping keys 更改;不中断连接。· The key folder was changed by a command."""
    try:
        renewed = await parts.renewal.reload()
    except BadKeys as error:
        zh, _sep, en = str(error).partition(" · ")
        raise Conflicting(zh, en or zh) from error
    return Reloaded(
        sequence=renewed.descriptor.sequence,
        reached=list(renewed.reached),
        missed=list(renewed.missed),
    )
