"""Wakes conversations whose deadline has passed."""

from typing import Final, Generic, TypeVar

from federation.engine.floor import Floor
from federation.engine.negotiator import Negotiator
from federation.ports import Ledger

L = TypeVar("L", bound=Ledger)

MAX_AT_ONCE: Final = 256  # one transaction stays short; the rest is due at the next ring


class Alarms(Generic[L]):
    """Lets deadlines lapse, on our own clock and by our own authority."""

    def __init__(self, negotiator: Negotiator[L]) -> None:
        self._negotiator = negotiator

    async def ring(self) -> tuple[int, int | None]:
        """Let everything lapse that is due; answers how many, and when to look again."""

        def run(floor: Floor[L]) -> tuple[int, int | None]:
            if floor.ledger.recovering():
                return 0, None  # phases are not what they were
            due = floor.ledger.due(floor.now_ms, MAX_AT_ONCE)
            for conversation in due:
                floor.lapse(conversation)
            return len(due), floor.ledger.next_deadline_ms()

        return await self._negotiator.transact(run)
