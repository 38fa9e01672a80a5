"""Routes of an expert about the register: receipt, leave, and what a code tells without a log-in.

An expert logs in with identity card and face, whether drawn or not; see ``door`` for check-in,
which is for those who are awaited.
"""

from datetime import date
from typing import Annotated, Final

from fastapi import APIRouter, Query, Response, status
from pydantic import Field, StringConstraints

from node.api.absences import Absence, absence_shape
from node.api.access import NodeParts, RegisteredExpert
from node.api.door import Card, LoggedIn, read_face, unknown_person
from node.api.faults import RESPONSES
from node.api.shapes import EXAMPLE_LONG_ID, Done, HexText, IdPath, Made, Ms, Shape, raw
from node.domain.absence import AbsenceKind
from node.services.accounts import OWN, Role
from node.services.expert_receipts import DAYS, MAX_DAYS
from node.services.experts import BY_EXPERT, Filed

OWN_TOKEN_MS: Final = 15 * 60 * 1_000  # for one errand at a desk or a telephone
MEDIA: Final = "application/vnd.lianping.expert-receipt"

router = APIRouter(prefix="/own", tags=["专家本人 · Own affairs"], responses=RESPONSES)


class OwnLeave(Shape):
    """Leave of whoever asks: whole days, the last one too."""

    first: date = Field(examples=["2026-06-01"])
    last: date = Field(examples=["2026-06-03"])
    reason: Annotated[str, StringConstraints(max_length=200)] = ""


class InvitationCode(Shape):
    """The code of the message about an invitation."""

    code: Annotated[str, StringConstraints(max_length=16)] = Field(examples=["7KQ2-M0XD"])


class InvitationRecord(Shape):
    """What was recorded of one invitation: nothing of the project, nothing of a person."""

    handle: HexText = Field(
        examples=[EXAMPLE_LONG_ID], description="抽取中的匿名编号 · the handle that was drawn"
    )
    invited_at_ms: Ms
    called: bool = Field(description="有语音网关签名的通话记录 · the gateway has signed a record")
    response: str | None = Field(
        examples=["NO_ANSWER"], description="记录的答复 · what was reported; null: nothing yet"
    )
    answered_at_ms: Ms | None
    keys: str | None = Field(description="依次按下的键 · the keys pressed", examples=["31"])


@router.post("/log-in", summary="专家登录 · Log in with ID card and face")
async def log_in(parts: NodeParts, body: Card) -> LoggedIn:
    """在库专家均可,令牌十五分钟有效。· For every expert of the register; lasts 15 minutes.

    It never says whether the card or the face was wrong, nor who is in the register.
    """
    number = body.id_number.strip().upper()
    face = read_face(body.face)
    now_ms = parts.negotiator.clock.now_ms()
    parts.accounts.count_try(f"card:{parts.cipher.blind('check_in', number).hex()}", now_ms)
    found = await parts.negotiator.transact(lambda desk: parts.experts.by_id_number(desk, number))
    if found is None:
        raise unknown_person()
    check = await parts.faces.verify(found.id_number, found.name, face)
    if not check.passed:
        raise unknown_person()
    token = await parts.negotiator.transact(
        lambda desk: parts.accounts.admit(desk, Role.EXPERT, f"{OWN}{found.uid}", OWN_TOKEN_MS)
    )
    return LoggedIn(token=token.text, role=token.role, expires_at_ms=token.expires_at_ms)


@router.get("/receipt", summary="取本人回执 · My receipt", response_class=Response)
async def receipt(
    parts: NodeParts,
    who: RegisteredExpert,
    days: Annotated[int, Query(ge=1, le=MAX_DAYS)] = DAYS,
) -> Response:
    """当期是否在库,有何通知记录。· Am I in the pool, and what was recorded.

    A file that proves itself: check it offline with ``lianping verify-receipt``.
    """
    file = await parts.negotiator.transact(
        lambda desk: parts.experts.receipts.make(desk, who.registered, days)
    )
    return Response(
        file,
        media_type=MEDIA,
        headers={"Content-Disposition": 'attachment; filename="expert.receipt"'},
    )


@router.get("/absences", summary="本人请假与暂停记录 · My absences")
async def absences(parts: NodeParts, who: RegisteredExpert) -> list[Absence]:
    """新登记的在前。· The newest first."""
    rows = await parts.negotiator.transact(
        lambda desk: parts.experts.absences(desk, who.registered)
    )
    return [absence_shape(row) for row in rows]


@router.post("/leave", status_code=status.HTTP_201_CREATED, summary="请假 · File leave")
async def leave(parts: NodeParts, who: RegisteredExpert, body: OwnLeave) -> Made:
    """自下一期专家库起生效。· Counts from the next epoch of the pool on."""
    filed = Filed(AbsenceKind.LEAVE, body.first, body.last, body.reason)
    absence = await parts.commands.run(
        who, lambda desk: parts.experts.file_absence(desk, who.registered, filed, BY_EXPERT)
    )
    return Made(id=absence.hex())


@router.post("/absences/{absence}/withdraw", summary="撤回请假 · Withdraw leave")
async def withdraw(parts: NodeParts, who: RegisteredExpert, absence: IdPath) -> Done:
    """由中心登记的须由中心撤回。· What the center filed, the center withdraws."""
    await parts.commands.run(
        who,
        lambda desk: parts.experts.withdraw_absence(
            desk, raw(absence), BY_EXPERT, of=who.registered
        ),
    )
    return Done()


@router.post("/invitation", summary="凭码查询通知记录 · What a code tells")
async def invitation(parts: NodeParts, body: InvitationCode) -> InvitationRecord:
    """无需登录,限制次数。· Without a log-in; tries are counted."""
    now_ms = parts.negotiator.clock.now_ms()
    parts.accounts.count_try(f"code:{parts.cipher.blind('code', body.code.upper()).hex()}", now_ms)
    parts.experts.lookups.count(now_ms)
    found = await parts.negotiator.transact(
        lambda desk: parts.draws.errands.inviting.recorded(desk, body.code)
    )
    return InvitationRecord(
        handle=found.handle.hex(),
        invited_at_ms=found.invited_at_ms,
        called=found.called,
        response=found.response,
        answered_at_ms=found.answered_at_ms,
        keys=found.keys,
    )
