"""The sub's side of a change: what another window means for our seats, and who answers.

A change is never refused for a reason of ours: a refusal would end the booking, and it stands.
``Consent`` NO says why and what would do. Seats for the new window are reserved beside the old
before anybody says YES; ``Settle`` gives one of the two free. Where the law demands more time
(招标投标法实施条例第四十八条), whoever comes after gives way: to other seats if there are any, and
otherwise our people choose.
"""

from typing import Final

from federation.errors import Conflict, Malformed
from federation.protocol import booking, enforcement
from federation.protocol.booking import Answer, Consent, Decision, Extend, Move, Settle
from federation.protocol.conversation import Conversation
from node.domain.calendar import Window
from node.domain.workday import local_time
from node.services.booking_terms import requirement_of, windows_allowed
from node.services.cancelling import Cancelling
from node.services.change_terms import Objection, object_to, terms_of
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.house import Desk
from node.services.reasons import phase_zh
from node.services.seating import Seats
from node.services.speech import well_formed
from node.services.substituting import Substituting
from node.services.todos import ANSWER_CHANGE, BY_SYSTEM, PREPARE
from node.services.venues import Venues
from node.store import bookings, changes, todos
from node.store.bookings import BookingRow
from node.store.changes import Asked, LegChange, Span

IN_DOUBT: Final = "change_in_doubt"
"""The to-do that tells the sub's staff that the settlement of a change is overdue."""
MAX_REASON_CHARS: Final = 1_000  # what a word's field holds; federation.wire.rules
_BY_LAW: Final = (
    "因评标依法延长(招标投标法实施条例第四十八条)占用席位 · "
    "the seats are needed for an evaluation that is extended by law"
)
_CLOSED: Final = (
    "席位在延长的时间内不开放或已安排停用,同意即予开放 · "
    "nobody has the seats then, but they are closed; to say yes opens them"
)


