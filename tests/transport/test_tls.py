"""Certificates and credentials: who is let in by a pinned key."""

import datetime as dt

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from federation.transport.tls import TlsKeys, new_key, self_signed
from tests.support.grpc_pair import (
    FAR_AHEAD,
    LONG_AGO,
    GrpcNode,
    Party,
    call,
    channel_of,
    running,
)

CENTER = "lp1" + "a" * 32


def issued_by(party: Party) -> TlsKeys:
    """A certificate for a new key that a pinned peer's own key has signed."""
    issuer_key = load_pem_private_key(party.tls.private_key, None)
    assert isinstance(issuer_key, ec.EllipticCurvePrivateKey)
    issuer = x509.load_der_x509_certificate(party.tls.certificate)
    key = new_key()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, CENTER)]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(LONG_AGO)
        .not_valid_after(FAR_AHEAD)
        .sign(issuer_key, SHA256())
    )
    return TlsKeys(
        certificate.public_bytes(Encoding.DER),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )


async def status_of_a_call(node: GrpcNode, party: Party) -> grpc.StatusCode:
    async with channel_of(party, node.descriptor) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(channel, "Hello", b"garbage")
        return caught.value.code()


def test_a_certificate_names_its_center_and_may_issue_no_other() -> None:
    tls = self_signed(CENTER, new_key(), LONG_AGO, FAR_AHEAD)
    certificate = x509.load_der_x509_certificate(tls.certificate)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [CENTER]
    basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert basic.critical
    assert not basic.value.ca
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert not usage.key_cert_sign
    assert (certificate.not_valid_before_utc, certificate.not_valid_after_utc) == (
        LONG_AGO,
        FAR_AHEAD,
    )
    assert "PRIVATE" not in repr(tls)


def test_only_a_p256_key_is_taken() -> None:
    with pytest.raises(ValueError, match="secp384r1"):
        self_signed(CENTER, ec.generate_private_key(ec.SECP384R1()), LONG_AGO, FAR_AHEAD)


async def test_a_pinned_peer_gets_in_and_a_stranger_does_not() -> None:
    async with running("server") as node:
        friend, stranger = Party.named("friend"), Party.named("stranger")
        node.keyring.pin(friend.at(1))
        # The friend gets through TLS to our own check; the stranger ends at the handshake.
        assert await status_of_a_call(node, friend) is grpc.StatusCode.UNAUTHENTICATED
        assert await status_of_a_call(node, stranger) is grpc.StatusCode.UNAVAILABLE
        assert node.watched.refusals == [("Hello", "unparsable")]


async def test_a_peer_that_is_pinned_at_run_time_gets_in_without_a_restart() -> None:
    async with running("server") as node:
        late = Party.named("late")
        assert await status_of_a_call(node, late) is grpc.StatusCode.UNAVAILABLE
        node.keyring.pin(late.at(1))
        assert await status_of_a_call(node, late) is grpc.StatusCode.UNAUTHENTICATED


async def test_a_replaced_certificate_opens_nothing_any_more() -> None:
    async with running("server") as node:
        before = Party.named("peer")
        renewed = Party(before.identity, Party.named("other").tls, before.random)
        node.keyring.pin(before.at(1))
        assert await status_of_a_call(node, before) is grpc.StatusCode.UNAUTHENTICATED
        descriptor = before.at(1, sequence=2)
        object.__setattr__(descriptor, "tls_certificates", (renewed.tls.certificate,))
        node.keyring.pin(descriptor)
        assert await status_of_a_call(node, before) is grpc.StatusCode.UNAVAILABLE
        assert await status_of_a_call(node, renewed) is grpc.StatusCode.UNAUTHENTICATED


async def test_a_pinned_peer_cannot_issue_certificates_for_others() -> None:
    async with running("server") as node:
        friend = Party.named("friend")
        node.keyring.pin(friend.at(1))
        accomplice = Party(friend.identity, issued_by(friend), friend.random)
        assert await status_of_a_call(node, accomplice) is grpc.StatusCode.UNAVAILABLE
        assert node.watched.refusals == []


async def test_an_expired_certificate_does_not_get_in() -> None:
    async with running("server") as node:
        friend = Party.named("friend")
        expired = self_signed(friend.center, new_key(), LONG_AGO, LONG_AGO + dt.timedelta(days=1))
        descriptor = friend.at(1)
        object.__setattr__(descriptor, "tls_certificates", (expired.certificate,))
        node.keyring.pin(descriptor)
        stale = Party(friend.identity, expired, friend.random)
        assert await status_of_a_call(node, stale) is grpc.StatusCode.UNAVAILABLE
