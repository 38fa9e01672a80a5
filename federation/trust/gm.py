"""The suite ``gm-1``: SM2, SM3 and SM4-GCM put together, and its known-answer test.

A sealed message is the SM2 ciphertext of 32 random bytes z (C1C3C2 in DER), followed by
SM4-GCM of the plaintext under a key and nonce that HMAC-SM3 draws from z, the info and
that ciphertext (``draw-and-evidence.md`` §4). Nothing here is used before the algorithms
have answered published examples right: a provider that is missing or wrong stops what
asked for it, and is never replaced by another suite.
"""

import hmac
from collections.abc import Callable
from functools import cache
from typing import Final

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from federation.trust import sm2
from federation.trust.errors import CannotOpen, SuiteUnavailable

NOTE_LOG_TYPE: Final = b"\xfflianping/sm2-note/1"
"""Signature type of a log's key: 0xff and a name of our own (C2SP signed-note, Signatures)."""

NOTE_WITNESS_TYPE: Final = b"\xfflianping/sm2-cosignature/1"
"""Signature type of a witness's key."""

COSIGNATURE_HEADER: Final = "lianping-sm2-cosignature/v1"

_SALT: Final = b"feddraw/1/gm-1/seal\0"
_SEED_BYTES: Final = 32
_KEY_BYTES: Final = 16
_NONCE_END: Final = 28
_TAG_BYTES: Final = 16


class _Known:
    """Published examples that every run must reproduce."""

    # GB/T 32905-2016, A.1: the digest of "abc".
    ABC: Final = bytes.fromhex("66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0")
    # GB/T 32907-2016, A.1: the block that is its own key.
    BLOCK: Final = bytes.fromhex("0123456789abcdeffedcba9876543210")
    BLOCK_SEALED: Final = bytes.fromhex("681edf34d206965e86b3e94f536e4246")
    # RFC 8998, A.1: SM4-GCM under the same key.
    NONCE: Final = bytes.fromhex("00001234567800000000abcd")
    AAD: Final = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
    TEXT: Final = b"".join(bytes([byte]) * 8 for byte in b"\xaa\xbb\xcc\xdd\xee\xff\xee\xaa")
    TEXT_SEALED: Final = bytes.fromhex(
        "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735"
        "d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d"
        "83de3541e4c2b58177e065a9bf7b62ec"
    )
    # GB/T 32918.5-2017, A.2 (signature) and C.2 (encryption): one key for both.
    PRIVATE: Final = bytes.fromhex(
        "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8"
    )
    PUBLIC: Final = bytes.fromhex(
        "0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
        "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
    )
    SIGNED: Final = b"message digest"
    SIGNATURE: Final = bytes.fromhex(
        "3046022100f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
        "022100b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"
    )
    HIDDEN: Final = b"encryption standard"
    HIDDEN_SEALED: Final = bytes.fromhex(
        "307c022004ebfc718e8d1798620432268e77feb6415e2ede0e073c0f4f640ecd2e149a73"
        "022100e858f9d81e5430a57b36daab8f950a3c64e6ee6a63094d99283aff767e124df0"
        "042059983c18f809e262923c53aec295d30383b54e39d609d160afcb1908d0bd8766"
        "041321886ca989ca9c7d58087307ca93092d651efa"
    )


@cache
def ready() -> None:
    """Run the known-answer test, once; what fails it must not be used.

    Raises:
        SuiteUnavailable: Something is missing or wrong; the text says what, and the remedy.
    """
    if sm2.sm3(b"abc").digest() != _Known.ABC:
        raise SuiteUnavailable("suite gm-1: hashlib answers the SM3 of 'abc' wrong (GB/T 32905)")
    _check_sm4()
    if sm2.public_of(_Known.PRIVATE) != _Known.PUBLIC:
        raise sm2.unsupported("the public key of a private one, GB/T 32918.5")
    if not sm2.verify(_Known.PUBLIC, _Known.SIGNATURE, _Known.SIGNED):
        raise sm2.unsupported("a published signature, GB/T 32918.5 A.2")
    if sm2.verify(_Known.PUBLIC, _Known.SIGNATURE, _Known.SIGNED + b"."):
        raise sm2.unsupported("it accepts a signature of another message")
    if not sm2.verify(_Known.PUBLIC, sm2.signer(_Known.PRIVATE)(b"signed"), b"signed"):
        raise sm2.unsupported("its own signature")
    try:
        opened = sm2.decrypt(_Known.PRIVATE, _Known.HIDDEN_SEALED)
        again = _open(_Known.PRIVATE, b"info", _seal(_Known.PUBLIC, b"info", b"sealed"))
    except CannotOpen as error:
        raise sm2.unsupported("a published ciphertext, GB/T 32918.5 C.2") from error
    if opened != _Known.HIDDEN or again != b"sealed":
        raise sm2.unsupported("a ciphertext opens to something else")


