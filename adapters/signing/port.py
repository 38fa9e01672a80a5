"""What the node needs of a cloud signature service: a person's signature over a digest.

Experts carry no key token: the service keeps their keys and uses one when the face in front of
the camera is the signer's (Gansu, ``domain.md`` §1.10; 电子签名法 13). Only the report's SHA-256
travels, never the report.

REST API, to be implemented by the service or a thin layer before it. JSON in UTF-8, binary in
standard base64. Errors: status and ``{"code": "…", "detail": "…"}``. ``Authorization: Bearer``.

``GET /health`` → 200 ``{"status": "ok"}``

``POST /signatures`` with ``Idempotency-Key``
    ``{"signer_id_number": str, "document_sha256": 64 hex digits, "face": base64}``
    → 200 ``{"value": base64, "certificate": base64}``
    ``value`` is ECDSA over P-256 of the digest, DER (RFC 3279 §2.2.3); ``certificate`` the
    signer's X.509 certificate, DER. The same key with the same request → the same signature;
    409 with another request; 403 the face is not the signer's. Keys are kept for 30 days at
    least. Services that sign with SM2 only need a layer that offers P-256, or a port of their own.
"""

from dataclasses import dataclass
from typing import Final, Protocol

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

from adapters.outside import Outside

SHA256_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature and the certificate it was made under.

    Attributes:
        value: ECDSA signature, DER.
        certificate: X.509 certificate of the signer, DER.
    """

    value: bytes
    certificate: bytes


class Signing(Outside, Protocol):
    """The cloud signature service of this center."""

    async def sign(
        self, key: str, signer_id_number: str, document_sha256: bytes, face: bytes
    ) -> Signature:
        """Have a person sign a document's digest.

        Args:
            key: Names this one signature; repeating it gives the same signature.
            signer_id_number: 18 characters, GB 11643.
            document_sha256: 32 bytes.
            face: The camera's sample, as for ``adapters.identity``.

        Raises:
            Rejected: The face is not the signer's, the key came before with another request,
                or what came back is not a signature over this document.
            Unreachable: No answer; sign again under the same key.
            ValueError: The digest is not 32 bytes, or the sample out of bounds: our own mistake.
        """
        ...


def verify(document_sha256: bytes, signature: Signature) -> bool:
    """Tell whether ``signature`` is over ``document_sha256`` by the key in its certificate.

    Says nothing about who issued the certificate: that is for whoever knows the trusted CAs.
    """
    if len(document_sha256) != SHA256_BYTES:
        return False
    try:
        public_key = x509.load_der_x509_certificate(signature.certificate).public_key()
        if not isinstance(public_key, ec.EllipticCurvePublicKey):
            return False
        if not isinstance(public_key.curve, ec.SECP256R1):
            return False
        public_key.verify(signature.value, document_sha256, ec.ECDSA(Prehashed(SHA256())))
    except (InvalidSignature, ValueError):
        return False
    return True


def check_digest(document_sha256: bytes) -> None:
    """Raise ``ValueError`` when it is not 32 bytes long."""
    if len(document_sha256) != SHA256_BYTES:
        raise ValueError(f"a SHA-256 has {SHA256_BYTES} bytes, not {len(document_sha256)}")
