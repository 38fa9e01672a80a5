"""When experts may be called, and the code that is sent to each.

The protocol gives the owner an hour to reach somebody, so calls cannot be put off over night
once a draw walks: a draw does not begin in the hours without calls. Not here: what is said
(``invitation_text``), and calling.
"""

from dataclasses import dataclass
from typing import Final

from node.domain.workday import DAY_MS

MINUTE_MS: Final = 60_000
SHANGHAI_OFFSET_MS: Final = 8 * 60 * MINUTE_MS  # UTC+8 without summer time
DAY_MINUTES: Final = 24 * 60
CODE_CHARS: Final = 8
"""Forty bits: with a million codes in use, a guess hits one of a million."""
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: no two read alike
_READ_AS: Final = str.maketrans("OIL", "011", "- ")


@dataclass(frozen=True, slots=True)
class CallingHours:
    """When nobody is called.

    Args:
        quiet_from: Minute of the day in Asia/Shanghai from which no draw begins.
        quiet_until: Minute of the day from which one may again; the same minute for always.
        cut_off_minutes: So shortly before an evaluation nobody is called any more: whoever said
            yes could not come. People are told, who may move the evaluation.
    """

    quiet_from: int = 0
    quiet_until: int = 0
    cut_off_minutes: int = 0

    def opens_ms(self, now_ms: int) -> int:
        """The first moment from now on at which a draw may begin: now itself, or later."""
        minute = (now_ms + SHANGHAI_OFFSET_MS) % DAY_MS // MINUTE_MS
        since = (minute - self.quiet_from) % DAY_MINUTES
        lasts = (self.quiet_until - self.quiet_from) % DAY_MINUTES
        if since >= lasts:
            return now_ms
        return now_ms - now_ms % MINUTE_MS + (lasts - since) * MINUTE_MS

    def is_too_late(self, start_ms: int, now_ms: int) -> bool:
        """Whether nobody is to be called any more for an evaluation."""
        return self.cut_off_minutes > 0 and now_ms > start_ms - self.cut_off_minutes * MINUTE_MS


def code_of(random: bytes) -> str:
    """A code from at least 5 random bytes, as it is sent: ``7KQ2-M0XD``."""
    number = int.from_bytes(random[:5], "big")
    letters = "".join(_ALPHABET[number >> 5 * at & 31] for at in range(CODE_CHARS))
    return f"{letters[:4]}-{letters[4:]}"


def read_code(text: str) -> str | None:
    """A code as somebody typed it, in the form in which it was sent; None if it is none."""
    letters = text.upper().translate(_READ_AS)
    if len(letters) != CODE_CHARS or set(letters) - set(_ALPHABET):
        return None
    return f"{letters[:4]}-{letters[4:]}"
