"""Mutual TLS between pinned peers: no certificate authority, no names to trust.

Every center makes its own certificate (ECDSA P-256: gRPC's TLS library has no Ed25519) and
publishes it in its descriptor. A server accepts exactly the certificates of the pinned
peers, asked anew at every handshake; a client accepts exactly the one certificate of the
peer that it calls. No certificate may issue another: whoever signs a second one for itself
is a stranger until it is pinned. What a certificate says is never read; that it belongs to
whoever signed the words is the doorkeeper's check.
"""

import datetime as dt
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from typing_extensions import override

from federation.errors import Unauthenticated
from federation.ids import CenterId


class Shown(Protocol):
    """What we show at a handshake, now: see ``federation.transport.certificates``."""

    def shown(self) -> "TlsKeys":
        """To whoever calls us. Called from gRPC's threads: it must not block."""

    def shown_to(self, peer: CenterId) -> "TlsKeys":
        """To a peer whom we call."""


@dataclass(frozen=True, slots=True)
class TlsKeys(Shown):
    """What a node shows at a handshake; alone, it is shown to everybody.

    Args:
        certificate: DER, the same bytes as in its descriptor.
        private_key: PEM, PKCS #8, unencrypted. Never logged.
    """

    certificate: bytes
    private_key: bytes

    @override
    def __repr__(self) -> str:
        return "TlsKeys(…)"

    @override
    def shown(self) -> "TlsKeys":
        return self

    @override
    def shown_to(self, peer: CenterId) -> "TlsKeys":
        return self


def new_key() -> ec.EllipticCurvePrivateKey:
    """A fresh P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def self_signed(
    center: str,
    key: ec.EllipticCurvePrivateKey,
    not_before: dt.datetime,
    not_after: dt.datetime,
) -> TlsKeys:
    """Make a center's certificate.

    Args:
        center: The center id: subject and only DNS name.
        key: P-256.
        not_before: UTC. Leave room for peers whose clock is slow.
        not_after: UTC. A new certificate is a new descriptor.

    Raises:
        ValueError: Another curve, or the times are the wrong way round.
    """
    if key.curve.name != ec.SECP256R1.name:
        raise ValueError(f"the TLS key must be on P-256, not {key.curve.name}")
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, center)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=False,
                crl_sign=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .add_extension(
            x509.ExtendedKeyUsage(
                [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
            ),
            critical=False,
        )
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(center)]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )
    return TlsKeys(
        certificate.public_bytes(Encoding.DER),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )


def server_credentials(
    keys: Shown, pinned: Callable[[], Iterable[bytes]]
) -> grpc.ServerCredentials:
    """Credentials that show and accept what counts at the moment of the handshake.

    Args:
        keys: Our own, now.
        pinned: The certificates (DER) of the pinned peers, now. Called from gRPC's threads
            at every handshake: it must not block.

    Our own certificate is accepted too, so that this node's operator can ask for its health;
    in the protocol it opens nothing, as a node does not pin itself.
    """
    last: list[tuple[TlsKeys, tuple[bytes, ...]]] = []

    def configuration(
        own: TlsKeys, accepted: tuple[bytes, ...]
    ) -> grpc.ServerCertificateConfiguration:
        last[:] = [(own, accepted)]
        return grpc.ssl_server_certificate_configuration(
            [(own.private_key, _pem(own.certificate))],
            b"".join(_pem(der) for der in accepted),
        )

    def now() -> tuple[TlsKeys, tuple[bytes, ...]]:
        own = keys.shown()
        return own, (own.certificate, *pinned())

    def fetch() -> grpc.ServerCertificateConfiguration:
        # gRPC takes None as "as before", which saves parsing at every handshake; its stubs
        # do not know that.
        current = now()
        return None if last == [current] else configuration(*current)  # type: ignore[return-value]

    return grpc.dynamic_ssl_server_credentials(
        configuration(*now()), fetch, require_client_authentication=True
    )


def channel_credentials(keys: TlsKeys, certificates: Iterable[bytes]) -> grpc.ChannelCredentials:
    """Credentials of a channel to the one server that shows one of ``certificates`` (DER)."""
    return grpc.ssl_channel_credentials(
        root_certificates=b"".join(map(_pem, certificates)),
        private_key=keys.private_key,
        certificate_chain=_pem(keys.certificate),
    )


def certificate_of(context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
    """The certificate (DER) that the caller proved to hold.

    Raises:
        Unauthenticated: There is none: the port has no TLS.
    """
    for pem in context.auth_context().get("x509_pem_cert", ()):
        return _der(pem)
    raise Unauthenticated("wrong_certificate")


@lru_cache(maxsize=256)  # a few certificates, each shown with every call
def _der(pem: bytes) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pem.decode("ascii"))


def _pem(der: bytes) -> bytes:
    return ssl.DER_cert_to_PEM_cert(der).encode("ascii")
