"""Nodes with one mistake each. A simulator that does not find them finds nothing."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from federation.engine import doorkeeper
from federation.engine import floor as floors
from federation.engine.alarms import Alarms
from federation.engine.floor import Floor
from federation.errors import NotFresh
from federation.ids import CenterId
from federation.ports import SaidWord
from federation.protocol import booking, bundle, change, conversation, enforcement, quota
from federation.protocol.booking import Answer, Decision, Hold, Vote
from federation.protocol.bundle import Bundle, BundlePhase, Leg
from federation.protocol.change import Change, ChangePhase, ChangingLeg
from federation.protocol.conversation import Conversation, Kind, Table
from federation.protocol.tables import TABLES
from federation.transport.pumps import Loop, Pumps
from federation.wire import envelopes
from federation.wire.envelopes import Outcome, Receipt, Statement
from node.domain.calendar import Window, slots
from node.services import bundling, decisions, giving_up
from node.services.afterwards import Afterwards
from node.services.bookings import Bookings
from node.services.consenting import Consenting
from node.services.errands import Errands
from node.services.seating import Seats
from node.store import bookings, bundles, todos, venues
from node.store.ledger import LogTip, SqlLedger
from tests.simulation.center import SimCenter
from tests.simulation.disk import Disk, SimStore

Patch = tuple[Any, str, Any]

FORGET_AFTER: Final = 3  # deliveries of one word, in the mutant that gives up


def _late_commit() -> Sequence[Patch]:
    """Every transaction stays open until the next one begins."""
    usual = SimStore._begin

    def begin(self: SimStore, connection: sqlite3.Connection) -> None:
        if connection.in_transaction:
            connection.execute("COMMIT")
        usual(self, connection)

    return (
        (SimStore, "_begin", begin),
        (SimStore, "commit", lambda self, _connection: self._center.committed()),
    )


def _no_duplicate_check() -> Sequence[Patch]:
    return ((SqlLedger, "receipt", lambda _self, _sender, _message_id: None),)


def _no_order_check() -> Sequence[Patch]:
    hear = Floor.hear

    def any_revision(self: Floor[Any], visitor: Any) -> Any:
        # Only the look at the revision is taken out; the introduction of a conversation too.
        if self.ledger.conversation(visitor.statement.conversation_id) is None:
            visitor = replace(visitor, statement=replace(visitor.statement, revision=1))
        return hear(self, visitor)

    return ((Floor, "hear", any_revision), (Floor, "_order", lambda *_: None))


def _hasty_confirm() -> Sequence[Patch]:
    usual = bundle.decide

    def decide(known: Bundle, legs: Mapping[Any, Leg], now_ms: int) -> Bundle:
        if known.phase is BundlePhase.HOLDING and any(
            leg.phase == booking.PROMISED for leg in legs.values()
        ):
            return replace(known, phase=BundlePhase.DECIDED, decision=Decision.CONFIRM)
        return usual(known, legs, now_ms)

    return ((bundle, "decide", decide),)


def _seats_freed_by_a_promise() -> Sequence[Patch]:
    return ((booking, "KEEPS_SEATS", booking.KEEPS_SEATS - {booking.PROMISED}),)


def _seats_kept_after_an_abort() -> Sequence[Patch]:
    usual = Afterwards.ended

    def ended(self: Afterwards, desk: Any, known: Conversation) -> None:
        if known.phase != booking.RELEASED:
            usual(self, desk, known)

    return (
        (booking, "KEEPS_SEATS", booking.KEEPS_SEATS | {booking.RELEASED}),
        (Afterwards, "ended", ended),
    )


def _gives_up() -> Sequence[Patch]:
    usual = SqlLedger.pending
    tries: Counter[bytes] = Counter()

    def pending(self: SqlLedger, *limits: Any, **more: Any) -> Sequence[SaidWord]:
        words = usual(self, *limits, **more)
        tries.update(word.hash for word in words)
        return [word for word in words if tries[word.hash] <= FORGET_AFTER]

    return ((SqlLedger, "pending", pending),)


def _decision_not_kept() -> Sequence[Patch]:
    return ((bundles, "set_phase", lambda _connection, _bundle: None),)


def _decision_told_to_few() -> Sequence[Patch]:
    return ((bundling, "_UNTOLD", frozenset({booking.HELD})),)


def _no_alarms() -> Sequence[Patch]:
    async def ring(_self: Alarms[Any]) -> tuple[int, int | None]:
        return 0, None

    return ((Alarms, "ring", ring),)


def _no_errands() -> Sequence[Patch]:
    async def run_due(_self: Errands) -> int:
        return 0

    return ((Errands, "run_due", run_due),)


def _doubt_frees() -> Sequence[Patch]:
    table = TABLES[Kind.BOOKING]
    waits = dict(table.waits)
    waits[booking.PROMISED] = replace(waits[booking.PROMISED], lapses_to=booking.EXPIRED)
    tables = {**TABLES, Kind.BOOKING: replace(table, waits=MappingProxyType(waits))}
    return ((floors, "TABLES", tables),)


def _host_lets_lapse() -> Sequence[Patch]:
    def overdue(table: Table, known: Conversation, now_ms: int) -> bool:
        waits = known.phase in table.waits and known.deadline_ms is not None
        return waits and now_ms >= (known.deadline_ms or 0)

    return ((conversation, "overdue", overdue),)


def _tip_runs_ahead() -> Sequence[Patch]:
    usual = LogTip.at

    def at(self: LogTip, connection: sqlite3.Connection, suite_id: str) -> Any:
        return self._frontiers.get(suite_id) or usual(self, connection, suite_id)

    return ((LogTip, "at", at),)


def _heard_but_not_logged() -> Sequence[Patch]:
    usual = SqlLedger.append_log

    def append_log(self: SqlLedger, suite_id: str, data: bytes, envelope_hash: bytes) -> int:
        return 0 if b'"dir":"in"' in data else usual(self, suite_id, data, envelope_hash)

    return ((SqlLedger, "append_log", append_log),)


def _seats_of_others() -> Sequence[Patch]:
    def hold(
        connection: sqlite3.Connection, holder: bytes, seats: Sequence[str], window: Window
    ) -> None:
        connection.executemany(
            "INSERT OR REPLACE INTO seat_slot (seat, slot, holder) VALUES (?, ?, ?)",
            [(int(seat), slot, holder) for seat in seats for slot in slots(window)],
        )

    return (
        (venues, "taken", lambda *_, **_more: frozenset()),
        (venues, "hold", hold),
    )


def _not_synced() -> Sequence[Patch]:
    """The disk says that it has written before it has: a power cut takes the last commit."""
    earlier: dict[Disk, bytes] = {}
    before: dict[Disk, bytes] = {}
    commit, power = SimStore.commit, Disk.image

    def forgetful(self: SimStore, connection: sqlite3.Connection) -> None:
        if self.has_written():
            before[self._center.disk] = earlier[self._center.disk]
        commit(self, connection)

    begin = SimStore._begin

    def remember(self: Any, connection: sqlite3.Connection) -> None:
        earlier[self._center.disk] = connection.serialize()
        begin(self, connection)

    def image(self: Disk) -> None:
        last = before.pop(self, None)
        if last is not None:
            self.connection.deserialize(last)
        power(self)

    return ((SimStore, "commit", forgetful), (SimStore, "_begin", remember), (Disk, "image", image))


def _goes_on_when_full() -> Sequence[Patch]:
    def careless(name: str) -> Patch:
        usual = getattr(SqlLedger, name)

        def put(self: SqlLedger, word: Any) -> None:
            with suppress(sqlite3.OperationalError):
                usual(self, word)

        return SqlLedger, name, put

    return careless("put_heard"), careless("put_said")


def _pump_ends() -> Sequence[Patch]:
    async def once(self: Pumps[Any], name: str, loop: Loop) -> None:
        try:
            await loop()
        except Exception as error:  # noqa: BLE001 (any)
            self._listener.broke(name, error)

    return ((Pumps, "_forever", once),)


def _decides_again() -> Sequence[Patch]:
    usual = bundle.decide

    def decide(known: Bundle, legs: Mapping[Any, Leg], now_ms: int) -> Bundle:
        if known.phase is BundlePhase.DECIDED and now_ms >= known.decide_by_ms:
            return replace(known, phase=BundlePhase.CLOSED, decision=Decision.ABORT)
        return usual(known, legs, now_ms)

    def set_phase(connection: sqlite3.Connection, known: Bundle) -> None:
        connection.execute(
            "UPDATE bundle SET phase = ?, decision = ? WHERE id = ?",
            (known.phase.value, known.decision and known.decision.name, known.id),
        )

    return ((bundle, "decide", decide), (bundles, "set_phase", set_phase))


def _no_quota() -> Sequence[Patch]:
    return ((enforcement, "check_quota", lambda *_: None),)


def _quota_of_confirmed() -> Sequence[Patch]:
    return ((quota, "OPEN", frozenset({booking.CONFIRMED})),)


def _gives_up_what_it_must_keep() -> Sequence[Patch]:
    return ((enforcement, "gives_up_ms", lambda terms, held_at_ms: held_at_ms + terms.hold_ms),)


def _expired_keeps() -> Sequence[Patch]:
    return ((booking, "KEEPS_SEATS", booking.KEEPS_SEATS | {booking.EXPIRED}),)


def _head_ahead() -> Sequence[Patch]:
    usual = envelopes.encode_statement

    def encode(statement: Statement) -> bytes:
        size = statement.log_size
        return usual(replace(statement, log_size=size + 1) if size else statement)

    return ((floors, "encode_statement", encode),)


def _refuses_what_is_early() -> Sequence[Patch]:
    return ((doorkeeper, "NotYet", NotFresh),)


def _duplicates_answered_anew() -> Sequence[Patch]:
    hear = Floor.hear

    def answer(self: Floor[Any], visitor: Any) -> Any:
        statement = visitor.statement
        stored = self.ledger.receipt(CenterId(statement.sender), statement.message_id)
        if stored is not None:
            return self._answer(visitor, Receipt(Outcome.STALE))
        return hear(self, visitor)

    return ((Floor, "hear", answer),)


def _crossed_booking_stands() -> Sequence[Patch]:
    table = TABLES[Kind.BOOKING]
    rows = {**table.next, (booking.CONFIRMED, "Decide.ABORT"): booking.CONFIRMED}
    tables = {**TABLES, Kind.BOOKING: replace(table, next=MappingProxyType(rows))}
    return ((floors, "TABLES", tables),)


def _books_with_others() -> Sequence[Patch]:
    """Books at once although others were asked too, and lets its hosts do so."""
    usual = Floor.say

    def say(self: Floor[Any], conversation: Any, word: Any) -> Any:
        if isinstance(word, Vote) and word.answer is Answer.YES:
            word = Vote(Answer.BOOK)
        return usual(self, conversation, word)

    return ((Floor, "say", say), (enforcement, "check_vote", lambda *_: None))


def _forgets_when_restarted() -> Sequence[Patch]:
    """Passes over what waited when the node stopped: only new words are sent."""
    usual = SimCenter.start

    def start(self: SimCenter) -> None:
        self.connection.execute(
            "UPDATE said SET receipt = x'00', accepted = 1 WHERE receipt IS NULL"
        )
        usual(self)

    return ((SimCenter, "start", start),)


def _effects_apart() -> Sequence[Patch]:
    """What a word means is committed apart from the word: a crash comes between."""
    usual = Bookings._hold

    def hold(self: Bookings, desk: Any, conversation: Conversation, word: Hold) -> None:
        if desk.now_ms % 7:  # most find the time
            usual(self, desk, conversation, word)

    return ((Bookings, "_hold", hold),)


def _moved_with_the_first() -> Sequence[Patch]:
    usual = change.decide

    def decide(known: Change, legs: Mapping[Any, ChangingLeg], now_ms: int) -> Change:
        if known.phase is ChangePhase.ASKED and any(
            leg.phase == booking.CHANGE_PROMISED for leg in legs.values()
        ):
            return replace(known, phase=ChangePhase.DECIDED, decision=Decision.CONFIRM)
        return usual(known, legs, now_ms)

    return ((change, "decide", decide),)


def _old_window_kept() -> Sequence[Patch]:
    return ((Consenting, "_give_back", lambda *_, **_more: None),)


def _old_window_given_early() -> Sequence[Patch]:
    usual = Consenting._yes

    def yes(self: Consenting, desk: Any, row: Any, leg: Any, reason: str) -> None:
        usual(self, desk, row, leg, reason)
        self._give_back(desk, leg, confirmed=True)

    return ((Consenting, "_yes", yes),)


def _one_book_moved() -> Sequence[Patch]:
    usual = Consenting.settled

    def settled(self: Consenting, desk: Any, conversation: Any, word: Any) -> bool:
        row = bookings.get(desk.ledger.connection, conversation.id)
        moved = usual(self, desk, conversation, word)
        if moved and row is not None:
            bookings.set_window(desk.ledger.connection, row.conversation, row.start_ms, row.end_ms)
        return moved

    return ((Consenting, "settled", settled),)


def _cancelled_keeps() -> Sequence[Patch]:
    return (
        (booking, "KEEPS_SEATS", booking.KEEPS_SEATS | {booking.CANCELLED}),
        (Afterwards, "ended", lambda *_: None),
    )


def _cancelled_in_silence() -> Sequence[Patch]:
    usual = todos.add

    def add(connection: sqlite3.Connection, **todo: Any) -> None:
        if todo["kind"] not in {"booking_cancelled", "leg_lost"}:
            usual(connection, **todo)

    return ((todos, "add", add),)


def _given_up_in_silence() -> Sequence[Patch]:
    return ((giving_up, "open_dispute", lambda *_: None),)


def _seats_of_two_rooms() -> Sequence[Patch]:
    def reseat(self: Seats, desk: Any, holder: bytes, window: Any, *needs: Any) -> bool:
        seats = self._venues.free_seats_for(desk, holder, window, *needs)
        if seats:
            self.hold_more(desk, holder, seats, window)
        return bool(seats)

    return ((Seats, "reseat", reseat),)


def _any_settlement() -> Sequence[Patch]:
    def waits(_desk: Any, row: Any, _change: bytes, wanted: Any) -> bool:
        return row.phase in decisions._AWAITS[wanted]

    return (
        (decisions, "_waits", waits),
        (Consenting, "check_settlement", lambda *_: None),
    )


def _counted_in_one_window() -> Sequence[Patch]:
    return ((bookings, "_ASKED", "SELECT NULL FROM leg_change l WHERE l.{} IS NULL AND 0"),)


MUTANTS: Final[Mapping[str, Callable[[], Sequence[Patch]]]] = MappingProxyType({
    "answers before the commit": _late_commit,
    "skips the duplicate check": _no_duplicate_check,
    "skips the order check": _no_order_check,
    "confirms before all have promised": _hasty_confirm,
    "frees the seats when it promises": _seats_freed_by_a_promise,
    "keeps the seats after an abort": _seats_kept_after_an_abort,
    "gives up after three deliveries": _gives_up,
    "does not keep its decision": _decision_not_kept,
    "tells its decision to some only": _decision_told_to_few,
    "never looks at deadlines": _no_alarms,
    "never runs errands": _no_errands,
    "takes silence for an abort": _doubt_frees,
    "lets the other side's deadline lapse": _host_lets_lapse,
    "trusts the log's tip after a rollback": _tip_runs_ahead,
    "hears without an entry in the log": _heard_but_not_logged,
    "gives seats that others hold": _seats_of_others,
    "says that it has written before it has": _not_synced,
    "goes on when the disk is full": _goes_on_when_full,
    "never restarts a pump": _pump_ends,
    "decides again when time is up": _decides_again,
    "pays no heed to quotas": _no_quota,
    "counts only confirmed bookings": _quota_of_confirmed,
    "gives up seats that it agreed to keep": _gives_up_what_it_must_keep,
    "keeps the seats of an expired hold": _expired_keeps,
    "names a head that its log has not": _head_ahead,
    "refuses for good what is only early": _refuses_what_is_early,
    "answers a duplicate anew": _duplicates_answered_anew,
    "lets a booking stand that an abort crossed": _crossed_booking_stands,
    "books at once although others were asked": _books_with_others,
    "forgets what waits when it restarts": _forgets_when_restarted,
    "hears a hold and reserves nothing": _effects_apart,
    "settles a move when the first consents": _moved_with_the_first,
    "keeps the seats of the window before": _old_window_kept,
    "gives the old seats free when it consents": _old_window_given_early,
    "hears of a move and stays": _one_book_moved,
    "keeps the seats of what was cancelled": _cancelled_keeps,
    "hears of a cancellation and tells nobody": _cancelled_in_silence,
    "gives seats up and tells nobody": _given_up_in_silence,
    "takes other seats and keeps the first": _seats_of_two_rooms,
    "counts a booking that is moved in one window": _counted_in_one_window,
    "takes any settlement for the one that waits": _any_settlement,
})  # fmt: skip


SLIPS: Final = ("positional argument", "keyword argument", "has no attribute", "NameError(")
"""What a mutant fails with that has outlived the code that it changes: nothing was found then."""


@contextmanager
def mutant(name: str) -> Iterator[None]:
    """Let all nodes of this process make one mistake."""
    with ExitStack() as stack:
        for owner, attribute, value in MUTANTS[name]():
            stack.callback(setattr, owner, attribute, getattr(owner, attribute))
            setattr(owner, attribute, value)
        yield
