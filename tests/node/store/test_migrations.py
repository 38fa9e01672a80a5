"""Migrations: in order, once, whole or not at all, and never behind our back."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.store.database import Database
from node.store.migrations import (
    Migration,
    MigrationError,
    load,
    migrate,
    parse,
    pending,
    statements,
)

NOW_MS = 1_700_000_000_000

VENUES = Migration(1, "venues", b"CREATE TABLE venue (id INTEGER PRIMARY KEY, name TEXT) STRICT;")
SEATS = Migration(
    2,
    "seats",
    b"""
    -- A seat belongs to a venue; the semicolon in this comment ends nothing.
    CREATE TABLE seat (
        venue_id INTEGER NOT NULL REFERENCES venue (id),
        label    TEXT    NOT NULL DEFAULT 'a;b'
    ) STRICT;
    CREATE TRIGGER seat_label AFTER INSERT ON seat BEGIN
        UPDATE seat SET label = upper(label) WHERE rowid = new.rowid;
        UPDATE venue SET name = name || ';' WHERE id = new.venue_id;
    END;
    INSERT INTO venue (id, name) VALUES (1, 'north');
    INSERT INTO seat (venue_id, label) VALUES (1, 'x')
    """,
)
BOTH = (VENUES, SEATS)


@pytest.fixture
def conn() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("PRAGMA foreign_keys=ON")
    yield connection
    connection.close()


def _tables(conn: sqlite3.Connection) -> set[str]:
    return {name for (name,) in conn.execute("SELECT name FROM sqlite_schema WHERE type='table'")}


def test_all_are_applied_in_order_and_recorded(conn: sqlite3.Connection) -> None:
    assert pending(conn, BOTH) == BOTH

    assert migrate(conn, BOTH, NOW_MS) == [VENUES, SEATS]

    rows = conn.execute("SELECT number, name, checksum, applied_at_ms FROM migration").fetchall()
    assert rows == [
        (1, "venues", VENUES.checksum, NOW_MS),
        (2, "seats", SEATS.checksum, NOW_MS),
    ]
    assert conn.execute("PRAGMA user_version").fetchone() == (2,)
    assert conn.execute("SELECT label, name FROM seat, venue").fetchall() == [("X", "north;")]
    assert pending(conn, BOTH) == ()


def test_a_second_run_changes_nothing(conn: sqlite3.Connection) -> None:
    migrate(conn, BOTH, NOW_MS)
    before = list(conn.iterdump())

    assert migrate(conn, BOTH, NOW_MS + 1) == []

    assert list(conn.iterdump()) == before


def test_only_what_is_new_is_applied(conn: sqlite3.Connection) -> None:
    migrate(conn, BOTH[:1], NOW_MS)

    assert migrate(conn, BOTH, NOW_MS + 5) == [SEATS]

    times = conn.execute("SELECT applied_at_ms FROM migration ORDER BY number").fetchall()
    assert times == [(NOW_MS,), (NOW_MS + 5,)]


def test_a_changed_file_is_named_and_nothing_is_applied(conn: sqlite3.Connection) -> None:
    migrate(conn, BOTH[:1], NOW_MS)
    tampered = replace(VENUES, sql=VENUES.sql + b"\n")

    with pytest.raises(MigrationError, match=r"0001_venues\.sql was changed.*new migration"):
        migrate(conn, (tampered, SEATS), NOW_MS)

    assert "seat" not in _tables(conn)


def test_a_renamed_file_is_a_changed_file(conn: sqlite3.Connection) -> None:
    migrate(conn, BOTH, NOW_MS)

    with pytest.raises(MigrationError, match=r"0002_chairs\.sql was changed.*0002_seats\.sql"):
        pending(conn, (VENUES, replace(SEATS, name="chairs")))


def test_a_database_newer_than_the_program_is_refused(conn: sqlite3.Connection) -> None:
    migrate(conn, BOTH, NOW_MS)

    with pytest.raises(MigrationError, match=r"up to 0002_seats.*the database is newer"):
        migrate(conn, BOTH[:1], NOW_MS)


def test_a_record_that_was_taken_out_is_noticed(conn: sqlite3.Connection) -> None:
    migrate(conn, BOTH, NOW_MS)
    conn.execute("DELETE FROM migration WHERE number = 1")

    with pytest.raises(MigrationError, match="table migration was edited"):
        pending(conn, BOTH)


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        (b"CREATE TABLE a (x); CREATE TABLE a (x);", "already exists"),
        (b"CREATE TABLE a (x); CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1;", "incomplete"),
        (b"CREATE TABLE a (x); COMMIT; CREATE TABLE b (x);", "the program commits"),
        (b"CREATE TABLE a (x); INSERT INTO seat (venue_id) VALUES (9);", "refers to nothing"),
        (
            b"CREATE TABLE a (x REFERENCES venue (id) DEFERRABLE initially  deferred);",
            "make it immediate",
        ),
        (b"CREATE TABLE a (x); -- \xff", "utf-8"),
    ],
)
def test_a_file_that_fails_is_named_and_recorded_nowhere(
    conn: sqlite3.Connection, sql: bytes, reason: str
) -> None:
    migrate(conn, BOTH, NOW_MS)
    broken = Migration(3, "broken", sql)

    with pytest.raises(MigrationError, match=rf"0003_broken\.sql.*{reason}"):
        migrate(conn, (*BOTH, broken), NOW_MS)

    assert not conn.in_transaction
    assert conn.execute("PRAGMA foreign_keys").fetchone() == (1,)
    assert conn.execute("SELECT max(number) FROM migration").fetchone() == (2,)
    assert pending(conn, (*BOTH, broken)) == (broken,)
    if reason != "the program commits":  # what was committed by then, was committed
        assert "a" not in _tables(conn)


def test_those_before_a_failing_file_stay(conn: sqlite3.Connection) -> None:
    with pytest.raises(MigrationError, match=r"0003_broken\.sql"):
        migrate(conn, (*BOTH, Migration(3, "broken", b"nonsense;")), NOW_MS)

    assert pending(conn, BOTH) == ()


def test_a_table_others_refer_to_can_be_rebuilt(conn: sqlite3.Connection) -> None:
    migrate(conn, BOTH, NOW_MS)
    rebuild = Migration(
        3,
        "venue_names_are_required",
        b"""
        CREATE TABLE venue_new (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;
        INSERT INTO venue_new (id, name) SELECT id, name FROM venue;
        DROP TRIGGER seat_label;
        DROP TABLE venue;
        ALTER TABLE venue_new RENAME TO venue;
        """,
    )

    migrate(conn, (*BOTH, rebuild), NOW_MS)

    assert conn.execute("SELECT venue_id FROM seat").fetchall() == [(1,)]
    with pytest.raises(sqlite3.IntegrityError):
        conn.execute("DELETE FROM venue")


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"0002_b.sql": b""}, r"0002_b\.sql stands where number 0001 belongs"),
        ({"0001_a.sql": b"", "0003_c.sql": b""}, r"0003_c\.sql stands where number 0002 belongs"),
        ({"0001_a.sql": b"", "0001_b.sql": b""}, r"0001_b\.sql stands where number 0002 belongs"),
        ({"1_a.sql": b""}, r"'1_a\.sql': name it like"),
        ({"0001-a.sql": b""}, r"'0001-a\.sql': name it like"),
    ],
)
def test_files_that_are_not_numbered_in_order_are_refused(
    files: dict[str, bytes], reason: str
) -> None:
    with pytest.raises(MigrationError, match=reason):
        parse(files)


def test_files_are_ordered_by_number_and_other_files_passed_over() -> None:
    files = {SEATS.file_name: SEATS.sql, "README.md": b"", VENUES.file_name: VENUES.sql}

    assert parse(files) == BOTH


def test_the_packages_own_migrations_apply_to_an_empty_database(conn: sqlite3.Connection) -> None:
    own = load()

    assert migrate(conn, own, NOW_MS) == list(own)
    assert pending(conn, own) == ()


async def test_migrations_run_on_the_nodes_connection(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "node.db")

    applied = await database.alone(lambda conn: migrate(conn, BOTH, NOW_MS))
    again = await database.alone(lambda conn: migrate(conn, BOTH, NOW_MS))
    await database.close()

    assert (applied, again) == ([VENUES, SEATS], [])


WHOLE = st.sampled_from(
    [
        "SELECT 1;",
        "SELECT ';';",
        'SELECT ";" FROM [a;b];',
        "-- one; two\nSELECT 2;",
        "/* ; */ SELECT 3;",
        "CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; SELECT ';'; END;",
        "CREATE TEMP TRIGGER t BEFORE DELETE ON a BEGIN DELETE FROM b; END;",
    ]
)


@given(st.lists(WHOLE), st.sampled_from(["", "\n", "  \n\t"]))
def test_a_script_is_split_into_the_statements_it_was_made_of(
    parts: list[str], between: str
) -> None:
    assert list(statements(between.join(parts) + between)) == parts
