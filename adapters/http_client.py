"""The one HTTP client of all adapters: time-outs, size limits, retries, and which error is which.

What is retried: every GET, and a POST only when it carries an idempotency key, because only
then may a lost answer be asked for again without a second effect. The key travels as
``Idempotency-Key`` (draft-ietf-httpapi-idempotency-key-header), percent-encoded. The other side
must answer a known key with the stored answer, and 409 or 422 when the key comes with another
request.

What an answer means:

=====================================  ==========================================
2xx                                    done
408, 425, 429, any 5xx, no answer      ``Unreachable``, after the bounded retries
any other status, a redirect included  ``Rejected``: nothing is followed, as the body holds
                                       personal data meant for this host alone
longer than the limit, compressed      ``Rejected``
=====================================  ==========================================

From an error body ``{"code": "…", "detail": "…"}`` only the code is passed on, and only when it
looks like one: the detail may repeat a phone number.

What is not here: what any system's paths mean (``rest.py`` of each), and parsing (``http_reply``).
"""

import asyncio
import ipaddress
import json
import re
import ssl
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import quote

import httpx
from tenacity import (
    AsyncRetrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from adapters.errors import Rejected, Unreachable
from adapters.http_reply import Reply, parse_object

RESPONSE_BYTES_MAX: Final = 1024 * 1024
"""Every answer but a library export is a few KiB; 1 MiB stops a runaway or hostile sender."""

IDEMPOTENCY_KEY_CHARS_MAX: Final = 255
"""What common gateways store for a key."""

_AGAIN_LATER: Final = frozenset({408, 425, 429})
_SERVER_ERROR: Final = 500
_ERROR_CODE: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one request may take, all tries together bounded by about their sum.

    Attributes:
        connect_s: For TCP and TLS. A center's own systems are a few milliseconds away.
        exchange_s: For one whole try, first byte sent to last byte read: a sender that drips
            one byte a second must not hold us.
        attempts: Tries in all. Four, with waits of up to 0.2 to 1.6 s, ride out a restart of a
            load balancer; anything longer is for the caller, who has durable to-dos.
        first_wait_s: Upper bound of the first random wait; doubles with each.
        longest_wait_s: Upper bound of any wait.
    """

    connect_s: float = 5.0
    exchange_s: float = 20.0
    attempts: int = 4
    first_wait_s: float = 0.2
    longest_wait_s: float = 5.0


PATIENCE: Final = Patience()


@dataclass(frozen=True, slots=True)
class Body:
    """An answer that is not JSON: its bytes, and its lower-case ``Content-Type`` or ""."""

    content: bytes
    content_type: str


class OutsideHttp:
    """Talks to one system.

    Args:
        system: Its name, for messages.
        base_url: ``https://host[:port][/prefix]``. ``http`` is accepted for loopback, and
            elsewhere only with ``plain_http``.
        token: Sent as ``Authorization: Bearer``; "" for none.
        tls: The TLS context, for a private CA or a client certificate; None for the public CAs.
        plain_http: Accept ``http`` to other hosts, inside a container network of a demonstration.
        patience: Time-outs and retries.

    Raises:
        ValueError: ``base_url`` is not usable.
    """

    def __init__(
        self,
        *,
        system: str,
        base_url: str,
        token: str = "",
        tls: ssl.SSLContext | None = None,
        plain_http: bool = False,
        patience: Patience = PATIENCE,
    ) -> None:
        self.system = system
        self._patience = patience
        _check_base_url(system, base_url, plain_http=plain_http)
        # Compressed answers are refused, so that a small one cannot unfold into a large one.
        headers = {"Accept-Encoding": "identity"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self._client = httpx.AsyncClient(
            base_url=base_url,
            headers=headers,
            verify=tls or True,
            timeout=httpx.Timeout(patience.exchange_s, connect=patience.connect_s),
            follow_redirects=False,
            trust_env=False,  # only node.config reads the environment
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def get_json(self, path: str) -> Reply:
        """GET a JSON object; retried.

        Raises:
            Rejected: A final no, or not a JSON object.
            Unreachable: No answer within all tries.
        """
        body = await self.get_bytes(path, bytes_max=RESPONSE_BYTES_MAX)
        return parse_object(self.system, f"GET {path}", body.content)

    async def get_bytes(self, path: str, *, bytes_max: int) -> Body:
        """GET anything of at most ``bytes_max`` bytes; retried. Raises as ``get_json``."""

        async def once() -> Body:
            return await self._exchange("GET", path, bytes_max=bytes_max)

        return await self._retried(once)

    async def post_json(
        self, path: str, fields: Mapping[str, Any], *, idempotency_key: str | None
    ) -> Reply:
        """POST a JSON object and read one; retried if and only if there is a key.

        Raises:
            Rejected: A final no, or not a JSON object.
            Unreachable: No answer. Without a key nobody knows whether it was done.
            ValueError: The key is empty or too long: our own mistake.
        """
        headers = {"Content-Type": "application/json"}
        content = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()

        async def once() -> Body:
            return await self._exchange(
                "POST", path, bytes_max=RESPONSE_BYTES_MAX, content=content, headers=headers
            )

        if idempotency_key is None:
            body = await once()
        else:
            headers["Idempotency-Key"] = _key_header(idempotency_key)
            body = await self._retried(once)
        return parse_object(self.system, f"POST {path}", body.content)

    async def check_health(self) -> None:
        """``GET /health`` must answer 2xx; raises as ``get_json``."""
        await self.get_json("/health")

    async def _retried(self, once: Callable[[], Coroutine[None, None, Answer]]) -> Answer:
        retrying = AsyncRetrying(
            stop=stop_after_attempt(self._patience.attempts),
            wait=wait_random_exponential(
                multiplier=self._patience.first_wait_s, max=self._patience.longest_wait_s
            ),
            retry=retry_if_exception_type(Unreachable),
            reraise=True,
        )
        return await retrying(once)

    async def _exchange(
        self,
        method: str,
        path: str,
        *,
        bytes_max: int,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Body:
        request = f"{method} {path}"
        try:
            async with (
                asyncio.timeout(self._patience.exchange_s),
                self._client.stream(method, path, content=content, headers=headers) as response,
            ):
                body = await self._read_bounded(request, response, bytes_max)
        except (httpx.TimeoutException, TimeoutError) as error:
            raise Unreachable(
                self.system,
                f"{request} got no full answer within {self._patience.exchange_s:g} s "
                f"({type(error).__name__}). Check that the system is up and reachable.",
            ) from error
        except httpx.RequestError as error:
            # The message of httpx names hosts and errno, no content.
            raise Unreachable(
                self.system,
                f"{request} failed: {type(error).__name__} {error}. Check address, network, TLS.",
            ) from error
        self._check_status(request, response.status_code, body)
        return Body(body, response.headers.get("content-type", "").lower())

    async def _read_bounded(self, request: str, response: httpx.Response, bytes_max: int) -> bytes:
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise Rejected(
                self.system,
                f"the answer to {request} is compressed although we asked for identity. "
                "Switch compression off for this client.",
            )
        received = bytearray()
        async for chunk in response.aiter_raw():
            received += chunk
            if len(received) > bytes_max:
                raise Rejected(
                    self.system,
                    f"the answer to {request} is longer than {bytes_max} bytes. "
                    "Is the base URL right?",
                )
        return bytes(received)

    def _check_status(self, request: str, status: int, body: bytes) -> None:
        if httpx.codes.is_success(status):
            return
        said = f"{request} was answered {status}{_error_code(body)}"
        if status in _AGAIN_LATER or status >= _SERVER_ERROR:
            raise Unreachable(self.system, f"{said}. It may be tried again.")
        raise Rejected(self.system, f"{said}. Trying again will not help: see that system's log.")


def path_segment(value: str) -> str:
    """``value`` as one segment of a path: nothing in it can climb or add a query."""
    # "." and ".." would be resolved away by the URL parser, encoded or not.
    if value in {"", ".", ".."}:
        raise ValueError(f"{value!r} cannot be a path segment")
    return quote(value, safe="")


def _key_header(key: str) -> str:
    encoded = quote(key, safe=":/")
    if not 0 < len(encoded) <= IDEMPOTENCY_KEY_CHARS_MAX:
        raise ValueError(
            f"an idempotency key must have 1 to {IDEMPOTENCY_KEY_CHARS_MAX} characters "
            f"when percent-encoded, not {len(encoded)}"
        )
    return encoded


def _error_code(body: bytes) -> str:
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    code = fields.get("code") if isinstance(fields, dict) else None
    if isinstance(code, str) and _ERROR_CODE.fullmatch(code):
        return f" ({code})"
    return ""


def _check_base_url(system: str, base_url: str, *, plain_http: bool) -> None:
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL as error:
        raise ValueError(f"{system}: the base URL is not a URL: {error}") from error
    if url.scheme not in {"http", "https"} or not url.host or url.query or url.userinfo:
        raise ValueError(
            f"{system}: the base URL must be https://host[:port][/prefix], without query or user"
        )
    if url.scheme == "http" and not plain_http and not _is_loopback(url.host):
        raise ValueError(
            f"{system}: http to {url.host} would send personal data in clear. Use https, or "
            "allow plain http for a demonstration on a network of its own."
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
