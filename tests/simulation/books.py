"""Reads the nodes' books, with rules of its own: nothing here is asked of the node's code.

Phases, slots and quotas are spelled out, words are read with the generated classes, and what
was agreed comes from the run. A mistake in the protocol's tables or in the services is seen
here because it is not shared. ``look`` is called after every commit, ``look_back`` after every
restart.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from lianping.federation.v1 import booking_pb2

from federation.ids import CenterId
from federation.trust import merkle
from federation.trust.suite import INTL_1

if TYPE_CHECKING:
    from tests.simulation.center import SimCenter
    from tests.simulation.oracle import Oracle

BOOKED: Final = frozenset({"CONFIRMED", "CHANGING", "CHANGE_PROMISED"})
KEEPS: Final = frozenset({"HELD", "PROMISED", "IN_DOUBT"}) | BOOKED
"""Phases in which a sub keeps its seats, and a quota counts the booking."""
PROMISED: Final = frozenset({"PROMISED", "IN_DOUBT"}) | BOOKED
"""Phases of a sub under which its host may confirm."""
SLOT_MS: Final = 30 * 60_000
DAY_MS: Final = 24 * 60 * 60_000
LATE_MS: Final = 60_000
"""How late a deadline may be noticed: twice what the alarms rest."""


@dataclass(frozen=True, slots=True)
class Agreed:
    """What two centers of the run agreed on, as the run drew it."""

    vote_ms: int
    decide_ms: int
    hold_ms: int
    releases: bool
    max_open: int
    max_at_once: int
    max_in_period: int
    period_ms: int
    from_ms: int


@dataclass(frozen=True, slots=True)
class Ask:
    """What a Hold asked for."""

    bundle: bytes
    participants: int
    start_ms: int
    end_ms: int
    seats: int


@dataclass(frozen=True, slots=True)
class Row:
    """One leg as one of its ends has it."""

    id: bytes
    role: str
    peer: CenterId
    phase: str
    ask: Ask
    given_up: bool
    opened_ms: int
    changed_ms: int


@dataclass
class Known:
    """What the world has seen of one node."""

    roots: list[bytes] = field(default_factory=lambda: [INTL_1.hash(b"")])
    frontier: merkle.Frontier = field(default_factory=lambda: merkle.Frontier(INTL_1))
    last_leaf: bytes = b""
    heard_up_to: int = -1
    revisions: Counter[bytes] = field(default_factory=Counter)
    effects: Counter[bytes] = field(default_factory=Counter)
    acknowledged: set[bytes] = field(default_factory=set)
    witnessed: dict[str, int] = field(default_factory=dict)
    phases: dict[bytes, str] = field(default_factory=dict)


class Books:
    """All books of a run."""

    def __init__(self, oracle: "Oracle") -> None:
        self.decisions: dict[bytes, str] = {}
        self.agreed: dict[tuple[CenterId, CenterId], Agreed] = {}
        """By host and sub."""
        self.seats: dict[CenterId, int] = {}
        """How many seats each center has."""
        self.centers: dict[CenterId, SimCenter] = {}
        self._oracle = oracle
        self._known: dict[CenterId, Known] = {}
        self._asks: dict[bytes, Ask] = {}

    def known(self, center: CenterId) -> Known:
        """What the world has seen of a node."""
        known = self._known.get(center)
        if known is None:
            known = self._known[center] = Known()
        return known

    def look(self, center: "SimCenter") -> None:
        """A node has committed: look at what there is."""
        known, connection = self.known(center.id), center.connection
        self._look_at_log(known, center.name, connection)
        rows = self.rows(connection)
        self._look_at_decisions(center, rows)
        changed = {row.id: row.phase for row in rows}
        if changed != known.phases:
            known.phases = changed
            self._look_at_seats(center, rows)
            self._look_at_quotas(center, rows)
        self._look_at_witnessed(known, center.name, connection)

    def look_back(self, center: "SimCenter") -> None:
        """A node came back: all that it acknowledged and all that it said must be there."""
        known, connection = self.known(center.id), center.connection
        known.phases = {}
        self.look(center)
        there = _column(connection, "SELECT hash FROM heard WHERE accepted")
        lost = known.acknowledged - there
        self._demand(not lost, f"{center.name}: {len(lost)} acknowledged word(s) are lost")
        said = _column(connection, "SELECT hash FROM said")
        for other in self.centers.values():
            heard = _column(other.connection, "SELECT hash FROM heard WHERE sender = ?", center.id)
            self._demand(heard <= said, f"{center.name}: forgot a word that {other.name} has heard")

    def rows(self, connection: sqlite3.Connection) -> list[Row]:
        """Every leg in a node's books."""
        found = connection.execute(
            "SELECT b.conversation, b.role, b.peer, c.phase, b.hold, b.given_up_at_ms IS NOT NULL,"
            " c.opened_at_ms, c.changed_at_ms"
            " FROM booking b JOIN conversation c ON c.id = b.conversation ORDER BY b.conversation"
        ).fetchall()
        return [
            Row(id_, role, CenterId(peer), phase, self._ask(id_, hold), bool(up), opened, changed)
            for id_, role, peer, phase, hold, up, opened, changed in found
        ]

    def look_at_clocks(self, center: "SimCenter") -> None:
        """No deadline is passed over by a center that has been able to see it."""
        (overlooked,) = center.connection.execute(
            "SELECT count(*) FROM conversation WHERE deadline_ms < ?",
            (center.clock.now_ms() - LATE_MS,),
        ).fetchone()
        self._demand(not overlooked, f"{center.name}: {overlooked} deadline(s) overlooked")
        now_ms = center.clock.now_ms()
        for row in self.rows(center.connection):
            if row.role != "SUB" or row.phase not in {"HELD", "PROMISED"}:
                continue
            agreed = self.agreed[row.peer, center.id]
            lasts = agreed.vote_ms if row.phase == "HELD" else agreed.decide_ms
            since = row.opened_ms if row.phase == "HELD" else row.changed_ms
            self._demand(
                now_ms <= since + lasts + LATE_MS,
                f"{center.name}: a leg is {row.phase} for longer than was agreed",
            )

    # The looks

    def _look_at_log(self, known: Known, name: str, connection: sqlite3.Connection) -> None:
        size = known.frontier.size
        rows = connection.execute(
            "SELECT data, envelope_hash FROM log_entry WHERE idx >= ? ORDER BY idx",
            (max(size - 1, 0),),
        ).fetchall()
        if size:
            self._demand(
                bool(rows) and rows[0][0] == known.last_leaf,
                f"{name}: the evidence log lost or changed its entry {size - 1}",
            )
            rows = rows[1:]
        for data, _ in rows:
            known.frontier.append(merkle.leaf_hash(INTL_1, data))
            known.roots.append(known.frontier.root())
            known.last_leaf = data
        logged = {word for _, word in rows}
        heard = connection.execute(
            "SELECT conversation, revision, hash, log_index FROM heard WHERE log_index > ?"
            " ORDER BY log_index",
            (known.heard_up_to,),
        ).fetchall()
        for conversation, revision, word, index in heard:
            self._demand(word in logged, f"{name}: a word was heard that is not in the log")
            self._demand(
                revision == known.revisions[conversation] + 1,
                f"{name}: word {revision} of a conversation was heard after word "
                f"{known.revisions[conversation]}",
            )
            known.revisions[conversation] = revision
            known.heard_up_to = index

    def _look_at_decisions(self, center: "SimCenter", rows: Iterable[Row]) -> None:
        for bundle, decision in center.connection.execute(
            "SELECT id, decision FROM bundle"
        ).fetchall():
            before = self.decisions.get(bundle)
            if before not in {None, decision}:
                self._oracle.violated(f"{center.name}: a decision was changed or lost")
            if decision is not None and before is None:
                self.decisions[bundle] = decision
                if decision == "CONFIRM":
                    legs = [row for row in rows if row.role == "HOST" and row.ask.bundle == bundle]
                    self._look_at_promises(center, legs)

    def _look_at_promises(self, host: "SimCenter", legs: list[Row]) -> None:
        """Whoever confirms has a promise of every sub, and the subs know of it."""
        asked = max((leg.ask.participants for leg in legs), default=0)
        self._demand(
            0 < asked == len(legs), f"{host.name}: confirmed {len(legs)} leg(s) of {asked}"
        )
        for leg in legs:
            sub = self.centers[leg.peer]
            phase = phase_at(sub.connection, leg.id)
            self._demand(
                phase in PROMISED, f"{host.name}: confirmed a leg that is {phase} at {sub.name}"
            )

    def _look_at_seats(self, center: "SimCenter", rows: Iterable[Row]) -> None:
        taken: Counter[int] = Counter()
        held = {
            holder: (count, distinct, first, last)
            for holder, count, distinct, first, last in center.connection.execute(
                "SELECT holder, count(*), count(DISTINCT seat), min(slot), max(slot)"
                " FROM seat_slot GROUP BY holder"
            )
        }
        for row in rows:
            if row.role != "SUB":
                continue
            slots = slots_of(row.ask)
            keeps = row.phase in KEEPS and not row.given_up
            wanted = (
                (row.ask.seats * len(slots), row.ask.seats, slots[0], slots[-1]) if keeps else None
            )
            found = held.pop(row.id, None)
            if found != wanted:
                self._oracle.violated(
                    f"{center.name}: a {row.phase} booking holds the seats {found}, not {wanted}"
                )
            if keeps:
                taken.update(dict.fromkeys(slots, row.ask.seats))
            decision = self.decisions.get(row.ask.bundle)
            alone = row.ask.participants == 1  # its yes has booked it; the decision follows
            if ((row.phase in BOOKED and not alone) or row.phase == "COMPLETED") and (
                decision != "CONFIRM"
            ):
                self._oracle.violated(
                    f"{center.name}: a leg is {row.phase} but its host decided {decision}"
                )
            if row.given_up:
                self._demand(
                    self.agreed[row.peer, center.id].releases,
                    f"{center.name}: gave up seats that it had agreed to keep",
                )
        for count, _, first, last in held.values():  # the host's own
            seats = count // (last - first + 1)
            taken.update(dict.fromkeys(range(first, last + 1), seats))
        if taken and max(taken.values()) > self.seats[center.id]:
            self._oracle.violated(f"{center.name}: more seats are promised than it has")

    def _look_at_quotas(self, center: "SimCenter", rows: Iterable[Row]) -> None:
        directions: dict[tuple[CenterId, CenterId], list[Row]] = {}
        for row in rows:
            ends = (row.peer, center.id) if row.role == "SUB" else (center.id, row.peer)
            directions.setdefault(ends, []).append(row)
        for ends, legs in directions.items():
            agreed = self.agreed[ends]
            live = [leg.ask for leg in legs if leg.phase in KEEPS and not leg.given_up]
            used = [leg.ask for leg in legs if leg.phase in KEEPS or leg.phase == "COMPLETED"]
            spent = Counter((ask.start_ms - agreed.from_ms) // agreed.period_ms for ask in used)
            at_once = [
                sum(other.start_ms <= ask.start_ms < other.end_ms for other in live) for ask in live
            ]
            for what, count, most in (
                ("are open", len(live), agreed.max_open),
                ("are at one time", max(at_once, default=0), agreed.max_at_once),
                ("are in one period", max(spent.values(), default=0), agreed.max_in_period),
            ):
                if count > most:
                    self._oracle.violated(f"{center.name}: {count} bookings {what}, not {most}")
                if count == most:
                    self._oracle.reached(f"as many bookings {what} as was agreed")

    def _look_at_witnessed(self, known: Known, name: str, connection: sqlite3.Connection) -> None:
        for peer, size, root in connection.execute("SELECT peer, size, root FROM witnessed"):
            before = known.witnessed.get(peer, 0)
            if size == before:
                continue
            self._demand(size > before, f"{name}: forgot a checkpoint that it had cosigned")
            known.witnessed[peer] = size
            roots = self.known(CenterId(peer)).roots
            self._demand(
                size < len(roots) and roots[size] == root,
                f"{name}: cosigned a root of size {size} that is not that of its peer's log",
            )
        (forks,) = connection.execute("SELECT count(*) FROM fork").fetchone()
        self._demand(forks == 0, f"{name}: saw two histories of an honest peer")

    def _ask(self, booking: bytes, hold: bytes) -> Ask:
        known = self._asks.get(booking)
        if known is None:
            word = booking_pb2.Hold.FromString(hold)
            known = self._asks[booking] = Ask(
                word.bundle_id, len(word.participants), word.start_ms, word.end_ms, word.seats
            )
        return known

    def _demand(self, holds: bool, what: str) -> None:
        self._oracle.demand(holds, what)


def slots_of(ask: Ask) -> range:
    """The half hours that a booking touches."""
    return range(ask.start_ms // SLOT_MS, (ask.end_ms + SLOT_MS - 1) // SLOT_MS)


def phase_at(connection: sqlite3.Connection, conversation: bytes) -> str | None:
    """The phase of a conversation at one of its ends; None where it is not known."""
    row = connection.execute(
        "SELECT phase FROM conversation WHERE id = ?", (conversation,)
    ).fetchone()
    return None if row is None else str(row[0])


def _column(connection: sqlite3.Connection, query: str, *values: object) -> set[bytes]:
    return {row[0] for row in connection.execute(query, values)}
