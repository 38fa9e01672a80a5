"""SM2 (GB/T 32918) with SM3 (GB/T 32905), through the system's libcrypto.

No maintained Python package offers SM2, and the operating system's libcrypto is patched
with the system and is there on every processor (``draw-and-evidence.md`` §3.2). Python's
own hashlib gives SM3. Signatures are DER(r, s) with the identity 1234567812345678
(GM/T 0009); ciphertexts are C1C3C2 in DER (GM/T 0009). What reaches libcrypto has been
held here to its one canonical spelling, so that no two byte strings mean the same.

Every call makes its own context, and a key inside libcrypto is only ever read, so all
functions may be used from several threads at once. What a suite makes of this, and the
known-answer tests, is in ``gm``.
"""

import ctypes
import hashlib
import weakref
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import Any, Final, Protocol

from federation.trust.errors import BadKey, CannotOpen, SuiteUnavailable

PRIVATE_KEY_BYTES: Final = 32
PUBLIC_KEY_BYTES: Final = 65
"""An uncompressed point: 0x04, x, y (GB/T 32918.1 §4.2.9)."""

MAX_SIGNATURE_BYTES: Final = 72
"""SEQUENCE of two INTEGERs of 33 bytes at most."""

MAX_REMEMBERED_KEYS: Final = 1_024
"""Public keys kept loaded; some 3 KiB each. Peers have a handful each."""

LIBRARIES: Final = ("libcrypto.so.3", "libcrypto.so.4")
IDENTITY: Final = b"1234567812345678"

# Curve parameters of GB/T 32918.5.
_P: Final = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
_A: Final = _P - 3
_B: Final = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
_N: Final = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
_GX: Final = 0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7
_GY: Final = 0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0
_FIELD_BYTES: Final = 32
_HASH_BYTES: Final = 32

# SubjectPublicKeyInfo up to the point, and PKCS#8 up to the scalar: id-ecPublicKey (RFC 5480)
# on 1.2.156.10197.1.301 (GM/T 0006).
_SPKI: Final = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d034200")
_PKCS8: Final = bytes.fromhex(
    "3041020100301306072a8648ce3d020106082a811ccf5501822d042730250201010420"
)

_ATTEMPTS: Final = 16
"""Draws of a private key; one in 2^32 is out of range, so a second is rare already."""

_SEQUENCE: Final = 0x30
_INTEGER: Final = 0x02
_OCTETS: Final = 0x04
_LONG_FORM: Final = 0x80  # from this length on, DER writes the length of the length first
_ONE_LENGTH_BYTE: Final = 0x81
_ENCRYPT_ROOM: Final = 256  # libcrypto's own upper estimate for 32 bytes is 142

_POINTER: Final = ctypes.c_void_p
_SIZE: Final = ctypes.POINTER(ctypes.c_size_t)
_BYTES: Final = ctypes.c_char_p
_INT: Final = ctypes.c_int
_LENGTH: Final = ctypes.c_size_t
_SYMBOLS: Final[Mapping[str, tuple[Any, tuple[Any, ...]]]] = {
    "d2i_PUBKEY": (_POINTER, (_POINTER, ctypes.POINTER(_BYTES), ctypes.c_long)),
    "d2i_AutoPrivateKey": (_POINTER, (_POINTER, ctypes.POINTER(_BYTES), ctypes.c_long)),
    "i2d_PUBKEY": (_INT, (_POINTER, ctypes.POINTER(_POINTER))),
    "EVP_PKEY_free": (None, (_POINTER,)),
    "EVP_PKEY_CTX_new": (_POINTER, (_POINTER, _POINTER)),
    "EVP_PKEY_CTX_free": (None, (_POINTER,)),
    "EVP_PKEY_sign_init": (_INT, (_POINTER,)),
    "EVP_PKEY_sign": (_INT, (_POINTER, _POINTER, _SIZE, _BYTES, _LENGTH)),
    "EVP_PKEY_verify_init": (_INT, (_POINTER,)),
    "EVP_PKEY_verify": (_INT, (_POINTER, _BYTES, _LENGTH, _BYTES, _LENGTH)),
    "EVP_PKEY_encrypt_init": (_INT, (_POINTER,)),
    "EVP_PKEY_encrypt": (_INT, (_POINTER, _POINTER, _SIZE, _BYTES, _LENGTH)),
    "EVP_PKEY_decrypt_init": (_INT, (_POINTER,)),
    "EVP_PKEY_decrypt": (_INT, (_POINTER, _POINTER, _SIZE, _BYTES, _LENGTH)),
    "RAND_priv_bytes": (_INT, (_POINTER, _INT)),
    "ERR_clear_error": (None, ()),
}


