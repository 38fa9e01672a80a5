"""All tables of a node, made once and copied: migrating takes longer than many a test does.

Tests of the migrations themselves migrate.
"""

import sqlite3
from functools import cache

from node.store import migrations
from node.store.database import APPLICATION_ID


def lay(connection: sqlite3.Connection) -> None:
    """Bring a database to the newest schema, as ``migrations.migrate`` does."""
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if tables:
        migrations.migrate(connection, migrations.load(), 0)
    else:
        _template().backup(connection)


@cache
def image() -> bytes:
    """The bytes of a database that is empty but for its tables."""
    return _template().serialize()


@cache
def _template() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA application_id={APPLICATION_ID:d}")
    migrations.migrate(connection, migrations.load(), 0)
    return connection
