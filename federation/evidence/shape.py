"""Takes JSON apart and says where it is not of the shape that a dossier has.

Strict, because a file that can be written in two ways is a file that can be changed:
exactly the fields named, no field twice, one spelling for bytes, whole numbers only.
"""

import base64
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

MAX_ENTRIES: Final = 256  # of a short list or table: conversations, draws, archive items
MAX_PATH: Final = 64  # levels of the deepest log that can be numbered
MAX_DEPTH: Final = 32  # of lists and objects; no file of ours has more than ten

_STRING: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_OTHER: Final = re.compile(r"[^\[\]{}]+")


class Misshapen(ValueError):
    """The file is not a dossier.

    Args:
        where: Which part of the file.
        zh: What is wrong, in Chinese.
        en: The same in English.
    """

    def __init__(self, where: str, zh: str, en: str) -> None:
        super().__init__(f"{where}: {en}")
        self.where = where
        self.zh = zh
        self.en = en


def json_of(text: str, where: str) -> Any:
    """Parse JSON; no field twice.

    How deep lists and objects may lie is decided here, and no position is told: both would
    otherwise depend on the Python that reads, and a verdict must not.

    Raises:
        Misshapen: It is not JSON, or nested deeper than ``MAX_DEPTH``.
    """
    depth = 0
    for bracket in _OTHER.sub("", _STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_DEPTH:
            raise Misshapen(where, "嵌套过深", f"is nested deeper than {MAX_DEPTH}")
    try:
        return json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise Misshapen(where, "不是合法的 JSON", "not JSON") from error
    except (ValueError, RecursionError) as error:  # a field twice, a number of 5,000 digits
        raise Misshapen(where, "不是合法的 JSON", f"not JSON: {error}") from error


@dataclass(frozen=True, slots=True)
class Reader:
    """Takes JSON values apart and knows where it is."""

    where: str

    def at(self, name: str) -> "Reader":
        """A reader one step further in."""
        return Reader(f"{self.where}.{name}")

    def wrong(self, zh: str, en: str) -> Misshapen:
        """What to raise."""
        return Misshapen(self.where, zh, en)

    def fields(self, raw: object, names: str) -> dict[str, Any]:
        """An object with exactly these fields."""
        wanted = set(names.split())
        if not isinstance(raw, dict) or set(raw) != wanted:
            raise self.wrong(
                "字段不符", f"must have exactly the fields {', '.join(sorted(wanted))}"
            )
        return raw

    def items(self, raw: object, at_most: int) -> Sequence[Any]:
        """A list."""
        if not isinstance(raw, list) or len(raw) > at_most:
            raise self.wrong(f"不是{at_most}项以内的列表", f"must be a list of at most {at_most}")
        return raw

    def mapped(self, raw: object, take: Callable[["Reader", Any], Any]) -> dict[str, Any]:
        """An object used as a table."""
        if not isinstance(raw, dict) or len(raw) > MAX_ENTRIES:
            raise self.wrong("不是对照表", f"must be an object of at most {MAX_ENTRIES}")
        return {name: take(self.at(name[:64]), value) for name, value in raw.items()}

    def text(self, raw: object) -> str:
        """A text that UTF-8 can write."""
        if not isinstance(raw, str):
            raise self.wrong("不是文本", "must be a text")
        try:
            raw.encode()
        except UnicodeEncodeError as error:
            raise self.wrong("不是合法文本", "contains half a character") from error
        return raw

    def number(self, raw: object, at_most: int) -> int:
        """A whole number from 0."""
        if type(raw) is not int or not 0 <= raw <= at_most:
            raise self.wrong("数值不符", f"must be a whole number from 0 to {at_most}")
        return raw

    def hexed(self, raw: object) -> bytes:
        """Bytes in lower-case hex."""
        try:
            found = bytes.fromhex(self.text(raw))
        except ValueError as error:
            raise self.wrong("不是十六进制", "is not hex") from error
        if found.hex() != raw:
            raise self.wrong("不是十六进制", "is not lower-case hex")
        return found

    def data(self, raw: object) -> bytes:
        """Bytes in base64, in the one spelling that an encoder writes."""
        try:
            found = base64.b64decode(self.text(raw).encode(), validate=True)
        except ValueError as error:
            raise self.wrong("不是 base64", "is not base64") from error
        if b64(found) != raw:
            raise self.wrong("不是规范的 base64", "is not canonical base64")
        return found

    def path(self, raw: object) -> tuple[bytes, ...]:
        """An audit path; its length is Merkle's affair."""
        return tuple(self.data(item) for item in self.items(raw, MAX_PATH))


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON; a field that is given twice is a ValueError."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field is given twice")
    return found


def utf8(raw: bytes, where: str) -> str:
    """Decode, or say where it is not UTF-8."""
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise Misshapen(where, "不是 UTF-8 文本", "is not UTF-8") from error


def b64(raw: bytes) -> str:
    """Base64 as RFC 4648 §4 writes it."""
    return base64.b64encode(raw).decode()