class Hash(Protocol):
    """What hashlib gives: an incremental hash that can be copied."""

    def update(self, data: bytes, /) -> None:
        """Feed more data."""

    def digest(self) -> bytes:
        """Give the digest of what was fed so far."""

    def copy(self) -> "Hash":
        """Give an independent hash that has been fed the same."""


@cache
def _empty_sm3() -> Hash:
    try:
        return hashlib.new("sm3")
    except ValueError as error:
        raise SuiteUnavailable(
            "suite gm-1: this Python's hashlib has no SM3; use a Python that is linked to "
            "OpenSSL 1.1.1 or later with SM3 (Debian: packages python3 and libssl3)"
        ) from error


def sm3(data: bytes = b"") -> Hash:
    """An SM3 hash (GB/T 32905) that has been fed ``data``.

    Raises:
        SuiteUnavailable: This Python has no SM3.
    """
    fresh = _empty_sm3().copy()  # looking the algorithm up again would double the time
    fresh.update(data)
    return fresh


@cache
def _libcrypto() -> ctypes.CDLL:
    """The system's libcrypto.

    Raises:
        SuiteUnavailable: There is none, or it lacks what is needed.
    """
    for name in LIBRARIES:
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        try:
            for symbol, (result, arguments) in _SYMBOLS.items():
                function = getattr(library, symbol)
                function.restype, function.argtypes = result, arguments
        except AttributeError as error:
            raise SuiteUnavailable(f"suite gm-1: {name} is not OpenSSL: {error}") from error
        return library
    raise SuiteUnavailable(
        f"suite gm-1 needs the system's OpenSSL for SM2, and none of {', '.join(LIBRARIES)} "
        "can be loaded; install it (Debian 12: package libssl3)"
    )


def unsupported(what: str) -> SuiteUnavailable:
    """The error of a libcrypto that is there but was built without SM2 or works wrongly."""
    return SuiteUnavailable(
        f"suite gm-1: the system's libcrypto fails the known-answer test ({what}); it may have "
        "been built without SM2 (no-sm2), as some distributions do. Install an OpenSSL 3 with "
        "SM2 (Debian 12: package libssl3)"
    )


class _Key:
    """A key inside libcrypto; freed with the last who holds it."""

    __slots__ = ("__weakref__", "pointer", "public", "z")

    def __init__(self, parse: str, der: bytes) -> None:
        library = _libcrypto()
        start = ctypes.c_char_p(der)
        pointer = getattr(library, parse)(None, ctypes.byref(start), len(der))
        if not pointer:
            library.ERR_clear_error()
            raise unsupported("it loads no SM2 key")  # the caller has checked the numbers
        weakref.finalize(self, library.EVP_PKEY_free, pointer).atexit = False
        self.pointer: int = pointer
        spki = ctypes.create_string_buffer(len(_SPKI) + PUBLIC_KEY_BYTES + 1)
        end = ctypes.c_void_p(ctypes.addressof(spki))
        if library.i2d_PUBKEY(pointer, None) != len(spki) - 1:
            raise unsupported("it writes an SM2 key differently")
        library.i2d_PUBKEY(pointer, ctypes.byref(end))
        self.public: bytes = spki.raw[len(_SPKI) : -1]
        self.z: bytes = z(self.public)

    def use(self, begin: str, work: Callable[[ctypes.CDLL, int], int]) -> bool:
        """Do ``work`` on a fresh context; tell whether libcrypto says it went well."""
        library = _libcrypto()
        context = library.EVP_PKEY_CTX_new(self.pointer, None)
        if not context:
            library.ERR_clear_error()
            return False
        try:
            well: bool = getattr(library, begin)(context) == 1 and work(library, context) == 1
        finally:
            library.EVP_PKEY_CTX_free(context)
        if not well:
            library.ERR_clear_error()  # the queue is the thread's: TLS must not read of us
        return well


def z(public: bytes) -> bytes:
    """Z of GB/T 32918.2 §5.5: the signer's identity, the curve and the public key, hashed."""
    numbers = b"".join(_fixed(number) for number in (_A, _B, _GX, _GY))
    length = (len(IDENTITY) * 8).to_bytes(2, "big")
    return sm3(length + IDENTITY + numbers + public[1:]).digest()


