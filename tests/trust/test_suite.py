"""Prefixes that cannot be confused, signatures and seals that cannot be bent."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.trust.keys import public_ed25519, public_x25519
from federation.trust.suite import INTL_1, CannotOpen, enc, seal, sign, u32, u64, unseal, verify

SECRET = bytes(range(32))


def test_numbers_are_big_endian() -> None:
    assert (u32(258), u64(258)) == (b"\0\0\1\2", b"\0\0\0\0\0\0\1\2")


@given(st.lists(st.binary(max_size=8), max_size=4), st.lists(st.binary(max_size=8), max_size=4))
def test_joining_is_injective(one: list[bytes], other: list[bytes]) -> None:
    assert (enc(*one) == enc(*other)) == (one == other)


def test_a_tagged_hash_names_suite_and_purpose() -> None:
    expected = hashlib.sha256(b"feddraw/1/intl-1/seed\0" + b"\0\0\0\1x").digest()

    assert INTL_1.tagged("seed", b"x") == expected
    assert INTL_1.mac(b"k", "seed", b"x") == hmac.digest(
        b"k", b"feddraw/1/intl-1/seed\0\0\0\0\1x", "sha256"
    )


def test_a_signature_is_by_one_key_over_one_message() -> None:
    public = public_ed25519(SECRET)
    signature = sign(SECRET, b"message")

    assert verify(public, signature, b"message")
    assert not verify(public, signature, b"messagE")
    assert not verify(public_ed25519(bytes(32)), signature, b"message")
    assert not verify(b"not a key", signature, b"message")
    assert not verify(public, signature[:-1], b"message")
    assert not verify(public, signature[:-1], signature[-1:] + b"message")
    assert not verify(public, signature + b"m", b"essage")


def test_a_seal_opens_only_for_its_key_and_purpose() -> None:
    sealed = seal(public_x25519(SECRET), b"info", b"list")

    assert unseal(SECRET, b"info", sealed) == b"list"
    for secret, info, raw in (
        (bytes(32), b"info", sealed),
        (SECRET, b"other", sealed),
        (SECRET, b"info", sealed[:-1]),
        (SECRET, b"info", b""),
        (SECRET, b"info", sealed[:-1] + bytes([sealed[-1] ^ 1])),
    ):
        with pytest.raises(CannotOpen):
            unseal(secret, info, raw)
