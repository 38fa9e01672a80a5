"""The real reaction to bookings, watched: what was reached, and which words took effect."""

from typing import TYPE_CHECKING

from typing_extensions import override

from federation.engine.inside import Said
from federation.errors import FederationError
from federation.ids import CenterId
from federation.protocol import booking
from federation.protocol.booking import (
    Cancel,
    Complete,
    Consent,
    Decide,
    Decision,
    Hold,
    Readiness,
    Settle,
    Vote,
)
from federation.protocol.conversation import Conversation, Phase, Word
from federation.wire.envelopes import Receipt, Statement
from node.services.bookings import Bookings
from node.services.decisions import Takes
from node.services.house import Desk, Reaction
from node.store.bookings import BookingRow

if TYPE_CHECKING:
    from tests.simulation.center import SimCenter


class Watched(Reaction, Takes):
    """The real reaction to bookings, watched."""

    def __init__(self, center: "SimCenter", bookings: Bookings) -> None:
        self._center = center
        self._bookings = bookings
        self._before: dict[bytes, Phase] = {}

    @override
    def admit(
        self, desk: Desk, conversation: Conversation, word: Word, statement: Statement
    ) -> None:
        self._before[conversation.id] = conversation.phase
        if isinstance(word, Hold):
            self._contended(desk, conversation, word)
        self._bookings.admit(desk, conversation, word, statement)

    @override
    def said(self, desk: Desk, spoken: Said) -> None:
        self._bookings.said(desk, spoken)

    @override
    def heard(self, desk: Desk, spoken: Said) -> None:
        reached = self._center.oracle.reached
        before, word = self._before.get(spoken.conversation.id), spoken.word
        if not self._center.delivering:
            reached("a word was first heard through Follow")
        if isinstance(word, Vote) and before == booking.RELEASED:
            no = spoken.conversation.phase == booking.DECLINED
            reached("a no crossed an abort" if no else "a vote crossed an abort")
        if isinstance(word, Decide):
            confirm = word.decision is Decision.CONFIRM
            if before == booking.IN_DOUBT:
                reached("doubt ended in a confirmation" if confirm else "doubt ended in an abort")
            if before == booking.EXPIRED:
                reached("an abort ended an expired leg")
            if before == booking.PROMISED and not confirm:
                reached("an abort reached a promise")
        self._note_later(word, before)
        self._center.staged.append(spoken.hash)
        self._bookings.heard(desk, spoken)

    def _note_later(self, word: Word, before: Phase | None) -> None:
        """What was heard of a booking that stood."""
        reached = self._center.oracle.reached
        if isinstance(word, Cancel) and before in {booking.CHANGING, booking.CHANGE_PROMISED}:
            reached("a cancellation crossed a change")
        if isinstance(word, Cancel) and before == booking.CANCELLED:
            reached("both sides cancelled at once")
        if isinstance(word, Complete) and before == booking.CANCELLED:
            reached("the end crossed a cancellation")
        if isinstance(word, Consent):
            reached(f"a sub said {word.answer.name.lower()} to a change")
        if isinstance(word, Readiness):
            reached(f"a site was {'' if word.ready else 'not '}ready")

    @override
    def denied(self, desk: Desk, spoken: Said, error: FederationError) -> None:
        self._bookings.denied(desk, spoken, error)

    @override
    def admit_decision(self, desk: Desk, row: BookingRow, word: Decide | Settle) -> None:
        self._bookings.admit_decision(desk, row, word)

    @override
    def take_decision(self, desk: Desk, conversation: Conversation, word: Decide | Settle) -> None:
        (brought_by,) = desk.ledger.connection.execute(
            "SELECT d.brought_by FROM decision d JOIN booking b ON b.bundle = d.bundle"
            " WHERE b.conversation = ? ORDER BY d.at_ms LIMIT 1",
            (conversation.id,),
        ).fetchone()
        told = "its host, asked" if brought_by == conversation.peer else "another sub"
        self._center.oracle.reached(f"a decision was handed over by {told}")
        self._bookings.take_decision(desk, conversation, word)

    @override
    def refused(self, desk: Desk, conversation: Conversation, receipt: Receipt) -> None:
        self._bookings.refused(desk, conversation, receipt)

    @override
    def lapsed(self, desk: Desk, before: Conversation, after: Conversation) -> None:
        if after.phase == booking.EXPIRED:
            self._center.oracle.reached("a hold expired")
        if after.phase == booking.IN_DOUBT:
            self._center.oracle.reached("a leg came into doubt")
        self._bookings.lapsed(desk, before, after)

    @override
    def cosigned(self, desk: Desk, peer: CenterId, suite_id: str, size: int) -> None:
        self._center.oracle.reached("a checkpoint was cosigned")
        self._bookings.cosigned(desk, peer, suite_id, size)

    def _contended(self, desk: Desk, conversation: Conversation, hold: Hold) -> None:
        row = desk.ledger.connection.execute(
            "SELECT 1 FROM booking b JOIN seat_slot s ON s.holder = b.conversation"
            " WHERE b.peer <> ? AND b.start_ms < ? AND b.end_ms > ? LIMIT 1",
            (conversation.peer, hold.end_ms, hold.start_ms),
        ).fetchone()
        if row is not None:
            self._center.oracle.reached("two hosts wanted the same seats")
