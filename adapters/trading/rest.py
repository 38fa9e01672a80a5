"""Client of the e-trading system's REST API (see ``port``), with its sealing keys pinned.

The pin is what makes "sealed to the e-trading system" true: without it, whoever answers at the
address could hand out a key of his own and read the list.
"""

import base64
import hmac
from collections.abc import Mapping
from typing import Final

from adapters.errors import Rejected
from adapters.http_client import OutsideHttp
from adapters.trading.port import (
    INFO_BYTES_MAX,
    SEALED_BYTES_MAX,
    SEALING_KEY_BYTES,
    RosterReceipt,
)


class RestTradingSystem:
    """A ``TradingSystem`` over HTTP.

    Args:
        http: The connection to it; closed with this object.
        pinned_keys: The raw public keys exchanged with the system's operator, by suite; one for
            every suite of the center's agreements.
        stand_in: The operator's word that the stand-in server is at the other end. Without it a
            server that says it is a stand-in is refused.

    Raises:
        ValueError: There is no pin, or one is of an unknown suite or of a wrong length.
    """

    def __init__(
        self, *, http: OutsideHttp, pinned_keys: Mapping[str, bytes], stand_in: bool = False
    ) -> None:
        if not pinned_keys:
            raise ValueError("no sealing key is pinned for any suite")
        for suite, key in pinned_keys.items():
            length = SEALING_KEY_BYTES.get(suite)
            if len(key) != length:
                raise ValueError(
                    f"the pinned sealing key for {suite} must have {length} bytes, not {len(key)}"
                )
        self._http = http
        self._pinned_keys = dict(pinned_keys)
        self.stand_in: Final = stand_in

    async def self_test(self) -> None:
        """The system answers, and its keys are the pinned ones."""
        await self._http.check_health()
        for suite in self._pinned_keys:
            await self.sealing_key(suite)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._http.aclose()

    async def sealing_key(self, suite: str) -> bytes:
        """Fetch the key and hold it against the pin; see ``TradingSystem``."""
        pinned = self._pinned_keys.get(suite)
        if pinned is None:
            raise Rejected(
                self._http.system,
                f"no sealing key is pinned for the suite {suite}. Get it from the system's "
                "operator and put it into the configuration.",
            )
        reply = await self._http.get_json(f"/sealing-keys/{suite}")
        if reply.fields.get("stand_in") not in (None, False) and not self.stand_in:
            raise Rejected(
                self._http.system,
                "a stand-in answers where the real e-trading system is expected. "
                "Correct the base URL.",
            )
        key = reply.binary("public_key")
        if reply.text("suite") != suite or not hmac.compare_digest(key, pinned):
            raise Rejected(
                self._http.system,
                f"its sealing key {_short(key)} for {reply.text('suite')[:16]} is not the one "
                f"pinned for {suite}, {_short(pinned)}. Nothing will be sealed to it. Ask its "
                "operator by another channel; if the change is genuine, change the pin in the "
                "configuration.",
            )
        return key

    async def deliver_roster(
        self, suite: str, draw_id: str, revision: int, info: bytes, sealed: bytes
    ) -> RosterReceipt:
        """POST the sealed roster; see ``TradingSystem``."""
        if revision < 0:
            raise ValueError(f"the revision of a roster is at least 0, not {revision}")
        if len(info) > INFO_BYTES_MAX or not 0 < len(sealed) <= SEALED_BYTES_MAX:
            raise ValueError(
                f"roster {draw_id}/{revision}: info must have at most {INFO_BYTES_MAX} bytes and "
                f"sealed 1 to {SEALED_BYTES_MAX}, not {len(info)} and {len(sealed)}"
            )
        reply = await self._http.post_json(
            "/rosters",
            {
                "suite": suite,
                "draw_id": draw_id,
                "revision": revision,
                "info": base64.b64encode(info).decode(),
                "sealed": base64.b64encode(sealed).decode(),
            },
            idempotency_key=f"roster:{draw_id}:{revision}",
        )
        return RosterReceipt(
            receipt_id=reply.text("receipt_id"),
            opened=reply.flag("opened"),
            members=reply.count("members"),
            by=reply.text("by"),
        )


def _short(key: bytes) -> str:
    return f"{key.hex()[:16]}…"
