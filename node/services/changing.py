"""The host's side of a change: another window for a booked evaluation, on all its legs or on none.

Here: what happens between the agency's request and a closed change. When a change is decided
and how is ``federation.protocol.change``; this carries it out. The decision, the words that tell
it and the host's own seats are one transaction, as for a bundle. The sub's side is
``node.services.consenting``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from federation.ids import CenterId, ConversationId
from federation.protocol import booking
from federation.protocol import change as rules
from federation.protocol import draw as draw_words
from federation.protocol import session as session_words
from federation.protocol.booking import Answer, Consent, Decision, Extend, Move, Settle
from federation.protocol.bundle import DECIDE_MARGIN_MS, BundlePhase
from federation.protocol.change import Change, ChangePhase, ChangingLeg
from federation.protocol.conversation import REFUSED, Conversation
from node.domain.calendar import Window
from node.domain.refusal import Inadmissible
from node.domain.venue import Requirement
from node.domain.workday import local_time
from node.services import session_view
from node.services.change_terms import object_to, terms_of
from node.services.errands import Handler, Result
from node.services.errors import Conflicting, Invalid
from node.services.evaluated import evaluated_legs
from node.services.house import Desk
from node.services.projects import found_project
from node.services.seating import Seats
from node.services.speech import well_formed
from node.services.substituting import Substituting, checked
from node.store import bookings, bundles, changes, draws, errands, projects, sessions, todos, venues
from node.store.bookings import BookingRow
from node.store.changes import Asked, ChangeRow, Seating, Span
from node.store.projects import ProjectRow

DEADLINE: Final = "change_deadline"
"""The errand that decides a change when its time is up."""
DECIDED: Final = "change_decided"
"""The to-do by which the agency learns what became of its change."""

_EXTENDED: Final = "前一场评标延长 · the evaluation before is extended"
_RUNNING: Final = frozenset(
    {
        session_words.CONVENED,
        session_words.READY,
        session_words.RUNNING,
        session_words.CHAIRED,
        session_words.SIGNING,
        session_words.SUSPENDED,
        session_words.RESUMING,
    }
)
"""Phases of an evaluation that may still need more time."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Another window, checked on our side, before anybody is asked."""

    project: ProjectRow
    root: bytes
    legs: tuple[BookingRow, ...]
    kind: Asked
    window: Window
    before: Window
    by_law: bool
    why: str

    @property
    def span(self) -> Span:
        """The new window."""
        return Span(self.window.start_ms, self.window.end_ms)