class Consenting:
    """Answers changes, keeps the seats for them, and settles them.

    Args:
        venues: This center's seats.
        seats: The same, for holders that hold some already.
        substituting: Moves others to other seats.
        cancelling: Cancels the next booking, where people choose so.
    """

    def __init__(
        self, *, venues: Venues, seats: Seats, substituting: Substituting, cancelling: Cancelling
    ) -> None:
        self._venues = venues
        self._seats = seats
        self._substituting = substituting
        self._cancelling = cancelling

    # What people do

    def asked(self, desk: Desk, booking_id: bytes) -> LegChange:
        """What a booking of ours is being asked.

        Raises:
            NotFound: There is no such booking at this sub.
            Conflicting: No change waits for our answer.
        """
        row = bookings.get(desk.ledger.connection, booking_id)
        if row is None or row.role != booking.SUB:
            raise NotFound("没有该预约", "there is no such booking at this sub-venue")
        if row.phase != booking.CHANGING:
            raise Conflicting(
                f"该预约当前为“{phase_zh(row.phase)}”,没有待答复的变更",
                f"the booking is {row.phase}; no change waits for an answer",
            )
        return _pending(desk, row)

    def in_the_way(self, desk: Desk, booking_id: bytes) -> list[BookingRow]:
        """The bookings that would have to give way to the change that a booking is asked."""
        leg = self.asked(desk, booking_id)
        if leg.seats is not None:
            return []
        window = _window(leg)
        found = [
            bookings.get(desk.ledger.connection, holder)
            for holder in self._seats.in_the_way(desk, booking_id, window)
        ]
        return [row for row in found if row is not None]

    def answer(
        self,
        desk: Desk,
        booking_id: bytes,
        *,
        yes: bool,
        reason: str,
        by: str,
        give_way: bool = False,
    ) -> None:
        """Answer a change for the sub.

        Args:
            desk: The floor.
            booking_id: Which booking.
            yes: The answer.
            reason: Why; a no needs one.
            by: Whose act it is.
            give_way: Whether the bookings that stand on the seats afterwards are cancelled, if
                they cannot be seated elsewhere. Only for an extension by law.

        Raises:
            NotFound: No such booking at this sub.
            Conflicting: No change waits, or the seats are not free; says who has them.
            Invalid: A no without a reason, or one that is too long.
        """
        leg = self.asked(desk, booking_id)
        row = _row(desk, booking_id)
        reason = reason.strip()
        if len(reason) > MAX_REASON_CHARS or not (yes or reason):
            raise Invalid(
                f"不同意须说明理由,且不超过{MAX_REASON_CHARS}字",
                f"a no needs a reason; at most {MAX_REASON_CHARS} characters",
            )
        if give_way and not (yes and leg.by_law):
            raise Invalid(
                "只有同意依法延长时,才能取消后续预约",
                "others give way only to an extension by law that is agreed to",
            )
        if not yes:
            self._no(desk, row, leg, Objection(reason, "", "", self._later(desk, row, leg)))
        else:
            if leg.seats is None:
                self._make_free(desk, row, leg, by, give_way=give_way)
            self._yes(desk, row, leg, reason)
        _done(desk, ANSWER_CHANGE, booking_id, by)

    def _make_free(
        self, desk: Desk, row: BookingRow, leg: LegChange, by: str, *, give_way: bool
    ) -> None:
        if give_way:
            window = Window(leg.window.start_ms, leg.window.end_ms)
            for other in self._substituting.give_way(desk, row.conversation, window, _BY_LAW):
                self._cancelling.give_way(desk, other, _BY_LAW, by)
        if not self._reserve(desk, row, leg, despite_hours=True):
            raise Conflicting(
                "席位在延长的时间内已有其他预约:请先为其更换席位,或不同意延长",
                "the seats are held by somebody else in that time: seat them elsewhere, or say no",
            )

    # What words mean

    def admit(self, desk: Desk, conversation: Conversation, word: Move | Extend | Settle) -> None:
        """Refuse what contradicts itself or what was said before; never a mere inconvenience."""
        row = bookings.get(desk.ledger.connection, conversation.id)
        assert row is not None, "the table lets a change follow only a booking"
        known = changes.asked(desk.ledger.connection, conversation.id, word.change_id)
        if isinstance(word, Settle):
            _admit_settlement(row, word, known)
        elif conversation.phase != booking.CONFIRMED:
            return  # it crossed the end of the booking: nothing follows from it
        elif known is not None:
            raise Malformed("change_id was used before")
        elif isinstance(word, Move) and word.start_ms >= word.end_ms:
            raise Malformed("the window ends before it begins")
        elif isinstance(word, Extend) and word.end_ms <= row.end_ms:
            raise Malformed("an extension ends later than what is booked")

    def check_settlement(self, desk: Desk, row: BookingRow, word: Settle) -> None:
        """Refuse a settlement of what was not consented to or does not wait, whoever brings it."""
        known = changes.asked(desk.ledger.connection, row.conversation, word.change_id)
        _admit_settlement(row, word, known)

    def heard(self, desk: Desk, conversation: Conversation, word: Move | Extend) -> None:
        """Answer at once where nobody needs to think, and ask our people where somebody must."""
        if conversation.phase != booking.CHANGING:
            return  # it crossed the end of the booking
        row = _row(desk, conversation.id)
        leg = keep_asked(desk, row, word)
        objection = object_to(desk, row, leg.kind, leg.window, by_law=leg.by_law)
        if objection is not None:
            self._no(desk, row, leg, objection)
        elif leg.by_law:
            self._hear_law(desk, row, leg)
        elif self._reserve(desk, row, leg):
            leg = _pending(desk, row)
            if leg.kind is Asked.EXTEND:
                self._yes(desk, row, leg, "")
            else:
                self._ask(desk, row, leg, "席位已预留 · the seats are kept")
        elif leg.kind is Asked.MOVE:
            no = Objection(
                "该时段没有足够的符合要求的空闲席位",
                "no such seats are free in that window",
                alternative_start_ms=self._later(desk, row, leg),
            )
            self._no(desk, row, leg, no)
        elif self._seats.in_the_way(desk, row.conversation, _window(leg)):
            self._ask(desk, row, leg, "席位随后已有预约 · others have the seats afterwards")
        else:
            self._ask(desk, row, leg, _CLOSED)

    def lapsed(self, desk: Desk, before: Conversation) -> None:
        """Our people did not answer, or the host does not settle."""
        row = _row(desk, before.id)
        leg = _pending(desk, row)
        if before.phase == booking.CHANGING:
            late = Objection(
                "逾期未答复", "nobody answered in time", "", self._later(desk, row, leg)
            )
            self._no(desk, row, leg, late)
            return
        todos.add(
            desk.ledger.connection,
            role="staff",
            kind=IN_DOUBT,
            subject=before.id,
            zh=f"主场{row.peer}逾期未告知变更的决定,两个时段的席位继续保留,请联系主场",
            en=f"host {row.peer} has not settled a change in time; the seats of both windows stay "
            "reserved, call the host",
            now_ms=desk.now_ms,
        )

    def settled(self, desk: Desk, conversation: Conversation, word: Settle) -> bool:
        """A settlement was heard or handed over; answers whether the window is another now."""
        connection = desk.ledger.connection
        leg = changes.asked(connection, conversation.id, word.change_id)
        if leg is None or leg.decision is not None or conversation.phase not in booking.BOOKED:
            return False
        changes.settle(connection, conversation.id, word.change_id, word.decision)
        _done(desk, IN_DOUBT, conversation.id, BY_SYSTEM)
        confirmed = word.decision is Decision.CONFIRM
        self._give_back(desk, leg, confirmed=confirmed)
        if confirmed:
            bookings.set_window(connection, conversation.id, leg.window.start_ms, leg.window.end_ms)
            self._prepare_anew(desk, leg)
        return confirmed

    def _prepare_anew(self, desk: Desk, leg: LegChange) -> None:
        """What there was to prepare names the old day."""
        start, end = local_time(leg.window.start_ms), local_time(leg.window.end_ms)
        _done(desk, PREPARE, leg.conversation, BY_SYSTEM)
        todos.add(
            desk.ledger.connection,
            role="staff",
            kind=PREPARE,
            subject=leg.conversation,
            zh=f"副场预约的时间已改为{start}–{end},请按新时间做好准备",
            en=f"a booking is now for {start}–{end}; prepare its seats for that",
            now_ms=desk.now_ms,
        )

    def ended(self, desk: Desk, booking_id: bytes) -> None:
        """The booking is over, and whatever was asked of it."""
        for kind in (ANSWER_CHANGE, IN_DOUBT):
            _done(desk, kind, booking_id, BY_SYSTEM)

    # Our answers

    def _hear_law(self, desk: Desk, row: BookingRow, leg: LegChange) -> None:
        window = Window(leg.window.start_ms, leg.window.end_ms)
        blocked = self._substituting.give_way(desk, row.conversation, window, _BY_LAW)
        if not blocked and self._reserve(desk, row, leg):
            self._yes(desk, row, _pending(desk, row), "")
            return
        until = local_time(min((other.start_ms for other in blocked), default=row.end_ms))
        self._ask(
            desk,
            row,
            leg,
            f"评标依法须延长,但{until}起席位已有其他预约且无席位可换:同意即取消该预约并告知其主场,"
            "不同意则本场评标须在原定时间结束 · the law demands it, but from "
            f"{until} on others have the seats and nothing else is free: to say yes cancels their "
            "booking and tells their host; to say no ends this evaluation at its time",
        )

    def _reserve(
        self, desk: Desk, row: BookingRow, leg: LegChange, *, despite_hours: bool = False
    ) -> bool:
        """Keep seats for the new window; by law our own, whatever the opening hours say.

        So it is where our people want it: only for an extension, as a move was answered before.
        """
        window, holder = _window(leg), row.conversation
        if leg.by_law or despite_hours:
            if self._seats.in_the_way(desk, holder, window):
                return False
            seating = self._seats.keep(desk, holder, window)
        else:
            found = self._seats.beside(
                desk,
                holder,
                window,
                requirement_of(row.hold),
                same=leg.kind is Asked.EXTEND,  # nobody changes rooms in the middle
            )
            if found is None:
                return False
            seating = found
        changes.keep_seats(desk.ledger.connection, leg, seating)
        return True

    def _later(self, desk: Desk, row: BookingRow, leg: LegChange) -> int:
        if leg.kind is Asked.EXTEND:
            return 0
        try:
            window = Window(leg.window.start_ms, leg.window.end_ms)
        except ValueError:
            return 0
        allowed = windows_allowed(desk, row.peer, row.agreement, row.hold, row.conversation)
        return self._venues.next_free_ms(desk, window, requirement_of(row.hold), allowed) or 0

    def _yes(self, desk: Desk, row: BookingRow, leg: LegChange, reason: str) -> None:
        promise_ms = terms_of(desk, row).decide_ms
        word = Consent(leg.change, Answer.YES, reason=reason, promise_ms=promise_ms)
        desk.say(row.conversation, well_formed(word))

    def _no(self, desk: Desk, row: BookingRow, leg: LegChange, why: Objection) -> None:
        if leg.seats is not None:
            self._give_back(desk, leg, confirmed=False)
        word = Consent(
            leg.change,
            Answer.NO,
            reason=(why.text if why.en else why.zh)[:MAX_REASON_CHARS],
            clause=why.clause,
            alternative_start_ms=why.alternative_start_ms,
        )
        desk.say(row.conversation, well_formed(word))
        _done(desk, ANSWER_CHANGE, row.conversation, BY_SYSTEM)

    def said(self, desk: Desk, conversation: Conversation, word: Consent) -> None:
        """Keep our answer."""
        changes.answer(desk.ledger.connection, conversation.id, word)

    def _give_back(self, desk: Desk, leg: LegChange, *, confirmed: bool) -> None:
        if leg.seats is None:
            return
        span = leg.window if confirmed else leg.before
        seats = leg.seats.after if confirmed else leg.seats.before
        window = Window(span.start_ms, span.end_ms)
        self._seats.keep_only(desk, leg.conversation, seats, window)

    def _ask(self, desk: Desk, row: BookingRow, leg: LegChange, more: str) -> None:
        start, end = local_time(leg.window.start_ms), local_time(leg.window.end_ms)
        what_zh, what_en = (
            (f"改期至{start}–{end}", f"to move it to {start}–{end}")
            if leg.kind is Asked.MOVE
            else (f"延长至{end}", f"to extend it to {end}")
        )
        more_zh, _, more_en = more.partition(" · ")
        todos.add(
            desk.ledger.connection,
            role="staff",
            kind=ANSWER_CHANGE,
            subject=row.conversation,
            zh=f"主场{row.peer}请求将{local_time(row.start_ms)}的预约{what_zh},请答复({more_zh})",
            en=f"host {row.peer} asks of the booking of {local_time(row.start_ms)} {what_en}; "
            f"answer ({more_en})",
            now_ms=desk.now_ms,
        )


