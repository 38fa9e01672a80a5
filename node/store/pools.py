"""Expert pools: our epochs with their members as committed, and who announced what to whom.

An epoch is one snapshot of the register, committed to once for each suite of our agreements,
each time with a key of its own. A pool is rebuilt from its snapshot and its epoch key, never
from the register, which may have changed since. Rebuilding takes seconds for the largest
registers, so ``Shelf`` keeps the last ones. The members' names and the key are sealed; see
``cipher``.
"""

import json
import sqlite3
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from federation.lottery.pool import Pool, PoolMember, build_pool
from federation.protocol.peering import AnnouncePool
from federation.trust.suite import Suite
from federation.wire.words import PAYLOAD_TYPES, decode_word, encode_word
from node.store.cipher import ColumnCipher

MAX_SHELVED: Final = 2  # this epoch's and the last one's; a large pool takes some 50 MB
_KIND: Final = PAYLOAD_TYPES[AnnouncePool]


class SnapshotBroken(Exception):
    """The stored members do not make up the pool that was announced."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch of our own pool, as committed under one suite.

    Args:
        suite: The suite's id.
        key: The epoch key, 32 bytes.
        announced: What is said of it to peers.
        sealed_audit: The full opening, sealed to the regulator (or to ourselves).
        made_at_ms: Unix milliseconds.
    """

    suite: str
    key: bytes = field(repr=False)
    announced: AnnouncePool
    sealed_audit: bytes = field(repr=False)
    made_at_ms: int


@dataclass(frozen=True, slots=True)
class Between:
    """Whose pool was announced to whom, under which suite."""

    owner: str
    peer: str
    suite: str


@dataclass(frozen=True, slots=True)
class AnnouncementRow:
    """One announcement of ``owner`` to ``peer``, one of which is this center.

    Args:
        conversation: In which it was said.
        suite: Of that conversation.
        owner: Whose pool it is.
        peer: Whom it was announced to.
        announced: The word.
        log_index: Of the word in our own log.
        at_ms: When it was said or heard.
        cosigned_at_ms: Of our own: when the peer's cosignature came to cover it, or None.
    """

    conversation: bytes
    suite: str
    owner: str
    peer: str
    announced: AnnouncePool
    log_index: int
    at_ms: int
    cosigned_at_ms: int | None


# Our own epochs


def add_epoch(connection: sqlite3.Connection, cipher: ColumnCipher, epoch: Epoch) -> None:
    """Store what an epoch is under a suite. Raises sqlite3.IntegrityError if it exists."""
    pool, name = epoch.announced.pool, epoch.announced.epoch
    connection.execute(
        "INSERT INTO pool_epoch (pool, epoch, suite, sealed_key, root, body, sealed_audit,"
        " made_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            pool,
            name,
            epoch.suite,
            cipher.seal("pool_epoch.key", f"{epoch.suite}/{pool}/{name}", epoch.key.hex()),
            epoch.announced.root,
            encode_word(epoch.announced),
            epoch.sealed_audit,
            epoch.made_at_ms,
        ),
    )


def add_members(
    connection: sqlite3.Connection,
    cipher: ColumnCipher,
    pool: str,
    epoch: str,
    members: Iterable[PoolMember],
) -> None:
    """Store the snapshot of an epoch. Raises sqlite3.IntegrityError if there is one."""
    connection.executemany(
        "INSERT INTO pool_member (pool, epoch, uid, sealed_name, uscc, specialties, status)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (
                pool,
                epoch,
                member.uid,
                cipher.seal("pool_member.name", f"{pool}/{epoch}/{member.uid}", member.name),
                member.uscc,
                json.dumps(member.specialties),
                member.status,
            )
            for member in members
        ],
    )


def has_epoch(connection: sqlite3.Connection, pool: str, epoch: str) -> bool:
    """Whether we committed to this epoch before, under any suite."""
    row = connection.execute(
        "SELECT 1 FROM pool_epoch WHERE pool = ? AND epoch = ?", (pool, epoch)
    ).fetchone()
    return row is not None


