"""Group commit on the one exclusive connection: what is kept, what is not, who is told."""

import asyncio
import contextlib
import resource
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import aiosqlite
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.store.database import (
    APPLICATION_ID,
    MAX_WAITING,
    MEMORY,
    Database,
    ForeignFile,
    StoreFull,
    StoreUnavailable,
)
from node.store.group_commit import (
    GATHER_SECONDS,
    MAX_GROUP,
    SLICE_SECONDS,
    Groups,
    Kind,
    Request,
)

FEW_PAGES = 12  # room for the schema and a few rows
BIG = 64 * 1024  # bytes; more than FEW_PAGES hold


@pytest.fixture(autouse=True)
async def threads_end_before_their_loop() -> AsyncIterator[None]:
    """Aiosqlite does not wait for the thread of a connection that could not be opened."""
    yield
    for thread in threading.enumerate():
        if "_connection_worker_thread" in thread.name:
            await asyncio.to_thread(thread.join, 5)


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(tmp_path / "node.db")
    await database.transact(_create)
    yield database
    await database.close()


def _create(conn: sqlite3.Connection) -> None:
    conn.execute("CREATE TABLE note (id INTEGER PRIMARY KEY, body BLOB NOT NULL)")
    conn.execute("CREATE TABLE reply (note_id INTEGER NOT NULL REFERENCES note (id))")


def _note(number: int, body: bytes = b"") -> Callable[[sqlite3.Connection], int]:
    def insert(conn: sqlite3.Connection) -> int:
        conn.execute("INSERT INTO note (id, body) VALUES (?, ?)", (number, body))
        return number

    return insert


def _numbers(conn: sqlite3.Connection) -> list[int]:
    return [number for (number,) in conn.execute("SELECT id FROM note ORDER BY id")]


class _Gate:
    """Holds the connection's thread, so that what is asked meanwhile waits together."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reached = threading.Event()
        self._opened = threading.Event()

    async def close(self, tasks: asyncio.TaskGroup) -> None:
        tasks.create_task(self._database.alone(self._wait))
        await asyncio.to_thread(self._reached.wait, 10)

    def open(self) -> None:
        self._opened.set()

    def _wait(self, _conn: sqlite3.Connection) -> None:
        self._reached.set()
        assert self._opened.wait(10)


async def _together(
    database: Database, functions: list[Callable[[sqlite3.Connection], int]]
) -> list[int | BaseException]:
    """Ask for all of them while the thread is held; give results or errors, in order."""
    gate = _Gate(database)
    async with asyncio.TaskGroup() as tasks:
        await gate.close(tasks)
        asked = asyncio.gather(*map(database.transact, functions), return_exceptions=True)
        await _until(lambda: database.depth == len(functions))
        gate.open()
        return list(await asked)


async def _until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not reached():
            await asyncio.to_thread(threading.Event().wait, 0.001)


def _wal_bytes(database: Database) -> int:
    return Path(f"{database.path}-wal").stat().st_size


@contextlib.contextmanager
def _file_size_limit(limit_bytes: int) -> Iterator[None]:
    """Make writes past ``limit_bytes`` fail, as a disk would (Python ignores SIGXFSZ)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_the_settings_are_those_that_keep_what_was_acknowledged(db: Database) -> None:
    def settings_of(conn: sqlite3.Connection) -> dict[str, object]:
        names = (
            "locking_mode journal_mode synchronous foreign_keys busy_timeout temp_store "
            "wal_autocheckpoint journal_size_limit trusted_schema application_id query_only"
        )
        return {name: conn.execute(f"PRAGMA {name}").fetchone()[0] for name in names.split()}

    assert await db.alone(settings_of) == {
        "locking_mode": "exclusive",
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 5000,
        "temp_store": 2,
        "wal_autocheckpoint": 1000,
        "journal_size_limit": 64 * 1024 * 1024,
        "trusted_schema": 0,
        "application_id": APPLICATION_ID,
        "query_only": 0,
    }


async def test_the_file_is_for_its_owner_only(db: Database) -> None:
    folder = Path(db.path).parent

    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


async def test_no_index_is_shared_with_other_processes(db: Database) -> None:
    assert sorted(path.name for path in Path(db.path).parent.iterdir()) == [
        "node.db",
        "node.db-wal",
    ]


