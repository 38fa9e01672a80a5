"""Seats for a change: a second window beside the first, and other seats in place of the first.

Here: reserving for a holder what it will need, giving back what it needs no more, and finding
other seats for whoever stands in the way. Not here: who is told, and what it means for a
booking (``node.services.substituting``, ``node.services.consenting``).
"""

import sqlite3
from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet

from federation.errors import SeatsTaken
from node.domain.calendar import Window
from node.domain.venue import Requirement
from node.services.house import Desk
from node.services.maintenance import settled
from node.services.venues import Venues
from node.store import seat_holds, venues
from node.store.changes import Seating


class Seats:
    """The seats of this center, for holders that hold some already.

    Args:
        venues: All seats.
    """

    def __init__(self, venues: Venues) -> None:
        self._venues = venues

    def beside(
        self, desk: Desk, holder: bytes, window: Window, requirement: Requirement, *, same: bool
    ) -> Seating | None:
        """Reserve a second window for a holder, in its own seats if they are free.

        Args:
            desk: The floor.
            holder: Who holds the first window.
            window: The second one.
            requirement: What the seats must offer.
            same: Whether only the holder's own seats will do.

        Returns:
            The seats before and after; None when nothing suits, and nothing was reserved.
        """
        before = venues.held(desk.ledger.connection, holder)
        after = self._same(desk, holder, before, window, requirement)
        if not after and not same:
            after = self._venues.free_seats_for(desk, holder, window, requirement)
        if not after:
            return None
        self.hold_more(desk, holder, after, window)
        return Seating(before, after)

    def in_the_way(self, desk: Desk, holder: bytes, window: Window) -> list[bytes]:
        """Who else holds a holder's seats at some time in a window, the first first."""
        connection = desk.ledger.connection
        return seat_holds.holders(connection, venues.held(connection, holder), window, holder)

    def keep(self, desk: Desk, holder: bytes, window: Window) -> Seating:
        """Reserve a second window in a holder's own seats, whatever hours or closures say.

        Raises:
            SeatsTaken: Somebody is in the way.
        """
        seats = venues.held(desk.ledger.connection, holder)
        self.hold_more(desk, holder, seats, window)
        return Seating(seats, seats)

    def hold_more(self, desk: Desk, holder: bytes, seats: Sequence[str], window: Window) -> None:
        """Reserve seats beside what a holder holds.

        Raises:
            SeatsTaken: Somebody else holds one of them for some of that time.
        """
        try:
            seat_holds.hold_more(desk.ledger.connection, holder, seats, window)
        except sqlite3.IntegrityError as error:
            raise SeatsTaken("one of the seats is held by somebody else in that time") from error

    def keep_only(self, desk: Desk, holder: bytes, seats: Collection[str], window: Window) -> None:
        """Give back all that a holder holds but these seats in this window."""
        seat_holds.keep_only(desk.ledger.connection, holder, seats, window)
        settled(desk, holder)

    def reseat(
        self,
        desk: Desk,
        holder: bytes,
        window: Window,
        requirement: Requirement,
        avoid: AbstractSet[str],
    ) -> bool:
        """Give a holder other seats that offer the same; False, and nothing done, without any."""
        seats = self._venues.free_seats_for(desk, holder, window, requirement, avoid)
        if not seats:
            return False
        self._venues.release(desk, holder)
        self._venues.reserve(desk, holder, seats, window)
        return True

    def of_room(self, desk: Desk, holder: bytes) -> frozenset[str]:
        """Every seat of the rooms in which a holder has one."""
        held = set(venues.held(desk.ledger.connection, holder))
        return frozenset(
            seat.id
            for venue in self._venues.catalogue(desk)
            for room in venue.rooms
            if held & {one.id for one in room.seats}
            for seat in room.seats
        )

    def sound(
        self, desk: Desk, holder: bytes, window: Window, requirement: Requirement
    ) -> tuple[bool, int]:
        """Whether a holder's seats can still be given and offer what was asked, and how many."""
        held = venues.held(desk.ledger.connection, holder)
        return bool(self._same(desk, holder, held, window, requirement)), len(held)

    def _same(
        self,
        desk: Desk,
        holder: bytes,
        seats: Sequence[str],
        window: Window,
        requirement: Requirement,
    ) -> tuple[str, ...]:
        others = {
            seat.id
            for venue in self._venues.catalogue(desk)
            for room in venue.rooms
            for seat in room.seats
        } - set(seats)
        return self._venues.free_seats_for(desk, holder, window, requirement, others)
