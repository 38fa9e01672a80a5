"""The check of a database's rows finds what it should, and nothing in one that is whole."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.faults.books import Book, disagreements, faults_in
from tests.support.pair import TwoCenters, two_centers
from tests.support.planning import STAFF, Offices, confirmed, held

Change = Callable[[sqlite3.Connection], object]


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[tuple[TwoCenters, Offices]]:
    offices = Offices()
    async with two_centers(offices, folder=tmp_path) as pair:
        yield pair, offices


async def books(pair: TwoCenters) -> tuple[Book, Book]:
    """Copies of both databases in memory, on this thread."""
    copies = []
    for center in pair.centers:
        image = await center.database.alone(lambda at: at.serialize())
        copy = sqlite3.connect(":memory:", isolation_level=None)
        copy.deserialize(_without_wal(image))
        copies.append(Book(center.id, copy))
    return copies[0], copies[1]


def _without_wal(image: bytes) -> bytes:
    # sqlite.org/fileformat.html §1.3: a database in memory cannot be in WAL mode.
    return image[:18] + b"\x01\x01" + image[20:]


def sql(statement: str, *, freed: str = "") -> Change:
    """A change that the schema may forbid: its trigger ``freed`` is taken away first."""

    def change(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA foreign_keys=OFF")
        if freed:
            connection.execute(f"DROP TRIGGER {freed}")
        changed = connection.execute(statement).rowcount
        assert changed, "the change must change something"

    return change


async def test_two_whole_nodes_have_no_faults(pair: tuple[TwoCenters, Offices]) -> None:
    await confirmed(*pair)
    host, sub = await books(pair[0])

    assert faults_in(host.connection) == []
    assert faults_in(sub.connection) == []
    assert disagreements(host, sub) == []


IN_ONE: dict[str, tuple[str, Change]] = {
    "a word without its log entry": (
        "has no log entry",
        sql("DELETE FROM log_entry WHERE idx = (SELECT max(idx) FROM log_entry)",
            freed="log_entry_stays"),
    ),
    "a log with a hole": (
        "are not numbered 0 to",
        sql("DELETE FROM log_entry WHERE idx = 0", freed="log_entry_stays"),
    ),
    "a log entry that was changed": (
        "its tree is not that of its entries",
        sql("UPDATE log_entry SET data = CAST(data || ' ' AS BLOB) WHERE idx = 0",
            freed="log_entry_is_final"),
    ),
    "a tree that lacks a node": (
        "its tree is not that of its entries", sql("DELETE FROM log_node", freed="log_node_stays"),
    ),
    "a log entry without its word": (
        "was neither said nor heard", sql("DELETE FROM heard WHERE log_index = 0"),
    ),
    "a receipt that is not the one in the log": (
        "is of another word or receipt", sql("UPDATE heard SET receipt_payload = x'00'"),
    ),
    "a word that is not counted": ("tally: heard", sql("UPDATE tally SET heard = heard - 1")),
    "a word said that has a number too high": ("numbers", sql("UPDATE said SET number = 7")),
    "half a receipt": ("half a receipt", sql("UPDATE said SET receipt = NULL")),
    "a state that is ahead of its words": (
        "its state is not that of its words", sql("UPDATE conversation SET heard = heard + 1"),
    ),
    "a state that never heard its words": (
        "has words and no state", sql("DELETE FROM conversation"),
    ),
    "a booking without its conversation": (
        "has no conversation", sql("DELETE FROM conversation"),
    ),
    "seats that nobody booked": (
        "there is no such booking", sql("UPDATE seat_slot SET holder = x'00'"),
    ),
    "a booking without its seats": ("holds 0 seats of 5", sql("DELETE FROM seat_slot")),
    "a booking with half its slots": (
        "holds 5 seats of 5",
        sql("DELETE FROM seat_slot WHERE slot = (SELECT max(slot) FROM seat_slot)"),
    ),
    "a booking that ended and kept its seats": (
        "holds 5 seats of 0", sql("UPDATE conversation SET phase = 'RELEASED'"),
    ),
    "a checkpoint of a log that never was": (
        "is not of this log",
        sql("UPDATE checkpoint SET note = replace(note, char(10) || '1' || char(10),"
            " char(10) || '1' || char(10) || 'AAAA')"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", IN_ONE)
async def test_what_does_not_fit_at_the_sub_is_named(
    pair: tuple[TwoCenters, Offices], name: str
) -> None:
    await confirmed(*pair)
    _, sub = await books(pair[0])
    said, change = IN_ONE[name]

    change(sub.connection)

    assert said in "; ".join(faults_in(sub.connection))


AT_THE_HOST: dict[str, tuple[str, Change]] = {
    "confirmed, with a leg that is not": (
        "confirmed, and legs are HELD",
        sql("UPDATE conversation SET phase = 'HELD' WHERE kind = 'booking'"),
    ),
    "aborted, with a leg that is booked": (
        "aborted, and legs are CONFIRMED", sql("UPDATE bundle SET decision = 'ABORT'"),
    ),
    "aborted, with the host's seats": (
        "aborted, and holds seats", sql("UPDATE bundle SET decision = 'ABORT'"),
    ),
    "decided and not decided": (
        "DECIDED with the decision None",
        sql("UPDATE bundle SET decision = NULL, phase = 'DECIDED'"),
    ),
    "legs without a bundle": ("has legs and no row", sql("DELETE FROM bundle")),
    "a bundle without legs": ("has no legs", sql("DELETE FROM booking")),
}  # fmt: skip


@pytest.mark.parametrize("name", AT_THE_HOST)
async def test_what_does_not_fit_at_the_host_is_named(
    pair: tuple[TwoCenters, Offices], name: str
) -> None:
    await confirmed(*pair)
    host, _ = await books(pair[0])
    said, change = AT_THE_HOST[name]

    change(host.connection)

    assert said in "; ".join(faults_in(host.connection))


BETWEEN: dict[str, tuple[str, Change]] = {
    "a word that was receipted and is gone": (
        "and has not heard it", sql("DELETE FROM heard WHERE revision = 2"),
    ),
    "a word that was never said": (
        "never said", sql("UPDATE heard SET hash = x'00' WHERE revision = 2"),
    ),
    "books that differ": (
        "PROMISED at", sql("UPDATE conversation SET phase = 'PROMISED' WHERE kind = 'booking'"),
    ),
    "a word that waits": (
        "have no receipt",
        sql("UPDATE said SET receipt = NULL, accepted = NULL, envelope = NULL"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BETWEEN)
async def test_what_two_centers_do_not_agree_about_is_named(
    pair: tuple[TwoCenters, Offices], name: str
) -> None:
    await confirmed(*pair)
    host, sub = await books(pair[0])
    said, change = BETWEEN[name]

    change(sub.connection)

    assert said in "; ".join(disagreements(host, sub))


async def test_a_log_that_was_written_anew_is_found_by_what_the_witness_signed(
    pair: tuple[TwoCenters, Offices],
) -> None:
    await confirmed(*pair)
    host, sub = await books(pair[0])

    sql("UPDATE log_entry SET data = CAST(data || ' ' AS BLOB)", freed="log_entry_is_final")(
        sub.connection
    )

    assert "its log of" in "; ".join(disagreements(host, sub))


async def test_a_hold_that_waits_has_its_seats(pair: tuple[TwoCenters, Offices]) -> None:
    _, booking = await held(*pair)
    _, sub = await books(pair[0])
    assert faults_in(sub.connection) == []

    await pair[1].sub.center.do(
        lambda desk: pair[1].sub.bookings.vote(
            desk, booking, yes=False, reason="席位检修", by=STAFF
        )
    )
    _, sub = await books(pair[0])
    assert faults_in(sub.connection) == [], "a no gave them back"
