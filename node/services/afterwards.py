"""What can happen to a booking once it stands: who does what, and which word is whose.

Here: the parts put together, and every word after the booking handed to the part that it
concerns. Each part is its own module: another window is ``changing`` (host) and ``consenting``
(sub), giving up ``cancelling``, other seats ``substituting``, another sub ``replacing``, the
state of the site ``readiness``. How a booking comes to stand is ``bookings``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from federation.engine.inside import Said
from federation.errors import Malformed, OutOfTurn
from federation.ids import CenterId
from federation.protocol import booking
from federation.protocol.booking import (
    Cancel,
    Consent,
    Extend,
    Move,
    Readiness,
    Settle,
    Substitute,
)
from federation.protocol.conversation import REFUSED, Conversation, Word
from federation.wire.envelopes import Receipt
from node.services.booking_exceptions import open_dispute, tell_lost
from node.services.bundling import Bundling
from node.services.calling_off import CallingOff
from node.services.cancelling import Cancelling
from node.services.changing import Changing
from node.services.consenting import Consenting, admit_consent, keep_asked
from node.services.errands import Handler
from node.services.house import Desk
from node.services.joint_checks import SelfTest
from node.services.readiness import SiteReadiness
from node.services.replacing import Replacing
from node.services.seating import Seats
from node.services.substituting import Substituting
from node.services.venues import Venues
from node.store import bookings
from node.store.bookings import BookingRow

Later: TypeAlias = Move | Extend | Consent | Settle | Cancel | Substitute | Readiness
LATER: Final = (Move, Extend, Consent, Settle, Cancel, Substitute, Readiness)
"""The words of a booking that stands."""


@dataclass(frozen=True, slots=True)
class Outward:
    """What this part of the node does outside.

    Args:
        self_tests: Name and self test of each outside system.
        calling_off: Tells our experts that they need not come.
    """

    self_tests: Sequence[tuple[str, SelfTest]] = ()
    calling_off: CallingOff | None = None


class Afterwards:
    """The parts, and the words that are theirs.

    Args:
        venues: This center's seats.
        bundling: The host's bundles.
        outward: What is done outside.
    """

    def __init__(self, *, venues: Venues, bundling: Bundling, outward: Outward) -> None:
        seats = Seats(venues)
        self._venues = venues
        self._bundling = bundling
        self._outward = outward
        self.substituting = Substituting(seats)
        self.cancelling = Cancelling(outward.calling_off, bundling)
        self.changing = Changing(seats, self.substituting)
        self.consenting = Consenting(
            venues=venues,
            seats=seats,
            substituting=self.substituting,
            cancelling=self.cancelling,
        )
        self.replacing = Replacing(bundling, self.cancelling)
        self.readiness = SiteReadiness(
            seats=seats, substituting=self.substituting, self_tests=outward.self_tests
        )

    def handlers(self) -> Mapping[str, Handler]:
        """How the errands left here are run."""
        calling_off = self._outward.calling_off
        return {
            **self.changing.handlers(),
            **self.readiness.handlers(),
            **(calling_off.handlers() if calling_off is not None else {}),
        }

    def admit_any(self, desk: Desk, conversation: Conversation) -> None:
        """Refuse whatever follows an abort that overtook its Hold: there is no booking."""
        if bookings.get(desk.ledger.connection, conversation.id) is None:
            raise OutOfTurn("its Hold was never heard")

    def admit(self, desk: Desk, conversation: Conversation, word: Later) -> None:
        """Refuse what contradicts itself, or what was said before."""
        if isinstance(word, Move | Extend | Settle):
            self.consenting.admit(desk, conversation, word)
        elif isinstance(word, Consent):
            admit_consent(desk, _row(desk, conversation.id), word)
        elif isinstance(word, Readiness) and word.ready and not all(c.passed for c in word.checks):
            raise Malformed("ready, but a check has failed")

    def said(self, desk: Desk, spoken: Said) -> None:
        """Keep our own word."""
        conversation, word = spoken.conversation, spoken.word
        if isinstance(word, Move | Extend):
            keep_asked(desk, _row(desk, conversation.id), word)
        elif isinstance(word, Settle):
            self.changing.said(desk, conversation, word)
            self.readiness.schedule(desk, conversation.id)
        elif isinstance(word, Consent):
            self.consenting.said(desk, conversation, word)
        elif isinstance(word, Substitute):
            self.substituting.said(desk, conversation, word)
        elif isinstance(word, Readiness):
            self.readiness.said(desk, conversation, word)
        elif isinstance(word, Cancel):
            self.cancelling.said(desk, conversation, word)
            self.ended(desk, conversation)

    def heard(self, desk: Desk, spoken: Said) -> None:
        """Keep a peer's word, and say what follows from it."""
        conversation, word = spoken.conversation, spoken.word
        if isinstance(word, Move | Extend):
            self.consenting.heard(desk, conversation, word)
        elif isinstance(word, Settle):
            self.settled(desk, conversation, word)
        elif isinstance(word, Consent):
            self.changing.heard(desk, conversation, word)
        elif isinstance(word, Substitute):
            self.substituting.heard(desk, conversation, word)
        elif isinstance(word, Readiness):
            self.readiness.heard(desk, conversation, word)
        elif isinstance(word, Cancel):
            self.cancelling.heard(desk, conversation, word, spoken.payload)
            self.ended(desk, conversation)

    def settled(self, desk: Desk, conversation: Conversation, word: Settle) -> None:
        """A settlement was heard, or handed over by a co-participant."""
        if self.consenting.settled(desk, conversation, word):
            self.readiness.schedule(desk, conversation.id)

    def booked(self, desk: Desk, booking_id: bytes) -> None:
        """A leg stands now, at either side."""
        self.readiness.schedule(desk, booking_id)

    def lapsed(self, desk: Desk, before: Conversation) -> None:
        """A deadline of ours has passed on a booking that stands."""
        if before.phase in booking.BOOKED:
            self.consenting.lapsed(desk, before)

    def refused(self, desk: Desk, row: BookingRow, receipt: Receipt) -> None:
        """At the host: a sub refused a word, and the leg is lost with it."""
        if row.phase == REFUSED:
            self.changing.judge_leg(desk, row.conversation)
        # Also of a leg that is over: its host may have completed what it believed to be booked.
        if receipt.clause == "hold_ms":
            open_dispute(desk, row)
            tell_lost(
                desk,
                row,
                f"副场{row.peer}未按时收到确认,席位已收回",
                f"sub-venue {row.peer} had no confirmation in time and gave its seats free",
            )

    def told(self, desk: Desk, peer: CenterId) -> None:
        """A peer's receipts have come."""
        self.changing.close_told(desk, peer)
        self.cancelling.told(desk, peer)

    def ended(self, desk: Desk, conversation: Conversation) -> None:
        """A leg stands no more: nothing is asked of it, checked for it or kept for it."""
        row = _row(desk, conversation.id)
        if row.phase in booking.BOOKED:
            return
        self.consenting.ended(desk, conversation.id)
        self.readiness.ended(desk, conversation.id)
        if row.phase != booking.CANCELLED and row.cancelled is not None:
            self.cancelling.undone(desk, conversation.id)
        if row.role == booking.SUB:
            self._venues.release(desk, conversation.id)
        else:
            self.changing.judge_leg(desk, conversation.id)
            self._bundling.judge(desk, row.bundle)
            self._bundling.finish(desk, row.bundle)


def is_later(word: Word) -> bool:
    """Whether a word is one of a booking that stands."""
    return isinstance(word, LATER)


def _row(desk: Desk, booking_id: bytes) -> BookingRow:
    row = bookings.get(desk.ledger.connection, booking_id)
    assert row is not None, "a booking is stored with its Hold"
    return row
