"""C2SP's tlog-witness for anybody, without log-in: the checkpoint's own signature is what counts.

Here: bytes, statuses and limits. What is cosigned is ``federation.engine.submission``. The door is
public, so everything is bounded: the request, and how many of all callers together are looked at.
Partners do not depend on it, their checkpoints ride on calls.
"""

import asyncio
from typing import Annotated, Final

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import PlainTextResponse

from federation.engine import submission
from federation.engine.submission import Verdict
from federation.evidence.tlog_witness import (
    MAX_REQUEST_BYTES,
    SIZE_TYPE,
    BadRequest,
    origin_hash,
    read_add_checkpoint,
)
from federation.transport.limits import Rate
from federation.transport.strangers import Bucket
from node.api.access import NodeParts
from node.api.caller import KEPT
from node.services.house import Desk

ALL_CALLERS: Final = Rate(burst=40, per_second=5.0)
"""A cosignature costs two signatures and a commit: some milliseconds a second at the most."""

router = APIRouter(tags=["见证 · Witness"])


class Turnstile:
    """Lets so many through. One for each node, kept in the application's state."""

    def __init__(self, now: float) -> None:
        self._bucket = Bucket(ALL_CALLERS, now)

    def lets(self, now: float) -> bool:
        """Whether one more may pass now."""
        if not self._bucket.has(now):
            return False
        self._bucket.take(now)
        return True


@router.post(
    "/witness/add-checkpoint",
    summary="会签检查点 · Cosign a checkpoint (C2SP tlog-witness)",
    response_class=PlainTextResponse,
    responses={
        400: {"description": "不是 add-checkpoint 请求 · not such a request"},
        403: {"description": "没有该日志密钥的签名 · not signed by the log's key"},
        404: {"description": "不是本中心登记的日志 · not the log of a pinned center"},
        409: {
            "description": "旧大小不是已会签的;正文为已会签的大小 · the body is the size cosigned"
        },
        422: {"description": "一致性证明不成立 · the consistency proof does not hold"},
        429: {"description": "请求过多 · too many requests"},
    },
)
async def add_checkpoint(parts: NodeParts, request: Request) -> Response:
    """无需登录;只会签已登记中心的 intl-1 日志。· No log-in; intl-1 logs of pinned centers only."""
    if not _passes(request):
        return PlainTextResponse("too many requests\n", 429, {"retry-after": "1"})
    try:
        submitted = read_add_checkpoint(await _body(request))
    except BadRequest as error:
        return PlainTextResponse(f"{error}\n", Verdict.MALFORMED.value)

    def use_case(desk: Desk) -> submission.Answer:
        return parts.negotiator.witness.add_checkpoint(desk, submitted)

    answer = await parts.negotiator.transact(use_case)
    if answer.verdict is Verdict.OTHER_SIZE:
        return Response(f"{answer.size}\n", answer.verdict.value, media_type=SIZE_TYPE)
    if answer.verdict is Verdict.COSIGNED:
        return PlainTextResponse(answer.lines)
    return PlainTextResponse(f"{answer.verdict.name.lower()}\n", answer.verdict.value)


@router.get(
    "/witness/{origin}/checkpoint",
    summary="最近会签的检查点 · The checkpoint cosigned last",
    response_class=PlainTextResponse,
    responses={404: {"description": "没有 · none"}, 429: {"description": "请求过多 · too many"}},
)
async def checkpoint(
    parts: NodeParts,
    request: Request,
    origin: Annotated[str, Path(pattern=r"^[0-9a-f]{64}$", examples=["0" * 64])],
) -> Response:
    """路径为日志名称的 SHA-256。· The path is the SHA-256 of the log's origin."""
    if not _passes(request):
        return PlainTextResponse("too many requests\n", 429, {"retry-after": "1"})

    def use_case(desk: Desk) -> str | None:
        names = [
            each.log_name(submission.SUITE_ID)
            for each in desk.keyring.peers.values()
            if submission.SUITE_ID in each.suites
        ]
        found = [name for name in names if origin_hash(name) == origin]
        return submission.latest(desk, found[0]) if found else None

    note = await parts.negotiator.transact(use_case)
    if note is None:
        return PlainTextResponse("no checkpoint of that log was cosigned here\n", 404)
    return PlainTextResponse(note)


def _passes(request: Request) -> bool:
    now = asyncio.get_running_loop().time()
    turnstile = request.scope[KEPT].setdefault("witness", Turnstile(now))
    return bool(turnstile.lets(now))


async def _body(request: Request) -> bytes:
    """The request's body, cut off where it is longer than any request. Raises BadRequest."""
    found = b""
    async for chunk in request.stream():
        found += chunk
        if len(found) > MAX_REQUEST_BYTES:
            raise BadRequest(f"the request has more than {MAX_REQUEST_BYTES} bytes")
    return found
