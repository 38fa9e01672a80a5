"""Prefixes that cannot be confused, signatures and seals that cannot be bent, in both suites."""

import hashlib
import hmac
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.trust.errors import BadKey, CannotOpen, UnknownSuite
from federation.trust.suite import GM_1, INTL_1, SUITES, Suite, enc, suite, u32, u64

BOTH = pytest.mark.parametrize("one", SUITES.values(), ids=SUITES)
SECRET = bytes(range(32))
OTHER = bytes(range(1, 33))


def other_than(one: Suite) -> Suite:
    return GM_1 if one is INTL_1 else INTL_1


def flipped(data: bytes, bit: int) -> bytes:
    at, within = divmod(bit % (8 * len(data)), 8)
    return data[:at] + bytes([data[at] ^ 1 << within]) + data[at + 1 :]


def test_numbers_are_big_endian() -> None:
    assert (u32(258), u64(258)) == (b"\0\0\1\2", b"\0\0\0\0\0\0\1\2")


@given(st.lists(st.binary(max_size=8), max_size=4), st.lists(st.binary(max_size=8), max_size=4))
def test_joining_is_injective(one: list[bytes], other: list[bytes]) -> None:
    assert (enc(*one) == enc(*other)) == (one == other)


@pytest.mark.parametrize(("one", "name"), [(INTL_1, "sha256"), (GM_1, "sm3")])
def test_a_tagged_hash_names_suite_and_purpose(one: Suite, name: str) -> None:
    seeded = b"feddraw/1/" + one.suite_id.encode() + b"/seed\0" + b"\0\0\0\1x"
    assert one.tagged("seed", b"x") == hashlib.new(name, seeded).digest()
    assert one.mac(b"k", "seed", b"x") == hmac.digest(b"k", seeded, name)


@BOTH
@given(first=st.binary(max_size=200), rest=st.binary(max_size=200))
def test_a_hash_may_be_fed_in_pieces_and_copied(one: Suite, first: bytes, rest: bytes) -> None:
    whole = one.new(first)
    copied = whole.copy()
    whole.update(rest)
    assert whole.digest() == one.hash(first + rest)
    assert copied.digest() == one.hash(first)


def test_a_suite_is_found_by_its_exact_name_only() -> None:
    assert (suite("intl-1"), suite("gm-1")) == (INTL_1, GM_1)
    for name in ("", "gm", "GM-1", "gm-1 ", "intl-2", "intl-1,gm-1"):
        with pytest.raises(UnknownSuite, match="none of intl-1, gm-1"):
            suite(name)


def test_no_two_suites_share_a_prefix_or_a_type_of_signature() -> None:
    ids = {one.prefix("seed") for one in SUITES.values()}
    types = {kind for one in SUITES.values() for kind in (one.note_log_type, one.note_witness_type)}
    assert len(ids) == len(SUITES)
    assert len(types) == 2 * len(SUITES)
    assert {one.cosignature_header for one in SUITES.values()} == {
        "cosignature/v1",
        "lianping-sm2-cosignature/v1",
    }


@BOTH
@given(message=st.binary(max_size=300), bit=st.integers(0, 2_000))
def test_a_signature_is_by_one_key_over_one_message(one: Suite, message: bytes, bit: int) -> None:
    public, stranger = one.public_signing(SECRET), one.public_signing(OTHER)
    signature = one.signer(SECRET)(message)
    assert len(public) == one.key_bytes
    assert len(signature) <= one.max_signature_bytes
    assert one.verify(public, signature, message)
    assert not one.verify(public, signature, message + b"\0")
    assert not one.verify(stranger, signature, message)
    assert not one.verify(public, flipped(signature, bit), message)
    if message:
        assert not one.verify(public, signature, flipped(message, bit))


@BOTH
def test_a_signature_has_one_length_and_no_more(one: Suite) -> None:
    public, signature = one.public_signing(SECRET), one.signer(SECRET)(b"message")
    for wrong in (
        signature[:-1],
        signature + b"m",
        b"",
        bytes(len(signature)),
        signature[1:],
        signature * 2,
    ):
        assert not one.verify(public, wrong, b"message")
    assert not one.verify(public, signature[:-1], signature[-1:] + b"message")
    assert not one.verify(public, signature + b"m", b"essage")


