"""How much the evidence logs hold, counted from the rows themselves. SQL only.

A day's figures come from the leaves of that day and from the words that they are of; an index
entry or a page half full is not counted, so a database file is larger by a fifth or so.
"""

import sqlite3
from dataclasses import dataclass

_DAY = "date(at_ms / 1000, 'unixepoch', '+8 hours')"
_NEWEST = 256  # words that a mean is taken of: a batch of commits, some kilobytes to read
_LEAF_BYTES = 34 + 32 + 32 + 8  # its hash and on average one node's, by name, with their keys


@dataclass(frozen=True, slots=True)
class Day:
    """One day in Asia/Shanghai.

    Args:
        day: As 2026-11-22.
        entries: Leaves: words said and heard, and a few descriptors and acts.
        log_bytes: Their leaves and nodes: what stays for ever.
        envelope_bytes: Envelopes, payloads and receipts: what can be erased.
    """

    day: str
    entries: int
    log_bytes: int
    envelope_bytes: int


def first_since(connection: sqlite3.Connection, suite: str, since_ms: int, size: int) -> int:
    """The first entry of a log that is not older than a moment; ``size`` if there is none.

    The times of entries do not fall but for a clock that was set back; then it is about there.
    """
    low, high = 0, size
    while low < high:
        middle = (low + high) // 2
        (at_ms,) = connection.execute(
            "SELECT json_extract(data, '$.at') FROM log_entry WHERE suite = ? AND idx = ?",
            (suite, middle),
        ).fetchone()
        if at_ms < since_ms:
            low = middle + 1
        else:
            high = middle
    return low


def days(connection: sqlite3.Connection, suite: str, first: int, upto: int) -> list[Day]:
    """The days of some entries of a log, from ``first`` up to ``upto``."""
    rows = connection.execute(
        f"SELECT {_DAY} AS day, count(*), sum(leaf), sum(body) FROM (SELECT"  # noqa: S608 (constants)
        " json_extract(data, '$.at') AS at_ms, length(data) AS leaf,"
        " coalesce(length(payload) + coalesce(length(said.envelope), 0)"
        " + coalesce(length(receipt), 0), 0)"
        " + coalesce(length(heard.envelope) + length(receipt_payload), 0) AS body FROM log_entry"
        " LEFT JOIN said ON said.suite = log_entry.suite AND said.log_index = idx"
        " LEFT JOIN heard ON heard.suite = log_entry.suite AND heard.log_index = idx"
        " WHERE log_entry.suite = ? AND idx >= ? AND idx < ?) GROUP BY day ORDER BY day",
        (suite, first, upto),
    ).fetchall()
    return [Day(day, count, leaf + count * _LEAF_BYTES, body) for day, count, leaf, body in rows]


def entries(
    connection: sqlite3.Connection, suite: str, first: int, at_most: int
) -> list[tuple[bytes, str | None, bytes | None, bytes | None]]:
    """(leaf, payload type, our payload, envelope) of entries in order; none for a leaf of no word.

    An erased word has a type and nothing else; one that is missing has no type either.
    """
    return connection.execute(
        "SELECT data, coalesce(said.payload_type, heard.payload_type), payload,"
        " coalesce(said.envelope, heard.envelope) FROM log_entry"
        " LEFT JOIN said ON said.suite = log_entry.suite AND said.log_index = idx"
        " LEFT JOIN heard ON heard.suite = log_entry.suite AND heard.log_index = idx"
        " WHERE log_entry.suite = ? AND idx >= ? ORDER BY idx LIMIT ?",
        (suite, first, at_most),
    ).fetchall()


def newest(connection: sqlite3.Connection) -> dict[tuple[str, str], float]:
    """Mean bytes of the newest entries, by suite and part (leaf, envelope): a look, no count."""
    found: dict[tuple[str, str], float] = {}
    for suite, size in sizes(connection).items():
        (leaf,) = connection.execute(
            "SELECT avg(length(data)) FROM log_entry WHERE suite = ? AND idx >= ?",
            (suite, size - _NEWEST),
        ).fetchone()
        found[suite, "leaf"] = leaf + _LEAF_BYTES
    rows = connection.execute(
        "SELECT suite, avg(length(envelope) + length(receipt_payload)) FROM"
        " (SELECT suite, envelope, receipt_payload FROM heard ORDER BY rowid DESC LIMIT ?)"
        " GROUP BY suite",
        (_NEWEST,),
    ).fetchall()
    found.update({(suite, "envelope"): mean for suite, mean in rows})
    return found


def sizes(connection: sqlite3.Connection) -> dict[str, int]:
    """Leaves of each suite's log."""
    return dict(
        connection.execute(
            "SELECT suite, max(idx) + 1 FROM log_entry GROUP BY suite ORDER BY suite"
        ).fetchall()
    )


def counters(connection: sqlite3.Connection) -> list[tuple[str, int, int, int, int]]:
    """(peer, words said, their highest number, words heard, words heard as counted) of each."""
    return connection.execute(
        "SELECT peer, (SELECT count(*) FROM said WHERE said.peer = tally.peer),"
        " (SELECT coalesce(max(number), 0) FROM said WHERE said.peer = tally.peer),"
        " (SELECT count(*) FROM heard WHERE sender = tally.peer), heard"
        " FROM tally ORDER BY peer"
    ).fetchall()


def without_words(connection: sqlite3.Connection, suite: str) -> int:
    """Words whose envelopes were erased by an act that is kept."""
    (count,) = connection.execute(
        "SELECT (SELECT count(*) FROM said WHERE suite = ?1 AND payload = x''"
        " AND conversation IN (SELECT conversation FROM erasure))"
        " + (SELECT count(*) FROM heard WHERE suite = ?1 AND envelope = x''"
        " AND conversation IN (SELECT conversation FROM erasure))",
        (suite,),
    ).fetchone()
    return int(count)


def heads(connection: sqlite3.Connection, suite: str) -> list[tuple[str, int, str]]:
    """(peer or nothing, size, note): our newest checkpoint, and each that was cosigned last."""
    return connection.execute(
        "SELECT '', max(size), note FROM checkpoint WHERE suite = ?1 HAVING max(size) IS NOT NULL"
        " UNION ALL SELECT peer, max(size), note FROM cosigned WHERE suite = ?1 GROUP BY peer",
        (suite,),
    ).fetchall()
