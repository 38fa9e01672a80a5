"""Sees everything, forgets nothing, and says at once what must never happen.

It stands outside all nodes: what a node has shown to the world (a receipt on the wire, a
decision, a log entry) is remembered here and must be found in that node ever after, whatever
crashes. Every commit is looked at; ``Verdict`` looks once more when all is at rest.
"""

import hashlib
import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from federation.ids import CenterId
from federation.protocol import booking
from federation.trust import merkle
from federation.trust.suite import INTL_1
from federation.wire.envelopes import (
    Outcome,
    decode_delivery_reply,
    decode_receipt,
    decode_statement,
)
from federation.wire.words import decode_word
from node.domain.calendar import Window, slots

# Spelled out, not taken from the protocol: a mistake there must be seen here.
KEEPS: Final = frozenset({"HELD", "PROMISED", "IN_DOUBT", "CONFIRMED"})
HOLD: Final = "application/vnd.lianping.v1.booking.Hold+protobuf"


class Violation(Exception):
    """Something happened that must never happen."""


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
    changes: int = -1


class Oracle:
    """One per run."""

    def __init__(self) -> None:
        self.goals: Counter[str] = Counter()
        self.decisions: dict[bytes, str] = {}
        self._known: dict[CenterId, Known] = {}
        self._receipts: dict[tuple[CenterId, bytes], bytes] = {}
        self._gaps: set[bytes] = set()
        self._wanted: dict[bytes, int] = {}
        self._trace = hashlib.blake2b(digest_size=16)
        self._violation: str | None = None

    # The trace

    def note(self, *what: object) -> None:
        """Add to the trace, which two runs of one seed have in common to the last byte."""
        self._trace.update(repr(what).encode())

    @property
    def trace(self) -> str:
        """The hash of everything that was noted."""
        return self._trace.hexdigest()

    def reached(self, goal: str) -> None:
        """Count that something worth reaching was reached."""
        self.goals[goal] += 1

    def violated(self, what: str) -> None:
        """Keep the first violation, wherever it was noticed, until somebody asks."""
        if self._violation is None:
            self._violation = what

    def demand(self, holds: bool, what: str) -> None:
        """Note a violation unless ``holds``."""
        if not holds:
            self.violated(what)

    def raise_violation(self) -> None:
        """Raise the first violation, if there was any."""
        if self._violation is not None:
            raise Violation(self._violation)

    # What is seen on the wire

    def replied(self, at: CenterId, reply: bytes) -> None:
        """A node has put receipts on the wire: from now on it is bound by them."""
        known = self._of(at)
        receipts, _ = decode_delivery_reply(reply)
        for envelope in receipts:
            statement = decode_statement(envelope.payload)
            receipt = decode_receipt(statement.body)
            word = statement.answers_hash
            if receipt.outcome is Outcome.GAP:
                self.reached("a word came before the one it follows")
                self._gaps.add(word)
                continue
            first = self._receipts.setdefault((at, word), envelope.payload)
            self.demand(first == envelope.payload, "one word got two different receipts")
            if word in known.acknowledged:
                self.reached("a duplicate was answered with its first receipt")
            if receipt.outcome is Outcome.ACCEPTED:
                known.acknowledged.add(word)
                if word in self._gaps:
                    self.reached("a gap was repaired")
            if receipt.reason == "SEATS_TAKEN":
                self.reached("a hold was refused for want of seats")

    def took_effect(self, at: CenterId, word: bytes) -> None:
        """A word's consequences were committed."""
        effects = self._of(at).effects
        effects[word] += 1
        self.demand(effects[word] == 1, "a word took effect twice")

    # What is seen in a database

    def committed(self, at: CenterId, name: str, connection: sqlite3.Connection) -> None:
        """A node has committed: look at what changed."""
        known = self._of(at)
        if known.changes == connection.total_changes:
            return
        known.changes = connection.total_changes
        self._look_at_log(known, name, connection)
        self._look_at_decisions(name, connection)
        self._look_at_seats(name, connection)
        self._look_at_witnessed(known, name, connection)

    def restarted(self, at: CenterId, name: str, connection: sqlite3.Connection) -> None:
        """A node came back: all that it ever acknowledged must be there."""
        self._of(at).changes = -1
        self.committed(at, name, connection)
        self._look_at_acknowledged(at, name, connection)

    def at_rest(self, at: CenterId, name: str, connection: sqlite3.Connection) -> None:
        """The last look: everything once more, from nothing."""
        self.restarted(at, name, connection)
        leaves = [
            merkle.leaf_hash(INTL_1, data)
            for (data,) in connection.execute("SELECT data FROM log_entry ORDER BY idx")
        ]
        self.demand(
            merkle.root(INTL_1, leaves) == self._of(at).roots[len(leaves)]
            if leaves
            else len(self._of(at).roots) == 1,
            f"{name}: the evidence log is not what it was",
        )
        nodes = dict(connection.execute("SELECT id, hash FROM log_node").fetchall())
        self.demand(
            merkle.root_at(
                INTL_1,
                len(leaves),
                lambda level, index: nodes[level << 56 | index] if level else leaves[index],
            )
            == self._of(at).roots[-1],
            f"{name}: the log's stored tree is not that of its entries",
        )

    def _look_at_log(self, known: Known, name: str, connection: sqlite3.Connection) -> None:
        size = known.frontier.size
        rows = connection.execute(
            "SELECT data, envelope_hash FROM log_entry WHERE idx >= ? ORDER BY idx",
            (max(size - 1, 0),),
        ).fetchall()
        if size:
            self.demand(
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
            self.demand(word in logged, f"{name}: a word was heard that is not in the log")
            self.demand(
                revision == known.revisions[conversation] + 1,
                f"{name}: word {revision} of a conversation was heard after word "
                f"{known.revisions[conversation]}",
            )
            known.revisions[conversation] = revision
            known.heard_up_to = index

    def _look_at_decisions(self, name: str, connection: sqlite3.Connection) -> None:
        for bundle, decision in connection.execute("SELECT id, decision FROM bundle").fetchall():
            before = self.decisions.get(bundle)
            self.demand(before in {None, decision}, f"{name}: a decision was changed or lost")
            if decision is not None and before is None:
                self.decisions[bundle] = decision

    def _look_at_seats(self, name: str, connection: sqlite3.Connection) -> None:
        rows = connection.execute(
            "SELECT b.conversation, b.bundle, b.hold, c.phase,"
            " (SELECT count(*) FROM seat_slot s WHERE s.holder = b.conversation)"
            " FROM booking b JOIN conversation c ON c.id = b.conversation WHERE b.role = 'SUB'"
        ).fetchall()
        for conversation, bundle, hold, phase, held in rows:
            wanted = self._wanted.get(conversation)
            if wanted is None:
                word = decode_word(HOLD, hold)
                assert isinstance(word, booking.Hold), "a booking keeps its Hold"
                wanted = word.seats * len(slots(Window(word.start_ms, word.end_ms)))
                self._wanted[conversation] = wanted
            keeps = wanted if phase in KEEPS else 0
            self.demand(
                held == keeps, f"{name}: a {phase} booking holds {held} seat slots, not {keeps}"
            )
            if phase in {"CONFIRMED", "COMPLETED"}:
                self.demand(
                    self.decisions.get(bundle) == "CONFIRM",
                    f"{name}: a leg is {phase} but its host decided {self.decisions.get(bundle)}",
                )
        (twice,) = connection.execute(
            "SELECT count(*) - count(DISTINCT seat || ':' || slot) FROM seat_slot"
        ).fetchone()
        self.demand(twice == 0, f"{name}: a seat is held twice in one slot")

    def _look_at_witnessed(self, known: Known, name: str, connection: sqlite3.Connection) -> None:
        for peer, size, root in connection.execute("SELECT peer, size, root FROM witnessed"):
            before = known.witnessed.get(peer, 0)
            self.demand(size >= before, f"{name}: forgot a checkpoint that it had cosigned")
            known.witnessed[peer] = size
            roots = self._of(CenterId(peer)).roots
            self.demand(
                size < len(roots) and roots[size] == root,
                f"{name}: cosigned a root of size {size} that is not that of its peer's log",
            )
        (forks,) = connection.execute("SELECT count(*) FROM fork").fetchone()
        self.demand(forks == 0, f"{name}: saw two histories of an honest peer")

    def _look_at_acknowledged(
        self, at: CenterId, name: str, connection: sqlite3.Connection
    ) -> None:
        there = {
            row[0] for row in connection.execute("SELECT hash FROM heard WHERE accepted").fetchall()
        }
        lost = self._of(at).acknowledged - there
        self.demand(not lost, f"{name}: {len(lost)} acknowledged word(s) are lost")

    def _of(self, at: CenterId) -> Known:
        return self._known.setdefault(at, Known())