def keep_asked(desk: Desk, row: BookingRow, word: Move | Extend) -> LegChange:
    """Store what a leg is asked, at either side."""
    moved = isinstance(word, Move)
    leg = LegChange(
        conversation=row.conversation,
        change=word.change_id,
        kind=Asked.MOVE if moved else Asked.EXTEND,
        window=Span(word.start_ms if isinstance(word, Move) else row.start_ms, word.end_ms),
        before=Span(row.start_ms, row.end_ms),
        by_law=isinstance(word, Extend) and word.by_law,
        why=word.reason,
        asked_at_ms=desk.now_ms,
    )
    changes.ask(desk.ledger.connection, leg)
    return leg


def admit_consent(desk: Desk, row: BookingRow, word: Consent) -> None:
    """At the host: refuse an answer to something else, and a promise shorter than agreed.

    Raises:
        Malformed: Another change.
        OutOfScope: The promise is too short.
    """
    if row.phase != booking.CHANGING:
        return  # it crossed the end of the booking
    pending = [
        leg
        for leg in changes.of_leg(desk.ledger.connection, row.conversation)
        if leg.answer is None
    ]
    if not pending or pending[-1].change != word.change_id:
        raise Malformed("change_id is not the change that was asked for")
    if word.answer is Answer.YES:
        enforcement.check_promise(terms_of(desk, row), word.promise_ms)


