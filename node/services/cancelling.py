"""Giving up a booking that stands, by the agreement's terms, and what ends with it.

Either side may, before the evaluation starts; afterwards a fault is suspended and ended
(``node.services.session_failure``). Seats are free at once. Draws under way become void, a
session that was called is given up, our experts are told that they need not come. Whether it
was in time is told by the sub's clock, which both sides read off the same bytes.
"""

from dataclasses import dataclass
from typing import Final

from federation.ids import CenterId, ConversationId
from federation.protocol import booking, enforcement
from federation.protocol import draw as draw_words
from federation.protocol.booking import Answer, Cancel, Vote
from federation.protocol.conversation import Conversation
from federation.protocol.draw import Fault
from federation.wire.envelopes import decode_envelope, decode_statement
from node.domain.workday import local_time
from node.services import session_view
from node.services.booking_exceptions import replaced, tell_lost
from node.services.bundling import VERIFY_DRAW, Bundling
from node.services.calling_off import CallingOff
from node.services.change_terms import terms_of
from node.services.errors import Conflicting, NotFound
from node.services.house import Desk
from node.services.reasons import phase_zh
from node.services.speech import well_formed
from node.services.substituting import checked
from node.services.todos import BY_SYSTEM, VOTE_BOOKING
from node.store import bookings, draws, projects, sessions, todos
from node.store.bookings import BookingRow, Cancelled

CANCELLED: Final = "booking_cancelled"
"""The to-do by which the staff learns that the other side has cancelled."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What cancelling a booking now would mean.

    Args:
        fee_fen: What it costs us by the agreement, fen; by the sub's clock when it hears it.
        free_until_ms: Until when it is free of charge.
        draws: How many draws would become void.
        convened: Whether an evaluation was called, that would be called off.
    """

    fee_fen: int
    free_until_ms: int
    draws: int
    convened: bool


