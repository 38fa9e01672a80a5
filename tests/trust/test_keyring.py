"""Only pinned keys are good, and an old descriptor never replaces a newer one."""

from dataclasses import replace

import pytest

from federation.errors import Unauthenticated
from federation.ids import CenterId
from federation.trust.keyring import Keyring
from federation.trust.keys import BadDescriptor
from tests.support.pair import NOON, SeededRandom, identity

ONE = identity("one", "360821", SeededRandom("one"), NOON).descriptor
TWO = identity("two", "350112", SeededRandom("two"), NOON).descriptor


def test_a_pinned_key_is_found_by_its_id() -> None:
    ring = Keyring([ONE])

    assert ring.message_key(ONE.center_id, ONE.message_key_id) == ONE.message_key
    assert dict(ring.peers) == {CenterId(ONE.center_id): ONE}


@pytest.mark.parametrize(
    ("center", "key", "cause"),
    [
        (TWO.center_id, TWO.message_key_id, "unknown_sender"),
        (ONE.center_id, TWO.message_key_id, "unknown_key"),
        ("", b"", "unknown_sender"),
    ],
)
def test_what_is_not_pinned_is_a_stranger(center: str, key: bytes, cause: str) -> None:
    with pytest.raises(Unauthenticated) as caught:
        Keyring([ONE]).message_key(center, key)

    assert caught.value.cause == cause
    assert str(caught.value) == "unauthenticated"


def test_a_newer_descriptor_replaces_an_older_one() -> None:
    newer = replace(ONE, sequence=2, address="elsewhere:1")
    ring = Keyring([ONE])
    ring.pin(newer)

    assert ring.peers[CenterId(ONE.center_id)] == newer
    with pytest.raises(BadDescriptor, match="older"):
        ring.pin(ONE)
