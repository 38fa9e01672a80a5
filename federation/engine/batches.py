"""Which words go to a peer with the next call.

Here: a look into the ledger, within one transaction, held against what the ``Link`` remembers.
Not here: how the call goes and what its receipts mean (``outbox``).
"""

from collections.abc import Sequence
from typing import Final, Generic, TypeVar

from federation.engine.delivery import Link
from federation.engine.floor import Floor
from federation.ids import CenterId, ConversationId
from federation.ports import Ledger, SaidWord
from federation.protocol.conversation import Kind
from federation.trust.envelope import MAX_BATCH

L = TypeVar("L", bound=Ledger)

MAX_PAYLOAD_BYTES: Final = 700 * 1024  # with envelopes and paths still below 1 MiB
MAX_PAGES: Final = 16  # of 64 words looked at in one transaction: others want the store, too


class _Stills(Generic[L]):
    """The conversations with a peer that stand still: draws, while its log has two histories."""

    def __init__(self, floor: Floor[L], peer: CenterId) -> None:
        self._ledger = floor.ledger
        self._forked = floor.ledger.forked(peer)

    def has(self, conversation: ConversationId) -> bool:
        """Whether nothing of a conversation is told now."""
        if not self._forked:
            return False
        known = self._ledger.conversation(conversation)
        return known is not None and known.kind is Kind.DRAW


def repair(floor: Floor[L], peer: CenterId, link: Link) -> Sequence[SaidWord]:
    """Words of held conversations from what the peer has on, also those that it receipted once.

    A word that was refused is never said again: the peer would hear now what we gave up. What
    follows it waits until its time is over and it is refused as well.
    """
    if link.held and floor.ledger.blocked(peer):
        return ()  # as with pending words: the peer gives back first what we have lost
    words: list[SaidWord] = []
    still = _Stills(floor, peer)
    for conversation, held in link.due_repairs(floor.now_ms):
        if still.has(conversation):
            continue
        found = floor.ledger.said_in(conversation, held.heard, MAX_BATCH)
        while refused := [word.revision for word, accepted in found if accepted is False]:
            found = floor.ledger.said_in(conversation, refused[-1], MAX_BATCH)
        if all(accepted is not None for _, accepted in found) and len(found) < MAX_BATCH:
            link.free(conversation)  # receipted meanwhile, by another road
            continue
        fresh = [word for word, _ in found]
        if words and (len(words) + len(fresh) > MAX_BATCH or fresh[0].suite != words[0].suite):
            break
        words += fresh
    fitting = _fitting(words)
    link.take(fitting, (), None)
    return fitting


def following(
    floor: Floor[L], peer: CenterId, link: Link, held_back: set[str]
) -> Sequence[SaidWord]:
    """The oldest words that may be told now."""
    after, closed = link.look(held_back)
    still = _Stills(floor, peer)
    words: list[SaidWord] = []
    passed: list[SaidWord] = []
    total, full = 0, False
    for _ in range(MAX_PAGES):
        page = floor.ledger.pending(peer, MAX_BATCH, MAX_PAYLOAD_BYTES, held_back, after)
        for word in page:
            if word.conversation in closed or still.has(word.conversation):
                passed.append(word)
            else:
                total += len(word.payload)
                full = bool(words) and (
                    len(words) == MAX_BATCH
                    or word.suite != words[0].suite
                    or total > MAX_PAYLOAD_BYTES
                )
                if full:
                    break
                words.append(word)
            after = word.number
        if full or not page:
            link.crowded = full
            break
    else:
        link.crowded = True
    link.take(words, passed, after)
    return words


def _fitting(words: Sequence[SaidWord]) -> Sequence[SaidWord]:
    """The first of some words, as many as one call holds; at least one."""
    total = 0
    for at, word in enumerate(words):
        total += len(word.payload)
        if at and total > MAX_PAYLOAD_BYTES:
            return words[:at]
    return words
