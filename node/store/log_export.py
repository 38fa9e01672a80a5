"""The evidence log as it is handed to an auditor: entries with words and receipts, streamed.

Three cursors in the order of the log, merged: nothing is held but one row of each. A node that
runs has its database to itself: it reads page by page through its own connection, so that it
goes on meanwhile; ``opened`` is for a database that no node runs on. SQL only; the file's shape
is ``federation.evidence.log_file``.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from federation.evidence.log_file import Head, Item, LogHeader
from federation.trust.envelope import Envelope
from federation.wire.envelopes import RECEIPT_TYPE, decode_envelope
from node.store import descriptors

LAST: Final = 2**63 - 1


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A database that no node runs on. Raises sqlite3.Error."""
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    try:
        connection.isolation_level = None
        connection.execute("BEGIN")
        yield connection
    finally:
        connection.close()


def header(connection: sqlite3.Connection, center: str, made_ms: int) -> LogHeader:
    """Whose log it is, how long, with which keys and heads."""
    sizes = dict(
        connection.execute(
            "SELECT suite, max(idx) + 1 FROM log_entry GROUP BY suite ORDER BY suite"
        ).fetchall()
    )
    centers = [center, *(row[0] for row in connection.execute("SELECT center FROM peer"))]
    heads = connection.execute(
        "SELECT suite, peer, note FROM cosigned AS newest WHERE size ="
        " (SELECT max(size) FROM cosigned WHERE suite = newest.suite AND peer = newest.peer)"
        " ORDER BY suite, peer"
    ).fetchall()
    seen = connection.execute(
        "SELECT suite, peer, note FROM witnessed WHERE note <> '' ORDER BY suite, peer"
    ).fetchall()
    return LogHeader(
        center=center,
        made_ms=made_ms,
        descriptors={
            each: tuple(row.signed for row in descriptors.chain(connection, each))
            or _pinned(connection, each)
            for each in sorted(set(centers))
        },
        sizes=sizes,
        heads=tuple(Head(*row) for row in heads),
        seen=tuple(Head(*row) for row in seen),
    )


def _pinned(connection: sqlite3.Connection, center: str) -> tuple[bytes, ...]:
    row = connection.execute("SELECT descriptor FROM peer WHERE center = ?", (center,)).fetchone()
    return () if row is None else (bytes(row[0]),)


def entries(
    connection: sqlite3.Connection, suite_id: str, first: int = 0, upto: int = LAST
) -> Iterator[Item]:
    """Entries of a log in order, from one up to before another, each with what was kept of it."""
    part = (suite_id, first, upto)
    said = _Ordered(
        connection,
        "SELECT log_index, payload_type, payload, envelope, receipt FROM said WHERE suite = ?"
        " AND log_index >= ? AND log_index < ? ORDER BY log_index",
        part,
    )
    heard = _Ordered(
        connection,
        "SELECT log_index, envelope, receipt_payload FROM heard WHERE suite = ?"
        " AND log_index >= ? AND log_index < ? ORDER BY log_index",
        part,
    )
    rows = connection.execute(
        "SELECT idx, data FROM log_entry WHERE suite = ? AND idx >= ? AND idx < ? ORDER BY idx",
        part,
    )
    for index, data in rows:
        ours, theirs = said.at(index), heard.at(index)
        if ours is not None:
            kind, payload, envelope, receipt = ours
            word = decode_envelope(envelope) if envelope else _unsigned(kind, payload)
            yield Item(data, word, decode_envelope(receipt) if receipt else None)
        elif theirs is not None:
            envelope, payload = theirs
            word = decode_envelope(envelope) if envelope else None
            yield Item(data, word, _unsigned(RECEIPT_TYPE, payload) if payload else None)
        else:
            yield Item(data, None, None)


def _unsigned(kind: str, payload: bytes | None) -> Envelope | None:
    """What waits for its signature, or is signed anew whenever it is asked for."""
    return Envelope(payload, kind, b"", b"", 0, 0, ()) if payload else None


class _Ordered:
    """A cursor by log index: at each index its row, or None."""

    def __init__(
        self, connection: sqlite3.Connection, statement: str, part: tuple[str, int, int]
    ) -> None:
        self._rows = connection.execute(statement, part)
        self._next = self._rows.fetchone()

    def at(self, index: int) -> tuple[Any, ...] | None:
        """What the log has there. Indices are asked for in order."""
        while self._next is not None and self._next[0] < index:
            self._next = self._rows.fetchone()
        found: tuple[Any, ...] | None = None
        if self._next is not None and self._next[0] == index:
            found = tuple(self._next[1:])
        return found


def with_own(found: LogHeader, chain: Sequence[bytes]) -> LogHeader:
    """The same with our own descriptors as our keys' folder has them."""
    return replace(found, descriptors={**found.descriptors, found.center: tuple(chain)})
