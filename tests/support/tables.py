"""All tables of a node, made once and copied: migrating takes longer than many a test does.

Tests of the migrations themselves migrate.
"""

import sqlite3
from functools import cache
from typing import Final

from node.store import migrations
from node.store.database import APPLICATION_ID

MIGRATED_MS: Final = 0  # no test asks when


def lay(connection: sqlite3.Connection) -> None:
    """Put the newest schema into an empty database in memory."""
    _template().backup(connection)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a database on a disk to the newest schema, statement by statement as the node does."""
    migrations.migrate(connection, migrations.load(), MIGRATED_MS)


@cache
def image() -> bytes:
    """The bytes of a database that is empty but for its tables."""
    return _template().serialize()


@cache
def _template() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA application_id={APPLICATION_ID:d}")
    migrate(connection)
    return connection