def _check_sm4() -> None:
    try:
        encryptor = Cipher(algorithms.SM4(_Known.BLOCK), modes.ECB()).encryptor()  # noqa: S305
        block = encryptor.update(_Known.BLOCK)
        text = _encrypt(_Known.BLOCK, _Known.NONCE, _Known.AAD, _Known.TEXT)
    except UnsupportedAlgorithm as error:
        raise SuiteUnavailable(
            "suite gm-1: the package 'cryptography' has no SM4-GCM here; install its wheel "
            "from the package index instead of one built against an OpenSSL without SM4"
        ) from error
    if block != _Known.BLOCK_SEALED:
        raise SuiteUnavailable("suite gm-1: 'cryptography' answers SM4 wrong (GB/T 32907 A.1)")
    if text != _Known.TEXT_SEALED:
        raise SuiteUnavailable("suite gm-1: 'cryptography' answers SM4-GCM wrong (RFC 8998 A.1)")


def check_key(public: bytes) -> None:
    """Hold bytes to being an SM2 public key.

    Raises:
        BadKey: They are not a point of the curve.
    """
    sm2.check_public(public)


def verify(public: bytes, signature: bytes, message: bytes) -> bool:
    """Tell whether ``signature`` (DER) over ``message`` is by ``public`` (65 bytes).

    Raises:
        SuiteUnavailable: This machine cannot tell.
    """
    ready()
    return sm2.verify(public, signature, message)


def signer(private: bytes) -> Callable[[bytes], bytes]:
    """What signs with a raw private key (32 bytes).

    Raises:
        BadKey: It is no private key.
        SuiteUnavailable: No SM2 on this machine.
    """
    ready()
    return sm2.signer(private)


def public_of(private: bytes) -> bytes:
    """The public half of a raw private key: 65 bytes, for signing as for sealing.

    Raises:
        BadKey: It is no private key.
        SuiteUnavailable: No SM2 on this machine.
    """
    ready()
    return sm2.public_of(private)


def new_private(random: Callable[[int], bytes]) -> bytes:
    """A private key from ``random(bytes)``, uniform from 1 to n-2.

    Raises:
        BadKey: The randomness is none: it was out of range again and again.
    """
    return sm2.new_private(random)


def seal(public: bytes, info: bytes, plaintext: bytes) -> bytes:
    """Seal to a public key; ``info`` binds the seal to its purpose and is not carried.

    Raises:
        BadKey: It is no public key.
        SuiteUnavailable: No SM2 or SM4 on this machine.
    """
    ready()
    return _seal(public, info, plaintext)


def unseal(private: bytes, info: bytes, sealed: bytes) -> bytes:
    """Open what ``seal`` made.

    Raises:
        CannotOpen: Another key, another ``info``, or changed bytes.
        BadKey: It is no private key.
        SuiteUnavailable: No SM2 or SM4 on this machine.
    """
    ready()
    return _open(private, info, sealed)


def _seal(public: bytes, info: bytes, plaintext: bytes) -> bytes:
    seed = sm2.random(_SEED_BYTES)
    encapsulated = sm2.encrypt(public, seed)
    return encapsulated + _encrypt(*_derived(seed, info, encapsulated), info, plaintext)


def _open(private: bytes, info: bytes, sealed: bytes) -> bytes:
    length = sm2.ciphertext_length(sealed)
    encapsulated, ciphertext = sealed[:length], sealed[length:]
    if len(ciphertext) < _TAG_BYTES:
        raise CannotOpen("the sealed message is cut off")
    seed = sm2.decrypt(private, encapsulated)
    if len(seed) != _SEED_BYTES:
        raise CannotOpen(f"the sealed message hides a seed of {len(seed)} bytes")
    key, nonce = _derived(seed, info, encapsulated)
    body, tag = ciphertext[:-_TAG_BYTES], ciphertext[-_TAG_BYTES:]
    decryptor = Cipher(algorithms.SM4(key), modes.GCM(nonce, tag)).decryptor()
    decryptor.authenticate_additional_data(info)
    try:
        return decryptor.update(body) + decryptor.finalize()
    except InvalidTag as error:
        raise CannotOpen("the sealed message does not open with this key") from error


def _derived(seed: bytes, info: bytes, encapsulated: bytes) -> tuple[bytes, bytes]:
    extracted = hmac.digest(_SALT, seed, "sm3")
    expanded = hmac.digest(extracted, info + encapsulated + b"\1", "sm3")
    return expanded[:_KEY_BYTES], expanded[_KEY_BYTES:_NONCE_END]


def _encrypt(key: bytes, nonce: bytes, info: bytes, plaintext: bytes) -> bytes:
    encryptor = Cipher(algorithms.SM4(key), modes.GCM(nonce)).encryptor()
    encryptor.authenticate_additional_data(info)
    return encryptor.update(plaintext) + encryptor.finalize() + encryptor.tag