class Changing:
    """Asks for changes, decides and closes them.

    Args:
        seats: The host's own seats.
        substituting: Seats others elsewhere.
    """

    def __init__(self, seats: Seats, substituting: Substituting) -> None:
        self._seats = seats
        self._substituting = substituting

    # What people do

    def move(self, desk: Desk, project_id: bytes, window: Window, reason: str, by: str) -> bytes:
        """Ask all sub-venues for another window; answers the change's id.

        Raises:
            NotFound: No such project.
            Conflicting: Not all is booked, a sub is asked to take another's place, a draw was
                opened or the evaluation called (cancel or extend instead), or we have not the
                seats.
            Invalid: The law, the calendar or an agreement does not allow it; says which.
        """
        return self._ask(desk, self.wanted_move(desk, project_id, window, reason), by)

    def extend(
        self, desk: Desk, project_id: bytes, end_ms: int, reason: str, *, by_law: bool, by: str
    ) -> bytes:
        """Ask all sub-venues for more time at the end; answers the change's id.

        Args:
            desk: The floor.
            project_id: Which project.
            end_ms: The new end.
            reason: Why.
            by_law: More than a third of the members find the time too short.
            by: Whose act it is.

        Raises:
            NotFound: No such project.
            Conflicting: Not all is booked, the evaluation has ended, or we have not the seats.
            Invalid: The calendar or an agreement does not allow it; says which.
        """
        wanted = self.wanted_extension(desk, project_id, end_ms, reason, by_law=by_law)
        return self._ask(desk, wanted, by)

    def wanted_move(self, desk: Desk, project_id: bytes, window: Window, reason: str) -> Wanted:
        """Check a move on our side; raises as ``move``."""
        project = found_project(desk, project_id)
        legs = evaluated_legs(desk, project)
        _check_unopened(desk, legs)
        if window.start_ms < project.project.bid_deadline_ms:
            raise Invalid(
                "评标开始时间不得早于投标截止时间(招标投标法第三十四条)",
                "evaluation cannot begin before the bid deadline (art. 34, Bidding Law)",
            )
        if (window.start_ms, window.end_ms) == (legs[0].start_ms, legs[0].end_ms):
            raise Invalid("新的时间与原时间相同", "the new window is the one that is booked")
        return self._wanted(desk, project, legs, Asked.MOVE, window, reason, by_law=False)

    def wanted_extension(
        self, desk: Desk, project_id: bytes, end_ms: int, reason: str, *, by_law: bool
    ) -> Wanted:
        """Check an extension on our side; raises as ``extend``."""
        project = found_project(desk, project_id)
        legs = evaluated_legs(desk, project)
        for leg in legs:
            session = sessions.live_of_booking(desk.ledger.connection, leg.conversation)
            if session is not None and session.phase not in _RUNNING:
                raise Conflicting(
                    "评标已经结束,不能再延长", "the evaluation has ended; it cannot be extended"
                )
        if end_ms <= legs[0].end_ms:
            raise Invalid(
                f"延长后的结束时间须晚于{local_time(legs[0].end_ms)}",
                f"an extension ends after {local_time(legs[0].end_ms)}",
            )
        try:
            window = Window(legs[0].start_ms, end_ms)
        except Inadmissible as error:
            raise Invalid(error.zh, error.en) from error
        return self._wanted(desk, project, legs, Asked.EXTEND, window, reason, by_law=by_law)

    def of_project(self, desk: Desk, project_id: bytes) -> list[ChangeRow]:
        """All changes of a project's bookings, oldest first."""
        connection = desk.ledger.connection
        return [
            row
            for bundle in bundles.of_project(connection, project_id)
            for row in changes.of_bundle(connection, bundle.bundle.id)
        ]

    def _wanted(
        self,
        desk: Desk,
        project: ProjectRow,
        legs: Sequence[BookingRow],
        kind: Asked,
        window: Window,
        reason: str,
        *,
        by_law: bool,
    ) -> Wanted:
        why = checked(reason)
        connection = desk.ledger.connection
        bundle = bundles.get(connection, legs[0].bundle)
        assert bundle is not None, "a leg belongs to a bundle"
        waiting = [
            row
            for row in changes.of_bundle(connection, bundle.root)
            if row.change.phase is ChangePhase.ASKED
        ]
        if waiting:
            raise Conflicting(
                "上一次变更尚在办理中,请待其完成",
                "another change is under way; wait until it is decided",
            )
        _check_stand_ins(desk, project.id, bundle.root, legs)
        span = Span(window.start_ms, window.end_ms)
        for leg in legs:
            objection = object_to(desk, leg, kind, span, by_law=by_law)
            if objection is not None:
                raise Invalid(
                    f"副场{leg.peer}:{objection.zh}", f"sub-venue {leg.peer}: {objection.en}"
                )
        before = Window(legs[0].start_ms, legs[0].end_ms)
        return Wanted(
            project, bundle.root, tuple(legs), kind, window, before, by_law=by_law, why=why
        )

    def _ask(self, desk: Desk, wanted: Wanted, by: str) -> bytes:
        connection, change_id = desk.ledger.connection, desk.new_id()
        answers_ms = desk.now_ms + max(terms_of(desk, leg).vote_ms for leg in wanted.legs)
        ends_ms = wanted.before.start_ms if wanted.kind is Asked.MOVE else wanted.before.end_ms
        decide_by_ms = answers_ms + DECIDE_MARGIN_MS
        if ends_ms > desk.now_ms:  # what comes after the old window is of no use any more
            decide_by_ms = min(decide_by_ms, ends_ms)
        change = Change(change_id, (), ChangePhase.ASKED, decide_by_ms)
        row = ChangeRow(
            change=change,
            bundle=wanted.root,
            kind=wanted.kind,
            window=wanted.span,
            before=Span(wanted.before.start_ms, wanted.before.end_ms),
            by_law=wanted.by_law,
            why=wanted.why,
            seats=self._own_seats(desk, wanted),
            asked_by=by,
            asked_at_ms=desk.now_ms,
        )
        changes.add(connection, row)
        for leg in wanted.legs:
            desk.say(leg.conversation, well_formed(_word(row)))
        errands.add(
            connection,
            kind=DEADLINE,
            key=f"{DEADLINE}:{change_id.hex()}",
            argument={"change": change_id.hex()},
            not_before_ms=decide_by_ms,
        )
        return change_id

    def _own_seats(self, desk: Desk, wanted: Wanted) -> Seating:
        held = venues.held(desk.ledger.connection, wanted.root)
        if not held:
            return Seating()
        if wanted.kind is Asked.EXTEND:  # nobody changes rooms in the middle: others do
            self._substituting.give_way(desk, wanted.root, wanted.window, _EXTENDED)
        if wanted.by_law and not self._seats.in_the_way(desk, wanted.root, wanted.window):
            return self._seats.keep(desk, wanted.root, wanted.window)
        seating = self._seats.beside(
            desk,
            wanted.root,
            wanted.window,
            Requirement(len(held)),
            same=wanted.kind is Asked.EXTEND,
        )
        if seating is None:
            raise Conflicting(
                f"主场在该时段没有{len(held)}个空闲席位,请另选时间或先为其他预约更换席位",
                f"the host has not {len(held)} free seats in that window; choose another time, or "
                "seat others elsewhere first",
            )
        return seating

    # What words mean

    def heard(self, desk: Desk, conversation: Conversation, word: Consent) -> None:
        """A sub has answered: decide if it was the last, or tell it what was decided."""
        connection = desk.ledger.connection
        changes.answer(connection, conversation.id, word)
        row = changes.get(connection, word.change_id)
        if row is None:
            return  # lost with an old backup: people ask anew
        if word.answer is Answer.NO and conversation.phase == booking.CONFIRMED:
            bookings.set_note(connection, conversation.id, _declined(word))
        self.judge(desk, row.change.id)
        if row.change.phase is not ChangePhase.ASKED:
            self._tell(desk, row)

    def judge(self, desk: Desk, change_id: bytes) -> None:
        """Decide a change if it is time, tell the subs, and close it if all know."""
        row = changes.get(desk.ledger.connection, change_id)
        assert row is not None, "a change is stored before anybody is asked"
        decided = rules.decide(row.change, _legs(desk, row), desk.now_ms)
        if decided.phase is not row.change.phase:
            changes.set_phase(desk.ledger.connection, decided)
            row = replace(row, change=decided)
            self._settle_own(desk, row)
            self._tell(desk, row)
        self._close(desk, row)

    def judge_leg(self, desk: Desk, booking_id: bytes) -> None:
        """A leg has ended: what was being asked of it is decided without it."""
        for leg in changes.of_leg(desk.ledger.connection, booking_id):
            row = changes.get(desk.ledger.connection, leg.change)
            if row is not None and row.change.phase is not ChangePhase.CLOSED:
                self.judge(desk, leg.change)

    def close_told(self, desk: Desk, peer: CenterId) -> None:
        """A peer has answered: close the changes whose settlement every sub now knows."""
        for change_id in changes.untold_by(desk.ledger.connection, peer):
            row = changes.get(desk.ledger.connection, change_id)
            assert row is not None, "it was there a line above"
            self._close(desk, row)

    def said(self, desk: Desk, conversation: Conversation, word: Settle) -> None:
        """We have settled a change with one leg: from now on its window is another."""
        connection = desk.ledger.connection
        changes.settle(connection, conversation.id, word.change_id, word.decision)
        leg = changes.asked(connection, conversation.id, word.change_id)
        assert leg is not None, "only what was asked is settled"
        if word.decision is Decision.CONFIRM:
            bookings.set_window(connection, conversation.id, leg.window.start_ms, leg.window.end_ms)

    def handlers(self) -> Mapping[str, Handler]:
        """How the errands left here are run."""
        return {DEADLINE: self._deadline}

    async def _deadline(self, _key: str, argument: dict[str, Any]) -> Result:
        change_id = bytes.fromhex(argument["change"])
        return lambda desk: self.judge(desk, change_id)

    def _settle_own(self, desk: Desk, row: ChangeRow) -> None:
        """Give our own seats of one of the windows free, and tell the agency."""
        connection, change = desk.ledger.connection, row.change
        confirmed = change.decision is Decision.CONFIRM
        held = venues.held(connection, row.bundle)
        if held:  # else the evaluation is over, and its seats are free
            span = row.window if confirmed else row.before
            seats = row.seats.after if confirmed else row.seats.before
            self._seats.keep_only(desk, row.bundle, seats, Window(span.start_ms, span.end_ms))
        bundle = bundles.get(connection, row.bundle)
        assert bundle is not None, "a change is of a bundle"
        project = found_project(desk, bundle.project)
        start, end = local_time(row.window.start_ms), local_time(row.window.end_ms)
        if confirmed:
            if project.plan is not None:
                window = Window(row.window.start_ms, row.window.end_ms)
                projects.set_plan(connection, project.id, replace(project.plan, window=window))
            zh = f"项目{project.project.code}的评标时间已改为{start}–{end}"
            en = f"project {project.project.code}: the evaluation is now {start}–{end}"
        else:
            zh = f"项目{project.project.code}的时间变更({start}–{end})未成,原时间不变"
            en = f"project {project.project.code}: no change to {start}–{end} ({change.reason})"
        todos.add(
            connection,
            role="agency",
            kind=DECIDED,
            subject=change.id,
            zh=zh,
            en=en,
            now_ms=desk.now_ms,
        )

    def _tell(self, desk: Desk, row: ChangeRow) -> None:
        decision = row.change.decision
        assert decision is not None, "a decided change has a decision"
        for leg in row.change.legs:
            known = bookings.get(desk.ledger.connection, leg)
            if known is not None and known.phase == booking.CHANGE_PROMISED:
                desk.say(leg, Settle(row.change.id, decision, row.change.reason))

    def _close(self, desk: Desk, row: ChangeRow) -> None:
        closed = rules.close(row.change, _legs(desk, row))
        if closed.phase is not row.change.phase:
            changes.set_phase(desk.ledger.connection, closed)


