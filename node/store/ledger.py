"""The federation's ports on SQL: conversations, words, receipts, the evidence log.

``SqlLedger`` lives for one transaction. What a center's own nouns need is in the sibling
modules, as functions over ``ledger.connection``.
"""

import sqlite3
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Final

from federation.ids import AgreementId, CenterId, ConversationId
from federation.ports import HeardWord, SaidWord, StoredReceipt
from federation.protocol.agreement import AgreementTerms
from federation.protocol.conversation import Conversation
from federation.protocol.standing import UNTOUCHED, Standing
from federation.trust import merkle
from federation.trust.suite import suite
from node.store import agreements, descriptors
from node.store.fork_ledger import ForkLedger
from node.store.ledger_rows import CONVERSATION, SAID, conversation_of, said_of, terms_of
from node.store.loss_ledger import LossLedger

_NO_DRAWS: Final = (
    " AND conversation NOT IN (SELECT id FROM conversation WHERE peer = said.peer"
    " AND kind = 'draw')"
)


class LogTip:
    """The logs' frontiers, kept between transactions to save reading them each time.

    A transaction that was rolled back leaves it ahead of the table; ``at`` notices by the
    size, which only grows, and reads it anew.
    """

    def __init__(self) -> None:
        self._frontiers: dict[str, merkle.Frontier] = {}

    def at(self, connection: sqlite3.Connection, suite_id: str) -> merkle.Frontier:
        """The frontier of what is in the table of a suite's log now."""
        (size,) = connection.execute(
            "SELECT coalesce(max(idx) + 1, 0) FROM log_entry WHERE suite = ?", (suite_id,)
        ).fetchone()
        known = self._frontiers.get(suite_id)
        if known is None or known.size != size:
            peaks = [
                _node(connection, suite_id, level, at) for level, at in merkle.frontier_nodes(size)
            ]
            known = self._frontiers[suite_id] = merkle.Frontier(suite(suite_id), size, peaks)
        return known


