"""Ids that cross the wire: parsed once, typed ever after.

A center id is self-certifying: ``lp1`` and the base32 of the first 20 bytes of
SHA-256 over the center's Ed25519 root key, so that nobody can claim another's id and
no registry is needed. Message and conversation ids are 16 opaque bytes chosen by the
initiator when its intent is committed, never at sending time.
"""

import base64
import re
from typing import Final, NewType

CenterId = NewType("CenterId", str)
MessageId = NewType("MessageId", bytes)
ConversationId = NewType("ConversationId", bytes)
AgreementId = NewType("AgreementId", bytes)

OPAQUE_ID_BYTES: Final = 16  # a UUID's size: no center will ever collide with itself
DIGEST_BYTES: Final = 32  # SHA-256 and SM3 alike

AGREEMENT_SIZES: Final = frozenset({0, DIGEST_BYTES})  # absent before there is one

_48_BITS: Final = (1 << 48) - 1
_62_BITS: Final = (1 << 62) - 1

_CENTER = re.compile(r"lp1[a-z2-7]{32}")


def center_id(text: str) -> CenterId:
    """Parse a center id.

    Raises:
        ValueError: Not ``lp1`` followed by 32 characters of lower-case base32.
    """
    if not _CENTER.fullmatch(text):
        raise ValueError(f"not a center id: {text[:64]!r}")
    return CenterId(text)


def center_id_of(root_key_digest: bytes) -> CenterId:
    """Derive the center id from the SHA-256 digest of the center's raw root key."""
    return CenterId("lp1" + base64.b32encode(root_key_digest[:20]).decode().lower())


def time_ordered(now_ms: int, random: bytes) -> bytes:
    """A UUID of version 7 (RFC 9562 §5.7) as 16 bytes: unix milliseconds, then chance.

    Ids made one after the other lie side by side in an index; with ids of pure chance every
    word would touch four far pages of the database, and a large one half as many words a second.

    Args:
        now_ms: Unix milliseconds.
        random: 10 bytes, of which 74 bits are used.
    """
    chance = int.from_bytes(random, "big")
    value = (now_ms & _48_BITS) << 80 | 7 << 76 | (chance >> 62 & 0xFFF) << 64
    return (value | 2 << 62 | chance & _62_BITS).to_bytes(OPAQUE_ID_BYTES, "big")


def message_id(raw: bytes) -> MessageId:
    """Parse a message id (16 bytes). Raises ValueError."""
    return MessageId(_sized(raw, OPAQUE_ID_BYTES, "message id"))


def conversation_id(raw: bytes) -> ConversationId:
    """Parse a conversation id (16 bytes). Raises ValueError."""
    return ConversationId(_sized(raw, OPAQUE_ID_BYTES, "conversation id"))


def agreement_id(raw: bytes) -> AgreementId:
    """Parse an agreement id: the digest (32 bytes) of its document. Raises ValueError."""
    return AgreementId(_sized(raw, DIGEST_BYTES, "agreement id"))


def _sized(raw: bytes, size: int, what: str) -> bytes:
    if len(raw) != size:
        raise ValueError(f"{what} must have {size} bytes, not {len(raw)}")
    return raw
