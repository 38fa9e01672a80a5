"""The draw of experts: what the words of ``protocol.draw`` mean for this center.

As the **owner** the center calls its own experts and seals their list to the e-trading
system; it never knows who comes next. As the **sealer** it walks down an order of handles
that it alone knows until the report is signed; it never knows who they are. Everything
that follows from a word is said in the same transaction; calls and deliveries are errands.
No staff member of either center sees a name: they see counts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from typing_extensions import override

from adapters.messaging.port import Messaging
from adapters.trading.port import TradingSystem
from federation.engine.inside import Said
from federation.ids import CenterId, ConversationId
from federation.lottery import supplement, walk
from federation.protocol import draw as words
from federation.protocol.conversation import REFUSED, Conversation, Word
from federation.protocol.draw import (
    OWNER,
    SEALER,
    Close,
    Commit,
    Conclude,
    Fault,
    Next,
    Open,
    Report,
    RequestDraw,
    Response,
    Result,
    Reveal,
    Shortfall,
    Verdict,
)
from federation.wire.envelopes import Receipt, Statement
from node.services import draw_news, outside_values
from node.services.contributions import Contributions
from node.services.departures import Departures
from node.services.draw_errands import DrawErrands
from node.services.draw_exclusions import Exclusion
from node.services.draw_files import DrawFiles
from node.services.draw_moves import Again, DrawMoves
from node.services.draw_rules import DrawRules, OwnWindow
from node.services.draw_start import DrawStart
from node.services.house import Desk, Reaction
from node.services.inviting import USUAL, InvitationPolicy, Inviting, Place
from node.services.reasons import refusal
from node.services.recusal import Recusal
from node.services.rescue import Rescuing
from node.services.session_view import Departed
from node.services.supplementing import Supplementing
from node.store import draws, todos
from node.store.cipher import ColumnCipher
from node.store.draws import DrawRow

Changed: TypeAlias = Callable[[Desk, bytes], None]
"""Told by its booking that who is on a list has changed."""

DRAW_REFUSED: Final = "draw_refused"
"""The to-do by which the staff learns that the other center refused a word of a draw."""


@dataclass(frozen=True, slots=True)
class DrawnMember:
    """One expert on a list: ``uid`` only where the expert is ours."""

    draw: bytes
    owner: str
    slot: int
    entry: bytes
    uid: str | None


@dataclass(frozen=True, slots=True)
class DrawStatus:
    """What anybody of the center's people may know of a draw before the start: counts."""

    id: bytes
    owner: str
    sealer: str
    phase: str
    invited: int
    accepted: int
    supplements: int
    list_delivered: bool
    missing: int = 0
    """How many the lists from its pool lack; with the last of them, once all are sealed."""


