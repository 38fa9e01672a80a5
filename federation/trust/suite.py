"""The cryptographic suite of an agreement: hash, signature, seal, and their prefixes.

A suite is a property of the agreement, never of a message; there is no algorithm
field to trust and nothing falls back (``draw-and-evidence.md`` §4). ``intl-1`` is
Ed25519 (RFC 8032), SHA-256 and HPKE (RFC 9180: X25519, HKDF-SHA256, AES-256-GCM).
Every hash input is prefixed by suite and purpose and made injective by length
prefixes, so that no value of one purpose can be passed off as another's.
"""

import hashlib
import hmac
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM
from cryptography.hazmat.primitives.hpke import Suite as HpkeSuite
from nacl.bindings import crypto_sign, crypto_sign_open, crypto_sign_seed_keypair
from nacl.exceptions import BadSignatureError, CryptoError


def u32(number: int) -> bytes:
    """Four bytes, big-endian."""
    return struct.pack(">I", number)


def u64(number: int) -> bytes:
    """Eight bytes, big-endian."""
    return struct.pack(">Q", number)


def enc(*parts: bytes) -> bytes:
    """Concatenate injectively: each part preceded by its length as u32."""
    return b"".join(u32(len(part)) + part for part in parts)


class Hash(Protocol):
    """What hashlib gives: an incremental hash that can be copied."""

    def update(self, data: bytes, /) -> None:
        """Feed more data."""

    def digest(self) -> bytes:
        """Give the digest of what was fed so far."""

    def copy(self) -> "Hash":
        """Give an independent hash that has been fed the same."""


@dataclass(frozen=True, slots=True)
class Digests:
    """The hashing half of a suite.

    ``tagged`` and ``mac`` are TH and TM of ``draw-and-evidence.md`` §1.3.
    """

    suite_id: str
    new: Callable[[bytes], Hash]
    mac_name: str

    def hash(self, data: bytes) -> bytes:
        """Digest of ``data``, 32 bytes."""
        return self.new(data).digest()

    def prefix(self, tag: str) -> bytes:
        """``feddraw/1/<suite>/<tag>`` and a zero byte."""
        return f"feddraw/1/{self.suite_id}/{tag}".encode() + b"\0"

    def tagged(self, tag: str, *parts: bytes) -> bytes:
        """TH: the digest of the prefix and the injectively joined parts."""
        return self.hash(self.prefix(tag) + enc(*parts))

    def mac(self, key: bytes, tag: str, *parts: bytes) -> bytes:
        """TM: HMAC under ``key`` over the prefix and the injectively joined parts."""
        return hmac.digest(key, self.prefix(tag) + enc(*parts), self.mac_name)


INTL_1: Final = Digests("intl-1", hashlib.sha256, "sha256")

SIGNATURE_BYTES: Final = 64  # RFC 8032

_HPKE: Final = HpkeSuite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class CannotOpen(Exception):
    """A sealed message is not for this key, or was changed on the way."""


def verify(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Tell whether ``signature`` (64 bytes) over ``message`` is by ``public_key`` (32 bytes)."""
    if len(signature) != SIGNATURE_BYTES:
        return False  # libsodium takes both as one run of bytes: the border must not move
    # libsodium verifies in half the time of OpenSSL, and verifying is what a node does most.
    try:
        crypto_sign_open(signature + message, public_key)
    except (BadSignatureError, CryptoError, ValueError):
        return False
    return True


def sign(private_key: bytes, message: bytes) -> bytes:
    """Sign with a raw Ed25519 private key (32 bytes); 64 bytes."""
    return signer(private_key)(message)


def signer(private_key: bytes) -> Callable[[bytes], bytes]:
    """What signs with a raw Ed25519 private key (32 bytes); the key is expanded once."""
    _, expanded = crypto_sign_seed_keypair(private_key)
    return lambda message: crypto_sign(message, expanded)[:SIGNATURE_BYTES]


def seal(public_key: bytes, info: bytes, plaintext: bytes) -> bytes:
    """HPKE base mode to a raw X25519 key: encapsulated key, then ciphertext."""
    sealed: Any = _HPKE.encrypt(plaintext, X25519PublicKey.from_public_bytes(public_key), info)
    return bytes(sealed)


def unseal(private_key: bytes, info: bytes, sealed: bytes) -> bytes:
    """Open what ``seal`` made.

    Raises:
        CannotOpen: Another key, another ``info``, or changed bytes.
    """
    key = X25519PrivateKey.from_private_bytes(private_key)
    try:
        opened: Any = _HPKE.decrypt(sealed, key, info)
    except (InvalidTag, ValueError) as error:
        raise CannotOpen("the sealed message does not open with this key") from error
    return bytes(opened)
