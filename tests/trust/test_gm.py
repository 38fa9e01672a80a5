"""gm-1 seals as the paper says, and is refused wherever a provider is missing or wrong."""

import hashlib
import hmac
from collections.abc import Iterator

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from federation.trust import gm, sm2
from federation.trust.errors import CannotOpen, SuiteUnavailable

SECRET = bytes(range(32))
PUBLIC = gm.public_of(SECRET)


@pytest.fixture(autouse=True)
def _tested_anew() -> Iterator[None]:
    """Let every test run the known-answer test itself, and leave none of its lies behind."""
    gm.ready.cache_clear()
    yield
    gm.ready.cache_clear()


@given(plaintext=st.binary(max_size=100), info=st.binary(max_size=50))
def test_a_seal_is_what_the_paper_describes(plaintext: bytes, info: bytes) -> None:
    sealed = gm.seal(PUBLIC, info, plaintext)
    length = sm2.ciphertext_length(sealed)
    encapsulated, ciphertext = sealed[:length], sealed[length:]
    seed = sm2.decrypt(SECRET, encapsulated)
    extracted = hmac.new(b"feddraw/1/gm-1/seal\0", seed, "sm3").digest()
    expanded = hmac.new(extracted, info + encapsulated + b"\1", "sm3").digest()
    decryptor = Cipher(
        algorithms.SM4(expanded[:16]), modes.GCM(expanded[16:28], ciphertext[-16:])
    ).decryptor()
    decryptor.authenticate_additional_data(info)
    assert decryptor.update(ciphertext[:-16]) + decryptor.finalize() == plaintext


def test_a_seed_of_another_length_is_refused() -> None:
    with pytest.raises(CannotOpen, match="a seed of 31 bytes"):
        gm.unseal(SECRET, b"", sm2.encrypt(PUBLIC, bytes(31)) + bytes(16))


def test_what_is_cut_before_its_tag_is_refused() -> None:
    with pytest.raises(CannotOpen, match="cut off"):
        gm.unseal(SECRET, b"", gm.seal(PUBLIC, b"", b"")[:-1])


def test_the_known_answers_come_out_here() -> None:
    gm.ready()


def everything_refuses(match: str) -> None:
    signature, sealed = sm2.signer(SECRET)(b"m"), bytes(200)
    for attempt in (
        gm.ready,
        lambda: gm.verify(PUBLIC, signature, b"m"),
        lambda: gm.signer(SECRET),
        lambda: gm.public_of(SECRET),
        lambda: gm.seal(PUBLIC, b"", b""),
        lambda: gm.unseal(SECRET, b"", sealed),
    ):
        with pytest.raises(SuiteUnavailable, match=match):
            attempt()


class WrongHash:
    def digest(self) -> bytes:
        return bytes(32)


def test_a_wrong_sm3_stops_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    real = sm2.sm3
    monkeypatch.setattr(sm2, "sm3", lambda data=b"": WrongHash() if data == b"abc" else real(data))
    everything_refuses("SM3 of 'abc'")


def test_a_wrong_public_key_stops_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sm2, "public_of", lambda _private: PUBLIC)
    everything_refuses("the public key of a private one")


@pytest.mark.parametrize(
    ("answer", "match"), [(False, "a published signature"), (True, "another message")]
)
def test_a_verifier_that_always_says_the_same_stops_everything(
    monkeypatch: pytest.MonkeyPatch, answer: bool, match: str
) -> None:
    monkeypatch.setattr(sm2, "verify", lambda *_: answer)
    everything_refuses(match)


def test_a_signer_that_signs_nothing_stops_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    good = sm2.signer(SECRET)
    monkeypatch.setattr(sm2, "signer", lambda _private: lambda _message: good(b"other"))
    everything_refuses("its own signature")


def test_a_decryption_that_goes_wrong_stops_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    real = sm2.decrypt
    monkeypatch.setattr(sm2, "decrypt", lambda key, sealed: real(key, sealed)[::-1])
    everything_refuses("a published ciphertext")


def test_a_package_without_sm4_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> object:
        raise UnsupportedAlgorithm("no SM4")

    monkeypatch.setattr(gm, "Cipher", missing)
    everything_refuses("'cryptography' has no SM4-GCM here")


@pytest.mark.parametrize(
    ("example", "match"), [("BLOCK_SEALED", "SM4 wrong"), ("TEXT_SEALED", "SM4-GCM wrong")]
)
def test_a_wrong_sm4_stops_everything(
    monkeypatch: pytest.MonkeyPatch, example: str, match: str
) -> None:
    monkeypatch.setattr(gm._Known, example, bytes(16))
    everything_refuses(match)


def test_the_test_runs_once(monkeypatch: pytest.MonkeyPatch) -> None:
    gm.ready()
    monkeypatch.setattr(hashlib, "new", None)
    gm.ready()
