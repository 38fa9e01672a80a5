"""Telling our own experts that an evaluation does not take place.

Here: one text message for each expert of ours who had said yes: when and where, never what for
(四不知).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from adapters.messaging.port import Messaging
from federation.engine.negotiator import Negotiator
from node.domain.workday import local_time
from node.services.errands import Handler, Result
from node.services.house import Desk
from node.store import draws, errands, experts
from node.store.bookings import BookingRow
from node.store.cipher import ColumnCipher
from node.store.ledger import SqlLedger

CALL_OFF: Final = "call_off_expert"
"""The errand that tells one expert."""


class Drawn(Protocol):
    """One expert on a list; ``uid`` only of our own."""

    @property
    def draw(self) -> bytes: ...  # noqa: D102
    @property
    def entry(self) -> bytes: ...  # noqa: D102
    @property
    def uid(self) -> str | None: ...  # noqa: D102


class Members(Protocol):
    """Who is on the lists of a booking's draws now."""

    def __call__(self, desk: Desk, booking: bytes, /) -> Sequence[Drawn]: ...  # noqa: D102


class CallingOff:
    """Calls our experts off.

    Args:
        messaging: The telephone gateway.
        cipher: Opens the register.
        members: Who was drawn.
        center_name: Where they were to come.
        phone: Whom they may ask.
    """

    def __init__(
        self,
        *,
        messaging: Messaging,
        cipher: ColumnCipher,
        members: Members,
        center_name: str,
        phone: str,
    ) -> None:
        self._messaging = messaging
        self._cipher = cipher
        self._members = members
        self._center_name = center_name
        self._asked_at = phone

    def bind(self, negotiator: Negotiator[SqlLedger]) -> None:
        """Give the errands their way to the database."""
        self._negotiator = negotiator

    def leave(self, desk: Desk, row: BookingRow) -> int:
        """See that everybody who was to come is told; answers how many. Twice is once."""
        ours = [one for one in self._members(desk, row.conversation) if one.uid is not None]
        for one in ours:
            self.leave_one(desk, one.draw, one.entry, row.start_ms)
        return len(ours)

    def leave_one(self, desk: Desk, draw: bytes, entry: bytes, start_ms: int) -> None:
        """See that one expert is told."""
        errands.add(
            desk.ledger.connection,
            kind=CALL_OFF,
            key=f"{CALL_OFF}:{draw.hex()}:{entry.hex()}",
            argument={"draw": draw.hex(), "entry": entry.hex(), "start_ms": start_ms},
            not_before_ms=desk.now_ms,
        )

    def handlers(self) -> Mapping[str, Handler]:
        """How the errands left here are run."""
        return {CALL_OFF: self._tell}

    async def _tell(self, key: str, argument: dict[str, Any]) -> Result:
        draw, entry = bytes.fromhex(argument["draw"]), bytes.fromhex(argument["entry"])
        phone = await self._negotiator.transact(lambda desk: self._phone(desk, draw, entry))
        text = (
            f"您好, 原定于{local_time(argument['start_ms'])}在{self._center_name}的评审取消, "
            f"请勿前往。咨询电话{self._asked_at}。"
        )
        await self._messaging.sms(key, phone, text)
        return _told

    def _phone(self, desk: Desk, draw: bytes, entry: bytes) -> str:
        connection = desk.ledger.connection
        uid = draws.invitations(connection, draw)[entry].uid
        expert = experts.get(connection, self._cipher, uid)
        assert expert is not None, "experts are never deleted, only given another status"
        return expert.phone


def _told(_desk: Desk) -> None:
    """The message itself was all there was to do."""
