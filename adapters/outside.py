"""What every port has in common, so that wiring can treat all outside systems alike.

No behaviour of any one system is here; see its ``port.py``.
"""

import logging
from collections.abc import Callable
from typing import Final, Protocol

Log = Callable[[str], None]
"""Takes one line for the operator."""

_WARN: Final[Log] = logging.getLogger("adapters.stand_in").warning


class Outside(Protocol):
    """An outside system, real or not.

    ``stand_in`` is true when nothing real is at the other end: wiring says so loudly at
    start-up and refuses it in production.
    """

    @property
    def stand_in(self) -> bool:
        """Whether this only plays the outside system."""
        ...

    async def self_test(self) -> None:
        """Find out, without any effect on people, whether the system would answer now.

        Raises:
            Rejected: It answers, but not us, or not as configured.
            Unreachable: It does not answer.
        """
        ...

    async def aclose(self) -> None:
        """Let go of connections. Nothing may be asked afterwards."""
        ...


def announce_stand_in(what_zh: str, what_en: str, log: Log | None = None) -> None:
    """Say loudly that a stand-in is at work.

    Args:
        what_zh: What it plays, in Chinese.
        what_en: The same in English.
        log: Where to say it; by default a warning of the logger ``adapters.stand_in``.
    """
    (log or _WARN)(
        f"!!! 模拟系统 STAND-IN !!! {what_zh}是模拟的, 不得用于生产 | "
        f"the {what_en} is a stand-in: nothing it says is true, never use it in production"
    )
