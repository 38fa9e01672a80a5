"""Over 20,000 seeds every entry comes at every rank equally often; mistakes are found.

The seeds are fixed, so nothing here is left to luck: the bound is computed from the degrees of
freedom, and says how unlikely a fair ranking would be to exceed it for seeds of anybody's choice.
"""

from collections.abc import Callable, Iterator, Sequence
from statistics import NormalDist
from typing import Final

import pytest

from federation.lottery import ranking
from federation.protocol.draw import Slot
from federation.trust.suite import GM_1, INTL_1, Digests, u32, u64

ENTRIES: Final = 20
SEEDS: Final = 20_000
FEWER: Final = 4_000  # SM3 is slower, and the code is the same; gross mistakes show at once
ONCE_IN: Final = 1e-4
"""A fair ranking would exceed a bound for one list of seeds in ten thousand; ours does not."""
SLOTS: Final = (Slot("A01", 1), Slot("A01", 1))

Ranks = tuple[int, ...]
"""The places that the listed entries stand at, by rank."""


def upper(freedom: int, probability: float = ONCE_IN) -> float:
    """What chi-square of so many degrees of freedom exceeds so rarely (Wilson and Hilferty)."""
    spread = 2 / (9 * freedom)
    deviation = NormalDist().inv_cdf(1 - probability)
    return float(freedom * (1 - spread + deviation * spread**0.5) ** 3)


def lower(freedom: int) -> float:
    """What it stays below so rarely: an order that is dealt out in turn is no lottery."""
    return upper(freedom, 1 - ONCE_IN)


def orders(digests: Digests, seeds: int) -> Iterator[tuple[Ranks, ...]]:
    """For each seed the order of both slots, as a draw makes them."""
    listed = sorted(digests.tagged("entry", b"chi-square", u32(at)) for at in range(ENTRIES))
    places = {entry: at for at, entry in enumerate(listed)}
    commits = digests.hash(b"commits")
    for number in range(seeds):
        values = [digests.hash(b"owner" + u64(number)), digests.hash(b"sealer" + u64(number))]
        seed = ranking.seed(digests, commits, values)
        made = ranking.orders(digests, seed, SLOTS, {"A01": listed}, ENTRIES)
        yield tuple(tuple(places[entry] for entry in order) for order in made)


def of_places(drawn: Sequence[tuple[Ranks, ...]]) -> float:
    """Chi-square of who stands where in the first slot's order; (n - 1)² degrees of freedom."""
    counts = [[0] * ENTRIES for _ in range(ENTRIES)]
    for order, _ in drawn:
        for rank, place in enumerate(order):
            counts[rank][place] += 1
    # Each order fills every row and every column once, which takes a part of the freedom.
    return _squares(counts, len(drawn) / ENTRIES) * (ENTRIES - 1) / ENTRIES


def of_pairs(drawn: Sequence[tuple[Ranks, ...]]) -> float:
    """Chi-square of who is first in both slots; n² - 1 degrees of freedom."""
    counts = [[0] * ENTRIES for _ in range(ENTRIES)]
    for one, other in drawn:
        counts[one[0]][other[0]] += 1
    return _squares(counts, len(drawn) / ENTRIES**2)


def _squares(counts: Sequence[Sequence[int]], expected: float) -> float:
    return sum((count - expected) ** 2 / expected for row in counts for count in row)


def is_fair(drawn: Sequence[tuple[Ranks, ...]]) -> dict[str, bool]:
    """What holds of a ranking's orders."""
    places, pairs = (ENTRIES - 1) ** 2, ENTRIES**2 - 1
    return {
        "whole": all(sorted(order) == list(range(ENTRIES)) for each in drawn for order in each),
        "places": lower(places) < of_places(drawn) < upper(places),
        "pairs": lower(pairs) < of_pairs(drawn) < upper(pairs),
        "apart": len({order for order, _ in drawn}) == len(drawn),
    }


def test_the_bound_is_that_of_the_tables() -> None:
    assert upper(19, 0.001) == pytest.approx(43.82, abs=0.2)
    assert upper(361, 0.05) == pytest.approx(406.3, abs=0.5)
    assert lower(361) < 361 < upper(361)


@pytest.mark.parametrize(
    ("digests", "seeds"), [(INTL_1, SEEDS), (GM_1, FEWER)], ids=["intl-1", "gm-1"]
)
def test_every_entry_comes_at_every_rank_equally_often(digests: Digests, seeds: int) -> None:
    drawn = list(orders(digests, seeds))
    assert is_fair(drawn) == {"whole": True, "places": True, "pairs": True, "apart": True}


def shuffled(biased: Callable[[bytes, int], int]) -> Callable[..., list[bytes]]:
    """A ranking that shuffles with what ``biased`` makes of a byte."""

    def ranked(
        digests: Digests, key: bytes, entries: Sequence[bytes], _limit: int | None = None
    ) -> list[bytes]:
        order = list(entries)
        for last in range(len(order) - 1, 0, -1):
            other = biased(digests.mac(key, "shuffle", u32(last)), last)
            order[last], order[other] = order[other], order[last]
        return order

    return ranked


modulo = shuffled(lambda drawn, last: drawn[0] % (last + 1))
off_by_one = shuffled(lambda drawn, last: int.from_bytes(drawn, "big") % last)
TRUE_KEY = ranking.slot_key


def one_byte_of_the_key(digests: Digests, seed: bytes, slot: int, specialty: str) -> bytes:
    return TRUE_KEY(digests, seed, slot, specialty)[:1]


def two_bytes_of_the_key(digests: Digests, seed: bytes, slot: int, specialty: str) -> bytes:
    return TRUE_KEY(digests, seed, slot, specialty)[:2]


def no_slot_in_the_key(digests: Digests, seed: bytes, _slot: int, specialty: str) -> bytes:
    return TRUE_KEY(digests, seed, 0, specialty)


@pytest.mark.parametrize(
    ("name", "mutant", "found_by", "seeds"),
    [
        pytest.param("ranked", modulo, "places", SEEDS, id="a byte modulo what is left"),
        pytest.param("ranked", off_by_one, "places", FEWER, id="nobody stays in his place"),
        pytest.param("slot_key", one_byte_of_the_key, "places", FEWER, id="one byte of the key"),
        pytest.param("slot_key", two_bytes_of_the_key, "apart", FEWER, id="two bytes of the key"),
        pytest.param("slot_key", no_slot_in_the_key, "pairs", FEWER, id="no slot in the key"),
    ],
)
def test_a_ranking_that_is_not_fair_is_found(
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    mutant: Callable[..., object],
    found_by: str,
    seeds: int,
) -> None:
    monkeypatch.setattr(ranking, name, mutant)
    assert not is_fair(list(orders(INTL_1, seeds)))[found_by]


def test_a_fair_shuffle_is_not_found() -> None:
    """The mutants are found for what is wrong with them, not for being shuffles."""
    fair = shuffled(lambda drawn, last: int.from_bytes(drawn, "big") % (last + 1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking, "ranked", fair)
        assert all(is_fair(list(orders(INTL_1, FEWER))).values())
