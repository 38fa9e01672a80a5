"""Log-in with an account and its second factor, and check-in with an identity card and a face."""

import base64
import binascii
from typing import Annotated, Final, TypeAlias

from fastapi import APIRouter
from pydantic import Field, StringConstraints

from adapters.identity.port import FACE_BYTES_MAX, check_face
from node.api.access import AccountHolder, AnyCaller, NodeParts
from node.api.faults import RESPONSES
from node.api.parts import Parts
from node.api.shapes import EXAMPLE_ID, EXAMPLE_LONG_ID, Done, HexText, Ms, Shape
from node.services.accounts import MEMBER_TOKEN_MS, Accounts, Role, Token, WrongCredentials
from node.services.errors import Invalid
from node.services.house import Desk
from node.services.session_look import Seated
from node.services.totp import MAX_CODE_CHARS

FACE_CHARS_MAX: Final = FACE_BYTES_MAX * 4 // 3 + 4
Base64Face: TypeAlias = Annotated[
    str, Field(max_length=FACE_CHARS_MAX, description="Base64", examples=["ZmFjZTo="])
]
OneTimeCode: TypeAlias = Annotated[
    str,
    Field(
        max_length=MAX_CODE_CHARS,
        description="动态口令,启用后必填 · a one-time code, once the account has them",
        examples=["287082"],
    ),
]

router = APIRouter(tags=["登录 · Log-in"], responses=RESPONSES)


class Credentials(Shape):
    """Name and password of an account."""

    name: str = Field(examples=["zhang.staff"], max_length=64)
    password: str = Field(examples=["correct horse battery"], max_length=256)
    totp: OneTimeCode = ""


class Code(Shape):
    """A one-time code of the caller's authenticator."""

    totp: OneTimeCode


class MaybeCode(Shape):
    """A one-time code, demanded of who has a second factor already."""

    totp: OneTimeCode = ""


class Secret(Shape):
    """The secret of a second factor, shown once."""

    secret: str = Field(description="Base32", examples=["JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"])
    address: str = Field(
        description="二维码内容 · what a QR code holds",
        examples=["otpauth://totp/zhang.staff?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"],
    )


class Card(Shape):
    """What the check-in desk reads: the card's number, and a picture of the face."""

    id_number: Annotated[str, StringConstraints(max_length=32)] = Field(
        examples=["11010519491231002X"]
    )
    face: Base64Face


class CheckInCard(Card):
    """The same, with the code of the expert's message where the center asks for it."""

    code: Annotated[str, StringConstraints(max_length=16)] = Field(
        default="", examples=["7KQ2-M0XD"]
    )


class LoggedIn(Shape):
    """A bearer token, shown once."""

    token: HexText = Field(examples=[EXAMPLE_LONG_ID])
    role: Role
    expires_at_ms: Ms


class CheckedIn(LoggedIn):
    """A bearer token of a member of a committee."""

    session: HexText = Field(examples=[EXAMPLE_ID])
    member: HexText = Field(examples=[EXAMPLE_LONG_ID])


class Me(Shape):
    """Whose token this is."""

    role: Role
    subject: str = Field(examples=["zhang.staff"])


def read_face(text: str) -> bytes:
    """The sample of a request. Raises Invalid."""
    try:
        face = base64.b64decode(text, validate=True)
        check_face(face)
    except (binascii.Error, ValueError) as error:
        raise Invalid(
            f"人脸图像应为 Base64,解码后不超过{FACE_BYTES_MAX}字节",
            f"the face is base64 of 1 to {FACE_BYTES_MAX} bytes",
        ) from error
    return face


@router.post("/login", summary="账号登录 · Log in with an account")
async def log_in(parts: NodeParts, body: Credentials) -> LoggedIn:
    """五分钟内同一账号最多试五次。· At most five tries per account in five minutes.

    ``TOTP_REQUIRED``: the password fits, send the same with a one-time code. No code counts twice.
    """
    token = await parts.accounts.log_in(parts.negotiator, body.name, body.password, body.totp)
    return LoggedIn(token=token.text, role=token.role, expires_at_ms=token.expires_at_ms)


@router.post("/accounts/me/totp", summary="申请绑定动态口令 · Ask for a second factor")
async def offer_totp(parts: NodeParts, who: AccountHolder, body: MaybeCode) -> Secret:
    """密钥只显示一次,确认后生效。· Shown once; it counts after it was confirmed with a code."""
    offer = await parts.accounts.offer_totp(parts.negotiator, who.subject, body.totp)
    return Secret(secret=offer.secret, address=offer.address)


@router.post("/accounts/me/totp/confirm", summary="确认动态口令 · Confirm a second factor")
async def confirm_totp(parts: NodeParts, who: AccountHolder, body: Code) -> Done:
    """此后登录必须带动态口令。· From now on a log-in needs a code."""
    await parts.accounts.confirm_totp(parts.negotiator, who.subject, body.totp)
    return Done()


@router.post("/logout", summary="退出登录 · Log out")
async def log_out(parts: NodeParts, who: AnyCaller) -> Done:
    """令牌立即失效。· The token is void at once."""
    await parts.negotiator.transact(lambda desk: Accounts.log_out(desk, who.token))
    return Done()


@router.get("/whoami", summary="当前身份 · Whose token this is")
async def whoami(who: AnyCaller) -> Me:
    """角色与账号。· Role and account."""
    return Me(role=who.role, subject=who.subject)


@router.post("/check-in", summary="专家签到 · Check in with ID card and face")
async def check_in(parts: NodeParts, body: CheckInCard) -> CheckedIn:
    """核验身份证与人脸,登记签到,发放令牌。· A token for whoever is awaited and is that person.

    It never says whether the card or the face was wrong, nor whether somebody is awaited.
    """
    number = body.id_number.strip().upper()
    face = read_face(body.face)
    now_ms = parts.negotiator.clock.now_ms()
    parts.accounts.count_try(f"card:{parts.cipher.blind('check_in', number).hex()}", now_ms)
    found = await parts.negotiator.transact(lambda desk: parts.sessions.expected(desk, number))
    if found is None:
        raise unknown_person()
    check = await parts.faces.verify(found.id_number, found.name, face)
    if not check.passed:
        raise unknown_person()
    inviting = parts.draws.errands.inviting
    if inviting.policy.code_at_check_in and not await parts.negotiator.transact(
        lambda desk: inviting.fits_seat(desk, found.session, found.code, body.code)
    ):
        raise unknown_person()
    token = await parts.negotiator.transact(lambda desk: _seat(parts, desk, found))
    return CheckedIn(
        token=token.text,
        role=token.role,
        expires_at_ms=token.expires_at_ms,
        session=found.session.hex(),
        member=found.code.hex(),
    )


def _seat(parts: Parts, desk: Desk, found: Seated) -> Token:
    parts.sessions.check_in(desk, found.session, found.code, desk.now_ms)
    subject = f"{found.session.hex()}:{found.code.hex()}"
    return parts.accounts.admit(desk, Role.EXPERT, subject, MEMBER_TOKEN_MS)


def unknown_person() -> WrongCredentials:
    """What is said to anybody whose card, face or code does not fit, whichever it is."""
    return WrongCredentials(
        "身份核验未通过,或目前没有您的评标安排,请联系现场工作人员",
        "identity not confirmed, or nobody is expected under it now; ask the staff",
    )
