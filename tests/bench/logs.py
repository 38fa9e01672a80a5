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
from federation.trust.suite import INTL_1
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
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrations.migrate(connection, migrations.load(), NOW_MS)
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("BEGIN")
        connection.executemany(
            "INSERT INTO log_entry (suite, idx, data, envelope_hash) VALUES (?, ?, ?, ?)",
            (
                (SUITE, index, data, index.to_bytes(32, "big"))
                for index, data in enumerate(entries(0, count))
            ),
        )
        root = merkle.root_of(INTL_1, entries(0, count))
        connection.execute(
            "INSERT INTO checkpoint (suite, size, note) VALUES (?, ?, ?)",
            (SUITE, count, signed(count, root)),
        )
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


def floor(count: int) -> None:
    """A hash over as many bytes for each leaf, and one for each node above; nothing is read."""
    (leaf,) = entries(1, 1)
    new, whole, node = INTL_1.new, b"\0" + leaf, bytes(2 * merkle.HASH_SIZE + 1)
    for _ in range(count):
        new(whole).digest()
    for _ in range(count - 1):
        new(node).digest()
