"""May a word of a draw be said? The law's window, the agreement, the booking, the commitments.

Everything here is asked before a word changes anything; a refusal names the rule. Whether
the word is next is the table's affair, whether a step fits the walk is the lottery's.
"""

from collections.abc import Sequence
from datetime import datetime

from federation.errors import (
    Conflict,
    Malformed,
    OutOfScope,
    Refused,
    TooEarly,
    TooLate,
)
from federation.lottery import audit, ranking
from federation.lottery.audit import DrawRefuted, Spoken
from federation.protocol import draw as words
from federation.protocol.agreement import AgreementTerms, draw_opens_ms
from federation.protocol.booking import CONFIRMED, Hold
from federation.protocol.conversation import Conversation, Word
from federation.protocol.draw import (
    AcceptDraw,
    Close,
    Open,
    RequestDraw,
    Reveal,
    Slot,
)
from federation.protocol.peering import AnnouncePool
from federation.wire.envelopes import Statement
from node.domain.workday import SHANGHAI
from node.services.draw_files import DrawFiles
from node.services.draw_view import DrawView, view
from node.services.errors import Conflicting
from node.services.house import Desk
from node.store import bookings, draws, pools
from node.store.draws import DrawRow


class DrawRules:
    """Admits or refuses words of draws."""

    def __init__(self, files: DrawFiles) -> None:
        self._files = files

    def admit_request(self, desk: Desk, conversation: Conversation, word: RequestDraw) -> None:
        """May the owner request this draw of us? Raises FederationError."""
        self._check_booking(desk, conversation, word.booking_id, word.evaluation_start_ms)
        announced = pools.announcement(
            desk.ledger.connection,
            conversation.peer,
            desk.identity.center,
            word.pool,
            word.epoch,
        )
        if announced is None:
            raise OutOfScope("the pool and epoch were not announced to us")
        self._check_pool(desk, conversation, announced, word.slots)
        self._admit_window(desk, conversation, word.bid_deadline_ms, word.evaluation_start_ms)

    def admit_open(self, desk: Desk, conversation: Conversation, word: Open) -> None:
        """May the sealer open this draw of our pool? Raises FederationError."""
        hold = self._check_booking(desk, conversation, word.booking_id, word.evaluation_start_ms)
        if word.contributors != (desk.identity.center, conversation.peer):
            raise Malformed("contributors must be the owner and the sealer", clause="V6")
        announced = pools.announcement(
            desk.ledger.connection,
            desk.identity.center,
            conversation.peer,
            word.pool,
            word.epoch,
        )
        if announced is None or announced.root != word.root:
            raise OutOfScope("this pool, epoch and root were not announced by us", clause="V4")
        rows = draws.of_booking(desk.ledger.connection, word.booking_id)
        if conversation.phase == words.REQUESTED:
            row = next(row for row in rows if row.id == conversation.id)
            request = self._files.view(desk, row).request
            assert request is not None, "a requested draw has its request"
            if (word.pool, word.epoch, word.slots, word.exclusion_commitment) != (
                request.pool,
                request.epoch,
                request.slots,
                request.exclusion_commitment,
            ):
                raise Refused("the draw differs from what was requested")
        else:
            needs = tuple(Slot(need.specialty, need.count) for need in hold.experts)
            if word.slots != needs:
                raise OutOfScope("the slots are not those of the confirmed booking")
            if any(self._files.owner(desk, row) == desk.identity.center for row in rows):
                raise Refused("this booking's draw from our pool was opened before", clause="V2")
        self._check_pool(desk, conversation, announced, word.slots)
        self._admit_window(desk, conversation, word.bid_deadline_ms, word.evaluation_start_ms)

    def admit_step(
        self, desk: Desk, conversation: Conversation, word: Word, statement: Statement
    ) -> None:
        """Does a later word fit what was committed? Raises FederationError."""
        row = draws.get(desk.ledger.connection, conversation.id)
        if row is None:
            raise Refused("there is no such draw")
        seen = self._files.view(desk, row)
        digests = desk.identity.digests
        if isinstance(word, AcceptDraw):
            assert seen.opening is not None, "only an opened draw is accepted"
            view(
                digests,
                [*seen.spoken, Spoken(conversation.peer, b"", word)],
                self._files.announced(desk, row),
            )
        elif isinstance(word, Reveal):
            self._check_value(desk, seen, conversation.peer, word.value)
        elif isinstance(word, Close):
            self._check_value(desk, seen, conversation.peer, word.value)
            self._audit_close(desk, row, seen, conversation, word)
        elif seen.walk is not None:
            # The step chain takes the payload; whether the step fits does not depend on it.
            seen.walk.heard(word, statement.body)

    def check_window(
        self, desk: Desk, terms: AgreementTerms, bid_deadline_ms: int, start_ms: int
    ) -> None:
        """Our own people's question: is the draw window open? Raises Conflicting."""
        opens_ms = draw_opens_ms(terms, bid_deadline_ms, start_ms)
        if desk.now_ms < opens_ms:
            at = local_time(opens_ms)
            raise Conflicting(
                f"抽取时间未到: 最早 {at} (北京时间)",
                f"too early: the draw may start at {at} Beijing time",
            )

    def _check_booking(
        self, desk: Desk, conversation: Conversation, booking: bytes, start_ms: int
    ) -> Hold:
        leg = bookings.get(desk.ledger.connection, booking)
        if leg is None or leg.peer != conversation.peer or leg.agreement != conversation.agreement:
            raise Refused("a draw needs a booking between the two centers")
        if leg.phase != CONFIRMED:
            raise Conflict(f"the booking is {leg.phase}, not CONFIRMED")
        if leg.start_ms != start_ms:
            raise OutOfScope("evaluation_start_ms is not the start of the booking")
        return leg.hold

    def _check_pool(
        self,
        desk: Desk,
        conversation: Conversation,
        announced: AnnouncePool,
        slots: Sequence[Slot],
    ) -> None:
        if not announced.valid_from_ms <= desk.now_ms <= announced.valid_until_ms:
            raise OutOfScope("the pool's epoch is over or has not begun", clause="V3")
        terms = self._files.terms(desk, conversation.agreement)
        since = pools.announced_at_ms(desk.ledger.connection, announced, conversation.peer)
        if since is None or desk.now_ms - since < terms.pool_min_age_ms:
            raise TooEarly("the pool was announced too recently", clause="pool_min_age_ms")
        known = {stratum.specialty: stratum.size for stratum in announced.strata}
        lacking = [slot.specialty for slot in slots if known.get(slot.specialty, 0) < slot.count]
        if lacking:
            raise OutOfScope(f"the pool has too few experts of {', '.join(lacking)}")

    def _admit_window(
        self, desk: Desk, conversation: Conversation, bid_deadline_ms: int, start_ms: int
    ) -> None:
        terms = self._files.terms(desk, conversation.agreement)
        opens_ms = draw_opens_ms(terms, bid_deadline_ms, start_ms)
        if desk.now_ms < opens_ms:
            raise TooEarly(
                "the draw window is not open yet",
                clause="draw_earliest_ms",
                alternative=f"at_ms>={opens_ms}",
            )
        if desk.now_ms >= start_ms:
            raise TooLate("the evaluation has started", clause="evaluation_start_ms")

    def _check_value(self, desk: Desk, seen: DrawView, center: str, value: bytes) -> None:
        committed = (seen.commitments or {}).get(center)
        if ranking.commitment(desk.identity.digests, seen.open_hash, center, value) != committed:
            raise Malformed("the value is not the committed one", clause="V7")

    def _audit_close(
        self, desk: Desk, row: DrawRow, seen: DrawView, conversation: Conversation, word: Close
    ) -> None:
        excluded = self._files.excluded(desk, row) if row.exclusion_salt else None
        try:
            audit.audit(
                desk.identity.digests,
                [*seen.spoken, Spoken(conversation.peer, b"", word)],
                self._files.announced(desk, row),
                excluded,
                exclusion_salt=row.exclusion_salt or b"",
            )
        except DrawRefuted as error:
            raise Malformed(error.sentence, clause=error.rule) from error


def local_time(at_ms: int) -> str:
    """A moment for people, in Beijing time."""
    return datetime.fromtimestamp(at_ms / 1000, SHANGHAI).strftime("%Y-%m-%d %H:%M")
