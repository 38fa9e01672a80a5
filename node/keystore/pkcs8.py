"""One private key as an encrypted PKCS#8 block (RFC 5958, RFC 8018), for both suites.

Here: DER and PEM. ``cryptography`` knows no SM2 curve and offers no such file for it, so the few
structures are declared here, and one path serves both suites; what it writes, OpenSSL and (for
Ed25519) ``cryptography`` open. Not here: the passphrase. The password that arrives here is 256
bits of Argon2id's making (``root_file``), so PBKDF2's count is the usual least one and adds
nothing. AES-CBC does not notice a wrong password by itself: whoever opens a block holds the
key's public half against the one that is known.
"""

import base64
import hashlib
import re
from collections.abc import Callable
from typing import Final

from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.x509 import ObjectIdentifier

ITERATIONS: Final = 2048  # OpenSSL's least; the work against guessing is Argon2id's
SALT_BYTES: Final = 16
BLOCK_BITS: Final = 128
PRIVATE_BYTES: Final = 32
LABEL: Final = "ENCRYPTED PRIVATE KEY"

_PBES2: Final = ObjectIdentifier("1.2.840.113549.1.5.13")
_PBKDF2: Final = ObjectIdentifier("1.2.840.113549.1.5.12")
_HMAC_SHA256: Final = ObjectIdentifier("1.2.840.113549.2.9")
_AES256_CBC: Final = ObjectIdentifier("2.16.840.1.101.3.4.1.42")
_ED25519: Final = ObjectIdentifier("1.3.101.112")  # RFC 8410
_EC: Final = ObjectIdentifier("1.2.840.10045.2.1")
_SM2: Final = ObjectIdentifier("1.2.156.10197.1.301")  # GM/T 0006
_BLOCK: Final = re.compile(f"-----BEGIN {LABEL}-----([A-Za-z0-9+/=\\s]*)-----END {LABEL}-----")


class CannotOpenBlock(Exception):
    """Another password, or no such block; the two cannot be told apart for certain."""


@asn1.sequence
class _Prf:
    algorithm: ObjectIdentifier
    parameters: asn1.Null


@asn1.sequence
class _Pbkdf2Parameters:
    salt: bytes
    iterations: int
    prf: _Prf


@asn1.sequence
class _Pbkdf2:
    algorithm: ObjectIdentifier
    parameters: _Pbkdf2Parameters


@asn1.sequence
class _Scheme:
    algorithm: ObjectIdentifier
    iv: bytes


@asn1.sequence
class _Pbes2Parameters:
    derivation: _Pbkdf2
    scheme: _Scheme


@asn1.sequence
class _Pbes2:
    algorithm: ObjectIdentifier
    parameters: _Pbes2Parameters


@asn1.sequence
class _Encrypted:
    algorithm: _Pbes2
    data: bytes


@asn1.sequence
class _Algorithm:
    algorithm: ObjectIdentifier
    curve: ObjectIdentifier | None


@asn1.sequence
class _Private:
    version: int
    algorithm: _Algorithm
    key: bytes


@asn1.sequence
class _EcPrivate:
    version: int
    key: bytes


def encrypt(suite_id: str, private: bytes, password: bytes, random: Callable[[int], bytes]) -> str:
    """A raw private key of 32 bytes as a PEM block."""
    salt, iv = random(SALT_BYTES), random(BLOCK_BITS // 8)
    padder = PKCS7(BLOCK_BITS).padder()
    padded = padder.update(_encode(suite_id, private)) + padder.finalize()
    encryptor = Cipher(AES256(_derive(password, salt, ITERATIONS)), CBC(iv)).encryptor()
    data = encryptor.update(padded) + encryptor.finalize()
    prf = _Prf(algorithm=_HMAC_SHA256, parameters=asn1.Null())
    derivation = _Pbkdf2(
        algorithm=_PBKDF2,
        parameters=_Pbkdf2Parameters(salt=salt, iterations=ITERATIONS, prf=prf),
    )
    scheme = _Scheme(algorithm=_AES256_CBC, iv=iv)
    der = asn1.encode_der(
        _Encrypted(
            algorithm=_Pbes2(
                algorithm=_PBES2,
                parameters=_Pbes2Parameters(derivation=derivation, scheme=scheme),
            ),
            data=data,
        )
    )
    text = base64.encodebytes(der).decode().replace("\n", "")
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join((f"-----BEGIN {LABEL}-----", *lines, f"-----END {LABEL}-----", ""))


def decrypt(block: str, suite_id: str, password: bytes) -> bytes:
    """The raw private key, 32 bytes, of a block that ``encrypt`` made for the same suite.

    Raises:
        CannotOpenBlock: It does not open.
    """
    found = _BLOCK.search(block)
    if found is None:
        raise CannotOpenBlock(f"there is no {LABEL}")
    try:
        encrypted = asn1.decode_der(_Encrypted, base64.b64decode("".join(found[1].split())))
        parameters = encrypted.algorithm.parameters
        pbkdf2 = parameters.derivation.parameters
        known = (_PBES2, _PBKDF2, _HMAC_SHA256, _AES256_CBC, ITERATIONS)
        if known != (
            encrypted.algorithm.algorithm,
            parameters.derivation.algorithm,
            pbkdf2.prf.algorithm,
            parameters.scheme.algorithm,
            pbkdf2.iterations,
        ):
            raise CannotOpenBlock("it is encrypted in another way than this program does")
        key = _derive(password, pbkdf2.salt, pbkdf2.iterations)
        decryptor = Cipher(AES256(key), CBC(parameters.scheme.iv)).decryptor()
        padded = decryptor.update(encrypted.data) + decryptor.finalize()
        unpadder = PKCS7(BLOCK_BITS).unpadder()
        return _decode(suite_id, unpadder.update(padded) + unpadder.finalize())
    except ValueError as error:
        raise CannotOpenBlock("another password, or damaged") from error


def _encode(suite_id: str, private: bytes) -> bytes:
    """PrivateKeyInfo: RFC 8410 §7 for Ed25519, RFC 5915 for a key on a curve."""
    if suite_id == "gm-1":
        algorithm = _Algorithm(algorithm=_EC, curve=_SM2)
        inner = asn1.encode_der(_EcPrivate(version=1, key=private))
    else:
        algorithm = _Algorithm(algorithm=_ED25519, curve=None)
        inner = asn1.encode_der(private)
    return asn1.encode_der(_Private(version=0, algorithm=algorithm, key=inner))


def _decode(suite_id: str, der: bytes) -> bytes:
    private = asn1.decode_der(_Private, der)
    raw = (
        asn1.decode_der(_EcPrivate, private.key).key
        if suite_id == "gm-1"
        else asn1.decode_der(bytes, private.key)
    )
    if len(raw) != PRIVATE_BYTES or _encode(suite_id, raw) != der:
        raise CannotOpenBlock("it holds another kind of key")
    return raw


def _derive(password: bytes, salt: bytes, iterations: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", password, salt, iterations, 32)
