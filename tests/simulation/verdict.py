"""The last look, when the faults are over: is all at rest, and do both ends agree?

What may differ at rest is spelled out here, and each such difference must be in front of
people: a heuristic outcome is never silent.
"""

import sqlite3
from collections.abc import Sequence
from typing import Final

from federation.ids import CenterId
from federation.trust import merkle
from federation.trust.suite import INTL_1
from tests.simulation.books import BOOKED, Row, phase_at
from tests.simulation.center import SimCenter
from tests.simulation.oracle import Oracle

OPEN: Final = frozenset({"HELD", "PROMISED", "IN_DOUBT", "CHANGING", "CHANGE_PROMISED"})
KEPT: Final = BOOKED | {"COMPLETED", "CANCELLED"}
NOT_KEPT: Final = frozenset({"DECLINED", "RELEASED", "EXPIRED", "REFUSED"})


class Verdict:
    """Looks at all centers of a run."""

    def __init__(self, centers: Sequence[SimCenter], oracle: Oracle) -> None:
        self._centers = centers
        self._by_id = {center.id: center for center in centers}
        self._oracle = oracle

    def unfinished(self) -> str:
        """What is not at rest yet, or ""."""
        for center in self._centers:
            query = center.connection.execute
            (pending,) = query("SELECT count(*) FROM said WHERE receipt IS NULL").fetchone()
            if pending:
                return f"{center.name} has {pending} word(s) without receipt"
            for row in self._oracle.books.rows(center.connection):
                if row.phase in OPEN and not row.given_up:
                    return f"{center.name}: booking {row.id.hex()[:8]} is {row.phase}"
            (open_bundles,) = query(
                "SELECT count(*) FROM bundle WHERE phase NOT LIKE 'CLOSED%'"
            ).fetchone()
            if open_bundles:
                return f"{center.name} has {open_bundles} open bundle(s)"
            (open_changes,) = query(
                "SELECT count(*) FROM change WHERE phase <> 'CLOSED'"
            ).fetchone()
            if open_changes:
                return f"{center.name} has {open_changes} open change(s)"
            (size,) = query("SELECT count(*) FROM log_entry").fetchone()
            for peer in center.keyring.peers:
                (seen,) = query(
                    "SELECT coalesce(max(size), 0) FROM cosigned WHERE peer = ?", (peer,)
                ).fetchone()
                if seen < size:
                    return f"{center.name}: {size - seen} log entries are not cosigned by {peer}"
        return ""

    def speak(self) -> None:
        """Look at everything once more, from nothing."""
        for center in self._centers:
            self._oracle.restarted(center)
            self._whole_log(center)
            self._receipts(center)
        for host in self._centers:
            rows = self._oracle.books.rows(host.connection)
            for bundle, decision, root in host.connection.execute(
                "SELECT id, decision, coalesce(joins, id) FROM bundle ORDER BY id"
            ).fetchall():
                legs = [row for row in rows if row.role == "HOST" and row.ask.bundle == bundle]
                self._bundle(host, decision, legs)
                self._oracle.demand(root == bundle or len(legs) == 1, "a stand-in has one leg")
            self._changes(host)
        self._both_ends()

    def _whole_log(self, center: SimCenter) -> None:
        known = self._oracle.books.known(center.id)
        leaves = [
            merkle.leaf_hash(INTL_1, data)
            for (data,) in center.connection.execute("SELECT data FROM log_entry ORDER BY idx")
        ]
        for size in {0, len(leaves) // 2, len(leaves)}:
            self._demand(
                len(known.roots) == len(leaves) + 1
                and (not size or merkle.root(INTL_1, leaves[:size]) == known.roots[size]),
                f"{center.name}: the evidence log is not what it was",
            )
        nodes = dict(center.connection.execute("SELECT id, hash FROM log_node").fetchall())
        self._demand(
            merkle.root_at(
                INTL_1,
                len(leaves),
                lambda level, index: nodes[level << 56 | index] if level else leaves[index],
            )
            == known.roots[-1],
            f"{center.name}: the log's stored tree is not that of its entries",
        )

    def _receipts(self, center: SimCenter) -> None:
        """What was receipted here was heard there, with the same answer."""
        for word, peer, accepted in center.connection.execute(
            "SELECT hash, peer, accepted FROM said WHERE receipt IS NOT NULL"
        ):
            other = self._by_id[CenterId(peer)]
            row = other.connection.execute(
                "SELECT accepted FROM heard WHERE hash = ?", (word,)
            ).fetchone()
            # A refusal that changed nothing may be given without being kept.
            self._demand(
                (row is None and not accepted) or (row is not None and row[0] == accepted),
                f"{center.name}: a receipt is not what {other.name} has in its books",
            )

    def _bundle(self, host: SimCenter, decision: str, legs: list[Row]) -> None:
        """All or nothing, as both ends see it."""
        confirmed = decision == "CONFIRM"
        self._oracle.reached("a bundle was confirmed" if confirmed else "a bundle was aborted")
        if confirmed and len(legs) > 1:
            self._oracle.reached("a bundle of several legs was confirmed")
        if len(legs) > 2:
            self._oracle.reached("a bundle of three legs or more ended")
        for leg in legs:
            sub = self._by_id[leg.peer]
            theirs = phase_at(sub.connection, leg.id)
            if leg.phase == "COMPLETED":
                self._oracle.reached("a booking was completed")
            if self._was_given_up(sub, leg.id):
                self._heuristic(host, sub, leg)
            elif confirmed:
                self._demand(
                    leg.phase in KEPT and theirs == leg.phase,
                    f"{host.name}: a leg of a confirmed bundle is {leg.phase}, "
                    f"at {sub.name} {theirs}",
                )
                self._stands(host, sub, leg)
            else:
                self._demand(
                    leg.phase in NOT_KEPT and (theirs is None or theirs in NOT_KEPT),
                    f"{host.name}: a leg of an aborted bundle is {leg.phase}, "
                    f"at {sub.name} {theirs}",
                )

    def _stands(self, host: SimCenter, sub: SimCenter, leg: Row) -> None:
        """Both ends have the same window, and a cancellation was told."""
        windows = [
            at.connection.execute(
                "SELECT start_ms, end_ms FROM booking WHERE conversation = ?", (leg.id,)
            ).fetchone()
            for at in (host, sub)
        ]
        if leg.phase in BOOKED | {"COMPLETED"}:
            self._demand(
                windows[0] == windows[1], f"{host.name}: a leg has another window at {sub.name}"
            )
        if leg.phase == "CANCELLED":
            (by,) = host.connection.execute(
                "SELECT cancelled_by FROM booking WHERE conversation = ?", (leg.id,)
            ).fetchone()
            self._oracle.reached(f"a leg was cancelled by its {str(by).lower()}")
            told = sub if by == "HOST" else host
            self._demand(
                _told(told.connection, leg.id),
                f"{told.name}: nobody was told that a leg was cancelled",
            )

    def _changes(self, host: SimCenter) -> None:
        """Every leg of a change has moved, or none has."""
        for change, decision, kind in host.connection.execute(
            "SELECT id, decision, kind FROM change ORDER BY rowid"
        ).fetchall():
            legs = host.connection.execute(
                "SELECT l.conversation, l.decision, c.phase, b.peer FROM leg_change l"
                " JOIN conversation c ON c.id = l.conversation"
                " JOIN booking b ON b.conversation = l.conversation WHERE l.change = ?",
                (change,),
            ).fetchall()
            became = "settled" if decision == "CONFIRM" else "aborted"
            self._oracle.reached(f"{'a move' if kind == 'MOVE' else 'an extension'} was {became}")
            if decision == "CONFIRM" and len(legs) > 1:
                self._oracle.reached("a change of several legs was settled")
            for leg, ours, phase, peer in legs:
                if phase != "CONFIRMED":
                    continue  # it ended meanwhile; how is judged with its bundle
                sub = self._by_id[CenterId(peer)]
                theirs = sub.connection.execute(
                    "SELECT decision FROM leg_change WHERE conversation = ? AND change = ?",
                    (leg, change),
                ).fetchone()
                self._demand(
                    decision != "CONFIRM" or ours == "CONFIRM" == (theirs and theirs[0]),
                    f"{host.name}: a leg of a settled change has not moved at {sub.name}",
                )

    def _was_given_up(self, sub: SimCenter, leg: bytes) -> bool:
        return any(
            row.id == leg and row.given_up for row in self._oracle.books.rows(sub.connection)
        )

    def _heuristic(self, host: SimCenter, sub: SimCenter, leg: Row) -> None:
        """A sub gave seats up, as was agreed: whoever lost by it must have been told."""
        self._oracle.reached("seats in doubt were given up, as was agreed")
        if self._oracle.books.decisions.get(leg.ask.bundle) != "CONFIRM":
            return
        self._oracle.reached("a confirmation came after the seats were given up")
        # A host may have said Complete before it heard that its confirmation came too late.
        (over,) = host.connection.execute(
            "SELECT count(*) FROM said WHERE conversation = ? AND accepted = 0"
            " AND payload_type LIKE '%booking.Complete+%'",
            (leg.id,),
        ).fetchone()
        self._demand(
            leg.phase == ("COMPLETED" if over else "REFUSED"),
            f"{host.name}: a leg is {leg.phase} whose seats {sub.name} has given up",
        )
        for center in (host, sub):
            (disputes,) = center.connection.execute(
                "SELECT count(*) FROM booking_dispute WHERE conversation = ?", (leg.id,)
            ).fetchone()
            self._demand(
                disputes == 1 and _told(center.connection, leg.id),
                f"{center.name}: nobody was told that seats of a confirmed leg were given up",
            )

    def _both_ends(self) -> None:
        """Both ends of every conversation are in the same phase."""
        for center in self._centers:
            for conversation, peer, phase in center.connection.execute(
                "SELECT id, peer, phase FROM conversation ORDER BY id"
            ).fetchall():
                sub = self._by_id[CenterId(peer)]
                other = phase_at(sub.connection, conversation)
                # An abort that crossed the refusal of its Hold: nothing is held at either end.
                over = {phase, other} == {"RELEASED", "REFUSED"}
                given_up = {phase, other} == {"REFUSED", "IN_DOUBT"} and (
                    self._was_given_up(sub, conversation)
                    or self._was_given_up(center, conversation)
                )
                self._demand(
                    phase == other or over or given_up,
                    f"{center.name}: a conversation is {phase}, at {sub.name} {other}",
                )

    def _demand(self, holds: bool, what: str) -> None:
        self._oracle.demand(holds, what)


def _told(connection: sqlite3.Connection, subject: bytes) -> bool:
    """Whether there is, or was, something to do for people about a booking."""
    row = connection.execute(
        "SELECT 1 FROM todo WHERE subject = ? AND (kind LIKE 'booking%' OR kind = 'leg_lost')",
        (subject,),
    ).fetchone()
    return row is not None
