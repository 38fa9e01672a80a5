"""Which seats cannot be given for a window: held, closed for maintenance, or not open then.

Everything that offers or gives seats asks here, so that what is offered can be held: free
seats, the alternative in a refusal, answers to partners, rehearsals. A window over midnight
needs rooms where people may stay overnight, whether or not the request says so.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from node.domain.calendar import Window
from node.domain.opening import Hours, is_open, stays_overnight
from node.domain.venue import Requirement, Venue
from node.domain.workday import WorkCalendar
from node.store import closures, venues, workdays


@dataclass(frozen=True, slots=True)
class Opening:
    """When rooms are open.

    Attributes:
        hours: By scope (``node.store.workdays``); empty where every room is always open.
        calendar: Which days are holidays.
    """

    hours: Mapping[str, Hours]
    calendar: WorkCalendar

    def admits(self, venue: str, room: str, window: Window) -> bool:
        """Whether a room of a venue, both by id, is open for a window."""
        hours = self.hours.get(workdays.room_scope(room)) or self.hours.get(
            workdays.venue_scope(venue)
        )
        return hours is None or is_open(hours, window, self.calendar)


def opening(connection: sqlite3.Connection) -> Opening:
    """When our rooms are open. Holidays are only looked up where some room has hours."""
    hours = workdays.hours(connection)
    return Opening(hours, workdays.calendar(connection) if hours else WorkCalendar())


def unavailable(
    connection: sqlite3.Connection,
    catalogue: Sequence[Venue],
    window: Window,
    opened: Opening,
    besides: bytes | None = None,
) -> frozenset[str]:
    """Ids of the seats that cannot be given for a window; what ``besides`` holds can."""
    shut = {
        seat.id
        for venue in catalogue
        for room in venue.rooms
        if not opened.admits(venue.id, room.id, window)
        for seat in room.seats
    }
    taken = venues.taken(connection, window, besides=besides)
    return taken | closures.closed(connection, window) | shut


def fitting(requirement: Requirement, window: Window) -> Requirement:
    """The same requirement with what the window itself asks for: to stay overnight."""
    return replace(requirement, overnight=True) if stays_overnight(window) else requirement
