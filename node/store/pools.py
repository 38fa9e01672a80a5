"""Expert pools: our epochs with their members as committed, and who announced what to whom.

A pool is rebuilt from its snapshot and its epoch key, never from the register, which may
have changed since. Rebuilding takes seconds for the largest registers, so ``Shelf`` keeps
the last ones. The members' names and the key are sealed; see ``cipher``.
"""

import json
import sqlite3
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from federation.lottery.pool import Pool, PoolMember, build_pool
from federation.protocol.peering import AnnouncePool
from federation.trust.suite import INTL_1
from federation.wire.words import PAYLOAD_TYPES, decode_word, encode_word
from node.store.cipher import ColumnCipher

MAX_SHELVED: Final = 2  # this epoch's and the last one's; a large pool takes some 50 MB
_KIND: Final = PAYLOAD_TYPES[AnnouncePool]


class SnapshotBroken(Exception):
    """The stored members do not make up the pool that was announced."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch of our own pool.

    Args:
        key: The epoch key, 32 bytes.
        announced: What is said of it to peers.
        members: As committed.
        sealed_audit: The full opening, sealed to the regulator (or to ourselves).
        made_at_ms: Unix milliseconds.
    """

    key: bytes = field(repr=False)
    announced: AnnouncePool
    members: tuple[PoolMember, ...] = field(repr=False)
    sealed_audit: bytes = field(repr=False)
    made_at_ms: int


@dataclass(frozen=True, slots=True)
class AnnouncementRow:
    """One announcement of ``owner`` to ``peer``, one of which is this center.

    Args:
        conversation: In which it was said.
        owner: Whose pool it is.
        peer: Whom it was announced to.
        announced: The word.
        log_index: Of the word in our own log.
        at_ms: When it was said or heard.
        cosigned_at_ms: Of our own: when the peer's cosignature came to cover it, or None.
    """

    conversation: bytes
    owner: str
    peer: str
    announced: AnnouncePool
    log_index: int
    at_ms: int
    cosigned_at_ms: int | None


# Our own epochs


def add_epoch(connection: sqlite3.Connection, cipher: ColumnCipher, epoch: Epoch) -> None:
    """Store an epoch with its members. Raises sqlite3.IntegrityError if it exists."""
    pool, name = epoch.announced.pool, epoch.announced.epoch
    connection.execute(
        "INSERT INTO pool_epoch (pool, epoch, sealed_key, root, body, sealed_audit, made_at_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            pool,
            name,
            cipher.seal("pool_epoch.key", f"{pool}/{name}", epoch.key.hex()),
            epoch.announced.root,
            encode_word(epoch.announced),
            epoch.sealed_audit,
            epoch.made_at_ms,
        ),
    )
    connection.executemany(
        "INSERT INTO pool_member (pool, epoch, uid, sealed_name, uscc, specialties, status)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (
                pool,
                name,
                member.uid,
                cipher.seal("pool_member.name", f"{pool}/{name}/{member.uid}", member.name),
                member.uscc,
                json.dumps(member.specialties),
                member.status,
            )
            for member in epoch.members
        ],
    )


def has_epoch(connection: sqlite3.Connection, pool: str, epoch: str) -> bool:
    """Whether we committed to this epoch before."""
    row = connection.execute(
        "SELECT 1 FROM pool_epoch WHERE pool = ? AND epoch = ?", (pool, epoch)
    ).fetchone()
    return row is not None


def own(connection: sqlite3.Connection, now_ms: int) -> list[AnnouncePool]:
    """What we committed to and is valid now, the oldest first."""
    rows = connection.execute("SELECT body FROM pool_epoch ORDER BY made_at_ms, epoch").fetchall()
    words = [_word(body) for (body,) in rows]
    return [word for word in words if word.valid_from_ms <= now_ms < word.valid_until_ms]


def load_pool(connection: sqlite3.Connection, cipher: ColumnCipher, pool: str, epoch: str) -> Pool:
    """Rebuild one of our pools from its snapshot.

    Raises:
        LookupError: We never committed to it, or it was shredded.
        SnapshotBroken: The members were changed outside the program.
    """
    row = connection.execute(
        "SELECT sealed_key, root FROM pool_epoch WHERE pool = ? AND epoch = ?", (pool, epoch)
    ).fetchone()
    if row is None:
        raise LookupError(f"no epoch {epoch} of pool {pool} is kept here")
    key = bytes.fromhex(cipher.open("pool_epoch.key", f"{pool}/{epoch}", row[0]))
    members = connection.execute(
        "SELECT uid, sealed_name, uscc, specialties, status FROM pool_member"
        " WHERE pool = ? AND epoch = ? ORDER BY uid",
        (pool, epoch),
    ).fetchall()
    built = build_pool(
        INTL_1,
        key,
        pool,
        epoch,
        (
            PoolMember(
                uid,
                cipher.open("pool_member.name", f"{pool}/{epoch}/{uid}", name),
                uscc,
                tuple(json.loads(specialties)),
                status,
            )
            for uid, name, uscc, specialties, status in members
        ),
    )
    if built.root != row[1]:
        raise SnapshotBroken(
            f"the members of pool {pool}, epoch {epoch} are not those that were announced: "
            "the database was changed outside the program; restore a backup"
        )
    return built