async def test_a_transaction_gives_its_result_and_is_there_after_reopening(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "node.db")
    await database.transact(_create)
    assert await database.transact(_note(7)) == 7
    await database.close()

    reopened = await Database.open(tmp_path / "node.db")
    kept = await reopened.read(_numbers)
    await reopened.close()

    assert kept == [7]


async def test_waiting_transactions_share_commits_of_at_most_max_group(tmp_path: Path) -> None:
    groups: list[tuple[int, float]] = []
    ticks = iter(range(1000))
    database = await Database.open(
        tmp_path / "node.db",
        group_observer=lambda size, seconds: groups.append((size, seconds)),
        timer=lambda: float(next(ticks)),
    )
    await database.transact(_create)

    count = 2 * MAX_GROUP + 5
    results = await _together(database, [_note(number) for number in range(count)])
    await database.close()

    assert results == list(range(count))
    assert groups == [(1, 1.0), (MAX_GROUP, 1.0), (MAX_GROUP, 1.0), (5, 1.0)]
    assert (database.commits, database.transactions) == (4, count + 1)


async def test_groups_stay_full_when_callers_come_back_at_once(tmp_path: Path) -> None:
    sizes: list[int] = []
    database = await Database.open(
        tmp_path / "node.db", group_observer=lambda size, _seconds: sizes.append(size)
    )
    await database.transact(_create)
    numbers = iter(range(4000))

    async def caller() -> None:
        for number in numbers:
            await database.transact(_note(number))

    await asyncio.gather(*(caller() for _ in range(4 * MAX_GROUP)))
    await database.close()

    assert sum(sizes) / len(sizes) > MAX_GROUP / 4


async def test_only_who_has_company_waits_for_more() -> None:
    pauses: list[float] = []
    groups = Groups("x", asyncio.get_running_loop(), None, time.perf_counter, pause=pauses.append)
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        for count in (1, 1, 2, 1, 1, MAX_GROUP, 1):
            for _ in range(count):
                groups.waiting.append(Request(lambda _: None, Kind.TRANSACTION))
            groups.run(connection)
            groups._hops = groups._taken

    # After the group of two, and not after the full one, whose successor is full as well.
    assert pauses == [SLICE_SECONDS]


async def test_company_is_waited_for_as_long_as_more_comes_and_never_after_much_work() -> None:
    pauses: list[float] = []
    now = 0.0
    groups: Groups

    def more(seconds: float) -> None:
        pauses.append(seconds)
        groups.waiting.append(Request(lambda _: None, Kind.TRANSACTION))

    groups = Groups("x", asyncio.get_running_loop(), None, lambda: now, pause=more)

    def work(_: sqlite3.Connection) -> None:
        nonlocal now
        now += GATHER_SECONDS / 2

    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        for function in (lambda _: None, lambda _: None, work, work):
            groups.waiting += [Request(function, Kind.TRANSACTION) for _ in range(2)]
            groups.run(connection)
            groups._hops = groups._taken

    # Before the second group and the third, whose predecessors were light; not before the fourth.
    assert sum(pauses) == pytest.approx(2 * GATHER_SECONDS)


async def test_one_failing_function_among_many_fails_alone(db: Database) -> None:
    def fail(conn: sqlite3.Connection) -> int:
        _note(999)(conn)
        raise LookupError("no such venue")

    functions = [_note(number) for number in range(20)]
    functions[11] = fail
    results = await _together(db, functions)

    assert isinstance(results[11], LookupError)
    assert [result for result in results if isinstance(result, int)] == [*range(11), *range(12, 20)]
    assert await db.read(_numbers) == [*range(11), *range(12, 20)]
    assert db.commits == 2  # the tables, and one group
    assert db.transactions == 20  # the tables, and the nineteen that succeeded


async def test_a_broken_constraint_is_told_as_such(db: Database) -> None:
    await db.transact(_note(1))

    with pytest.raises(sqlite3.IntegrityError, match=r"note\.id"):
        await db.transact(_note(1))


