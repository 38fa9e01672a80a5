"""SM3 for a Python without OpenSSL: what ``hashlib.new("sm3")`` answers in the page.

The digest is made by ``sm3.js``. To be imported before anything that hashes.
"""

import hashlib
from collections.abc import Callable
from typing import Any, Final

from lianping_browser import sm3 as _digest
from pyodide.ffi import to_js

NAME: Final = "sm3"


class Sm3:
    """What hashlib gives: a hash that can be fed and copied."""

    name: Final = NAME
    block_size: Final = 64
    digest_size: Final = 32
    __slots__ = ("_fed",)

    def __init__(self, data: bytes | bytearray = b"") -> None:
        self._fed = bytearray(data)

    def update(self, data: bytes, /) -> None:
        """Feed more data."""
        self._fed += data

    def digest(self) -> bytes:
        """Give the digest of what was fed so far: 32 bytes."""
        answer: bytes = _digest(to_js(self._fed)).to_bytes()
        return answer

    def hexdigest(self) -> str:
        """Give the same in hexadecimal."""
        return self.digest().hex()

    def copy(self) -> "Sm3":
        """Give an independent hash that has been fed the same."""
        return Sm3(self._fed)


def _with_sm3(known: Callable[..., Any]) -> Callable[..., Any]:
    def new(name: str, data: bytes = b"", **options: Any) -> Any:
        return Sm3(data) if name == NAME else known(name, data, **options)

    return new


hashlib.new = _with_sm3(hashlib.new)
