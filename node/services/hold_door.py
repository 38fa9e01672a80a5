"""What a sub-venue asks of a Hold before it takes it. Reads only.

Here: the checks of a word that begins a booking, by the agreement, the lottery that it names and
this center's seats. Reserving them, and all later words, is ``node.services.bookings``.
"""

from collections.abc import Callable

from federation.errors import Malformed, OutOfScope, SeatsTaken, TooLate
from federation.ids import CenterId
from federation.protocol import booking
from federation.protocol.booking import Hold
from federation.protocol.conversation import Conversation
from node.domain.refusal import Inadmissible
from node.domain.venue import MAX_SEATS
from node.services.booking_terms import Tested, check_hold, next_ms, requirement_of, window_of
from node.services.house import Desk
from node.services.venues import Venues
from node.store import bundles


class HoldDoor:
    """Lets a Hold in, or says why not.

    Args:
        venues: This center's seats.
        tested: Whether the joint test that an agreement demands was passed.
        check_drawn: Checks that a drawn booking follows from a lottery.
    """

    def __init__(
        self,
        *,
        venues: Venues,
        tested: Tested,
        check_drawn: Callable[[Desk, CenterId, Hold], None],
    ) -> None:
        self._venues = venues
        self._tested = tested
        self._check_drawn = check_drawn

    def admit(self, desk: Desk, conversation: Conversation, hold: Hold) -> None:
        """Check a Hold before anything is reserved for it.

        Raises:
            FederationError: Why not, with the clause and what would do instead.
        """
        assert conversation.agreement is not None, "the floor checks that there is one"
        terms = desk.ledger.agreement(conversation.agreement)
        assert terms is not None, "the floor checks that it is active"
        check_id(desk, conversation)
        us = desk.identity.center
        if us not in hold.participants or conversation.peer in hold.participants:
            raise Malformed("participants are the subs: you name us, and not yourself")
        if hold.start_ms <= desk.now_ms:
            raise TooLate("the window has begun already; choose a later one", clause="start_ms")
        check_hold(
            desk,
            role=booking.SUB,
            peer=conversation.peer,
            agreement=conversation.agreement,
            terms=terms,
            hold=hold,
            tested=self._tested,
        )
        self._check_drawn(desk, conversation.peer, hold)
        if hold.seats > MAX_SEATS:
            raise OutOfScope(
                f"this center gives at most {MAX_SEATS} seats at once",
                clause="seats",
                alternative=f"seats={MAX_SEATS}",
            )
        if len({need.specialty for need in hold.experts}) < len(hold.experts):
            raise Malformed("one specialty appears twice; merge the numbers")
        if sum(need.count for need in hold.experts) > hold.seats:
            raise Malformed("there are fewer seats than experts")
        try:
            window, requirement = window_of(hold), requirement_of(hold)
        except Inadmissible as error:
            raise Malformed(error.en) from error
        if not self._venues.free_seats(desk, window, requirement):
            start_ms = next_ms(desk, self._venues, conversation.peer, conversation.agreement, hold)
            raise SeatsTaken(
                f"{hold.seats} such seats are not free in that window",
                alternative="" if start_ms is None else f"start_ms={start_ms}",
            )


def check_id(desk: Desk, conversation: Conversation) -> None:
    """Check that a booking's id is not one under which seats of our own are held.

    Raises:
        Malformed: It is that of a bundle of ours: an abort would give back the bundle's seats.
    """
    if bundles.get(desk.ledger.connection, conversation.id) is not None:
        raise Malformed("the conversation has the id of a bundle of ours; choose another")
