"""The rehearsal calendar: real seats and real rules for choosing, held in a table of its own.

What is free is what is free in the real calendar and in no other rehearsal, so that a full
house and a catalogue that was never imported are found out. A center that is no sub-venue
under the agreement needs no seats: it rehearses with eight that it makes up.
"""

import sqlite3
from typing import Final

from federation.protocol.booking import Answer
from federation.protocol.peering import RehearseHold, RehearseVote
from node.domain.calendar import HOUR_MS, SLOT_MS, Window
from node.domain.refusal import Inadmissible
from node.domain.venue import Requirement, Room, Seat, Venue, choose_seats
from node.domain.workday import (
    DAY_MS,
    WorkCalendar,
    add_working_days,
    midnight_ms,
    shanghai_date,
)
from node.services.house import Desk
from node.services.vacancy import fitting, opening, unavailable
from node.services.venues import Venues
from node.store import joint_tests, venues

AHEAD_MS: Final = 14 * DAY_MS  # far enough that a busy center has seats, near enough to be booked
MORNING_MS: Final = 10 * HOUR_MS
LASTS_MS: Final = 2 * SLOT_MS  # two slots, so that a slot at the border is rehearsed too
SEATS: Final = 1  # every center has one
MADE_UP: Final = range(9_999_999_901, 9_999_999_909)  # above any row id that a catalogue gets

_MADE_UP_VENUE: Final = Venue(
    "rehearsal",
    "rehearsal",
    (Room("rehearsal", "rehearsal", tuple(Seat(str(seat)) for seat in MADE_UP)),),
)


def wish(now_ms: int, calendar: WorkCalendar) -> RehearseHold:
    """What the tester asks for: a working day's morning, when every center is open."""
    day = add_working_days(
        shanghai_date(now_ms + AHEAD_MS), 1, calendar.holidays, calendar.workdays
    )
    start_ms = midnight_ms(day) + MORNING_MS
    return RehearseHold(start_ms, start_ms + LASTS_MS, SEATS, equipment=(), overnight=False)


class RehearsalCalendar:
    """Reserves and releases in rehearsal.

    Args:
        seats: For the next time that has seats free.
    """

    def __init__(self, seats: Venues) -> None:
        self._seats = seats

    def reserve(
        self, desk: Desk, holder: bytes, hold: RehearseHold, *, sub_venue: bool
    ) -> RehearseVote:
        """Reserve in the rehearsal calendar, and vote.

        Args:
            desk: The floor.
            holder: The test.
            hold: What is asked for; whatever a peer may say.
            sub_venue: Whether the agreement lets us be the sub-venue of this peer.
        """
        try:
            window = Window(hold.start_ms, hold.end_ms)
            requirement = Requirement(
                seats=hold.seats, equipment=frozenset(hold.equipment), overnight=hold.overnight
            )
        except Inadmissible as error:
            return RehearseVote(Answer.NO, reason=str(error))
        if window.start_ms < desk.now_ms:
            return RehearseVote(Answer.NO, reason="the window is past; check the clocks")
        connection = desk.ledger.connection
        catalogue = venues.catalogue(connection) if sub_venue else [_MADE_UP_VENUE]
        rehearsed = joint_tests.rehearsal_taken(connection, window)
        out = frozenset(venues.seat_text(seat) for seat in rehearsed)
        if sub_venue:
            out |= unavailable(connection, catalogue, window, opening(connection))
            requirement = fitting(requirement, window)
        chosen = choose_seats(catalogue, requirement, out)
        if chosen is None:
            later = self._seats.next_free_ms(desk, window, requirement) if sub_venue else None
            return RehearseVote(
                Answer.NO,
                reason=f"no venue has {hold.seats} such seats free then",
                alternative_start_ms=later or 0,
            )
        try:
            joint_tests.rehearsal_hold(connection, holder, map(int, chosen), window)
        except sqlite3.IntegrityError:
            return RehearseVote(Answer.NO, reason="another rehearsal took the seats")
        return RehearseVote(Answer.YES)

    def release(self, desk: Desk, holder: bytes) -> None:
        """Give back what a test holds; nothing is a fine amount to hold."""
        joint_tests.rehearsal_release(desk.ledger.connection, holder)
