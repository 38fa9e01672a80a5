"""The suite ``intl-1`` in the page: Ed25519 by libsodium, compiled to WebAssembly.

Stands in for ``federation.trust.intl``. A page has no private keys: it checks, and nothing else.
"""

from typing import Any, Final, NoReturn

from lianping_browser import verify_ed25519
from pyodide.ffi import to_js

from federation.trust.errors import BadKey, SuiteUnavailable

SIGNATURE_BYTES: Final = 64  # RFC 8032
KEY_BYTES: Final = 32

# RFC 8032 §7.1, test 2.
_KEY: Final = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
_SIGNATURE: Final = bytes.fromhex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)
_MESSAGE: Final = b"\x72"


def verify(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Tell whether ``signature`` (64 bytes) over ``message`` is by ``public_key`` (32 bytes)."""
    return bool(verify_ed25519(to_js(public_key), to_js(signature), to_js(message)))


def check_key(key: bytes) -> None:
    """BadKey unless it has 32 bytes."""
    if len(key) != KEY_BYTES:
        raise BadKey(f"an Ed25519 or X25519 key has {KEY_BYTES} bytes, not {len(key)}")


def ready() -> None:
    """Known-answer test.

    Raises:
        SuiteUnavailable: This browser answers wrong.
    """
    if not verify(_KEY, _SIGNATURE, _MESSAGE) or verify(_KEY, _SIGNATURE, b"\x73"):
        raise SuiteUnavailable("suite intl-1: this browser checks signatures wrong (RFC 8032)")


def _none(*_: Any) -> NoReturn:
    raise SuiteUnavailable("suite intl-1: the page only checks; it has no private keys")


signer = seal = unseal = public_signing = public_sealing = new_private = _none