def random(count: int) -> bytes:
    """Secret random bytes from libcrypto's own generator, as its ciphertexts use.

    Raises:
        SuiteUnavailable: It has no entropy.
    """
    library = _libcrypto()
    room = ctypes.create_string_buffer(count)
    if library.RAND_priv_bytes(room, count) != 1:
        library.ERR_clear_error()
        raise unsupported("it has no random numbers")
    return room.raw


def check_public(public: bytes) -> None:
    """Hold bytes to being an uncompressed point of the curve; its cofactor is 1.

    Raises:
        BadKey: They are not.
    """
    if len(public) != PUBLIC_KEY_BYTES or public[0] != 4:  # noqa: PLR2004  # uncompressed
        raise BadKey(f"an SM2 public key is 0x04 and 64 bytes, not {len(public)} bytes")
    if not _on_curve(*(int.from_bytes(half, "big") for half in (public[1:33], public[33:]))):
        raise BadKey("the SM2 public key is not a point of the curve")


def check_private(private: bytes) -> None:
    """Hold bytes to being a scalar from 1 to n-2 (GB/T 32918.1 §6.1).

    Raises:
        BadKey: They are not.
    """
    if len(private) != PRIVATE_KEY_BYTES:
        raise BadKey(f"an SM2 private key has {PRIVATE_KEY_BYTES} bytes, not {len(private)}")
    if not 1 <= int.from_bytes(private, "big") <= _N - 2:
        raise BadKey("the SM2 private key is not between 1 and n-2")


def new_private(draw: Callable[[int], bytes]) -> bytes:
    """A private key from ``draw(bytes)``, uniform from 1 to n-2 by rejection.

    Raises:
        BadKey: The randomness is none: it was out of range again and again.
    """
    for _ in range(_ATTEMPTS):
        private = draw(PRIVATE_KEY_BYTES)
        if 1 <= int.from_bytes(private, "big") <= _N - 2:
            return private
    raise BadKey(f"no SM2 private key in {_ATTEMPTS} draws: the random numbers are not random")


def _on_curve(x: int, y: int) -> bool:
    return x < _P and y < _P and (y * y - (x * x + _A) * x - _B) % _P == 0


@lru_cache(maxsize=MAX_REMEMBERED_KEYS)
def _public_key(public: bytes) -> _Key:
    check_public(public)
    return _Key("d2i_PUBKEY", _SPKI + public)


def _private_key(private: bytes) -> _Key:
    check_private(private)
    return _Key("d2i_AutoPrivateKey", _PKCS8 + private)


def public_of(private: bytes) -> bytes:
    """The public half of a private key: 65 bytes.

    Raises:
        BadKey: It is no private key.
        SuiteUnavailable: No libcrypto with SM2.
    """
    return _private_key(private).public


def signer(private: bytes) -> Callable[[bytes], bytes]:
    """What signs with a private key; the key is loaded once.

    Signatures are randomised: they never serve as identifiers.

    Raises:
        BadKey: It is no private key.
        SuiteUnavailable: No libcrypto with SM2.
    """
    key = _private_key(private)

    def sign(message: bytes) -> bytes:
        digest = sm3(key.z + message).digest()
        room = ctypes.create_string_buffer(MAX_SIGNATURE_BYTES)
        length = ctypes.c_size_t(MAX_SIGNATURE_BYTES)
        if not key.use(
            "EVP_PKEY_sign_init",
            lambda library, context: library.EVP_PKEY_sign(
                context, room, ctypes.byref(length), digest, _HASH_BYTES
            ),
        ):
            raise unsupported("it does not sign")
        return room.raw[: length.value]

    return sign


def verify(public: bytes, signature: bytes, message: bytes) -> bool:
    """Tell whether ``signature`` over ``message`` is by ``public``; False for any garbage.

    Raises:
        SuiteUnavailable: No libcrypto with SM2. Never an answer in its stead.
    """
    if signature_numbers(signature) is None:
        return False
    try:
        key = _public_key(public)
    except BadKey:
        return False
    digest = sm3(key.z + message).digest()
    return key.use(
        "EVP_PKEY_verify_init",
        lambda library, context: library.EVP_PKEY_verify(
            context, signature, len(signature), digest, _HASH_BYTES
        ),
    )


