"""A silent sealer: the regulator opens its escrow, and the owner of the pool goes on alone.

When the sealer is overdue the owner's people decide: they ask the regulator that the agreement
names (``oversight_asking``), whose two officers open the escrow. Their word is shown to the
sealer in ``Rescue``; from then on the order is public to both, the owner names who comes next in
the sealer's place, and ends the draw with ``Conclude`` once the report is signed. Where the
regulator denies it, or where nothing was given into escrow, the draw is void as ever.
"""

from typing import Final

from federation.engine.shown import shown
from federation.errors import Conflict, Malformed, Overtaken, Refused, TooEarly
from federation.ids import ConversationId
from federation.lottery import ranking, walk
from federation.protocol import booking
from federation.protocol import draw as words
from federation.protocol import session as session_words
from federation.protocol.conversation import Conversation, Word
from federation.protocol.draw import OWNER, Commit, Conclude, Fault, Proceed, Rescue
from federation.protocol.oversight import MIN_OFFICERS, DenyRequest, Unseal
from node.services.draw_files import DrawFiles
from node.services.draw_moves import DrawMoves
from node.services.draw_view import DrawView
from node.services.house import Desk
from node.store import bookings, oversight, sessions, todos
from node.store.draws import DrawRow

SILENT: Final = "sealer_silent"
"""The to-do by which the staff learns that it may ask the regulator to open the escrow."""
SIGNED: Final = frozenset({
    session_words.FINISHED, session_words.HANDED_OVER, session_words.ARCHIVED,
})  # fmt: skip


class Rescuing:
    """Our part, as owner and as sealer, where the sealer was silent."""

    def __init__(self, files: DrawFiles, moves: DrawMoves) -> None:
        self._files = files
        self._moves = moves

    # As the owner

    def possible(self, desk: Desk, row: DrawRow) -> bool:
        """Whether a regulator could open the silent sealer's escrow, and anybody is waited for."""
        leg = bookings.get(desk.ledger.connection, row.booking)
        if leg is None or leg.phase not in booking.BOOKED:
            return False  # the evaluation was ended or called off: nobody is drawn any more
        seen = self._files.view(desk, row)
        escrowed = any(
            isinstance(one.word, Commit) and one.word.escrow and one.sender == row.peer
            for one in seen.spoken
        )
        terms = self._files.terms(desk, row.agreement)
        return row.role == OWNER and escrowed and bool(terms.regulator)

    def offer(self, desk: Desk, row: DrawRow) -> None:
        """Tell the staff that the sealer is silent, and what may be done."""
        todos.add(
            desk.ledger.connection,
            role="staff",
            kind=SILENT,
            subject=row.id,
            zh=f"封存方{row.peer}失联,抽取停滞;请联系对方,仍无应答的,申请监管部门启封"
            "(POST /api/oversight/asked,what=UNSEAL)",
            en=f"the sealer {row.peer} is silent and the draw stands still: call it, else ask the "
            "regulator to open its escrow (POST /api/oversight/asked, what=UNSEAL)",
            now_ms=desk.now_ms,
        )

    def heard(self, desk: Desk, draw: bytes, word: Word) -> None:
        """The regulator has answered: go on alone, or give the draw up."""
        row = self._files.row(desk, draw)
        if row.role != OWNER or row.phase not in {words.WALKING, words.SEALED}:
            return  # the sealer has come back meanwhile, or the draw is over
        todos.done(
            desk.ledger.connection, kind=SILENT, subject=draw, by="system", now_ms=desk.now_ms
        )
        if isinstance(word, Unseal):
            self.go_on(desk, row)
        elif isinstance(word, DenyRequest) and self._is_overdue(desk, row):
            detail = f"{row.peer} is silent, and the regulator does not open its escrow"
            desk.say(ConversationId(draw), Fault(row.phase, detail))

    def _is_overdue(self, desk: Desk, row: DrawRow) -> bool:
        """Whether the walk still stands still: a sealer that came back refuses the ``Fault``."""
        known = desk.ledger.conversation(ConversationId(row.id))
        return row.phase == words.WALKING and known is not None and known.deadline_ms is None

    def go_on(self, desk: Desk, row: DrawRow) -> bool:
        """Go on alone, if the escrow is open: now, or when its sealer is silent once more."""
        told = oversight.unsealed_for(desk.ledger.connection, row.id)
        if told is None:
            return False
        desk.say(ConversationId(row.id), Rescue(told))
        self._moves.go_on(desk, self._files.row(desk, row.id))
        return True

    def conclude(self, desk: Desk, row: DrawRow) -> None:
        """The report is signed: nobody is drawn any more."""
        seen = self._files.view(desk, row)
        if row.role == OWNER and seen.walk is not None and seen.walk.sealed:
            desk.say(ConversationId(row.id), Conclude(seen.walk.head))

    # As the sealer

    def admit_rescue(self, desk: Desk, row: DrawRow, seen: DrawView, word: Rescue) -> None:
        """Has our escrow really been opened? Raises FederationError."""
        regulator = self._files.terms(desk, row.agreement).regulator
        if not regulator:
            raise Refused("the agreement names no regulator", clause="regulator")
        told = shown(desk.identity, desk.keyring, word.unsealed, Unseal, regulator, desk.now_ms)
        center = desk.identity.center
        opened = ranking.commitment(seen.digests, seen.open_hash, center, told.word.value)
        if told.statement.recipient != row.peer:
            raise Malformed("the Unseal that is shown was not said to you", clause="V1")
        if told.word.draw_id != row.id or opened != (seen.commitments or {}).get(center):
            raise Malformed("the value does not open our commitment", clause="V7")
        if len(set(told.word.officers)) < MIN_OFFICERS:
            raise Malformed("the Unseal is not by two different officers", clause="officers")

    def admit_proceed(self, seen: DrawView, row: DrawRow, word: Proceed) -> None:
        """Is this the next entry of the order, which both know by now? Raises Malformed."""
        assert seen.walk is not None, "the table lets it be heard after a Rescue only"
        due = walk.next_step(seen.walk, self._files.orders(row, seen))
        if due != walk.Ask(word.slot, word.rank, word.entry):
            raise Malformed(
                f"slot {word.slot}, rank {word.rank} is another entry than {word.entry.hex()}",
                clause="V9",
            )

    def admit_conclude(
        self, desk: Desk, row: DrawRow, seen: DrawView, conversation: Conversation, word: Conclude
    ) -> None:
        """Is the report signed, and is this the last step? Raises FederationError."""
        if conversation.phase in words.DRAW.over:
            return  # it crossed our Close
        check_signed(desk, row)
        if seen.walk is None or not seen.walk.sealed:
            raise Conflict("the draw is not at a sealed list", clause="V12")
        if word.head != seen.walk.head:
            raise Malformed("Conclude does not cover the last step", clause="V10")


def check_signed(desk: Desk, row: DrawRow) -> None:
    """The order stays secret as long as a member may have to be replaced from it.

    Whoever owns a pool has the session of that booking: the host with the sub whose pool it
    is, or with the one that sealed the host's own; a sub with the host.

    Raises:
        Overtaken: The word that ends the evaluation may be on its way.
        TooEarly: The evaluation is not over.
    """
    held = sessions.live_of_booking(desk.ledger.connection, row.booking)
    if held is not None and held.phase == session_words.SIGNING:
        raise Overtaken("the word that the report is signed is not here yet", clause="Finish")
    if held is None or held.phase not in SIGNED:
        raise TooEarly(
            "the order stays sealed until the report of the evaluation is signed",
            clause="Finish",
        )
