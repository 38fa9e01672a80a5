"""From an empty file to the schema this code needs, one numbered SQL file at a time.

Here: reading ``sql/0001_name.sql`` and its successors from the package, checking what a
database has had, and applying the rest. Not here: the SQL itself.

A file is applied in one transaction, together with its row in table ``migration``, so a
crash leaves a database before it or after it. The SHA-256 of an applied file is compared
at every start: a schema that differs from what the file says is worse than no start.
A node holds its database exclusively, so no older code ever runs on a newer schema: every
migration is a *pre* migration, and code older than its schema does not start.

Foreign keys are off while a file runs and checked before it commits; that is how SQLite
wants a table rebuilt (sqlite.org/lang_altertable.html §7).
"""

import hashlib
import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources

_FILE_NAME = re.compile(r"(?P<number>[0-9]{4})_(?P<name>[a-z0-9]+(?:_[a-z0-9]+)*)\.sql")
_DEFERRED = re.compile(r"\bINITIALLY\s+DEFERRED\b", re.IGNORECASE)

_TABLE = """
CREATE TABLE IF NOT EXISTS migration (
    number        INTEGER PRIMARY KEY,
    name          TEXT    NOT NULL,
    checksum      TEXT    NOT NULL,
    applied_at_ms INTEGER NOT NULL
) STRICT
"""


class MigrationError(Exception):
    """The database and the code's migrations do not fit; the node must not start."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One SQL file.

    Attributes:
        number: Its place in the order, from 1, without gaps.
        name: What it does, in snake case.
        sql: Its statements, UTF-8, as in the file.
    """

    number: int
    name: str
    sql: bytes

    @property
    def file_name(self) -> str:
        """``0001_name.sql``."""
        return f"{self.number:04}_{self.name}.sql"

    @property
    def checksum(self) -> str:
        """SHA-256 of the file, lower-case hexadecimal."""
        return hashlib.sha256(self.sql).hexdigest()


def load() -> tuple[Migration, ...]:
    """Read the package's migrations, in order.

    Raises:
        MigrationError: A file's name is not ``0001_name.sql``, or a number is missing.
    """
    folder = resources.files("node.store") / "sql"
    return parse({file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()})


def parse(files: dict[str, bytes]) -> tuple[Migration, ...]:
    """Order migration files, given as name and content, and check their numbers.

    Files that do not end in ``.sql`` are passed over.

    Raises:
        MigrationError: A file's name is not ``0001_name.sql``, or a number is missing.
    """
    migrations = []
    for file_name, sql in sorted(files.items()):
        if not file_name.endswith(".sql"):
            continue
        match = _FILE_NAME.fullmatch(file_name)
        if match is None:
            raise MigrationError(f"migration {file_name!r}: name it like 0001_name.sql")
        migrations.append(Migration(int(match["number"]), match["name"], sql))
    _check_numbers(migrations)
    return tuple(migrations)


def pending(conn: sqlite3.Connection, migrations: Sequence[Migration]) -> tuple[Migration, ...]:
    """Verify what was applied and name what was not.

    Raises:
        MigrationError: An applied file was changed, renamed or removed; the database has a
            newer schema than this code; a number is missing.
    """
    _check_numbers(migrations)
    if not _has_table(conn):
        return tuple(migrations)
    applied = conn.execute(
        "SELECT number, name, checksum FROM migration ORDER BY number"
    ).fetchall()
    if len(applied) > len(migrations):
        raise MigrationError(
            f"the database has had {len(applied)} migrations, up to {applied[-1][0]:04}_"
            f"{applied[-1][1]}, this program knows {len(migrations)}: the database is newer; "
            "install the version that made it, or restore a backup made before the upgrade"
        )
    for migration, (number, name, checksum) in zip(migrations, applied, strict=False):
        if number != migration.number:
            raise MigrationError(
                f"the database has had migration {number:04}_{name} where {migration.file_name} "
                "was expected: its table migration was edited; restore a backup"
            )
        if (name, checksum) != (migration.name, migration.checksum):
            raise MigrationError(
                f"migration {migration.file_name} was changed after it was applied "
                f"(applied as {number:04}_{name}.sql, SHA-256 {checksum[:16]}…, "
                f"now {migration.checksum[:16]}…): bring the "
                "original file back and put the change into a new migration"
            )
    return tuple(migrations[len(applied) :])


