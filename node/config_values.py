"""The values of a configuration: addresses, names, codes and keys, each with its own error.

Here: how one value is checked, whichever section it stands in. The sections are ``node.config``.
"""

import base64
import binascii
from typing import Annotated, Any, Final

from pydantic import AfterValidator

from federation.trust.errors import BadKey
from federation.trust.suite import GM_1, INTL_1, Suite
from node.domain import codes
from node.domain.refusal import Inadmissible

MAX_PORT: Final = 65_535
ED25519_BYTES: Final = 32


def split_address(text: str) -> tuple[str, int]:
    """``host:port`` as its two parts; an IPv6 host stands in brackets. Raises ValueError."""
    host, colon, port = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not colon or not bare or not port.isdecimal() or int(port) > MAX_PORT:
        raise ValueError(f"应为 主机:端口 · must be host:port, not {text!r}")
    if ":" in bare and host == bare:
        raise ValueError(f"IPv6 地址须加方括号 · an IPv6 address stands in brackets: {text!r}")
    return bare, int(port)


def _address(text: str) -> str:
    split_address(text)
    return text


def _dialled(text: str) -> str:
    host, port = split_address(text)
    if port == 0 or host in {"0.0.0.0", "::"}:  # noqa: S104 - refused, not bound
        raise ValueError(f"伙伴无法拨打 · partners cannot dial {text!r}; give a name and a port")
    return text


def visible(text: str) -> str:
    """A name of visible characters, without blanks around. Raises ValueError."""
    if not text.isprintable() or text != text.strip():
        raise ValueError(
            "应为可见字符,首尾无空格 · must have visible characters and no blanks around"
        )
    return text


def _region(text: str) -> str:
    return _said(codes.region_code, text)


def _uscc(text: str) -> str:
    return _said(codes.uscc, text)


def _said(parse: Any, text: str) -> str:
    try:
        return str(parse(text))
    except Inadmissible as error:
        raise ValueError(str(error)) from error


def _raw_key(text: str) -> str:
    return _key_of(INTL_1, "32字节的 X25519 公钥", text)


def _sm2_key(text: str) -> str:
    return _key_of(GM_1, "65字节的 SM2 公钥(04开头, 未压缩)", text)


def _signing_key(text: str) -> str:
    try:
        found = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("应为 Base64 · must be standard base64") from error
    if len(found) != ED25519_BYTES:
        raise ValueError(
            f"应为{ED25519_BYTES}字节的 Ed25519 公钥 · an Ed25519 public key has {ED25519_BYTES} "
            f"bytes, not {len(found)}"
        )
    return text


def _key_of(suite: Suite, zh: str, text: str) -> str:
    try:
        suite.check_key(base64.b64decode(text, validate=True))
    except binascii.Error as error:
        raise ValueError("应为 Base64 · must be standard base64") from error
    except BadKey as error:
        raise ValueError(f"应为{zh} · {error}") from error
    return text


def each_once(values: tuple[str, ...]) -> tuple[str, ...]:
    """Values of which none repeats. Raises ValueError."""
    if len(set(values)) != len(values):
        raise ValueError("有重复 · one of them stands there twice")
    return values


Address = Annotated[str, AfterValidator(_address)]
DialledAddress = Annotated[str, AfterValidator(_dialled)]
RawKey = Annotated[str, AfterValidator(_raw_key)]
RawSigningKey = Annotated[str, AfterValidator(_signing_key)]
Sm2Key = Annotated[str, AfterValidator(_sm2_key)]
RegionCode = Annotated[str, AfterValidator(_region)]
Uscc = Annotated[str, AfterValidator(_uscc)]
