"""Seats in doubt that an agreement lets the sub give free (``in_doubt`` RELEASE).

A heuristic: the host may have confirmed. So it is recorded, shown to both sides, and in
dispute until people have settled it (``node.services.booking_exceptions``).
"""

from collections.abc import Mapping
from typing import Any, Final

from federation.protocol import booking, enforcement
from node.services.booking_exceptions import open_dispute
from node.services.change_terms import terms_of
from node.services.errands import Handler, Result
from node.services.house import Desk
from node.services.reasons import clause_zh
from node.services.venues import Venues
from node.store import bookings, errands
from node.store.bookings import BookingRow

GIVE_UP: Final = "give_up_booking"
"""The errand that gives the seats of a booking in doubt free, where the agreement says so."""


class GivingUp:
    """Gives seats in doubt free when the agreed time is over.

    Args:
        venues: This center's seats.
    """

    def __init__(self, venues: Venues) -> None:
        self._venues = venues

    def await_decision(self, desk: Desk, row: BookingRow) -> None:
        """Where the agreement lets us, give the seats free when the hold time is over."""
        until_ms = enforcement.gives_up_ms(terms_of(desk, row), row.held_at_ms)
        if until_ms is not None:
            errands.add(
                desk.ledger.connection,
                kind=GIVE_UP,
                key=f"{GIVE_UP}:{row.conversation.hex()}",
                argument={"booking": row.conversation.hex()},
                not_before_ms=until_ms,
            )

    def handlers(self) -> Mapping[str, Handler]:
        """How the errands left here are run."""
        return {GIVE_UP: self._give_up}

    async def _give_up(self, _key: str, argument: dict[str, Any]) -> Result:
        booking_id = bytes.fromhex(argument["booking"])

        def give_up(desk: Desk) -> None:
            connection = desk.ledger.connection
            row = bookings.get(connection, booking_id)
            if row is None or row.phase != booking.IN_DOUBT:
                return  # the decision came
            # The host's decision stays unknown, so does the phase: but nobody sits here.
            self._venues.release(desk, booking_id)
            bookings.set_given_up(connection, booking_id, desk.now_ms)
            note = f"{clause_zh('hold_ms')} · the hold time is over, the seats are free again"
            bookings.set_note(connection, booking_id, note)
            open_dispute(desk, row)

        return give_up
