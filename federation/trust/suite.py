"""The cryptographic suite of an agreement: hash, signature, seal, and their prefixes.

A suite is a property of the agreement, never of a message; there is no algorithm
field to trust and nothing falls back (``draw-and-evidence.md`` §4). ``intl-1`` is
Ed25519 (RFC 8032), SHA-256 and HPKE (RFC 9180: X25519, HKDF-SHA256, AES-256-GCM);
``gm-1`` is SM2, SM3 and an SM2 envelope with SM4-GCM. How each does it is ``intl`` and ``gm``.
Every hash input is prefixed by suite and purpose and made injective by length
prefixes, so that no value of one purpose can be passed off as another's.
"""

import hashlib
import hmac
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Final

from federation.trust import gm, intl, sm2
from federation.trust.errors import BadKey, CannotOpen, SuiteUnavailable, UnknownSuite
from federation.trust.sm2 import Hash

__all__ = [
    "GM_1",
    "INTL_1",
    "SUITES",
    "BadKey",
    "CannotOpen",
    "Digests",
    "Hash",
    "Suite",
    "SuiteUnavailable",
    "UnknownSuite",
    "enc",
    "suite",
    "u32",
    "u64",
]


def u32(number: int) -> bytes:
    """Four bytes, big-endian."""
    return struct.pack(">I", number)


def u64(number: int) -> bytes:
    """Eight bytes, big-endian."""
    return struct.pack(">Q", number)


_SHORT: Final = tuple(u32(length) for length in range(256))
"""Of nearly every part there is; a pool of 20,000 is a million parts."""


def enc(*parts: bytes) -> bytes:
    """Concatenate injectively: each part preceded by its length as u32."""
    joined: list[bytes] = []
    for part in parts:
        length = len(part)
        joined += (_SHORT[length] if length < len(_SHORT) else u32(length), part)
    return b"".join(joined)


@cache  # without a limit: tags are our own, a few dozen, and no peer names any
def _prefix(suite_id: str, tag: str) -> bytes:
    return f"feddraw/1/{suite_id}/{tag}".encode() + b"\0"


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
        return _prefix(self.suite_id, tag)

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


INTL_1: Final = Suite(
    "intl-1",
    hashlib.sha256,
    "sha256",
    verify=intl.verify,
    signer=intl.signer,
    seal=intl.seal,
    unseal=intl.unseal,
    public_signing=intl.public_signing,
    public_sealing=intl.public_sealing,
    new_private=intl.new_private,
    check_key=intl.check_key,
    ready=intl.ready,
    key_bytes=intl.KEY_BYTES,
    max_signature_bytes=intl.SIGNATURE_BYTES,
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
