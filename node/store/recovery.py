"""What was lost and who gives it back: heads of former epochs, whom we ask, what came. SQL only.

When and why is ``federation.engine.recovery``.
"""

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from federation.ids import CenterId
from federation.ports import Asked, Asking, GivenBack

MARGIN_MS: Final = 3_600_000  # clocks may differ, and a word may have been long on the way
AGAIN_MS: Final = 3_600_000  # a claim that was looked at is not looked at again before
_ASKED: Final = "peer, state, reason, since_ms, asked_from_ms, heard_to, said_to, words_heard"


def asked(connection: sqlite3.Connection) -> list[Asked]:
    """All rows, by peer."""
    rows = connection.execute(f"SELECT {_ASKED} FROM recovery ORDER BY peer")  # noqa: S608
    return [Asked(CenterId(row[0]), Asking(row[1]), *row[2:]) for row in rows.fetchall()]


def recovering(connection: sqlite3.Connection) -> bool:
    """Whether anything is known to be lost and not all were asked."""
    row = connection.execute(
        "SELECT 1 FROM recovery WHERE state IN ('WAITED', 'ANSWERED') LIMIT 1"
    ).fetchone()
    return row is not None


def blocked(connection: sqlite3.Connection, peer: str) -> bool:
    """Whether nothing may be said to or heard from a peer."""
    row = connection.execute(
        "SELECT 1 FROM recovery WHERE state IN ('WAITED', 'ANSWERED')"
        " OR (peer = ? AND state <> 'DENIED') LIMIT 1",
        (peer,),
    ).fetchone()
    return row is not None


def suspect(
    connection: sqlite3.Connection, peer: str, words_heard: int, asked_from_ms: int, now_ms: int
) -> bool:
    """Note a peer that says it heard more; False if that, or as much, was looked at."""
    added = connection.execute(
        "INSERT INTO recovery (peer, state, reason, since_ms, asked_from_ms, words_heard)"
        " VALUES (?, 'SUSPECT', 'the peer heard more words than we said', ?, ?, ?)"
        " ON CONFLICT (peer) DO UPDATE SET state = 'SUSPECT', words_heard = excluded.words_heard,"
        " since_ms = excluded.since_ms, heard_to = 0, said_to = 0, asked_from_ms = 0"
        " WHERE state = 'DENIED' AND (excluded.words_heard > words_heard"
        " OR excluded.since_ms >= since_ms + ?)",
        (peer, now_ms, asked_from_ms, words_heard, AGAIN_MS),
    )
    return added.rowcount == 1


def lost(
    connection: sqlite3.Connection,
    peers: Iterable[str],
    reason: str,
    asked_from_ms: int,
    now_ms: int,
) -> None:
    """Ask these peers, those that are asked already once more only if they were left out."""
    connection.executemany(
        "INSERT INTO recovery (peer, state, reason, since_ms, asked_from_ms)"
        " VALUES (?, 'WAITED', ?, ?, ?)"
        " ON CONFLICT (peer) DO UPDATE SET state = 'WAITED', reason = excluded.reason,"
        " since_ms = excluded.since_ms"
        " WHERE state NOT IN ('WAITED', 'ANSWERED')",
        [(peer, reason, now_ms, asked_from_ms) for peer in peers],
    )


def forget_answers(connection: sqlite3.Connection, asked_from_ms: int) -> None:
    """Whoever was asked before this copy was taken is to be asked anew: more was said since."""
    connection.execute(
        "UPDATE recovery SET state = 'SUSPECT', heard_to = 0, said_to = 0,"
        " asked_from_ms = min(asked_from_ms, ?)",
        (asked_from_ms,),
    )


