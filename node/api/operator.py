"""Routes of the operator: this node, its partners, agreements, pools, accounts."""

import base64
from typing import Annotated

from fastapi import APIRouter, status
from pydantic import Field

from federation.protocol.agreement import AgreementTerms, Direction, DrawAnchor, Party
from federation.trust.keys import fingerprint
from node.api.access import NodeParts, Operator
from node.api.faults import RESPONSES
from node.api.shapes import (
    EXAMPLE_LONG_ID,
    CenterText,
    Count,
    Done,
    Duration,
    HexText,
    LongIdPath,
    Made,
    Ms,
    Reason,
    Shape,
    center,
    raw,
)
from node.services.accounts import Role
from node.services.errors import NotFound

router = APIRouter(tags=["运维 · Operator"], responses=RESPONSES)


class NodeInfo(Shape):
    """This node."""

    center: CenterText
    fingerprint: str = Field(examples=["aaaa bbbb cccc dddd eeee ffff gggg hhhh"])
    name: str = Field(examples=["吉安市公共资源交易中心"])
    address: str = Field(examples=["lianping.jian.example.cn:7443"])
    version: str = Field(examples=["0.1.0"])
    production: bool
    log_size: int
    log_root: str


class SignedDescriptor(Shape):
    """An invitation: our keys and address, signed by the root key. Compare the fingerprint."""

    descriptor: str = Field(description="Base64", max_length=65_536, examples=["CgRub25l"])


class Descriptor(SignedDescriptor):
    """Our own invitation, and the fingerprint to be read aloud on the telephone."""

    center: CenterText
    fingerprint: str = Field(examples=["aaaa bbbb cccc dddd eeee ffff gggg hhhh"])


class Terms(Shape):
    """Terms of an agreement; parties are filled in from both descriptors."""

    version: Count = 1
    title: str = Field(examples=["吉安—长乐远程异地评标合作协议"], max_length=200)
    both_directions: bool = Field(
        default=True, description="双方都可作主场 · both may be host; otherwise only we"
    )
    effective_from_ms: Ms
    effective_until_ms: Ms
    project_kinds: list[str] = Field(default=["A", "B", "C"], max_length=3)
    max_seats_per_session: Count = 50
    max_open_bookings: Count = 20
    lead_time_ms: Duration = 0
    vote_ms: Duration = 1_800_000
    decide_ms: Duration = 3_600_000
    draw_anchor: DrawAnchor = DrawAnchor.BID_DEADLINE
    draw_earliest_ms: Duration = 43_200_000
    pool_min_age_ms: Duration = 0
    joint_test_valid_days: Count = 365
    handover_working_days: Count = 5
    suite: str = "intl-1"
    sealed_disclosure: bool = True


class Proposal(Shape):
    """An agreement to propose."""

    peer: CenterText
    terms: Terms


class Agreement(Shape):
    """An agreement as it stands."""

    id: HexText = Field(examples=[EXAMPLE_LONG_ID])
    peer: CenterText
    state: str = Field(examples=["ACTIVE"])
    note: str = Field(description="未生效的原因 · why it did not come into force")
    signatures: int
    title: str
    effective_from_ms: Ms
    effective_until_ms: Ms


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
    """The pool's commitment, as every partner has it now."""

    pool: str
    epoch: str
    root: HexText


@router.get("/node", summary="本节点 · This node")
async def node(parts: NodeParts, _: Operator) -> NodeInfo:
    """名称、指纹、版本、证据日志。· Name, fingerprint, version, evidence log."""
    size, root = await parts.negotiator.transact(lambda desk: desk.ledger.log_head())
    descriptor = parts.negotiator.identity.descriptor
    return NodeInfo(
        center=descriptor.center_id,
        fingerprint=fingerprint(descriptor.center_id),
        name=descriptor.name,
        address=descriptor.address,
        version=parts.version,
        production=parts.config.mode.production,
        log_size=size,
        log_root=root.hex(),
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


@router.post(
    "/agreements", status_code=status.HTTP_201_CREATED, summary="提议协议 · Propose an agreement"
)
async def propose(parts: NodeParts, who: Operator, body: Proposal) -> Made:
    """以本中心名义签署并发给对方。· Signs for this center and sends it to the partner."""
    peer = center(body.peer)
    theirs = parts.keyring.peers.get(peer)
    if theirs is None:
        raise NotFound("没有登记该中心的名片", "that center is not pinned")
    ours = parts.negotiator.identity.descriptor
    fields = body.terms.model_dump(exclude={"both_directions", "project_kinds"})
    directions = [Direction(ours.center_id, peer)]
    if body.terms.both_directions:
        directions.append(Direction(peer, ours.center_id))
    terms = AgreementTerms(
        parties=tuple(
            Party(each.center_id, each.name, each.uscc, each.region_code) for each in (ours, theirs)
        ),
        directions=tuple(directions),
        project_kinds=tuple(body.terms.project_kinds),
        **fields,
    )
    made = await parts.commands.run(
        who, lambda desk: parts.agreements.propose(desk, peer, terms, who.subject)
    )
    return Made(id=made.hex())


@router.get("/agreements", summary="全部协议 · All agreements")
async def agreements(parts: NodeParts, _: Operator) -> list[Agreement]:
    """含待签、已拒绝。· Also those waiting or declined."""
    rows = await parts.negotiator.transact(parts.agreements.all)
    return [
        Agreement(
            id=row.id.hex(),
            peer=row.peer,
            state=row.state,
            note=row.note,
            signatures=1 + bool(row.answered),
            title=row.terms.title,
            effective_from_ms=row.terms.effective_from_ms,
            effective_until_ms=row.terms.effective_until_ms,
        )
        for row in rows
    ]


@router.post("/agreements/{agreement}/sign", summary="签署协议 · Sign an agreement")
async def sign(parts: NodeParts, who: Operator, agreement: LongIdPath) -> Done:
    """对方提议的协议,签署后生效。· Puts the partner's proposal into force."""
    await parts.commands.run(
        who, lambda desk: parts.agreements.sign(desk, raw(agreement), who.subject)
    )
    return Done()


@router.post("/agreements/{agreement}/decline", summary="拒绝协议 · Decline an agreement")
async def decline(parts: NodeParts, who: Operator, agreement: LongIdPath, body: Reason) -> Done:
    """说明理由。· Says why."""
    await parts.commands.run(
        who, lambda desk: parts.agreements.decline(desk, raw(agreement), body.reason)
    )
    return Done()


@router.post("/accounts", status_code=status.HTTP_201_CREATED, summary="新建账号 · Make an account")
async def make_account(parts: NodeParts, who: Operator, body: NewAccount) -> Done:
    """专家不设账号,凭证件签到。· Experts have none; they check in with their card."""
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
    named, root = await parts.commands.run(
        who,
        lambda desk: [
            epoch.encode(),
            parts.peering.announce(desk, pool.name, epoch, pool.epoch_hours),
        ],
    )
    return Announced(pool=pool.name, epoch=named.decode(), root=root.hex())
