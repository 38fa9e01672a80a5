"""Routes of the operator: invitations, partners, pauses. See ``node.services.joining``."""

import base64
from typing import Annotated

from fastapi import APIRouter, Path, status
from pydantic import Field

from federation.ids import CenterId
from federation.ports import Unreachable
from federation.trust.keys import Descriptor, fingerprint
from federation.wire.joining import in_chinese
from node.api.access import NodeParts, Operator
from node.api.faults import RESPONSES
from node.api.parts import Parts
from node.api.shapes import (
    EXAMPLE_ID,
    CenterPath,
    CenterText,
    Done,
    HexText,
    IdPath,
    Ms,
    Reason,
    Shape,
    center,
    raw,
)
from node.services.armour import MAX_FILE_CHARS
from node.services.errors import Conflicting, NotFound
from node.services.house import Desk
from node.services.joining import DEFAULT_DAYS, Joining, Made
from node.store import descriptors, figures, peers
from node.store.invitations import InvitationRow

router = APIRouter(tags=["运维 · Operator"], responses=RESPONSES)

_DIGITS = "4821 0937 5512 7740 1863"
FingerprintText = Annotated[
    str,
    Field(max_length=64, examples=[_DIGITS], description="电话核对 · to be compared by phone"),
]


class NewInvitation(Shape):
    """Whom to invite, and for how long."""

    to: str = Field(default="", max_length=255, examples=["长乐区公共资源交易服务中心"])
    days: int = Field(default=DEFAULT_DAYS, ge=0, le=366, examples=[DEFAULT_DAYS])


class Invitation(Shape):
    """An invitation of ours."""

    id: HexText = Field(examples=[EXAMPLE_ID])
    to: str
    fingerprint: FingerprintText
    state: str = Field(examples=["INVITED"], description="INVITED, USED, WITHDRAWN, EXPIRED")
    peer: str = Field(description="谁用了它 · who used it")
    made_at_ms: Ms
    expires_at_ms: Ms


class InvitationFile(Shape):
    """A new invitation; its text is given out this once."""

    id: HexText = Field(examples=[EXAMPLE_ID])
    file: str
    fingerprint: FingerprintText
    fingerprint_zh: str
    expires_at_ms: Ms


class Paper(Shape):
    """An invitation's or a reply's whole text."""

    file: str = Field(max_length=MAX_FILE_CHARS, examples=["-----BEGIN LIANPING INVITATION-----…"])


class Reading(Shape):
    """What a file says, and the two fingerprints to be compared before it is accepted."""

    kind: str = Field(examples=["INVITATION"])
    center: CenterText
    name: str
    region_code: str
    uscc: str
    address: str
    theirs: FingerprintText
    theirs_zh: str
    ours: FingerprintText
    ours_zh: str
    expires_at_ms: Ms


class Acceptance(Paper):
    """A file, and the fingerprint that its maker read aloud."""

    fingerprint: FingerprintText


class Joined(Shape):
    """A partner that is pinned now; ``reply`` is the file to send back, if one is needed."""

    center: CenterText
    reply: str
    theirs: FingerprintText
    ours: FingerprintText


class Updated(Shape):
    """A partner whose keys were renewed from a file."""

    center: CenterText
    name: str
    sequence: int
    taken: int = Field(description="新采用的名片份数 · how many descriptors were new")


class PeerState(Shape):
    """How the link to a partner stands."""

    center: CenterText
    name: str
    fingerprint: str = Field(description="中心编号 · the center id in groups")
    address: str
    state: str = Field(examples=["CONFIRMED"], description="CONFIRMED, PAUSED")
    paused: str | None = Field(default=None, description="暂停原因 · why it is paused")
    sequence: int
    up: bool
    failures: int
    breaker: str = Field(
        examples=["closed"],
        description="closed 正常, open 连续失败而暂停, half_open 试探 · whether deliveries go out",
    )
    next_try_at_ms: Ms | None = Field(default=None, description="暂停至 · none before")
    last_error: str
    skew_ms: int | None = None
    pending_words: int
    cosigned: dict[str, int] = Field(description="by suite", examples=[{"intl-1": 120}])


class Twin(Shape):
    """Two descriptors of a partner that contradict each other, as their root signed them."""

    held: str = Field(description="base64")
    shown: str = Field(description="base64")
    seen_at_ms: Ms


class PeerDetail(PeerState):
    """A partner, with what was compared by phone when it joined."""

    region_code: str
    uscc: str
    theirs: str
    ours: str
    reply: str
    knows_sequence: int = Field(description="它已采用的我方名片 · our descriptor that it has")
    doubtful: bool = Field(description="名片或日志自相矛盾 · contradicts itself: two nodes?")
    twins: list[Twin]


