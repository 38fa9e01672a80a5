"""Reading the JSON an outside system answered: each field by name, type and size, or ``Rejected``.

An answer that is not what the port's API describes is final: asking again will not teach the
other side its own interface. Messages name the field and what was expected, never its value.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from adapters.errors import Rejected

TEXT_CHARS_MAX: Final = 4096
"""Longest text field of any answer: a URL or a location; everything else is shorter."""

BINARY_BYTES_MAX: Final = 256 * 1024
"""Longest binary field of any answer: a certificate chain of a cloud signature is ≤ 16 KiB."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A JSON object answered by ``system`` to ``request`` (method and path)."""

    system: str
    request: str
    fields: Mapping[str, Any]

    def text(self, name: str) -> str:
        """A non-empty string of at most ``TEXT_CHARS_MAX`` characters."""
        value = self.fields.get(name)
        if not isinstance(value, str) or not 0 < len(value) <= TEXT_CHARS_MAX:
            raise self.wrong(name, f"a string of 1 to {TEXT_CHARS_MAX} characters")
        return value

    def texts(self, name: str, *, count: int) -> tuple[str, ...]:
        """A list of exactly ``count`` non-empty strings."""
        value = self.fields.get(name)
        if not isinstance(value, list) or len(value) != count:
            raise self.wrong(name, f"a list of {count} strings")
        if not all(isinstance(item, str) and 0 < len(item) <= TEXT_CHARS_MAX for item in value):
            raise self.wrong(name, f"strings of 1 to {TEXT_CHARS_MAX} characters")
        return tuple(value)

    def flag(self, name: str) -> bool:
        """``true`` or ``false``."""
        value = self.fields.get(name)
        if not isinstance(value, bool):
            raise self.wrong(name, "true or false")
        return value

    def count(self, name: str) -> int:
        """A whole number of at least 0."""
        value = self.fields.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self.wrong(name, "a whole number of at least 0")
        return value

    def binary(self, name: str) -> bytes:
        """Bytes in standard base64 with padding (RFC 4648 §4), at most ``BINARY_BYTES_MAX``."""
        value = self.fields.get(name)
        expected = f"1 to {BINARY_BYTES_MAX} bytes in base64"
        if not isinstance(value, str):
            raise self.wrong(name, expected)
        try:
            decoded = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError) as error:
            raise self.wrong(name, expected) from error
        if not 0 < len(decoded) <= BINARY_BYTES_MAX:
            raise self.wrong(name, expected)
        return decoded

    def sha256(self, name: str) -> bytes:
        """A SHA-256 digest in 64 hexadecimal digits; 32 bytes."""
        value = self.fields.get(name)
        digest_chars = 64
        if not isinstance(value, str) or len(value) != digest_chars:
            raise self.wrong(name, "64 hexadecimal digits")
        try:
            return bytes.fromhex(value)
        except ValueError as error:
            raise self.wrong(name, "64 hexadecimal digits") from error

    def wrong(self, name: str, expected: str) -> Rejected:
        """The error for a field that is missing or not as described."""
        return Rejected(
            self.system,
            f"the answer to {self.request} must have {name!r}: {expected}. "
            "Compare the other side with the API in this port's docstring.",
        )


def parse_object(system: str, request: str, body: bytes) -> Reply:
    """Parse ``body`` as a JSON object.

    Raises:
        Rejected: It is not one.
    """
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Rejected(
            system,
            f"the answer to {request} is not JSON. Is the base URL right, or does a proxy "
            "answer in the system's place?",
        ) from error
    if not isinstance(fields, dict):
        raise Rejected(system, f"the answer to {request} must be a JSON object")
    return Reply(system, request, fields)
