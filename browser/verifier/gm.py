"""The suite ``gm-1`` in the page: SM2 by noble's curves, SM3 by ``sm3.js``.

Stands in for ``federation.trust.gm``. What may reach the curve is decided by
``federation.trust.sm2``, as in a node. A page has no private keys: it checks, and nothing else.
"""

from functools import cache
from typing import Any, Final, NoReturn

from lianping_browser import verify_sm2
from pyodide.ffi import to_js

from federation.trust import sm2
from federation.trust.errors import BadKey, SuiteUnavailable

# As in federation.trust.gm: part of what is signed.
NOTE_LOG_TYPE: Final = b"\xfflianping/sm2-note/1"
NOTE_WITNESS_TYPE: Final = b"\xfflianping/sm2-cosignature/1"
COSIGNATURE_HEADER: Final = "lianping-sm2-cosignature/v1"

# GB/T 32905-2016, A.1: the digest of "abc".
_ABC: Final = bytes.fromhex("66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0")
# GB/T 32918.5-2017, A.2.
_KEY: Final = bytes.fromhex(
    "0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
    "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
)
_SIGNED: Final = b"message digest"
_SIGNATURE: Final = bytes.fromhex(
    "3046022100f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
    "022100b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"
)


def verify(public: bytes, signature: bytes, message: bytes) -> bool:
    """Tell whether ``signature`` (DER) over ``message`` is by ``public`` (65 bytes)."""
    numbers = sm2.signature_numbers(signature)
    if numbers is None:
        return False
    try:
        sm2.check_public(public)
    except BadKey:
        return False
    digest = sm2.sm3(sm2.z(public) + message).digest()
    r, s = (to_js(number.to_bytes(32, "big")) for number in numbers)
    return bool(verify_sm2(to_js(public), r, s, to_js(digest)))


def check_key(public: bytes) -> None:
    """BadKey unless it is a point of the curve."""
    sm2.check_public(public)


@cache
def ready() -> None:
    """Known-answer tests.

    Raises:
        SuiteUnavailable: This browser answers wrong.
    """
    if sm2.sm3(b"abc").digest() != _ABC:
        raise SuiteUnavailable("suite gm-1: this browser answers SM3 wrong (GB/T 32905 A.1)")
    if not verify(_KEY, _SIGNATURE, _SIGNED) or verify(_KEY, _SIGNATURE, _SIGNED + b"."):
        raise SuiteUnavailable("suite gm-1: this browser checks SM2 wrong (GB/T 32918.5 A.2)")


def _none(*_: Any) -> NoReturn:
    raise SuiteUnavailable("suite gm-1: the page only checks; it has no private keys")


signer = seal = unseal = public_of = new_private = _none
