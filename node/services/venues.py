"""The center's seats: taking the catalogue in, finding free ones, reserving them.

Here: one import that happens wholly or not at all, and reservations under a holder: a
bundle at the host, a booking at the sub. Which seats suit is ``node.domain.venue``, which of
them cannot be given ``node.services.vacancy``; that
none is held twice is the database's key, not a check made here.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, TypeAlias

from federation.errors import SeatsTaken
from node.domain.calendar import HOUR_MS, MAX_WINDOW_MS, Window
from node.domain.tabular import SeatRow
from node.domain.venue import Requirement, SeatKind, Venue, choose_seats, suits
from node.domain.workday import DAY_MS, END_OF_TIME_MS, midnight_ms, shanghai_date
from node.services.errors import Invalid
from node.services.house import Desk
from node.services.maintenance import settled
from node.services.vacancy import fitting, opening, unavailable
from node.store import venues

USUAL_STARTS: Final = (9 * HOUR_MS, 14 * HOUR_MS)  # when most evaluations begin
LOOK_AHEAD_DAYS: Final = 14  # an evaluation put off by more than two weeks is planned anew

Offer: TypeAlias = tuple[SeatKind, frozenset[str]]
"""What a seat offers: its kind, and every capability word of it, its room and its venue."""


class Venues:
    """The seats of this center."""

    def import_seats(self, desk: Desk, rows: Sequence[SeatRow]) -> int:
        """Take a catalogue in, all or nothing; seats that it does not name stay.

        Args:
            desk: The floor.
            rows: As ``node.domain.tabular.seats_from`` read them.

        Returns:
            How many seats were added or changed.

        Raises:
            Invalid: There is no row.
        """
        if not rows:
            raise Invalid("表格中没有席位,请检查文件", "the table holds no seat; check the file")
        for row in rows:
            venues.put_seat(desk.ledger.connection, row)
        return len(rows)

    def catalogue(self, desk: Desk) -> list[Venue]:
        """All venues with their rooms and seats."""
        return venues.catalogue(desk.ledger.connection)

    def free_seats(self, desk: Desk, window: Window, requirement: Requirement) -> tuple[str, ...]:
        """Choose seats that are free all through a window; empty when there are not enough."""
        return self.free_seats_for(desk, None, window, requirement)

    def free_seats_for(
        self,
        desk: Desk,
        holder: bytes | None,
        window: Window,
        requirement: Requirement,
        without: AbstractSet[str] = frozenset(),
    ) -> tuple[str, ...]:
        """Choose seats of which nobody but a holder has any in a window; empty when there are none.

        Args:
            desk: The floor.
            holder: Whose own seats count as free; None for nobody's.
            window: The window.
            requirement: What the seats must offer.
            without: Seats that will not do.
        """
        connection = desk.ledger.connection
        catalogue = venues.catalogue(connection)
        out = unavailable(connection, catalogue, window, opening(connection), holder) | without
        return choose_seats(catalogue, fitting(requirement, window), out) or ()

    def count_free(self, desk: Desk, window: Window, requirement: Requirement) -> int:
        """How many suitable seats the venue with the most of them has free in a window."""
        return sum(self.offers(desk, window, requirement).values())

    def offers(self, desk: Desk, window: Window, requirement: Requirement) -> Counter[Offer]:
        """Suitable free seats of the venue with the most of them, counted by what they offer."""
        connection = desk.ledger.connection
        catalogue = venues.catalogue(connection)
        out = unavailable(connection, catalogue, window, opening(connection))
        requirement = fitting(requirement, window)
        counts = [
            Counter(
                (seat.kind, venue.equipment | room.equipment | seat.equipment)
                for room in venue.rooms
                for seat in room.seats
                if seat.id not in out and suits(venue, room, seat, requirement)
            )
            for venue in catalogue
        ]
        return max(counts, key=lambda count: count.total(), default=Counter())

    def next_free_ms(
        self,
        desk: Desk,
        window: Window,
        requirement: Requirement,
        allowed: Callable[[Window], bool] = lambda _: True,
    ) -> int | None:
        """The start of another window of the same length that has free seats.

        At the same time of a later day, so that everybody's plans hold but for the date; where
        no day has that, as when we are never open then, at one of ``USUAL_STARTS``.

        Args:
            desk: The floor.
            window: The window that will not do.
            requirement: What the seats must offer.
            allowed: Whether a window may be asked for: what is proposed must be had for the asking.

        Returns:
            Unix milliseconds; None when there is none within ``LOOK_AHEAD_DAYS``.
        """
        connection = desk.ledger.connection
        catalogue, opened = venues.catalogue(connection), opening(connection)
        days = range(LOOK_AHEAD_DAYS + 1)
        midnight = midnight_ms(shanghai_date(window.start_ms))
        same = [window.start_ms + day * DAY_MS for day in days[1:]]
        usual = [midnight + day * DAY_MS + start for day in days for start in USUAL_STARTS]
        for start_ms in (*same, *usual):
            end_ms = start_ms + window.end_ms - window.start_ms
            if not desk.now_ms < start_ms != window.start_ms or end_ms > END_OF_TIME_MS:
                continue
            later = Window(start_ms, end_ms)
            if not allowed(later):
                continue
            out = unavailable(connection, catalogue, later, opened)
            if choose_seats(catalogue, fitting(requirement, later), out):
                return start_ms
        return None

    def reserve(self, desk: Desk, holder: bytes, seats: Sequence[str], window: Window) -> None:
        """Reserve seats for a holder.

        Raises:
            SeatsTaken: Somebody holds one of them for some of that time.
        """
        try:
            venues.hold(desk.ledger.connection, holder, seats, window)
        except sqlite3.IntegrityError as error:
            raise SeatsTaken("one of the seats is held by somebody else in that time") from error

    def release(self, desk: Desk, holder: bytes) -> None:
        """Give back what a holder holds; nothing is a fine amount to hold."""
        venues.release(desk.ledger.connection, holder)
        settled(desk, holder)

    def places(self, desk: Desk, holder: bytes) -> list[tuple[str, str, str]]:
        """(venue, room, seat) by name that a holder holds, for the people at the desk."""
        return venues.seats_with_names(desk.ledger.connection, holder)


assert MAX_WINDOW_MS < LOOK_AHEAD_DAYS * DAY_MS, "a window put off must be able to clear itself"
