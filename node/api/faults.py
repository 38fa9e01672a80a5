"""How an exception becomes an answer: ``{"error": {"code", "zh", "en", "detail"}}``.

What a person may read is in the exceptions of the services and the domain. Everything else
becomes one constant sentence; the log has the rest, under the number that the answer names.
"""

import errno
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from adapters import errors as outside
from federation.engine.outbox import AnswerRefused
from federation.errors import FederationError, Recovering
from federation.ports import Unreachable
from federation.trust.errors import SignerAway
from federation.trust.keys import BadDescriptor
from node import logs
from node.domain.refusal import Inadmissible
from node.domain.sheet import BadTable
from node.services.accounts import Throttled, TotpRequired, WrongCredentials, WrongTotp
from node.services.errors import Conflicting, Invalid, NotAllowed, NotFound, UseCaseError
from node.services.reasons import reason_zh
from node.store.database import StoreUnavailable

LOG: Final = logs.logger("node.api")
MAX_DETAIL: Final = 400  # as many lines as a bad table may have problems, and some more


class Unauthorised(UseCaseError):
    """No token, or one that is not valid (any more)."""

    code = "LOG_IN"


class Fault(BaseModel):
    """What went wrong, for a person and for a program."""

    code: str = Field(examples=["CONFLICT"])
    zh: str = Field(examples=["该项目已受理"])
    en: str = Field(examples=["the project has been accepted already"])
    detail: list[Any] = Field(default_factory=list, examples=[[]])


class Answer(BaseModel):
    """The body of every answer that is not a success."""

    error: Fault


_STATUS: Final[Sequence[tuple[type[UseCaseError], HTTPStatus]]] = (
    (Unauthorised, HTTPStatus.UNAUTHORIZED),
    (WrongCredentials, HTTPStatus.UNAUTHORIZED),
    (TotpRequired, HTTPStatus.UNAUTHORIZED),
    (WrongTotp, HTTPStatus.UNAUTHORIZED),
    (Throttled, HTTPStatus.TOO_MANY_REQUESTS),
    (NotFound, HTTPStatus.NOT_FOUND),
    (NotAllowed, HTTPStatus.FORBIDDEN),
    (Invalid, HTTPStatus.UNPROCESSABLE_ENTITY),
    (Conflicting, HTTPStatus.CONFLICT),
)

_HTTP: Final[Mapping[int, tuple[str, str, str]]] = {
    400: (
        "BAD_REQUEST",
        "请求无法解析:应为UTF-8编码的JSON或表单,层次与数字大小适中",
        "the request cannot be read: JSON or a form in UTF-8, not too deep, no endless numbers",
    ),
    404: ("NOT_FOUND", "没有这个地址", "there is no such address"),
    405: ("METHOD_NOT_ALLOWED", "该地址不支持此方法", "this address does not take this method"),
    408: ("TOO_SLOW", "请求传输过慢", "the request came in too slowly"),
    413: ("TOO_LARGE", "请求过大", "the request is too large"),
}

RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    code: {"model": Answer, "description": text}
    for code, text in {
        401: "未登录 · not logged in",
        403: "无权限 · not allowed",
        404: "不存在 · not found",
        409: "与现状冲突 · conflicts with how things stand",
        422: "内容有误 · the content is wrong",
        503: "暂不可用 · not available for now",
    }.items()
}


def answer(status: int, code: str, zh: str, en: str, detail: Sequence[Any] = ()) -> JSONResponse:
    """One error as a response."""
    fault = Fault(code=code, zh=zh, en=en, detail=list(detail[:MAX_DETAIL]))
    headers = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else None
    return JSONResponse(Answer(error=fault).model_dump(), status_code=status, headers=headers)


def _use_case(_: Request, error: UseCaseError) -> JSONResponse:
    status = next(
        (status for kind, status in _STATUS if isinstance(error, kind)), HTTPStatus.BAD_REQUEST
    )
    return answer(status, error.code, error.zh, error.en, error.detail)


def _inadmissible(_: Request, error: Inadmissible) -> JSONResponse:
    return answer(422, "INVALID", error.zh, error.en)


def _bad_table(_: Request, error: BadTable) -> JSONResponse:
    problems = [
        {
            "line": each.line,
            "column": each.column,
            "zh": each.message_zh,
            "en": each.message_en,
        }
        for each in error.problems
    ]
    total = len(error.problems) + error.more
    return answer(
        422,
        "BAD_TABLE",
        f"表格有{total}处问题,未导入任何数据",
        f"{total} problem(s) in the table; nothing was imported",
        problems,
    )


