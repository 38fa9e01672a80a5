"""Routes of a committee's member who has checked in: vote for the chair, sign the report."""

import base64
import json

from fastapi import APIRouter
from pydantic import Field

from adapters.signing.port import Signature
from node.api.access import ExpertMember, NodeParts
from node.api.door import Base64Face, read_face
from node.api.faults import RESPONSES
from node.api.parts import Parts
from node.api.shapes import EXAMPLE_ID, EXAMPLE_LONG_ID, Done, HexText, Ms, Shape, raw
from node.domain.disclosure import Item
from node.services import disclosing, session_view
from node.services.errors import Conflicting, NotFound
from node.services.house import Desk

router = APIRouter(prefix="/me", tags=["评标专家 · Expert"], responses=RESPONSES)


class Colleague(Shape):
    """A member of the committee by code; before the start only our own site's are known."""

    code: HexText = Field(examples=[EXAMPLE_LONG_ID])
    site: str
    capacity: str


class Seat(Shape):
    """Where somebody sits: the session as its members see it."""

    session: HexText = Field(examples=[EXAMPLE_ID])
    code: HexText = Field(examples=[EXAMPLE_LONG_ID])
    capacity: str = Field(examples=["EXPERT"])
    phase: str = Field(examples=["RUNNING"])
    start_ms: Ms
    end_ms: Ms
    project_name: str | None = Field(description="统一开始后才知道 · known from the start on")
    lot_code: str | None
    colleagues: list[Colleague]
    voted: bool
    chair: HexText | None
    report_digest: HexText | None
    signed: bool
    entrance: str | None = Field(description="本场地音视频入口 · our site's video room")


class Ballot(Shape):
    """A vote for the chair."""

    candidate: HexText = Field(examples=[EXAMPLE_LONG_ID])


class Face(Shape):
    """The face that the signature service checks."""

    face: Base64Face


@router.get("", summary="我的评标 · My evaluation")
async def me(parts: NodeParts, who: ExpertMember) -> Seat:
    """统一开始前不显示项目。· The project is not shown before the start."""
    session, code = who.member
    return await parts.negotiator.transact(lambda desk: _seat(parts, desk, session, code))


@router.post("/ballot", summary="推选组长 · Vote for the chair")
async def ballot(parts: NodeParts, who: ExpertMember, body: Ballot) -> Done:
    """选举结束前可以改投。· May be changed until the election."""
    session, code = who.member
    await parts.commands.run(
        who, lambda desk: parts.sessions.ballot(desk, session, code, raw(body.candidate))
    )
    return Done()


@router.post("/sign", summary="签署评标报告 · Sign the report")
async def sign(parts: NodeParts, who: ExpertMember, body: Face) -> Done:
    """人脸通过后由云签服务签名;重复签署无害。· The service signs; signing twice is harmless."""
    session, code = who.member
    face = read_face(body.face)

    def what(desk: Desk) -> tuple[bytes, str]:
        row = session_view.get(desk, session)
        if row.report_digest is None:
            raise Conflicting("评标报告尚未提交", "there is no report to sign yet")
        person = parts.sessions.person(desk, session, code)
        if person is None:
            raise NotFound("没有这位成员", "there is no such member at this site")
        return row.report_digest, person.id_number

    digest, id_number = await parts.negotiator.transact(what)
    # A report that was changed and presented anew is another signature.
    key = f"sign:{session.hex()}:{code.hex()}:{digest.hex()}"
    signature = await parts.signing.sign(key, id_number, digest, face)
    await parts.commands.run(
        who, lambda desk: parts.sessions.sign(desk, session, code, _encoded(signature))
    )
    return Done()


def _encoded(signature: Signature) -> bytes:
    return json.dumps(
        {
            "certificate": base64.b64encode(signature.certificate).decode(),
            "value": base64.b64encode(signature.value).decode(),
        },
        sort_keys=True,
    ).encode()


def _seat(parts: Parts, desk: Desk, session: bytes, code: bytes) -> Seat:
    row = session_view.get(desk, session)
    mine = session_view.own_member(desk, row, code)
    entrances = dict(parts.sessions.archive.entrances(desk, session))
    started = row.started_at_ms is not None
    lot_code, project_name = disclosing.project_of(desk, row, Item.PROJECT_TO_EXPERT)
    return Seat(
        session=session.hex(),
        code=code.hex(),
        capacity=mine.capacity.value,
        phase=row.phase,
        start_ms=row.convene.start_ms,
        end_ms=row.end_ms,
        project_name=project_name,
        lot_code=lot_code,
        colleagues=[
            Colleague(code=one.code.hex(), site=one.site, capacity=one.capacity.value)
            for one in session_view.members(desk, row)
            if started or one.site == desk.identity.center
        ],
        voted=mine.ballot is not None,
        chair=None if row.chair is None else row.chair.hex(),
        report_digest=None if row.report_digest is None else row.report_digest.hex(),
        signed=mine.signature_digest is not None,
        entrance=entrances.get(desk.identity.center),
    )
