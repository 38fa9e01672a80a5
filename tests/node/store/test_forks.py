"""Contradictions as rows: kept once, and no more of them than anybody needs."""

import sqlite3
from collections.abc import Iterator

import pytest

from node.store import forks, migrations
from node.store.forks import MAX_OPEN, Fork

PEER = "lp1" + "a" * 32


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrations.migrate(connection, migrations.load(), 0)
    connection.execute("PRAGMA foreign_keys=OFF")  # the peer's own row is not the matter here
    yield connection
    connection.close()


def shown(number: int) -> Fork:
    return Fork(PEER, "log\n9\nheld\n\nsignature\n", f"log\n9\n{number}\n\nsignature\n", number)


def test_a_log_that_signs_histories_without_end_does_not_fill_the_disk(
    connection: sqlite3.Connection,
) -> None:
    news = [forks.put(connection, shown(number)) for number in range(MAX_OPEN + 20)]
    assert news == [True] * MAX_OPEN + [False] * 20
    assert len(forks.of(connection, PEER)) == MAX_OPEN
    assert forks.open_with(connection, PEER)
    assert forks.put(connection, Fork("lp1" + "b" * 32, "log\n1\na", "log\n1\nb", 1))

    forks.lift(connection, PEER, "op", "why", 1)
    assert forks.put(connection, shown(MAX_OPEN + 1)), "what comes after people settled it, counts"
    assert forks.open_with(connection, PEER)