class SqlLedger(LossLedger, ForkLedger):
    """One transaction on the node's database."""

    def __init__(self, connection: sqlite3.Connection, tip: LogTip) -> None:
        self.connection = connection
        self._tip = tip
        self._logs: dict[str, merkle.Frontier] = {}
        self._good_keys: set[tuple[str, bytes]] = set()

    # Conversations

    def conversation(self, conversation: ConversationId) -> Conversation | None:
        """Load a conversation."""
        row = self.connection.execute(
            f"SELECT {CONVERSATION} FROM conversation WHERE id = ?",  # noqa: S608 (a constant)
            (conversation,),
        ).fetchone()
        return None if row is None else conversation_of(row)

    def put_conversation(self, conversation: Conversation, now_ms: int) -> None:
        """Store a conversation, new or changed."""
        self.connection.execute(
            "INSERT INTO conversation (id, kind, role, peer, agreement, suite, phase, said, heard,"
            " said_hash, heard_hash, deadline_ms, opened_at_ms, changed_at_ms)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET phase = excluded.phase, said = excluded.said,"
            " heard = excluded.heard, said_hash = excluded.said_hash,"
            " heard_hash = excluded.heard_hash, deadline_ms = excluded.deadline_ms,"
            " changed_at_ms = excluded.changed_at_ms",
            (
                conversation.id,
                conversation.kind.value,
                conversation.role,
                conversation.peer,
                conversation.agreement,
                conversation.suite,
                conversation.phase,
                conversation.said,
                conversation.heard,
                conversation.said_hash,
                conversation.heard_hash,
                conversation.deadline_ms,
                now_ms,
                now_ms,
            ),
        )

    def shared(self, peer: CenterId) -> Sequence[Conversation]:
        """All conversations with a peer, by id."""
        rows = self.connection.execute(
            f"SELECT {CONVERSATION} FROM conversation WHERE peer = ? ORDER BY id",  # noqa: S608
            (peer,),
        ).fetchall()
        return [conversation_of(row) for row in rows]

    def due(self, now_ms: int, at_most: int) -> Sequence[Conversation]:
        """Conversations whose deadline has passed, oldest first."""
        rows = self.connection.execute(
            f"SELECT {CONVERSATION} FROM conversation"  # noqa: S608 (a constant)
            " WHERE deadline_ms <= ? ORDER BY deadline_ms, id LIMIT ?",
            (now_ms, at_most),
        ).fetchall()
        return [conversation_of(row) for row in rows]

    def next_deadline_ms(self) -> int | None:
        """The earliest deadline of all conversations."""
        (earliest,) = self.connection.execute(
            "SELECT min(deadline_ms) FROM conversation WHERE deadline_ms IS NOT NULL"
        ).fetchone()
        return None if earliest is None else int(earliest)

    def agreement(self, agreement: AgreementId) -> AgreementTerms | None:
        """The terms of an agreement that is active with two signatures."""
        row = self.connection.execute(
            "SELECT document FROM agreement WHERE id = ? AND state = 'ACTIVE'", (agreement,)
        ).fetchone()
        return None if row is None else terms_of(row[0])

    def standing(self, agreement: AgreementId) -> Standing:
        """What became of an agreement that is active with two signatures."""
        return agreements.standing(self.connection, agreement) or UNTOUCHED

    # Words

    def receipt(self, sender: CenterId, message_id: bytes) -> StoredReceipt | None:
        """The receipt that a word got, if it was heard before."""
        row = self.connection.execute(
            "SELECT hash, receipt_payload FROM heard WHERE sender = ? AND message_id = ?",
            (sender, message_id),
        ).fetchone()
        return None if row is None else StoredReceipt(*row)

    def put_heard(self, word: HeardWord) -> None:
        """Store a heard word with its receipt; its log entry is the last one."""
        self.connection.execute(
            "INSERT INTO heard (sender, message_id, conversation, revision, payload_type, hash,"
            " envelope, receipt_payload, heard_at_ms, suite, log_index, accepted)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                word.sender,
                word.message_id,
                word.conversation,
                word.revision,
                word.payload_type,
                word.hash,
                word.envelope,
                word.receipt_payload,
                word.heard_at_ms,
                word.suite,
                self._frontier(word.suite).size - 1,
                word.accepted,
            ),
        )

    def next_number(self, peer: CenterId) -> int:
        """The number of the next word for a peer."""
        return self.counts(peer)[0] + 1

    def put_said(self, word: SaidWord) -> None:
        """Store a word of ours as pending; its log entry is the last one."""
        self.connection.execute(
            "INSERT INTO said (peer, number, conversation, revision, payload_type, payload, hash,"
            " said_at_ms, suite, log_index) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                word.peer,
                word.number,
                word.conversation,
                word.revision,
                word.payload_type,
                word.payload,
                word.hash,
                word.said_at_ms,
                word.suite,
                self._frontier(word.suite).size - 1,
            ),
        )

    def pending(
        self,
        peer: CenterId,
        at_most: int,
        bytes_at_most: int,
        without: Collection[str] = (),
        after: int = 0,
    ) -> Sequence[SaidWord]:
        """Words that the peer has not receipted, in order, up to the first of another suite.

        None of the suites in ``without``, none up to number ``after``. At least one if there is
        any.
        """
        others = "".join(" AND suite <> ?" for _ in without)
        rows = self.connection.execute(
            f"SELECT {SAID} FROM said"  # noqa: S608 (constants)
            f" WHERE peer = ? AND number > ? AND receipt IS NULL{others} ORDER BY number LIMIT ?",
            (peer, after, *without, at_most),
        ).fetchall()
        if rows and self.blocked(peer):
            return []  # what was said after a loss must not reach the peer before it gave back
        words: list[SaidWord] = []
        total = 0
        for row in rows:
            word = said_of(row)
            total += len(word.payload)
            if words and (total > bytes_at_most or word.suite != words[0].suite):
                break
            words.append(word)
        return words

    def said_in(
        self, conversation: ConversationId, after: int, at_most: int
    ) -> Sequence[tuple[SaidWord, bool | None]]:
        """Words of ours in a conversation after a revision, each with whether it was accepted.

        None: the peer has not receipted it.
        """
        rows = self.connection.execute(
            f"SELECT {SAID}, accepted FROM said"  # noqa: S608 (a constant)
            " WHERE conversation = ? AND revision > ? ORDER BY revision LIMIT ?",
            (conversation, after, at_most),
        ).fetchall()
        return [
            (said_of(row), None if accepted is None else bool(accepted)) for *row, accepted in rows
        ]

    def said_by_hash(self, word_hash: bytes) -> SaidWord | None:
        """A pending word by its envelope hash."""
        row = self.connection.execute(
            f"SELECT {SAID} FROM said WHERE hash = ? AND receipt IS NULL",  # noqa: S608
            (word_hash,),
        ).fetchone()
        return None if row is None else said_of(row)

    def put_receipt(
        self, word: SaidWord, envelope: bytes, receipt: bytes, *, accepted: bool
    ) -> None:
        """The peer has receipted a word."""
        self.connection.execute(
            "UPDATE said SET envelope = ?, receipt = ?, accepted = ? WHERE peer = ? AND number = ?",
            (envelope, receipt, accepted, word.peer, word.number),
        )

    def counts(self, peer: CenterId) -> tuple[int, int]:
        """How many words were said to and heard from a peer, ever."""
        row = self.connection.execute(
            "SELECT said, heard FROM tally WHERE peer = ?", (peer,)
        ).fetchone()
        return (0, 0) if row is None else (row[0], row[1])

    def said_after(
        self, peer: CenterId, number: int, at_most: int
    ) -> Sequence[tuple[int, str, bytes, str]]:
        """(number, payload type, payload, suite) of words for a peer after a cursor."""
        still = _NO_DRAWS if self.forked(peer) else ""  # they wait; see ``engine.agreed``
        return self.connection.execute(
            "SELECT number, payload_type, payload, suite FROM said"  # noqa: S608 (constants)
            f" WHERE peer = ? AND number > ? AND payload <> x''{still} ORDER BY number LIMIT ?",
            (peer, number, at_most),
        ).fetchall()

    # The evidence logs, one for each suite

    def _frontier(self, suite_id: str) -> merkle.Frontier:
        known = self._logs.get(suite_id)
        if known is None:
            known = self._logs[suite_id] = self._tip.at(self.connection, suite_id)
        return known

    def append_log(self, suite_id: str, data: bytes, envelope_hash: bytes) -> int:
        """Append to an evidence log; answers the index."""
        frontier = self._frontier(suite_id)
        index = frontier.size
        nodes = frontier.append(merkle.leaf_hash(suite(suite_id), data))
        self.connection.execute(
            "INSERT INTO log_entry (suite, idx, data, envelope_hash) VALUES (?, ?, ?, ?)",
            (suite_id, index, data, envelope_hash),
        )
        for level, at, digest in nodes:
            if level:
                self.connection.execute(
                    "INSERT INTO log_node (suite, id, hash) VALUES (?, ?, ?)",
                    (suite_id, level << 56 | at, digest),
                )
        return index

    def log_head(self, suite_id: str) -> tuple[int, bytes]:
        """Size and root of an evidence log; the root is empty for size 0."""
        frontier = self._frontier(suite_id)
        return frontier.size, frontier.root() if frontier.size else b""

    def log_root(self, suite_id: str, size: int) -> bytes:
        """RFC 6962 root over the first leaves of an evidence log, at least one."""
        places = merkle.frontier_nodes(size)
        peaks = [_node(self.connection, suite_id, level, at) for level, at in places]
        return merkle.Frontier(suite(suite_id), size, peaks).root()

    def consistency(self, suite_id: str, old_size: int, new_size: int) -> tuple[bytes, ...]:
        """RFC 6962 consistency proof between two sizes of a log."""
        fetch = partial(_node, self.connection, suite_id)
        return tuple(merkle.consistency_proof(suite(suite_id), old_size, new_size, fetch))

    def inclusion(self, suite_id: str, index: int, size: int) -> tuple[bytes, ...]:
        """RFC 6962 inclusion proof of an entry in the tree of a size."""
        fetch = partial(_node, self.connection, suite_id)
        return tuple(merkle.inclusion_proof(suite(suite_id), index, size, fetch))

    def log_entries(self, suite_id: str, envelope_hash: bytes) -> Sequence[tuple[int, bytes]]:
        """(index, data) of the entries of a log about one envelope."""
        return self.connection.execute(
            "SELECT idx, data FROM log_entry WHERE envelope_hash = ? AND suite = ? ORDER BY idx",
            (envelope_hash, suite_id),
        ).fetchall()

    def log_data(self, suite_id: str, index: int) -> bytes | None:
        """The data of one entry; None if the log has none there."""
        row = self.connection.execute(
            "SELECT data FROM log_entry WHERE suite = ? AND idx = ?", (suite_id, index)
        ).fetchone()
        return None if row is None else bytes(row[0])

    def checkpoint(self, suite_id: str) -> tuple[int, str] | None:
        """Size and note of the latest signed checkpoint of our log."""
        row: tuple[int, str] | None = self.connection.execute(
            "SELECT size, note FROM checkpoint WHERE suite = ? ORDER BY size DESC LIMIT 1",
            (suite_id,),
        ).fetchone()
        return row

    def put_checkpoint(self, suite_id: str, size: int, note: str) -> None:
        """Store a signed checkpoint of our log."""
        self.connection.execute(
            "INSERT OR REPLACE INTO checkpoint (suite, size, note) VALUES (?, ?, ?)",
            (suite_id, size, note),
        )

    def cosigned(self, peer: CenterId, suite_id: str) -> tuple[int, str] | None:
        """The largest checkpoint of our log that a peer cosigned: size and note."""
        row: tuple[int, str] | None = self.connection.execute(
            "SELECT size, note FROM cosigned WHERE peer = ? AND suite = ?"
            " ORDER BY size DESC LIMIT 1",
            (peer, suite_id),
        ).fetchone()
        return row

    def put_cosigned(self, peer: CenterId, suite_id: str, size: int, note: str) -> None:
        """Store a peer's cosignature of our checkpoint."""
        self.connection.execute(
            "INSERT OR REPLACE INTO cosigned (peer, suite, size, note) VALUES (?, ?, ?, ?)",
            (peer, suite_id, size, note),
        )

    def witnessed(self, peer: CenterId, suite_id: str) -> tuple[int, bytes, str] | None:
        """The largest checkpoint of a peer's log that we cosigned: size, root, cosigned note."""
        row: tuple[int, bytes, str] | None = self.connection.execute(
            "SELECT size, root, note FROM witnessed WHERE peer = ? AND suite = ?",
            (peer, suite_id),
        ).fetchone()
        return row

    def put_witnessed(
        self, peer: CenterId, suite_id: str, size: int, root: bytes, note: str
    ) -> None:
        """Store a peer's checkpoint together with our cosignature."""
        self.connection.execute(
            "INSERT OR REPLACE INTO witnessed (peer, suite, size, root, note)"
            " VALUES (?, ?, ?, ?, ?)",
            (peer, suite_id, size, root, note),
        )

    # Peers' descriptors

    def put_descriptor(
        self, peer: CenterId, sequence: int, digest: bytes, signed: bytes, revoked: Sequence[bytes]
    ) -> bool:
        """Store a peer's descriptor and the keys that it revokes; False if it was stored before."""
        self._good_keys.clear()
        return descriptors.put(
            self.connection,
            descriptors.DescriptorRow(peer, sequence, digest, signed),
            revoked,
        )

    def descriptor(self, peer: CenterId, sequence: int) -> bytes | None:
        """A stored descriptor of a peer as its roots signed it; None if there is none."""
        row: tuple[bytes] | None = self.connection.execute(
            "SELECT signed FROM descriptor WHERE center = ? AND sequence = ?", (peer, sequence)
        ).fetchone()
        return None if row is None else row[0]

    def revoked(self, peer: CenterId, key_id: bytes) -> bool:
        """Whether a stored descriptor of a peer revokes a key.

        A call's words are mostly under one key: one that is good is looked up once a
        transaction, until this transaction itself stores a descriptor.
        """
        if (peer, key_id) in self._good_keys:
            return False
        row = self.connection.execute(
            "SELECT 1 FROM revoked_key WHERE center = ? AND key_id = ?", (peer, key_id)
        ).fetchone()
        if row is None:
            self._good_keys.add((peer, key_id))
        return row is not None

    def put_knows(self, peer: CenterId, sequence: int) -> None:
        """Remember which descriptor of ours a peer has taken."""
        self.connection.execute("UPDATE peer SET knows = ? WHERE center = ?", (sequence, peer))

    def attempt(self, function: Callable[[], object]) -> Exception | None:
        """Run a part of the transaction; if it fails, undo the part and answer the error.

        Raises:
            sqlite3.OperationalError: The disk is at fault: then nothing can go on.
        """
        self.connection.execute("SAVEPOINT attempt")
        try:
            function()
        except Exception as error:
            self.connection.execute("ROLLBACK TO attempt")
            self.connection.execute("RELEASE attempt")
            self._logs.clear()  # what it had appended is gone; the table is read anew
            if isinstance(error, sqlite3.OperationalError):
                raise
            return error
        self.connection.execute("RELEASE attempt")
        return None


def _node(connection: sqlite3.Connection, suite_id: str, level: int, index: int) -> bytes:
    if level == 0:
        # A leaf is hashed anew when a proof needs it: cheaper than a row for each word.
        (data,) = connection.execute(
            "SELECT data FROM log_entry WHERE suite = ? AND idx = ?", (suite_id, index)
        ).fetchone()
        return merkle.leaf_hash(suite(suite_id), data)
    (digest,) = connection.execute(
        "SELECT hash FROM log_node WHERE suite = ? AND id = ?", (suite_id, level << 56 | index)
    ).fetchone()
    return bytes(digest)
