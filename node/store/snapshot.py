"""A copy of the node's database: taken while it runs, checked, and read before it is put back.

The copy is SQLite's own online backup through the one connection that the node has, so it is of
one moment. A copied file is opened here like any SQLite file: no node runs on it.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from federation.ids import CenterId
from federation.trust.keys import LogBegin
from federation.trust.suite import SUITES
from node.store import descriptors, migrations, recovery
from node.store.database import APPLICATION_ID, OWNER_ONLY
from node.store.ledger import LogTip, SqlLedger

MAX_FAULTS: Final = 5  # what SQLite says of a damaged file; the first ones tell enough


class BadSnapshot(Exception):
    """The copy is not one that a node could run on; says why, in both languages."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a database holds, in figures that can be compared.

    Args:
        schema: How many migrations it went through.
        logs: The head of each evidence log that has leaves.
        said: How many words were said.
        heard: How many were heard.
        last_ms: When the last of them was said or heard.
        projects: How many projects there are.
        accounts: How many accounts there are.
        experts: How many experts there are.
    """

    schema: int
    logs: tuple[LogBegin, ...]
    said: int
    heard: int
    last_ms: int
    projects: int
    accounts: int
    experts: int


def copy(connection: sqlite3.Connection, target: Path) -> None:
    """Copy the database that runs into a file of its own. Through ``Database.alone``.

    Raises:
        OSError, sqlite3.Error: It cannot be written.
    """
    target.touch(mode=OWNER_ONLY, exist_ok=False)
    with opened(target) as into:
        connection.backup(into)
        into.execute("PRAGMA journal_mode=DELETE")  # one file, whatever the node's own mode is


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A file that no node runs on."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


def check(connection: sqlite3.Connection) -> None:
    """Hold a copy against SQLite's own rules and ours.

    Raises:
        BadSnapshot: It is damaged, of another program, or of a newer version.
    """
    try:
        (found,) = connection.execute("PRAGMA application_id").fetchone()
        if found != APPLICATION_ID:
            raise BadSnapshot("不是联评节点的数据库 · is no database of a Lianping node")
        faults = [row[0] for row in connection.execute("PRAGMA integrity_check").fetchmany(
            MAX_FAULTS)]  # fmt: skip
        if faults != ["ok"]:
            raise BadSnapshot(f"已损坏 · is damaged: {'; '.join(map(str, faults))}")
        foreign = connection.execute("PRAGMA foreign_key_check").fetchmany(MAX_FAULTS)
        if foreign:
            tables = ", ".join(sorted({str(row[0]) for row in foreign}))
            raise BadSnapshot(f"外键不符 · has rows that point nowhere, in {tables}")
        migrations.pending(connection, migrations.load())
    except migrations.MigrationError as error:
        raise BadSnapshot(f"与本程序版本不符 · does not fit this version: {error}") from error
    except sqlite3.DatabaseError as error:
        raise BadSnapshot(f"不是可用的数据库 · is no usable database: {error}") from error


def contents(connection: sqlite3.Connection) -> Contents:
    """What a database holds."""
    ledger = SqlLedger(connection, LogTip())
    logs = []
    for suite_id in SUITES:
        size, root = ledger.log_head(suite_id)
        if size:
            logs.append(LogBegin(suite_id, size, root))
    said, heard, said_ms, heard_ms, projects, accounts, experts = connection.execute(
        "SELECT (SELECT count(*) FROM said), (SELECT count(*) FROM heard),"
        " (SELECT max(said_at_ms) FROM said), (SELECT max(heard_at_ms) FROM heard),"
        " (SELECT count(*) FROM project), (SELECT count(*) FROM account),"
        " (SELECT count(*) FROM expert)"
    ).fetchone()
    return Contents(
        schema=_schema(connection),
        logs=tuple(logs),
        said=said,
        heard=heard,
        last_ms=max(said_ms or 0, heard_ms or 0),
        projects=projects,
        accounts=accounts,
        experts=experts,
    )


def own_chain(connection: sqlite3.Connection, center: str) -> list[bytes]:
    """Our own signed descriptors as the database knows them, oldest first."""
    return [each.signed for each in descriptors.chain(connection, center)]


def mark_lost(connection: sqlite3.Connection, reason: str, now_ms: int) -> list[CenterId]:
    """Let the node that starts on this database ask all its partners; answers who they are."""
    peers = [
        CenterId(row[0])
        for row in connection.execute("SELECT center FROM peer ORDER BY center").fetchall()
    ]
    _lost(connection, peers, reason, now_ms)
    return peers


def _lost(connection: sqlite3.Connection, peers: Iterable[str], reason: str, now_ms: int) -> None:
    asked_from_ms = recovery.asked_from_ms(connection)
    connection.execute("BEGIN IMMEDIATE")
    recovery.forget_answers(connection, asked_from_ms)
    recovery.lost(connection, peers, reason, asked_from_ms, now_ms)
    connection.execute("COMMIT")


def _schema(connection: sqlite3.Connection) -> int:
    done = migrations.pending(connection, migrations.load())
    return len(migrations.load()) - len(done)
