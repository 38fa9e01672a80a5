"""Merkle trees of RFC 6962 §2.1: roots, audit paths, consistency proofs, growing logs.

Batch signatures (at most 64 leaves), the expert pool and the evidence log all hash their
leaves with these functions, over any suite's ``Digests``. Everything is arithmetic on
bytes: who stores the nodes, what a leaf means and who signs the root lives elsewhere.

A node is named by ``(level, index)``: level 0 are the leaf hashes, and the node covers the
leaves ``index << level`` up to ``(index + 1) << level``. Only complete subtrees have a
name, because only they never change again; the ragged right edge is always computed.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Final

from federation.trust.suite import Digests

HASH_SIZE: Final = 32
"""Bytes in one hash; every suite we know (SHA-256, SM3) has 32."""

LEAF_PREFIX: Final = b"\x00"
"""Put before leaf data, so that no leaf can be read as an inner node (RFC 6962 §2.1)."""

NODE_PREFIX: Final = b"\x01"
"""Put before two joined hashes, so that no inner node can be read as a leaf."""

_BLOCK: Final = 1 << 10
"""Leaves folded at once: the levels of one block (about 64 KiB) stay in the L2 cache, and
``root_of`` never holds a million leaf hashes. A power of two, so that blocks are subtrees."""

FetchNode = Callable[[int, int], bytes]
"""``(level, index)`` to the stored hash of that complete subtree."""


def leaf_hash(digests: Digests, data: bytes) -> bytes:
    """Hash of one leaf's data, 32 bytes."""
    return digests.hash(LEAF_PREFIX + data)


def node_hash(digests: Digests, left: bytes, right: bytes) -> bytes:
    """Hash of the node above ``left`` and ``right``, 32 bytes."""
    return digests.hash(NODE_PREFIX + left + right)


def root(digests: Digests, hashes: Sequence[bytes]) -> bytes:
    """Root over leaf hashes; the hash of nothing for no leaves."""
    if not hashes:
        return digests.hash(b"")
    starts = range(0, len(hashes), _BLOCK)
    return _fold(digests, [_fold(digests, hashes[start : start + _BLOCK]) for start in starts])


def root_of(digests: Digests, data: Iterable[bytes]) -> bytes:
    """Root over leaf data, read once and not kept."""
    new = digests.new
    leaves = iter(data)
    tops = []
    while block := [new(LEAF_PREFIX + leaf).digest() for leaf in islice(leaves, _BLOCK)]:
        tops.append(_fold(digests, block))
    return root(digests, tops)


def _fold(digests: Digests, hashes: Sequence[bytes]) -> bytes:
    level = hashes
    while len(level) > 1:
        level = _level_above(digests, level)
    return level[0]


def _level_above(digests: Digests, level: Sequence[bytes]) -> list[bytes]:
    # Calls `new` itself: the frames of `hash` and `node_hash` would cost a third of the time.
    new = digests.new
    above = [
        new(NODE_PREFIX + left + right).digest()
        for left, right in zip(level[::2], level[1::2], strict=False)
    ]
    if len(level) & 1:
        # RFC 6962 splits at a power of two; seen from below, a last node without a sibling
        # rises unchanged (it is never paired with itself, as in Bitcoin's trees).
        above.append(level[-1])
    return above


def audit_paths(digests: Digests, hashes: Sequence[bytes]) -> list[tuple[bytes, ...]]:
    """Audit path of every leaf of a small batch, all from one pass over the tree.

    Args:
        digests: The suite's hash.
        hashes: The leaf hashes, in order.

    Returns:
        For each leaf its siblings from the leaf towards the root.
    """
    paths: list[list[bytes]] = [[] for _ in hashes]
    level = hashes
    height = 0
    while len(level) > 1:
        for index, path in enumerate(paths):
            sibling = (index >> height) ^ 1
            if sibling < len(level):
                path.append(level[sibling])
        level = _level_above(digests, level)
        height += 1
    return [tuple(path) for path in paths]


def root_from_path(
    digests: Digests, leaf: bytes, index: int, size: int, path: Sequence[bytes]
) -> bytes:
    """Root of the tree in which ``path`` leads up from ``leaf`` (RFC 9162 §2.1.3.2).

    Args:
        digests: The suite's hash.
        leaf: The leaf hash, 32 bytes.
        index: The leaf's place, from 0.
        size: How many leaves the tree has.
        path: Siblings from the leaf towards the root, 32 bytes each.

    Raises:
        ValueError: ``index`` lies outside the tree, the path has not the length that a path
            at this place has, or something is not a 32-byte hash.
    """
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size} leaves")
    _require_hashes((leaf, *path))
    expected = _path_length(index, size)
    if len(path) != expected:
        raise ValueError(
            f"the audit path of leaf {index} of {size} has {expected} hashes, not {len(path)}"
        )
    siblings = iter(path)
    node = leaf
    last = size - 1
    while last:
        if index & 1:
            node = node_hash(digests, next(siblings), node)
        elif index < last:
            node = node_hash(digests, node, next(siblings))
        index >>= 1
        last >>= 1
    return node