def put_asked(connection: sqlite3.Connection, row: Asked) -> None:
    """Note how far the asking of a peer went."""
    connection.execute(
        "UPDATE recovery SET state = ?, reason = ?, since_ms = ?, asked_from_ms = ?,"
        " heard_to = ?, said_to = ?, words_heard = ? WHERE peer = ?",
        (
            row.state.value,
            row.reason,
            row.since_ms,
            row.asked_from_ms,
            row.heard_to,
            row.said_to,
            row.words_heard,
            row.peer,
        ),
    )


def finish(connection: sqlite3.Connection, peers: Iterable[str]) -> None:
    """These peers' words are all here again."""
    for peer in peers:
        connection.execute("DELETE FROM recovery WHERE peer = ?", (peer,))
        connection.execute("DELETE FROM given_back WHERE peer = ?", (peer,))


def put_back(connection: sqlite3.Connection, row: GivenBack) -> None:
    """Keep a word that was given back until all have answered."""
    connection.execute(
        "INSERT OR IGNORE INTO given_back (hash, peer, suite, word, receipt)"
        " VALUES (?, ?, ?, ?, ?)",
        (row.hash, row.peer, row.suite, row.word, row.receipt),
    )


def given_back(connection: sqlite3.Connection, peers: Collection[str]) -> list[GivenBack]:
    """What these peers gave back."""
    rows = connection.execute("SELECT hash, peer, suite, word, receipt FROM given_back").fetchall()
    return [GivenBack(*row) for row in rows if row[1] in peers]


def asked_from_ms(connection: sqlite3.Connection) -> int:
    """From when on words may be missing: a while before the last one that is here; or 0."""
    (said, heard) = connection.execute(
        "SELECT (SELECT max(said_at_ms) FROM said), (SELECT max(heard_at_ms) FROM heard)"
    ).fetchone()
    return max(0, max(said or 0, heard or 0) - MARGIN_MS)


# What we give back to a peer


def heard_from(
    connection: sqlite3.Connection, peer: str, after: int, since_ms: int, at_most: int
) -> Sequence[tuple[int, bytes, bytes, str]]:
    """(place, envelope, our receipt's payload, suite) of a peer's words that we heard."""
    return connection.execute(
        "SELECT rowid, envelope, receipt_payload, suite FROM heard"
        " WHERE sender = ? AND rowid > ? AND heard_at_ms >= ? AND envelope <> x''"  # not erased
        " ORDER BY rowid LIMIT ?",
        (peer, after, since_ms, at_most),
    ).fetchall()


def said_to(
    connection: sqlite3.Connection, peer: str, after: int, since_ms: int, at_most: int
) -> Sequence[tuple[int, str, bytes, bytes, str]]:
    """(number, payload type, payload, the peer's receipt or nothing, suite) of our words."""
    return connection.execute(
        "SELECT number, payload_type, payload, coalesce(receipt, x''), suite FROM said"
        " WHERE peer = ? AND number > ? AND said_at_ms >= ? AND payload <> x''"
        " AND (receipt IS NULL OR receipt <> x'')"  # those that were withdrawn were never heard
        " ORDER BY number LIMIT ?",
        (peer, after, since_ms, at_most),
    ).fetchall()


def refusal_in(connection: sqlite3.Connection, conversation: bytes) -> bytes | None:
    """Our last receipt in a conversation that refuses a word."""
    row = connection.execute(
        "SELECT receipt_payload FROM heard WHERE conversation = ? AND NOT accepted"
        " ORDER BY revision DESC LIMIT 1",
        (conversation,),
    ).fetchone()
    return None if row is None else bytes(row[0])


def has_said(connection: sqlite3.Connection, word_hash: bytes) -> tuple[bool, bool]:
    """Whether a word of ours is here, and whether it has its receipt."""
    row = connection.execute(
        "SELECT receipt IS NOT NULL FROM said WHERE hash = ?", (word_hash,)
    ).fetchone()
    return (False, False) if row is None else (True, bool(row[0]))


