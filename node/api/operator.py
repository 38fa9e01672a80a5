"""Routes of the operator: this node, pools, accounts. Partners and agreements have their own."""

import base64
import json
from typing import Annotated, Final

from fastapi import APIRouter, status
from pydantic import Field

from federation.trust.keys import fingerprint
from node.api.access import NodeParts, Operator
from node.api.faults import RESPONSES
from node.api.pools import SmallStratum
from node.api.shapes import (
    CenterText,
    Done,
    HexText,
    Shape,
)
from node.services import pool_warnings
from node.services.accounts import Role
from node.services.errors import Invalid
from node.services.house import Desk

REGULATORS_ROLES: Final = (Role.OPERATOR, Role.OFFICER)
CENTERS_ROLES: Final = tuple(role for role in Role if role is not Role.OFFICER)

router = APIRouter(tags=["运维 · Operator"], responses=RESPONSES)


class LogHead(Shape):
    """How far one of our evidence logs has come."""

    suite: str = Field(examples=["intl-1"])
    size: int
    root: str


class NodeInfo(Shape):
    """This node."""

    center: CenterText
    fingerprint: str = Field(examples=["aaaa bbbb cccc dddd eeee ffff gggg hhhh"])
    name: str = Field(examples=["吉安市公共资源交易中心"])
    address: str = Field(examples=["lianping.jian.example.cn:7443"])
    version: str = Field(examples=["0.1.0"])
    production: bool
    logs: list[LogHead]


class SignedDescriptor(Shape):
    """An invitation: our keys and address, signed by the root key. Compare the fingerprint."""

    descriptor: str = Field(description="Base64", max_length=65_536, examples=["CgRub25l"])


class Descriptor(SignedDescriptor):
    """Our own invitation, and the fingerprint to be read aloud on the telephone."""

    center: CenterText
    fingerprint: str = Field(examples=["aaaa bbbb cccc dddd eeee ffff gggg hhhh"])


class NewAccount(Shape):
    """An account to make."""

    name: str = Field(examples=["zhang.staff"], max_length=64)
    role: Role
    display_name: str = Field(examples=["张工"], max_length=64)
    password: str = Field(examples=["correct horse battery"], max_length=256)


class Announcement(Shape):
    """Which epoch of the pool to announce; by default the epoch's start in UTC."""

    epoch: Annotated[str, Field(pattern=r"^[0-9A-Za-z-]{1,32}$")] | None = Field(
        default=None, examples=["2026-11"]
    )


class Announced(Shape):
    """The pool's commitment, as every partner has it now: a root for each suite in use."""

    pool: str
    epoch: str
    roots: dict[str, HexText]
    small: list[SmallStratum] = Field(
        description="可抽取人数偏少的专业 · specialties with few candidates"
    )


@router.get("/node", summary="本节点 · This node")
async def node(parts: NodeParts, _: Operator) -> NodeInfo:
    """名称、指纹、版本、证据日志。· Name, fingerprint, version, evidence log."""
    identity = parts.negotiator.identity
    heads = await parts.negotiator.transact(
        lambda desk: [(each, *desk.ledger.log_head(each)) for each in identity.suites]
    )
    descriptor = identity.descriptor
    return NodeInfo(
        center=descriptor.center_id,
        fingerprint=fingerprint(descriptor.center_id),
        name=descriptor.name,
        address=descriptor.address,
        version=parts.version,
        production=parts.config.mode.production,
        logs=[LogHead(suite=each, size=size, root=root.hex()) for each, size, root in heads],
    )


@router.get("/descriptor", summary="本中心名片 · Our invitation")
async def descriptor(parts: NodeParts, _: Operator) -> Descriptor:
    """交给伙伴中心,电话核对指纹。· Give it to a partner; compare the fingerprint by phone."""
    identity = parts.negotiator.identity
    return Descriptor(
        descriptor=base64.b64encode(identity.signed_descriptor).decode(),
        center=identity.center,
        fingerprint=fingerprint(identity.center),
    )


@router.post("/accounts", status_code=status.HTTP_201_CREATED, summary="新建账号 · Make an account")
async def make_account(parts: NodeParts, who: Operator, body: NewAccount) -> Done:
    """专家不设账号,凭证件签到。· Experts have none; they check in with their card."""
    fitting = REGULATORS_ROLES if parts.config.regulates else CENTERS_ROLES
    if body.role not in fitting:
        raise Invalid(
            f"本节点的账号角色应为{'、'.join(role.zh for role in fitting)}",
            f"an account of this node is one of {', '.join(fitting)}",
        )
    await parts.accounts.create(
        lambda store: parts.commands.run(who, store),
        body.name,
        body.role,
        body.display_name,
        body.password,
    )
    return Done()


@router.post(
    "/pools", status_code=status.HTTP_201_CREATED, summary="公布专家库承诺 · Announce the pool"
)
async def announce(parts: NodeParts, who: Operator, body: Announcement) -> Announced:
    """把专家库快照的承诺告知每个伙伴。· Tells every partner the snapshot's commitment."""
    pool = parts.config.pool
    epoch = body.epoch or f"e{parts.negotiator.clock.now_ms() // 1000}"

    def announce(desk: Desk) -> list[bytes]:
        roots = parts.peering.announce(desk, pool.name, epoch, pool.epoch_hours)
        named = {suite: root.hex() for suite, root in roots.items()}
        small = pool_warnings.counted(parts.peering.small(desk, pool.name, epoch))
        return [epoch.encode(), json.dumps(named).encode(), json.dumps(small).encode()]

    named, roots, small = await parts.commands.run(who, announce)
    return Announced(
        pool=pool.name,
        epoch=named.decode(),
        roots=json.loads(roots),
        small=[SmallStratum(**each) for each in json.loads(small)],
    )
