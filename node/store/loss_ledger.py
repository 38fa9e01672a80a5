"""The federation's ports on SQL, the part for what was lost: epochs of logs, words given back.

When and why is ``federation.engine.epochs`` and ``federation.engine.recovery``; the statements
are in ``recovery``.
"""

import sqlite3
from collections.abc import Collection, Iterable, Sequence

from federation.ids import CenterId, ConversationId
from federation.ports import Asked, GivenBack
from node.store import recovery


class LossLedger:
    """One transaction's share of it."""

    connection: sqlite3.Connection

    def cosigned_below(self, suite_id: str, size: int) -> int:
        """The largest size below another that any peer cosigned of our log; 0: none."""
        return recovery.cosigned_below(self.connection, suite_id, size)

    def follow_epoch(
        self, peer: CenterId, suite_id: str, before: int, size: int, root: bytes
    ) -> None:
        """Keep what we cosigned last of a peer's log, and cosign from ``size`` on at the most."""
        recovery.follow_epoch(self.connection, peer, suite_id, before, (size, root))

    def leave_epoch(self, before: int) -> None:
        """Keep what peers cosigned of our logs in an epoch that is over, apart."""
        recovery.leave_epoch(self.connection, before)

    def former_head(self, peer: CenterId, suite_id: str) -> tuple[int, int] | None:
        """Epoch and size of our last head that a peer cosigned and that counts no more."""
        return recovery.former_head(self.connection, peer, suite_id)

    def put_former_head(
        self, peer: CenterId, suite_id: str, epoch: int, size: int, note: str
    ) -> None:
        """Keep a head of our log that a peer cosigned and that our log has not, or not now."""
        recovery.put_former(
            self.connection, recovery.Former(True, peer, suite_id, epoch, size, note)
        )

    def recovering(self) -> bool:
        """Whether words of ours are known to be lost and are being fetched back."""
        return recovery.recovering(self.connection)

    def blocked(self, peer: CenterId) -> bool:
        """Whether nothing may be said to or heard from a peer before it gave us our words back."""
        return recovery.blocked(self.connection, peer)

    def suspect(self, peer: CenterId, words_heard: int, now_ms: int) -> bool:
        """A peer says that it heard more words than we said; False if that was looked at."""
        asked_from_ms = recovery.asked_from_ms(self.connection)
        return recovery.suspect(self.connection, peer, words_heard, asked_from_ms, now_ms)

    def lost(self, peers: Iterable[CenterId], reason: str, now_ms: int) -> None:
        """Words of ours are lost for certain: nothing new until all these peers were asked."""
        asked_from_ms = recovery.asked_from_ms(self.connection)
        recovery.lost(self.connection, peers, reason, asked_from_ms, now_ms)

    def asked(self) -> Sequence[Asked]:
        """Whom we ask for what we have lost; empty when all is well."""
        return recovery.asked(self.connection)

    def put_asked(self, row: Asked) -> None:
        """Note how far the asking of a peer went."""
        recovery.put_asked(self.connection, row)

    def put_back(self, row: GivenBack) -> None:
        """Keep a word that was given back until all have answered."""
        recovery.put_back(self.connection, row)

    def given_back(self, peers: Collection[CenterId]) -> Sequence[GivenBack]:
        """What these peers gave back."""
        return recovery.given_back(self.connection, peers)

    def recovered(self, peers: Collection[CenterId]) -> None:
        """What these peers gave back has its place again."""
        recovery.finish(self.connection, peers)

    def has_said(self, word_hash: bytes) -> tuple[bool, bool]:
        """Whether a word of ours is here; and whether with its receipt."""
        return recovery.has_said(self.connection, word_hash)

    def withdraw(self, conversation: ConversationId, revision: int) -> int:
        """A word that we said in place of one that we had forgotten is sent no more."""
        return recovery.withdraw(self.connection, conversation, revision)

    def beyond(self, epoch: int) -> Sequence[tuple[CenterId, str, int]]:
        """(peer, suite, size) of our heads of the present epoch that our logs do not have."""
        found = recovery.beyond(self.connection, epoch)
        return [(CenterId(peer), suite_id, size) for peer, suite_id, size in found]

    def heard_from(
        self, peer: CenterId, after: int, since_ms: int, at_most: int
    ) -> Sequence[tuple[int, bytes, bytes, str]]:
        """(place, envelope, our receipt's payload, suite) of words that we heard, in order."""
        return recovery.heard_from(self.connection, peer, after, since_ms, at_most)

    def said_to(
        self, peer: CenterId, after: int, since_ms: int, at_most: int
    ) -> Sequence[tuple[int, str, bytes, bytes, str]]:
        """(number, payload type, payload, its receipt or nothing, suite) of words for a peer."""
        return recovery.said_to(self.connection, peer, after, since_ms, at_most)

    def former_notes(self, peer: CenterId) -> Sequence[str]:
        """A peer's heads that we cosigned in epochs before, the last of each."""
        return recovery.former_notes(self.connection, peer, ours=False)

    def refusal_in(self, conversation: ConversationId) -> bytes | None:
        """Our last receipt in a conversation that refuses a word."""
        return recovery.refusal_in(self.connection, conversation)