async def test_a_commit_that_fails_fails_everyone_in_the_group(db: Database) -> None:
    def owe(conn: sqlite3.Connection) -> int:
        conn.execute("PRAGMA defer_foreign_keys=ON")
        conn.execute("INSERT INTO reply (note_id) VALUES (404)")
        return 0

    results = await _together(db, [_note(1), owe, _note(2)])

    assert [type(result) for result in results] == [StoreUnavailable] * 3
    assert len({id(result) for result in results}) == 3
    assert await db.read(_numbers) == []
    assert await db.transact(_note(3)) == 3


async def test_a_disk_that_fails_at_commit_keeps_nothing_and_says_what_to_do(
    db: Database,
) -> None:
    with _file_size_limit(_wal_bytes(db) + 1024):
        results = await _together(db, [_note(number, bytes(100)) for number in range(5)])

    assert [type(result) for result in results] == [StoreUnavailable] * 5
    message = str(results[0])
    assert str(db.path) in message
    assert "disk" in message
    assert "; check the volume" in message or "; free space" in message
    assert await db.read(_numbers) == []
    assert await db.transact(_note(1)) == 1
    assert await db.read(_numbers) == [1]


async def test_a_full_disk_takes_the_group_back_and_the_next_one_that_fits_is_kept(
    db: Database,
) -> None:
    await db.alone(lambda conn: conn.execute(f"PRAGMA max_page_count={FEW_PAGES}").fetchone())

    # SQLITE_FULL rolls the whole transaction back (sqlite.org/lang_transaction.html §3.1).
    results = await _together(db, [_note(1), _note(2, bytes(BIG)), _note(3)])

    assert [type(result) for result in results] == [StoreFull] * 3
    assert "the disk is full" in str(results[0])
    assert "free space on its volume" in str(results[0])
    assert await db.read(_numbers) == []
    assert await _together(db, [_note(4), _note(5)]) == [4, 5]
    assert await db.read(_numbers) == [4, 5]


async def test_on_a_full_disk_each_is_for_itself_until_one_was_kept(db: Database) -> None:
    await db.alone(lambda conn: conn.execute(f"PRAGMA max_page_count={FEW_PAGES}").fetchone())

    def look(conn: sqlite3.Connection) -> int:
        return len(_numbers(conn))  # a use case that turns out to write nothing

    first = await _together(db, [look, _note(1, bytes(BIG)), look])
    assert [type(result) for result in first] == [StoreFull] * 3, "nobody knew so far"
    then = await _together(db, [look, _note(2, bytes(BIG)), look, _note(3), look])
    assert [result for result in then if not isinstance(result, StoreFull)] == [0, 0, 3, 1]
    assert type(then[1]) is StoreFull

    before = db.commits
    assert await _together(db, [_note(4), _note(5), look]) == [4, 5, 3]
    assert db.commits == before + 1, "one was kept, so they go together again"


async def test_a_function_that_hides_a_full_disk_does_not_pass_for_committed(
    db: Database,
) -> None:
    await db.alone(lambda conn: conn.execute(f"PRAGMA max_page_count={FEW_PAGES}").fetchone())

    def hide(conn: sqlite3.Connection) -> int:
        with contextlib.suppress(sqlite3.OperationalError):
            _note(2, bytes(BIG))(conn)
        return 2

    results = await _together(db, [_note(1), hide, _note(3)])

    assert [type(result) for result in results] == [StoreUnavailable] * 3
    assert await db.read(_numbers) == []


async def test_when_a_failing_disk_rolls_everything_back_the_neighbours_are_told(
    db: Database,
) -> None:
    # A tiny cache spills to the WAL in the middle of a statement, and a spill that fails
    # makes SQLite roll the whole transaction back.
    await db.alone(lambda conn: conn.execute("PRAGMA cache_size=5").fetchone())
    rolled_back = []

    def write_much(conn: sqlite3.Connection) -> int:
        try:
            return _note(2, bytes(16 * BIG))(conn)
        finally:
            rolled_back.append(not conn.in_transaction)

    with _file_size_limit(_wal_bytes(db) + BIG):
        results = await _together(db, [_note(1), write_much, _note(3)])

    assert rolled_back == [True]
    assert [type(result) for result in results] == [StoreUnavailable] * 3
    assert await db.read(_numbers) == []
    assert await db.transact(_note(4)) == 4


