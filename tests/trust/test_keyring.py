"""Only pinned keys are good, and an old descriptor never replaces a newer one."""

import pytest

from federation.errors import Unauthenticated
from federation.ids import CenterId
from federation.trust.keyring import Keyring
from federation.trust.keys import BadDescriptor
from tests.support.identities import follow, stranger
from tests.support.pair import NOON, SeededRandom

ONE_CENTER = stranger(SeededRandom("one").bytes, "one", NOON)
TWO_CENTER = stranger(SeededRandom("two").bytes, "two", NOON)
ONE = ONE_CENTER.descriptor
TWO = TWO_CENTER.descriptor


def test_a_pinned_key_is_found_by_its_id() -> None:
    ring = Keyring([ONE])

    assert (
        ring.message_key(ONE.center_id, ONE_CENTER.message_key.id, NOON) == ONE_CENTER.message_key
    )
    assert dict(ring.peers) == {CenterId(ONE.center_id): ONE}


@pytest.mark.parametrize(
    ("center", "key", "cause"),
    [
        (TWO.center_id, TWO_CENTER.message_key.id, "unknown_sender"),
        (ONE.center_id, TWO_CENTER.message_key.id, "unknown_key"),
        ("", b"", "unknown_sender"),
    ],
)
def test_what_is_not_pinned_is_a_stranger(center: str, key: bytes, cause: str) -> None:
    with pytest.raises(Unauthenticated) as caught:
        Keyring([ONE]).message_key(center, key, NOON)

    assert caught.value.cause == cause
    assert str(caught.value) == "unauthenticated"


def test_a_newer_descriptor_replaces_an_older_one() -> None:
    newer = follow(ONE, address="elsewhere:1")
    ring = Keyring([ONE])
    ring.pin(newer)

    assert ring.peers[CenterId(ONE.center_id)] == newer
    with pytest.raises(BadDescriptor, match="older"):
        ring.pin(ONE)
