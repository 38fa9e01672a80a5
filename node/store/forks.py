"""Contradictions of peers' logs as they are kept: two signed heads, and what people did since."""

import sqlite3
from dataclasses import dataclass, field
from typing import Final

MAX_OPEN: Final = 256
"""Contradictions of one peer that are kept while nobody settled them. One is proof enough, and a
log that signs new ones at every chance must not fill the disk of those who witness it."""


@dataclass(frozen=True, slots=True)
class Fork:
    """Two heads of one log that cannot both be true.

    Args:
        peer: Whose log.
        held: The note that we had cosigned, or the greater of the two.
        shown: The other note.
        seen_at_ms: When they met.
        via: Who passed one of them on; empty if the peer itself showed it.
        explained: The epoch by which the peer announced that it had lost words.
        lifted_at_ms: When an operator let draws go on.
        lifted_by: Which operator.
        reason: Why, in the operator's words.
    """

    peer: str
    held: str = field(repr=False)
    shown: str = field(repr=False)
    seen_at_ms: int
    via: str = ""
    explained: int | None = None
    lifted_at_ms: int | None = None
    lifted_by: str | None = None
    reason: str | None = None

    @property
    def stops(self) -> bool:
        """Whether draws with the peer stand still because of it."""
        return self.explained is None and self.lifted_at_ms is None


_COLUMNS = "peer, held, shown, seen_at_ms, via, explained, lifted_at_ms, lifted_by, reason"


def put(connection: sqlite3.Connection, fork: Fork) -> bool:
    """Keep a contradiction; answers whether it is news.

    The same two heads are kept once, whatever other signatures stand on them. Passed on again by
    others they are no news; shown again by the peer itself they undo what an operator had lifted.
    Beyond ``MAX_OPEN`` that nobody settled, none is kept.
    """
    bodies = {_body(fork.held), _body(fork.shown)}
    kept = of(connection, fork.peer)
    for known in kept:
        if known.shown != fork.shown and {_body(known.held), _body(known.shown)} != bodies:
            continue
        if fork.via or known.lifted_at_ms is None:
            return False
        connection.execute(
            "UPDATE fork SET lifted_at_ms = NULL, seen_at_ms = ? WHERE peer = ? AND shown = ?",
            (fork.seen_at_ms, fork.peer, known.shown),
        )
        return True
    if sum(known.stops for known in kept) >= MAX_OPEN:
        return False
    connection.execute(
        "INSERT INTO fork (peer, held, shown, seen_at_ms, via) VALUES (?, ?, ?, ?, ?)",
        (fork.peer, fork.held, fork.shown, fork.seen_at_ms, fork.via),
    )
    return True


def open_with(connection: sqlite3.Connection, peer: str) -> bool:
    """Whether draws with a peer stand still."""
    row = connection.execute(
        "SELECT 1 FROM fork WHERE peer = ? AND explained IS NULL AND lifted_at_ms IS NULL",
        (peer,),
    ).fetchone()
    return row is not None


def of(connection: sqlite3.Connection, peer: str) -> list[Fork]:
    """All that was kept about a peer, the oldest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM fork WHERE peer = ? ORDER BY seen_at_ms, shown",  # noqa: S608
        (peer,),
    ).fetchall()
    return [Fork(*row) for row in rows]


def open_by_peer(connection: sqlite3.Connection) -> dict[str, int]:
    """How many contradictions nobody settled, for each peer that has any kept."""
    return dict(
        connection.execute(
            "SELECT peer, sum(explained IS NULL AND lifted_at_ms IS NULL) FROM fork GROUP BY peer"
        ).fetchall()
    )


def unproven_by_peer(connection: sqlite3.Connection) -> dict[str, int]:
    """How many heads that were passed on are not proven yet, for each peer of whose log any are."""
    return dict(
        connection.execute("SELECT peer, sum(NOT proven) FROM passed_head GROUP BY peer").fetchall()
    )


def lift(connection: sqlite3.Connection, peer: str, by: str, reason: str, now_ms: int) -> int:
    """Let draws with a peer go on; answers how many contradictions that were."""
    return connection.execute(
        "UPDATE fork SET lifted_at_ms = ?, lifted_by = ?, reason = ?"
        " WHERE peer = ? AND explained IS NULL AND lifted_at_ms IS NULL",
        (now_ms, by, reason, peer),
    ).rowcount


def _body(note: str) -> str:
    return note.partition("\n\n")[0].rstrip("\n")