@pytest.mark.parametrize("statement", ["COMMIT", "ROLLBACK"])
async def test_a_function_that_ends_the_transaction_is_an_error_and_harms_nobody_later(
    db: Database, statement: str
) -> None:
    def end(conn: sqlite3.Connection) -> None:
        conn.execute(statement)

    with pytest.raises(StoreUnavailable, match="member"):
        await db.transact(end)
    with pytest.raises(StoreUnavailable, match="another reason"):
        await db.transact(lambda conn: _end_and_raise(conn, statement))

    assert await db.transact(_note(1)) == 1


def _end_and_raise(conn: sqlite3.Connection, statement: str) -> None:
    conn.execute(statement)
    raise StoreUnavailable("another reason")


async def test_commit_inside_a_function_is_refused(db: Database) -> None:
    def commit(conn: sqlite3.Connection) -> None:
        _note(1)(conn)
        conn.commit()

    with pytest.raises(sqlite3.ProgrammingError, match="the store commits"):
        await db.transact(commit)
    with pytest.raises(sqlite3.ProgrammingError, match="the store commits"):
        await db.alone(lambda conn: conn.commit())

    assert await db.read(_numbers) == []


async def test_a_cancelled_caller_breaks_neither_its_transaction_nor_the_others(
    db: Database,
) -> None:
    gate = _Gate(db)
    async with asyncio.TaskGroup() as tasks:
        await gate.close(tasks)
        callers = [tasks.create_task(db.transact(_note(number))) for number in range(6)]
        await _until(lambda: db.depth == len(callers))
        callers[0].cancel()
        callers[4].cancel()
        await asyncio.wait([callers[0], callers[4]])
        gate.open()

    assert [caller.cancelled() for caller in callers] == [True, False, False, False, True, False]
    assert await db.read(_numbers) == [0, 1, 2, 3, 4, 5]
    assert not await db.alone(lambda conn: conn.in_transaction)


async def test_when_every_caller_is_cancelled_the_work_is_done_all_the_same(db: Database) -> None:
    gate = _Gate(db)
    async with asyncio.TaskGroup() as tasks:
        await gate.close(tasks)
        callers = [tasks.create_task(db.transact(_note(number))) for number in range(3)]
        await _until(lambda: db.depth == len(callers))
        for caller in callers:
            caller.cancel()
        await asyncio.wait(callers)
        gate.open()
        await _until(lambda: db.depth == 0)

    assert await db.read(_numbers) == [0, 1, 2]


async def test_a_read_does_not_see_what_its_group_has_not_committed(db: Database) -> None:
    gate = _Gate(db)
    async with asyncio.TaskGroup() as tasks:
        await gate.close(tasks)
        write = tasks.create_task(db.transact(_note(1)))
        read = tasks.create_task(db.read(_numbers))
        await _until(lambda: db.depth == 2)
        gate.open()

    assert (write.result(), read.result()) == (1, [])
    assert await db.read(_numbers) == [1]


async def test_a_read_that_writes_is_refused_and_the_next_transaction_is_not(
    db: Database,
) -> None:
    with pytest.raises(sqlite3.OperationalError, match="attempt to write a readonly"):
        await db.read(_note(1))

    assert await db.transact(_note(2)) == 2
    assert await db.read(_numbers) == [2]


async def test_a_read_that_raises_leaves_no_transaction(db: Database) -> None:
    def fail(_conn: sqlite3.Connection) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await db.read(fail)

    assert not await db.alone(lambda conn: conn.in_transaction)


async def test_a_function_run_alone_may_commit_but_not_leave_a_transaction(db: Database) -> None:
    def leave(conn: sqlite3.Connection) -> None:
        conn.execute("BEGIN")
        _note(1)(conn)

    with pytest.raises(RuntimeError, match="left a transaction open"):
        await db.alone(leave)

    assert await db.read(_numbers) == []


async def test_a_backup_of_the_open_database_is_whole(db: Database, tmp_path: Path) -> None:
    await asyncio.gather(*(db.transact(_note(number)) for number in range(10)))
    copy = sqlite3.connect(tmp_path / "copy.db", check_same_thread=False)

    await db.alone(lambda conn: conn.backup(copy))

    assert _numbers(copy) == list(range(10))
    copy.close()


