"""RFC 6962 trees: known answers, a naive recursive oracle, and wrong proofs of every kind."""

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.trust import merkle
from federation.trust.suite import GM_1, INTL_1, Digests

# The leaves and roots of certificate-transparency's reference test of RFC 6962.
CT_LEAVES = tuple(
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
)
CT_ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)

SIZES = range(66)
HASHES = tuple(merkle.leaf_hash(INTL_1, b"leaf %d" % number) for number in SIZES)
SHA3 = Digests("test-sha3", hashlib.sha3_256, "sha3-256")


def naive_split(width: int) -> int:
    k = 1
    while k * 2 < width:
        k *= 2
    return k


def naive_root(data: Sequence[bytes], name: str = "sha256") -> bytes:
    """MTH of RFC 6962 §2.1, word for word, over leaf data."""
    if not data:
        return hashlib.new(name).digest()
    if len(data) == 1:
        return hashlib.new(name, b"\x00" + data[0]).digest()
    k = naive_split(len(data))
    both = naive_root(data[:k], name) + naive_root(data[k:], name)
    return hashlib.new(name, b"\x01" + both).digest()


def naive_path(index: int, data: Sequence[bytes]) -> list[bytes]:
    """PATH of RFC 6962 §2.1.1, word for word."""
    if len(data) == 1:
        return []
    k = naive_split(len(data))
    if index < k:
        return [*naive_path(index, data[:k]), naive_root(data[k:])]
    return [*naive_path(index - k, data[k:]), naive_root(data[:k])]


def naive_subproof(size: int, data: Sequence[bytes], whole: bool) -> list[bytes]:
    """SUBPROOF of RFC 6962 §2.1.2, word for word."""
    if size == len(data):
        return [] if whole else [naive_root(data)]
    k = naive_split(len(data))
    if size <= k:
        return [*naive_subproof(size, data[:k], whole), naive_root(data[k:])]
    return [*naive_subproof(size - k, data[k:], False), naive_root(data[:k])]


DATA = tuple(b"leaf %d" % number for number in SIZES)
ROOTS = tuple(naive_root(DATA[:size]) for size in SIZES)


class Stored:
    """A log's nodes as they would lie in a table, written once each."""

    def __init__(self, hashes: Sequence[bytes]) -> None:
        self.nodes: dict[tuple[int, int], bytes] = {}
        self.frontier = merkle.Frontier(INTL_1)
        for leaf in hashes:
            for level, index, node in self.frontier.append(leaf):
                assert (level, index) not in self.nodes
                self.nodes[level, index] = node

    def node(self, level: int, index: int) -> bytes:
        return self.nodes[level, index]


STORED = Stored(HASHES)


def flipped(value: bytes, position: int) -> bytes:
    changed = bytearray(value)
    changed[position] ^= 1
    return bytes(changed)


def spoiled(proof: Sequence[bytes]) -> list[list[bytes]]:
    """Return every proof with one element changed, missing, shortened, doubled or added."""
    wrong = [[*proof, HASHES[0]], [HASHES[0], *proof]]
    for place, element in enumerate(proof):
        before, after = proof[:place], proof[place + 1 :]
        wrong.append([*before, *after])
        wrong.append([*before, element, element, *after])
        wrong.append([*before, element[:-1], *after])
        wrong.append([*before, flipped(element, (7 * place) % 32), *after])
    return wrong


@pytest.mark.parametrize("size", range(len(CT_ROOTS)))
def test_the_roots_of_certificate_transparency_come_out(size: int) -> None:
    expected = bytes.fromhex(CT_ROOTS[size])
    leaves = CT_LEAVES[:size]
    assert naive_root(leaves) == expected
    assert merkle.root_of(INTL_1, leaves) == expected
    assert merkle.root(INTL_1, [merkle.leaf_hash(INTL_1, leaf) for leaf in leaves]) == expected


def test_a_known_audit_path_of_certificate_transparency_comes_out() -> None:
    hashes = [merkle.leaf_hash(INTL_1, leaf) for leaf in CT_LEAVES]
    path = merkle.audit_paths(INTL_1, hashes)[0]
    assert [part.hex() for part in path] == [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]


