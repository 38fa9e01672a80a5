"""The order in which a stratum is asked: commitments, seed, keyed-hash ranking.

All hash inputs are those of ``draw-and-evidence.md`` §1.3 and §1.5, with one difference:
where the paper hashes canonical JSON, we hash the signed payload of the word itself, so
that nothing is ever serialised twice. Who commits and reveals when is
``federation.protocol.draw``; who is asked, and what follows, is ``walk``.

Ranking by a keyed hash, not by a shuffle: leaving an entry out does not move the others,
any single rank can be checked alone, and a supplement (补抽) is simply the next rank.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from federation.protocol.draw import Slot
from federation.trust.suite import Digests, u32

VALUE_BYTES: Final = 32
"""Bytes of randomness a contributor commits to: as many as the hash can carry."""

_BLOCK_BYTES: Final = 64  # of SHA-256 and of SM3; what RFC 2104 pads the key to
_INNER: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER: Final = bytes(byte ^ 0x5C for byte in range(256))

_SPACE: Final = 1 << 64  # what the first 8 bytes of a tag can say
_SPARE: Final = 64
"""A limited ranking sorts only tags below a threshold that lets through twice the limit and
this many: too few would be eight standard deviations off, and then everything is sorted."""


def open_hash(digests: Digests, payload: bytes) -> bytes:
    """O: what binds everything to one ``Open``, from its signed payload."""
    return digests.tagged("open", payload)


def step_hash(digests: Digests, payload: bytes) -> bytes:
    """The chain's next link, from the signed payload of a Next, a Verdict or a Report."""
    return digests.tagged("step", payload)


def commitment(digests: Digests, open_hash: bytes, center_id: str, value: bytes) -> bytes:
    """What a center commits to its random ``value`` (32 bytes) with."""
    return digests.tagged("commit", open_hash, center_id.encode(), value)


def commits_hash(digests: Digests, open_hash: bytes, commitments: Sequence[bytes]) -> bytes:
    """C: all commitments, in the order in which ``Open`` names the contributors."""
    return digests.tagged("commits", open_hash, *commitments)


def seed(
    digests: Digests, commits: bytes, values: Sequence[bytes | None], beacon: bytes = b""
) -> bytes:
    """Mix what was revealed.

    Args:
        digests: The agreement's suite.
        commits: C.
        values: The revealed values in contributor order; None for one never revealed.
        beacon: Public randomness that ``Open`` named in advance, or nothing.
    """
    revealed = (b"\0" if value is None else b"\1" + value for value in values)
    return digests.tagged("seed", commits, *revealed, beacon)


def slot_key(digests: Digests, seed: bytes, slot: int, specialty: str) -> bytes:
    """The ranking key of one slot: two slots of one specialty have independent orders."""
    return digests.mac(seed, "rank-key", u32(slot), specialty.encode())


def ranked(
    digests: Digests, key: bytes, entries: Sequence[bytes], limit: int | None = None
) -> list[bytes]:
    """Entries by ascending ``(HMAC(key, entry), entry)``.

    The HMAC is written out (RFC 2104): with the padded keys prepared once, two plain hashes
    per entry are five times as fast as ``hmac.digest``, which fetches its algorithm anew.

    Args:
        digests: The agreement's suite.
        key: From ``slot_key``, 32 bytes.
        entries: In any order.
        limit: Give only the first so many. Which they are does not depend on the limit; but
            then only about as many have to be sorted.

    Raises:
        ValueError: The key is longer than a block of the hash.
    """
    if len(key) > _BLOCK_BYTES:
        raise ValueError(f"a ranking key has at most {_BLOCK_BYTES} bytes, not {len(key)}")
    new = digests.new
    padded = key.ljust(_BLOCK_BYTES, b"\0")
    inner, outer = padded.translate(_INNER), padded.translate(_OUTER)
    wanted = len(entries) if limit is None else limit
    through = 2 * wanted + _SPARE
    if through < len(entries):
        below = (_SPACE * through // len(entries)).to_bytes(8, "big")
        lowest = [
            (tag, entry)
            for entry in entries
            if (tag := new(outer + new(inner + entry).digest()).digest()) < below
        ]
        if len(lowest) >= wanted:
            lowest.sort()
            return [entry for _, entry in lowest[:wanted]]
    order = [(new(outer + new(inner + entry).digest()).digest(), entry) for entry in entries]
    order.sort()
    return [entry for _, entry in order[:wanted]]


def orders(
    digests: Digests,
    seed: bytes,
    slots: Sequence[Slot],
    listings: Mapping[str, Sequence[bytes]],
    limit: int,
) -> tuple[list[bytes], ...]:
    """The first ``limit`` entries of every slot's order, in the order of the slots.

    Args:
        digests: The agreement's suite.
        seed: From ``seed``.
        slots: What ``Open`` asks for.
        listings: Entries by specialty, as ``pool.check_listings`` gives them.
        limit: How far a walk can come at all: ``protocol.draw.MAX_STEPS``.
    """
    return tuple(
        ranked(
            digests, slot_key(digests, seed, index, slot.specialty), listings[slot.specialty], limit
        )
        for index, slot in enumerate(slots)
    )