class Shelf:
    """Our last pools, rebuilt once. To be used in transactions only, which are one thread's."""

    def __init__(self, cipher: ColumnCipher) -> None:
        self._cipher = cipher
        self._pools: OrderedDict[tuple[str, str], Pool] = OrderedDict()

    def pool(self, connection: sqlite3.Connection, pool: str, epoch: str) -> Pool:
        """One of our pools. Raises as ``load_pool``."""
        known = self._pools.get((pool, epoch))
        if known is None:
            known = load_pool(connection, self._cipher, pool, epoch)
            self._pools[pool, epoch] = known
            if len(self._pools) > MAX_SHELVED:
                self._pools.popitem(last=False)
        self._pools.move_to_end((pool, epoch))
        return known


# Announcements, ours and peers'


def add(connection: sqlite3.Connection, row: AnnouncementRow) -> None:
    """Store an announcement. Raises sqlite3.IntegrityError if the epoch was announced."""
    word = row.announced
    connection.execute(
        "INSERT INTO pool_announcement (conversation, owner, peer, pool, epoch, root, body,"
        " log_index, valid_from_ms, valid_until_ms, at_ms, cosigned_at_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            row.conversation,
            row.owner,
            row.peer,
            word.pool,
            word.epoch,
            word.root,
            encode_word(word),
            row.log_index,
            word.valid_from_ms,
            word.valid_until_ms,
            row.at_ms,
            row.cosigned_at_ms,
        ),
    )


def remove(connection: sqlite3.Connection, conversation: bytes) -> None:
    """Forget an announcement that the peer refused; the words stay in the log."""
    connection.execute("DELETE FROM pool_announcement WHERE conversation = ?", (conversation,))


def set_cosigned(
    connection: sqlite3.Connection,
    *,
    owner: str,
    peer: str,
    suite_id: str,
    size: int,
    now_ms: int,
) -> None:
    """A peer has cosigned our log of a suite up to ``size`` entries."""
    connection.execute(
        "UPDATE pool_announcement SET cosigned_at_ms = ?"
        " WHERE owner = ? AND peer = ? AND log_index < ? AND cosigned_at_ms IS NULL"
        " AND conversation IN (SELECT id FROM conversation WHERE suite = ?)",
        (now_ms, owner, peer, size, suite_id),
    )


def announcement(
    connection: sqlite3.Connection, owner: str, peer: str, pool: str, epoch: str
) -> AnnouncePool | None:
    """What ``owner`` announced to ``peer`` for an epoch."""
    row = connection.execute(
        "SELECT body FROM pool_announcement"
        " WHERE owner = ? AND peer = ? AND pool = ? AND epoch = ?",
        (owner, peer, pool, epoch),
    ).fetchone()
    return None if row is None else _word(row[0])


def latest(
    connection: sqlite3.Connection, owner: str, peer: str, now_ms: int
) -> AnnouncePool | None:
    """The newest announcement of ``owner`` to ``peer`` that is valid now."""
    row = connection.execute(
        "SELECT body FROM pool_announcement WHERE owner = ? AND peer = ?"
        " AND valid_from_ms <= ? AND valid_until_ms > ?"
        " ORDER BY valid_from_ms DESC, at_ms DESC, epoch DESC LIMIT 1",
        (owner, peer, now_ms, now_ms),
    ).fetchone()
    return None if row is None else _word(row[0])


def announced_at_ms(
    connection: sqlite3.Connection, announced: AnnouncePool, peer: str
) -> int | None:
    """Since when a pool is bound between us and ``peer``, on our clock.

    Of our own pools: since the peer cosigned it. Of the peer's: since we heard of it.
    """
    row = connection.execute(
        "SELECT CASE WHEN owner = ? THEN at_ms ELSE cosigned_at_ms END FROM pool_announcement"
        " WHERE pool = ? AND epoch = ? AND root = ? AND ? IN (owner, peer)",
        (peer, announced.pool, announced.epoch, announced.root, peer),
    ).fetchone()
    return None if row is None else row[0]


def every(connection: sqlite3.Connection) -> list[AnnouncementRow]:
    """All announcements, the newest first."""
    rows = connection.execute(
        "SELECT conversation, owner, peer, body, log_index, at_ms, cosigned_at_ms"
        " FROM pool_announcement ORDER BY at_ms DESC, conversation"
    ).fetchall()
    return [_announcement(row) for row in rows]


def _announcement(row: Sequence[Any]) -> AnnouncementRow:
    conversation, owner, peer, body, *rest = row
    return AnnouncementRow(conversation, owner, peer, _word(body), *rest)


def _word(body: bytes) -> AnnouncePool:
    word = decode_word(_KIND, body)
    assert isinstance(word, AnnouncePool), "the payload type says so"
    return word