def withdraw(connection: sqlite3.Connection, conversation: bytes, revision: int) -> int:
    """Words that we said in place of others that we had forgotten are sent no more."""
    changed = connection.execute(
        "UPDATE said SET receipt = x'', accepted = 0"
        " WHERE conversation = ? AND revision = ? AND receipt IS NULL",
        (conversation, revision),
    )
    return changed.rowcount


# Former heads


def follow_epoch(
    connection: sqlite3.Connection,
    peer: str,
    suite_id: str,
    before: int,
    begin: tuple[int, bytes],
) -> None:
    """Keep what we cosigned last of a peer's log, and go on from there or from its beginning."""
    # What was passed on is of the epoch before: the log goes on from what others have of it now.
    connection.execute("DELETE FROM passed_head WHERE peer = ? AND suite = ?", (peer, suite_id))
    row = connection.execute(
        "SELECT size, root, note FROM witnessed WHERE peer = ? AND suite = ?", (peer, suite_id)
    ).fetchone()
    if row is None:
        return
    size, root, note = row
    if note:
        put_former(connection, Former(False, peer, suite_id, before, size, note))
    size, root = (size, root) if size <= begin[0] else begin
    if size == 0:
        connection.execute("DELETE FROM witnessed WHERE peer = ? AND suite = ?", (peer, suite_id))
        return
    connection.execute(
        "UPDATE witnessed SET size = ?, root = ?, note = '' WHERE peer = ? AND suite = ?",
        (size, root, peer, suite_id),
    )


def leave_epoch(connection: sqlite3.Connection, before: int) -> None:
    """Keep our cosigned heads of an epoch apart; its checkpoints are of no use."""
    connection.execute(
        "INSERT OR IGNORE INTO former_head (ours, peer, suite, epoch, size, note)"
        " SELECT 1, peer, suite, ?, size, note FROM cosigned",
        (before,),
    )
    connection.execute("DELETE FROM cosigned")
    connection.execute("DELETE FROM checkpoint")


@dataclass(frozen=True, slots=True)
class Former:
    """A cosigned head of a log that went on without what is beyond it."""

    ours: bool
    peer: str
    suite: str
    epoch: int
    size: int
    note: str


def put_former(connection: sqlite3.Connection, row: Former) -> None:
    """Keep one."""
    connection.execute(
        "INSERT OR IGNORE INTO former_head (ours, peer, suite, epoch, size, note)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (row.ours, row.peer, row.suite, row.epoch, row.size, row.note),
    )


def former_head(connection: sqlite3.Connection, peer: str, suite_id: str) -> tuple[int, int] | None:
    """Epoch and size of the last one of ours that a peer cosigned."""
    row: tuple[int, int] | None = connection.execute(
        "SELECT epoch, size FROM former_head WHERE ours AND peer = ? AND suite = ?"
        " ORDER BY epoch DESC, size DESC LIMIT 1",
        (peer, suite_id),
    ).fetchone()
    return row


def former_notes(connection: sqlite3.Connection, peer: str, *, ours: bool) -> list[str]:
    """The last head of each suite and epoch, the last epoch last."""
    rows = connection.execute(
        "SELECT note, max(size) FROM former_head WHERE ours = ? AND peer = ?"
        " GROUP BY suite, epoch ORDER BY epoch, suite",
        (ours, peer),
    ).fetchall()
    return [note for note, _ in rows]


def cosigned_below(connection: sqlite3.Connection, suite_id: str, size: int) -> int:
    """The largest size below another that any peer cosigned of our log; 0: none."""
    (found,) = connection.execute(
        "SELECT max(size) FROM cosigned WHERE suite = ? AND size < ?", (suite_id, size)
    ).fetchone()
    return found or 0


def beyond(connection: sqlite3.Connection, epoch: int) -> list[tuple[str, str, int]]:
    """(peer, suite, size) of heads of our logs' present epoch that our logs do not have."""
    return connection.execute(
        "SELECT peer, suite, size FROM former_head WHERE ours AND epoch = ? ORDER BY peer, suite",
        (epoch,),
    ).fetchall()