def _word(row: ChangeRow) -> Move | Extend:
    if row.kind is Asked.MOVE:
        return Move(row.change.id, row.window.start_ms, row.window.end_ms, row.why)
    return Extend(row.change.id, row.window.end_ms, row.why, by_law=row.by_law)


def _legs(desk: Desk, row: ChangeRow) -> dict[ConversationId, ChangingLeg]:
    connection = desk.ledger.connection
    found = {}
    for leg in row.change.legs:
        known = bookings.get(connection, leg)
        assert known is not None, "a leg of ours is never deleted"
        waits = bookings.decision_pending(connection, leg, Settle)
        phase, asked = known.phase, changes.asked(connection, leg, row.change.id)
        if asked is not None and (asked.decision or asked.answer is Answer.NO):
            # What it is asked by now is another change.
            phase = booking.CONFIRMED if phase in booking.BOOKED else phase
        found[leg] = ChangingLeg(phase, told=not waits or phase == REFUSED)
    return found


def _check_unopened(desk: Desk, legs: Sequence[BookingRow]) -> None:
    connection = desk.ledger.connection
    for leg in legs:
        opened = [
            row
            for row in draws.of_booking(connection, leg.conversation)
            if row.phase not in {draw_words.VOID, REFUSED}
        ]
        called = sessions.live_of_booking(connection, leg.conversation)
        if opened or called is not None:
            raise Conflicting(
                "专家抽取或评标召集已按原时间进行,不能改期:请取消后重新预约,或申请延长",
                "experts were drawn or the evaluation was called for the booked window, so it "
                "cannot be moved: cancel it and book anew, or extend it",
            )


def _check_stand_ins(desk: Desk, project: bytes, root: bytes, legs: Sequence[BookingRow]) -> None:
    """Another sub was asked for the window that counts now: it would be booked for that one.

    Not once the evaluation has started: by then nobody takes another's place.
    """
    connection = desk.ledger.connection
    for leg in legs:
        session = sessions.live_of_booking(connection, leg.conversation)
        if session is not None and session_view.has_started(session):
            return
    if any(
        row.joins == root and row.bundle.phase is BundlePhase.HOLDING
        for row in bundles.of_project(connection, project)
    ):
        raise Conflicting(
            "正在请其他副场替换,请待其答复后再变更时间",
            "another sub-venue is asked to take a place; change the window once it has answered",
        )


def _declined(word: Consent) -> str:
    if word.alternative_start_ms:
        at = local_time(word.alternative_start_ms)
        return f"变更未获同意 · no change: {word.reason}(可改在 · free from {at})"
    return f"变更未获同意 · no change: {word.reason}"
