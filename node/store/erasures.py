"""Envelopes that were erased when their time was over. SQL only; when it is over is a service's.

Leaves, hashes, numbers and receipts stay: the tree, its heads and every proof are as they were.
"""

import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Erasure:
    """One act.

    Args:
        conversation: Whose envelopes.
        reason: In the operator's words.
        by: Which operator.
        at_ms: When.
        words: How many envelopes.
        salt: Opens the digest of the leaf.
        suite: Of the log whose leaf tells of it.
        log_index: That leaf.
    """

    conversation: bytes
    reason: str
    by: str
    at_ms: int
    words: int
    salt: bytes
    suite: str
    log_index: int


_COLUMNS = "conversation, reason, by_whom, at_ms, words, salt, suite, log_index"


def get(connection: sqlite3.Connection, conversation: bytes) -> Erasure | None:
    """What was erased of a conversation."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM erasure WHERE conversation = ?",  # noqa: S608 (constants)
        (conversation,),
    ).fetchone()
    return None if row is None else Erasure(*row)


def every(connection: sqlite3.Connection) -> list[Erasure]:
    """All acts, the oldest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM erasure ORDER BY at_ms, conversation"  # noqa: S608 (constants)
    ).fetchall()
    return [Erasure(*row) for row in rows]


def add(connection: sqlite3.Connection, erasure: Erasure) -> None:
    """Keep an act."""
    connection.execute(
        f"INSERT INTO erasure ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        (
            erasure.conversation,
            erasure.reason,
            erasure.by,
            erasure.at_ms,
            erasure.words,
            erasure.salt,
            erasure.suite,
            erasure.log_index,
        ),
    )


def pending(connection: sqlite3.Connection, conversation: bytes) -> int:
    """Words of ours that the peer has not receipted."""
    (count,) = connection.execute(
        "SELECT count(*) FROM said WHERE conversation = ? AND receipt IS NULL", (conversation,)
    ).fetchone()
    return int(count)


def ended_ms(connection: sqlite3.Connection, conversation: bytes) -> int:
    """When the last word of a conversation was said or heard; it has at least one."""
    (last,) = connection.execute(
        "SELECT max(at_ms) FROM (SELECT said_at_ms AS at_ms FROM said WHERE conversation = ?1"
        " UNION ALL SELECT heard_at_ms FROM heard WHERE conversation = ?1)",
        (conversation,),
    ).fetchone()
    return int(last)


def erase(connection: sqlite3.Connection, conversation: bytes) -> int:
    """Overwrite the envelopes of a conversation; answers how many words that were."""
    connection.execute("PRAGMA secure_delete = ON")  # zeros on the disk, not only a shorter row
    said = connection.execute(
        "UPDATE said SET payload = x'', envelope = x'' WHERE conversation = ?", (conversation,)
    ).rowcount
    heard = connection.execute(
        "UPDATE heard SET envelope = x'' WHERE conversation = ?", (conversation,)
    ).rowcount
    return said + heard


def dossiers_of(connection: sqlite3.Connection, conversation: bytes) -> list[str]:
    """Names of dossier files that were made of an evaluation to which a conversation belongs."""
    rows = connection.execute(
        "SELECT DISTINCT dossier.file_name FROM dossier"
        " JOIN session ON session.conversation = dossier.session"
        " WHERE session.conversation = ?1 OR session.booking ="
        " (SELECT booking FROM draw WHERE draw.conversation = ?1) ORDER BY 1",
        (conversation,),
    ).fetchall()
    return [name for (name,) in rows]
