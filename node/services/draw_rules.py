"""May a word of a draw be said? The law's window, the agreement, the booking, the commitments.

Everything here is asked before a word changes anything; a refusal names the rule. Whether
the word is next is the table's affair, whether a step fits the walk is the lottery's.
"""

from dataclasses import dataclass
from typing import Final

from federation.engine.identity import SKEW_MS
from federation.engine.shown import shown
from federation.errors import (
    Conflict,
    Malformed,
    OutOfScope,
    OutOfTurn,
    Overtaken,
    Refused,
    TooEarly,
)
from federation.lottery import audit, ranking
from federation.lottery.audit import DrawRefuted, Spoken
from federation.lottery.pool import USCC
from federation.protocol import booking, enforcement, execution
from federation.protocol import draw as words
from federation.protocol.agreement import AgreementTerms
from federation.protocol.booking import Hold
from federation.protocol.conversation import Conversation, Phase, Role, Word
from federation.protocol.draw import (
    AcceptDraw,
    Close,
    Commit,
    Conclude,
    Fault,
    Open,
    Proceed,
    Report,
    RequestDraw,
    Rescue,
    Response,
    Reveal,
    Ruling,
    Slot,
    Verdict,
    sealer_for_host,
)
from federation.protocol.oversight import Recuse
from federation.protocol.peering import AnnouncePool
from federation.trust.suite import suite
from federation.wire.envelopes import Statement, decode_statement
from node.domain.calendar import DrawWindow, earliest_draw_ms
from node.domain.workday import WorkCalendar, local_time
from node.services import draw_exclusions, outside_rules
from node.services.draw_files import DrawFiles, word_in
from node.services.draw_view import DrawView, view
from node.services.errors import Conflicting
from node.services.house import Desk
from node.services.rescue import Rescuing, check_signed
from node.store import bookings, draws, pools, transcripts, workdays
from node.store.draws import DrawRow
from node.store.pools import Between

OWN_RULE: Final = "rules of the center's own jurisdiction"
"""The clause that a refusal names when it is none of the agreement's."""


@dataclass(frozen=True, slots=True)
class OwnWindow:
    """How early this center's own jurisdiction lets experts be drawn.

    Attributes:
        rule: The jurisdiction's rule.
    """

    rule: DrawWindow

    def opens_ms(self, bid_deadline_ms: int, start_ms: int, calendar: WorkCalendar) -> int:
        """The first moment, unix milliseconds; the calendar is for rules in working days."""
        return earliest_draw_ms(
            [self.rule], bid_deadline_ms, start_ms, calendar.holidays, calendar.workdays
        )


