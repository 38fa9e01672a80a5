"""What two centers compare of the conversations that they share: digests, then lists.

A conversation's digest covers how many words each side has said in it and the hash of its last
one, in the order of the two center ids: so both sides make the same bytes of the same state. Of
the phase it covers where silence would lead from it, since a phase lapses on one side's clock.
"""

from collections.abc import Iterable, Sequence
from typing import Final, TypeVar

from federation.engine.floor import Floor
from federation.errors import Malformed
from federation.ids import CenterId
from federation.ports import Ledger
from federation.protocol.conversation import Conversation, Phase, Table
from federation.protocol.tables import TABLES
from federation.trust.suite import INTL_1, u64
from federation.wire.questions import DigestAnswer, DigestQuestion, Held
from federation.wire.rules import BUCKETS, MAX_HELD

L = TypeVar("L", bound=Ledger)

DIGEST: Final = INTL_1
"""Compared between two nodes at one moment and kept by nobody, so the suite does not matter."""


def digest(floor: Floor[L], peer: CenterId, question: DigestQuestion) -> DigestAnswer:
    """Answer a peer that compares. Raises Malformed: a bucket is named twice."""
    if len(set(question.listed)) != len(question.listed):
        raise Malformed("a bucket is named twice")
    shared = floor.ledger.shared(peer)
    wanted = set(question.listed)
    listed = [held(each) for each in shared if bucket_of(each.id) in wanted]
    return DigestAnswer(buckets(floor.identity.center, peer, shared), tuple(listed[:MAX_HELD]))


def held(conversation: Conversation) -> Held:
    """One conversation as we see it."""
    return Held(
        conversation_id=conversation.id,
        said=conversation.said,
        heard=conversation.heard,
        said_hash=conversation.said_hash,
        heard_hash=conversation.heard_hash,
        phase=conversation.phase,
    )


def bucket_of(conversation: bytes) -> int:
    """Where a conversation belongs: ids begin with a time, so by their last byte."""
    return conversation[-1] % BUCKETS


def buckets(me: CenterId, peer: CenterId, shared: Iterable[Conversation]) -> tuple[bytes, ...]:
    """The digests of all buckets, as both sides make them."""
    rows: list[list[bytes]] = [[] for _ in range(BUCKETS)]
    for each in shared:
        ours = (each.said, each.said_hash)
        theirs = (each.heard, each.heard_hash)
        first, second = (ours, theirs) if me < peer else (theirs, ours)
        row = each.id + u64(first[0]) + first[1] + u64(second[0]) + second[1]
        row += lapsed(TABLES[each.kind], each.phase).encode()
        rows[bucket_of(each.id)].append(row)
    return tuple(DIGEST.tagged("digest", *sorted(row)) for row in rows)


def lapsed(table: Table, phase: Phase) -> Phase:
    """Where silence alone leads from a phase at last; the phase itself if nowhere."""
    for _ in table.waits:
        wait = table.waits.get(phase)
        if wait is None or wait.lapses_to is None:
            break
        phase = wait.lapses_to
    return phase


def differing(ours: Sequence[bytes], theirs: Sequence[bytes]) -> list[int]:
    """The buckets that are not the same on both sides."""
    return [at for at, (a, b) in enumerate(zip(ours, theirs, strict=True)) if a != b]
