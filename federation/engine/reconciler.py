"""Two books that should agree: compared by digests, repaired where words can, else shown to people.

A difference may only be on its way, so it counts once it was seen twice. Then: words that the
other side has and we have not, although our receipt or our signature is on them, are a loss of
ours, and ``recovery`` asks for them. Words of ours that the other side has receipted and lost are
for its own recovery; people are told. A conversation that ended there because we refused its last
word ends here as well: both sides know of that refusal, and what it keeps reserved would be kept
for ever. What differs otherwise is shown to people with both views.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Generic, TypeVar

from federation.engine.digests import bucket_of, buckets, differing, lapsed
from federation.engine.floor import Floor
from federation.engine.negotiator import Negotiator
from federation.ids import CenterId, ConversationId
from federation.ports import Ledger, Unreachable
from federation.protocol import conversation as machine
from federation.protocol.conversation import REFUSED, Conversation, Phase
from federation.protocol.tables import TABLES
from federation.wire.envelopes import decode_receipt, decode_statement
from federation.wire.questions import DigestAnswer, DigestQuestion, Held
from federation.wire.rules import BUCKETS, MAX_LISTED

L = TypeVar("L", bound=Ledger)

NOTHING_HELD: Final = (0, 0, b"", b"")
ROUNDS: Final = BUCKETS // MAX_LISTED
Ask = Callable[[CenterId, object], Awaitable[object]]


class Verdict(StrEnum):
    """What a difference turned out to be."""

    SAME = "same"
    """None, or one of deadlines that run on one side only."""

    UNDER_WAY = "under_way"
    """Words of ours that wait to be delivered."""

    WE_LOST = "we_lost"
    """The other side has words, of either of us, that we have not."""

    THEY_LOST = "they_lost"
    """We have receipts for words that the other side has not."""

    WE_REFUSED = "we_refused"
    """The other side has ended the conversation, because we refused its word."""

    APART = "apart"
    """The same words, and two phases that do not fit together."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One conversation as the two sides see it.

    Args:
        conversation: Its id.
        verdict: What it is.
        ours: Our phase; empty if we do not know the conversation.
        theirs: The other side's; empty likewise.
        said: How many words we said, and how many of them the other side heard.
        heard: How many words we heard, and how many the other side said.
    """

    conversation: ConversationId
    verdict: Verdict
    ours: str
    theirs: str
    said: tuple[int, int]
    heard: tuple[int, int]


class Reconciler(Generic[L]):
    """Compares with one peer after the other.

    Args:
        negotiator: The database, and who we are.
        ask: Asks a peer one question: the outbox's.
        note: Told, in a transaction, what stays different after a comparison with a peer.
    """

    def __init__(
        self,
        *,
        negotiator: Negotiator[L],
        ask: Ask,
        note: Callable[[Floor[L], CenterId, Sequence[Difference]], None],
    ) -> None:
        self._negotiator = negotiator
        self._ask = ask
        self._note = note
        self._seen: dict[CenterId, frozenset[Difference]] = {}

    async def compare(self, peer: CenterId) -> Sequence[Difference]:
        """Compare all that we share with a peer, repair, and answer what is different.

        Raises:
            Unreachable, AnswerRefused: The peer gave no answer.
        """
        answer = await self._asked(peer, ())
        mine = await self._negotiator.transact(
            lambda floor: buckets(floor.identity.center, peer, floor.ledger.shared(peer))
        )
        wanted = differing(mine, answer.buckets)
        found: list[Difference] = []
        for at in range(0, len(wanted), MAX_LISTED):
            listed = tuple(wanted[at : at + MAX_LISTED])
            held = (await self._asked(peer, listed)).held
            found += await self._negotiator.transact(
                lambda floor, held=held, listed=listed: _differences(  # type: ignore[misc]
                    floor, peer, held, listed
                )
            )
        twice = [each for each in found if each in self._seen.get(peer, frozenset())]
        self._seen[peer] = frozenset(found)
        await self._negotiator.transact(lambda floor: self._repair(floor, peer, twice))
        return found

    async def _asked(self, peer: CenterId, listed: tuple[int, ...]) -> DigestAnswer:
        answer = await self._ask(peer, DigestQuestion(listed))
        if not isinstance(answer, DigestAnswer):
            raise Unreachable(f"{peer} answered with something else")
        return answer

    def _repair(self, floor: Floor[L], peer: CenterId, twice: Sequence[Difference]) -> None:
        left = []
        for each in twice:
            if each.verdict is Verdict.WE_LOST:
                floor.ledger.suspect(peer, each.said[1] + each.heard[1], floor.now_ms)
            elif each.verdict is Verdict.WE_REFUSED:
                if self._end(floor, each.conversation) is None:
                    continue
            elif each.verdict is Verdict.UNDER_WAY:
                continue
            left.append(each)
        self._note(floor, peer, left)

    def _end(self, floor: Floor[L], talk: ConversationId) -> Exception | None:
        """End what the other side has ended by our refusal; answers why it could not be done."""
        known, payload = floor.ledger.conversation(talk), floor.ledger.refusal_in(talk)
        assert known is not None, "it was compared in the transaction before"
        assert payload is not None, "that is what the verdict says"
        receipt = decode_receipt(decode_statement(payload).body)
        ended = machine.refused(TABLES[known.kind], known)

        def end() -> None:
            floor.ledger.put_conversation(ended, floor.now_ms)
            floor.ended(ended, receipt)

        return floor.ledger.attempt(end)


def _differences(
    floor: Floor[L], peer: CenterId, held: Sequence[Held], listed: Sequence[int]
) -> list[Difference]:
    theirs = {each.conversation_id: each for each in held}
    ours = {
        bytes(each.id): each for each in floor.ledger.shared(peer) if bucket_of(each.id) in listed
    }
    found = []
    for talk in sorted({*ours, *theirs}):
        each = _difference(floor, ConversationId(talk), ours.get(talk), theirs.get(talk))
        if each.verdict is not Verdict.SAME:
            found.append(each)
    return found


def _difference(
    floor: Floor[L], talk: ConversationId, ours: Conversation | None, theirs: Held | None
) -> Difference:
    said, heard, said_hash, heard_hash = (
        NOTHING_HELD if ours is None else (ours.said, ours.heard, ours.said_hash, ours.heard_hash)
    )
    they_said, they_heard, their_hash, hash_of_ours = (
        NOTHING_HELD
        if theirs is None
        else (theirs.said, theirs.heard, theirs.said_hash, theirs.heard_hash)
    )
    if _never_began(ours, theirs):
        verdict = Verdict.SAME
    elif they_heard > said or they_said > heard:
        verdict = Verdict.WE_LOST
    elif (they_heard == said and hash_of_ours != said_hash) or (
        they_said == heard and their_hash != heard_hash
    ):
        verdict = Verdict.WE_LOST  # another word stands in the place of one of ours
    elif they_said < heard:
        verdict = Verdict.THEY_LOST
    elif they_heard < said:
        pending = floor.ledger.said_in(talk, they_heard, 1)
        waits = bool(pending) and pending[0][1] is None
        verdict = Verdict.UNDER_WAY if waits else Verdict.THEY_LOST
    else:
        assert ours is not None, "the same words are some words"
        assert theirs is not None, "the same words are some words"
        verdict = _of_phases(floor, ours, Phase(theirs.phase))
    return Difference(
        talk,
        verdict,
        "" if ours is None else ours.phase,
        "" if theirs is None else theirs.phase,
        (said, they_heard),
        (heard, they_said),
    )


def _never_began(ours: Conversation | None, theirs: Held | None) -> bool:
    """Whether one side's first word was refused, and the other side keeps nothing of it.

    So it is with a word that came too late: it has a receipt, but no place in any conversation.
    """
    if ours is None and theirs is not None:
        return theirs.phase == REFUSED and theirs.heard == 0
    if theirs is None and ours is not None:
        return ours.phase == REFUSED and ours.heard == 0
    return False


def _of_phases(floor: Floor[L], ours: Conversation, theirs: Phase) -> Verdict:
    table = TABLES[ours.kind]
    if lapsed(table, ours.phase) == lapsed(table, theirs):
        return Verdict.SAME  # a deadline runs on its authority's clock; a word will tell
    if theirs == REFUSED and ours.phase not in table.over:
        if floor.ledger.refusal_in(ours.id) is not None:
            return Verdict.WE_REFUSED
        return Verdict.APART
    if ours.phase == REFUSED:
        return Verdict.SAME  # we ended by the other side's refusal: it ends there as here
    return Verdict.APART
