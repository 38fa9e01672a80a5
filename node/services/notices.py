"""Text messages that call staff to its to-dos.

Here: leaving a message as an errand, and sending it. The errand's argument is the text and
the place of the phone in the configuration, never a number: errands are stored in clear.
Calling experts is ``node.services.draws``' affair.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from adapters.messaging.port import Messaging, check_text
from node.services.errands import Handler, Result
from node.services.house import Desk
from node.store import errands

NOTIFY: Final = "notify_staff"
"""The errand that sends one text to one phone."""

SIGNATURE: Final = "【联评】"  # mainland gateways refuse a text without the sender's sign


class Notice:
    """Texts the staff on duty.

    Args:
        messaging: The telephone gateway.
        phones: The phones on duty; may be none.
    """

    def __init__(self, messaging: Messaging, phones: Sequence[str]) -> None:
        self._messaging = messaging
        self._phones = tuple(phones)

    def leave(self, desk: Desk, subject: bytes, text: str) -> None:
        """Leave one message for every phone; once for each subject, however often it is called.

        Args:
            desk: The floor.
            subject: The id of what it is about.
            text: What to say: dates and numbers, no personal data, nothing of a project.
        """
        check_text(SIGNATURE + text)
        for number in range(len(self._phones)):
            errands.add(
                desk.ledger.connection,
                kind=NOTIFY,
                key=f"{NOTIFY}:{subject.hex()}:{number}",
                argument={"phone": number, "text": SIGNATURE + text},
                not_before_ms=desk.now_ms,
            )

    def handlers(self) -> Mapping[str, Handler]:
        """How the errands left here are run."""
        return {NOTIFY: self._send}

    async def _send(self, key: str, argument: dict[str, Any]) -> Result:
        # A center may take a phone out of its configuration before the errand is run.
        if argument["phone"] < len(self._phones):
            await self._messaging.sms(key, self._phones[argument["phone"]], argument["text"])
        return _sent


def _sent(_desk: Desk) -> None:
    """Nothing here depends on a text message."""
