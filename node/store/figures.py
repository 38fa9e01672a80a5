"""What is counted in the database at each scrape of the metrics. SQL only."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field

from node.store import (
    bundles,
    call_backs,
    forks,
    invited,
    log_sizes,
    oversight,
    todos,
    usage,
    workdays,
)


@dataclass(frozen=True, slots=True)
class Figures:
    """One look at the database.

    Attributes:
        outbox: For each peer with pending words: how many, and when the oldest was said.
        log_size: Entries of our evidence logs, by suite.
        cosigned: How much of each each peer has cosigned, by peer and suite.
        bookings: How many bookings are in each phase.
        draws: How many draws are in each phase.
        disputes: How many disputes over usage are not settled.
        false_escrows: How many escrows that we opened held something else than was committed to.
        exceptions: How many bundles lost a leg after they were confirmed.
        years: The years whose holidays are known.
        overdue: How many open to-dos are overdue, by kind.
        forks: Contradictions of partners' logs that nobody settled, by peer.
        unproven: Heads that were passed on and that the log has not proven, by peer.
        invitations: How many invitations of our own experts ended how.
        call_backs: How many checks of invitations ended how: told to us, or by us as a regulator.
        call_back_faults: How many of them wait for people to investigate.
        entry_bytes: What the newest words take in our logs, by suite and part, mean bytes.
    """

    outbox: Mapping[str, tuple[int, int]]
    log_size: Mapping[str, int]
    cosigned: Mapping[tuple[str, str], int]
    bookings: Mapping[str, int]
    draws: Mapping[str, int]
    disputes: int = 0
    false_escrows: int = 0
    exceptions: int = 0
    years: frozenset[int] = frozenset()
    overdue: Mapping[str, int] = field(default_factory=dict)
    forks: Mapping[str, int] = field(default_factory=dict)
    unproven: Mapping[str, int] = field(default_factory=dict)
    entry_bytes: Mapping[tuple[str, str], float] = field(default_factory=dict)
    invitations: Mapping[str, int] = field(default_factory=dict)
    call_backs: Mapping[str, int] = field(default_factory=dict)
    call_back_faults: int = 0


def count(conn: sqlite3.Connection, now_ms: int) -> Figures:
    """Count. Each statement reads an index or a small table."""
    return Figures(
        outbox={
            peer: (depth, oldest)
            for peer, depth, oldest in conn.execute(
                "SELECT peer, count(*), min(said_at_ms) FROM said WHERE receipt IS NULL"
                " GROUP BY peer"
            )
        },
        log_size={
            suite_id: conn.execute(
                "SELECT max(idx) + 1 FROM log_entry WHERE suite = ?", (suite_id,)
            ).fetchone()[0]
            for (suite_id,) in conn.execute("SELECT DISTINCT suite FROM log_entry")
        },
        cosigned={
            (peer, suite_id): size
            for peer, suite_id, size in conn.execute(
                "SELECT peer, suite, max(size) FROM cosigned GROUP BY peer, suite"
            )
        },
        bookings=_phases(conn, "booking"),
        draws=_phases(conn, "draw"),
        disputes=usage.open_disputes(conn),
        false_escrows=oversight.false_escrows(conn),
        exceptions=bundles.with_exceptions(conn),
        years=workdays.calendar(conn).years,
        overdue=todos.overdue(conn, now_ms),
        forks=forks.open_by_peer(conn),
        unproven=forks.unproven_by_peer(conn),
        entry_bytes=log_sizes.newest(conn),
        invitations=invited.by_response(conn),
        call_backs=call_backs.outcomes(conn),
        call_back_faults=todos.open_of(conn, "call_back_fault", "call_record_fault"),
    )


def pending(conn: sqlite3.Connection, peer: str) -> int:
    """How many words a peer has not receipted."""
    (depth,) = conn.execute(
        "SELECT count(*) FROM said WHERE peer = ? AND receipt IS NULL", (peer,)
    ).fetchone()
    return int(depth)


def write_probe(conn: sqlite3.Connection) -> None:
    """Prove that the database can be written, and leave nothing behind."""
    conn.execute("SAVEPOINT probe")
    conn.execute("INSERT INTO login VALUES (x'00', '', '', 0)")
    conn.execute("ROLLBACK TO probe")
    conn.execute("RELEASE probe")


def _phases(conn: sqlite3.Connection, kind: str) -> dict[str, int]:
    return dict(
        conn.execute(
            "SELECT phase, count(*) FROM conversation WHERE kind = ? GROUP BY phase", (kind,)
        )
    )
