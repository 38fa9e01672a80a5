"""Opening hours of venues and rooms, and the office hours that working time is counted in.

A room's own hours come before its venue's. Whose bookings new hours would not have let in is
said, but changes nothing for them: what was promised stays promised.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from node.domain import spans
from node.domain.calendar import MAX_WINDOW_MS, Window
from node.domain.opening import ALWAYS, Day, Hours
from node.domain.refusal import Inadmissible
from node.domain.spans import Span
from node.domain.venue import Room, Venue
from node.domain.workday import DAY_MS
from node.services.errors import NotFound
from node.services.house import Desk
from node.services.maintenance import told
from node.services.vacancy import opening
from node.store import closures, venues, workdays
from node.store.closures import Standing

LOOK_AHEAD_MS: Final = 400 * DAY_MS  # bookings are not made further ahead


@dataclass(frozen=True, slots=True)
class RoomHours:
    """One room, or a venue where ``room`` is None, with the hours of its own."""

    venue: str
    room: str | None
    hours: Hours


class Timetable:
    """Opening hours and office hours."""

    def all(self, desk: Desk) -> list[RoomHours]:
        """Every venue and room with the hours of its own, in the catalogue's order."""
        hours = workdays.hours(desk.ledger.connection)
        found = []
        for venue in venues.catalogue(desk.ledger.connection):
            own = hours.get(workdays.venue_scope(venue.id), ALWAYS)
            found.append(RoomHours(venue.name, None, own))
            found += [
                RoomHours(venue.name, room.name, hours.get(workdays.room_scope(room.id), ALWAYS))
                for room in venue.rooms
            ]
        return found

    def set(
        self, desk: Desk, venue: str, room: str | None, days: Mapping[Day, Sequence[Span]]
    ) -> list[str]:
        """Set the hours of a venue or a room, in place of those it has; none: always open.

        Returns:
            The bookings to come that these hours would not have let in, by name.

        Raises:
            NotFound: There is no such venue or room.
            Inadmissible: See ``Hours``.
        """
        hours = Hours({day: tuple(found) for day, found in days.items()})
        connection = desk.ledger.connection
        found = next((each for each in venues.catalogue(connection) if each.name == venue), None)
        rooms = [] if found is None else [e for e in found.rooms if room in {None, e.name}]
        if found is None or (room is not None and not rooms):
            raise NotFound(
                "没有这个场地或评标室,请核对名称", "there is no such venue or room; check the name"
            )
        scope = workdays.venue_scope(found.id) if room is None else workdays.room_scope(rooms[0].id)
        workdays.set_hours(connection, scope, hours.days)
        return told(desk, _outside(desk, found, rooms))

    def office(self, desk: Desk) -> tuple[Span, ...]:
        """The office hours of a day that is worked."""
        return workdays.office_hours(desk.ledger.connection)

    def set_office(self, desk: Desk, hours: Sequence[Span]) -> None:
        """Set the office hours; to-dos that were left keep their times.

        Raises:
            Inadmissible: None, or see ``node.domain.spans.check``.
        """
        if not hours:
            raise Inadmissible(
                "办公时间不能为空", "there must be office hours, or no deadline ever passes"
            )
        workdays.set_office_hours(desk.ledger.connection, spans.check(hours))


def _outside(desk: Desk, venue: Venue, rooms: Sequence[Room]) -> list[Standing]:
    """Bookings to come in these rooms that the hours, as they are now, would not let in."""
    connection = desk.ledger.connection
    opened, until_ms = opening(connection), desk.now_ms + LOOK_AHEAD_MS
    found: dict[bytes, Standing] = {}
    for room in rooms:
        for each in closures.stretches(connection, int(room.id), desk.now_ms, until_ms):
            # Whole slots are a little longer than the window they are held for.
            end_ms = min(each.end_ms, each.start_ms + MAX_WINDOW_MS)
            if not opened.admits(venue.id, room.id, Window(each.start_ms, end_ms)):
                found[each.holder] = each
    return sorted(found.values(), key=lambda each: (each.start_ms, each.holder))