class Greeted(Shape):
    """What came of greeting a partner now."""

    up: bool
    round_trip_ms: int | None = None
    skew_ms: int | None = None
    error: str = ""


@router.post(
    "/invitations", status_code=status.HTTP_201_CREATED, summary="生成邀请文件 · Make an invitation"
)
async def invite(parts: NodeParts, who: Operator, body: NewInvitation) -> InvitationFile:
    """文件只给一次,只交给对方中心。· The file is given out once, for one center."""
    made: list[Made] = []

    def use_case(desk: Desk) -> bytes:
        made.append(parts.joining.invite(desk, body.to, body.days, who.subject))
        return made[0].id

    await parts.commands.run(who, use_case)
    if not made:
        raise Conflicting(
            "该邀请已生成,文件只给一次;如已丢失,请撤回后重新邀请",
            "the invitation was made and its file given out once; "
            "if it is lost, withdraw it and invite again",
        )
    return InvitationFile(
        id=made[0].id.hex(),
        file=made[0].text,
        fingerprint=made[0].fingerprint,
        fingerprint_zh=in_chinese(made[0].fingerprint),
        expires_at_ms=made[0].expires_at_ms,
    )


@router.get("/invitations", summary="已发出的邀请 · Our invitations")
async def invitations(parts: NodeParts, _: Operator) -> list[Invitation]:
    """不含文件内容。· Without the files."""
    now_ms = parts.negotiator.clock.now_ms()
    rows = await parts.negotiator.transact(Joining.every)
    return [
        Invitation(
            id=row.id.hex(),
            to=row.meant_for,
            fingerprint=row.fingerprint,
            state=_state(row, now_ms),
            peer=row.peer or "",
            made_at_ms=row.made_at_ms,
            expires_at_ms=row.expires_at_ms,
        )
        for row in rows
    ]


@router.post("/invitations/{invitation}/withdraw", summary="撤回邀请 · Withdraw an invitation")
async def withdraw(
    parts: NodeParts,
    who: Operator,
    invitation: Annotated[IdPath, Path(examples=[EXAMPLE_ID])],
) -> Done:
    """撤回后无法再答复。· It can be answered no more."""
    await parts.commands.run(
        who, lambda desk: parts.joining.withdraw(desk, raw(invitation), who.subject)
    )
    return Done()


@router.post("/invitations/read", summary="查验邀请或回执 · Check an invitation or a reply")
async def read(parts: NodeParts, _: Operator, body: Paper) -> Reading:
    """不登记任何内容。· Stores nothing."""
    found = await parts.negotiator.transact(lambda desk: parts.joining.read(desk, body.file))
    return Reading(
        kind=found.paper.value,
        center=found.them.center_id,
        name=found.them.name,
        region_code=found.them.region_code,
        uscc=found.them.uscc,
        address=found.them.address,
        theirs=found.theirs,
        theirs_zh=in_chinese(found.theirs),
        ours=found.ours,
        ours_zh=in_chinese(found.ours),
        expires_at_ms=found.expires_at_ms,
    )


@router.post(
    "/peers",
    status_code=status.HTTP_201_CREATED,
    summary="接受邀请或回执 · Accept an invitation or a reply",
)
async def accept(parts: NodeParts, who: Operator, body: Acceptance) -> Joined:
    """须带电话核对过的对方指纹。· With the fingerprint that was compared by phone."""

    def use_case(desk: Desk) -> list[str]:
        joined = parts.joining.accept(desk, body.file, body.fingerprint, who.subject)
        return [joined.peer, joined.reply, joined.theirs, joined.ours]

    peer, reply, theirs, ours = await parts.commands.run(who, use_case)
    await _take_effect(parts)
    return Joined(center=peer, reply=reply, theirs=theirs, ours=ours)


@router.post("/peers/update", summary="采用伙伴的新名片文件 · Take a partner's descriptors")
async def update(parts: NodeParts, _: Operator, body: Paper) -> Updated:
    """已登记伙伴的根密钥签过,不必再核对指纹。· Signed by the root that is pinned already."""
    updated: list[Updated] = []

    def use_case(desk: Desk) -> None:
        found, taken = parts.peers.update(desk, body.file)
        updated[:] = [
            Updated(center=found.center_id, name=found.name, sequence=found.sequence, taken=taken)
        ]

    await parts.negotiator.transact(use_case)  # a second time it finds nothing new
    await _take_effect(parts)
    return updated[0]


@router.get("/peers", summary="伙伴中心 · Partners")
async def every(parts: NodeParts, _: Operator) -> list[PeerState]:
    """连通、时钟差、待发消息、会签。· Reachability, skew, pending words, cosigning."""
    return await parts.negotiator.transact(lambda desk: _standings(parts, desk))


