"""What the node needs of a telephone gateway: call an expert and hear the answer; send a text.

A drawn expert is called by a machine, hears time and place and nothing of the project
(不得告知拟评标项目的有关情况, ``domain.md`` §1.5), and answers by key press; a text message
follows. What the text says is decided in ``node.services``; here it is only carried. The
vendor's receipt goes into the evidence, so that nobody can claim that an inconvenient expert
was "not reached".

REST API, to be implemented by the gateway or a thin layer before it. JSON in UTF-8, binary in
standard base64. Errors: status and ``{"code": "…", "detail": "…"}``. ``Authorization: Bearer``.
Every POST carries ``Idempotency-Key``; a known key gets the stored answer and causes no second
call or message; the same key with another phone or text → 409. Keys are kept for 30 days at least.

``GET /health`` → 200 ``{"status": "ok"}``

``POST /calls`` ``{"phone": str, "text": str}`` → 200 or 202 ``{"call_id": str}``
    Reads ``text`` out and asks for a key press: 1 attend, 2 decline.

``GET /calls/{call_id}`` → 200 ``{"state": "ringing"}`` or
    ``{"state": "done", "answer": "attend" | "decline" | "no_answer", "receipt": base64}``.
    A call is done within 3 minutes. ``receipt`` is the vendor's record of the call, signed by
    him if he can; the same bytes for ever.

``POST /sms`` ``{"phone": str, "text": str}`` → 200 ``{"receipt": base64}``
    Accepted for sending; ``receipt`` as above.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from adapters.outside import Outside

TEXT_CHARS_MAX: Final = 500
"""A voice text of about two minutes, or seven concatenated short messages."""


class Answer(StrEnum):
    """What an expert answered to an invitation."""

    ATTEND = "attend"
    DECLINE = "decline"
    NO_ANSWER = "no_answer"


@dataclass(frozen=True, slots=True)
class CallResult:
    """How a call ended.

    Attributes:
        answer: What the expert pressed, or that nobody did.
        receipt: The vendor's record of the call, opaque, for the evidence.
    """

    answer: Answer
    receipt: bytes


class Messaging(Outside, Protocol):
    """The telephone gateway of this center."""

    async def invite(self, key: str, phone: str, text: str) -> CallResult:
        """Call ``phone``, read ``text`` out and wait for the answer, up to about three minutes.

        Args:
            key: Names this one invitation. The same key gives the same result without a
                second call, also after a restart of either side.
            phone: As in the expert library.
            text: At most ``TEXT_CHARS_MAX`` characters, time and place only.

        Raises:
            Rejected: The gateway will not call, or the key came before with other content.
            Unreachable: No result yet; invite again under the same key.
            ValueError: The text is empty or too long: our own mistake.
        """
        ...

    async def sms(self, key: str, phone: str, text: str) -> bytes:
        """Send ``text`` to ``phone`` once per ``key``; raises as ``invite``.

        Returns:
            The vendor's receipt, opaque, for the evidence.
        """
        ...


def check_text(text: str) -> None:
    """Raise ``ValueError`` when ``text`` is empty or longer than ``TEXT_CHARS_MAX``."""
    if not 0 < len(text) <= TEXT_CHARS_MAX:
        raise ValueError(f"a message has 1 to {TEXT_CHARS_MAX} characters, not {len(text)}")
