"""Other seats of this center in place of those that were booked, and who is told.

Seats are the sub's own affair: a host asks for so many that offer this and that, and never
hears which they are. So other seats may take their place at any time, as long as they offer
all that the ``Hold`` asked for; once the booking stands its host is told (``Substitute``).
Another sub in place of one is ``node.services.replacing``.
"""

from collections.abc import Set as AbstractSet
from typing import Final

from federation.protocol import booking
from federation.protocol.booking import Substitute
from federation.protocol.conversation import Conversation
from node.domain.calendar import Window
from node.domain.venue import Requirement
from node.domain.workday import local_time
from node.services.booking_terms import requirement_of
from node.services.change_terms import window_now
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.house import Desk
from node.services.maintenance import MEETS
from node.services.reasons import phase_zh
from node.services.seating import Seats
from node.services.speech import well_formed
from node.services.todos import BY_SYSTEM
from node.store import bookings, bundles, todos, venues
from node.store.bookings import BookingRow

SUBSTITUTED: Final = "seats_substituted"
"""The to-do by which the host's staff learns that a sub gives other seats."""
MAX_REASON_CHARS: Final = 1_000  # what a word's field holds; federation.wire.rules
_MOVABLE: Final = frozenset({booking.HELD, booking.PROMISED, booking.IN_DOUBT, booking.CONFIRMED})
"""Phases in which a leg has one window only; one that is being changed keeps two."""