async def test_whoever_comes_when_too_many_wait_is_told_at_once(db: Database) -> None:
    gate = _Gate(db)
    async with asyncio.TaskGroup() as tasks:
        await gate.close(tasks)
        parked = [tasks.create_task(db.read(lambda _conn: 1)) for _ in range(MAX_WAITING)]
        await _until(lambda: db.depth == MAX_WAITING)
        with pytest.raises(StoreUnavailable, match="send again later"):
            await db.transact(_note(1))
        gate.open()

    assert sum(task.result() for task in parked) == MAX_WAITING


async def test_closing_finishes_what_was_asked_before_and_refuses_what_comes_after(
    tmp_path: Path,
) -> None:
    database = await Database.open(tmp_path / "node.db")
    await database.transact(_create)
    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(database.transact(_note(number))) for number in range(200)]
        await _until(lambda: database.depth > 0 or asked[0].done())
        await database.close()
        await database.close()

    assert [task.result() for task in asked] == list(range(200))
    with pytest.raises(StoreUnavailable, match="shutting down"):
        await database.read(_numbers)


async def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE theirs (x)")
    other.close()
    before = path.read_bytes()

    with pytest.raises(ForeignFile, match="folder of its own"):
        await Database.open(path)

    assert path.read_bytes() == before


async def test_a_file_that_is_no_database_is_told_as_such(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    path.write_bytes(b"minutes of the meeting" * 100)

    with pytest.raises(StoreUnavailable, match="not a database"):
        await Database.open(path)


async def test_a_missing_folder_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="check that its folder is there"):
        await Database.open(tmp_path / "nowhere" / "node.db")


async def test_a_database_in_memory_works_the_same() -> None:
    database = await Database.open(MEMORY)
    await database.transact(_create)

    results = await _together(database, [_note(1), _note(1), _note(2)])

    assert isinstance(results[1], sqlite3.IntegrityError)
    assert await database.read(_numbers) == [1, 2]
    await database.close()


async def test_aiosqlite_calls_commit_once_on_the_connections_thread() -> None:
    """The store stands on this; a release that changes it must not pass unseen."""
    calls: list[int] = []

    class Watched(sqlite3.Connection):
        def commit(self) -> None:  # type: ignore[explicit-override]  # needs 3.12
            calls.append(threading.get_ident())

    connection = await aiosqlite.connect(MEMORY, factory=Watched, isolation_level=None)
    await connection.commit()
    cancelled = asyncio.gather(connection.commit())
    await asyncio.to_thread(threading.Event().wait, 0)
    cancelled.cancel()
    await asyncio.wait([cancelled])
    await connection.close()

    assert len(calls) == 2
    assert len(set(calls)) == 1
    assert threading.get_ident() not in calls


@settings(max_examples=40, deadline=None)
@given(
    fates=st.lists(st.sampled_from(["keep", "raise", "cancel", "read"]), max_size=150),
)
def test_whatever_the_mix_exactly_what_was_acknowledged_or_cancelled_is_kept(
    fates: list[str],
) -> None:
    asyncio.run(_mix(fates))


async def _ask(database: Database, number: int, fate: str) -> int:
    def fail(conn: sqlite3.Connection) -> int:
        _note(number)(conn)
        raise LookupError(number)

    if fate == "read":
        return len([seen for seen in await database.read(_numbers) if seen < 0])
    return await database.transact(fail if fate == "raise" else _note(number))


async def _mix(fates: list[str]) -> None:
    database = await Database.open(MEMORY)
    await database.transact(_create)

    async with asyncio.TaskGroup() as tasks:
        gate = _Gate(database)
        await gate.close(tasks)
        asked = [asyncio.Task(_ask(database, number, fate)) for number, fate in enumerate(fates)]
        await _until(lambda: database.depth == len(fates))
        for task, fate in zip(asked, fates, strict=True):
            if fate == "cancel":
                task.cancel()
        gate.open()
        answers = await asyncio.gather(*asked, return_exceptions=True)

    kept = await database.read(_numbers)
    await database.close()
    assert kept == [n for n, fate in enumerate(fates) if fate in {"keep", "cancel"}]
    expected = {
        "raise": LookupError,
        "cancel": asyncio.CancelledError,
    }
    for number, (fate, answer) in enumerate(zip(fates, answers, strict=True)):
        if fate in expected:
            assert isinstance(answer, expected[fate])
        else:
            assert answer == (number if fate == "keep" else 0)
