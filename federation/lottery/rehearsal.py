"""The rehearsal draw of a joint test: the real commitments, seed and ranking over a made-up pool.

Both sides build the same pool from the bytes of ``StartTest``, so that nobody's experts are
touched and two programs that hash or sort differently are found out before any real draw.
What is hashed is written down in ``proto/README.md``, "The rehearsals and the report".
"""

from typing import Final

from federation.lottery.pool import Pool, PoolMember, build_pool
from federation.lottery.ranking import commitment, commits_hash, orders, seed
from federation.protocol.draw import Slot
from federation.trust.suite import Digests

NAME: Final = "rehearsal"
"""Of the pool, of its epoch and of everybody in it; no real pool is announced by a test."""

MEMBERS: Final = 12
SLOTS: Final = (Slot("A08", 5), Slot("B03", 2))


class BadRehearsal(Exception):
    """The rehearsal draw failed; the message says at what."""


def rehearsal_pool(digests: Digests, open_hash: bytes) -> Pool:
    """The made-up pool of one joint test.

    Args:
        digests: The agreement's suite.
        open_hash: ``ranking.open_hash`` of the payload of ``StartTest``.
    """
    members = [
        PoolMember(
            uid=f"R{number:02d}",
            name=NAME,
            uscc="",
            specialties=("A08", "B03") if number % 3 == 1 else ("A08",),
        )
        for number in range(1, MEMBERS + 1)
    ]
    return build_pool(digests, digests.tagged(NAME, open_hash), NAME, NAME, members)


def rehearsed_order(
    digests: Digests,
    open_hash: bytes,
    *,
    centers: tuple[str, str],
    roots: tuple[bytes, bytes],
    commitments: tuple[bytes, bytes],
    values: tuple[bytes, bytes],
) -> bytes:
    """The order that the rehearsal draw gives, as one digest of 32 bytes.

    Args:
        digests: The agreement's suite.
        open_hash: As for ``rehearsal_pool``.
        centers: The tested side, then the tester; the pairs that follow are in this order.
        roots: The roots that the two have shown.
        commitments: What the two committed with.
        values: What the two revealed.

    Raises:
        BadRehearsal: A root is not the pool's, or a value does not open its commitment.
    """
    pool = rehearsal_pool(digests, open_hash)
    for center, root, committed, value in zip(centers, roots, commitments, values, strict=True):
        if root != pool.root:
            raise BadRehearsal(f"{center} built another rehearsal pool: {root.hex()}")
        if commitment(digests, open_hash, center, value) != committed:
            raise BadRehearsal(f"the value of {center} does not open its commitment")
    mixed = seed(digests, commits_hash(digests, open_hash, commitments), values)
    listings = {slot.specialty: pool.entries(slot.specialty) for slot in SLOTS}
    ranked = orders(digests, mixed, SLOTS, listings, MEMBERS)
    return digests.tagged("rehearsal-order", *(entry for order in ranked for entry in order))
