"""What the node needs of a face verification service: yes or no, and a reference.

Faces are sensitive personal data (个人信息保护法 28, 29): the sample is handed through and never
stored; only the outcome and the service's reference stay. Neither crosses to another center
with more than an opaque expert code (``domain.md`` §1.10).

REST API, to be implemented by the service or a thin layer before it. JSON in UTF-8, binary in
standard base64. Errors: status and ``{"code": "…", "detail": "…"}``. ``Authorization: Bearer``.

``GET /health`` → 200 ``{"status": "ok"}``

``POST /face-checks`` ``{"id_number": str, "name": str, "face": base64}``
    → 200 ``{"passed": bool, "reference": str}``
    "Not this person" is an answer (``passed`` false), not an error. 422 when the sample cannot be
    used at all. There is no idempotency key: each sample is looked at once and never kept, so the
    client does not retry; the person stands in front of the camera and can look again.
"""

from dataclasses import dataclass
from typing import Final, Protocol

from adapters.outside import Outside

FACE_BYTES_MAX: Final = 2 * 1024 * 1024
"""A JPEG of a check-in camera has 100 to 500 KiB; a short liveness clip up to 2 MiB."""


@dataclass(frozen=True, slots=True)
class FaceCheck:
    """Outcome of one verification.

    Attributes:
        passed: Whether the face is that person's.
        reference: The service's number of the check, for later questions; no personal data.
    """

    passed: bool
    reference: str


class Identity(Outside, Protocol):
    """The face verification service of this center."""

    async def verify(self, id_number: str, name: str, face: bytes) -> FaceCheck:
        """Compare a face with the register.

        Args:
            id_number: 18 characters, GB 11643.
            name: As registered.
            face: The camera's sample, 1 to ``FACE_BYTES_MAX`` bytes.

        Raises:
            Rejected: The service cannot use the sample or will not serve us.
            Unreachable: No answer; the person may try again at once.
            ValueError: The sample is empty or too large.
        """
        ...


def check_face(face: bytes) -> None:
    """Raise ``ValueError`` when the sample is empty or larger than ``FACE_BYTES_MAX``."""
    if not 0 < len(face) <= FACE_BYTES_MAX:
        raise ValueError(f"a face sample has 1 to {FACE_BYTES_MAX} bytes, not {len(face)}")
