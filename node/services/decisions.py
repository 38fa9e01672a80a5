"""Decisions that are handed over: a sub in doubt asks the host and the other subs.

A host's decision is its own signed word, so it does not matter who brings it. Here: keeping
what hosts have decided, telling it to other subs of the same bundle, asking for it when the
host is silent, comparing it afterwards, and proving a host that told two different things.
What a decision means for the seats is ``node.services.bookings``.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from federation.engine.negotiator import Negotiator
from federation.engine.outbox import AnswerRefused
from federation.errors import Conflict, FederationError, Malformed, Unauthenticated
from federation.ids import CenterId, ConversationId
from federation.ports import Unreachable
from federation.protocol import booking
from federation.protocol.booking import Answer, Decide, Decision, Settle
from federation.protocol.conversation import Conversation, Phase
from federation.wire.envelopes import (
    decode_envelope,
    decode_receipt,
    decode_statement,
    encode_envelope,
)
from federation.wire.questions import DecisionAnswer, DecisionQuestion
from federation.wire.words import PAYLOAD_TYPES, decode_word
from node.services.errands import Handler, Result
from node.services.house import Desk
from node.store import bookings, changes, decisions, errands, todos
from node.store.bookings import BookingRow
from node.store.decisions import Decided
from node.store.ledger import SqlLedger

ASK: Final = "ask_decision"
"""The errand that asks for a decision that is not told."""
COMPARE: Final = "compare_decisions"
"""The errand that compares with the other subs what a host has told."""
TWO_DECISIONS: Final = "two_decisions"
"""The to-do that tells staff of a host that told two decisions."""
COMPARE_AFTER_MS: Final = 60_000  # by then a decision has reached every sub that can be reached
KEPT_MS: Final = 30 * 86_400_000  # after the window; federation.md §7.6

_AWAITS: Final[Mapping[type[Decide | Settle], frozenset[Phase]]] = {
    Decide: frozenset({booking.PROMISED, booking.IN_DOUBT}),
    Settle: frozenset({booking.CHANGE_PROMISED}),
}

Asks = Callable[[CenterId, object], Awaitable[object]]
"""Asks a peer one question and awaits the verified answer. Raises Unreachable, AnswerRefused."""


class Takes(Protocol):
    """Whose bookings they are."""

    def admit_decision(self, desk: Desk, row: BookingRow, word: Decide | Settle) -> None:
        """Refuse a decision by raising a FederationError, as if its host had told it to us."""

    def take_decision(self, desk: Desk, conversation: Conversation, word: Decide | Settle) -> None:
        """A decision was handed over, and the booking has moved on: keep what it means."""


@dataclass(frozen=True, slots=True)
class Brought:
    """A decision that somebody has handed over, verified to be its host's."""

    word: Decide | Settle
    envelope: bytes
    by: CenterId


