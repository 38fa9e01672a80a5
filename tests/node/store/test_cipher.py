"""Personal data opens in its own place, with its own key, unchanged, or not at all."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.store.cipher import KEY_BYTES, NONCE_BYTES, TAG_BYTES, CannotDecrypt, ColumnCipher

KEY = bytes(range(KEY_BYTES))
OTHER_KEY = bytes(KEY_BYTES)
PHONE = "expert.mobile_number"
TEXT = st.text(st.characters(codec="utf-8"))


def _nonces(seed: int = 1) -> Callable[[], bytes]:
    source = random.Random(seed)
    return lambda: source.randbytes(NONCE_BYTES)


@given(column=TEXT, row=TEXT, value=TEXT)
def test_what_was_sealed_opens_in_its_place(column: str, row: str, value: str) -> None:
    cipher = ColumnCipher(KEY, _nonces())

    sealed = cipher.seal(column, row, value)

    assert cipher.open(column, row, sealed) == value
    assert sealed[0] == 1
    assert len(sealed) == 1 + NONCE_BYTES + len(value.encode()) + TAG_BYTES


def test_the_format_of_version_1_is_pinned() -> None:
    cipher = ColumnCipher(KEY, lambda: bytes(NONCE_BYTES))

    assert cipher.seal(PHONE, "7", "13800138000").hex() == (
        "010000000000000000000000000bb9c6f4f0e8808271c14371da97d82c2589af493b4010501e3392"
    )
    assert cipher.blind(PHONE, "13800138000").hex() == (
        "ed4bd39fd84924cd51910467a74551e8fc8bd9b15d1e2d3ba06714f5b94bbbfa"
    )


def test_the_same_value_never_looks_the_same_twice() -> None:
    cipher = ColumnCipher(KEY, _nonces())

    assert len({cipher.seal(PHONE, "7", "13800138000") for _ in range(100)}) == 100


@given(st.data())
def test_any_changed_bit_is_noticed(data: st.DataObject) -> None:
    cipher = ColumnCipher(KEY, _nonces())
    sealed = bytearray(cipher.seal(PHONE, "7", "13800138000"))
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[bit // 8] ^= 1 << bit % 8

    with pytest.raises(CannotDecrypt):
        cipher.open(PHONE, "7", bytes(sealed))


@given(st.integers(0, 39))
def test_a_value_that_was_cut_short_is_noticed(length: int) -> None:
    cipher = ColumnCipher(KEY, _nonces())
    sealed = cipher.seal(PHONE, "7", "13800138000")
    assert len(sealed) == 40

    with pytest.raises(CannotDecrypt):
        cipher.open(PHONE, "7", sealed[:length])


@pytest.mark.parametrize(
    ("column", "row"),
    [(PHONE, "8"), ("expert.id_number", "7"), ("expert.mobile_number7", ""), ("", PHONE + "7")],
)
def test_a_value_moved_to_another_place_does_not_open(column: str, row: str) -> None:
    cipher = ColumnCipher(KEY, _nonces())
    sealed = cipher.seal(PHONE, "7", "13800138000")

    with pytest.raises(CannotDecrypt, match="changed or moved"):
        cipher.open(column, row, sealed)


def test_another_key_does_not_open_and_the_error_names_the_place_but_not_the_value() -> None:
    sealed = ColumnCipher(KEY, _nonces()).seal(PHONE, "7", "13800138000")

    with pytest.raises(CannotDecrypt, match=r"expert\.mobile_number of row 7") as told:
        ColumnCipher(OTHER_KEY, _nonces()).open(PHONE, "7", sealed)

    assert "138" not in str(told.value)


def test_another_version_is_told_from_changed_bytes() -> None:
    with pytest.raises(CannotDecrypt, match="first byte is 02"):
        ColumnCipher(KEY, _nonces()).open(PHONE, "7", b"\x02" + bytes(60))


def test_equal_values_of_a_column_have_equal_blind_indexes_and_only_those() -> None:
    cipher = ColumnCipher(KEY, _nonces())
    index = cipher.blind(PHONE, "13800138000")

    assert len(index) == 32
    assert cipher.blind(PHONE, "13800138000") == index
    assert cipher.blind(PHONE, "13800138001") != index
    assert cipher.blind("agency.mobile_number", "13800138000") != index
    assert cipher.blind(PHONE + "1", "3800138000") != index
    assert ColumnCipher(OTHER_KEY, _nonces()).blind(PHONE, "13800138000") != index


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=f"32 bytes, not {length}"):
        ColumnCipher(bytes(length), _nonces())


def test_a_nonce_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="12 bytes, not 8"):
        ColumnCipher(KEY, lambda: bytes(8)).seal(PHONE, "7", "x")