@pytest.mark.parametrize("size", SIZES)
def test_every_way_to_a_root_gives_the_same_root(size: int) -> None:
    assert merkle.root_of(INTL_1, iter(DATA[:size])) == ROOTS[size]
    assert merkle.root(INTL_1, HASHES[:size]) == ROOTS[size]
    assert merkle.root_at(INTL_1, size, STORED.node) == ROOTS[size]
    assert Stored(HASHES[:size]).frontier.root() == ROOTS[size]


@pytest.mark.parametrize("size", [1023, 1024, 1025, 2048, 3 * 1024 + 1, 5000])
def test_block_borders_do_not_show_in_the_root(size: int) -> None:
    data = [b"%d" % number for number in range(size)]
    expected = naive_root(data)
    assert merkle.root_of(INTL_1, data) == expected
    assert merkle.root(INTL_1, [merkle.leaf_hash(INTL_1, leaf) for leaf in data]) == expected


def test_another_suite_gives_another_tree_of_the_same_shape() -> None:
    leaves = [merkle.leaf_hash(SHA3, leaf) for leaf in DATA[:3]]

    def sha3(data: bytes) -> bytes:
        return hashlib.sha3_256(data).digest()

    expected = sha3(b"\x01" + sha3(b"\x01" + leaves[0] + leaves[1]) + leaves[2])
    assert merkle.root(SHA3, leaves) == expected
    assert merkle.root_of(SHA3, DATA[:3]) == expected


@pytest.mark.parametrize("size", [*range(66), 1025, 3000])
def test_every_way_to_a_root_gives_the_same_root_under_sm3(size: int) -> None:
    data = [b"leaf %d" % number for number in range(size)]
    expected = naive_root(data, "sm3")
    frontier = merkle.Frontier(GM_1)
    leaves = [merkle.leaf_hash(GM_1, leaf) for leaf in data]
    for leaf in leaves:
        frontier.append(leaf)
    assert frontier.root() == expected
    assert merkle.root_of(GM_1, data) == expected
    assert merkle.root(GM_1, leaves) == expected
    assert merkle.root(INTL_1, leaves) != expected or size == 1


@pytest.mark.parametrize("size", range(1, 40))
def test_every_proof_under_sm3_verifies_and_only_there(size: int) -> None:
    nodes: dict[tuple[int, int], bytes] = {}
    frontier = merkle.Frontier(GM_1)
    leaves = [merkle.leaf_hash(GM_1, b"leaf %d" % number) for number in range(size)]
    roots = [frontier.root()]
    for leaf in leaves:
        nodes |= {(level, index): node for level, index, node in frontier.append(leaf)}
        roots.append(frontier.root())

    def node(level: int, index: int) -> bytes:
        return nodes[level, index]

    for index, leaf in enumerate(leaves):
        path = merkle.inclusion_proof(GM_1, index, size, node)
        assert merkle.verify_inclusion(GM_1, leaf, index, size, path, roots[size])
        assert merkle.verify_inclusion(INTL_1, leaf, index, size, path, roots[size]) == (size == 1)
        proof = merkle.consistency_proof(GM_1, index + 1, size, node)
        old = roots[index + 1]
        assert merkle.verify_consistency(GM_1, index + 1, old, size, roots[size], proof)
        if index + 1 < size:
            assert not merkle.verify_consistency(INTL_1, index + 1, old, size, roots[size], proof)


def test_a_leaf_cannot_pose_as_an_inner_node() -> None:
    left, right = HASHES[:2]
    assert merkle.root_of(INTL_1, [left + right]) != merkle.root(INTL_1, [left, right])


@pytest.mark.parametrize("size", range(1, 66))
def test_every_audit_path_is_the_one_of_the_rfc_and_verifies(size: int) -> None:
    batch = merkle.audit_paths(INTL_1, HASHES[:size])
    assert len(batch) == size
    for index in range(size):
        path = naive_path(index, DATA[:size])
        assert list(batch[index]) == path
        assert merkle.inclusion_proof(INTL_1, index, size, STORED.node) == path
        assert merkle.root_from_path(INTL_1, HASHES[index], index, size, path) == ROOTS[size]
        assert merkle.verify_inclusion(INTL_1, HASHES[index], index, size, path, ROOTS[size])


