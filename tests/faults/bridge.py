"""The store's connection on apsw: the same calls, over a disk that we made.

Python's sqlite3 cannot be given a VFS of ours; apsw can. ``BridgedConnection`` stands where
the store makes its ``GroupCommitConnection``, so ``Database``, its group commit, the
migrations and every statement of the node run unchanged; only what they call ``execute`` on
is apsw's connection. Whatever the store does not use raises instead of doing something else.

**What this proves.** The acts that reach the disk (which writes, in which order, with which
syncs between them) are those of SQLite for the store's own statements, transactions and
PRAGMAs. An image is opened again with Python's sqlite3, the library that the node ships on.
**What it does not.** The writing library is apsw's own build of SQLite (newer than Debian's),
so a mistake of the older one in *writing* would not be found here; ``test_killed_nodes`` and
the simulation run on that one. Nothing below the VFS is tried: a file system or a drive that
loses what it said was synced breaks every database.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

import apsw
from typing_extensions import override

from node.store.group_commit import GroupCommitConnection
from tests.faults.disk import Act, Op, RecordingDisk

UNKNOWN: Final = -1  # sqlite3's rowcount where it is not counted
_COMMIT: Final = "COMMIT"


@dataclass
class Recorder:
    """What is recorded of one database, and what is turned for it.

    Attributes:
        disk: Where the acts are.
        autocheckpoint: Pages of WAL at which the database is written back, in place of the
            store's number; None leaves it. Fewer give checkpoints in a short run.
        synchronous: In place of the store's FULL; for the test that a weaker one loses.
        splits_before: Commits in the middle of each transaction, before the statement that
            begins so; for the test that a word that is half there is found.
        states: The SHA-256 of the whole database after each commit, from the first on.
    """

    disk: RecordingDisk
    autocheckpoint: int | None = None
    synchronous: str | None = None
    splits_before: str | None = None
    states: list[str] = field(default_factory=list)

    def connect(self, *arguments: Any, **options: Any) -> "BridgedConnection":
        """What the store takes for its connection's class."""
        return BridgedConnection(self, *arguments, **options)

    def turned(self, sql: str) -> str:
        """The statement that is run for one of the store's."""
        if self.autocheckpoint is not None and sql.startswith("PRAGMA wal_autocheckpoint="):
            return f"PRAGMA wal_autocheckpoint={self.autocheckpoint:d}"
        if self.synchronous is not None and sql.startswith("PRAGMA synchronous="):
            return f"PRAGMA synchronous={self.synchronous}"
        return sql


class BridgedCursor:
    """The part of sqlite3's cursor that the store uses."""

    def __init__(self, cursor: apsw.Cursor, rowcount: int) -> None:
        self._cursor = cursor
        self.rowcount = rowcount

    def fetchone(self) -> Any:
        with _translated():
            return self._cursor.fetchone()

    def fetchall(self) -> list[Any]:
        with _translated():
            return self._cursor.fetchall()

    def __iter__(self) -> "BridgedCursor":
        return self

    def __next__(self) -> Any:
        row = self.fetchone()
        if row is None:
            raise StopIteration
        return row


class BridgedConnection(GroupCommitConnection):
    """The store's connection; what sqlite3 itself holds open is an empty database in memory."""

    def __init__(
        self,
        recorder: Recorder,
        commit_waiting: Callable[[sqlite3.Connection], None],
        path: str,
        **options: Any,
    ) -> None:
        super().__init__(commit_waiting, ":memory:", **options)
        self._recorder = recorder
        with _translated():
            self._apsw = apsw.Connection(path, vfs=recorder.disk.name)

    @property
    @override
    def in_transaction(self) -> bool:
        return self._apsw.in_transaction

    @property
    @override
    def total_changes(self) -> int:
        return self._apsw.total_changes()

    @override
    def execute(self, sql: str, parameters: Any = (), /) -> Any:
        statement = self._recorder.turned(sql)
        if statement == _COMMIT:
            return self._commit_noted()
        splits_before = self._recorder.splits_before
        if splits_before is not None and statement.startswith(splits_before):
            self._commit_noted()
            self._apsw.execute("BEGIN IMMEDIATE; SAVEPOINT member")
        with _translated():
            before = self._apsw.total_changes()
            cursor = self._apsw.execute(statement, _bindings(parameters))
            changed = self._apsw.total_changes() != before
            return BridgedCursor(cursor, self._apsw.changes() if changed else 0)

    @override
    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Any:
        with _translated():
            cursor = self._apsw.executemany(sql, [_bindings(row) for row in parameters])
        return BridgedCursor(cursor, UNKNOWN)

    @override
    def close(self) -> None:
        with _translated():
            self._apsw.close()
        super().close()

    def _commit_noted(self) -> BridgedCursor:
        disk = self._recorder.disk
        disk.note(Op(Act.BEGIN_COMMIT))
        with _translated():
            cursor = self._apsw.execute(_COMMIT)
        disk.note(Op(Act.ACKNOWLEDGE))
        self._recorder.states.append(sha256(self._apsw.serialize("main")).hexdigest())
        return BridgedCursor(cursor, UNKNOWN)

    def _unused(self, *_arguments: Any, **_options: Any) -> Any:
        raise sqlite3.NotSupportedError("the store has not used this so far; bridge it first")

    cursor = executescript = backup = rollback = create_function = iterdump = _unused
    serialize = deserialize = blobopen = create_aggregate = create_collation = _unused


def _bindings(parameters: Any) -> Any:
    # apsw takes exact types only; the store also binds enumerations and ids.
    return (
        tuple(_plain(value) for value in parameters)
        if isinstance(parameters, Sequence)
        else ({name: _plain(value) for name, value in parameters.items()})
    )


def _plain(value: object) -> Any:
    for kind in (int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value


class _translated:  # noqa: N801 (reads as the words it is)
    """Lets apsw's errors leave as sqlite3's, with their codes."""

    def __enter__(self) -> None:
        return

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, apsw.Error):
            raise _as_sqlite3(error) from error


_CLASSES: Final[dict[type[apsw.Error], type[sqlite3.Error]]] = {
    apsw.ConstraintError: sqlite3.IntegrityError,
    apsw.MismatchError: sqlite3.IntegrityError,
    apsw.CorruptError: sqlite3.DatabaseError,
    apsw.NotADBError: sqlite3.DatabaseError,
    apsw.TooBigError: sqlite3.DataError,
    apsw.InternalError: sqlite3.InternalError,
}


def _as_sqlite3(error: apsw.Error) -> sqlite3.Error:
    told = _CLASSES.get(type(error), sqlite3.OperationalError)(str(error))
    told.sqlite_errorcode = getattr(error, "extendedresult", 0)
    return told
