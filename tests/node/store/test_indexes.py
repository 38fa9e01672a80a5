"""What is asked with every word or receipt is looked up by index, not by reading whole tables."""

import sqlite3
from collections.abc import Callable, Iterator

import pytest

from federation.ids import CenterId
from federation.protocol import booking
from node.store import bookings, bundles, changes, decisions, migrations, seat_holds
from tests.support.planning import WINDOW

ID, PEER = bytes(16), CenterId("lp1" + "a" * 32)
Question = Callable[[sqlite3.Connection], object]

QUESTIONS: dict[str, Question] = {
    "bundles untold": lambda db: bundles.untold_by(db, PEER),
    "bundles of a project": lambda db: bundles.of_project(db, ID),
    "who stands in": lambda db: bundles.standing_in_for(db, ID),
    "legs of a project": lambda db: bookings.of_project(db, ID),
    "legs of a bundle": lambda db: bookings.of_bundle(db, ID),
    "legs of a family": lambda db: bookings.of_family(db, ID),
    "quotas": lambda db: bookings.counted(db, booking.SUB, PEER, [ID]),
    "cancelled": lambda db: bookings.cancelled_untold(db, PEER),
    "a decision under way": lambda db: bookings.decision_pending(db, ID),
    "changes untold": lambda db: changes.untold_by(db, PEER),
    "changes of a bundle": lambda db: changes.of_bundle(db, ID),
    "what a leg is asked": lambda db: changes.of_leg(db, ID),
    "decisions": lambda db: decisions.on(db, PEER, ID, b""),
    "who sits here": lambda db: seat_holds.holders(db, ["1"], WINDOW, ID),
}
_BY_INDEX_IN_FULL = "change_decided", "bundle_decided"
"""Partial indexes that hold only what waits for somebody: reading them in full is the aim."""


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrations.migrate(connection, migrations.load(), 0)
    yield connection
    connection.close()


@pytest.mark.parametrize("name", sorted(QUESTIONS))
def test_no_table_is_read_in_full(connection: sqlite3.Connection, name: str) -> None:
    asked: list[str] = []
    connection.set_trace_callback(asked.append)
    QUESTIONS[name](connection)
    connection.set_trace_callback(None)
    assert asked
    for statement in asked:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
        scans = [step for step in plan if step.startswith("SCAN")]
        assert [step for step in scans if not step.endswith(_BY_INDEX_IN_FULL)] == [], (
            f"{statement}: {plan}"
        )
