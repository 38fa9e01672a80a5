"""What came back is said and heard once more, as it was then, by the same tables.

In one transaction every word that peers gave back takes its place again: its conversation moves
on, its log entry says that it came back, the word is stored with the receipt of then, and the
center's own reaction runs as it did, at the time of then. Whatever a reaction says by itself is
found among the words that came back and not said a second time; only what no peer ever heard is
said anew.

The tables know what a word means; what the center's inside needs beside it (a project, a secret
value) may be gone. Then the word stands all the same, the reaction's part is undone, and people
are told: nothing that was promised is forgotten, and nothing crashes.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from heapq import heapify, heappop, heappush
from typing import Final, TypeVar

from typing_extensions import override

from federation.engine import agreed
from federation.engine.doorkeeper import Visitor
from federation.engine.exchange import Back, in_order
from federation.engine.floor import Floor
from federation.engine.inside import Said
from federation.errors import FederationError, OutOfTurn
from federation.evidence.entry import IN_AGAIN, OUT_AGAIN, log_entry
from federation.ids import AgreementId, CenterId, ConversationId
from federation.ports import HeardWord, Ledger, SaidWord
from federation.protocol import conversation as machine
from federation.protocol.conversation import EITHER, Conversation, Role, Word
from federation.protocol.tables import TABLES
from federation.trust.envelope import envelope_hash
from federation.trust.suite import suite
from federation.wire.envelopes import RECEIPT_TYPE, Outcome, encode_envelope

L = TypeVar("L", bound=Ledger)

NO_BODY: Final = b""


@dataclass(frozen=True, slots=True)
class Gap:
    """A word that stands again, but whose meaning inside the center could not be restored.

    Args:
        conversation: As it is now.
        case: The word.
        why: What failed, for people who look closer.
    """

    conversation: Conversation
    case: str
    why: str


class Replay(Floor[L]):
    """A floor on which what came back is said and heard once more."""

    @classmethod
    def over(cls, floor: Floor[L]) -> "Replay[L]":
        """The same transaction, with a time of its own."""
        replay = cls(
            ledger=floor.ledger,
            identity=floor.identity,
            keyring=floor.keyring,
            inside=floor._inside,  # noqa: SLF001 - the same class' own
            random=floor._random,  # noqa: SLF001
            now_ms=floor.now_ms,
            dealing=floor.dealing,
        )
        replay._present_ms = floor.now_ms
        replay._lanes = {}
        replay._queue = []
        replay._taken = []
        replay.gaps = []
        return replay

    _present_ms: int
    _queue: list[tuple[tuple[int, bool, int, bytes], ConversationId]]
    _taken: list[tuple[deque[Back], Back]]
    _lanes: dict[ConversationId, deque[Back]]
    gaps: list[Gap]

    def run(self, backs: Sequence[Back]) -> int:
        """Say and hear all of it; answers how many words there were."""
        each: dict[ConversationId, list[Back]] = {}
        for back in backs:
            each.setdefault(ConversationId(back.statement.conversation_id), []).append(back)
        self._lanes = {talk: deque(in_order(words)) for talk, words in each.items()}
        self._queue = [(_moment(lane[0]), talk) for talk, lane in self._lanes.items() if lane]
        heapify(self._queue)
        count = sum(map(len, self._lanes.values()))
        while self._queue:
            moment, talk = heappop(self._queue)
            lane = self._lanes[talk]
            if not lane:
                continue
            if _moment(lane[0]) == moment:  # else a reaction has said what stood here
                self._place(self._next(lane))
            if lane:
                heappush(self._queue, (_moment(lane[0]), talk))
        self.now_ms = self._present_ms
        return count

    # What reactions say

    @override
    def say(self, conversation: ConversationId, word: Word) -> Said:
        """What was said then, if it came back; else, if no peer ever heard it, said now."""
        lane = self._lanes.get(conversation)
        if lane and lane[0].ours and lane[0].word.case == word.case:
            return self._instead(self._next(lane), word)
        if lane and any(back.ours for back in lane):
            raise OutOfTurn(f"{word.case} is not what was said then: {_named(lane)}")
        return self._anew(lambda: super(Replay, self).say(conversation, word))

    @override
    def open(
        self,
        peer: CenterId,
        agreement: AgreementId | None,
        word: Word,
        *,
        role: Role | None = None,
        suite_id: str | None = None,
    ) -> Said:
        """The conversation that was begun then, if it came back; else it begins now."""
        for lane in self._lanes.values():
            if not lane or not lane[0].ours or lane[0].statement.revision != 1:
                continue
            first = lane[0]
            if (
                first.peer == peer
                and first.statement.agreement_id == (agreement or b"")
                and first.word.case == word.case
                and (suite_id is None or first.suite == suite_id)
            ):
                return self._instead(self._next(lane), word)
        return self._anew(
            lambda: super(Replay, self).open(peer, agreement, word, role=role, suite_id=suite_id)
        )

    def _instead(self, back: Back, word: Word) -> Said:
        """What was said then stands; if it would be other now, something it was made of is gone."""
        spoken = self._said_again(back)
        if word != back.word:
            self._gap(spoken.conversation, back, "other values were told then than are here now")
        return spoken

    def _anew(self, say: Callable[[], Said]) -> Said:
        then_ms, self.now_ms = self.now_ms, self._present_ms
        try:
            return say()
        finally:
            self.now_ms = then_ms

    # One word

    def _next(self, lane: deque[Back]) -> Back:
        back = lane.popleft()
        self._taken.append((lane, back))
        return back

    def _place(self, back: Back) -> None:
        """Give one word its place; one that can have none keeps nobody from the others."""
        failed = self._attempt(lambda: self._apply(back))
        if failed is not None:
            self.gaps.append(Gap(_fresh(back), back.word.case, _text(failed)))

    def _apply(self, back: Back) -> None:
        if back.ours:
            self._said_again(back)
        else:
            self._heard_again(back)

    def _said_again(self, back: Back) -> Said:
        then_ms, self.now_ms = self.now_ms, back.at_ms
        try:
            return self._say_back(back)
        finally:
            self.now_ms = then_ms

    def _say_back(self, back: Back) -> Said:
        assert back.answer is not None, "a word of ours comes back with its receipt"
        raw = encode_envelope(back.answer)
        pending = self.ledger.said_by_hash(back.hash)
        if pending is not None:  # it is here, only its receipt was lost
            self.receipted(pending, encode_envelope(back.envelope), back.receipt, raw)
            known = self.ledger.conversation(pending.conversation)
            assert known is not None, "a word of ours belongs to a conversation"
            return Said(known, back.word, back.envelope.payload, back.hash)
        before = self._before(back)
        if self.ledger.has_said(back.hash)[0]:  # its receipt came while it was asked for
            return Said(before, back.word, back.envelope.payload, back.hash)
        statement, kind = back.statement, back.envelope.payload_type
        after, trouble = self._moved(before, back)
        if statement.revision <= before.said:
            # Another word was said in its place after the loss. The peer has this one.
            withdrawn = self.ledger.withdraw(before.id, statement.revision)
            trouble = trouble or f"another word was said in its place ({withdrawn} withdrawn)"
        said = max(before.said, statement.revision)
        last = back.hash if statement.revision == said else before.said_hash
        after = replace(after, said=said, said_hash=last)
        self.ledger.put_conversation(after, self.now_ms)
        entry = log_entry(OUT_AGAIN, back.peer, kind, back.hash, NO_BODY, self.now_ms)
        self.ledger.append_log(back.suite, entry, back.hash)
        word = SaidWord(
            number=self.ledger.next_number(back.peer),
            peer=back.peer,
            conversation=after.id,
            revision=statement.revision,
            payload_type=kind,
            payload=back.envelope.payload,
            hash=back.hash,
            said_at_ms=self.now_ms,
            suite=back.suite,
        )
        self.ledger.put_said(word)
        spoken = Said(after, back.word, back.envelope.payload, back.hash)
        if trouble:
            self._gap(after, back, trouble)
        else:
            self._inwardly(after, back, lambda: self._inside.said(self, spoken))
        envelope = encode_envelope(back.envelope)
        refused = self.ledger.attempt(lambda: self.receipted(word, envelope, back.receipt, raw))
        if refused is not None:
            self._gap(after, back, _text(refused))
            self.ledger.put_receipt(word, envelope, raw, accepted=back.accepted)
        return spoken

    def _heard_again(self, back: Back) -> None:
        then_ms, self.now_ms = self.now_ms, back.at_ms
        try:
            self._hear_back(back)
        finally:
            self.now_ms = then_ms

    def _hear_back(self, back: Back) -> None:
        before = self._before(back)
        statement, kind = back.statement, back.envelope.payload_type
        trouble = ""
        if back.accepted:
            after, trouble = self._moved(before, back)
        else:
            first = before.heard == 0 and before.said == 0
            after = replace(before, phase=machine.REFUSED if first else before.phase)
        heard = max(before.heard, statement.revision)
        last = back.hash if statement.revision == heard else before.heard_hash
        after = replace(after, heard=heard, heard_hash=last)
        self.ledger.put_conversation(after, self.now_ms)
        answer = self._answered(back, after)
        receipt_hash = envelope_hash(suite(back.suite), RECEIPT_TYPE, answer)
        entry = log_entry(IN_AGAIN, back.peer, kind, back.hash, receipt_hash, self.now_ms)
        self.ledger.append_log(back.suite, entry, back.hash)
        self.ledger.put_heard(
            HeardWord(
                sender=back.peer,
                message_id=statement.message_id,
                conversation=after.id,
                revision=statement.revision,
                payload_type=kind,
                hash=back.hash,
                envelope=encode_envelope(back.envelope),
                receipt_payload=answer,
                heard_at_ms=self.now_ms,
                accepted=back.accepted,
                suite=back.suite,
            )
        )
        if trouble:
            self._gap(after, back, trouble)
        elif back.accepted:
            spoken = Said(after, back.word, back.envelope.payload, back.hash)
            self._inwardly(after, back, lambda: self._inside.heard(self, spoken))

    def _answered(self, back: Back, after: Conversation) -> bytes:
        """The receipt that we gave; one that never reached the peer is made anew."""
        if back.answer is not None:
            return back.answer.payload
        visitor = Visitor(back.envelope, suite(back.suite), back.hash, back.statement, None)
        return self._answer(visitor, self._receipt(Outcome.ACCEPTED, after))[0]

    def _before(self, back: Back) -> Conversation:
        """The conversation before a word, with what lapsed on our own clock meanwhile."""
        talk = ConversationId(back.statement.conversation_id)
        known = self.ledger.conversation(talk)
        if known is None:
            return _fresh(back)
        if known.peer != back.peer or known.kind is not back.word.kind:
            raise OutOfTurn("the conversation is not one of the sender's of this kind")
        table = TABLES[known.kind]
        if machine.overdue(table, known, self.now_ms):
            row = (known.phase, back.word.case)
            if row not in table.next:  # it lapsed, else the word could not have followed
                return machine.expire(table, known, self.now_ms)
        return known

    def _moved(self, before: Conversation, back: Back) -> tuple[Conversation, str]:
        """The conversation after a word, or as it was with the reason why it did not move."""
        move = machine.say if back.ours else machine.hear
        try:
            waits = agreed.waits(self.ledger, before)
            return move(TABLES[before.kind], before, back.word, self.now_ms, waits), ""
        except FederationError as error:
            return before, error.detail

    def _inwardly(self, after: Conversation, back: Back, react: Callable[[], None]) -> None:
        failed = self._attempt(react)
        if failed is not None:
            self._gap(after, back, _text(failed))

    def _attempt(self, act: Callable[[], object]) -> Exception | None:
        """Act, or do as if nothing of it had been; answers what failed."""
        taken, gaps = len(self._taken), len(self.gaps)
        failed = self.ledger.attempt(act)
        if failed is not None:
            # What it had said again is undone, and comes by itself.
            for lane, undone in reversed(self._taken[taken:]):
                lane.appendleft(undone)
                talk = ConversationId(undone.statement.conversation_id)
                heappush(self._queue, (_moment(undone), talk))
            del self._taken[taken:]
            del self.gaps[gaps:]
        return failed

    def _gap(self, after: Conversation, back: Back, why: str) -> None:
        now = self.ledger.conversation(after.id) or after
        self.gaps.append(Gap(now, back.word.case, why))


def _fresh(back: Back) -> Conversation:
    """The conversation that a word begins."""
    table = TABLES[back.word.kind]
    speaker = table.roles[0] if back.word.speaker == EITHER else back.word.speaker
    agreement = back.statement.agreement_id
    return Conversation(
        id=ConversationId(back.statement.conversation_id),
        kind=back.word.kind,
        role=speaker if back.ours else table.other(speaker),
        peer=back.peer,
        agreement=AgreementId(agreement) if agreement else None,
        suite=back.suite,
        phase=table.start,
    )


def _moment(back: Back) -> tuple[int, bool, int, bytes]:
    """What was heard comes before what was said at the same moment: the one led to the other."""
    return back.at_ms, back.ours, back.statement.log_size, back.hash


def _named(lane: deque[Back]) -> str:
    return next(back.word.case for back in lane if back.ours)


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
