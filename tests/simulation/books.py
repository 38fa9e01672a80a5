"""Reads the nodes' books, with rules of its own: nothing here is asked of the node's code.

Phases, slots and quotas are spelled out, words are read with the generated classes, and what
was agreed comes from the run. A mistake in the protocol's tables or in the services is seen
here because it is not shared. ``look`` is called after every commit, ``look_back`` after every
restart.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
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
    start_ms: int
    end_ms: int
    given_up: bool
    opened_ms: int
    changed_ms: int

    @property
    def slots(self) -> range:
        """The half hours of the window that counts now."""
        return slots_of(self.start_ms, self.end_ms)


@dataclass(frozen=True, slots=True)
class Wish:
    """Another window, as its host has asked for it, or one of its subs was asked."""

    leg: bytes
    change: bytes
    start_ms: int
    end_ms: int
    by_law: bool
    answer: str | None
    decision: str | None

    @property
    def waits(self) -> bool:
        """Whether the leg keeps both windows for it, or may."""
        return self.decision is None and self.answer != "NO"


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
    state: object = None


class Books:
    """All books of a run."""

    def __init__(self, oracle: "Oracle") -> None:
        self.decisions: dict[bytes, str] = {}
        """What hosts have decided, on bundles and on changes, by id."""
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
        rows, wishes = self.rows(connection), _wishes(connection)
        self._look_at_decisions(center, rows, wishes)
        state = [(row.id, row.phase, row.start_ms, row.end_ms) for row in rows], wishes
        if state != known.state:
            known.state = state
            self._look_at_windows(center, rows, wishes)
            self._look_at_seats(center, rows, wishes)
            self._look_at_quotas(center, rows, wishes)
        self._look_at_witnessed(known, center.name, connection)

    def look_back(self, center: "SimCenter") -> None:
        """A node came back: all that it acknowledged and all that it said must be there."""
        known, connection = self.known(center.id), center.connection
        known.state = None
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
            "SELECT b.conversation, b.hold, b.role, b.peer, c.phase, b.start_ms, b.end_ms,"
            " b.given_up_at_ms IS NOT NULL, c.opened_at_ms, c.changed_at_ms"
            " FROM booking b JOIN conversation c ON c.id = b.conversation ORDER BY b.conversation"
        ).fetchall()
        return [
            Row(
                id_, role, CenterId(peer), phase, self._ask(id_, hold), start, end, bool(up), *times
            )
            for id_, hold, role, peer, phase, start, end, up, *times in found
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

    def _look_at_decisions(
        self, center: "SimCenter", rows: Sequence[Row], wishes: Sequence[Wish]
    ) -> None:
        for id_, decision, of_bundle in center.connection.execute(
            "SELECT id, decision, 1 FROM bundle UNION ALL SELECT id, decision, 0 FROM change"
        ).fetchall():
            before = self.decisions.get(id_)
            if before not in {None, decision}:
                self._oracle.violated(f"{center.name}: a decision was changed or lost")
            if decision is None or before is not None:
                continue
            self.decisions[id_] = decision
            if decision == "CONFIRM" and of_bundle:
                legs = [row for row in rows if row.role == "HOST" and row.ask.bundle == id_]
                self._look_at_promises(center, legs)
            elif decision == "CONFIRM":
                self._look_at_consents(center, [wish for wish in wishes if wish.change == id_])

    def _look_at_promises(self, host: "SimCenter", legs: Sequence[Row]) -> None:
        """Whoever confirms has a promise of every sub, and the subs know of it."""
        asked = max((leg.ask.participants for leg in legs), default=0)
        self._demand(
            0 < asked == len(legs), f"{host.name}: confirmed {len(legs)} leg(s) of {asked}"
        )
        for leg in legs:
            sub = self.centers[leg.peer]
            phase = phase_at(sub.connection, leg.id)
            cancelled = asked == 1 and phase == "CANCELLED"  # booked by its yes, then given up
            self._demand(
                phase in PROMISED or cancelled,
                f"{host.name}: confirmed a leg that is {phase} at {sub.name}",
            )

    def _look_at_consents(self, host: "SimCenter", legs: Sequence[Wish]) -> None:
        """Whoever settles a change has the consent of every sub, and the subs know of it."""
        self._demand(bool(legs), f"{host.name}: settled a change of nothing")
        for leg in legs:
            (peer,) = host.connection.execute(
                "SELECT peer FROM booking WHERE conversation = ?", (leg.leg,)
            ).fetchone()
            sub = self.centers[CenterId(peer)]
            phase = phase_at(sub.connection, leg.leg)
            self._demand(
                phase in {"CHANGE_PROMISED", "CANCELLED"},
                f"{host.name}: settled a change of a leg that is {phase} at {sub.name}",
            )

    def _look_at_windows(
        self, center: "SimCenter", rows: Iterable[Row], wishes: Iterable[Wish]
    ) -> None:
        """The window that counts is the Hold's, or that of the last change that was confirmed."""
        last: dict[bytes, tuple[int, int]] = {}
        for wish in wishes:
            decided = self.decisions.get(wish.change)
            if wish.decision not in {None, decided}:
                self._oracle.violated(
                    f"{center.name}: a change is settled as {wish.decision}, decided as {decided}"
                )
            if wish.decision == "CONFIRM":
                last[wish.leg] = (wish.start_ms, wish.end_ms)
        for row in rows:
            counts = last.get(row.id, (row.ask.start_ms, row.ask.end_ms))
            if (row.start_ms, row.end_ms) != counts:
                self._oracle.violated(f"{center.name}: a leg has a window that nobody settled")

    def _look_at_seats(
        self, center: "SimCenter", rows: Iterable[Row], wishes: Sequence[Wish]
    ) -> None:
        taken: Counter[int] = Counter()
        held: dict[bytes, dict[int, int]] = {}
        for holder, slot, count in center.connection.execute(
            "SELECT holder, slot, count(*) FROM seat_slot GROUP BY holder, slot"
        ):
            held.setdefault(holder, {})[slot] = count
            taken[slot] += count
        waiting = {wish.leg: wish for wish in wishes if wish.waits}
        for row in rows:
            if row.role != "SUB":
                continue
            self._look_at_seats_of(center.name, row, waiting.get(row.id), held.pop(row.id, {}))
            decision = self.decisions.get(row.ask.bundle)
            alone = row.ask.participants == 1  # its yes has booked it; the decision follows
            needs_one = row.phase == "COMPLETED" or (row.phase in BOOKED and not alone)
            if needs_one and decision != "CONFIRM":
                self._oracle.violated(
                    f"{center.name}: a leg is {row.phase} but its host decided {decision}"
                )
            if row.given_up:
                self._demand(
                    self.agreed[row.peer, center.id].releases,
                    f"{center.name}: gave up seats that it had agreed to keep",
                )
                self._demand(
                    row.id
                    in _column(center.connection, "SELECT conversation FROM booking_dispute"),
                    f"{center.name}: gave seats up and told nobody",
                )
        ours = _column(center.connection, "SELECT id FROM bundle")
        self._demand(held.keys() <= ours, f"{center.name}: seats are held for nobody")
        if taken and max(taken.values()) > self.seats[center.id]:
            self._oracle.violated(f"{center.name}: more seats are held than it has")

    def _look_at_seats_of(
        self, name: str, row: Row, wish: Wish | None, held: dict[int, int]
    ) -> None:
        """A leg has its seats in every slot of its window, and in no other."""
        keeps = row.phase in KEEPS and not row.given_up
        needed = set(row.slots) if keeps else set()
        allowed = set(needed)
        if wish is not None and row.phase in {"CHANGING", "CHANGE_PROMISED"}:
            allowed.update(slots_of(wish.start_ms, wish.end_ms))
            if row.phase == "CHANGE_PROMISED":
                needed = allowed
        for slot in needed:
            if held.get(slot, 0) < row.ask.seats:
                self._oracle.violated(f"{name}: a {row.phase} leg lacks seats")
            if held.get(slot, 0) > row.ask.seats and wish is None:
                self._oracle.violated(f"{name}: a {row.phase} leg has more seats than it needs")
        if not held.keys() <= allowed:
            self._oracle.violated(f"{name}: a {row.phase} leg keeps seats that are not its own")

    def _look_at_quotas(
        self, center: "SimCenter", rows: Iterable[Row], wishes: Iterable[Wish]
    ) -> None:
        by_law = {wish.leg for wish in wishes if wish.by_law and wish.decision == "CONFIRM"}
        directions: dict[tuple[CenterId, CenterId], list[Row]] = {}
        for row in rows:
            ends = (row.peer, center.id) if row.role == "SUB" else (center.id, row.peer)
            directions.setdefault(ends, []).append(row)
        for ends, legs in directions.items():
            agreed = self.agreed[ends]
            live = [leg for leg in legs if leg.phase in KEEPS and not leg.given_up]
            used = [*live, *(leg for leg in legs if leg.phase == "COMPLETED")]
            spent = Counter((leg.start_ms - agreed.from_ms) // agreed.period_ms for leg in used)
            lawful = [leg for leg in live if leg.id not in by_law]  # the law goes before a quota
            at_once = [
                sum(other.start_ms <= leg.start_ms < other.end_ms for other in lawful)
                for leg in lawful
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


def slots_of(start_ms: int, end_ms: int) -> range:
    """The half hours that a window touches."""
    return range(start_ms // SLOT_MS, (end_ms + SLOT_MS - 1) // SLOT_MS)


def phase_at(connection: sqlite3.Connection, conversation: bytes) -> str | None:
    """The phase of a conversation at one of its ends; None where it is not known."""
    row = connection.execute(
        "SELECT phase FROM conversation WHERE id = ?", (conversation,)
    ).fetchone()
    return None if row is None else str(row[0])


def _wishes(connection: sqlite3.Connection) -> list[Wish]:
    found = connection.execute(
        "SELECT conversation, change, start_ms, end_ms, by_law, answer, decision FROM leg_change"
        " ORDER BY rowid"
    ).fetchall()
    return [
        Wish(leg, change, start, end, bool(by_law), answer, decision)
        for leg, change, start, end, by_law, answer, decision in found
    ]


def _column(connection: sqlite3.Connection, query: str, *values: object) -> set[bytes]:
    return {row[0] for row in connection.execute(query, values)}
