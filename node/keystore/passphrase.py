"""How strong a passphrase is, and one that is strong enough.

Whoever steals the root key's file may guess for years; Argon2id makes a guess cost 64 MiB and
half a second, so 60 bits are out of anybody's reach. The estimate is for what people make up:
characters of the kinds that occur, counted less where they only repeat or count on. It knows no
dictionary, so the proposed one is better: 125 bits of chance.
"""

import base64
import itertools
import math
import unicodedata
from collections.abc import Callable, Sequence
from typing import Final

MIN_BITS: Final = 60
MIN_WIDTH: Final = 16  # Chinese characters count twice; a name and a year are shorter
MAX_CHARS: Final = 1024  # nobody types more; Argon2's input is bounded
PROPOSED_BYTES: Final = 25  # 40 characters of Base32: eight groups of five
GROUP: Final = 5
CJK: Final = 3_500  # 常用字, the characters that people know by heart

_LETTERS: Final = 26
_DIGITS: Final = 10
_SIGNS: Final = 33  # the rest of printable ASCII


class WeakPassphrase(ValueError):
    """A passphrase that can be guessed, or that cannot be typed."""


def normal(text: str) -> bytes:
    """The bytes of a passphrase, the same from every keyboard (Unicode NFKC)."""
    return unicodedata.normalize("NFKC", text).encode()


def propose(random: Callable[[int], bytes]) -> str:
    """A passphrase of chance that can be written down and typed."""
    text = base64.b32encode(random(PROPOSED_BYTES)).decode().lower()
    return "-".join(text[at : at + GROUP] for at in range(0, len(text), GROUP))


def check(text: str) -> None:
    """Refuse what is too weak to guard a root key.

    Raises:
        WeakPassphrase: Says what would do.
    """
    if len(text) > MAX_CHARS or not text.isprintable():
        raise WeakPassphrase(
            f"口令应为可见字符,不超过{MAX_CHARS}个 · a passphrase has visible characters, "
            f"at most {MAX_CHARS}"
        )
    width = sum(1 if character.isascii() else 2 for character in text)
    if width < MIN_WIDTH or bits(text) < MIN_BITS:
        raise WeakPassphrase(
            f"口令太弱:至少{MIN_WIDTH}个混合字符(汉字算两个),最好是四个以上互不相关的词 · the "
            f"passphrase is too weak: take {MIN_WIDTH} mixed characters or more (a Chinese one "
            "counts as two), best of all four unrelated words"
        )


def bits(text: str) -> float:
    """An upper bound for how much there is to guess."""
    shapes: Sequence[tuple[bool, int]] = (
        (any(c.isascii() and c.islower() for c in text), _LETTERS),
        (any(c.isascii() and c.isupper() for c in text), _LETTERS),
        (any(c.isascii() and c.isdigit() for c in text), _DIGITS),
        (any(c.isascii() and not c.isalnum() for c in text), _SIGNS),
        (any(not c.isascii() for c in text), CJK),
    )
    alphabet = sum(size for occurs, size in shapes if occurs)
    if not alphabet:
        return 0.0
    codes = [ord(c) for c in text]
    steps = [after - before for before, after in itertools.pairwise(codes)]
    # "aaaa", "1234" and "dcba" say no more than their beginning and how to go on.
    idle = sum(step in {-1, 0, 1} and step == before for before, step in itertools.pairwise(steps))
    fresh = min(len(text) - idle, 2 * len(set(text)))
    return fresh * math.log2(alphabet)
