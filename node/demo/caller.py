"""The HTTP client of a patient integrator: it speaks only the public API.

A node may be restarted at any moment. Reading is simply tried again; a command carries an
``Idempotency-Key``, so that trying it again cannot do it twice. Patience is bounded.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import httpx

T = TypeVar("T")

PATIENCE_SECONDS: Final = 120.0  # a node restarts in two; on a loaded machine in a minute
PAUSE_SECONDS: Final = 0.05
RETRIED: Final = frozenset({502, 503, 504})


def connect(base_url: str) -> httpx.Client:
    """Connections to one API, through no proxy."""
    return httpx.Client(base_url=base_url, timeout=10.0, trust_env=False)


class CallFailed(Exception):
    """The API said no, with a reason for people."""

    def __init__(self, method: str, path: str, status: int, body: str) -> None:
        super().__init__(f"{method} {path}: {status} {body[:600]}")
        self.status = status


class Caller:
    """One person's or system's way into one node.

    Args:
        http: The connections to the node's API; whoever made them closes them.
        new_key: Makes idempotency keys.
        token: Bearer token, once there is one.
    """

    def __init__(self, http: httpx.Client, new_key: Callable[[], str], token: str = "") -> None:
        self._http = http
        self._new_key = new_key
        self._token = token

    def log_in(self, path: str, body: Mapping[str, Any]) -> "Caller":
        """The same node with the token that logging in gives."""
        answer = self.post(path, body)
        return Caller(self._http, self._new_key, answer["token"])

    def get(self, path: str, **query: object) -> Any:
        """Read. Raises CallFailed."""
        return self._call("GET", path, params={k: str(v) for k, v in query.items()})

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Command. Raises CallFailed."""
        return self._call("POST", path, json=dict(body or {}), key=self._new_key())

    def upload(self, path: str, name: str, content: bytes) -> Any:
        """Send one file. Raises CallFailed."""
        return self._call("POST", path, files={"file": (name, content)}, key=self._new_key())

    def download(self, path: str) -> bytes:
        """Fetch one file. Raises CallFailed."""
        return self._send("GET", path, {}).content

    def until(
        self,
        read: Callable[["Caller"], T | None],
        what: str,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> T:
        """Read again and again until there is an answer.

        Raises:
            TimeoutError: Patience ended; ``what`` says what did not come.
        """
        ends = time.monotonic() + patience_seconds
        while True:
            found = read(self)
            if found is not None:
                return found
            if time.monotonic() > ends:
                raise TimeoutError(f"waited {patience_seconds:.0f} s in vain for {what}")
            time.sleep(PAUSE_SECONDS)

    def _call(self, method: str, path: str, **request: Any) -> Any:
        answer = self._send(method, path, request)
        return answer.json() if answer.content else None

    def _send(self, method: str, path: str, request: dict[str, Any]) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        key = request.pop("key", None)
        if key is not None:
            headers["Idempotency-Key"] = key
        ends = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                answer = self._http.request(method, path, headers=headers, **request)
            except httpx.TransportError:
                if time.monotonic() > ends:
                    raise
            else:
                if answer.is_success:
                    return answer
                if answer.status_code not in RETRIED or time.monotonic() > ends:
                    raise CallFailed(method, path, answer.status_code, answer.text)
            time.sleep(PAUSE_SECONDS)
