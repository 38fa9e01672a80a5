"""What is signed, byte for byte, and every way in which it can fail to fit."""

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.trust import envelope, merkle
from federation.trust.envelope import (
    MAX_BATCH,
    BadEnvelope,
    Verifier,
    envelope_hash,
    key_id,
    pae,
    sign_alone,
    sign_batch,
    verify_alone,
)
from federation.trust.suite import INTL_1

PRIVATE = bytes(range(32))
PUBLIC = INTL_1.public_signing(PRIVATE)
KEY_ID = key_id(INTL_1, PUBLIC)
TYPE = "application/vnd.lianping.v1.booking.Hold+protobuf"


def _sign(message: bytes) -> bytes:
    return INTL_1.signer(PRIVATE)(message)


def _batch(count: int) -> list[envelope.Envelope]:
    return sign_batch(INTL_1, [(TYPE, b"word %d" % n) for n in range(count)], _sign, KEY_ID)


def test_the_dsse_vector() -> None:
    """The pre-authentication encoding's own example, from the DSSE protocol page."""
    encoded = pae("http://example.com/HelloWorld", b"hello world")

    assert encoded == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_the_type_is_counted_in_bytes() -> None:
    assert pae("型", b"") == b"DSSEv1 3 \xe5\x9e\x8b 0 "


def test_a_lone_word_is_a_batch_of_one() -> None:
    (lone,) = _batch(1)
    leaf = hashlib.sha256(b"\0" + pae(TYPE, b"word 0")).digest()

    assert (lone.index, lone.size, lone.path) == (0, 1, ())
    assert lone.signature == _sign(pae(envelope.batch_type("intl-1"), leaf))
    assert envelope_hash(INTL_1, TYPE, b"word 0") == leaf


@given(st.integers(1, MAX_BATCH))
def test_each_envelope_of_a_batch_stands_alone(count: int) -> None:
    for number, each in enumerate(_batch(count)):
        assert Verifier().check(INTL_1, each, PUBLIC) == envelope_hash(
            INTL_1, TYPE, b"word %d" % number
        )
        assert len(each.path) <= 6


@pytest.mark.parametrize("count", [0, MAX_BATCH + 1])
def test_a_batch_has_one_to_sixty_four(count: int) -> None:
    with pytest.raises(ValueError, match="1 to 64"):
        _batch(count)


@pytest.mark.parametrize(
    "change",
    [
        {"payload": b"word 4"},
        {"payload_type": TYPE + "x"},
        {"index": 2},
        {"index": 9},
        {"size": 0},
        {"size": MAX_BATCH + 1},
        {"path": ()},
        {"path": (bytes(32),) * 3},
        {"signature": bytes(64)},
        {"signature": b"short"},
    ],
)
def test_nothing_in_an_envelope_can_be_changed(change: dict[str, object]) -> None:
    spoilt = replace(_batch(5)[3], **change)  # type: ignore[arg-type]

    with pytest.raises(BadEnvelope):
        Verifier().check(INTL_1, spoilt, PUBLIC)


def test_another_key_did_not_sign_it() -> None:
    with pytest.raises(BadEnvelope):
        Verifier().check(INTL_1, _batch(1)[0], INTL_1.public_signing(bytes(32)))


def test_a_remembered_root_still_checks_the_leaf() -> None:
    """The memory is of signatures over roots, never of envelopes."""
    verifier = Verifier()
    batch = _batch(5)
    verifier.check(INTL_1, batch[0], PUBLIC)

    with pytest.raises(BadEnvelope):
        verifier.check(INTL_1, replace(batch[1], payload=b"forged"), PUBLIC)
    with pytest.raises(BadEnvelope):
        verifier.check(INTL_1, batch[1], INTL_1.public_signing(bytes(32)))


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(envelope, "MAX_REMEMBERED", 2)
    verifier = Verifier()
    alone = [sign_batch(INTL_1, [(TYPE, b"%d" % n)], _sign, KEY_ID)[0] for n in range(4)]
    for each in [*alone, alone[3], *alone]:
        verifier.check(INTL_1, each, PUBLIC)

    assert len(verifier._good) == 2


def test_a_batch_signature_is_not_a_document_signature() -> None:
    root = merkle.root(INTL_1, [envelope_hash(INTL_1, TYPE, b"x")])
    (signed,) = sign_batch(INTL_1, [(TYPE, b"x")], _sign, KEY_ID)

    assert verify_alone(INTL_1, envelope.batch_type("intl-1"), root, PUBLIC, signed.signature)
    assert not verify_alone(INTL_1, TYPE, b"x", PUBLIC, signed.signature)


def test_a_document_is_signed_with_its_type() -> None:
    signature = sign_alone("type/a", b"document", _sign)

    assert verify_alone(INTL_1, "type/a", b"document", PUBLIC, signature)
    assert not verify_alone(INTL_1, "type/b", b"document", PUBLIC, signature)
    assert not verify_alone(INTL_1, "type/a", b"document.", PUBLIC, signature)