def _path_length(index: int, size: int) -> int:
    """Levels up to where the paths of this leaf and the last leaf meet, then left siblings only."""
    meeting = (index ^ (size - 1)).bit_length()
    return meeting + (index >> meeting).bit_count()


def _require_hashes(hashes: Iterable[bytes]) -> None:
    for value in hashes:
        if len(value) != HASH_SIZE:
            raise ValueError(f"a hash has {HASH_SIZE} bytes, not {len(value)}")


def verify_inclusion(
    digests: Digests, leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes
) -> bool:
    """Tell whether ``path`` proves that ``leaf`` (a leaf hash) is at ``index`` under ``root``."""
    try:
        return root_from_path(digests, leaf, index, size, path) == root
    except ValueError:
        return False


def verify_consistency(
    digests: Digests,
    old_size: int,
    old_root: bytes,
    new_size: int,
    new_root: bytes,
    proof: Sequence[bytes],
) -> bool:
    """Tell whether the tree of ``new_root`` begins with the tree of ``old_root``.

    RFC 9162 §2.1.4.2. What the RFC leaves open is closed here: equal sizes need equal roots
    and an empty proof; the empty tree begins every tree, needs an empty proof, and its root
    must be the hash of nothing.
    """
    if not 0 <= old_size <= new_size:
        return False
    if any(len(value) != HASH_SIZE for value in (old_root, new_root, *proof)):
        return False
    if old_size == 0 and old_root != digests.hash(b""):
        return False
    if old_size == new_size:
        return not proof and old_root == new_root
    if old_size == 0:
        return not proof
    return _extends(digests, old_size, old_root, new_size, new_root, proof)


def _extends(
    digests: Digests,
    old_size: int,
    old_root: bytes,
    new_size: int,
    new_root: bytes,
    proof: Sequence[bytes],
) -> bool:
    steps = list(proof)
    if old_size.bit_count() == 1:
        # The old tree is itself a node of the new one, so the prover need not send it.
        steps.insert(0, old_root)
    if not steps:
        return False
    # Both are climbed at once, from the last node the old tree shares with the new one.
    shared = _trailing_ones(old_size - 1)
    old_last = (old_size - 1) >> shared
    new_last = (new_size - 1) >> shared
    old_node = new_node = steps[0]
    for step in steps[1:]:
        if not new_last:
            return False
        if old_last & 1 or old_last == new_last:
            old_node = node_hash(digests, step, old_node)
            new_node = node_hash(digests, step, new_node)
            while old_last and not old_last & 1:
                old_last >>= 1
                new_last >>= 1
        else:
            new_node = node_hash(digests, new_node, step)
        old_last >>= 1
        new_last >>= 1
    return not new_last and old_node == old_root and new_node == new_root


def _trailing_ones(number: int) -> int:
    return (~number & (number + 1)).bit_length() - 1


def frontier_nodes(size: int) -> list[tuple[int, int]]:
    """``(level, index)`` of the complete subtrees a tree of ``size`` leaves consists of.

    Largest first: fetch them in this order and hand them to ``Frontier`` as its peaks.

    Raises:
        ValueError: ``size`` is negative.
    """
    if size < 0:
        raise ValueError(f"a tree cannot have {size} leaves")
    return [
        (level, (size >> level) - 1)
        for level in range(size.bit_length() - 1, -1, -1)
        if size >> level & 1
    ]


