"""Tells people what the demonstration is doing, in plain words.

Talk goes to one stream, data to another: with ``--json`` standard output holds one JSON
object and nothing else.
"""

import time
import unicodedata
from collections.abc import Sequence
from typing import Final, TextIO

WIDE: Final = frozenset({"W", "F"})  # East Asian widths that take two columns


class Narrator:
    """Prints numbered steps with what came of them.

    Args:
        stream: Where to talk.
        chinese: Chinese, or else English.
    """

    def __init__(self, stream: TextIO, *, chinese: bool) -> None:
        self._stream = stream
        self._chinese = chinese
        self._began = time.monotonic()
        self._number = 0

    @property
    def elapsed_seconds(self) -> float:
        """Since the narrator began."""
        return time.monotonic() - self._began

    def pick(self, zh: str, en: str) -> str:
        """The sentence in the reader's language."""
        return zh if self._chinese else en

    def step(self, zh: str, en: str) -> None:
        """Begin a step."""
        self._number += 1
        self._say(f"[{self.elapsed_seconds:5.1f}s] {self._number:2d}. {self.pick(zh, en)}")

    def tell(self, zh: str, en: str) -> None:
        """Say what came of it."""
        self._say(f"            · {self.pick(zh, en)}")

    def table(self, title: tuple[str, str], rows: Sequence[tuple[tuple[str, str], str]]) -> None:
        """Print what happened, one line for each fact."""
        names = [self.pick(*name) for name, _ in rows]
        wide = max(map(_columns, names))
        self._say("")
        self._say(self.pick(*title))
        for name, (_, value) in zip(names, rows, strict=True):
            self._say(f"  {name}{' ' * (wide - _columns(name))}  {value}")

    def _say(self, line: str) -> None:
        self._stream.write(line + "\n")
        self._stream.flush()


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(sign) in WIDE else 1 for sign in text)
