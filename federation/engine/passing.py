"""Heads of third parties: what others cosigned of a log is held against what we cosigned of it.

Two centers that rewrite both their logs agree with each other, and with nobody else who ever
cosigned one of them. So every greeting carries the heads of other logs that the greeter cosigned
last. Of one size they have one root, or the log has two histories. Of different sizes the log
itself is asked for the proof between them (``ConsistencyQuestion``).

Nobody is accused on hearsay. A head counts only under the log's own pinned key, so only a log can
sign its two histories; whoever passes on rubbish, or a head of a log that we do not know, changes
nothing. A log that cannot prove that two heads that it signed go together is a fork as much as
one that shows us both itself. One that gives no proof is asked again, and people are told.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from federation.engine import epochs
from federation.engine.floor import Floor
from federation.engine.sightings import Sighting, log_keys
from federation.errors import Malformed, Refused
from federation.evidence.checkpoint import BadCheckpoint, Checkpoint, verify_note
from federation.ids import CenterId
from federation.ports import Ledger, PassedHead
from federation.trust import merkle
from federation.trust.keyring import Keyring
from federation.trust.suite import suite
from federation.wire.questions import Consistency, ConsistencyAnswer, ConsistencyQuestion
from federation.wire.rules import MAX_HEADS, MAX_NOTE_BYTES

L = TypeVar("L", bound=Ledger)

UNPROVEN_MS: Final = 3_600_000
"""How long a log may leave open whether two of its heads go together before people are told: a
node that is away for an hour is nothing unusual."""


class Passing:
    """Passes heads on, and looks at those that are passed to us.

    Args:
        keyring: Whose logs we know.
        tell: Told what was found about a log, in the transaction: FORK or UNPROVEN.
    """

    def __init__(
        self, keyring: Keyring, tell: Callable[[Floor[Any], CenterId, Sighting], None]
    ) -> None:
        self._keyring = keyring
        self._tell = tell
        self._turn: dict[tuple[CenterId, str], int] = {}

    def heads(self, floor: Floor[L], peer: CenterId, suite_id: str) -> tuple[str, ...]:
        """What we cosigned of others' logs, for a peer; with more than 16 it gets them in turn."""
        every = floor.ledger.heads_of_others(peer, suite_id)
        if len(every) <= MAX_HEADS:
            return tuple(every)
        first = self._turn.get((peer, suite_id), 0) % len(every)
        self._turn[peer, suite_id] = first + MAX_HEADS
        return tuple([*every[first:], *every[:first]][:MAX_HEADS])

    def take(
        self, floor: Floor[L], via: CenterId, suite_id: str, heads: Sequence[str]
    ) -> list[tuple[CenterId, Sighting]]:
        """Look at heads that a peer passed on; answers what was seen of whose log."""
        return [
            seen
            for note in heads[:MAX_HEADS]
            if (seen := self._look(floor, via, suite_id, note)) is not None
        ]

    def _look(
        self, floor: Floor[L], via: CenterId, suite_id: str, note: str
    ) -> tuple[CenterId, Sighting] | None:
        claimed = epochs.head_of(note) if len(note) <= MAX_NOTE_BYTES else None
        if claimed is None or not claimed.size:
            return None
        peer = CenterId(claimed.origin.partition("/")[0])
        if peer == via or peer not in self._keyring.peers:
            return None
        ledger = floor.ledger
        seen = ledger.witnessed(peer, suite_id)
        if seen is None or not seen[0] or (claimed.size, claimed.root) == seen[:2]:
            return None  # nothing of ours to hold it against, or nothing new: no key is needed
        known = next((row for row in ledger.passed(peer, suite_id) if row.via == via), None)
        same = known is not None and (known.size, known.root) == (claimed.size, claimed.root)
        if known is not None and same:
            note = known.note  # whose signature was good
        elif not self._signed(peer, suite_id, note):
            return None
        if claimed.size == seen[0]:
            began = seen[2] or Checkpoint(claimed.origin, seen[0], seen[1]).body()
            return peer, self.contradict(floor, peer, began, note, via)
        if not same:
            ledger.put_passed(
                PassedHead(peer, suite_id, via, claimed.size, claimed.root, note, floor.now_ms)
            )
        if known is None or known.proven or floor.now_ms - known.seen_at_ms < UNPROVEN_MS:
            return None
        self._tell(floor, peer, Sighting.UNPROVEN)
        return peer, Sighting.UNPROVEN

    def _signed(self, peer: CenterId, suite_id: str, note: str) -> bool:
        """Whether a head is a peer's own, under a key that we pinned and the name of its epoch."""
        theirs = self._keyring.peers[peer]
        if suite_id not in theirs.suites:
            return False
        try:
            verify_note(note, log_keys(theirs, suite_id))
        except BadCheckpoint:
            return False  # forged, or of an epoch or under a key that we do not know, or no more
        return True

    def contradict(
        self, floor: Floor[L], peer: CenterId, held: str, shown: str, via: str
    ) -> Sighting:
        """Keep two heads of one log that cannot both be true; tell people if they are new."""
        if floor.ledger.put_fork(peer, held, shown, floor.now_ms, via):
            self._tell(floor, peer, Sighting.FORK)
        return Sighting.FORK

    # What a log is asked, and what it answers

    def question(
        self, floor: Floor[L], peer: CenterId, suite_id: str
    ) -> ConsistencyQuestion | None:
        """What a peer has to prove of its log; None if all that was passed on is proven."""
        seen = floor.ledger.witnessed(peer, suite_id)
        if seen is None or not seen[0]:
            return None
        others = set()
        for row in floor.ledger.passed(peer, suite_id):
            if row.proven:
                continue
            if row.size != seen[0]:
                others.add(row.size)
            elif row.root == seen[1]:  # what we cosigned has come as far meanwhile
                floor.ledger.put_proven(row)
            else:
                began = seen[2] or Checkpoint(_origin(row.note), seen[0], seen[1]).body()
                self.contradict(floor, peer, began, row.note, row.via)
        if not others:
            return None
        return ConsistencyQuestion(suite_id, seen[0], tuple(sorted(others)[:MAX_HEADS]))

    def answered(
        self,
        floor: Floor[L],
        peer: CenterId,
        question: ConsistencyQuestion,
        answer: ConsistencyAnswer,
    ) -> Sighting:
        """Check the proofs of a log about itself; the answer was signed by it."""
        proofs = {each.other: each.proof for each in answer.proofs}
        seen = floor.ledger.witnessed(peer, question.suite)
        if seen is None or seen[0] != question.size:
            return Sighting.OLD  # another head was cosigned meanwhile; it is asked about that one
        result = Sighting.NONE
        for row in floor.ledger.passed(peer, question.suite):
            proof = proofs.get(row.size)
            has_both = max(row.size, question.size) <= answer.leaves
            if row.proven or row.size not in question.others or (proof is None and has_both):
                continue  # it came since, or was one of too many: the next question
            if proof is not None and _together(question.suite, seen, row, proof):
                floor.ledger.put_proven(row)
                continue
            # It cannot prove it, or was rolled back. The greater head as what is held: an epoch
            # that the log begins explains what it has lost.
            began = seen[2] or Checkpoint(_origin(row.note), seen[0], seen[1]).body()
            lesser, greater = sorted([(seen[0], began), (row.size, row.note)])
            result = self.contradict(floor, peer, greater[1], lesser[1], row.via)
        return result

    def prove(self, floor: Floor[L], question: ConsistencyQuestion) -> ConsistencyAnswer:
        """Answer about our own log. Raises Refused, Malformed."""
        if question.suite not in floor.identity.suites:
            raise Refused(f"there is no log of ours under {question.suite}", clause="suite")
        if question.size in question.others:
            raise Malformed("a size needs no proof that it goes together with itself")
        size, _ = floor.ledger.log_head(question.suite)
        at_most = size if question.size <= size else 0
        return ConsistencyAnswer(
            tuple(
                Consistency(
                    other,
                    floor.ledger.consistency(question.suite, *sorted((other, question.size))),
                )
                for other in question.others
                if other <= at_most
            ),
            size,
        )


def _together(
    suite_id: str, seen: tuple[int, bytes, str], row: PassedHead, proof: Sequence[bytes]
) -> bool:
    heads: Mapping[int, bytes] = {seen[0]: seen[1], row.size: row.root}
    old, new = sorted(heads)
    return merkle.verify_consistency(suite(suite_id), old, heads[old], new, heads[new], proof)


def _origin(note: str) -> str:
    head = epochs.head_of(note)
    assert head is not None, "it was read when it was kept"
    return head.origin
