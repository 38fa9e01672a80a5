"""The federation's ports on SQL, the part for logs that contradict themselves.

When two heads are a contradiction is ``federation.engine``'s question; what an operator may do
about one is ``node.services.forks``'.
"""

import sqlite3
from collections.abc import Sequence

from federation.ids import CenterId
from federation.ports import PassedHead
from node.store import forks


class ForkLedger:
    """One transaction's share of it."""

    connection: sqlite3.Connection

    def put_twin(self, peer: CenterId, held: bytes, shown: bytes, now_ms: int) -> None:
        """Keep two descriptors of a peer that cannot both be its only one."""
        self.connection.execute(
            "INSERT OR IGNORE INTO twin (center, held, shown, seen_at_ms) VALUES (?, ?, ?, ?)",
            (peer, held, shown, now_ms),
        )

    def doubtful(self, peer: CenterId) -> bool:
        """Whether a peer's logs or descriptors contradict each other."""
        row = self.connection.execute("SELECT 1 FROM twin WHERE center = ?", (peer,)).fetchone()
        return row is not None or forks.open_with(self.connection, peer)

    def put_fork(self, peer: CenterId, held: str, shown: str, now_ms: int, via: str = "") -> bool:
        """Keep two checkpoints that cannot both be true; answers whether they are news."""
        return forks.put(self.connection, forks.Fork(peer, held, shown, now_ms, via))

    def forked(self, peer: CenterId) -> bool:
        """Whether such checkpoints of a peer are kept, and no epoch or operator settled them."""
        return forks.open_with(self.connection, peer)

    def forks(self, peer: CenterId) -> Sequence[tuple[str, str]]:
        """The contradictions that nothing explains yet: what was held, and what was shown."""
        return self.connection.execute(
            "SELECT held, shown FROM fork WHERE peer = ? AND explained IS NULL", (peer,)
        ).fetchall()

    def explain_forks(self, peer: CenterId, epoch: int, shown: Sequence[str]) -> None:
        """An epoch that a peer announced explains what it had shown; the proof stays."""
        self.connection.executemany(
            "UPDATE fork SET explained = ? WHERE peer = ? AND shown = ?",
            [(epoch, peer, each) for each in shown],
        )

    def heads_of_others(self, peer: CenterId, suite_id: str) -> Sequence[str]:
        """The newest head that we cosigned of each log but this peer's, cosigned."""
        rows = self.connection.execute(
            "SELECT note FROM witnessed WHERE suite = ? AND peer <> ? AND note <> '' ORDER BY peer",
            (suite_id, peer),
        ).fetchall()
        return [note for (note,) in rows]

    def put_passed(self, row: PassedHead) -> None:
        """Keep a head that was passed on, in place of the last one by the same way."""
        self.connection.execute(
            "INSERT INTO passed_head (peer, suite, via, size, root, note, seen_at_ms, proven)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, 0)"
            " ON CONFLICT (peer, suite, via) DO UPDATE SET size = excluded.size,"
            " root = excluded.root, note = excluded.note, proven = 0,"
            " seen_at_ms = iif(proven, excluded.seen_at_ms, seen_at_ms)"
            " WHERE size <> excluded.size OR root <> excluded.root",
            (row.peer, row.suite, row.via, row.size, row.root, row.note, row.seen_at_ms),
        )

    def put_proven(self, row: PassedHead) -> None:
        """A log has proven that a head that was passed on is its own."""
        self.connection.execute(
            "UPDATE passed_head SET proven = 1 WHERE peer = ? AND suite = ? AND via = ?"
            " AND size = ? AND root = ?",
            (row.peer, row.suite, row.via, row.size, row.root),
        )

    def passed(self, peer: CenterId, suite_id: str) -> Sequence[PassedHead]:
        """The heads of a peer's log that were passed on, one for each way."""
        rows = self.connection.execute(
            "SELECT via, size, root, note, seen_at_ms, proven FROM passed_head"
            " WHERE peer = ? AND suite = ? ORDER BY seen_at_ms, via",
            (peer, suite_id),
        ).fetchall()
        return [
            PassedHead(peer, suite_id, CenterId(via), size, root, note, seen, bool(proven))
            for via, size, root, note, seen, proven in rows
        ]
