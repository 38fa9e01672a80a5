"""Ranking, Merkle roots and signatures against what they cannot do without.

Ranking and roots are held to bare hashing of the same suite, a verification under ``gm-1`` to
one under ``intl-1``: what the national algorithms cost.
"""

import random
import time
from collections.abc import Callable
from typing import Final

from federation.lottery.ranking import ranked
from federation.trust import merkle
from federation.trust.suite import Suite

ENTRY_BYTES: Final = 32
BLOCK: Final = bytes(64)  # an HMAC's padded key
LIMIT: Final = 2_000  # further than a walk can come
PRIVATE: Final = bytes(range(32))
MESSAGE: Final = bytes(300)  # what draw-and-evidence.md §3.3 measures with


def entries(count: int) -> list[bytes]:
    """Digests as a pool lists them; the same in every run."""
    joined = random.Random("entries").randbytes(count * ENTRY_BYTES)
    return [joined[at : at + ENTRY_BYTES] for at in range(0, len(joined), ENTRY_BYTES)]


def timed(function: Callable[[], object]) -> float:
    """Seconds that a call took."""
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def ranking(suite: Suite, listed: list[bytes]) -> None:
    """What a draw does with a stratum."""
    ranked(suite, bytes(32), listed, LIMIT)


def ranking_floor(suite: Suite, listed: list[bytes]) -> None:
    """The two hashes of an HMAC for each entry, over as many bytes, and nothing kept."""
    new = suite.new
    for entry in listed:
        new(BLOCK + new(BLOCK + entry).digest()).digest()


def merkle_root(suite: Suite, listed: list[bytes]) -> None:
    """What a pool's owner commits to."""
    merkle.root_of(suite, listed)


def merkle_floor(suite: Suite, listed: list[bytes]) -> None:
    """A hash of 33 bytes for each leaf and of 65 for each node above, and nothing kept."""
    new = suite.new
    for entry in listed:
        new(b"\0" + entry).digest()
    node = bytes(ENTRY_BYTES)
    for _ in range(len(listed) - 1):
        new(b"\1" + node + node).digest()


def signing(suite: Suite, count: int) -> float:
    """Signatures a second over a word's batch."""
    sign = suite.signer(PRIVATE)
    return count / timed(lambda: [sign(MESSAGE) for _ in range(count)])


def verifying(suite: Suite, count: int) -> float:
    """Verifications a second of the same."""
    public, signature = suite.public_signing(PRIVATE), suite.signer(PRIVATE)(MESSAGE)
    return count / timed(lambda: [suite.verify(public, signature, MESSAGE) for _ in range(count)])
