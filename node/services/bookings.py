"""Bookings: what each word of a booking means here, at the host and at the sub.

Here: the sub's answers to a Hold that ``node.services.hold_door`` let in, its staff's vote,
its seats; the host's legs, whose bundle ``node.services.bundling`` decides. The sub keeps the
seats in every phase of ``KEEPS_SEATS`` and gives them back in every other, so a decision that
arrives late still finds them. What can happen once a booking stands is
``node.services.afterwards``.
"""

from collections.abc import Mapping
from typing import Final

from federation.engine.inside import Said
from federation.errors import FederationError, Malformed, OutOfTurn
from federation.ids import CenterId
from federation.protocol import booking, enforcement
from federation.protocol.booking import (
    Answer,
    Complete,
    Consent,
    Decide,
    Decision,
    Hold,
    Settle,
    Vote,
)
from federation.protocol.conversation import Conversation, Word
from federation.wire.envelopes import Receipt, Statement
from node.domain.project import BookingRequest
from node.domain.workday import local_time, shanghai_date
from node.services import usage
from node.services.afterwards import LATER, Afterwards, Outward
from node.services.booking_exceptions import dispute_is_over
from node.services.booking_plan import LocalRules
from node.services.booking_terms import (
    InForce,
    Tested,
    next_ms,
    requirement_of,
    window_of,
)
from node.services.bundling import Bundling
from node.services.change_terms import terms_of
from node.services.decisions import Decisions
from node.services.errands import Handler
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.giving_up import GivingUp
from node.services.hold_door import HoldDoor, check_id
from node.services.house import Desk
from node.services.notices import Notice
from node.services.reasons import phase_zh, refusal
from node.services.replanning import proposed_in
from node.services.session_failure import heard_the_end
from node.services.speech import well_formed
from node.services.todos import BY_SYSTEM, PREPARE, VOTE_BOOKING
from node.services.venues import Venues
from node.store import alternatives, bookings, bundles, todos
from node.store.bookings import BookingRow, NewBooking
from node.store.bundles import BundleRow

IN_DOUBT: Final = "booking_in_doubt"
"""The to-do that tells the sub's staff that the host's decision is overdue."""
EXCEPTION: Final = "booking_exception"
"""The to-do by which the host's staff learns that a sub refused a word of a booking."""
MAX_REASON_CHARS: Final = 1_000  # what a word's field holds; federation.wire.rules


