"""The cloud signature's contract, for every implementation."""

import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

from adapters.errors import Rejected, Unreachable
from adapters.identity.stand_in import sample_of
from adapters.signing.port import Signature, Signing, verify
from adapters.signing.rest import RestSigning
from adapters.signing.stand_in import FolderSigning
from tests.support.outside import Vendor, connect, free_address, self_signed, serving

SIGNER = "11010519491231002X"
FACE = sample_of(SIGNER)
DIGEST = hashlib.sha256(b"report").digest()
OTHER = hashlib.sha256(b"another report").digest()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(params=["rest", "stand_in"])
async def signing(
    request: pytest.FixtureRequest, stack: ExitStack, tmp_path: Path
) -> AsyncIterator[Signing]:
    port: Signing
    if request.param == "rest":
        port = RestSigning(http=connect(stack.enter_context(serving(Vendor().app))))
    else:
        port = FolderSigning(folder=tmp_path)
    yield port
    await port.aclose()


async def test_a_signature_holds_over_its_document_and_no_other(signing: Signing) -> None:
    signature = await signing.sign("k", SIGNER, DIGEST, FACE)

    assert verify(DIGEST, signature)
    assert not verify(OTHER, signature)
    assert not verify(DIGEST, replace(signature, value=signature.value[:-1]))
    assert not verify(DIGEST, replace(signature, certificate=b"no certificate"))
    assert not verify(b"short", signature)


async def test_the_same_key_gives_the_same_signature(signing: Signing) -> None:
    first = await signing.sign("k", SIGNER, DIGEST, FACE)

    assert await signing.sign("k", SIGNER, DIGEST, FACE) == first
    assert await signing.sign("k2", SIGNER, DIGEST, FACE) != first


async def test_a_key_that_comes_back_with_another_document_is_rejected(signing: Signing) -> None:
    await signing.sign("k", SIGNER, DIGEST, FACE)

    with pytest.raises(Rejected):
        await signing.sign("k", SIGNER, OTHER, FACE)


async def test_another_face_cannot_sign(signing: Signing) -> None:
    with pytest.raises(Rejected) as caught:
        await signing.sign("k", SIGNER, DIGEST, b"face:somebody else")

    assert SIGNER not in str(caught.value)


async def test_what_is_no_digest_or_no_sample_is_our_own_mistake(signing: Signing) -> None:
    with pytest.raises(ValueError, match="SHA-256"):
        await signing.sign("k", SIGNER, b"report", FACE)
    with pytest.raises(ValueError, match="face sample"):
        await signing.sign("k", SIGNER, DIGEST, b"")


async def test_the_self_test_passes(signing: Signing) -> None:
    await signing.self_test()

    assert signing.stand_in is isinstance(signing, FolderSigning)


async def test_a_service_that_signs_something_else_is_found_out() -> None:
    vendor = Vendor()
    vendor.forge_signatures = True
    with serving(vendor.app) as url:
        port = RestSigning(http=connect(url))
        with pytest.raises(Rejected, match="does not hold"):
            await port.sign("k", SIGNER, DIGEST, FACE)
        await port.aclose()


@pytest.mark.parametrize(
    "key", [ec.generate_private_key(ec.SECP384R1()), ed25519.Ed25519PrivateKey.generate()]
)
def test_a_certificate_over_another_kind_of_key_does_not_count(
    key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey,
) -> None:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        value = key.sign(DIGEST, ec.ECDSA(Prehashed(SHA256())))
    else:
        value = key.sign(DIGEST)

    assert not verify(DIGEST, Signature(value, self_signed(key)))


async def test_a_service_that_is_down_is_unreachable() -> None:
    port = RestSigning(http=connect(free_address()))

    with pytest.raises(Unreachable):
        await port.sign("k", SIGNER, DIGEST, FACE)
    await port.aclose()


async def test_the_stand_in_signs_with_the_same_key_after_a_restart(tmp_path: Path) -> None:
    first = await FolderSigning(folder=tmp_path).sign("k", SIGNER, DIGEST, FACE)

    restarted = FolderSigning(folder=tmp_path)
    again = await restarted.sign("k", SIGNER, DIGEST, FACE)
    other = await restarted.sign("k2", SIGNER, OTHER, FACE)

    assert again == first
    certificates = [x509.load_der_x509_certificate(s.certificate) for s in (first, other)]
    assert certificates[0].public_key() == certificates[1].public_key()
    assert "STAND-IN" in certificates[0].subject.rfc4514_string()
    assert SIGNER not in certificates[0].subject.rfc4514_string()
