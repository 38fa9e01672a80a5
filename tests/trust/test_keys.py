"""Descriptors prove their center ids, follow one another, and secrets never show."""

from dataclasses import replace

import pytest

from federation.trust.keys import (
    BadDescriptor,
    Descriptor,
    PublicKey,
    Purpose,
    Revocation,
    RootKey,
    RootSignature,
    TwoIdentities,
    agreement_type,
    check_descriptor,
    check_successor,
    common_suite,
    descriptor_type,
    fingerprint,
)
from federation.trust.suite import INTL_1
from federation.wire.words import DESCRIPTOR, read_chain, read_with_bytes
from tests.support.identities import describe, follow, make_secrets, signed
from tests.support.pair import NOON, SeededRandom

BOTH = ("intl-1", "gm-1")
SECRETS = make_secrets(SeededRandom("keys").bytes, BOTH)
FIRST = describe(SECRETS, "吉安", NOON)
MESSAGE = FIRST.keys_for(Purpose.MESSAGE, "intl-1")[0]
OFF_THE_CURVE = replace(FIRST.keys[-1], key=b"\4" + bytes(64))  # what is sealed to it opens to none


def check(descriptor: Descriptor, **changes: object) -> None:
    """As if all roots had signed whatever the descriptor says."""
    changed = replace(descriptor, **changes)  # type: ignore[arg-type]
    read_with_bytes(signed(changed, SECRETS))


def test_a_good_descriptor_is_good_in_both_suites() -> None:
    check(FIRST)
    assert FIRST.suites == BOTH
    assert FIRST.home == "intl-1"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"roots": (RootKey("intl-1", bytes(31)), FIRST.roots[1])}, "31 bytes"),
        ({"roots": (RootKey("intl-1", bytes(32)), FIRST.roots[1])}, "not made of the root key"),
        ({"roots": (FIRST.roots[0],)}, "gm-1, which has no root"),
        ({"keys": (*FIRST.keys[:-1], OFF_THE_CURVE)}, "not a point of the curve"),
        ({"roots": FIRST.roots[::-1]}, "not made of the root key"),
        ({"center_id": "lp1" + "a" * 32}, "not made of the root key"),
        ({"keys": (*FIRST.keys, replace(MESSAGE, purpose=Purpose.LOG))}, "two purposes"),
        ({"keys": (*FIRST.keys, replace(MESSAGE, key=FIRST.roots[0].key))}, "two purposes"),
        ({"keys": FIRST.keys[1:]}, "no message key for intl-1"),
        ({"keys": FIRST.keys[:-1]}, "no sealing key for gm-1"),
        (
            {"keys": (replace(MESSAGE, not_after_ms=MESSAGE.not_before_ms + 1), *FIRST.keys)},
            "two purposes",
        ),
        (
            {"keys": (replace(MESSAGE, not_before_ms=9, not_after_ms=9), *FIRST.keys[1:])},
            "ends before it begins",
        ),
        ({"previous": bytes(32)}, "names the one before"),
        ({"sequence": 2}, "names the one before"),
        ({"revoked": (Revocation(bytes(16), 1, ""),) * 2}, "revoked twice"),
    ],
)
def test_a_descriptor_that_proves_nothing_is_refused(
    change: dict[str, object], complaint: str
) -> None:
    with pytest.raises(BadDescriptor, match=complaint):
        check(FIRST, **change)


def test_every_root_signs_and_nothing_else_does() -> None:
    raw = DESCRIPTOR.encode(FIRST)
    good, bad = read_signatures(FIRST), read_signatures(replace(FIRST, name="other"))
    check_descriptor(FIRST, raw, good)
    for signatures in (good[:1], good[1:], (), (good[0], bad[1]), (bad[0], good[1])):
        with pytest.raises(BadDescriptor, match="root key did not sign"):
            check_descriptor(FIRST, raw, signatures)


