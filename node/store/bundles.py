"""Bundles: the host's bookings that stand or fall together. SQL only."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from federation.ids import CenterId, ConversationId
from federation.protocol.booking import Decision
from federation.protocol.bundle import Bundle, BundlePhase


@dataclass(frozen=True, slots=True)
class BundleRow:
    """One bundle with what the protocol does not know of it.

    ``replaces`` is the leg whose place its one leg takes, ``joins`` the bundle of that leg.
    """

    bundle: Bundle
    project: bytes
    planned_by: str
    created_at_ms: int
    replaces: ConversationId | None = None
    joins: bytes | None = None

    @property
    def root(self) -> bytes:
        """The bundle that the host's own seats are held for."""
        return self.bundle.id if self.joins is None else self.joins


_SELECT: Final = (
    "SELECT id, project, phase, decision, reason, decide_by_ms, planned_by, created_at_ms,"
    " replaces, joins"
    " FROM bundle"
)


def add(
    connection: sqlite3.Connection, bundle: Bundle, project: bytes, by: str, now_ms: int
) -> None:
    """Store a new bundle; its legs are the bookings that name it."""
    connection.execute(
        "INSERT INTO bundle (id, project, phase, reason, decide_by_ms, planned_by, created_at_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (bundle.id, project, bundle.phase.value, bundle.reason, bundle.decide_by_ms, by, now_ms),
    )


def stand_in(
    connection: sqlite3.Connection, bundle_id: bytes, replaces: bytes, joins: bytes
) -> None:
    """Let a new bundle take the place of a leg of another."""
    connection.execute(
        "UPDATE bundle SET replaces = ?, joins = ? WHERE id = ?", (replaces, joins, bundle_id)
    )


def standing_in_for(connection: sqlite3.Connection, leg: bytes) -> list[BundleRow]:
    """The bundles that were to take the place of a leg, oldest first."""
    rows = connection.execute(
        _SELECT + " WHERE replaces = ? ORDER BY created_at_ms, id", (leg,)
    ).fetchall()
    return [_bundle(connection, row) for row in rows]


def with_exceptions(connection: sqlite3.Connection) -> int:
    """How many bundles lost a leg after they were confirmed."""
    (count,) = connection.execute(
        "SELECT count(*) FROM bundle WHERE phase = ?",
        (BundlePhase.CLOSED_WITH_EXCEPTIONS.value,),
    ).fetchone()
    return int(count)


def get(connection: sqlite3.Connection, bundle_id: bytes) -> BundleRow | None:
    """A bundle by id."""
    row = connection.execute(_SELECT + " WHERE id = ?", (bundle_id,)).fetchone()
    return None if row is None else _bundle(connection, row)


def of_project(connection: sqlite3.Connection, project: bytes) -> list[BundleRow]:
    """A project's bundles, oldest first."""
    rows = connection.execute(
        _SELECT + " WHERE project = ? ORDER BY created_at_ms, id", (project,)
    ).fetchall()
    return [_bundle(connection, row) for row in rows]


def untold_by(connection: sqlite3.Connection, peer: CenterId) -> list[bytes]:
    """Bundles that are decided but not closed and have a leg with a peer."""
    rows = connection.execute(
        "SELECT DISTINCT u.id FROM bundle u JOIN booking b ON b.bundle = u.id"
        " WHERE u.phase = 'DECIDED' AND b.peer = ? AND b.role = 'HOST' ORDER BY u.id",
        (peer,),
    ).fetchall()
    return [row[0] for row in rows]


def set_phase(connection: sqlite3.Connection, bundle: Bundle) -> None:
    """Store how far a bundle has come; a decision once stored never changes."""
    connection.execute(
        "UPDATE bundle SET phase = ?, decision = coalesce(decision, ?), reason = ? WHERE id = ?",
        (
            bundle.phase.value,
            None if bundle.decision is None else bundle.decision.name,
            bundle.reason,
            bundle.id,
        ),
    )


def _bundle(connection: sqlite3.Connection, row: Sequence[Any]) -> BundleRow:
    bundle_id, project, phase, decision, reason, decide_by_ms, planned_by, created_at_ms, *rest = (
        row
    )
    legs = connection.execute(
        "SELECT conversation FROM booking WHERE bundle = ? AND role = 'HOST' ORDER BY conversation",
        (bundle_id,),
    ).fetchall()
    return BundleRow(
        Bundle(
            id=bundle_id,
            legs=tuple(ConversationId(leg) for (leg,) in legs),
            phase=BundlePhase(phase),
            decide_by_ms=decide_by_ms,
            decision=None if decision is None else Decision[decision],
            reason=reason,
        ),
        project,
        planned_by,
        created_at_ms,
        *rest,
    )
