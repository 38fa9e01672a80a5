"""What the node needs of a telephone gateway: call an expert and hear the answer; send a text.

A drawn expert is called by a machine, hears time and place and nothing of the project
(不得告知拟评标项目的有关情况, ``domain.md`` §1.5), and answers by key press; a text message
follows. What the text says is decided in ``node.services``; here it is only carried. The
vendor signs a record of every call, which goes into the evidence, so that nobody can claim that
an inconvenient expert was "not reached". An answer without a good record is none.

REST API, to be implemented by the gateway or a thin layer before it. JSON in UTF-8, binary in
standard base64. Errors: status and ``{"code": "…", "detail": "…"}``. ``Authorization: Bearer``.
Every POST carries ``Idempotency-Key``; a known key gets the stored answer and causes no second
call or message; the same key with another phone or text → 409. Keys are kept for 30 days at least.

``GET /health`` → 200 ``{"status": "ok"}``

``POST /calls`` ``{"phone": str, "text": str, "suite": str}`` → 200 or 202 ``{"call_id": str}``
    Reads ``text`` out and asks for a key: 1 attend, 2 decline, 3 repeat; three repeats at most.
    ``suite``, intl-1 or gm-1, says which of the vendor's keys signs the record.

``GET /calls/{call_id}`` → 200 ``{"state": "ringing"}`` or ``{"state": "done", "keys": str,
    "answer": "attend" | "decline" | "no_answer", "receipt": base64}``. A call is done within 3
    minutes. ``keys`` is all that was pressed, in order; the last 1 or 2 is the answer.

``POST /sms`` ``{"phone": str, "text": str, "suite": str}`` → 200 ``{"receipt": base64}``
    Accepted for sending. ``suite`` "" asks for no signature.

``receipt`` is the same bytes for ever: three lines of UTF-8, each ended by a newline. The first is
``lianping call record 1``; the second a JSON object with exactly ``answer`` ("" for a message),
``ended_ms``, ``key`` (the Idempotency-Key without ``call:`` or ``sms:``), ``keys``, ``kind``
("call" or "sms"), ``phone``, ``placed_ms``, ``text``; the third ``signature `` and in base64 the
vendor's signature (intl-1: Ed25519; gm-1: SM2 with SM3, DER) over the DSSE encoding
``DSSEv1 <n> <type> <m> <body>`` of the first two lines under the type
``application/vnd.lianping.v1.<suite>.call-record``. The public keys are pinned at the node.
"""

from collections.abc import Callable
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
        receipt: The vendor's signed record of the call, for the evidence.
        keys: All that was pressed, in order: 1 attend, 2 decline, 3 repeat.
    """

    answer: Answer
    receipt: bytes
    keys: str = ""


@dataclass(frozen=True, slots=True)
class Happened:
    """One call or message, as a stand-in records it. ``kind`` is "call" or "sms"."""

    kind: str
    key: str
    phone: str
    text: str
    answer: str
    keys: str


Recorder = Callable[[str, Happened], bytes]
"""(suite, what happened): the receipt. Made outside, for no adapter knows of signatures."""


class Messaging(Outside, Protocol):
    """The telephone gateway of this center."""

    def receipt_key(self, suite: str) -> bytes:
        """The raw public key of a suite that the vendor signs receipts with, as it was pinned.

        Raises:
            Rejected: None is pinned for this suite.
        """
        ...

    async def invite(self, key: str, phone: str, text: str, suite: str = "") -> CallResult:
        """Call ``phone``, read ``text`` out and wait for the answer, up to about three minutes.

        Args:
            key: Names this one invitation. The same key gives the same result without a
                second call, also after a restart of either side.
            phone: As in the expert library.
            text: At most ``TEXT_CHARS_MAX`` characters, time and place only.
            suite: Under which the record is signed.

        Raises:
            Rejected: The gateway will not call, or the key came before with other content.
            Unreachable: No result yet; invite again under the same key.
            ValueError: The text is empty or too long: our own mistake.
        """
        ...

    async def sms(self, key: str, phone: str, text: str, suite: str = "") -> bytes:
        """Send ``text`` to ``phone`` once per ``key``; raises as ``invite``.

        Returns:
            The vendor's receipt, signed if a suite was named.
        """
        ...


def check_text(text: str) -> None:
    """Raise ``ValueError`` when ``text`` is empty or longer than ``TEXT_CHARS_MAX``."""
    if not 0 < len(text) <= TEXT_CHARS_MAX:
        raise ValueError(f"a message has 1 to {TEXT_CHARS_MAX} characters, not {len(text)}")