@pytest.mark.parametrize("size", range(1, 66))
def test_every_spoiled_audit_path_is_refused(size: int) -> None:
    for index, path in enumerate(merkle.audit_paths(INTL_1, HASHES[:size])):
        leaf = HASHES[index]
        for wrong in spoiled(path):
            assert not merkle.verify_inclusion(INTL_1, leaf, index, size, wrong, ROOTS[size])
        for other in {(index + 1) % size, (index - 1) % size, index ^ 1} - {index}:
            assert not merkle.verify_inclusion(INTL_1, leaf, other, size, path, ROOTS[size])
        assert not merkle.verify_inclusion(INTL_1, flipped(leaf, 5), index, size, path, ROOTS[size])
        assert not merkle.verify_inclusion(
            INTL_1, leaf, index, size, path, flipped(ROOTS[size], 31)
        )


@pytest.mark.parametrize(("index", "size"), [(0, 1), (4, 7), (6, 7), (12, 64), (64, 65)])
def test_every_single_byte_of_an_audit_path_counts(index: int, size: int) -> None:
    path = merkle.audit_paths(INTL_1, HASHES[:size])[index]
    for place, element in enumerate(path):
        for position in range(32):
            wrong = [*path[:place], flipped(element, position), *path[place + 1 :]]
            assert not merkle.verify_inclusion(
                INTL_1, HASHES[index], index, size, wrong, ROOTS[size]
            )
    for position in range(32):
        assert not merkle.verify_inclusion(
            INTL_1, flipped(HASHES[index], position), index, size, path, ROOTS[size]
        )