class DrawRules:
    """Admits or refuses words of draws."""

    def __init__(self, files: DrawFiles, own: OwnWindow, rescuing: Rescuing) -> None:
        self._files = files
        self._own = own
        self._rescuing = rescuing

    def admit_request(self, desk: Desk, conversation: Conversation, word: RequestDraw) -> None:
        """May the owner request this draw of us? Raises FederationError."""
        hold = self._check_booking(
            desk, conversation, word.booking_id, word.evaluation_start_ms, role=booking.SUB
        )
        sealer = sealer_for_host(hold.participants)
        if sealer != desk.identity.center:
            raise Refused(
                "the host's own pool is sealed by the participant with the lowest center id",
                clause="participants",
                alternative=f"sealer={sealer}",
            )
        outside_rules.check_first(desk, self._files, conversation, word, conversation.peer)
        announced = pools.announcement(
            desk.ledger.connection,
            Between(conversation.peer, desk.identity.center, conversation.suite),
            word.pool,
            word.epoch,
        )
        if announced is None:
            raise OutOfScope("the pool and epoch were not announced to us")
        self._check_pool(desk, conversation, announced, word)
        self._admit_window(desk, conversation, word)

    def admit_open(self, desk: Desk, conversation: Conversation, word: Open) -> None:
        """May the sealer open this draw of our pool? Raises FederationError."""
        if conversation.phase == words.NEW:
            hold = self._check_booking(
                desk, conversation, word.booking_id, word.evaluation_start_ms, role=booking.SUB
            )
            booked = tuple(Slot(need.specialty, need.count) for need in hold.experts)
            if word.slots != booked and not self._adds(desk, conversation, word):
                raise OutOfScope("the slots are not those of the confirmed booking")
            outside_rules.check_first(desk, self._files, conversation, word, desk.identity.center)
            draw_exclusions.opened(desk, suite(conversation.suite), word)
        else:
            self._check_requested(desk, conversation, word)
            self._check_booking(
                desk, conversation, word.booking_id, word.evaluation_start_ms, role=booking.HOST
            )
        terms = self._files.terms(desk, conversation.agreement)
        outside_rules.check_contributors(desk, conversation.peer, terms, word)
        announced = pools.announcement(
            desk.ledger.connection,
            Between(desk.identity.center, conversation.peer, conversation.suite),
            word.pool,
            word.epoch,
        )
        if announced is None or announced.root != word.root:
            raise OutOfScope("this pool, epoch and root were not announced by us", clause="V4")
        self._check_pool(desk, conversation, announced, word)
        self._admit_window(desk, conversation, word)

    def admit_step(
        self, desk: Desk, conversation: Conversation, word: Word, statement: Statement
    ) -> None:
        """Does a later word fit what was committed? Raises FederationError."""
        row = draws.get(desk.ledger.connection, conversation.id)
        if row is None:
            raise Refused("there is no such draw")
        seen = self._files.view(desk, row)
        digests = seen.digests
        if seen.opening is None:  # the table lets any step be heard after a Fault
            raise OutOfTurn("the draw was never opened")
        if _said_before(seen, conversation.peer, word):
            raise OutOfTurn(f"{word.case} was said before")
        if isinstance(word, AcceptDraw):
            view(
                digests,
                [*seen.spoken, Spoken(conversation.peer, b"", word)],
                self._files.announced(desk, row),
                word_in,
            )
        elif isinstance(word, Commit):
            terms = self._files.terms(desk, conversation.agreement)
            outside_rules.check_commit(desk, row, terms, seen, word)
        elif isinstance(word, Reveal):
            self._check_value(seen, conversation.peer, word.value)
            terms = self._files.terms(desk, conversation.agreement)
            outside_rules.check_values(desk, terms, seen, word)
        elif isinstance(word, Close):
            self._check_signed(desk, row)
            self._check_value(seen, conversation.peer, word.value)
            self._audit_close(desk, row, word, statement)
        elif seen.walk is None or seen.owner_value is None:  # as above
            raise OutOfTurn("nobody walks before the owner has revealed its value")
        else:
            self._admit_walk(desk, conversation, row, seen, (word, statement.body))

    def _admit_walk(
        self,
        desk: Desk,
        conversation: Conversation,
        row: DrawRow,
        seen: DrawView,
        said: tuple[Word, bytes],
    ) -> None:
        word, payload = said
        if isinstance(word, Conclude):
            self._rescuing.admit_conclude(desk, row, seen, conversation, word)
            return
        if isinstance(word, Rescue):
            self._rescuing.admit_rescue(desk, row, seen, word)
        assert seen.walk is not None, "checked by the caller"
        self._check_beside(desk, row, word)
        # The step chain takes the payload; whether the step fits does not depend on it.
        seen.walk.heard(word, payload)
        if isinstance(word, Proceed):
            self._rescuing.admit_proceed(seen, row, word)
        _check_avoided(desk, row, word)
        self._check_proof(desk, row, word)

    def _check_beside(self, desk: Desk, row: DrawRow, word: Word) -> None:
        """Of draws from one pool one goes on at a time: the owner says which, in all of them."""
        if not isinstance(word, Report) or word.response not in words.GONE:
            return
        others = [other for other in self._files.beside(desk, row) if other.id != row.id]
        if not all(self._files.is_sealed(desk, other) for other in others):
            raise Overtaken("the list of a draw from the same pool is not here yet", clause="V12")

    def admit_fault(
        self, desk: Desk, conversation: Conversation, word: Fault, statement: Statement
    ) -> None:
        """Was anything overdue, on the clock of the side whose deadline it is? Raises Refused.

        Counted from the last words that the sender knew of: by the two clocks at most
        ``SKEW_MS`` later than they say.
        """
        if conversation.phase in words.DRAW.over or conversation.phase == words.RESCUED:
            return  # it crossed our own Fault, our Rescue or the Close
        if self._is_for_nothing(desk, conversation):
            return  # the booking was cancelled: there is nobody to draw for
        if word.silent:
            row = draws.get(desk.ledger.connection, conversation.id)
            seen = None if row is None else self._files.view(desk, row)
            outside_rules.check_silence(conversation, seen, word)
            return
        wait = words.DRAW.waits.get(Phase(word.phase))
        if wait is None or wait.authority != words.DRAW.other(conversation.role):
            raise Refused(f"it is not for you to let {word.phase!r} pass", clause="authority")
        lines = transcripts.of_conversation(desk.ledger.connection, conversation.id)
        known = [line for line in lines if not line.ours or line.hash == statement.answers_hash]
        if known and known[-1] is lines[-1] and conversation.phase != word.phase:
            raise Refused(f"the draw is at {conversation.phase}, not {word.phase}", clause="phase")
        since_ms = max(
            (decode_statement(line.payload).sent_at_ms for line in known),
            default=statement.sent_at_ms,
        )
        if statement.sent_at_ms < since_ms + wait.limit_ms - SKEW_MS:
            raise Refused(
                f"nothing is overdue: {word.phase} lasts {wait.limit_ms} ms", clause="limit"
            )

    def _is_for_nothing(self, desk: Desk, conversation: Conversation) -> bool:
        row = draws.get(desk.ledger.connection, conversation.id)
        leg = None if row is None else bookings.get(desk.ledger.connection, row.booking)
        return leg is not None and leg.phase == booking.CANCELLED

    def check_window(
        self, desk: Desk, terms: AgreementTerms, bid_deadline_ms: int, start_ms: int
    ) -> None:
        """Our own people's question: is the draw window open? Raises Conflicting."""
        own = self._own_rule(desk, bid_deadline_ms, start_ms)
        opens_ms, _ = execution.draw_opens(terms, bid_deadline_ms, start_ms, own)
        if desk.now_ms < opens_ms:
            at = local_time(opens_ms)
            raise Conflicting(
                f"抽取时间未到: 最早 {at} (北京时间)",
                f"too early: the draw may start at {at} Beijing time",
            )

    def _check_booking(
        self,
        desk: Desk,
        conversation: Conversation,
        booking_id: bytes,
        start_ms: int,
        *,
        role: Role,
    ) -> Hold:
        leg = bookings.get(desk.ledger.connection, booking_id)
        if leg is None or leg.peer != conversation.peer or leg.agreement != conversation.agreement:
            raise Refused("a draw needs a booking between the two centers")
        if leg.role != role:
            raise Refused("only the host of a booking starts its draws")
        if leg.phase != booking.CONFIRMED:
            raise Conflict(f"the booking is {leg.phase}, not CONFIRMED")
        if leg.start_ms != start_ms:
            raise OutOfScope("evaluation_start_ms is not the start of the booking")
        return leg.hold

    def _check_requested(self, desk: Desk, conversation: Conversation, word: Open) -> None:
        """Is this the draw that we requested, and opened for the first time?"""
        seen = self._files.view(desk, self._files.row(desk, conversation.id))
        if seen.request is None or seen.opening is not None:
            raise Refused("the draw was opened before", clause="V2")
        if audit.asked(word) != audit.asked(seen.request):
            raise Refused("the draw differs from what was requested", clause="V2")

    def _check_signed(self, desk: Desk, row: DrawRow) -> None:
        check_signed(desk, row)

    def _check_pool(
        self,
        desk: Desk,
        conversation: Conversation,
        announced: AnnouncePool,
        word: RequestDraw | Open,
    ) -> None:
        """Is the pool one to draw from now? What adds to a list is from the pool of that list."""
        valid = announced.valid_from_ms <= desk.now_ms <= announced.valid_until_ms
        if not valid and not self._adds(desk, conversation, word):
            raise OutOfScope("the pool's epoch is over or has not begun", clause="V3")
        terms = self._files.terms(desk, conversation.agreement)
        since = pools.announced_at_ms(desk.ledger.connection, announced, conversation.peer)
        execution.check_pool_age(terms, since, desk.now_ms)
        slots = word.slots
        enforcement.check_specialties(terms, slots)
        if len({slot.specialty for slot in slots}) < len(slots):
            raise Malformed("one specialty has two slots; merge them", clause="V2")
        known = {stratum.specialty: stratum.size for stratum in announced.strata}
        execution.check_pool_size(terms, known, slots)

    def _adds(self, desk: Desk, conversation: Conversation, word: RequestDraw | Open) -> bool:
        """Whether it adds to the list of a draw that stands; ``check_first``: whether it may."""
        owner = conversation.peer if isinstance(word, RequestDraw) else desk.identity.center
        return any(
            self._files.was_opened(desk, row)
            for row in self._files.from_pool(desk, word.booking_id, owner)
            if row.id != conversation.id
        )

    def _admit_window(
        self, desk: Desk, conversation: Conversation, word: RequestDraw | Open
    ) -> None:
        terms = self._files.terms(desk, conversation.agreement)
        bid_deadline_ms, start_ms = word.bid_deadline_ms, word.evaluation_start_ms
        own = self._own_rule(desk, bid_deadline_ms, start_ms)
        now_ms = desk.now_ms
        if self._adds(desk, conversation, word):
            now_ms = min(now_ms, start_ms - 1)  # on any day, as whoever leaves is replaced
        try:
            execution.check_draw_time(terms, bid_deadline_ms, start_ms, now_ms, own)
        except TooEarly as error:  # the same, with the time as people of the partner read it
            opens_ms, _ = execution.draw_opens(terms, bid_deadline_ms, start_ms, own)
            raise TooEarly(
                f"the draw window opens at {local_time(opens_ms)} Beijing time",
                clause=error.clause,
                alternative=error.alternative,
            ) from error

    def _own_rule(self, desk: Desk, bid_deadline_ms: int, start_ms: int) -> tuple[int, str]:
        calendar = workdays.calendar(desk.ledger.connection)
        return self._own.opens_ms(bid_deadline_ms, start_ms, calendar), OWN_RULE

    def _check_value(self, seen: DrawView, center: str, value: bytes) -> None:
        committed = (seen.commitments or {}).get(center)
        if ranking.commitment(seen.digests, seen.open_hash, center, value) != committed:
            raise Malformed("the value is not the committed one", clause="V7")

    def _check_proof(self, desk: Desk, row: DrawRow, word: Word) -> None:
        """Does the regulator's word name who recuses? None is needed of an expert's own motion."""
        if not isinstance(word, Report) or not word.proof:
            return
        regulator = self._files.terms(desk, row.agreement).regulator
        if not regulator or word.response is not Response.RECUSED:
            raise Malformed("only the agreement's regulator proves a recusal", clause="proof")
        told = shown(desk.identity, desk.keyring, word.proof, Recuse, regulator, desk.now_ms)
        if told.statement.recipient != row.peer:
            raise Malformed("the Recuse that is shown was not said to you", clause="V1")
        if told.word.draw_id != row.id or word.entry not in told.word.recused:
            raise Malformed("the Recuse that is shown does not name this entry", clause="proof")

    def _audit_close(self, desk: Desk, row: DrawRow, word: Close, statement: Statement) -> None:
        """What we said while the Close was on its way came too late: it closes what went before."""
        seen = self._files.view(desk, row, known_to=statement)
        avoided = draw_exclusions.known(desk, row)
        try:
            audit.audit(
                seen.digests,
                [*seen.spoken, Spoken(row.peer, b"", word)],
                self._files.announced(desk, row),
                avoided.codes if avoided else None,
                exclusion_salt=avoided.salt if avoided else b"",
                read=word_in,  # verified when it was heard; its key may be withdrawn since
            )
        except DrawRefuted as error:
            raise Malformed(error.sentence, clause=error.rule) from error


def _said_before(seen: DrawView, peer: str, word: Word) -> bool:
    """After a Fault the table lets all be heard, again, too; a second value would be chosen."""
    if isinstance(word, AcceptDraw):
        return seen.listings is not None
    if isinstance(word, Commit):
        return peer in (seen.commitments or {})
    return isinstance(word, Reveal) and seen.owner_value is not None


def _check_avoided(desk: Desk, row: DrawRow, word: Word) -> None:
    """Whom the owner passes over as employed by a unit to avoid must be, as far as we know them."""
    if not isinstance(word, Verdict) or word.ruling is not Ruling.SKIP_EXCLUDED:
        return
    told = draw_exclusions.known(desk, row)
    codes = {code.encode() for code in told.codes} if told else set()
    shown = {one.value for one in word.openings if one.attribute == USCC}
    if row.project is not None and not shown <= codes:
        raise Malformed("the employer is none of the units to avoid", clause="V11")