class Substituting:
    """Gives bookings other seats.

    Args:
        seats: The seats of this center.
    """

    def __init__(self, seats: Seats) -> None:
        self._seats = seats

    def room(
        self,
        desk: Desk,
        booking_id: bytes,
        *,
        reason: str,
        avoid: AbstractSet[str] = frozenset(),
    ) -> None:
        """Give a booked leg seats in another room, and tell its host.

        Args:
            desk: The floor.
            booking_id: Which booking.
            reason: Why; the host reads it.
            avoid: Seats that will not do; every seat of the rooms it has now, if empty.

        Raises:
            NotFound: No such booking at this sub.
            Conflicting: It is not booked or is being changed, or no other room is free.
            Invalid: No reason, or one that is too long.
        """
        row = bookings.get(desk.ledger.connection, booking_id)
        if row is None or row.role != booking.SUB:
            raise NotFound("没有该预约", "there is no such booking at this sub-venue")
        if row.phase != booking.CONFIRMED:
            raise Conflicting(
                f"该预约当前为“{phase_zh(row.phase)}”,不能更换席位",
                f"the booking is {row.phase}; its seats cannot be substituted now",
            )
        word = Substitute(checked(reason))
        if not self._reseat(desk, row, avoid or self._seats.of_room(desk, booking_id)):
            raise Conflicting(
                "没有其他符合要求的空闲评标室,请与主场协商改期或取消",
                "no other room that offers the same is free; move or cancel it with the host",
            )
        desk.say(row.conversation, well_formed(word))

    def try_room(self, desk: Desk, row: BookingRow, reason: str) -> bool:
        """The same by the node itself; False, and nothing done, when it cannot."""
        if row.phase != booking.CONFIRMED:
            return False
        if not self._reseat(desk, row, self._seats.of_room(desk, row.conversation)):
            return False
        desk.say(row.conversation, well_formed(Substitute(reason)))
        return True

    def give_way(self, desk: Desk, holder: bytes, window: Window, reason: str) -> list[BookingRow]:
        """Seat elsewhere whoever has a holder's seats in a window; answers who cannot be.

        Raises:
            Conflicting: One of them is our own evaluation, or something else that nobody but
                people can move.
        """
        connection = desk.ledger.connection
        avoid = frozenset(venues.held(connection, holder))
        blocked = []
        for other in self._seats.in_the_way(desk, holder, window):
            row = bookings.get(connection, other)
            if row is not None:
                if not (row.phase in _MOVABLE and self._reseat(desk, row, avoid)):
                    blocked.append(row)
                elif row.phase == booking.CONFIRMED:
                    desk.say(row.conversation, well_formed(Substitute(reason)))
            elif not self._reseat_own(desk, other, avoid):
                return [*blocked, *_legs(desk, other)]
        return blocked

    def clear(self, desk: Desk, holder: bytes, reason: str) -> bool:
        """Seat a holder elsewhere, out of what is closed; False where people must see to it.

        Nobody is moved in the middle of an evaluation.
        """
        row = bookings.get(desk.ledger.connection, holder)
        legs = _legs(desk, holder) if row is None else [row]
        if any(leg.start_ms <= desk.now_ms for leg in legs):
            return False
        if row is None:
            return self._reseat_own(desk, holder, frozenset())
        if row.phase not in _MOVABLE or not self._reseat(desk, row, frozenset()):
            return False
        if row.phase == booking.CONFIRMED:
            desk.say(row.conversation, well_formed(Substitute(reason)))
        return True

    def heard(self, desk: Desk, conversation: Conversation, word: Substitute) -> None:
        """At the host: the sub gives other seats that offer the same."""
        if conversation.phase not in booking.BOOKED:
            return  # it crossed the end of the booking
        row = bookings.get(desk.ledger.connection, conversation.id)
        assert row is not None, "a booking is stored with its Hold"
        _note(desk, row, word)
        todos.add(
            desk.ledger.connection,
            role="staff",
            kind=SUBSTITUTED,
            subject=conversation.id,
            zh=f"副场{row.peer}为{local_time(row.start_ms)}的评标更换了席位(条件不变):{word.reason}",
            en=f"sub-venue {row.peer} gives other seats for {local_time(row.start_ms)}, which "
            f"offer the same: {word.reason}",
            now_ms=desk.now_ms,
        )

    def said(self, desk: Desk, conversation: Conversation, word: Substitute) -> None:
        """Keep our own word; whoever was to move the booking need not."""
        row = bookings.get(desk.ledger.connection, conversation.id)
        assert row is not None, "a booking is stored with its Hold"
        _note(desk, row, word)
        todos.done(
            desk.ledger.connection,
            kind=MEETS,
            subject=conversation.id,
            by=BY_SYSTEM,
            now_ms=desk.now_ms,
        )

    def _reseat(self, desk: Desk, row: BookingRow, avoid: AbstractSet[str]) -> bool:
        window, requirement = window_now(row), requirement_of(row.hold)
        return self._seats.reseat(desk, row.conversation, window, requirement, avoid)

    def _reseat_own(self, desk: Desk, holder: bytes, avoid: AbstractSet[str]) -> bool:
        """Seat our own part of an evaluation elsewhere; nobody outside is concerned."""
        legs = _legs(desk, holder)
        count = len(venues.held(desk.ledger.connection, holder))
        if not legs or any(leg.phase not in _MOVABLE for leg in legs):
            return False
        return self._seats.reseat(desk, holder, window_now(legs[0]), Requirement(count), avoid)


def checked(reason: str) -> str:
    """A reason that a word can carry. Raises Invalid."""
    reason = reason.strip()
    if not 0 < len(reason) <= MAX_REASON_CHARS:
        raise Invalid(
            f"请说明理由,不超过{MAX_REASON_CHARS}字",
            f"say why, in at most {MAX_REASON_CHARS} characters",
        )
    return reason


def _legs(desk: Desk, holder: bytes) -> list[BookingRow]:
    """The legs of a bundle of ours that stand or may come to."""
    connection = desk.ledger.connection
    if bundles.get(connection, holder) is None:
        return []
    family = bookings.of_family(connection, holder)
    return [leg for leg in family if leg.phase in booking.KEEPS_SEATS]


def _note(desk: Desk, row: BookingRow, word: Substitute) -> None:
    note = f"已更换席位 · other seats: {word.reason}"
    bookings.set_note(desk.ledger.connection, row.conversation, note)