def sealed_audit(connection: sqlite3.Connection, pool: str, epoch: str, suite_id: str) -> bytes:
    """The full opening of an epoch of ours, as it was sealed. Raises LookupError."""
    row = connection.execute(
        "SELECT sealed_audit FROM pool_epoch WHERE pool = ? AND epoch = ? AND suite = ?",
        (pool, epoch, suite_id),
    ).fetchone()
    if row is None:
        raise LookupError(f"no epoch {epoch} of pool {pool} under {suite_id}")
    return bytes(row[0])


def last_made_ms(connection: sqlite3.Connection, pool: str) -> int | None:
    """When we last committed to an epoch of a pool."""
    (last_ms,) = connection.execute(
        "SELECT max(made_at_ms) FROM pool_epoch WHERE pool = ?", (pool,)
    ).fetchone()
    return None if last_ms is None else int(last_ms)


def own(connection: sqlite3.Connection, now_ms: int) -> list[Mapping[str, AnnouncePool]]:
    """The epochs that we committed to and are valid now, the oldest first: words by suite."""
    rows = connection.execute(
        "SELECT suite, body FROM pool_epoch ORDER BY made_at_ms, epoch, suite"
    ).fetchall()
    found: dict[tuple[str, str], dict[str, AnnouncePool]] = {}
    for suite_id, body in rows:
        word = _word(body)
        if word.valid_from_ms <= now_ms < word.valid_until_ms:
            found.setdefault((word.pool, word.epoch), {})[suite_id] = word
    return list(found.values())


def members(
    connection: sqlite3.Connection, cipher: ColumnCipher, pool: str, epoch: str
) -> tuple[PoolMember, ...]:
    """The snapshot of one of our epochs."""
    rows = connection.execute(
        "SELECT uid, sealed_name, uscc, specialties, status FROM pool_member"
        " WHERE pool = ? AND epoch = ? ORDER BY uid",
        (pool, epoch),
    ).fetchall()
    return tuple(
        PoolMember(
            uid,
            cipher.open("pool_member.name", f"{pool}/{epoch}/{uid}", name),
            uscc,
            tuple(json.loads(specialties)),
            status,
        )
        for uid, name, uscc, specialties, status in rows
    )


def load_pool(
    connection: sqlite3.Connection, cipher: ColumnCipher, chosen: Suite, pool: str, epoch: str
) -> Pool:
    """Rebuild one of our pools from its snapshot, as it was committed under a suite.

    Raises:
        LookupError: We never committed to it under this suite, or it was shredded.
        SnapshotBroken: The members were changed outside the program.
    """
    row = connection.execute(
        "SELECT sealed_key, root FROM pool_epoch WHERE pool = ? AND epoch = ? AND suite = ?",
        (pool, epoch, chosen.suite_id),
    ).fetchone()
    if row is None:
        raise LookupError(f"no epoch {epoch} of pool {pool} under {chosen.suite_id} is kept here")
    secret = cipher.open("pool_epoch.key", f"{chosen.suite_id}/{pool}/{epoch}", row[0])
    snapshot = members(connection, cipher, pool, epoch)
    built = build_pool(chosen, bytes.fromhex(secret), pool, epoch, snapshot)
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
        self._pools: OrderedDict[tuple[str, str, str], Pool] = OrderedDict()

    def pool(self, connection: sqlite3.Connection, chosen: Suite, pool: str, epoch: str) -> Pool:
        """One of our pools, as committed under a suite. Raises as ``load_pool``."""
        place = chosen.suite_id, pool, epoch
        known = self._pools.get(place)
        if known is None:
            known = load_pool(connection, self._cipher, chosen, pool, epoch)
            self._pools[place] = known
            if len(self._pools) > MAX_SHELVED:
                self._pools.popitem(last=False)
        self._pools.move_to_end(place)
        return known


# Announcements, ours and peers'


def add(connection: sqlite3.Connection, row: AnnouncementRow) -> None:
    """Store an announcement. Raises sqlite3.IntegrityError if the epoch was announced."""
    word = row.announced
    connection.execute(
        "INSERT INTO pool_announcement (conversation, owner, peer, pool, epoch, suite, root, body,"
        " log_index, valid_from_ms, valid_until_ms, at_ms, cosigned_at_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            row.conversation,
            row.owner,
            row.peer,
            word.pool,
            word.epoch,
            row.suite,
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
        " WHERE owner = ? AND peer = ? AND suite = ? AND log_index < ?"
        " AND cosigned_at_ms IS NULL",
        (now_ms, owner, peer, suite_id, size),
    )


