"""The order is what the paper's vectors say, the same as HMAC's, and fair."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.lottery import ranking
from federation.protocol.draw import Slot
from federation.trust.suite import GM_1, INTL_1, Digests, Hash, u32, u64
from tests.lottery.honest_draw import SUITES

VECTORS = {
    "intl-1": (
        "682b1594d93da3dd5c2572e4ff6d219c7ea2d32fb2d897570f8eef325c68382e",
        "9316879175dd6749429bdb6092f0a89bbe13e2a361de531818511386fa04222d",
        "8bc47118e0a832c0643a945db39a2becd1d493acb09012a7419fa6467e1a53c8",
        "7b1a983f2f724cb984f428ad00417ac5a89974ed0d9d1da1fd2f20c813e98237",
        "740465b25b6816c17d71ff9e4be815310ca1fd08834888b60c81753705b3904a",
        "4b81ed517fb2a7e8a1084ca1a576bd7aeff1a294c5559221045e4f43267b1586",
        [3, 4, 1, 0, 2],
        "01efa241ee3b9e335b06e30403c5d683366bffd582146e23d1a4d92768622951",
    ),
    "gm-1": (
        "f2f0c73aab0c873d2c47bbbb78ad77c8dc1440af1c34cce893f388cd39472492",
        "7d391e58c5b38f2f1e96ae21704cd4ef6ab0de5d921523e61ef82d62e981843b",
        "ae4114f5202408c2454dca562025867014271e28c9b206622870834a7cd8d7ae",
        "e237d1e8e68966cc4d6f288500da1ca48930e7a98d3f5be9519b14d9d7a77f75",
        "c6303c456cd9f6d1e6ac0607482957f1de4dd3df90fc2c1f7507872ceefc882d",
        "151d854e3624ddb1b8adbf65b63b7d97df9661668ed395196ee16f23a3c1a3d4",
        [0, 4, 3, 2, 1],
        "55c106ba74a39f7b0f79b7947cfad51d3a8530ff9a8a6e8da39763bf01c7229d",
    ),
}


@pytest.mark.parametrize("digests", SUITES, ids=lambda digests: digests.suite_id)
def test_the_published_vectors_come_out(digests: Digests) -> None:
    bound, of_b, of_a, commits, seed, key, order, lowest = VECTORS[digests.suite_id]
    value_b, value_a = b"\2" * 32, b"\1" * 32
    made_bound = ranking.open_hash(digests, b"{}")
    made_b = ranking.commitment(digests, made_bound, "B", value_b)
    made_a = ranking.commitment(digests, made_bound, "A", value_a)
    made_commits = ranking.commits_hash(digests, made_bound, [made_b, made_a])
    made_seed = ranking.seed(digests, made_commits, [value_b, value_a])
    made_key = ranking.slot_key(digests, made_seed, 0, "A01")
    made = [made_bound, made_b, made_a, made_commits, made_seed, made_key]
    assert [value.hex() for value in made] == [bound, of_b, of_a, commits, seed, key]
    entries = [digests.tagged("entry", b"v", u32(number)) for number in range(5)]
    ranks = [entries.index(entry) for entry in ranking.ranked(digests, made_key, entries)]
    assert ranks == order
    tags = [hmac.digest(made_key, entry, digests.mac_name).hex() for entry in entries]
    assert lowest == tags[order[0]] == min(tags)


@pytest.mark.parametrize("digests", SUITES, ids=lambda digests: digests.suite_id)
@given(
    key=st.binary(max_size=64), entries=st.lists(st.binary(min_size=32, max_size=32), max_size=40)
)
def test_the_order_is_that_of_hmac(digests: Digests, key: bytes, entries: list[bytes]) -> None:
    tagged = sorted((hmac.digest(key, entry, digests.mac_name), entry) for entry in entries)
    assert ranking.ranked(digests, key, entries) == [entry for _, entry in tagged]


@given(key=st.binary(min_size=32, max_size=32), size=st.integers(0, 600), limit=st.integers(0, 700))
def test_a_limit_cuts_the_order_and_changes_nothing_else(key: bytes, size: int, limit: int) -> None:
    entries = [INTL_1.hash(u32(number)) for number in range(size)]
    whole = ranking.ranked(INTL_1, key, entries)
    assert sorted(whole) == sorted(entries)
    assert ranking.ranked(INTL_1, key, entries, limit) == whole[:limit]


class HighHash:
    """A hash whose every digest lies above any threshold, except for being a digest."""

    def __init__(self, data: bytes) -> None:
        self._inner = hashlib.sha256(data)

    def update(self, data: bytes, /) -> None:
        self._inner.update(data)

    def digest(self) -> bytes:
        return b"\xff\xff" + self._inner.digest()[2:]

    def copy(self) -> Hash:
        return HighHash(self.digest())


def test_a_limit_that_lets_too_few_through_sorts_everything() -> None:
    digests = Digests("high", HighHash, "sha256")
    entries = [INTL_1.hash(u32(number)) for number in range(500)]
    whole = ranking.ranked(digests, b"k" * 32, entries)
    assert ranking.ranked(digests, b"k" * 32, entries, 10) == whole[:10]


def test_a_key_longer_than_a_block_is_refused_not_folded() -> None:
    with pytest.raises(ValueError, match="at most 64 bytes, not 65"):
        ranking.ranked(INTL_1, b"k" * 65, [])


def test_every_input_of_the_seed_moves_it() -> None:
    commits, one, two = b"c" * 32, b"\1" * 32, b"\2" * 32
    seeds = {
        ranking.seed(INTL_1, commits, [one, two]),
        ranking.seed(INTL_1, commits, [two, one]),
        ranking.seed(INTL_1, commits, [None, two]),
        ranking.seed(INTL_1, commits, [one, None]),
        ranking.seed(INTL_1, commits, [one, two], b"pulse"),
        ranking.seed(INTL_1, b"d" * 32, [one, two]),
        ranking.seed(GM_1, commits, [one, two]),
    }
    assert len(seeds) == 7


def test_two_slots_of_one_specialty_have_their_own_orders() -> None:
    entries = [INTL_1.hash(u32(number)) for number in range(50)]
    slots = (Slot("A01", 1), Slot("A01", 1), Slot("B05", 1))
    listings = {"A01": entries, "B05": entries}
    first, second, third = ranking.orders(INTL_1, b"s" * 32, slots, listings, 20)
    assert len(first) == len(second) == len(third) == 20
    assert first != second
    assert second != third
    assert (
        first == ranking.ranked(INTL_1, ranking.slot_key(INTL_1, b"s" * 32, 0, "A01"), entries)[:20]
    )


def test_every_entry_is_drawn_equally_often() -> None:
    entries = [INTL_1.hash(bytes([number])) for number in range(20)]
    draws, seats = 5_000, 3
    counts = dict.fromkeys(entries, 0)
    for number in range(draws):
        seed = ranking.seed(INTL_1, b"c" * 32, [u64(number), None])
        for entry in ranking.ranked(INTL_1, seed, entries, seats):
            counts[entry] += 1
    expected = draws * seats / len(entries)
    squares = sum((count - expected) ** 2 / expected for count in counts.values())
    assert squares < 43.8  # chi-square of 19 degrees of freedom, p = 0.001; the seeds are fixed
    assert squares > 4.0  # and not suspiciously even