def _admit_settlement(row: BookingRow, word: Settle, known: LegChange | None) -> None:
    if row.phase not in booking.BOOKED:
        return  # it crossed the end of the booking
    if known is None or known.answer is not Answer.YES:
        raise Malformed("this change was never consented to")
    if known.decision is not None and known.decision is not word.decision:
        raise Conflict(f"you have settled this change before: {known.decision.name}")
    if row.phase == booking.CHANGE_PROMISED and known.decision is not None:
        raise Malformed("change_id is not the change that waits")


def _pending(desk: Desk, row: BookingRow) -> LegChange:
    asked = changes.of_leg(desk.ledger.connection, row.conversation)
    waiting = [leg for leg in asked if leg.answer is not Answer.NO and leg.decision is None]
    assert waiting, "a booking that is being changed was asked something"
    return waiting[-1]


def _window(leg: LegChange) -> Window:
    return Window(leg.window.start_ms, leg.window.end_ms)


def _row(desk: Desk, booking_id: bytes) -> BookingRow:
    row = bookings.get(desk.ledger.connection, booking_id)
    assert row is not None, "a booking is stored with its Hold"
    return row


def _done(desk: Desk, kind: str, booking_id: bytes, by: str) -> None:
    todos.done(desk.ledger.connection, kind=kind, subject=booking_id, by=by, now_ms=desk.now_ms)
