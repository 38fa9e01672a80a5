"""A short list is added to from other specialties (补抽于其他专业): the staff choose which.

A pool had too few experts of a specialty: everybody was asked, the list was sealed short. The
seats that are missing are then drawn from other specialties of the same committed pool; who is
on the list stays. The host's staff, who verified what was to be drawn, choose the specialties;
nobody names an expert. What may be chosen is ``federation.lottery.supplement``'s to say, and the
other center asks it again.

Not here: replacing somebody who leaves (``departures``), starting the first draw (``draw_start``).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from federation.errors import FederationError
from federation.lottery import supplement
from federation.protocol import booking, enforcement, execution
from federation.protocol import draw as words
from federation.protocol.conversation import REFUSED
from federation.protocol.draw import Open, Slot
from federation.protocol.peering import Stratum
from node.services.draw_files import DrawFiles
from node.services.draw_moves import Again
from node.services.draw_news import SHORT, VOID
from node.services.draw_rules import DrawRules
from node.services.draw_start import DrawStart, Lot
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.house import Desk
from node.services.reasons import clause_zh
from node.services.session_replacing import SIGNED
from node.store import bookings, draws, projects, sessions, todos
from node.store.draws import DrawRow


@dataclass(frozen=True, slots=True)
class Lacking:
    """One short list, and what may be drawn instead.

    Args:
        draw: The draw that was opened last from this pool; a supplement names it.
        owner: Whose pool.
        missing: How many experts.
        exhausted: Specialties of which everybody was asked.
        strata: The others of the same pool, with their numbers of experts.
    """

    draw: bytes
    owner: str
    missing: int
    exhausted: tuple[str, ...]
    strata: tuple[Stratum, ...]


class Supplementing:
    """Tells what is missing, and draws it from other specialties."""

    def __init__(self, files: DrawFiles, rules: DrawRules, starting: DrawStart) -> None:
        self._files = files
        self._rules = rules
        self._starting = starting

    def lacking(self, desk: Desk, project: bytes) -> list[Lacking]:
        """The short lists of a project, one for each pool. Raises NotFound: no such project."""
        if projects.get(desk.ledger.connection, project) is None:
            raise NotFound("没有这个项目", "there is no such project")
        found, seen = [], set()
        for row in draws.of_project(desk.ledger.connection, project):
            pool = (row.booking, self._files.owner(desk, row))
            leg = bookings.get(desk.ledger.connection, row.booking)
            if pool not in seen and leg is not None and leg.phase in booking.BOOKED:
                seen.add(pool)
                found += self._lacking(desk, *pool)
        return found

    def _lacking(self, desk: Desk, of: bytes, owner: str) -> list[Lacking]:
        rows = self._files.from_pool(desk, of, owner)
        chain = self._files.standing(desk, rows)
        missing = supplement.missing(chain)
        if not missing or any(row.phase != words.SEALED for row in rows):
            return []
        spent = supplement.exhausted(chain)
        strata = self._files.announced(desk, rows[0]).strata
        return [
            Lacking(
                self._last(desk, rows[0]).id,
                owner,
                missing,
                tuple(sorted(spent)),
                tuple(each for each in strata if each.specialty not in spent),
            )
        ]

    def start(self, desk: Desk, project: bytes, draw: bytes, slots: Sequence[Slot]) -> bytes:
        """Draw what is missing from other specialties; answers the new draw's id.

        Args:
            desk: The floor.
            project: Whose list is short.
            draw: Any draw from the pool whose list is short.
            slots: How many of which other specialties.

        Raises:
            NotFound: No such project or draw here.
            Conflicting: The list is not short or not sealed, another supplement is drawing, the
                report is signed, or a void one is not permitted to be drawn again.
            Invalid: A specialty of which everybody was asked, which the pool or the agreement
                has not, or more experts than are missing.
        """
        connection = desk.ledger.connection
        found, row = projects.get(connection, project), draws.get(connection, draw)
        if found is None or row is None or row.project != project:
            raise NotFound("没有这个项目的这次抽取", "the project has no such draw")
        leg = bookings.get(connection, row.booking)
        assert leg is not None, "a draw belongs to a booking"
        if leg.phase != booking.CONFIRMED:
            raise Conflicting(
                "场地预约已不在,不能补抽", f"the booking is {leg.phase}: nobody is drawn for it"
            )
        rows = self._files.beside(desk, row)
        if not rows or any(one.phase != words.SEALED for one in rows):
            raise Conflicting(
                "同一专家库的抽取正在进行、已公开或已作废,名单全部封存后才能补抽",
                "a draw from this pool goes on, is public or came to nothing; a list is added to "
                "once all are sealed",
            )
        last = self._last(desk, row)
        lot = Lot(tuple(slots), self._files.announced(desk, rows[0]), Again(last.id))
        self._check(desk, rows, lot)
        terms = self._files.terms(desk, leg.agreement)
        self._rules.check_window(desk, terms, found.project.bid_deadline_ms, leg.start_ms)
        held = sessions.live_of_booking(connection, row.booking)
        if held is not None and held.phase in SIGNED:
            raise Conflicting(
                "评标报告已签署,不能再补抽", "the report is signed: nobody is drawn any more"
            )
        if last.phase in {words.VOID, REFUSED}:
            lot = Lot(lot.slots, lot.announced, self._starting.permitted(desk, leg, last.id))
        ours = self._files.owner(desk, row) == desk.identity.center
        begin = self._starting.request if ours else self._starting.open
        made = begin(desk, leg, found, lot)
        for one in (*rows, last):
            for kind in (SHORT, VOID):
                todos.done(connection, kind=kind, subject=one.id, by="system", now_ms=desk.now_ms)
        return made

    def _last(self, desk: Desk, row: DrawRow) -> DrawRow:
        """The draw that was opened last from the same pool; it may have come to nothing."""
        owner = self._files.owner(desk, row)
        return [
            one
            for one in draws.of_booking(desk.ledger.connection, row.booking)
            if self._files.owner(desk, one) == owner and self._files.was_opened(desk, one)
        ][-1]

    def _check(self, desk: Desk, rows: Sequence[DrawRow], lot: Lot) -> None:
        chain, pool = self._files.standing(desk, rows), lot.announced
        asked = Open(
            booking_id=rows[0].booking, sequence=0, pool=pool.pool, epoch=pool.epoch,
            root=pool.root, slots=lot.slots, contributors=(), bid_deadline_ms=0,
            evaluation_start_ms=0,
        )  # fmt: skip
        problem = supplement.wrong(chain, asked)
        if problem is not None:
            error = Invalid if problem.clause == supplement.SLOTS else Conflicting
            raise error(problem.zh, problem.en)
        sizes = {each.specialty: each.size for each in pool.strata}
        absent = sorted({slot.specialty for slot in lot.slots} - sizes.keys())
        if absent:
            raise Invalid(
                f"该专家库没有专业{absent[0]}的专家",
                f"the pool has no experts of {absent[0]}",
            )
        terms = self._files.terms(desk, rows[0].agreement)
        try:
            enforcement.check_specialties(terms, lot.slots)
            execution.check_pool_size(terms, sizes, lot.slots)
        except FederationError as error:
            raise Invalid(clause_zh(error.clause), error.detail) from error
