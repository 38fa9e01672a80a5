"""Client of the e-trading system's REST API (see ``port``), with its sealing key pinned.

The pin is what makes "sealed to the e-trading system" true: without it, whoever answers at the
address could hand out a key of his own and read the list.
"""

import base64
import hmac
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
        pinned_key: The raw X25519 public key exchanged with the system's operator, 32 bytes.
        stand_in: The operator's word that the stand-in server is at the other end. Without it a
            server that says it is a stand-in is refused.

    Raises:
        ValueError: The pin is not 32 bytes long.
    """

    def __init__(self, *, http: OutsideHttp, pinned_key: bytes, stand_in: bool = False) -> None:
        if len(pinned_key) != SEALING_KEY_BYTES:
            raise ValueError(
                f"the pinned sealing key must have {SEALING_KEY_BYTES} bytes, not {len(pinned_key)}"
            )
        self._http = http
        self._pinned_key = pinned_key
        self.stand_in: Final = stand_in

    async def self_test(self) -> None:
        """The system answers, and its key is the pinned one."""
        await self._http.check_health()
        await self.sealing_key()

    async def aclose(self) -> None:
        """Close the connection."""
        await self._http.aclose()

    async def sealing_key(self) -> bytes:
        """Fetch the key and hold it against the pin; see ``TradingSystem``."""
        reply = await self._http.get_json("/sealing-key")
        if reply.fields.get("stand_in") not in (None, False) and not self.stand_in:
            raise Rejected(
                self._http.system,
                "a stand-in answers where the real e-trading system is expected. "
                "Correct the base URL.",
            )
        key = reply.binary("public_key")
        if not hmac.compare_digest(key, self._pinned_key):
            raise Rejected(
                self._http.system,
                f"its sealing key {_short(key)} is not the pinned {_short(self._pinned_key)}. "
                "Nothing will be sealed to it. Ask its operator by another channel; if the change "
                "is genuine, change the pin in the configuration.",
            )
        return key

    async def deliver_roster(
        self, draw_id: str, revision: int, info: bytes, sealed: bytes
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