@pytest.mark.parametrize(
    ("index", "size", "path", "sentence"),
    [
        (-1, 3, 1, "leaf -1 is not in a tree of 3 leaves"),
        (3, 3, 1, "leaf 3 is not in a tree of 3 leaves"),
        (0, 0, 0, "leaf 0 is not in a tree of 0 leaves"),
        (0, -5, 0, "leaf 0 is not in a tree of -5 leaves"),
        (0, 1, 1, "has 0 hashes, not 1"),
        (2, 3, 2, "has 1 hashes, not 2"),
        (0, 2**62, 61, "has 62 hashes, not 61"),
    ],
)
def test_a_path_that_does_not_fit_its_place_is_named(
    index: int, size: int, path: int, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        merkle.root_from_path(INTL_1, HASHES[0], index, size, [HASHES[1]] * path)


@pytest.mark.parametrize("wrong", [b"", HASHES[0][:-1], HASHES[0] + b"\0"])
def test_a_leaf_or_sibling_that_is_no_hash_is_refused(wrong: bytes) -> None:
    with pytest.raises(ValueError, match="a hash has 32 bytes"):
        merkle.root_from_path(INTL_1, wrong, 0, 2, [HASHES[1]])
    with pytest.raises(ValueError, match="a hash has 32 bytes"):
        merkle.root_from_path(INTL_1, HASHES[0], 0, 2, [wrong])
    with pytest.raises(ValueError, match="a hash has 32 bytes"):
        merkle.Frontier(INTL_1).append(wrong)


@pytest.mark.parametrize("new", SIZES)
def test_every_consistency_proof_is_the_one_of_the_rfc_and_verifies(new: int) -> None:
    for old in range(new + 1):
        proof = merkle.consistency_proof(INTL_1, old, new, STORED.node)
        assert proof == (naive_subproof(old, DATA[:new], True) if old else [])
        assert merkle.verify_consistency(INTL_1, old, ROOTS[old], new, ROOTS[new], proof)


@pytest.mark.parametrize("new", SIZES)
def test_every_spoiled_consistency_proof_is_refused(new: int) -> None:
    for old in range(new + 1):
        before, after = ROOTS[old], ROOTS[new]
        proof = merkle.consistency_proof(INTL_1, old, new, STORED.node)
        for wrong in spoiled(proof):
            assert not merkle.verify_consistency(INTL_1, old, before, new, after, wrong)
        changed = flipped(before, old % 32)
        assert not merkle.verify_consistency(INTL_1, old, changed, new, after, proof)
        if old:  # the empty tree begins every tree, whatever its root
            changed = flipped(after, new % 32)
            assert not merkle.verify_consistency(INTL_1, old, before, new, changed, proof)
        if old != new:
            assert not merkle.verify_consistency(INTL_1, new, after, old, before, proof)


@pytest.mark.parametrize(("old", "new"), [(1, 2), (3, 7), (4, 7), (6, 8), (33, 65), (64, 65)])
def test_every_single_byte_of_a_consistency_proof_counts(old: int, new: int) -> None:
    proof = merkle.consistency_proof(INTL_1, old, new, STORED.node)
    for place, element in enumerate(proof):
        for position in range(32):
            wrong = [*proof[:place], flipped(element, position), *proof[place + 1 :]]
            assert not merkle.verify_consistency(INTL_1, old, ROOTS[old], new, ROOTS[new], wrong)


def test_a_log_cannot_claim_to_be_longer_or_shorter_than_its_root() -> None:
    proof = merkle.consistency_proof(INTL_1, 4, 8, STORED.node)
    for claimed in (16, 32, 2**62):
        assert not merkle.verify_consistency(INTL_1, 4, ROOTS[4], claimed, ROOTS[8], proof)


def test_a_rewritten_log_has_no_consistency_proof() -> None:
    rewritten = list(HASHES)
    rewritten[3] = merkle.leaf_hash(INTL_1, b"rewritten")
    forged = Stored(rewritten)
    for old in range(4, 65):
        proof = merkle.consistency_proof(INTL_1, old, 65, forged.node)
        new_root = merkle.root_at(INTL_1, 65, forged.node)
        assert not merkle.verify_consistency(INTL_1, old, ROOTS[old], 65, new_root, proof)


@pytest.mark.parametrize(
    ("old", "old_root", "new", "new_root"),
    [
        (-1, ROOTS[0], 0, ROOTS[0]),
        (0, ROOTS[1], 5, ROOTS[5]),
        (0, ROOTS[0], 0, ROOTS[1]),
        (0, ROOTS[0], 5, b""),
        (5, ROOTS[5], 5, ROOTS[4]),
        (5, ROOTS[5][:-1], 5, ROOTS[5][:-1]),
        (4, ROOTS[4], 5, ROOTS[5]),
    ],
)
def test_an_empty_proof_proves_only_what_needs_no_proof(
    old: int, old_root: bytes, new: int, new_root: bytes
) -> None:
    assert not merkle.verify_consistency(INTL_1, old, old_root, new, new_root, [])


def test_proofs_of_leaves_that_do_not_exist_cannot_be_made() -> None:
    for index, size in ((-1, 5), (5, 5), (0, 0)):
        with pytest.raises(ValueError, match=f"leaf {index} is not in a tree of {size}"):
            merkle.inclusion_proof(INTL_1, index, size, STORED.node)
    for old, new in ((6, 5), (-1, 5), (0, -1)):
        with pytest.raises(ValueError, match=f"{new} leaves cannot extend one of {old}"):
            merkle.consistency_proof(INTL_1, old, new, STORED.node)
    with pytest.raises(ValueError, match="cannot have -1 leaves"):
        merkle.root_at(INTL_1, -1, STORED.node)


def test_an_empty_batch_has_no_paths() -> None:
    assert merkle.audit_paths(INTL_1, []) == []


@pytest.mark.parametrize("size", SIZES)
def test_a_frontier_rebuilt_from_storage_goes_on_as_if_nothing_had_happened(size: int) -> None:
    places = merkle.frontier_nodes(size)
    assert sum(1 << level for level, _ in places) == size
    peaks = tuple(STORED.node(level, index) for level, index in places)
    rebuilt = merkle.Frontier(INTL_1, size, peaks)
    assert rebuilt.peaks == Stored(HASHES[:size]).frontier.peaks == peaks
    assert rebuilt.size == size
    for leaf in HASHES[size:]:
        rebuilt.append(leaf)
    assert (rebuilt.size, rebuilt.peaks) == (len(HASHES), STORED.frontier.peaks)
    assert rebuilt.root() == naive_root(DATA)


def test_appending_tells_exactly_the_nodes_that_became_final() -> None:
    frontier = merkle.Frontier(INTL_1)
    told = [[(level, index) for level, index, _ in frontier.append(leaf)] for leaf in HASHES[:8]]
    assert told == [
        [(0, 0)],
        [(0, 1), (1, 0)],
        [(0, 2)],
        [(0, 3), (1, 1), (2, 0)],
        [(0, 4)],
        [(0, 5), (1, 2)],
        [(0, 6)],
        [(0, 7), (1, 3), (2, 1), (3, 0)],
    ]


def test_every_final_node_is_the_root_of_the_leaves_below_it() -> None:
    for (level, index), node in STORED.nodes.items():
        assert node == naive_root(DATA[index << level : (index + 1) << level])


def test_a_copy_of_a_frontier_does_not_touch_the_original() -> None:
    original = Stored(HASHES[:7]).frontier
    trial = original.copy()
    trial.append(HASHES[7])
    assert (original.size, original.root()) == (7, ROOTS[7])
    assert (trial.size, trial.root()) == (8, ROOTS[8])


def test_a_refused_append_leaves_the_frontier_as_it_was() -> None:
    frontier = Stored(HASHES[:7]).frontier
    with pytest.raises(ValueError, match="a hash has 32 bytes"):
        frontier.append(b"short")
    assert (frontier.size, frontier.root()) == (7, ROOTS[7])


@pytest.mark.parametrize(
    ("size", "peaks"),
    [(-1, ()), (0, HASHES[:1]), (3, HASHES[:1]), (4, HASHES[:2]), (1, (b"short",))],
)
def test_peaks_that_do_not_fit_the_size_are_refused(size: int, peaks: tuple[bytes, ...]) -> None:
    with pytest.raises(ValueError, match=r"peaks do not make a tree|a hash has 32 bytes"):
        merkle.Frontier(INTL_1, size, peaks)


@given(data=st.lists(st.binary(max_size=40), max_size=300), draw=st.data())
def test_any_log_proves_itself(data: list[bytes], draw: st.DataObject) -> None:
    stored = Stored([merkle.leaf_hash(INTL_1, leaf) for leaf in data])
    new = len(data)
    root = naive_root(data)
    assert merkle.root_of(INTL_1, data) == stored.frontier.root() == root
    old = draw.draw(st.integers(0, new))
    proof = merkle.consistency_proof(INTL_1, old, new, stored.node)
    assert merkle.verify_consistency(INTL_1, old, naive_root(data[:old]), new, root, proof)
    if data:
        index = draw.draw(st.integers(0, new - 1))
        path = merkle.inclusion_proof(INTL_1, index, new, stored.node)
        leaf = merkle.leaf_hash(INTL_1, data[index])
        assert merkle.verify_inclusion(INTL_1, leaf, index, new, path, root)


@given(
    index=st.integers(-2, 2**64),
    size=st.integers(-2, 2**64),
    path=st.lists(st.binary(min_size=31, max_size=33), max_size=70),
)
def test_noise_is_refused_without_any_other_error(index: int, size: int, path: list[bytes]) -> None:
    assert not merkle.verify_inclusion(INTL_1, HASHES[0], index, size, path, ROOTS[9])
    assert not merkle.verify_consistency(INTL_1, index, ROOTS[8], size, ROOTS[9], path)


@pytest.mark.parametrize("begun", [0, 1, 1023, 1024, 1500])
@pytest.mark.parametrize("more", [0, 1, 1024, 2500, 4097])
def test_many_leaves_at_once_are_the_same_as_one_by_one(begun: int, more: int) -> None:
    leaves = [INTL_1.hash(number.to_bytes(4, "big")) for number in range(begun + more)]
    one_by_one, at_once = merkle.Frontier(INTL_1), merkle.Frontier(INTL_1)
    for leaf in leaves:
        one_by_one.append(leaf)
    at_once.extend(leaves[:begun])
    at_once.extend(leaves[begun:])
    assert (at_once.size, at_once.peaks) == (one_by_one.size, one_by_one.peaks)
    assert at_once.root() == merkle.root(INTL_1, leaves)


def test_what_is_no_hash_is_not_taken_among_many() -> None:
    with pytest.raises(ValueError, match="32"):
        merkle.Frontier(INTL_1).extend([bytes(32), bytes(31)])
