"""Ids that cross the wire."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.ids import (
    agreement_id,
    center_id,
    center_id_of,
    conversation_id,
    message_id,
    time_ordered,
)


@given(st.integers(0, 2**48 - 1), st.binary(min_size=10, max_size=10))
def test_an_id_is_a_uuid_of_version_seven(now_ms: int, chance: bytes) -> None:
    made = uuid.UUID(bytes=time_ordered(now_ms, chance))

    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == now_ms


def test_later_ids_are_greater() -> None:
    assert time_ordered(1, b"\xff" * 10) < time_ordered(2, bytes(10))


def test_chance_makes_the_difference() -> None:
    assert time_ordered(1, bytes(10)) != time_ordered(1, bytes(9) + b"\x01")


def test_a_center_id_is_made_of_a_digest() -> None:
    made = center_id_of(bytes(range(32)))

    assert center_id(made) == made
    for wrong in ("", made[:-1], made.upper(), "lp2" + made[3:], made + "a"):
        with pytest.raises(ValueError, match="not a center id"):
            center_id(wrong)


@pytest.mark.parametrize(
    ("parse", "size"), [(message_id, 16), (conversation_id, 16), (agreement_id, 32)]
)
def test_ids_have_their_size(parse: object, size: int) -> None:
    assert callable(parse)
    assert parse(bytes(size)) == bytes(size)
    with pytest.raises(ValueError, match=f"{size} bytes, not {size - 1}"):
        parse(bytes(size - 1))
