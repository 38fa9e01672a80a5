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
        entries: Words said and heard.
        log_bytes: Their leaves and nodes: what stays for ever.
        envelope_bytes: Envelopes, payloads and receipts: what can be erased.
    """

    day: str
    entries: int
    log_bytes: int
    envelope_bytes: int


def days(connection: sqlite3.Connection, since_ms: int) -> list[Day]:
    """Each day with a word, since a moment."""
    rows = connection.execute(
        f"SELECT {_DAY} AS day, count(*), sum(leaf), sum(body) FROM ("  # noqa: S608 (constants)
        " SELECT said_at_ms AS at_ms, length(data) AS leaf, length(payload)"
        " + coalesce(length(envelope), 0) + coalesce(length(receipt), 0) AS body FROM said"
        " JOIN log_entry ON log_entry.suite = said.suite AND idx = log_index"
        " WHERE said_at_ms >= ?1"
        " UNION ALL SELECT heard_at_ms, length(data), length(envelope) + length(receipt_payload)"
        " FROM heard JOIN log_entry ON log_entry.suite = heard.suite AND idx = log_index"
        " WHERE heard_at_ms >= ?1) GROUP BY day ORDER BY day",
        (since_ms,),
    ).fetchall()
    return [Day(day, count, leaf + count * _LEAF_BYTES, body) for day, count, leaf, body in rows]


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