def migrate(
    conn: sqlite3.Connection, migrations: Sequence[Migration], now_ms: int
) -> list[Migration]:
    """Apply what is pending, each file in its own transaction. Run it through ``alone``.

    Args:
        conn: A connection in autocommit (``isolation_level=None``), no transaction open.
        migrations: All there are, from number 1.
        now_ms: The time to record, milliseconds since 1970 UTC.

    Returns:
        The migrations that were applied now, in order.

    Raises:
        MigrationError: See ``pending``; or a file failed. Those before it stay applied.
    """
    to_do = pending(conn, migrations)
    (foreign_keys,) = conn.execute("PRAGMA foreign_keys").fetchone()
    conn.execute("PRAGMA foreign_keys=OFF")
    try:
        for migration in to_do:
            _apply(conn, migration, now_ms)
    finally:
        conn.execute(f"PRAGMA foreign_keys={foreign_keys:d}")
    return list(to_do)


def statements(script: str) -> Iterator[str]:
    """Split a script at the semicolons that end a statement, not those within a trigger."""
    statement = ""
    for piece in re.split(r"(?<=;)", script):
        statement += piece
        if sqlite3.complete_statement(statement):
            yield statement.strip()
            statement = ""
    if statement.strip():  # a comment, or a statement that SQLite will find unfinished
        yield statement.strip()


def _apply(conn: sqlite3.Connection, migration: Migration, now_ms: int) -> None:
    statement = ""
    try:
        conn.execute("BEGIN IMMEDIATE")
        for statement in statements(migration.sql.decode()):
            conn.execute(statement)
            if not conn.in_transaction:
                raise MigrationError(
                    f"migration {migration.file_name} ends its own transaction: "
                    f"take {statement[:80]!r} out, the program commits"
                )
        statement = "(the checks at its end)"
        _check_schema(conn, migration)
        conn.execute(_TABLE)
        conn.execute(
            "INSERT INTO migration (number, name, checksum, applied_at_ms) VALUES (?, ?, ?, ?)",
            (migration.number, migration.name, migration.checksum, now_ms),
        )
        conn.execute(f"PRAGMA user_version={migration.number:d}")  # for the sqlite3 shell
        conn.execute("COMMIT")
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise MigrationError(
            f"migration {migration.file_name} failed at {statement[:80]!r}: {error}; nothing of "
            "it was applied; free the disk or correct the file, then start again"
        ) from error
    finally:
        if conn.in_transaction:
            conn.execute("ROLLBACK")


def _check_schema(conn: sqlite3.Connection, migration: Migration) -> None:
    broken = conn.execute("PRAGMA foreign_key_check").fetchone()
    if broken is not None:
        raise MigrationError(
            f"migration {migration.file_name} leaves table {broken[0]} with a row (rowid "
            f"{broken[1]}) that refers to nothing in {broken[2]}: move or delete such rows in it"
        )
    for name, sql in conn.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL"):
        if _DEFERRED.search(sql):
            raise MigrationError(
                f"migration {migration.file_name}: {name} has a constraint INITIALLY DEFERRED, "
                "which would fail at the group's commit and take innocent transactions with it; "
                "make it immediate"
            )


def _check_numbers(migrations: Sequence[Migration]) -> None:
    for expected, migration in enumerate(migrations, start=1):
        if migration.number != expected:
            raise MigrationError(
                f"migration {migration.file_name} stands where number {expected:04} belongs: "
                "numbers run from 0001 without gaps or repeats"
            )


def _has_table(conn: sqlite3.Connection) -> bool:
    found = conn.execute("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'migration'")
    return found.fetchone() is not None
