"""Descriptors prove their center ids, and secrets never show."""

from dataclasses import replace

import pytest

from federation.trust.envelope import sign_alone
from federation.trust.keys import (
    DESCRIPTOR_TYPE,
    BadDescriptor,
    Descriptor,
    SecretKeys,
    check_descriptor,
    fingerprint,
    generate,
    public_ed25519,
    public_x25519,
    root_center_id,
)
from tests.support.pair import SeededRandom

SECRETS = generate(SeededRandom("keys").bytes)
RAW = b"the descriptor's bytes"
SIGNATURE = sign_alone(DESCRIPTOR_TYPE, RAW, SECRETS.root_signer)


def _descriptor() -> Descriptor:
    root = public_ed25519(SECRETS.root)
    return Descriptor(
        center_id=root_center_id(root),
        root_key=root,
        sequence=1,
        name="吉安",
        uscc="",
        region_code="360821",
        address="127.0.0.1:7443",
        tls_certificate=b"",
        message_key=public_ed25519(SECRETS.message),
        log_key=public_ed25519(SECRETS.log),
        witness_key=public_ed25519(SECRETS.witness),
        sealing_key=public_x25519(SECRETS.sealing),
        made_at_ms=1,
    )


def test_a_good_descriptor_is_good() -> None:
    check_descriptor(_descriptor(), RAW, SIGNATURE)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"message_key": b"short"}, "32 bytes"),
        ({"log_key": _descriptor().message_key}, "two purposes"),
        ({"root_key": bytes(32)}, "not made of the root key"),
        ({"center_id": "lp1" + "a" * 32}, "not made of the root key"),
        ({"sequence": 0}, "counted from 1"),
    ],
)
def test_a_descriptor_that_proves_nothing_is_refused(
    change: dict[str, object], complaint: str
) -> None:
    with pytest.raises(BadDescriptor, match=complaint):
        check_descriptor(replace(_descriptor(), **change), RAW, SIGNATURE)  # type: ignore[arg-type]


def test_only_the_root_key_signs_descriptors() -> None:
    other = sign_alone(DESCRIPTOR_TYPE, RAW, SECRETS.signer)

    for raw, signature in ((RAW, other), (RAW + b".", SIGNATURE)):
        with pytest.raises(BadDescriptor, match="root key did not sign"):
            check_descriptor(_descriptor(), raw, signature)


def test_each_purpose_has_its_own_name() -> None:
    descriptor = _descriptor()

    assert descriptor.log_name == f"{descriptor.center_id}/log/1"
    assert descriptor.witness_name == f"{descriptor.center_id}/witness/1"
    assert len(descriptor.message_key_id) == 16


def test_a_fingerprint_can_be_read_aloud() -> None:
    assert fingerprint("lp1abcdefgh") == "abcd efgh"


def test_secrets_do_not_show() -> None:
    assert repr(SECRETS) == "SecretKeys(…)"
    assert len({SECRETS.root, SECRETS.message, SECRETS.log, SECRETS.witness, SECRETS.sealing}) == 5
    assert isinstance(SECRETS, SecretKeys)
