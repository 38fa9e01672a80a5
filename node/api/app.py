"""The HTTP API as one ASGI application: routes, limits, headers, OpenAPI.

Integrators read ``/api/openapi.json``. The interactive page is not served: it would load
scripts from another host. A reverse proxy in front gives HTTPS (deploy/README.md).
"""

import asyncio
from functools import cache
from typing import Final

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from node.api import (
    absences,
    agency,
    agreements,
    availability,
    calendar,
    call_backs,
    departures,
    disclosure,
    door,
    evaluation,
    expert,
    faults,
    forks,
    joint_tests,
    keys,
    log,
    operator,
    oversight,
    own,
    peers,
    pools,
    recovery,
    replanning,
    roles,
    staff,
    standing,
    supervisor,
    supplements,
    usage,
    why,
    witness,
)
from node.api.caller import KEPT, LOCAL, NODE
from node.api.commands import HEADER, KEY, Key
from node.api.parts import Parts
from node.api.veiled import Veiled

MAX_REQUEST_BYTES: Final = 24 * 1024 * 1024  # the largest report and its multipart frame
MAX_REQUESTS: Final = 256  # at the same time; beyond it a person is told to come again
SLOW_BODY_SECONDS: Final = 60.0  # a report over a line of 4 Mbit/s takes 40

ROUTED: Final = (
    door,
    operator,
    oversight,
    call_backs,
    peers,
    forks,
    recovery,
    agreements,
    joint_tests,
    keys,
    log,
    staff,
    absences,
    own,
    pools,
    standing,
    supplements,
    calendar,
    evaluation,
    departures,
    agency,
    availability,
    replanning,
    expert,
    supervisor,
    disclosure,
    usage,
    why,
    witness,
)
"""Whose routes the application has, in the order of its documentation."""

READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
WHILE_RECOVERING: Final = (
    "/api/login",
    "/api/logout",
    "/api/recovery",
    "/api/backup",
    "/api/keys",
    "/api/peers",
    "/api/todos",
)
"""What may be done while the node fetches lost words back: nothing that partners are told."""

_DESCRIPTION: Final = """联评节点的 HTTP 接口,供本中心人员、代理机构、监督人员和现有系统使用。

The HTTP interface of a Lianping node, for the center's own people and systems. Ids are hex,
times are unix milliseconds. Log in with `POST /api/login`, then send `Authorization: Bearer`.
Every error is `{"error": {"code", "zh", "en", "detail"}}`.
"""


def create_app(parts: Parts) -> "Gate":
    """The application of one node, behind the gate to the network."""
    return Gate(Veiled(routes(parts), parts), parts)


def create_doors(parts: Parts) -> tuple["Gate", "Gate"]:
    """The same application behind two gates: to the network, and to the node's own socket."""
    app = Veiled(routes(parts), parts)
    return Gate(app, parts), Gate(app, parts, local=True)


def routes(parts: Parts) -> FastAPI:
    """All routes; its ``openapi()`` is what integrators read."""
    return _routes(parts.version)


@cache
def _routes(version: str) -> FastAPI:
    """Made once: it takes a second, and knows no node. The gate says in the scope whose it is."""
    app = FastAPI(
        title="联评 Lianping",
        version=version,
        description=_DESCRIPTION,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=_operation_id,
    )
    for module in ROUTED:
        app.include_router(module.router, prefix="/api")
    faults.install(app)
    return app


def _operation_id(route: APIRoute) -> str:
    return f"{route.tags[0]}".rsplit(" ", 1)[-1].lower() + "_" + route.name


class Gate:
    """Counts, times, numbers and limits requests, and sets the headers of every answer.

    Args:
        app: The routes.
        parts: The node.
        local: Whether it stands before the node's own socket. Nothing in a request says so:
            the gate itself writes it into the scope, over whatever is there.
    """

    def __init__(self, app: ASGIApp, parts: Parts, *, local: bool = False) -> None:
        self._app = app
        self._parts = parts
        self._local = local
        self._running = 0
        self._kept: dict[str, object] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        loop = asyncio.get_running_loop()
        began = loop.time()
        KEY.set(_key(scope))
        scope[LOCAL] = self._local
        scope[NODE] = self._parts
        scope[KEPT] = self._kept
        scope["lianping.number"] = self._parts.negotiator.random.bytes(6).hex()
        status = 500
        begun = False

        async def answer(message: Message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                begun = True
                status = message["status"]
                message["headers"] = [*message.get("headers", []), *_HEADERS]
            await send(message)

        self._running += 1
        try:
            if self._running > MAX_REQUESTS:
                refusal = faults.answer(
                    503, "BUSY", "请求过多,请稍后再试", "too many requests; try again"
                )
                await refusal(scope, receive, answer)
            elif self._parts.config.regulates and roles.is_a_centers(scope["path"]):
                await roles.not_a_center()(scope, receive, answer)
            elif self._parts.recovering.standing.recovering and _is_work(scope):
                await faults.recovering()(scope, receive, answer)
            elif _announced(scope) > MAX_REQUEST_BYTES:
                await _too_large(scope, receive, answer)
            else:
                await self._app(scope, _Bounded(receive), answer)
        except Exception:
            if not begun:  # otherwise it was answered and logged; uvicorn need not say it again
                raise
        finally:
            self._running -= 1
            route = scope.get("route")
            path = route.path if isinstance(route, APIRoute) else "none"
            self._parts.metrics.http_seconds.labels(scope["method"], path, str(status)).observe(
                loop.time() - began
            )


_HEADERS: Final = (
    (b"cache-control", b"no-store"),  # answers are about now, and some are about people
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)


def _is_work(scope: Scope) -> bool:
    """Whether a request would change what is not whole; an operator's own work goes on."""
    return scope["method"] not in READING and not scope["path"].startswith(WHILE_RECOVERING)


class _Bounded:
    """A request's body, cut off where it becomes too large or too slow."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._left = MAX_REQUEST_BYTES
        self._complete = False

    async def __call__(self) -> Message:
        if self._complete:
            return await self._receive()  # waits for the caller to hang up
        try:
            async with asyncio.timeout(SLOW_BODY_SECONDS):
                message = await self._receive()
        except TimeoutError as error:
            raise HTTPException(408) from error
        self._left -= len(message.get("body", b""))
        self._complete = not message.get("more_body", False)
        if self._left < 0:
            raise HTTPException(413)
        return message


def _key(scope: Scope) -> Key | None:
    """The idempotency key, if the request is a command that has one."""
    if scope["method"] == "POST":
        for name, value in scope["headers"]:
            if name == HEADER:
                return Key(value.decode("latin-1"), scope["path"])
    return None


def _announced(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


async def _too_large(scope: Scope, receive: Receive, send: Send) -> None:
    refusal = faults.answer(
        413,
        "TOO_LARGE",
        f"请求超过{MAX_REQUEST_BYTES}字节",
        f"the request is larger than {MAX_REQUEST_BYTES} bytes",
    )
    await refusal(scope, receive, send)
