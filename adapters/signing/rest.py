"""Client of the cloud signature service's REST API (see ``port``)."""

import base64
from typing import Final

from adapters.errors import Rejected
from adapters.http_client import OutsideHttp
from adapters.identity.port import check_face
from adapters.signing.port import Signature, check_digest, verify


class RestSigning:
    """``Signing`` over HTTP.

    Args:
        http: The connection to the service; closed with this object.
    """

    stand_in: Final = False

    def __init__(self, *, http: OutsideHttp) -> None:
        self._http = http

    async def self_test(self) -> None:
        """The service answers."""
        await self._http.check_health()

    async def aclose(self) -> None:
        """Close the connection."""
        await self._http.aclose()

    async def sign(
        self, key: str, signer_id_number: str, document_sha256: bytes, face: bytes
    ) -> Signature:
        """Ask for a signature and check it before passing it on; see ``Signing``."""
        check_digest(document_sha256)
        check_face(face)
        reply = await self._http.post_json(
            "/signatures",
            {
                "signer_id_number": signer_id_number,
                "document_sha256": document_sha256.hex(),
                "face": base64.b64encode(face).decode(),
            },
            idempotency_key=f"signature:{key}",
        )
        signature = Signature(reply.binary("value"), reply.binary("certificate"))
        if not verify(document_sha256, signature):
            # A report is archived for 15 years; a bad signature must not be found out then.
            raise Rejected(
                self._http.system,
                f"signature {key!r} does not hold over the document under its own certificate "
                "(ECDSA P-256 of the SHA-256). Nothing was kept; ask the service's operator.",
            )
        return signature