def _bad_request(_: Request, error: RequestValidationError) -> JSONResponse:
    # Never the input itself: it may be an ID number.
    detail = [
        {"where": ".".join(str(part) for part in each["loc"]), "en": each["msg"]}
        for each in error.errors()
    ]
    return answer(422, "INVALID", "请求内容有误,见明细", "the request is not well-formed", detail)


def recovering() -> JSONResponse:
    """Work that is asked for while the node fetches lost words back."""
    return answer(
        503,
        "RECOVERING",
        "本节点正在从伙伴处恢复丢失的消息,暂不受理新业务,请稍后再试",
        "this node fetches lost words back from its partners and takes no new work; try again",
    )


def _recovering(_: Request, error: Recovering) -> JSONResponse:
    del error  # it is written for partners
    return recovering()


def _federation(_: Request, error: FederationError) -> JSONResponse:
    detail = [text for text in (error.clause, error.alternative) if text]
    return answer(
        409,
        error.reason,
        f"联评规则不允许:{reason_zh(error.reason)}({error.detail})",
        error.detail,
        detail,
    )


def _bad_descriptor(_: Request, error: BadDescriptor) -> JSONResponse:
    return answer(422, "BAD_DESCRIPTOR", f"名片无效:{error}", f"bad descriptor: {error}")


def _peer_away(_: Request, error: Unreachable) -> JSONResponse:
    LOG.info("a peer did not answer a question of ours", error=str(error))
    return answer(
        503, "PEER_AWAY", "伙伴中心暂时联系不上,请稍后再试", "the peer does not answer now"
    )


def _peer_refused(_: Request, error: AnswerRefused) -> JSONResponse:
    return answer(409, "PEER_REFUSED", f"伙伴中心拒绝:{error}", f"the peer refuses: {error}")


def _outside(_: Request, error: outside.OutsideError) -> JSONResponse:
    LOG.warning("an outside system failed", system=error.system, error=error.detail)
    if isinstance(error, outside.Rejected):
        return answer(
            422,
            "OUTSIDE_REJECTED",
            f"外部系统拒绝:{error.system}",
            f"an outside system refuses: {error.system}",
        )
    return answer(
        503,
        "OUTSIDE_AWAY",
        f"外部系统暂时没有应答,请稍后再试:{error.system}",
        f"an outside system does not answer now: {error.system}",
    )


def store_away(error: StoreUnavailable) -> JSONResponse:
    """What anybody is told while the store cannot be asked."""
    LOG.error("the store is not available", error=str(error))
    return answer(
        503, "STORE_AWAY", f"数据库:{error.outage.zh}", f"the database: {error.outage.en}"
    )


def _store(_: Request, error: StoreUnavailable) -> JSONResponse:
    return store_away(error)


def _keys(_: Request, error: SignerAway) -> JSONResponse:
    LOG.error("our keys' holder is away", error=str(error))
    return answer(
        503,
        "KEYS_AWAY",
        "签名密钥暂时不可用,请运维人员检查令牌后重试",
        "the signing keys are away; have the operator look at the token, then try again",
    )


def _file(request: Request, error: OSError) -> JSONResponse:
    """A file of ours that is no database: a dossier, a stand-in's, an upload's."""
    if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
        return _anything(request, error)
    LOG.error("a file could not be written", error=str(error))
    return answer(
        503, "DISK_FULL", "磁盘已满,请运维人员清理空间后重试", "the disk is full; free space"
    )


def _http(_: Request, error: HTTPException) -> JSONResponse:
    code, zh, en = _HTTP.get(error.status_code, ("FAILED", "请求失败", "the request failed"))
    return answer(error.status_code, code, zh, en)


def _anything(request: Request, error: Exception) -> JSONResponse:
    number = request.scope.get("lianping.number", "")
    LOG.error(
        "a request failed by our own fault",
        number=number,
        method=request.method,
        error_type=type(error).__name__,
        exc_info=error,
    )
    return answer(
        500,
        "OWN_FAULT",
        f"系统内部错误,请把编号{number}告诉运维人员",
        f"internal error; tell your operator the number {number}",
    )


def install(app: FastAPI) -> None:
    """Make ``app`` answer so."""
    handlers: Mapping[type[Exception], Any] = {
        UseCaseError: _use_case,
        Inadmissible: _inadmissible,
        BadTable: _bad_table,
        RequestValidationError: _bad_request,
        Recovering: _recovering,
        FederationError: _federation,
        BadDescriptor: _bad_descriptor,
        Unreachable: _peer_away,
        AnswerRefused: _peer_refused,
        outside.OutsideError: _outside,
        StoreUnavailable: _store,
        SignerAway: _keys,
        OSError: _file,
        HTTPException: _http,
        Exception: _anything,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)