def announcement(
    connection: sqlite3.Connection, between: Between, pool: str, epoch: str
) -> AnnouncePool | None:
    """What was announced for an epoch."""
    row = connection.execute(
        "SELECT body FROM pool_announcement"
        " WHERE owner = ? AND peer = ? AND suite = ? AND pool = ? AND epoch = ?",
        (between.owner, between.peer, between.suite, pool, epoch),
    ).fetchone()
    return None if row is None else _word(row[0])


def announced_to(
    connection: sqlite3.Connection, owner: str, suite_id: str, pool: str, epoch: str
) -> list[tuple[str, bytes]]:
    """Whom an epoch was announced to under a suite, and in which conversation, by center id."""
    rows = connection.execute(
        "SELECT peer, conversation FROM pool_announcement"
        " WHERE owner = ? AND suite = ? AND pool = ? AND epoch = ? ORDER BY peer",
        (owner, suite_id, pool, epoch),
    ).fetchall()
    return [(str(peer), bytes(conversation)) for peer, conversation in rows]


def cosigned_at_ms(connection: sqlite3.Connection, conversation: bytes) -> int | None:
    """When an announcement of ours came to be cosigned by the one it was made to."""
    row = connection.execute(
        "SELECT cosigned_at_ms FROM pool_announcement WHERE conversation = ?", (conversation,)
    ).fetchone()
    return None if row is None else row[0]


def latest(connection: sqlite3.Connection, between: Between, now_ms: int) -> AnnouncePool | None:
    """The newest announcement that is valid now."""
    row = connection.execute(
        "SELECT body FROM pool_announcement WHERE owner = ? AND peer = ? AND suite = ?"
        " AND valid_from_ms <= ? AND valid_until_ms > ?"
        " ORDER BY valid_from_ms DESC, at_ms DESC, epoch DESC LIMIT 1",
        (between.owner, between.peer, between.suite, now_ms, now_ms),
    ).fetchone()
    return None if row is None else _word(row[0])


def newest_bound(
    connection: sqlite3.Connection, between: Between, peer: str, now_ms: int, min_age_ms: int
) -> AnnouncePool | None:
    """The newest valid announcement that is bound long enough to be drawn from.

    With a new epoch every day there is always one that is too young; where all are, it is that
    one, so that whoever asks is told what is wrong with it.

    Args:
        connection: The database.
        between: Whose announcement to whom.
        peer: The one of the two that is not this center.
        now_ms: Now.
        min_age_ms: How long; see ``announced_at_ms`` for from when.
    """
    rows = connection.execute(
        "SELECT body FROM pool_announcement WHERE owner = ? AND peer = ? AND suite = ?"
        " AND valid_from_ms <= ? AND valid_until_ms > ?"
        " ORDER BY valid_from_ms DESC, at_ms DESC, epoch DESC",
        (between.owner, between.peer, between.suite, now_ms, now_ms),
    ).fetchall()
    valid = [_word(body) for (body,) in rows]
    for word in valid:
        bound_ms = announced_at_ms(connection, word, peer)
        if bound_ms is not None and now_ms - bound_ms >= min_age_ms:
            return word
    return valid[0] if valid else None


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
        "SELECT conversation, suite, owner, peer, body, log_index, at_ms, cosigned_at_ms"
        " FROM pool_announcement ORDER BY at_ms DESC, conversation"
    ).fetchall()
    return [_announcement(row) for row in rows]


def _announcement(row: Sequence[Any]) -> AnnouncementRow:
    conversation, suite_id, owner, peer, body, *rest = row
    return AnnouncementRow(conversation, suite_id, owner, peer, _word(body), *rest)


def _word(body: bytes) -> AnnouncePool:
    word = decode_word(_KIND, body)
    assert isinstance(word, AnnouncePool), "the payload type says so"
    return word