class Frontier:
    """The compact range of a growing log: all that is needed to append, in ≤ 64 hashes.

    Args:
        digests: The suite's hash.
        size: How many leaves are already in the log.
        peaks: The hashes at ``frontier_nodes(size)``, largest subtree first.

    Raises:
        ValueError: The peaks do not fit the size.
    """

    __slots__ = ("_digests", "_peaks", "_size")

    def __init__(self, digests: Digests, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        if size < 0 or len(peaks) != size.bit_count():
            raise ValueError(f"{len(peaks)} peaks do not make a tree of {size} leaves")
        _require_hashes(peaks)
        self._digests = digests
        self._size = size
        self._peaks = list(peaks)

    @property
    def size(self) -> int:
        """How many leaves the log has."""
        return self._size

    @property
    def peaks(self) -> tuple[bytes, ...]:
        """Hashes of the complete subtrees, largest first."""
        return tuple(self._peaks)

    def append(self, leaf: bytes) -> list[tuple[int, int, bytes]]:
        """Add a leaf hash.

        Returns:
            ``(level, index, hash)`` of every node that became final by it, the leaf first.
            Nothing else will ever have to be stored for this leaf.

        Raises:
            ValueError: ``leaf`` is not a 32-byte hash.
        """
        _require_hashes((leaf,))
        level, index, node = 0, self._size, leaf
        final = [(level, index, node)]
        while index & 1:
            node = node_hash(self._digests, self._peaks.pop(), node)
            level += 1
            index >>= 1
            final.append((level, index, node))
        self._peaks.append(node)
        self._size += 1
        return final

    def extend(self, leaves: Sequence[bytes]) -> None:
        """Add leaf hashes that nobody needs the nodes of, block by block where they fill one.

        Raises:
            ValueError: One of them is not a 32-byte hash.
        """
        _require_hashes(leaves)
        at = 0
        while at < len(leaves):
            if self._size % _BLOCK or len(leaves) - at < _BLOCK:
                self.append(leaves[at])
                at += 1
                continue
            node, index = _fold(self._digests, leaves[at : at + _BLOCK]), self._size // _BLOCK
            while index & 1:
                node = node_hash(self._digests, self._peaks.pop(), node)
                index >>= 1
            self._peaks.append(node)
            self._size += _BLOCK
            at += _BLOCK

    def root(self) -> bytes:
        """Root of the log as it is now."""
        return _bag(self._digests, self._peaks)

    def copy(self) -> "Frontier":
        """Make an independent frontier, to try an append that may be rolled back."""
        return Frontier(self._digests, self._size, self._peaks)


def _bag(digests: Digests, peaks: Sequence[bytes]) -> bytes:
    """Join peaks, smallest first, into the root over them."""
    if not peaks:
        return digests.hash(b"")
    node = peaks[-1]
    for peak in reversed(peaks[:-1]):
        node = node_hash(digests, peak, node)
    return node


def root_at(digests: Digests, size: int, node: FetchNode) -> bytes:
    """Root of the first ``size`` leaves of a log; a negative ``size`` is a ValueError."""
    return _range_root(digests, 0, size, node)


def _range_root(digests: Digests, start: int, end: int, node: FetchNode) -> bytes:
    """Root over leaves ``start`` to ``end``.

    ``start`` must be a multiple of a power of two not below the width, as it is for every
    subtree of RFC 6962; then all its peaks are stored nodes.
    """
    peaks = [node(level, (start >> level) + index) for level, index in frontier_nodes(end - start)]
    return _bag(digests, peaks)


def _split(width: int) -> int:
    """Leaves in the left subtree: the largest power of two below ``width`` (RFC 6962 §2.1)."""
    return 1 << ((width - 1).bit_length() - 1)


def inclusion_proof(digests: Digests, index: int, size: int, node: FetchNode) -> list[bytes]:
    """Audit path of leaf ``index`` in the first ``size`` leaves, from the leaf rootwards.

    Args:
        digests: The suite's hash.
        index: The leaf's place, from 0.
        size: The tree size to prove against.
        node: Fetches a stored complete subtree.

    Raises:
        ValueError: The tree has no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size} leaves")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_range_root(digests, middle, end, node))
            end = middle
        else:
            path.append(_range_root(digests, start, middle, node))
            start = middle
    path.reverse()
    return path


def consistency_proof(
    digests: Digests, old_size: int, new_size: int, node: FetchNode
) -> list[bytes]:
    """Proof that the first ``new_size`` leaves begin with the first ``old_size``.

    PROOF of RFC 6962 §2.1.2; empty for equal sizes and for the empty tree, as
    ``verify_consistency`` expects.

    Raises:
        ValueError: The sizes are negative or the wrong way round.
    """
    if not 0 <= old_size <= new_size:
        raise ValueError(f"a log of {new_size} leaves cannot extend one of {old_size}")
    if old_size == 0:
        return []
    proof: list[bytes] = []
    start, end = 0, new_size
    while old_size < end:
        middle = start + _split(end - start)
        if old_size <= middle:
            proof.append(_range_root(digests, middle, end, node))
            end = middle
        else:
            proof.append(_range_root(digests, start, middle, node))
            start = middle
    if start:
        # The verifier knows this node only if it is the whole old tree, which starts at 0.
        proof.append(_range_root(digests, start, end, node))
    proof.reverse()
    return proof
