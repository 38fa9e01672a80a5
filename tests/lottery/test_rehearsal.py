"""The rehearsal draw: one pool, one order on both sides, and whatever differs is named."""

import pytest

from federation.lottery.ranking import commitment
from federation.lottery.rehearsal import (
    MEMBERS,
    SLOTS,
    BadRehearsal,
    rehearsal_pool,
    rehearsed_order,
)
from federation.trust.suite import GM_1, INTL_1, Digests

OPEN = bytes(range(32))
TESTED, TESTER = "lp1" + "a" * 32, "lp1" + "b" * 32
VALUES = bytes(32), b"\x01" * 32


def order(
    digests: Digests = INTL_1, values: tuple[bytes, bytes] = VALUES, **changed: object
) -> bytes:
    root = rehearsal_pool(digests, OPEN).root
    honest: dict[str, object] = {
        "centers": (TESTED, TESTER),
        "roots": (root, root),
        "commitments": (
            commitment(digests, OPEN, TESTED, values[0]),
            commitment(digests, OPEN, TESTER, values[1]),
        ),
        "values": values,
    }
    return rehearsed_order(digests, OPEN, **(honest | changed))  # type: ignore[arg-type]


@pytest.mark.parametrize("digests", [INTL_1, GM_1], ids=lambda digests: digests.suite_id)
def test_the_pool_follows_from_the_first_word_alone(digests: Digests) -> None:
    pool = rehearsal_pool(digests, OPEN)
    assert pool.root == rehearsal_pool(digests, OPEN).root
    assert pool.root != rehearsal_pool(digests, bytes(32)).root
    assert [(each.specialty, each.size) for each in pool.strata] == [("A08", MEMBERS), ("B03", 4)]
    assert all(slot.count <= len(pool.entries(slot.specialty)) for slot in SLOTS)


@pytest.mark.parametrize("digests", [INTL_1, GM_1], ids=lambda digests: digests.suite_id)
def test_either_value_changes_the_order(digests: Digests) -> None:
    other = b"\x02" * 32
    orders = {
        order(digests),
        order(digests, (other, VALUES[1])),
        order(digests, (VALUES[0], other)),
    }
    assert len(orders) == 3
    assert order(digests) == order(digests)


@pytest.mark.parametrize("side", [0, 1])
def test_a_root_of_another_pool_is_laid_to_whoever_showed_it(side: int) -> None:
    root = rehearsal_pool(INTL_1, OPEN).root
    roots = [root, root]
    roots[side] = bytes(32)
    with pytest.raises(BadRehearsal, match=f"{(TESTED, TESTER)[side]} built another"):
        order(roots=tuple(roots))


@pytest.mark.parametrize("side", [0, 1])
def test_a_value_that_does_not_open_is_laid_to_whoever_revealed_it(side: int) -> None:
    committed = [
        commitment(INTL_1, OPEN, TESTED, VALUES[0]),
        commitment(INTL_1, OPEN, TESTER, VALUES[1]),
    ]
    committed[side] = bytes(32)
    with pytest.raises(BadRehearsal, match=f"value of {(TESTED, TESTER)[side]} does not open"):
        order(commitments=tuple(committed))


def test_one_commitment_cannot_serve_both_sides() -> None:
    shared = commitment(INTL_1, OPEN, TESTED, VALUES[0])
    with pytest.raises(BadRehearsal, match=TESTER):
        order(values=(VALUES[0], VALUES[0]), commitments=(shared, shared))