def encrypt(public: bytes, plaintext: bytes) -> bytes:
    """Encrypt some bytes (a key, 32 at most) to a public key: C1C3C2 in DER.

    Raises:
        BadKey: It is no public key.
        SuiteUnavailable: No libcrypto with SM2.
    """
    if not 1 <= len(plaintext) <= _HASH_BYTES:
        raise ValueError(f"SM2 encrypts 1 to {_HASH_BYTES} bytes here, not {len(plaintext)}")
    key = _public_key(public)
    room = ctypes.create_string_buffer(_ENCRYPT_ROOM)
    length = ctypes.c_size_t(_ENCRYPT_ROOM)
    if not key.use(
        "EVP_PKEY_encrypt_init",
        lambda library, context: library.EVP_PKEY_encrypt(
            context, room, ctypes.byref(length), plaintext, len(plaintext)
        ),
    ):
        raise unsupported("it does not encrypt")
    return room.raw[: length.value]


def decrypt(private: bytes, ciphertext: bytes) -> bytes:
    """Open what ``encrypt`` made.

    Raises:
        CannotOpen: Not for this key, changed, or not in the one spelling of DER.
        BadKey: It is no private key.
        SuiteUnavailable: No libcrypto with SM2.
    """
    if ciphertext_length(ciphertext) != len(ciphertext):
        raise CannotOpen("the SM2 ciphertext is not C1C3C2 in canonical DER")
    key = _private_key(private)
    room = ctypes.create_string_buffer(_ENCRYPT_ROOM)
    length = ctypes.c_size_t(_ENCRYPT_ROOM)
    if not key.use(
        "EVP_PKEY_decrypt_init",
        lambda library, context: library.EVP_PKEY_decrypt(
            context, room, ctypes.byref(length), ciphertext, len(ciphertext)
        ),
    ):
        raise CannotOpen("the SM2 ciphertext does not open with this key")
    return room.raw[: length.value]


def ciphertext_length(data: bytes) -> int:
    """How many bytes of ``data`` are an SM2 ciphertext in canonical DER.

    Raises:
        CannotOpen: It does not begin with one.
    """
    try:
        inside, end = _read(data, 0, _SEQUENCE)
        x, at = _read_integer(inside, 0)
        y, at = _read_integer(inside, at)
        check, at = _read(inside, at, _OCTETS)
        hidden, at = _read(inside, at, _OCTETS)
    except ValueError as error:
        raise CannotOpen(f"the SM2 ciphertext is not C1C3C2 in DER: {error}") from error
    if at != len(inside) or len(check) != _HASH_BYTES or not 1 <= len(hidden) <= _HASH_BYTES:
        raise CannotOpen("the SM2 ciphertext has parts of the wrong length")
    if not _on_curve(x, y):
        raise CannotOpen("the SM2 ciphertext begins with no point of the curve")
    return end


def signature_numbers(signature: bytes) -> tuple[int, int] | None:
    """(r, s) of a signature that is DER in its only spelling, both from 1 to n-1; None if not."""
    if len(signature) > MAX_SIGNATURE_BYTES:
        return None
    try:
        inside, end = _read(signature, 0, _SEQUENCE)
        r, at = _read_integer(inside, 0)
        s, at = _read_integer(inside, at)
    except ValueError:
        return None
    whole = end == len(signature) and at == len(inside)
    return (r, s) if whole and 1 <= r < _N and 1 <= s < _N else None


def _read(data: bytes, at: int, tag: int) -> tuple[bytes, int]:
    """The value of the element at ``at`` and where it ends; ValueError if it is not DER."""
    head = data[at : at + 3]
    if len(head) < 2 or head[0] != tag:  # noqa: PLR2004  # tag and length
        raise ValueError(f"no element {tag:#04x} at {at}")
    length, start = head[1], at + 2
    if length >= _LONG_FORM:
        if length != _ONE_LENGTH_BYTE or head[2:] < bytes([_LONG_FORM]):
            raise ValueError(f"the length at {at} is not in DER")
        length, start = head[2], at + 3
    end = start + length
    if end > len(data):
        raise ValueError(f"the element at {at} is cut off")
    return data[start:end], end


def _read_integer(data: bytes, at: int) -> tuple[int, int]:
    value, end = _read(data, at, _INTEGER)
    number = int.from_bytes(value, "big")
    if value != number.to_bytes(number.bit_length() // 8 + 1, "big"):
        raise ValueError(f"the integer at {at} is negative or not in its shortest form")
    return number, end


def _fixed(number: int) -> bytes:
    return number.to_bytes(_FIELD_BYTES, "big")