@router.get("/peers/{peer}", summary="一个伙伴中心 · One partner")
async def show(parts: NodeParts, _: Operator, peer: CenterPath) -> PeerDetail:
    """含双方指纹与回执。· With both fingerprints and our reply."""
    who = center(peer)
    descriptor = _pinned(parts, who)
    how, states, doubtful, twins = await parts.negotiator.transact(
        lambda desk: (
            Joining.how(desk, who),
            _standings(parts, desk),
            desk.ledger.doubtful(who),
            descriptors.twins(desk.ledger.connection, who),
        )
    )
    (state,) = (each for each in states if each.center == who)
    return PeerDetail(
        **state.model_dump(),
        region_code=descriptor.region_code,
        uscc=descriptor.uscc,
        theirs="" if how is None else how.theirs,
        ours="" if how is None else how.ours,
        reply="" if how is None else how.reply,
        knows_sequence=parts.negotiator.identity.knows(who),
        doubtful=doubtful,
        twins=[
            Twin(
                held=base64.b64encode(each.held).decode(),
                shown=base64.b64encode(each.shown).decode(),
                seen_at_ms=each.seen_at_ms,
            )
            for each in twins
        ],
    )


@router.post("/peers/{peer}/retry", summary="立即重试连接 · Greet a partner now")
async def retry(parts: NodeParts, _: Operator, peer: CenterPath) -> Greeted:
    """清除退避并立即问候。· Forgets the back-off, greets, and sends what waits."""
    who = center(peer)
    _pinned(parts, who)
    parts.outbox.reset(who)
    try:
        peek = await parts.outbox.greet(who)
    except Unreachable as error:
        parts.links.missed(who, error)
        return Greeted(up=False, error=str(error))
    parts.links.reached(who, peek)
    parts.links.woken({who})
    return Greeted(up=True, round_trip_ms=peek.round_trip_ms, skew_ms=peek.skew_ms)


@router.post("/peers/{peer}/pause", summary="暂停往来 · Pause a partner")
async def pause(parts: NodeParts, who: Operator, peer: CenterPath, body: Reason) -> Done:
    """双方消息都等待,不丢失;对方会看到原因。· Words of both wait; the partner sees why."""
    await parts.commands.run(
        who, lambda desk: parts.peers.pause(desk, center(peer), body.reason, who.subject)
    )
    await _take_effect(parts)
    return Done()


@router.post("/peers/{peer}/resume", summary="恢复往来 · Resume with a partner")
async def resume(parts: NodeParts, who: Operator, peer: CenterPath) -> Done:
    """等待中的消息随即发出。· What waits goes out at once."""
    await parts.commands.run(who, lambda desk: parts.peers.resume(desk, center(peer)))
    await _take_effect(parts)
    return Done()


async def _take_effect(parts: Parts) -> None:
    await parts.peers.take_effect(parts.negotiator.transact)
    parts.pinned()


def _pinned(parts: Parts, peer: CenterId) -> Descriptor:
    descriptor = parts.keyring.peers.get(peer)
    if descriptor is None:
        raise NotFound("没有登记该中心的名片", "that center is not pinned")
    return descriptor


def _standings(parts: Parts, desk: Desk) -> list[PeerState]:
    connection = desk.ledger.connection
    found = []
    for row in peers.every(connection):
        peer = CenterId(row.center)
        descriptor = parts.keyring.peers.get(peer)
        if descriptor is None:  # committed a moment ago by another request
            continue
        link, seen = parts.outbox.link(peer), parts.links.of(peer)
        found.append(
            PeerState(
                center=peer,
                name=descriptor.name,
                fingerprint=fingerprint(peer),
                address=descriptor.address,
                state="CONFIRMED" if row.paused is None else "PAUSED",
                paused=row.paused,
                sequence=descriptor.sequence,
                up=seen.up and row.paused is None,
                failures=link.failures,
                breaker=link.breaker(desk.now_ms).value,
                next_try_at_ms=link.not_before_ms if link.not_before_ms > desk.now_ms else None,
                last_error=link.last_error or seen.error,
                skew_ms=seen.skew_ms,
                pending_words=figures.pending(connection, peer),
                cosigned={
                    each: (desk.ledger.cosigned(peer, each) or (0, ""))[0]
                    for each in desk.identity.suites
                },
            )
        )
    return found


def _state(row: InvitationRow, now_ms: int) -> str:
    if row.closed_at_ms is not None:
        return "USED" if row.peer is not None else "WITHDRAWN"
    return "INVITED" if row.expires_at_ms > now_ms else "EXPIRED"