class Cancelling:
    """Cancels bookings, and ends what was built on them.

    Args:
        calling_off: Tells our experts; None where nobody is called (tests of bookings alone).
        bundling: Asks subs to take the places of others, and takes that back.
    """

    def __init__(self, calling_off: CallingOff | None, bundling: Bundling) -> None:
        self._calling_off = calling_off
        self._bundling = bundling

    # What people do

    def preview(self, desk: Desk, booking_id: bytes) -> Preview:
        """What cancelling would cost and end.

        Raises:
            NotFound: No such booking.
            Conflicting: It is not booked, or its evaluation has started.
        """
        row = self._cancellable(desk, booking_id)
        terms = terms_of(desk, row)
        session = sessions.live_of_booking(desk.ledger.connection, booking_id)
        return Preview(
            fee_fen=enforcement.cancel_fee_fen(terms, row.start_ms, desk.now_ms),
            free_until_ms=row.start_ms - terms.cancel_notice_ms,
            draws=len(_live_draws(desk, booking_id)),
            convened=session is not None,
        )

    def cancel(self, desk: Desk, booking_id: bytes, reason: str, by: str) -> None:
        """Cancel one booking.

        Raises:
            NotFound: No such booking.
            Conflicting: It is not booked, or its evaluation has started.
            Invalid: No reason, or one that is too long.
        """
        self._cancellable(desk, booking_id)
        desk.say(ConversationId(booking_id), well_formed(Cancel(checked(reason))))
        replaced(desk, booking_id, by)

    def cancel_all(self, desk: Desk, project_id: bytes, reason: str, by: str) -> int:
        """Cancel all that is booked for a project; answers how many bookings.

        Whoever was asked to take a place, and has not answered, is told that it is not needed.

        Raises:
            NotFound: No such project.
            Conflicting: Nothing is booked, or an evaluation has started.
            Invalid: No reason, or one that is too long.
        """
        connection = desk.ledger.connection
        if projects.get(connection, project_id) is None:
            raise NotFound("没有这个项目", "there is no such project")
        legs = bookings.of_project(connection, project_id)
        booked = [leg for leg in legs if leg.phase in booking.BOOKED]
        if not booked:
            raise Conflicting("该项目没有可取消的预约", "nothing is booked for the project")
        for leg in booked:
            self._cancellable(desk, leg.conversation)  # all or none
        self._bundling.withdraw_stand_ins(
            desk, project_id, well_formed(Cancel(checked(reason))).reason
        )
        for leg in booked:
            self.cancel(desk, leg.conversation, reason, by)
        for leg in legs:
            replaced(desk, leg.conversation, by)
        return len(booked)

    def give_way(self, desk: Desk, row: BookingRow, reason: str, by: str) -> None:
        """At the sub: let a booking go because its seats are needed by law.

        Raises:
            Conflicting: We have promised them, or it is an evaluation of our own.
        """
        if row.role == booking.SUB and row.phase == booking.HELD:
            desk.say(row.conversation, well_formed(Vote(Answer.NO, reason=reason)))
            todos.done(
                desk.ledger.connection,
                kind=VOTE_BOOKING,
                subject=row.conversation,
                by=by,
                now_ms=desk.now_ms,
            )
        elif row.role == booking.SUB and row.phase in booking.BOOKED:
            self.cancel(desk, row.conversation, reason, by)
        else:
            raise Conflicting(
                f"{local_time(row.start_ms)}的预约当前为“{phase_zh(row.phase)}”,不能取消,"
                "请先与对方协商",
                f"the booking of {local_time(row.start_ms)} is {row.phase} and cannot be "
                "cancelled here; settle it with the other side first",
            )

    def _cancellable(self, desk: Desk, booking_id: bytes) -> BookingRow:
        row = bookings.get(desk.ledger.connection, booking_id)
        if row is None:
            raise NotFound("没有该预约", "there is no such booking")
        if row.phase not in booking.BOOKED:
            raise Conflicting(
                f"该预约当前为“{phase_zh(row.phase)}”,不能取消",
                f"the booking is {row.phase}; there is nothing to cancel",
            )
        session = sessions.live_of_booking(desk.ledger.connection, booking_id)
        if session is not None and session_view.has_started(session):
            raise Conflicting(
                "评标已经开始,不能取消预约:请暂停评标,超过协议时限后按故障终止",
                "the evaluation has started: suspend it, and end it after the agreed limits",
            )
        return row

    # What words mean

    def said(self, desk: Desk, conversation: Conversation, word: Cancel) -> None:
        """We have cancelled: state what it costs, if we are the clock, and end what follows."""
        row = _row(desk, conversation.id)
        at_ms = desk.now_ms if row.role == booking.SUB else None
        self._state(desk, row, at_ms)
        bookings.set_note(desk.ledger.connection, row.conversation, f"我方取消 · {word.reason}")
        self._end(desk, row)

    def heard(self, desk: Desk, conversation: Conversation, word: Cancel, payload: bytes) -> None:
        """The other side has cancelled: what it costs is told by the sub's clock."""
        row = _row(desk, conversation.id)
        if conversation.phase != booking.CANCELLED:
            return  # it crossed the end of the booking, which stands
        at_ms = desk.now_ms
        if row.role == booking.HOST:
            at_ms = decode_statement(payload).sent_at_ms
        elif row.cancelled is not None:
            return  # it crossed our own, by our clock the earlier one
        other = booking.SUB if row.role == booking.HOST else booking.HOST
        crossed = row.cancelled is not None
        self._state(desk, row, at_ms, by_other=True)
        connection = desk.ledger.connection
        bookings.set_note(connection, row.conversation, f"对方取消 · {word.reason}")
        day, started = local_time(row.start_ms), self._has_started(desk, row)
        todos.add(
            connection,
            role="staff",
            kind=CANCELLED,
            subject=row.conversation,
            zh=f"{row.peer}取消了{day}的预约:{word.reason}",
            en=f"{row.peer} ({other}) cancelled the booking of {day}: {word.reason}",
            now_ms=desk.now_ms,
        )
        self._void(desk, row)
        self._end(desk, row)
        if crossed:
            return  # our people gave it up themselves: there is nothing to choose
        after = ("(评标已开始)", " after the start") if started else ("", "")
        tell_lost(
            desk,
            row,
            f"副场{row.peer}取消了预约{after[0]}",
            f"sub-venue {row.peer} cancelled its booking{after[1]}",
        )

    def told(self, desk: Desk, peer: CenterId) -> None:
        """A peer's receipts have come: they say when it heard our cancellations."""
        connection = desk.ledger.connection
        for row in bookings.cancelled_untold(connection, peer):
            receipt = bookings.receipt_of(connection, row.conversation, Cancel)
            if receipt is not None:
                answer = decode_statement(decode_envelope(receipt).payload)
                self._state(desk, row, answer.sent_at_ms)

    def undone(self, desk: Desk, booking_id: bytes) -> None:
        """The host's end of the booking crossed our cancellation, and goes before it."""
        bookings.set_cancelled(desk.ledger.connection, booking_id, None)

    def _state(
        self, desk: Desk, row: BookingRow, at_ms: int | None, *, by_other: bool = False
    ) -> None:
        """Store who cancelled, and what it costs once the sub's clock has spoken."""
        other = booking.SUB if row.role == booking.HOST else booking.HOST
        fee = (
            None
            if at_ms is None
            else enforcement.cancel_fee_fen(terms_of(desk, row), row.start_ms, at_ms)
        )
        bookings.set_cancelled(
            desk.ledger.connection,
            row.conversation,
            Cancelled(other if by_other else row.role, at_ms, fee),
        )

    def _has_started(self, desk: Desk, row: BookingRow) -> bool:
        session = sessions.live_of_booking(desk.ledger.connection, row.conversation)
        return session is not None and session_view.has_started(session)

    def _end(self, desk: Desk, row: BookingRow) -> None:
        """End the session that was called, and tell our experts."""
        session = sessions.live_of_booking(desk.ledger.connection, row.conversation)
        if self._calling_off is not None:
            self._calling_off.leave(desk, row)
        if row.project is not None:  # nothing is drawn any more, so there is nothing to verify
            todos.done(
                desk.ledger.connection,
                kind=VERIFY_DRAW,
                subject=row.project,
                by=BY_SYSTEM,
                now_ms=desk.now_ms,
            )
        if session is not None:
            session_view.give_up(desk, session, BY_SYSTEM)

    def _void(self, desk: Desk, row: BookingRow) -> None:
        """Whoever hears of a cancellation declares the draws void; by then both know why."""
        if self._calling_off is not None:
            self._calling_off.leave(desk, row)  # who was drawn is not known of a void draw
        for draw in _live_draws(desk, row.conversation):
            desk.say(ConversationId(draw.id), Fault(draw.phase, "the booking was cancelled"))


def _live_draws(desk: Desk, booking_id: bytes) -> list[draws.DrawRow]:
    return [
        row
        for row in draws.of_booking(desk.ledger.connection, booking_id)
        if (row.phase, "Fault") in draw_words.DRAW.next and row.phase not in draw_words.DRAW.over
    ]


def _row(desk: Desk, booking_id: bytes) -> BookingRow:
    row = bookings.get(desk.ledger.connection, booking_id)
    assert row is not None, "a booking is stored with its Hold"
    return row
