"""``intl-1`` by RFC 8032's own example, and where its borders are."""

import pytest

from federation.trust import intl
from federation.trust.errors import BadKey, CannotOpen

# RFC 8032 §7.1, TEST 2.
PRIVATE = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
PUBLIC = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
SIGNATURE = bytes.fromhex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)
MESSAGE = b"\x72"


def test_the_published_example() -> None:
    assert intl.public_signing(PRIVATE) == PUBLIC
    assert intl.signer(PRIVATE)(MESSAGE) == SIGNATURE
    assert intl.verify(PUBLIC, SIGNATURE, MESSAGE)
    intl.ready()


def test_the_border_between_signature_and_message_does_not_move() -> None:
    assert not intl.verify(PUBLIC, SIGNATURE + MESSAGE, b"")
    assert not intl.verify(PUBLIC, SIGNATURE[:-1], SIGNATURE[-1:] + MESSAGE)
    assert not intl.verify(PUBLIC, b"", SIGNATURE + MESSAGE)


def test_a_key_of_another_length_is_none() -> None:
    for call in (intl.public_signing, intl.public_sealing, intl.signer, intl.check_key):
        with pytest.raises(BadKey, match="31"):
            call(bytes(31))
    assert not intl.verify(bytes(31), SIGNATURE, MESSAGE)


def test_nothing_is_sealed_to_a_point_of_small_order() -> None:
    with pytest.raises(BadKey, match="nothing can be sealed"):
        intl.seal(bytes(32), b"info", b"secret")


def test_what_is_sealed_opens_with_the_key_and_the_info_alone() -> None:
    private = intl.new_private(lambda count: bytes(range(count)))
    sealed = intl.seal(intl.public_sealing(private), b"info", b"secret")
    assert intl.unseal(private, b"info", sealed) == b"secret"
    with pytest.raises(CannotOpen):
        intl.unseal(private, b"other", sealed)
    with pytest.raises(CannotOpen):
        intl.unseal(PRIVATE, b"info", sealed)
