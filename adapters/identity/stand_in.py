"""A rule without any face in it: the sample passes if and only if it is ``face:`` and the ID.

Demonstrations can so show both outcomes without a camera, and nobody's face is ever needed.
"""

import hmac
import secrets
from collections.abc import Callable
from typing import Final

from adapters.identity.port import FaceCheck, check_face
from adapters.outside import Log, announce_stand_in

STAND_IN: Final = True


def sample_of(id_number: str) -> bytes:
    """The only sample that passes for ``id_number``."""
    return b"face:" + id_number.encode()


class StandInIdentity:
    """``Identity`` by that rule.

    Args:
        log: Where to be loud.
        token: Gives a new reference each time. Not derived from the sample: a digest over an ID
            number can be searched through.
    """

    stand_in: Final = STAND_IN

    def __init__(
        self, *, log: Log | None = None, token: Callable[[], str] = secrets.token_hex
    ) -> None:
        self._token = token
        announce_stand_in("人脸核验", "face verification", log)

    async def self_test(self) -> None:
        """There is nothing that could fail."""

    async def aclose(self) -> None:
        """Nothing is held open."""

    async def verify(self, id_number: str, name: str, face: bytes) -> FaceCheck:
        """Apply the rule; see ``Identity``. The name plays no part, as nobody registered it."""
        del name
        check_face(face)
        return FaceCheck(
            passed=hmac.compare_digest(face, sample_of(id_number)),
            reference=f"SI-{self._token()}",
        )
