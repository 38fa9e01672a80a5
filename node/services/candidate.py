"""The candidate's side of a lottery of sub-venues: when we take part, and what we hold it to.

Our node answers an invitation by itself, from the agreement and from the calendar: nothing is
reserved, and our staff are asked when a Hold comes. A Hold that says its sub-venues were drawn
must follow from a lottery whose ``Rank`` we checked.
"""

from federation.errors import FederationError, Malformed, OutOfScope, Refused, TooLate
from federation.ids import CenterId
from federation.lottery import selection as rules
from federation.lottery.selection import Unfair
from federation.protocol import booking, enforcement
from federation.protocol import selection as words
from federation.protocol.agreement import AgreementTerms
from federation.protocol.booking import Hold
from federation.protocol.conversation import Conversation
from federation.protocol.selection import SUB, Invite, Pass, Place, Rank
from node.domain.calendar import Window
from node.domain.refusal import Inadmissible
from node.services.booking_terms import Tested, check_hold, requirement_of, window_of
from node.services.house import Desk
from node.services.selection_files import Values, heard_word
from node.services.venues import Venues
from node.store import selections
from node.store.selections import Candidacy

_NO_SEATS = "no such seats are free in that window"


class Candidate:
    """Takes part in partners' lotteries.

    Args:
        values: Our random values.
        venues: Our seats.
        tested: Whether the joint test that an agreement demands was passed.
    """

    def __init__(self, *, values: Values, venues: Venues, tested: Tested) -> None:
        self._values = values
        self._venues = venues
        self._tested = tested

    def answer(self, desk: Desk, row: Candidacy) -> None:
        """Enter, or pass and say why."""
        reason = self._objection(desk, row)
        if reason:
            desk.say(row.conversation, Pass(reason))
        else:
            desk.say(row.conversation, self._values.enter(desk, row))

    def _objection(self, desk: Desk, row: Candidacy) -> str:
        """Why we could not take one of the places; empty if we could take any."""
        terms = desk.ledger.agreement(row.agreement)
        assert terms is not None, "the floor checks that it is active"
        for place in row.invite.places:
            hold = _as_hold(desk, row.invite, place, terms)
            try:
                check_hold(
                    desk,
                    role=booking.SUB,
                    peer=row.peer,
                    agreement=row.agreement,
                    terms=terms,
                    hold=hold,
                    tested=self._tested,
                )
                if not self._venues.free_seats(desk, window_of(hold), requirement_of(hold)):
                    return _NO_SEATS
            except FederationError as error:
                return error.detail
            except Inadmissible as error:
                return error.en
        return ""


def check_drawn(desk: Desk, peer: CenterId, hold: Hold) -> None:
    """Check that a Hold follows from a lottery that we checked. Raises FederationError."""
    if hold.selection is booking.SelectionMode.CHOSEN:
        if hold.selection_id:
            raise Malformed("selection_id: a sub-venue that was chosen was not drawn")
        return
    drawn = [
        each
        for each in selections.between(desk.ledger.connection, hold.selection_id, peer)
        if each.role == SUB and each.phase == words.RANKED
    ]
    if not drawn:
        raise OutOfScope(
            "selection_id: no lottery of yours that drew us; draw first", clause="selection"
        )
    invite = drawn[-1].invite
    rank = heard_word(desk, drawn[-1].conversation, Rank)
    try:
        rules.check_drawn(rank.order, len(invite.places), hold.participants)
    except Unfair as error:
        raise OutOfScope(str(error), clause="selection") from error
    place = hold.participants.index(desk.identity.center)
    if place_of(hold) != invite.places[place] or (
        (hold.start_ms, hold.end_ms, hold.project_kind, hold.selection)
        != (invite.start_ms, invite.end_ms, invite.project_kind, invite.selection)
    ):
        raise OutOfScope("the Hold asks for another place than was drawn", clause="selection")


def place_of(hold: Hold) -> Place:
    """What a Hold asks for, as an Invite says it."""
    return Place(hold.seats, hold.equipment, hold.overnight, hold.experts)


def admit_invite(desk: Desk, conversation: Conversation, word: Invite) -> None:
    """Refuse an invitation that is none. Raises FederationError."""
    us, peer = desk.identity.center, conversation.peer
    if list(word.candidates) != sorted(set(word.candidates)):
        raise Malformed("candidates: not ascending, or one appears twice")
    if us not in word.candidates or peer in word.candidates:
        raise Malformed("candidates: we are not among them, or you are yourself")
    if len(word.candidates) < len(word.places):
        raise Malformed("places: more than there are candidates")
    if word.selection is booking.SelectionMode.CHOSEN:
        raise Malformed("selection: who is chosen need not be drawn")
    if word.start_ms <= desk.now_ms:
        raise TooLate("the window has begun already; choose a later one", clause="start_ms")
    try:
        Window(word.start_ms, word.end_ms)
    except Inadmissible as error:
        raise Malformed(error.en) from error
    assert conversation.agreement is not None, "the floor checks that there is one"
    terms = desk.ledger.agreement(conversation.agreement)
    assert terms is not None, "the floor checks that it is active"
    if word.selection not in terms.selection_modes:
        raise OutOfScope(
            f"sub-venues may not be found by {word.selection.name}", clause="selection_modes"
        )
    earlier = selections.between(desk.ledger.connection, word.selection_id, peer)
    if any(each.role != SUB or each.attempt >= word.attempt for each in earlier):
        raise Malformed("attempt: we have heard of this one, or of a later one")
    if any(each.phase == words.RANKED for each in earlier):
        raise Refused("this lottery has been drawn; its outcome stands", clause="selection")


def _as_hold(desk: Desk, invite: Invite, place: Place, terms: AgreementTerms) -> Hold:
    """The Hold that would follow. The value is told, and checked, only with the real one."""
    limit_fen = terms.value_from_fen or terms.value_until_fen
    return Hold(
        bundle_id=invite.selection_id,
        participants=(desk.identity.center,),
        start_ms=invite.start_ms,
        end_ms=invite.end_ms,
        seats=place.seats,
        equipment=place.equipment,
        overnight=place.overnight,
        project_kind=invite.project_kind,
        experts=place.experts,
        selection=invite.selection,
        value_wan=enforcement.told_value(terms, limit_fen),
    )
