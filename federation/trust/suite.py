"""The cryptographic suite of an agreement: hash, signature, seal, and their prefixes.

A suite is a property of the agreement, never of a message; there is no algorithm
field to trust and nothing falls back (``draw-and-evidence.md`` §4). ``intl-1`` is
Ed25519 (RFC 8032), SHA-256 and HPKE (RFC 9180: X25519, HKDF-SHA256, AES-256-GCM);
``gm-1`` is SM2, SM3 and an SM2 envelope with SM4-GCM (``federation.trust.gm``).
Every hash input is prefixed by suite and purpose and made injective by length
prefixes, so that no value of one purpose can be passed off as another's.
"""

import hashlib
import hmac
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM
from cryptography.hazmat.primitives.hpke import Suite as HpkeSuite
from nacl.bindings import crypto_sign, crypto_sign_open, crypto_sign_seed_keypair
from nacl.exceptions import BadSignatureError, CryptoError

from federation.trust import gm, sm2
from federation.trust.errors import BadKey, CannotOpen, SuiteUnavailable, UnknownSuite
from federation.trust.sm2 import Hash

__all__ = [
    "GM_1",
    "INTL_1",
    "SIGNATURE_BYTES",
    "SUITES",
    "BadKey",
    "CannotOpen",
    "Digests",
    "Hash",
    "Suite",
    "SuiteUnavailable",
    "UnknownSuite",
    "enc",
    "seal",
    "sign",
    "signer",
    "suite",
    "u32",
    "u64",
    "unseal",
    "verify",
]


def u32(number: int) -> bytes:
    """Four bytes, big-endian."""
    return struct.pack(">I", number)


def u64(number: int) -> bytes:
    """Eight bytes, big-endian."""
    return struct.pack(">Q", number)


def enc(*parts: bytes) -> bytes:
    """Concatenate injectively: each part preceded by its length as u32."""
    return b"".join(u32(len(part)) + part for part in parts)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite(Digests):
    """A whole suite: what a ``Digests`` hashes with, and how to sign and seal.

    All keys are raw bytes. Functions that take a private key raise ``BadKey`` if it is none;
    all raise ``SuiteUnavailable`` on a machine that lacks the algorithms.
    """

    verify: Callable[[bytes, bytes, bytes], bool] = field(repr=False)
    """(public key, signature, message): a good signature? False for any garbage."""

    signer: Callable[[bytes], Callable[[bytes], bytes]] = field(repr=False)
    """(private key): what signs with it; the key is expanded once."""

    seal: Callable[[bytes, bytes, bytes], bytes] = field(repr=False)
    """(public key, info, plaintext): sealed; BadKey if it is no public key."""

    unseal: Callable[[bytes, bytes, bytes], bytes] = field(repr=False)
    """(private key, info, sealed): opened, or ``CannotOpen``."""

    public_signing: Callable[[bytes], bytes] = field(repr=False)
    """(private key): its public half, for signatures."""

    public_sealing: Callable[[bytes], bytes] = field(repr=False)
    """(private key): its public half, for seals."""

    new_private: Callable[[Callable[[int], bytes]], bytes] = field(repr=False)
    """(random): a private key, 32 bytes, from ``random(bytes)``."""

    check_key: Callable[[bytes], None] = field(repr=False)
    """(public key): BadKey unless it can be one; signing and sealing alike."""

    ready: Callable[[], None] = field(repr=False)
    """Known-answer test, run once: raises SuiteUnavailable with what is missing."""

    key_bytes: int
    """Length of a public key."""

    max_signature_bytes: int
    note_log_type: bytes
    """Type of a log's signature in a signed note (C2SP); 0xff and a name if it is our own."""

    note_witness_type: bytes
    cosignature_header: str
    """First line of what a witness signs (C2SP tlog-cosignature)."""


SIGNATURE_BYTES: Final = 64  # RFC 8032
RAW_KEY_BYTES: Final = 32

_HPKE: Final = HpkeSuite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


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
    _check_raw(private_key)
    _, expanded = crypto_sign_seed_keypair(private_key)
    return lambda message: crypto_sign(message, expanded)[:SIGNATURE_BYTES]


def seal(public_key: bytes, info: bytes, plaintext: bytes) -> bytes:
    """HPKE base mode to a raw X25519 key: encapsulated key, then ciphertext."""
    _check_raw(public_key)
    key = X25519PublicKey.from_public_bytes(public_key)
    try:
        sealed: Any = _HPKE.encrypt(plaintext, key, info)
    except ValueError as error:  # a point of small order: everyone would know the secret
        raise BadKey("nothing can be sealed to this X25519 key") from error
    return bytes(sealed)


def unseal(private_key: bytes, info: bytes, sealed: bytes) -> bytes:
    """Open what ``seal`` made.

    Raises:
        CannotOpen: Another key, another ``info``, or changed bytes.
    """
    _check_raw(private_key)
    key = X25519PrivateKey.from_private_bytes(private_key)
    try:
        opened: Any = _HPKE.decrypt(sealed, key, info)
    except (InvalidTag, ValueError) as error:
        raise CannotOpen("the sealed message does not open with this key") from error
    return bytes(opened)


def _public_ed25519(private_key: bytes) -> bytes:
    _check_raw(private_key)
    return Ed25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()


def _public_x25519(private_key: bytes) -> bytes:
    _check_raw(private_key)
    return X25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()


def _check_raw(key: bytes) -> None:
    if len(key) != RAW_KEY_BYTES:
        raise BadKey(f"an Ed25519 or X25519 key has {RAW_KEY_BYTES} bytes, not {len(key)}")


def _always_there() -> None:
    """What intl-1 needs is in the wheels of this program's own dependencies."""


INTL_1: Final = Suite(
    "intl-1",
    hashlib.sha256,
    "sha256",
    verify=verify,
    signer=signer,
    seal=seal,
    unseal=unseal,
    public_signing=_public_ed25519,
    public_sealing=_public_x25519,
    new_private=lambda random: random(RAW_KEY_BYTES),
    check_key=_check_raw,
    ready=_always_there,
    key_bytes=RAW_KEY_BYTES,
    max_signature_bytes=SIGNATURE_BYTES,
    note_log_type=b"\x01",
    note_witness_type=b"\x04",
    cosignature_header="cosignature/v1",
)

GM_1: Final = Suite(
    "gm-1",
    sm2.sm3,
    "sm3",
    verify=gm.verify,
    signer=gm.signer,
    seal=gm.seal,
    unseal=gm.unseal,
    public_signing=gm.public_of,
    public_sealing=gm.public_of,
    new_private=gm.new_private,
    check_key=gm.check_key,
    ready=gm.ready,
    key_bytes=sm2.PUBLIC_KEY_BYTES,
    max_signature_bytes=sm2.MAX_SIGNATURE_BYTES,
    note_log_type=gm.NOTE_LOG_TYPE,
    note_witness_type=gm.NOTE_WITNESS_TYPE,
    cosignature_header=gm.COSIGNATURE_HEADER,
)

SUITES: Final[Mapping[str, Suite]] = MappingProxyType({one.suite_id: one for one in (INTL_1, GM_1)})


def suite(suite_id: str) -> Suite:
    """The suite of that exact name.

    Raises:
        UnknownSuite: There is none; nothing falls back.
    """
    found = SUITES.get(suite_id)
    if found is None:
        raise UnknownSuite(f"suite {suite_id[:32]!r} is none of {', '.join(SUITES)}")
    return found
