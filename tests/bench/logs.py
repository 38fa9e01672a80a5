"""The evidence log: what a batch of entries costs on this disk, and what checking a log costs.

A batch is written as a node writes one: leaves and inner nodes in SQLite, the log's head signed
by its owner and cosigned by a partner, in one commit that is on the disk when it returns. A log
is checked as an auditor checks one: every entry is read and hashed, and the root of all of them
is held against the head that both have signed.
"""

import contextlib
import itertools
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from federation.evidence.checkpoint import (
    LOG,
    WITNESS,
    Checkpoint,
    NoteKey,
    cosign,
    cosigned_at,
    sign_log,
    verify_note,
)
from federation.evidence.entry import IN, OUT, log_entry
from federation.ids import CenterId
from federation.trust import merkle
from federation.trust.envelope import envelope_hash, pae
from federation.trust.suite import INTL_1
from node.services.log_check import LogCheck
from node.store import migrations
from node.store.database import Database
from node.store.ledger import LogTip, SqlLedger
from tests.bench.load import Rate

BATCH: Final = 256  # draw-and-evidence.md §2.3 measures with it
PEER: Final = CenterId("lp1" + "a" * 52)
KIND: Final = "application/vnd.lianping.v1.draw.Verdict+protobuf"
SUITE: Final = INTL_1.suite_id
ORIGIN: Final = "lianping.example/log"
NEIGHBOUR: Final = "lianping.example/witness"
OWNER_KEY: Final = bytes(range(32))
WITNESS_KEY: Final = bytes(range(32, 64))
LOG_KEY: Final = NoteKey(INTL_1, ORIGIN, LOG, INTL_1.public_signing(OWNER_KEY))
COSIGNER: Final = NoteKey(INTL_1, NEIGHBOUR, WITNESS, INTL_1.public_signing(WITNESS_KEY))
NOW_MS: Final = 1_790_000_000_000
PAYLOAD: Final = bytes(300)  # about a signed word's
_ENTRY: Final = "INSERT INTO log_entry (suite, idx, data, envelope_hash) VALUES (?, ?, ?, ?)"
_HEAD: Final = "INSERT INTO checkpoint (suite, size, note) VALUES (?, ?, ?)"


def entries(first: int, count: int) -> Iterator[bytes]:
    """Entries as words leave them; every other one is heard and has a receipt."""
    for number in range(first, first + count):
        word = number.to_bytes(32, "big")
        yield log_entry(
            (OUT, IN)[number & 1], PEER, KIND, word, word if number & 1 else b"", NOW_MS + number
        )


def signed(size: int, root: bytes) -> str:
    """The head, signed by the owner and cosigned by the partner."""
    note = sign_log(Checkpoint(ORIGIN, size, root), LOG_KEY, INTL_1.signer(OWNER_KEY))
    return cosign(note, COSIGNER, INTL_1.signer(WITNESS_KEY), NOW_MS // 1000)


async def append(path: Path, batches: int, seconds: float) -> Rate:
    """Entries a second in batches, each with a cosigned head, through the node's store."""
    database = await Database.open(path)
    tip, took = LogTip(), []

    def batch(connection: sqlite3.Connection) -> None:
        ledger = SqlLedger(connection, tip)
        size, _ = ledger.log_head(SUITE)
        for data in entries(size, BATCH):
            ledger.append_log(SUITE, data, data[-34:-2])
        size, root = ledger.log_head(SUITE)
        note = signed(size, root)
        cosigned_at(note, (COSIGNER,))
        ledger.put_checkpoint(SUITE, size, note)

    try:
        await database.alone(
            lambda connection: migrations.migrate(connection, migrations.load(), NOW_MS)
        )
        began = time.perf_counter()
        for _ in range(batches):
            started = time.perf_counter()
            await database.transact(batch)
            ended = time.perf_counter()
            took.append((ended - started) / BATCH)
            if ended - began > seconds:
                break
        return Rate(len(took) * BATCH, time.perf_counter() - began, sorted(took)[len(took) // 2])
    finally:
        await database.close()


def fill(path: Path, count: int) -> None:
    """A log of so many entries with its head; fast, as nobody measures it."""
    with _loading(path) as connection:
        connection.executemany(
            _ENTRY,
            (
                (SUITE, index, data, index.to_bytes(32, "big"))
                for index, data in enumerate(entries(0, count))
            ),
        )
        root = merkle.root_of(INTL_1, entries(0, count))
        connection.execute(_HEAD, (SUITE, count, signed(count, root)))


def fill_with_words(path: Path, count: int) -> None:
    """The same with the words that the entries are of, all said to one partner."""
    with _loading(path) as connection:
        leaves = []
        for index in range(count):
            payload = index.to_bytes(8, "big") + PAYLOAD
            word = envelope_hash(INTL_1, KIND, payload)
            leaves.append(log_entry(OUT, PEER, KIND, word, b"", NOW_MS + index))
            connection.execute(_ENTRY, (SUITE, index, leaves[-1], word))
            connection.execute(
                "INSERT INTO said (peer, number, conversation, revision, payload_type, payload,"
                " hash, said_at_ms, suite, log_index) VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, ?)",
                (PEER, index + 1, index.to_bytes(16, "big"), KIND, payload, word, NOW_MS, SUITE,
                 index),
            )  # fmt: skip
        root = merkle.root_of(INTL_1, leaves)
        connection.execute(_HEAD, (SUITE, count, signed(count, root)))


@contextlib.contextmanager
def _loading(path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrations.migrate(connection, migrations.load(), NOW_MS)
        connection.execute("PRAGMA foreign_keys=OFF")  # words without their conversations
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("BEGIN")
        yield connection
        connection.execute("COMMIT")


def check(path: Path) -> None:
    """Read and hash a whole log.

    Raises:
        RuntimeError: It is not the one whose head was signed.
    """
    with contextlib.closing(sqlite3.connect(path)) as connection:
        ((note,),) = connection.execute("SELECT note FROM checkpoint").fetchall()
        head, _ = verify_note(note, (LOG_KEY,))
        cosigned_at(note, (COSIGNER,))
        rows = connection.execute(
            "SELECT data FROM log_entry WHERE suite = ? ORDER BY idx", (SUITE,)
        )
        leaves = (data for (data,) in itertools.islice(rows, head.size))
        if merkle.root_of(INTL_1, leaves) != head.root:
            raise RuntimeError("the log is not the one whose head was signed")


def verify(path: Path) -> None:
    """What ``lianping log verify`` does: entries, words, heads and counters.

    Raises:
        RuntimeError: It found a fault.
    """
    look = LogCheck()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        while look.step(connection):
            pass
    if look.reports[0].faults or not look.reports[0].words:
        raise RuntimeError(f"the log is not the one that was written: {look.reports}")


def floor(count: int) -> None:
    """A hash over as many bytes for each leaf, and one for each node above; nothing is read."""
    (leaf,) = entries(1, 1)
    new, whole, node = INTL_1.new, b"\0" + leaf, bytes(2 * merkle.HASH_SIZE + 1)
    for _ in range(count):
        new(whole).digest()
    for _ in range(count - 1):
        new(node).digest()


def floor_with_words(count: int) -> None:
    """The same with a hash over as many bytes as each word has."""
    floor(count)
    new, word = INTL_1.new, b"\0" + pae(KIND, bytes(8) + PAYLOAD)
    for _ in range(count):
        new(word).digest()
