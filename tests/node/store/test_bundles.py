"""Bundles as they are stored: legs by name, and a decision that is made once."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace

import pytest

from federation.protocol.booking import Decision
from federation.protocol.bundle import Bundle, BundlePhase
from node.store import bundles, migrations, projects
from tests.support.planning import AGENCY, project

PROJECT, BUNDLE = b"p" * 16, b"b" * 16
FRESH = Bundle(BUNDLE, (), BundlePhase.HOLDING, decide_by_ms=9)


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrations.migrate(connection, migrations.load(), 0)
    projects.add(connection, PROJECT, project(), AGENCY, 1)
    bundles.add(connection, FRESH, PROJECT, AGENCY, 2)
    yield connection
    connection.close()


def test_a_bundle_is_read_back_as_it_was_stored(connection: sqlite3.Connection) -> None:
    row = bundles.get(connection, BUNDLE)
    assert row is not None
    assert (row.bundle, row.project, row.planned_by, row.created_at_ms) == (
        FRESH,
        PROJECT,
        AGENCY,
        2,
    )
    assert bundles.of_project(connection, PROJECT) == [row]
    assert bundles.get(connection, PROJECT) is None


def test_a_decision_once_stored_never_changes(connection: sqlite3.Connection) -> None:
    decided = replace(FRESH, phase=BundlePhase.DECIDED, decision=Decision.CONFIRM)
    bundles.set_phase(connection, decided)
    bundles.set_phase(connection, replace(decided, decision=Decision.ABORT))
    row = bundles.get(connection, BUNDLE)
    assert row is not None
    assert row.bundle.decision is Decision.CONFIRM
