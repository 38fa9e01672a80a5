"""Ranking and Merkle roots against nothing but the hashing they cannot do without."""

import hashlib
import random
import time
from collections.abc import Callable
from typing import Final

from federation.lottery.ranking import ranked
from federation.trust import merkle
from federation.trust.suite import INTL_1

ENTRY_BYTES: Final = 32
BLOCK: Final = bytes(64)  # an HMAC's padded key
LIMIT: Final = 2_000  # further than a walk can come


def entries(count: int) -> list[bytes]:
    """Digests as a pool lists them; the same in every run."""
    joined = random.Random("entries").randbytes(count * ENTRY_BYTES)
    return [joined[at : at + ENTRY_BYTES] for at in range(0, len(joined), ENTRY_BYTES)]


def timed(function: Callable[[], object]) -> float:
    """Seconds that a call took."""
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def ranking(listed: list[bytes]) -> None:
    """What a draw does with a stratum."""
    ranked(INTL_1, bytes(32), listed, LIMIT)


def ranking_floor(listed: list[bytes]) -> None:
    """The two hashes of an HMAC for each entry, over as many bytes, and nothing kept."""
    new = hashlib.sha256
    for entry in listed:
        new(BLOCK + new(BLOCK + entry).digest()).digest()


def merkle_root(listed: list[bytes]) -> None:
    """What a pool's owner commits to."""
    merkle.root_of(INTL_1, listed)


def merkle_floor(listed: list[bytes]) -> None:
    """A hash of 33 bytes for each leaf and of 65 for each node above, and nothing kept."""
    new = hashlib.sha256
    for entry in listed:
        new(b"\0" + entry).digest()
    node = bytes(ENTRY_BYTES)
    for _ in range(len(listed) - 1):
        new(b"\1" + node + node).digest()