def read_signatures(descriptor: Descriptor) -> tuple[RootSignature, ...]:
    from federation.wire.words import _SIGNED_DESCRIPTOR  # noqa: PLC0415 (the test looks inside)

    return _SIGNED_DESCRIPTOR.decode(signed(descriptor, SECRETS)).signatures


def test_an_unknown_suite_is_refused_and_named() -> None:
    roots = (*FIRST.roots, RootKey("gm-9", bytes(32)))
    with pytest.raises(BadDescriptor, match="gm-9"):
        check_descriptor(replace(FIRST, roots=roots), b"", ())


def test_the_next_descriptor_follows_and_no_other() -> None:
    raw = DESCRIPTOR.encode(FIRST)
    second = follow(FIRST, address="moved.example.cn:1")
    check_successor(FIRST, raw, second, DESCRIPTOR.encode(second))
    assert read_chain([signed(FIRST, SECRETS), signed(second, SECRETS)]) == second
    third = follow(second)
    with pytest.raises(BadDescriptor, match="2 to 2 are missing"):
        check_successor(FIRST, raw, third, DESCRIPTOR.encode(third))
    with pytest.raises(BadDescriptor, match="older"):
        check_successor(second, DESCRIPTOR.encode(second), FIRST, raw)
    other = describe(make_secrets(SeededRandom("other").bytes), "长乐", NOON)
    with pytest.raises(BadDescriptor, match="another center"):
        check_successor(FIRST, raw, other, DESCRIPTOR.encode(other))


def test_two_nodes_with_one_identity_are_found() -> None:
    raw = DESCRIPTOR.encode(FIRST)
    twin = replace(FIRST, address="elsewhere.example.cn:1")
    with pytest.raises(TwoIdentities, match="number 1"):
        check_successor(FIRST, raw, twin, DESCRIPTOR.encode(twin))
    of_twin = follow(twin)
    with pytest.raises(TwoIdentities, match="two nodes use one identity"):
        check_successor(FIRST, raw, of_twin, DESCRIPTOR.encode(of_twin))


def test_a_revoked_key_stays_revoked() -> None:
    second = follow(FIRST, revoked=(Revocation(MESSAGE.id, NOON, "lost"),))
    third = follow(second, revoked=())
    with pytest.raises(BadDescriptor, match="no longer so"):
        check_successor(second, DESCRIPTOR.encode(second), third, DESCRIPTOR.encode(third))
    assert second.keys_for(Purpose.MESSAGE, "intl-1") == ()
    assert second.revocation(MESSAGE.id) is not None
    assert FIRST.revocation(MESSAGE.id) is None


def test_the_newest_valid_key_counts() -> None:
    fresh = INTL_1.public_signing(bytes(31) + b"\1")
    newer = PublicKey("intl-1", Purpose.MESSAGE, fresh, NOON, NOON + 10)
    both = follow(FIRST, keys=(*FIRST.keys, newer))
    assert both.key_for(Purpose.MESSAGE, "intl-1", NOON) == newer
    assert both.key_for(Purpose.MESSAGE, "intl-1", NOON - 1) == MESSAGE
    assert both.key_for(Purpose.MESSAGE, "intl-1", NOON + 11) == MESSAGE
    assert both.key_for(Purpose.MESSAGE, "sm-0", NOON) is None


def test_names_tell_the_suite() -> None:
    assert FIRST.log_name("gm-1") == f"{FIRST.center_id}/log/gm-1"
    assert FIRST.witness_name("intl-1") == f"{FIRST.center_id}/witness/intl-1"
    assert agreement_type("gm-1") != agreement_type("intl-1")
    assert descriptor_type("gm-1") != descriptor_type("intl-1")
    assert len(MESSAGE.id) == 16


def test_both_sides_choose_the_same_suite() -> None:
    assert common_suite(BOTH, BOTH[::-1]) == "gm-1"
    assert common_suite(("intl-1",), BOTH) == "intl-1"
    assert common_suite(("intl-1",), ("gm-1",)) is None


def test_a_fingerprint_can_be_read_aloud() -> None:
    assert fingerprint("lp1abcdefgh") == "abcd efgh"
