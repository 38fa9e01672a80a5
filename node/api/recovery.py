"""Routes of the operator: backups, and the recovery of words that an old database lacks."""

import base64
from pathlib import Path
from typing import Final

from fastapi import APIRouter
from pydantic import Field

from federation.engine import epochs
from federation.ids import CenterId
from federation.trust.keys import LogBegin
from node.api.access import NodeParts, Operator
from node.api.faults import RESPONSES
from node.api.shapes import CenterText, Done, Ms, Shape, center
from node.keystore.backup_file import BadBackup, Manifest
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.house import Desk

MAX_PATH_CHARS: Final = 4_096

router = APIRouter(tags=["运维 · Operator"], responses=RESPONSES)


class Head(Shape):
    """The head of one evidence log."""

    suite: str = Field(examples=["intl-1"])
    size: int
    root: str = Field(description="Base64")


class Waited(Shape):
    """A partner whose answer is awaited."""

    center: CenterText
    name: str
    error: str = Field(description="最近一次未取得应答的原因 · why the last question had no answer")


class State(Shape):
    """How the recovery stands."""

    recovering: bool
    reason: str
    since_ms: int
    waited: list[Waited]
    without: list[CenterText]
    epoch: int
    epoch_needed: bool
    heads: list[Head] = Field(description="新纪元的起点 · what the next epoch would go on from")


class Without(Shape):
    """The partner that is not waited for."""

    center: CenterText


class Wanted(Shape):
    """Where the backup goes."""

    to: str = Field(max_length=MAX_PATH_CHARS, description="绝对路径 · an absolute path")
    passphrase: str = Field(default="", max_length=1_024)


class Taken(Shape):
    """The backup that was taken."""

    file: str
    made_at_ms: Ms
    bytes: int
    sha256: str
    sealed: bool
    epoch: int
    logs: list[Head]
    said: int
    heard: int


@router.get("/recovery", summary="恢复状态 · How the recovery stands")
async def recovery(parts: NodeParts, _: Operator) -> State:
    """正常时 recovering 为假。· ``recovering`` is false when all is well."""
    standing, missed = parts.recovering.standing, parts.recovering.missed
    identity = parts.negotiator.identity
    epoch = identity.descriptor.log_epoch

    def heads(desk: Desk) -> tuple[LogBegin, ...]:
        return epochs.begins(desk.ledger, epoch, identity.suites)

    return State(
        recovering=standing.recovering,
        reason=standing.reason,
        since_ms=standing.since_ms,
        waited=[
            Waited(center=peer, name=_name(parts, peer), error=missed.get(peer, ""))
            for peer in standing.waited
        ],
        without=list(standing.without),
        epoch=epoch,
        epoch_needed=standing.epoch_needed,
        heads=_heads(await parts.negotiator.transact(heads)),
    )


@router.post("/recovery/without", summary="不再等待某伙伴 · Go on without a partner")
async def without(parts: NodeParts, _: Operator, body: Without) -> Done:
    """记入日志;该伙伴交还消息前不与其往来。· Logged; nothing is said to it meanwhile."""
    if not await parts.recovering.go_on_without(center(body.center)):
        raise NotFound("恢复并未等待该伙伴", "the recovery does not wait for that center")
    return Done()


@router.post("/backup", summary="备份 · Take a backup")
async def backup(parts: NodeParts, _: Operator, body: Wanted) -> Taken:
    """在线备份到本机文件,不中断业务。· An online backup into a file of this machine."""
    to = Path(body.to)
    if not to.is_absolute():
        raise Invalid("备份路径须为绝对路径", "a backup's path must be absolute")
    try:
        file, told = await parts.backups.take(to, body.passphrase)
    except BadBackup as error:
        zh, _sep, en = str(error).partition(" · ")
        raise Conflicting(zh, en or zh) from error
    except OSError as error:
        raise Conflicting(
            f"{to} 无法写入:{error.strerror}", f"{to} cannot be written: {error.strerror}"
        ) from error
    return _taken(file, told)


def _taken(file: Path, told: Manifest) -> Taken:
    return Taken(
        file=str(file),
        made_at_ms=told.made_at_ms,
        bytes=file.stat().st_size,
        sha256=told.digest,
        sealed=bool(told.sealed),
        epoch=told.epoch,
        logs=_heads(told.contents.logs),
        said=told.contents.said,
        heard=told.contents.heard,
    )


def _heads(logs: tuple[LogBegin, ...]) -> list[Head]:
    return [
        Head(suite=each.suite, size=each.size, root=base64.b64encode(each.root).decode())
        for each in logs
    ]


def _name(parts: NodeParts, peer: CenterId) -> str:
    known = parts.keyring.peers.get(peer)
    return "" if known is None else known.name
