"""Cosigned checkpoints of our log by their size, for proofs to be made under them. SQL only.

What the engine needs of checkpoints day by day is in ``ledger``.
"""

import sqlite3

from federation.ids import CenterId


def cosigned_at(
    connection: sqlite3.Connection, peer: CenterId, suite_id: str, size: int
) -> str | None:
    """Our checkpoint of exactly ``size`` entries of a log as a peer cosigned it."""
    row = connection.execute(
        "SELECT note FROM cosigned WHERE peer = ? AND suite = ? AND size = ?",
        (peer, suite_id, size),
    ).fetchone()
    return None if row is None else str(row[0])