class Draws(Reaction):
    """Starts draws, plays our part in them, and says who was drawn."""

    def __init__(
        self,
        *,
        cipher: ColumnCipher,
        trading: TradingSystem,
        messaging: Messaging,
        place: Place,
        own_window: OwnWindow,
        invitations: InvitationPolicy = USUAL,
    ) -> None:
        self._files = DrawFiles(cipher)
        self._moves = DrawMoves(self._files, cipher)
        self.rescuing = Rescuing(self._files, self._moves)
        self._rules = DrawRules(self._files, own_window, self.rescuing)
        self.contributions = Contributions(cipher, self._moves)
        self.departures = Departures(self._files, self._moves, cipher)
        self.recusal = Recusal(self._files, self.departures, cipher)
        self._changed: tuple[Changed, ...] = ()
        self._over: tuple[Changed, ...] = ()
        inviting = Inviting(cipher, place, invitations)
        self.starting = DrawStart(self._files, self._rules, self._moves, inviting)
        self.supplementing = Supplementing(self._files, self._rules, self.starting)
        self.errands = DrawErrands(
            files=self._files,
            moves=self._moves,
            cipher=cipher,
            trading=trading,
            messaging=messaging,
            inviting=inviting,
        )

    def tell(self, *changed: Changed) -> None:
        """Whom to tell, by the booking, that somebody left a list or that it is sealed again."""
        self._changed = changed

    def tell_over(self, *over: Changed) -> None:
        """Whom to tell, by the draw, that it has ended or come to nothing."""
        self._over = over

    def start(self, desk: Desk, project: bytes, by: str) -> list[bytes]:
        """Start all draws of a project. Raises as ``DrawStart.start``."""
        del by  # the words are signed by the center; the account is in the request log
        return self.starting.start(desk, project)

    def members(self, desk: Desk, booking: bytes) -> list[DrawnMember]:
        """Who is on the lists of a booking's draws now."""
        connection = desk.ledger.connection
        found = []
        for row in draws.of_booking(connection, booking):
            seen = self._files.view(desk, row)
            if seen.walk is None or row.phase in {words.VOID, REFUSED}:
                continue
            asked = draws.invitations(connection, row.id)
            found += [
                DrawnMember(
                    row.id,
                    self._files.owner(desk, row),
                    slot,
                    entry,
                    asked[entry].uid if entry in asked else None,
                )
                for slot, entry in seen.walk.chosen
            ]
        return found

    def sealed(self, desk: Desk, booking: bytes) -> bool:
        """Whether every draw of a booking has its list sealed, and ours are delivered."""
        rows = [
            row
            for row in draws.of_booking(desk.ledger.connection, booking)
            if row.phase not in {words.VOID, REFUSED}
        ]
        return bool(rows) and all(
            (row.phase == words.CLOSED or self._files.is_sealed(desk, row))
            and (row.role != OWNER or self._delivered(desk, row))
            and not self.departures.waiting(desk, row)
            for row in rows
        )

    def standing(self, desk: Desk, booking: bytes) -> tuple[bytes, ...]:
        """The draws that fill the committee: none that came to nothing, also one with no list."""
        return tuple(
            sorted(
                row.id
                for row in draws.of_booking(desk.ledger.connection, booking)
                if row.phase not in {words.VOID, REFUSED}
            )
        )

    def close_all(self, desk: Desk, booking: bytes) -> None:
        """The report is signed: open our seals, so that everybody can recompute the draws."""
        for row in draws.of_booking(desk.ledger.connection, booking):
            if row.role == SEALER and row.phase == words.SEALED:
                seen = self._files.view(desk, row)
                assert seen.walk is not None, "a sealed list was walked to"
                desk.say(ConversationId(row.id), Close(self._files.value(row), seen.walk.head))
            elif row.phase == words.RESCUED:
                self.rescuing.conclude(desk, row)

    def depart(
        self, desk: Desk, draw: bytes, entry: bytes, response: Response, reason: str, by: str
    ) -> None:
        """An expert of ours leaves a list; the next of the same ranking follows.

        See ``departures.Departures.depart``.
        """
        self.departures.depart(desk, draw, entry, response, reason=reason, by=by)

    def gone(self, desk: Desk, booking: bytes) -> dict[bytes, Response]:
        """Who was on a list of a booking's draws and has left it, reported or not yet."""
        found = {}
        for row in draws.of_booking(desk.ledger.connection, booking):
            for spoken in self._files.view(desk, row).spoken:
                word = spoken.word
                if isinstance(word, Report) and word.response in words.GONE:
                    found[word.entry] = word.response
            for one in self.departures.waiting(desk, row):
                found[one.entry] = Response[one.response]
        return found

    def departed(self, desk: Desk, booking: bytes) -> list[Departed]:
        """Who of our own has left a list of a booking's draws, with why: for our own staff."""
        return [
            one
            for row in draws.of_booking(desk.ledger.connection, booking)
            for one in self.departures.told(desk, row)
        ]

    def listed(self, desk: Desk, uid: str) -> list[tuple[bytes, bytes, bytes]]:
        """Where an expert of ours is on a sealed list that may change: (booking, draw, entry)."""
        found = []
        for row in draws.inviting(desk.ledger.connection, uid):
            if row.phase in words.DRAW.over or row.phase == REFUSED:
                continue
            asked = draws.invitations(desk.ledger.connection, row.id)
            seen = self._files.view(desk, row)
            if seen.walk is None or not seen.walk.revision:
                continue  # the list was never sealed
            entries = {entry for _, entry in seen.walk.chosen}
            found += [
                (row.booking, row.id, entry)
                for entry, one in asked.items()
                if one.uid == uid and entry in entries
            ]
        return found

    def status(self, desk: Desk, project: bytes) -> list[DrawStatus]:
        """Counts for a project's draws."""
        return [
            self._status(desk, row) for row in draws.of_project(desk.ledger.connection, project)
        ]

    def everything(self, desk: Desk) -> list[DrawStatus]:
        """Counts for all draws, for supervisors."""
        return [self._status(desk, row) for row in draws.everything(desk.ledger.connection)]

    @override
    def admit(
        self, desk: Desk, conversation: Conversation, word: Word, statement: Statement
    ) -> None:
        if isinstance(word, RequestDraw):
            self._rules.admit_request(desk, conversation, word)
        elif isinstance(word, Open):
            if conversation.phase == words.NEW:
                self.errands.inviting.admit_hours(desk)
            self._rules.admit_open(desk, conversation, word)
        elif isinstance(word, Fault):
            self._rules.admit_fault(desk, conversation, word, statement)
        else:
            self._rules.admit_step(desk, conversation, word, statement)

    @override
    def said(self, desk: Desk, spoken: Said) -> None:
        word, draw = spoken.word, spoken.conversation.id
        if isinstance(word, RequestDraw) or (
            isinstance(word, Open) and draws.get(desk.ledger.connection, draw) is None
        ):
            self._moves.begin(desk, spoken, word.booking_id, word.pool, word.epoch)
        elif isinstance(word, Fault):
            self._void(desk, draw, word)
        elif isinstance(word, Close | Conclude):
            self._tell_over(desk, draw)
        elif _changes(word):
            self._tell(desk, draw, word)

    @override
    def heard(self, desk: Desk, spoken: Said) -> None:
        word, conversation = spoken.word, spoken.conversation
        if conversation.phase in words.DRAW.over:
            if isinstance(word, Fault) and conversation.phase == words.VOID:
                self._void(desk, conversation.id, word)
            return  # it crossed a Fault or the Close: nothing follows from it
        if isinstance(word, RequestDraw):
            self._moves.begin(desk, spoken, word.booking_id, word.pool, word.epoch)
            announced = self._files.announced(desk, self._files.row(desk, conversation.id))
            desk.say(
                conversation.id,
                self._moves.opening(
                    desk,
                    booking=word.booking_id,
                    announced=announced,
                    slots=word.slots,
                    owner=conversation.peer,
                    times=(word.bid_deadline_ms, word.evaluation_start_ms),
                    exclusion=Exclusion(word.exclusion_commitment),
                    again=Again(word.supersedes, word.permit),
                ),
            )
        elif isinstance(word, Open):
            if draws.get(desk.ledger.connection, conversation.id) is None:
                self._moves.begin(desk, spoken, word.booking_id, word.pool, word.epoch)
            self._moves.accept(desk, self._files.row(desk, conversation.id), word)
        elif isinstance(word, Commit):
            self._moves.committed(desk, self._files.row(desk, conversation.id))
        elif isinstance(word, Reveal | Report | Verdict | Shortfall):
            self._moves.ask_next(desk, self._files.row(desk, conversation.id))
        elif isinstance(word, Next) and conversation.phase == words.ASKED:
            self._moves.rule(desk, self._files.row(desk, conversation.id), word)
        if _changes(word):
            self._tell(desk, conversation.id, word)

    def _void(self, desk: Desk, draw: bytes, word: Fault) -> None:
        outside_values.release(desk, draw, word.detail)
        row = draws.get(desk.ledger.connection, draw)
        if row is not None:  # else it was heard of a draw that never began
            draw_news.tell_void(desk, self._files, row, word)
            self._depart_on(desk, row)
            self._tell_over(desk, draw)

    def _tell_over(self, desk: Desk, draw: bytes) -> None:
        for over in self._over:
            over(desk, draw)

    def _tell(self, desk: Desk, draw: bytes, word: Word) -> None:
        row = self._files.row(desk, draw)
        if isinstance(word, Result):
            draw_news.tell_short(desk, self._files, row)
        for changed in self._changed:
            changed(desk, row.booking)
        self._depart_on(desk, row)

    def _depart_on(self, desk: Desk, row: DrawRow) -> None:
        """Of draws from one pool one goes on at a time: whoever left another list may follow."""
        if row.role == OWNER:
            for one in self._files.beside(desk, row):
                self.departures.go_on(desk, one.id)

    @override
    def cosigned(self, desk: Desk, peer: CenterId, suite_id: str, size: int) -> None:
        for row in draws.waiting_to_reveal(desk.ledger.connection, peer, suite_id, size):
            draws.set_reveal_after(desk.ledger.connection, row.id, None)
            if row.phase == words.COMMITTED:
                self._moves.bind(desk, self._files.row(desk, row.id))

    @override
    def refused(self, desk: Desk, conversation: Conversation, receipt: Receipt) -> None:
        """The draw has ended: people must know why, and may start it anew."""
        outside_values.release(desk, conversation.id, "the other center refused the draw")
        ended = draws.get(desk.ledger.connection, conversation.id)
        if ended is not None:
            self._depart_on(desk, ended)
        zh, en = refusal(receipt)
        todos.add(
            desk.ledger.connection,
            role="staff",
            kind=DRAW_REFUSED,
            subject=conversation.id,
            zh=f"{conversation.peer}拒绝了专家抽取:{zh},请按所述原因处理后重新开始抽取",
            en=f"{conversation.peer} refused the draw ({en}); mend what it names and start anew",
            now_ms=desk.now_ms,
        )

    @override
    def lapsed(self, desk: Desk, before: Conversation, after: Conversation) -> None:
        if before.phase == words.WALKING and before.role == OWNER:
            row = self._files.row(desk, before.id)
            seen = self._files.view(desk, row)
            if seen.walk is not None and not isinstance(seen.walk.due, walk.Place):
                self._moves.go_on(desk, row)  # it is our own turn: the sealer is not at fault
                return
        if before.phase == words.RESCUED:
            return  # it is for nobody but us to end it
        if before.phase in {words.WALKING, words.SEALED}:
            row = self._files.row(desk, before.id)
            if self.rescuing.possible(desk, row):
                if not self.rescuing.go_on(desk, row):
                    self.rescuing.offer(desk, row)
                return
        desk.say(
            before.id,
            Fault(before.phase, f"{before.peer} did not do its part in {before.phase} in time"),
        )

    def _delivered(self, desk: Desk, row: DrawRow) -> bool:
        sealed = draws.lists(desk.ledger.connection, row.id)
        return bool(sealed) and sealed[-1].receipt is not None

    def _status(self, desk: Desk, row: DrawRow) -> DrawStatus:
        seen = self._files.view(desk, row)
        own = row.role == OWNER
        progress = seen.walk
        return DrawStatus(
            id=row.id,
            owner=self._files.owner(desk, row),
            sealer=row.peer if own else desk.identity.center,
            phase=row.phase,
            invited=progress.invited if progress else 0,
            accepted=progress.accepted if progress else 0,
            supplements=progress.supplements if progress else 0,
            list_delivered=self._delivered(desk, row) if own else row.phase in _LISTED,
            missing=self._missing(desk, row),
        )

    def _missing(self, desk: Desk, row: DrawRow) -> int:
        rows = self._files.beside(desk, row)
        if not rows or rows[-1].id != row.id or any(one.phase != words.SEALED for one in rows):
            return 0
        return supplement.missing(self._files.standing(desk, rows))


_LISTED: Final = frozenset({words.SEALED, words.CLOSED})


def _changes(word: Word) -> bool:
    return isinstance(word, Result) or (isinstance(word, Report) and word.response in words.GONE)
