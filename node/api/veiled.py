"""Covers, on every answer that leaves the API, what ``node.services.veil`` says must be."""

import json
import re
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from node.api.faults import store_away
from node.api.parts import Parts
from node.services.veil import veil
from node.store.database import StoreUnavailable

JSON: Final = b"application/json"

ALL_PARTNERS: Final = "/availability"
"""What ends the path of an answer that lists every partner: covering one would single it out."""

ABOUT_PARTNERS: Final = (
    "/api/peers",
    "/api/invitations",
    "/api/agreements",
    "/api/joint-tests",
    "/api/availability",
)
"""What is about partners as such: the drawn one is among many there, in errors too."""

REFUSED: Final = 400  # from here on a status is an error's
_ID: Final = re.compile(r"[0-9a-f]{32}")


class Veiled:
    """Stands between the routes and the gate, before people and their programs alike.

    Args:
        app: The routes.
        parts: The node.
    """

    def __init__(self, app: ASGIApp, parts: Parts) -> None:
        self._app = app
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start: Message | None = None
        body = bytearray()

        async def answer(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _is_json(message):
                start = message
                return
            if start is None or message["type"] != "http.response.body":
                await send(message)
                return
            body.extend(message.get("body", b""))
            if not message.get("more_body", False):
                try:
                    covered = await self._covered(scope["path"], start["status"], bytes(body))
                except StoreUnavailable as error:  # nobody knows what must be covered
                    await store_away(error)(scope, receive, send)
                    return
                await send({**start, "headers": _measured(start, covered)})
                await send({"type": "http.response.body", "body": covered})

        await self._app(scope, receive, answer)

    async def _covered(self, path: str, status: int, body: bytes) -> bytes:
        """The body, covered; the same bytes where there is nothing to cover."""
        found = await self._parts.negotiator.transact(veil)
        if not found.names or not body:
            return body
        plain: Any = json.loads(body)
        about = [] if path.endswith(ALL_PARTNERS) else _ID.findall(path)
        if not about and status >= REFUSED and not path.startswith(ABOUT_PARTNERS):
            about = list(found.names)  # an error does not say what it is about: it may be this
        covered = found.over(plain, about)
        return body if covered == plain else json.dumps(covered, ensure_ascii=False).encode()


def _is_json(message: Message) -> bool:
    return any(
        name == b"content-type" and value.startswith(JSON) for name, value in message["headers"]
    )


def _measured(start: Message, body: bytes) -> list[tuple[bytes, bytes]]:
    kept = [(name, value) for name, value in start["headers"] if name != b"content-length"]
    return [*kept, (b"content-length", str(len(body)).encode())]