@BOTH
@given(key=st.binary(max_size=80), signature=st.binary(max_size=80), message=st.binary(max_size=40))
def test_noise_is_no_signature(one: Suite, key: bytes, signature: bytes, message: bytes) -> None:
    assert not one.verify(key, signature, message)
    assert not one.verify(one.public_signing(SECRET), signature, message)
    assert not one.verify(key, one.signer(SECRET)(message), message)


@BOTH
@given(message=st.binary(max_size=40))
def test_a_signature_means_nothing_in_the_other_suite(one: Suite, message: bytes) -> None:
    other = other_than(one)
    signature = one.signer(SECRET)(message)
    for public in (one.public_signing(SECRET), other.public_signing(SECRET)):
        assert not other.verify(public, signature, message)


@BOTH
@given(plaintext=st.binary(max_size=300), info=st.binary(max_size=40), bit=st.integers(0, 4_000))
def test_a_seal_opens_only_for_its_key_and_purpose(
    one: Suite, plaintext: bytes, info: bytes, bit: int
) -> None:
    sealed = one.seal(one.public_sealing(SECRET), info, plaintext)
    assert one.unseal(SECRET, info, sealed) == plaintext
    for private, bound, raw in (
        (OTHER, info, sealed),
        (SECRET, info + b"\0", sealed),
        (SECRET, info, sealed[:-1]),
        (SECRET, info, sealed + b"\0"),
        (SECRET, info, flipped(sealed, bit)),
        (SECRET, info, sealed[: bit % len(sealed)]),
    ):
        with pytest.raises(CannotOpen):
            one.unseal(private, bound, raw)


@BOTH
@given(noise=st.binary(max_size=300))
def test_noise_is_no_seal(one: Suite, noise: bytes) -> None:
    with pytest.raises(CannotOpen):
        one.unseal(SECRET, b"info", noise)


@BOTH
def test_a_seal_means_nothing_in_the_other_suite(one: Suite) -> None:
    sealed = one.seal(one.public_sealing(SECRET), b"info", b"list")
    with pytest.raises(CannotOpen):
        other_than(one).unseal(SECRET, b"info", sealed)


@BOTH
def test_no_two_seals_of_the_same_are_alike(one: Suite) -> None:
    public = one.public_sealing(SECRET)
    assert len({one.seal(public, b"info", b"list") for _ in range(16)}) == 16


@BOTH
@pytest.mark.parametrize("length", [0, 1, 31, 33, 64, 66])
def test_keys_of_a_wrong_length_are_refused(one: Suite, length: int) -> None:
    raw = bytes([4]) * length
    attempts: tuple[Callable[[], object], ...] = (
        lambda: one.check_key(raw),
        lambda: one.signer(raw),
        lambda: one.public_signing(raw),
        lambda: one.public_sealing(raw),
        lambda: one.seal(raw, b"info", b"list"),
    )
    for attempt in attempts:
        with pytest.raises(BadKey):
            attempt()
    sealed = one.seal(one.public_sealing(SECRET), b"info", b"list")
    with pytest.raises(BadKey):
        one.unseal(raw, b"info", sealed)


@BOTH
@given(seed=st.integers())
def test_every_new_key_signs_and_opens(one: Suite, seed: int) -> None:
    private = one.new_private(Random(seed).randbytes)
    assert len(private) == 32
    one.check_key(one.public_signing(private))
    one.check_key(one.public_sealing(private))
    assert one.verify(one.public_signing(private), one.signer(private)(b"m"), b"m")
    assert one.unseal(private, b"", one.seal(one.public_sealing(private), b"", b"m")) == b"m"


def test_nothing_is_sealed_to_a_point_of_small_order() -> None:
    with pytest.raises(BadKey, match="nothing can be sealed"):
        INTL_1.seal(bytes(32), b"info", b"list")


@BOTH
def test_both_suites_are_ready_here(one: Suite) -> None:
    one.ready()
