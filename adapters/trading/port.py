"""What the node needs of the e-trading system: a key to seal to, and a place to deliver to.

After a draw the list of experts goes, encrypted, to the e-trading system of the host center and
to nobody else (``domain.md`` §1.5): the node's own staff cannot read what was sealed. The
sealing itself is the federation's business; here sealed bytes are only carried.

REST API, to be implemented by the e-trading system. JSON in UTF-8, binary in standard base64.
Errors: status and ``{"code": "…", "detail": "…"}``. ``Authorization: Bearer`` as configured.

``GET /health`` → 200 ``{"status": "ok"}``

``GET /sealing-keys/SUITE`` → 200 ``{"suite": str, "public_key": base64, "stand_in": false}``
    The raw public key for a suite: ``intl-1`` X25519 (RFC 7748, 32 bytes), ``gm-1`` an SM2 point
    (GB/T 32918.1 §4.2.9, uncompressed, 65 bytes). It changes only by arrangement with the
    center, which pins it. ``stand_in`` may be left out; true means that this is no real system.
    404 it holds no key of that suite. A system serves the suites of the center's agreements.

``POST /rosters`` with ``Idempotency-Key``
    ``{"suite": str, "draw_id": str, "revision": int, "info": base64, "sealed": base64}``
    Under ``intl-1`` ``sealed`` is HPKE (RFC 9180) in base mode, DHKEM(X25519, HKDF-SHA256),
    HKDF-SHA256, AES-256-GCM, under ``info``, no associated data: 32 bytes of encapsulated key,
    then the ciphertext.
    Under ``gm-1`` it is ek, then SM4-GCM ciphertext and 16 bytes of tag. ek is the SM2
    ciphertext of 32 bytes z, C1C3C2 in DER (GM/T 0009). With prk = HMAC-SM3("feddraw/1/gm-1/seal"
    and a zero byte, z) and okm = HMAC-SM3(prk, info, ek and a byte 1): the key is okm[0:16], the
    nonce okm[16:28], the associated data ``info``.
    The plaintext is a UTF-8 JSON object ``{"draw": draw_id, "owner": str, "members":
    [{"entry": hex, "uid": str, "name": str, "salt": hex, …}]}``; unknown fields are ignored.
    The system stores durably, then answers
    200 ``{"receipt_id": str, "opened": bool, "members": int, "by": str}``:
    ``opened`` false when it will open the list later (then ``members`` is 0); ``by`` names the
    system that holds it. The same draw and revision with the same bytes → the same answer.
    409 the same draw and revision with other bytes; 422 it does not open, or is not a roster.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Protocol

from adapters.outside import Outside

SEALING_KEY_BYTES: Final[Mapping[str, int]] = MappingProxyType({"intl-1": 32, "gm-1": 65})
"""Length of a raw public key by suite: X25519 (RFC 7748 §5), an uncompressed SM2 point."""

SEALED_BYTES_MAX: Final = 256 * 1024
"""A committee has at most a few dozen members of well under 1 KiB; this leaves room for 200."""

INFO_BYTES_MAX: Final = 4096
"""``info`` names draw, parties and purpose; identifiers are at most 255 characters."""


@dataclass(frozen=True, slots=True)
class RosterReceipt:
    """The e-trading system's word that it holds the roster.

    Attributes:
        receipt_id: Its own number of the delivery; the same for every repetition.
        opened: Whether it has opened the seal already.
        members: How many experts it found; 0 while not opened.
        by: Who holds (and opened) it, in that system's words.
    """

    receipt_id: str
    opened: bool
    members: int
    by: str


class TradingSystem(Outside, Protocol):
    """The e-trading system of this center."""

    async def sealing_key(self, suite: str) -> bytes:
        """The raw public key to seal rosters to.

        Args:
            suite: The suite of the agreement that the draw is under, ``intl-1`` or ``gm-1``.

        Raises:
            Rejected: It is not the pinned one, none is pinned or held for this suite, or a
                stand-in answers where none is expected.
            Unreachable: No answer; ask again later.
        """
        ...

    async def deliver_roster(
        self, suite: str, draw_id: str, revision: int, info: bytes, sealed: bytes
    ) -> RosterReceipt:
        """Hand over a sealed roster; repeating it is harmless and gives the same receipt.

        Args:
            suite: The suite that it was sealed under.
            draw_id: The draw; must equal ``draw`` inside the seal.
            revision: 0 for the first list, then counted up with each supplementary draw.
            info: What the seal was bound to, at most ``INFO_BYTES_MAX`` bytes.
            sealed: Encapsulated key and ciphertext, at most ``SEALED_BYTES_MAX`` bytes.

        Raises:
            Rejected: It does not open there, or another roster has this draw and revision.
            Unreachable: No answer; deliver the same bytes again later.
            ValueError: A size or the revision is out of bounds: our own mistake.
        """
        ...
