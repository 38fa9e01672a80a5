"""Keys in a folder that really sign: P-256, one per signer, certificates without any CA.

The signatures are true ECDSA and can be verified; what is missing is the authority: each
certificate is self-signed and says STAND-IN in its subject. The signer's face must be the
sample that ``adapters.identity.stand_in`` accepts.
"""

import base64
import datetime as dt
import hashlib
import hmac
import json
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from adapters.durable import make_folder, write_whole
from adapters.errors import Rejected
from adapters.identity.port import check_face
from adapters.identity.stand_in import sample_of
from adapters.outside import Log, announce_stand_in
from adapters.signing.port import Signature, check_digest, verify

STAND_IN: Final = True
SYSTEM: Final = "模拟云签 (stand-in cloud signature)"

# Fixed, so that no clock is read and a demonstration works whatever the date is set to.
_NOT_BEFORE: Final = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
_NOT_AFTER: Final = dt.datetime(2099, 12, 31, tzinfo=dt.UTC)


class FolderSigning:
    """``Signing`` with keys in a folder. One process at a time per folder.

    Args:
        folder: Where keys and given signatures are kept; created when missing.
        log: Where to be loud.
    """

    stand_in: Final = STAND_IN

    def __init__(self, *, folder: Path, log: Log | None = None) -> None:
        announce_stand_in("云签", "cloud signature", log)
        self._keys = folder / "keys"
        self._given = folder / "signatures"
        make_folder(self._keys)
        make_folder(self._given)

    async def self_test(self) -> None:
        """A throw-away key signs and verifies."""
        digest = hashlib.sha256(b"self test").digest()
        if not verify(digest, _signed(ec.generate_private_key(ec.SECP256R1()), digest)):
            raise Rejected(SYSTEM, "its own signature does not verify. Is cryptography broken?")

    async def aclose(self) -> None:
        """Nothing is held open."""

    async def sign(
        self, key: str, signer_id_number: str, document_sha256: bytes, face: bytes
    ) -> Signature:
        """Sign, or give again what was signed under ``key``; see ``Signing``."""
        check_digest(document_sha256)
        check_face(face)
        if not hmac.compare_digest(face, sample_of(signer_id_number)):
            raise Rejected(SYSTEM, f"signature {key!r}: the face is not the signer's")
        signer = hashlib.sha256(signer_id_number.encode()).hexdigest()
        request = {"signer": signer, "document_sha256": document_sha256.hex()}
        path = self._given / f"{hashlib.sha256(key.encode()).hexdigest()}.json"
        # Nothing is awaited between looking and writing: two tasks cannot both be first.
        if path.exists():
            stored = json.loads(path.read_bytes())
            if stored["request"] != request:
                raise Rejected(
                    SYSTEM,
                    f"signature {key!r} came before with another signer or document. "
                    "A key names one signature; take a new one.",
                )
            return Signature(
                base64.b64decode(stored["value"]), base64.b64decode(stored["certificate"])
            )
        signature = _signed(self._key_of(signer), document_sha256)
        record = {
            "request": request,
            "value": base64.b64encode(signature.value).decode(),
            "certificate": base64.b64encode(signature.certificate).decode(),
        }
        write_whole(path, json.dumps(record).encode())
        return signature

    def _key_of(self, signer: str) -> ec.EllipticCurvePrivateKey:
        path = self._keys / f"{signer}.pem"
        if not path.exists():
            made = ec.generate_private_key(ec.SECP256R1())
            write_whole(path, made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        key = load_pem_private_key(path.read_bytes(), password=None)
        assert isinstance(key, ec.EllipticCurvePrivateKey), "only such keys are written here"
        return key


def _signed(key: ec.EllipticCurvePrivateKey, digest: bytes) -> Signature:
    value = key.sign(digest, ec.ECDSA(Prehashed(SHA256())))
    return Signature(value, _certificate(key).public_bytes(Encoding.DER))


def _certificate(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    # Named after the key: a certificate travels in reports and must not carry an ID number.
    fingerprint = hashlib.sha256(point).hexdigest()[:16]
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "STAND-IN 模拟云签"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"signer {fingerprint}"),
        ]
    )
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(int(fingerprint, 16) + 1)
        .not_valid_before(_NOT_BEFORE)
        .not_valid_after(_NOT_AFTER)
        .sign(key, SHA256())
    )
