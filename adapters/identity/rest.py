"""Client of the face verification service's REST API (see ``port``)."""

import base64
from typing import Final

from adapters.http_client import OutsideHttp
from adapters.identity.port import FaceCheck, check_face


class RestIdentity:
    """``Identity`` over HTTP.

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

    async def verify(self, id_number: str, name: str, face: bytes) -> FaceCheck:
        """Send the sample once; see ``Identity``."""
        check_face(face)
        reply = await self._http.post_json(
            "/face-checks",
            {"id_number": id_number, "name": name, "face": base64.b64encode(face).decode()},
            idempotency_key=None,
        )
        return FaceCheck(passed=reply.flag("passed"), reference=reply.text("reference"))
