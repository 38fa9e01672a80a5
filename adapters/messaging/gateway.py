"""Client of the telephone gateway's REST API (see ``port``).

Placing a call and hearing its end are two requests, because a call takes minutes and a
connection may not last that long. Whatever breaks in between, the same key leads back to the
same call.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from tenacity import AsyncRetrying, RetryError, retry_if_result, stop_after_delay, wait_fixed

from adapters.errors import Rejected, Unreachable
from adapters.http_client import OutsideHttp, path_segment
from adapters.messaging.port import Answer, CallResult, check_text


@dataclass(frozen=True, slots=True)
class Polling:
    """How to wait for the end of a call.

    Attributes:
        every_s: Pause between two looks; an expert does not notice two seconds.
        at_most_s: The API promises an end within 180 s; a little is added for the queue.
    """

    every_s: float = 2.0
    at_most_s: float = 200.0


POLLING: Final = Polling()
MAX_KEYS: Final = 32  # what anybody presses within three minutes, and some more


class GatewayMessaging:
    """``Messaging`` through a gateway over HTTP.

    Args:
        http: The connection to it; closed with this object.
        receipt_keys: The vendor's public keys, raw, by suite.
        polling: How to wait for the end of a call.
    """

    stand_in: Final = False

    def __init__(
        self,
        *,
        http: OutsideHttp,
        receipt_keys: Mapping[str, bytes] = MappingProxyType({}),
        polling: Polling = POLLING,
    ) -> None:
        self._http = http
        self._receipt_keys = receipt_keys
        self._polling = polling

    async def self_test(self) -> None:
        """The gateway answers."""
        await self._http.check_health()

    async def aclose(self) -> None:
        """Close the connection."""
        await self._http.aclose()

    def receipt_key(self, suite: str) -> bytes:
        """The pinned key; see ``Messaging``."""
        if suite not in self._receipt_keys:
            raise Rejected(
                self._http.system,
                f"no key is pinned for receipts under {suite}: without one no answer of an expert "
                "counts. Set adapters.messaging.receipt_key (intl-1) or receipt_key_gm (gm-1).",
            )
        return self._receipt_keys[suite]

    async def invite(self, key: str, phone: str, text: str, suite: str = "") -> CallResult:
        """Place the call, then look until it is done; see ``Messaging``."""
        check_text(text)
        placed = await self._http.post_json(
            "/calls",
            {"phone": phone, "text": text, "suite": suite},
            idempotency_key=f"call:{key}",
        )
        call_id = placed.text("call_id")

        async def look() -> CallResult | None:
            return await self._result(call_id)

        polling = AsyncRetrying(
            retry=retry_if_result(lambda result: result is None),
            wait=wait_fixed(self._polling.every_s),
            stop=stop_after_delay(self._polling.at_most_s),
        )
        try:
            result: CallResult | None = await polling(look)
        except RetryError as error:
            raise Unreachable(
                self._http.system,
                f"call {call_id} is still ringing after {self._polling.at_most_s:g} s. "
                "Invite again under the same key to hear its end.",
            ) from error
        assert result is not None, "None is polled again until the time is up"
        return result

    async def sms(self, key: str, phone: str, text: str, suite: str = "") -> bytes:
        """Send a text; see ``Messaging``."""
        check_text(text)
        reply = await self._http.post_json(
            "/sms",
            {"phone": phone, "text": text, "suite": suite},
            idempotency_key=f"sms:{key}",
        )
        return reply.binary("receipt")

    async def _result(self, call_id: str) -> CallResult | None:
        reply = await self._http.get_json(f"/calls/{path_segment(call_id)}")
        state = reply.text("state")
        if state == "ringing":
            return None
        if state != "done":
            raise reply.wrong("state", "ringing or done")
        try:
            answer = Answer(reply.text("answer"))
        except ValueError as error:
            raise reply.wrong("answer", " or ".join(Answer)) from error
        keys = reply.fields.get("keys")
        if not isinstance(keys, str) or len(keys) > MAX_KEYS:
            raise reply.wrong("keys", f"what was pressed, at most {MAX_KEYS} keys")
        return CallResult(answer, reply.binary("receipt"), keys)
