"""The suite ``intl-1``: Ed25519 (RFC 8032) by libsodium, HPKE (RFC 9180) by OpenSSL.

All keys are raw, 32 bytes. What a suite is, and which there are, is ``federation.trust.suite``.
"""

from collections.abc import Callable
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM
from cryptography.hazmat.primitives.hpke import Suite as HpkeSuite
from nacl.bindings import crypto_sign, crypto_sign_open, crypto_sign_seed_keypair
from nacl.exceptions import BadSignatureError, CryptoError

from federation.trust.errors import BadKey, CannotOpen

SIGNATURE_BYTES: Final = 64  # RFC 8032
KEY_BYTES: Final = 32

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


def signer(private_key: bytes) -> Callable[[bytes], bytes]:
    """What signs with a raw Ed25519 private key (32 bytes); the key is expanded once."""
    check_key(private_key)
    _, expanded = crypto_sign_seed_keypair(private_key)
    return lambda message: crypto_sign(message, expanded)[:SIGNATURE_BYTES]


def seal(public_key: bytes, info: bytes, plaintext: bytes) -> bytes:
    """HPKE base mode to a raw X25519 key: encapsulated key, then ciphertext."""
    check_key(public_key)
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
    check_key(private_key)
    key = X25519PrivateKey.from_private_bytes(private_key)
    try:
        opened: Any = _HPKE.decrypt(sealed, key, info)
    except (InvalidTag, ValueError) as error:
        raise CannotOpen("the sealed message does not open with this key") from error
    return bytes(opened)


def public_signing(private_key: bytes) -> bytes:
    """The raw Ed25519 public key of a private one, 32 bytes each."""
    check_key(private_key)
    return Ed25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()


def public_sealing(private_key: bytes) -> bytes:
    """The raw X25519 public key of a private one, 32 bytes each."""
    check_key(private_key)
    return X25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()


def new_private(random: Callable[[int], bytes]) -> bytes:
    """A private key, 32 bytes: any will do."""
    return random(KEY_BYTES)


def check_key(key: bytes) -> None:
    """BadKey unless it has 32 bytes."""
    if len(key) != KEY_BYTES:
        raise BadKey(f"an Ed25519 or X25519 key has {KEY_BYTES} bytes, not {len(key)}")


def ready() -> None:
    """What intl-1 needs is in the wheels of this program's own dependencies."""
