"""Nodes with one mistake each. A simulator that does not find them finds nothing."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from federation.engine import floor as floors
from federation.engine.alarms import Alarms
from federation.engine.floor import Floor
from federation.ids import CenterId
from federation.ports import SaidWord
from federation.protocol import booking, bundle, conversation
from federation.protocol.booking import Decision
from federation.protocol.bundle import Bundle, BundlePhase, Leg
from federation.protocol.conversation import Conversation, Kind, Table
from federation.protocol.tables import TABLES
from node.domain.calendar import Window, slots
from node.services import bundling
from node.services.errands import Errands
from node.store import bundles, venues
from node.store.ledger import LogTip, SqlLedger
from tests.simulation.disk import SimStore

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
    return ((booking, "KEEPS_SEATS", booking.KEEPS_SEATS | {booking.RELEASED}),)


def _gives_up() -> Sequence[Patch]:
    usual = SqlLedger.pending
    tries: Counter[bytes] = Counter()

    def pending(
        self: SqlLedger,
        peer: CenterId,
        at_most: int,
        bytes_at_most: int,
        without: Collection[str] = (),
    ) -> Sequence[SaidWord]:
        words = usual(self, peer, at_most, bytes_at_most, without)
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
        (venues, "taken", lambda _connection, _window: frozenset()),
        (venues, "hold", hold),
    )


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
})  # fmt: skip


@contextmanager
def mutant(name: str) -> Iterator[None]:
    """Let all nodes of this process make one mistake."""
    with ExitStack() as stack:
        for owner, attribute, value in MUTANTS[name]():
            stack.callback(setattr, owner, attribute, getattr(owner, attribute))
            setattr(owner, attribute, value)
        yield