class Bookings:
    """The reaction to bookings, and what people do about them.

    Args:
        venues: This center's seats.
        in_force: Finds the agreement with a peer.
        tested: Whether the joint test that an agreement demands was passed.
        local: This center's own rules on committees.
        notice: Whom to text about a Hold, or None.
        outward: What is done outside for a booking that stands.
    """

    def __init__(
        self,
        *,
        venues: Venues,
        in_force: InForce,
        tested: Tested,
        local: LocalRules | None = None,
        notice: Notice | None = None,
        outward: Outward | None = None,
    ) -> None:
        self.decisions = Decisions()
        self._giving_up = GivingUp(venues)
        self._venues = venues
        self._notice = notice
        self._bundling = Bundling(
            venues=venues, in_force=in_force, tested=tested, local=local or LocalRules()
        )
        self._door = HoldDoor(venues=venues, tested=tested, check_drawn=self._bundling.check_drawn)
        self.after = Afterwards(
            venues=venues, bundling=self._bundling, outward=outward or Outward()
        )

    @property
    def bundling(self) -> Bundling:
        """The host's side, for the lottery of sub-venues."""
        return self._bundling

    # What people do

    def plan(self, desk: Desk, project_id: bytes, request: BookingRequest, by: str) -> bytes:
        """Book all sub-venues of a project, or none; see ``Bundling.plan``."""
        return self._bundling.plan(desk, project_id, request, by)

    def vote(self, desk: Desk, booking_id: bytes, *, yes: bool, reason: str, by: str) -> None:
        """Answer a Hold for the sub. A no proposes the next window that would be free.

        Raises:
            NotFound: No such booking at this sub.
            Conflicting: It does not wait for an answer any more.
            Invalid: A no without a reason, or a reason that is too long.
        """
        row = self._at_sub(desk, booking_id)
        if row.phase != booking.HELD:
            raise Conflicting(
                f"该预约当前为“{phase_zh(row.phase)}”,不再等待答复",
                f"the booking is {row.phase} and waits for no answer",
            )
        reason = reason.strip()
        if len(reason) > MAX_REASON_CHARS or not (yes or reason):
            raise Invalid(
                f"拒绝须说明理由,且不超过{MAX_REASON_CHARS}字",
                f"a no needs a reason; at most {MAX_REASON_CHARS} characters",
            )
        if yes and row.hold.participants == (desk.identity.center,):
            word = Vote(Answer.BOOK, reason=reason)
        elif yes:
            promise_ms = terms_of(desk, row).decide_ms
            word = Vote(Answer.YES, reason=reason, promise_ms=promise_ms)
        else:
            start_ms = next_ms(desk, self._venues, row.peer, row.agreement, row.hold, booking_id)
            word = Vote(Answer.NO, reason=reason, alternative_start_ms=start_ms or 0)
        desk.say(row.conversation, well_formed(word))
        _done(desk, VOTE_BOOKING, booking_id, by)

    def complete(self, desk: Desk, booking_id: bytes, session_id: bytes) -> None:
        """Say at the host that the evaluation is over.

        Raises:
            NotFound: No such booking at this host.
            Conflicting: It is not confirmed, or the sub has not receipted that it is.
        """
        row = self.get(desk, booking_id)
        if row.role != booking.HOST:
            raise NotFound("没有该预约", "there is no such booking at this host")
        if row.phase not in booking.BOOKED:
            raise Conflicting(
                f"该预约当前为“{phase_zh(row.phase)}”,不能办结",
                f"the booking is {row.phase}, not CONFIRMED",
            )
        if bookings.decision_pending(desk.ledger.connection, booking_id):
            raise Conflicting(
                "副场尚未收到本次预约的确认,不能办结;请先恢复与副场的联系,或取消该预约",
                "the sub-venue has not receipted the confirmation; reach it first, or cancel",
            )
        desk.say(row.conversation, Complete(session_id))

    def get(self, desk: Desk, booking_id: bytes) -> BookingRow:
        """A booking by id.

        Raises:
            NotFound: There is none.
        """
        row = bookings.get(desk.ledger.connection, booking_id)
        if row is None:
            raise NotFound("没有该预约", "there is no such booking")
        return row

    def all(self, desk: Desk) -> list[BookingRow]:
        """Every booking, the latest window first."""
        return bookings.all(desk.ledger.connection)

    def of_project(self, desk: Desk, project_id: bytes) -> list[BookingRow]:
        """The legs of all bundles of a project."""
        return bookings.of_project(desk.ledger.connection, project_id)

    def bundles_of(self, desk: Desk, project_id: bytes) -> list[BundleRow]:
        """The bundles of a project, oldest first."""
        return bundles.of_project(desk.ledger.connection, project_id)

    def handlers(self) -> Mapping[str, Handler]:
        """How the errands left here are run."""
        return {
            **self._giving_up.handlers(),
            **self.decisions.handlers(),
            **self._bundling.handlers(),
            **self.after.handlers(),
            **(self._notice.handlers() if self._notice is not None else {}),
        }

    # What words mean

    def admit(
        self, desk: Desk, conversation: Conversation, word: Word, statement: Statement
    ) -> None:
        """Refuse what we need not keep, what is less than agreed, and what comes too late."""
        del statement
        if isinstance(word, Hold):
            if bookings.get(desk.ledger.connection, conversation.id) is not None:
                raise OutOfTurn("this Hold was heard before")  # the table lets it follow an abort
            if conversation.phase == booking.NEW:
                self._door.admit(desk, conversation, word)
        elif isinstance(word, Decide):
            row = bookings.get(desk.ledger.connection, conversation.id)
            if row is None:
                check_id(desk, conversation)
                return
            if row.bundle != word.bundle_id:
                raise Malformed("bundle_id is not the bundle that the Hold named")
            self.admit_decision(desk, row, word)
        elif isinstance(word, Vote):
            row = self.get(desk, conversation.id)
            enforcement.check_vote(terms_of(desk, row), row.hold, row.peer, word)
        elif isinstance(word, LATER):
            self.after.admit_any(desk, conversation)
            if isinstance(word, Settle):
                self.admit_decision(desk, self.get(desk, conversation.id), word)
            self.after.admit(desk, conversation, word)

    def said(self, desk: Desk, spoken: Said) -> None:
        """Keep our own word."""
        word, conversation = spoken.word, spoken.conversation
        connection = desk.ledger.connection
        if isinstance(word, Hold):
            bundle = bundles.get(connection, word.bundle_id)
            assert bundle is not None, "a bundle is stored before its Holds are said"
            _keep(desk, conversation, word, bundle.project)
        elif isinstance(word, Vote):
            self._settle(desk, conversation)
            if word.answer is Answer.BOOK:
                self._prepare(desk, conversation)
            elif word.answer is Answer.YES:
                row = self.get(desk, conversation.id)
                self.decisions.await_one(desk, row, b"", word.promise_ms)
        elif isinstance(word, LATER):
            self.after.said(desk, spoken)
            if isinstance(word, Consent) and word.answer is Answer.YES:
                row = self.get(desk, conversation.id)
                self.decisions.await_one(desk, row, word.change_id, word.promise_ms)
        if isinstance(word, Hold | Decide | Complete):
            usage.has_said(desk, conversation)
        if isinstance(word, Decide) and conversation.phase == booking.CONFIRMED:
            self.after.booked(desk, conversation.id)
        if isinstance(word, Complete):
            self.after.ended(desk, conversation)

    def heard(self, desk: Desk, spoken: Said) -> None:
        """Keep a peer's word, and say what follows from it."""
        word, conversation = spoken.word, spoken.conversation
        if isinstance(word, Hold | Decide | Complete):
            usage.has_accepted(desk, conversation)
        if isinstance(word, Hold):
            _keep(desk, conversation, word, None)
            if conversation.phase == booking.HELD:
                self._hold(desk, conversation, word)
        elif isinstance(word, Vote):
            self._hear_vote(desk, conversation, word)
        elif isinstance(word, Decide):
            row = bookings.get(desk.ledger.connection, conversation.id)
            # Without a row an abort overtook its Hold: the conversation is the tombstone.
            if row is not None:
                self.decisions.keep(desk, row, word, spoken.hash)
                self._hear_decision(desk, conversation, word)
        elif isinstance(word, Complete):
            heard_the_end(desk, conversation.id, BY_SYSTEM)
            self._settle(desk, conversation)
            self.after.ended(desk, conversation)
        elif isinstance(word, LATER):
            if isinstance(word, Settle):
                self.decisions.keep(desk, self.get(desk, conversation.id), word, spoken.hash)
            self.after.heard(desk, spoken)
            self._settle(desk, conversation)

    def refused(self, desk: Desk, conversation: Conversation, receipt: Receipt) -> None:
        """The other side refused a word: the leg has ended, people must know why."""
        row = bookings.get(desk.ledger.connection, conversation.id)
        assert row is not None, "a booking is stored with its Hold"
        zh, en = refusal(receipt)
        # Given up by us before it came: nothing is left to be done, and of two refusals (of the
        # Hold, then of the abort that cannot follow it) the first says why.
        given_up = row.role == booking.HOST and conversation.phase == booking.RELEASED
        if not (given_up and row.note):
            bookings.set_note(desk.ledger.connection, conversation.id, f"{zh} · {en}")
        if row.role == booking.SUB:
            self._settle(desk, conversation)
            self.after.ended(desk, conversation)
            return
        self.after.refused(desk, row, receipt)
        proposed_ms = proposed_in(receipt)
        if proposed_ms is not None:
            alternatives.put(desk.ledger.connection, conversation.id, proposed_ms)
        if not given_up:
            todos.add(
                desk.ledger.connection,
                role="staff",
                kind=EXCEPTION,
                subject=conversation.id,
                zh=f"副场{row.peer}拒绝了预约:{zh},请处理",
                en=f"sub-venue {row.peer} refused: {en}",
                now_ms=desk.now_ms,
            )
        self._bundling.judge(desk, row.bundle)
        self._bundling.finish(desk, row.bundle)

    def lapsed(self, desk: Desk, before: Conversation, after: Conversation) -> None:
        """Silence at the sub: the Hold expires, or the promise is in doubt."""
        self._settle(desk, after)
        self.after.lapsed(desk, before)
        if after.phase == booking.IN_DOUBT:
            self._giving_up.await_decision(desk, self.get(desk, after.id))
            todos.add(
                desk.ledger.connection,
                role="staff",
                kind=IN_DOUBT,
                subject=after.id,
                zh=f"主场{after.peer}逾期未告知预约决定,席位继续保留,请联系主场",
                en=f"host {after.peer} has not told its decision in time; the seats stay "
                "reserved, call the host",
                now_ms=desk.now_ms,
            )

    def cosigned(self, desk: Desk, peer: CenterId, suite_id: str, size: int) -> None:
        """A peer has answered with its receipts: a bundle may be closed."""
        del suite_id, size
        self._bundling.close_told(desk, peer)
        self.after.told(desk, peer)

    def denied(self, desk: Desk, spoken: Said, error: FederationError) -> None:
        """A decision that we refused may contradict another: it is kept as proof."""
        del error
        row = bookings.get(desk.ledger.connection, spoken.conversation.id)
        if row is not None and isinstance(spoken.word, Decide | Settle):
            self.decisions.keep(desk, row, spoken.word, spoken.hash)

    # Decisions, whoever brings them

    def admit_decision(self, desk: Desk, row: BookingRow, word: Decide | Settle) -> None:
        """Refuse a second decision, and a confirmation of seats that are free again."""
        self.decisions.check(desk, row, word)
        if isinstance(word, Settle):
            self.after.consenting.check_settlement(desk, row, word)
        if row.phase == booking.IN_DOUBT and word.decision is Decision.CONFIRM:
            # A clock may be set back: what was given up stays so, whatever the time is now.
            given_up_ms = bookings.given_up_ms(desk.ledger.connection, row.conversation)
            at_ms = max(desk.now_ms, given_up_ms or 0)
            enforcement.check_confirmation(terms_of(desk, row), row.held_at_ms, at_ms)

    def take_decision(self, desk: Desk, conversation: Conversation, word: Decide | Settle) -> None:
        """A co-participant has handed the host's decision over."""
        if isinstance(word, Decide):
            self._hear_decision(desk, conversation, word)
        else:
            self.after.settled(desk, conversation, word)

    # The sub's side

    def _hold(self, desk: Desk, conversation: Conversation, hold: Hold) -> None:
        window = window_of(hold)
        seats = self._venues.free_seats(desk, window, requirement_of(hold))
        self._venues.reserve(desk, conversation.id, seats, window)
        day = shanghai_date(hold.start_ms).isoformat()
        todos.add(
            desk.ledger.connection,
            role="staff",
            kind=VOTE_BOOKING,
            subject=conversation.id,
            zh=f"主场{conversation.peer}请求预约{day}的{hold.seats}个席位,请答复",
            en=f"host {conversation.peer} asks for {hold.seats} seats on {day}; answer yes or no",
            now_ms=desk.now_ms,
        )
        if self._notice is not None:
            self._notice.leave(
                desk, conversation.id, f"新的副场预约待答复:{day},{hold.seats}个席位"
            )

    def _hear_decision(self, desk: Desk, conversation: Conversation, word: Decide) -> None:
        if word.decision is Decision.ABORT:
            bookings.set_note(desk.ledger.connection, conversation.id, word.reason)
            dispute_is_over(desk, conversation.id)
        self._settle(desk, conversation)
        self.after.ended(desk, conversation)
        if conversation.phase == booking.CONFIRMED:
            self._prepare(desk, conversation)

    def _prepare(self, desk: Desk, conversation: Conversation) -> None:
        if todos.was_left(desk.ledger.connection, PREPARE, conversation.id):
            return  # a booking is confirmed once, whether by our yes, a co-participant or the host
        self.after.booked(desk, conversation.id)
        row = self.get(desk, conversation.id)
        day = shanghai_date(row.start_ms).isoformat()
        todos.add(
            desk.ledger.connection,
            role="staff",
            kind=PREPARE,
            subject=conversation.id,
            zh=f"副场预约已确认:{day},{row.hold.seats}个席位,请做好准备",
            en=f"a booking is confirmed: {row.hold.seats} seats on {day}; prepare them",
            now_ms=desk.now_ms,
        )

    def _settle(self, desk: Desk, conversation: Conversation) -> None:
        """Give the sub's seats back if its phase does not keep them; close what is overtaken."""
        phase = conversation.phase
        if conversation.role != booking.SUB:
            return
        if phase not in booking.KEEPS_SEATS:
            self._venues.release(desk, conversation.id)
            _done(desk, PREPARE, conversation.id, BY_SYSTEM)
        if phase not in {booking.HELD, booking.PROMISED, booking.DECLINED}:
            _done(desk, VOTE_BOOKING, conversation.id, BY_SYSTEM)
        if phase != booking.IN_DOUBT:
            _done(desk, IN_DOUBT, conversation.id, BY_SYSTEM)

    def _at_sub(self, desk: Desk, booking_id: bytes) -> BookingRow:
        row = self.get(desk, booking_id)
        if row.role != booking.SUB:
            raise NotFound("没有该预约", "there is no such booking at this sub-venue")
        return row

    # The host's side

    def _hear_vote(self, desk: Desk, conversation: Conversation, vote: Vote) -> None:
        connection = desk.ledger.connection
        row = self.get(desk, conversation.id)
        if vote.answer is Answer.YES:
            bookings.set_promise(connection, conversation.id, desk.now_ms + vote.promise_ms)
        elif vote.answer is Answer.NO:
            why = vote.reason
            if vote.alternative_start_ms:
                alternatives.put(connection, conversation.id, vote.alternative_start_ms)
                why = f"{why}(可改在 · free from {local_time(vote.alternative_start_ms)})"
            bookings.set_note(connection, conversation.id, why)
        self._bundling.judge(desk, row.bundle)


def _keep(desk: Desk, conversation: Conversation, hold: Hold, project: bytes | None) -> None:
    bookings.add(
        desk.ledger.connection,
        NewBooking(conversation.id, conversation.role, conversation.peer, project, hold),
    )


def _done(desk: Desk, kind: str, booking_id: bytes, by: str) -> None:
    todos.done(desk.ledger.connection, kind=kind, subject=booking_id, by=by, now_ms=desk.now_ms)