class Decisions:
    """Keeps, hands over, asks for and compares the decisions of hosts."""

    def bind(self, negotiator: Negotiator[SqlLedger], ask: Asks, takes: Takes) -> None:
        """Give the errands their way to the database, to the peers, and to the bookings."""
        self._negotiator = negotiator
        self._ask = ask
        self._takes = takes

    def handlers(self) -> Mapping[str, Handler]:
        """How the errands left here are run."""
        return {ASK: self._ask_around, COMPARE: self._ask_around}

    # In the transaction of a word

    def await_one(self, desk: Desk, row: BookingRow, change: bytes, promise_ms: int) -> None:
        """Ask around when half of the promised time is over and nothing was told."""
        _leave(desk, ASK, row, change, desk.now_ms + promise_ms // 2)

    def check(self, desk: Desk, row: BookingRow, word: Decide | Settle) -> None:
        """Refuse a decision that contradicts one of the same host, whoever brought that.

        Raises:
            Conflict: Another one is known, or the host has taken our booking of a leg alone.
        """
        known = decisions.on(desk.ledger.connection, row.peer, row.bundle, _change(word))
        if known and known[0].decision is not word.decision:
            raise Conflict(f"you have decided {known[0].decision.name} on this before")
        booked = row.phase in {booking.CONFIRMED, booking.CANCELLED}
        if isinstance(word, Decide) and word.decision is Decision.ABORT and booked:
            _check_crossed(desk, row)

    def keep(self, desk: Desk, row: BookingRow, word: Decide | Settle, word_hash: bytes) -> None:
        """Keep what the host has told us itself, accepted or not, and report contradictions."""
        connection = desk.ledger.connection
        envelope = decisions.heard_envelope(connection, row.conversation, word_hash)
        self._keep(desk, row, Brought(word, envelope, row.peer))
        if len(row.hold.participants) > 1:
            _leave(desk, COMPARE, row, _change(word), desk.now_ms + COMPARE_AFTER_MS)

    # Questions

    def answer(self, desk: Desk, peer: CenterId, question: DecisionQuestion) -> DecisionAnswer:
        """Hand over what is known, to a participant of the same bundle only."""
        connection = desk.ledger.connection
        shared = [
            row
            for row in bookings.named(connection, question.bundle_id)
            if peer in row.hold.participants
        ]
        found: list[bytes] = []
        for host in sorted({row.peer for row in shared if row.role == booking.SUB}):
            known = decisions.on(connection, host, question.bundle_id, question.change_id)
            found += [each.envelope for each in known]
        if any(row.role == booking.HOST for row in shared):
            ours = [row.conversation for row in bookings.of_bundle(connection, question.bundle_id)]
            kind = PAYLOAD_TYPES[Settle if question.change_id else Decide]
            told = decisions.told(connection, kind, ours)
            found += [raw for raw in told if _change(_word_in(raw)) == question.change_id]
        return DecisionAnswer(tuple(found[: booking.MAX_PARTICIPANTS]))

    # Errands

    async def _ask_around(self, key: str, argument: dict[str, Any]) -> Result:
        booking_id = bytes.fromhex(argument["booking"])
        change = bytes.fromhex(argument["change"])
        wanted: type[Decide | Settle] = Settle if change else Decide
        asked_in_doubt = key.startswith(ASK)

        def look(desk: Desk) -> BookingRow | None:
            row = bookings.get(desk.ledger.connection, booking_id)
            assert row is not None, "a decision is asked about a booking that we have"
            if desk.now_ms >= row.end_ms + KEPT_MS:
                return None  # nobody needs to know any more, nor does anybody keep it
            if asked_in_doubt and not _waits(desk, row, change, wanted):
                return None
            return row

        row = await self._negotiator.transact(look)
        if row is None:
            return _nothing
        question = DecisionQuestion(row.bundle, change)
        peers = self._others(row, with_host=asked_in_doubt)
        answers = await asyncio.gather(*(self._brought(row, peer, question) for peer in peers))
        brought = [each for answer in answers if answer is not None for each in answer]
        silent = sum(answer is None for answer in answers)
        await self._negotiator.transact(lambda desk: self._take(desk, booking_id, brought))
        if asked_in_doubt and await self._negotiator.transact(look) is not None:
            raise Unreachable(f"{len(peers)} asked, no decision of the host is known yet")
        if silent and not asked_in_doubt:
            raise Unreachable(f"{silent} of {len(peers)} did not answer")
        return _nothing

    def _others(self, row: BookingRow, *, with_host: bool) -> list[CenterId]:
        known = self._negotiator.keyring.peers
        us = self._negotiator.identity.center
        subs = [CenterId(each) for each in row.hold.participants if each in known and each != us]
        return [row.peer, *subs] if with_host else subs

    async def _brought(
        self, row: BookingRow, peer: CenterId, question: DecisionQuestion
    ) -> list[Brought] | None:
        """What one peer hands over and is good; None if it did not answer."""
        try:
            answer = await self._ask(peer, question)
        except (Unreachable, AnswerRefused):
            return None
        if not isinstance(answer, DecisionAnswer):
            return None
        found = [self._verified(row, peer, question, raw) for raw in answer.envelopes]
        return [each for each in found if each is not None]

    def _verified(
        self, row: BookingRow, peer: CenterId, question: DecisionQuestion, raw: bytes
    ) -> Brought | None:
        """The decision in an envelope, if it is the host's and about what was asked."""
        try:
            envelope = decode_envelope(raw)
            now_ms = self._negotiator.clock.now_ms()
            visitor = self._negotiator.doorkeeper.admit(envelope, None, now_ms)
            word = decode_word(envelope.payload_type, visitor.statement.body)
        except (Unauthenticated, FederationError):
            return None
        statement = visitor.statement
        if statement.sender != row.peer or statement.recipient not in row.hold.participants:
            return None
        if not isinstance(word, Decide | Settle) or _change(word) != question.change_id:
            return None
        if isinstance(word, Decide) and word.bundle_id != question.bundle_id:
            return None
        return Brought(word, encode_envelope(envelope), peer)

    def _take(self, desk: Desk, booking_id: bytes, brought: Sequence[Brought]) -> None:
        for each in brought:
            row = bookings.get(desk.ledger.connection, booking_id)
            assert row is not None, "bookings are never deleted"
            self._keep(desk, row, each)
            try:
                # Which of two decisions counts is for people to say; the first one stands.
                self._takes.admit_decision(desk, row, each.word)
            except FederationError:
                continue
            learned = desk.learn(ConversationId(booking_id), each.word)
            if learned is not None:
                self._takes.take_decision(desk, learned, each.word)

    def _keep(self, desk: Desk, row: BookingRow, brought: Brought) -> None:
        connection = desk.ledger.connection
        change = _change(brought.word)
        decisions.add(
            connection,
            Decided(
                host=row.peer,
                bundle=row.bundle,
                change=change,
                decision=brought.word.decision,
                envelope=brought.envelope,
                brought_by=brought.by,
                at_ms=desk.now_ms,
            ),
        )
        known = decisions.on(connection, row.peer, row.bundle, change)
        if len(known) < len(Decision) or todos.was_left(connection, TWO_DECISIONS, row.bundle):
            return
        told = "、".join(f"{each.decision.name}(由{each.brought_by}转达)" for each in known)
        both = ", ".join(f"{each.decision.name} (brought by {each.brought_by})" for each in known)
        todos.add(
            connection,
            role="staff",
            kind=TWO_DECISIONS,
            subject=row.bundle,
            zh=f"主场{row.peer}对同一组预约作出两个不同决定:{told};两份签名均已留存,请与主场和监管部门核实",
            en=f"host {row.peer} has signed two decisions on one bundle: {both}; both are kept as "
            "proof, settle it with the host and the supervisor",
            now_ms=desk.now_ms,
        )


def _check_crossed(desk: Desk, row: BookingRow) -> None:
    """An abort wins over a BOOK that it crossed, not over one that its host has taken.

    Raises:
        Conflict: The host's receipt says that it had heard the booking, and it stood.
    """
    raw = decisions.receipt_for(
        desk.ledger.connection, row.conversation, PAYLOAD_TYPES[booking.Vote]
    )
    if raw is None:
        return
    receipt = decode_receipt(decode_statement(decode_envelope(raw).payload).body)
    if receipt.phase in booking.BOOKED:
        raise Conflict(f"your receipt for our {Answer.BOOK.name} says {receipt.phase}")


def _waits(desk: Desk, row: BookingRow, change: bytes, wanted: type[Decide | Settle]) -> bool:
    """Whether a booking waits for this decision: not for that on another change of it."""
    if row.phase not in _AWAITS[wanted]:
        return False
    asked = changes.asked(desk.ledger.connection, row.conversation, change) if change else None
    return asked is None or asked.decision is None


def _leave(desk: Desk, kind: str, row: BookingRow, change: bytes, at_ms: int) -> None:
    errands.add(
        desk.ledger.connection,
        kind=kind,
        key=f"{kind}:{row.conversation.hex()}:{change.hex()}",
        argument={"booking": row.conversation.hex(), "change": change.hex()},
        not_before_ms=at_ms,
    )


def _change(word: Decide | Settle) -> bytes:
    return word.change_id if isinstance(word, Settle) else b""


def _word_in(raw: bytes) -> Decide | Settle:
    """The decision in an envelope of our own."""
    envelope = decode_envelope(raw)
    word = decode_word(envelope.payload_type, decode_statement(envelope.payload).body)
    if not isinstance(word, Decide | Settle):
        raise Malformed(f"{envelope.payload_type} is no decision")
    return word


def _nothing(_desk: Desk) -> None:
    """The errand is done, and means nothing more."""
