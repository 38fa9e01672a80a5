"""The host's side of booking: asking for a bundle, deciding it once, telling every sub.

Here: what happens between a checked request and a closed bundle; what may be asked for is
``node.services.booking_plan``. When a bundle is decided and how is
``federation.protocol.bundle``; this carries it out. The decision, the words that tell it and
the host's own seats are one transaction, so that no crash can leave a decision untold or told
but not decided. The sub's side is ``node.services.bookings``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeAlias

from federation.ids import AgreementId, CenterId
from federation.protocol import booking
from federation.protocol import bundle as rules
from federation.protocol.agreement import AgreementTerms
from federation.protocol.booking import Decide, Decision, Hold
from federation.protocol.bundle import DECIDE_MARGIN_MS, Bundle, BundlePhase, Leg
from node.domain import codes
from node.domain.calendar import Window
from node.domain.project import (
    BookingRequest,
    ExpertSlots,
    SelectionMode,
    SubRequirement,
)
from node.domain.venue import Requirement
from node.services import own_venue, pool_warnings
from node.services.booking_exceptions import replaced
from node.services.booking_plan import BookingPlan, Chosen, LocalRules, PlannedLeg
from node.services.booking_terms import (
    InForce,
    Tested,
    check_pool,
    requirement_of,
)
from node.services.errands import Handler, Result
from node.services.errors import Conflicting
from node.services.house import Desk
from node.services.lottery import Lottery, NoLottery
from node.services.projects import found_project
from node.services.venues import Venues
from node.store import bookings, bundles, errands, projects, todos, venues
from node.store.bookings import BookingRow
from node.store.bundles import BundleRow
from node.store.projects import ProjectRow

DEADLINE: Final = "bundle_deadline"
"""The errand that decides a bundle when its time is up."""

DECIDED: Final = "bundle_decided"
VERIFY_DRAW: Final = "verify_draw"
"""The to-do that asks the staff to verify what is to be drawn, before the agency may draw."""
"""The to-do by which the agency learns what became of its bundle."""

_UNTOLD: Final = frozenset({booking.HELD, booking.PROMISED, booking.CONFIRMED})
"""Where a leg may stand when its bundle is decided; CONFIRMED if it was alone and said so."""
_ANSWERED_YES: Final = frozenset({booking.PROMISED, booking.CONFIRMED})
Replaced: TypeAlias = Callable[[Desk, BundleRow, Decision], None]
"""Told what became of a bundle that was to take the place of a leg."""


def _unreplaced(_desk: Desk, _row: BundleRow, _decision: Decision) -> None:
    """Nobody takes another's place here."""


class Bundling:
    """Plans, decides and closes the bundles of this host.

    Args:
        venues: The host's own seats.
        in_force: Finds the agreement with a sub.
        tested: Whether the joint test was passed.
        local: This center's own rules.
    """

    def __init__(
        self, *, venues: Venues, in_force: InForce, tested: Tested, local: LocalRules
    ) -> None:
        self._venues = venues
        self._plans = BookingPlan(in_force=in_force, tested=tested, local=local)
        self._local = local
        self._lottery: Lottery = NoLottery()
        self._replaced: Replaced = _unreplaced

    def draw_with(self, lottery: Lottery) -> None:
        """Draw sub-venues, and hold drawn bookings, with this lottery from now on."""
        self._lottery = lottery

    def replace_with(self, replaced: Replaced) -> None:
        """Tell this of what became of a sub that was asked to take a lost one's place."""
        self._replaced = replaced

    def check_drawn(self, desk: Desk, peer: CenterId, hold: Hold) -> None:
        """Check at the sub that a Hold follows from a lottery. Raises FederationError."""
        self._lottery.check_drawn(desk, peer, hold)

    def plan(self, desk: Desk, project_id: bytes, request: BookingRequest, by: str) -> bytes:
        """Ask every sub to keep its seats, and reserve the host's; answers the bundle's id.

        Where the subs are drawn, the lottery comes first: then its id is answered. Without any
        sub only the host's seats are reserved; see ``own_venue``.

        Raises:
            NotFound: No such project, or no agreement with a sub.
            Invalid: The law, the calendar or an agreement does not allow it; says which.
            Conflicting: The project is not accepted, has a live bundle already, or the host
                has not the seats.
        """
        row = found_project(desk, project_id)
        self._lottery.make_way(desk, project_id)
        self._plans.check_project(desk, row)
        self._plans.check_request(desk, row, request)
        own_venue.release(desk, self._venues, project_id, by)
        if not request.subs:
            return own_venue.book(desk, self._venues, row, request, by)
        if request.mode is SelectionMode.CHOSEN:
            return self._book(desk, row, request, Chosen(request.chosen), by)
        projects.set_plan(desk.ledger.connection, project_id, request)
        return self._lottery.begin(desk, row, request, by)

    def book_drawn(
        self, desk: Desk, project_id: bytes, drawn: Sequence[CenterId], selection_id: bytes, by: str
    ) -> bytes:
        """Book those that were drawn, as the project's plan asks; raises as ``plan``."""
        row = found_project(desk, project_id)
        assert row.plan is not None, "a lottery is held for a plan"
        self._plans.check_project(desk, row)
        self._plans.check_request(desk, row, row.plan)
        return self._book(desk, row, row.plan, Chosen(tuple(drawn), selection_id), by)

    def able(
        self, desk: Desk, row: ProjectRow, request: BookingRequest, sub: CenterId
    ) -> tuple[AgreementId, AgreementTerms]:
        """See ``BookingPlan.able``."""
        return self._plans.able(desk, row, request, sub)

    def _book(
        self, desk: Desk, row: ProjectRow, request: BookingRequest, chosen: Chosen, by: str
    ) -> bytes:
        project_id = row.id
        bundle_id = desk.new_id()
        wanted = [
            self._plans.leg(desk, row, request, bundle_id, chosen, sub, requirement)
            for sub, requirement in zip(chosen.subs, request.subs, strict=True)
        ]
        first = wanted[0]
        check_pool(desk, first.terms, desk.identity.center, first.sub, request.host_slots)
        self._reserve(desk, bundle_id, request)
        for lost in bookings.of_project(desk.ledger.connection, project_id):
            replaced(desk, lost.conversation, by)
        projects.set_plan(desk.ledger.connection, project_id, request)
        self._hold(desk, row, bundle_id, wanted, by)
        small = pool_warnings.of_project(desk, project_id, self._local.small_stratum)
        pool_warnings.tell_plan(desk, project_id, small)
        return bundle_id

    def check_stand_in(self, desk: Desk, leg: BookingRow, sub: CenterId) -> None:
        """Check that a lottery lets a named center take a leg's place. Raises Invalid."""
        bundle = bundles.get(desk.ledger.connection, leg.bundle)
        assert bundle is not None, "a leg belongs to a bundle"
        first = bookings.of_bundle(desk.ledger.connection, bundle.root)[0]
        self._lottery.check_stand_in(desk, first.hold.selection_id, sub)

    def stand_in(
        self, desk: Desk, row: ProjectRow, leg: BookingRow, sub: CenterId, by: str
    ) -> bytes:
        """Ask another sub to take the place of a leg; answers the id of a bundle of its own.

        Raises:
            NotFound: No agreement with the sub.
            Invalid: An agreement does not allow it; says which.
            Conflicting: The host had given its own seats back, and they are taken.
        """
        assert row.plan is not None, "what was booked was planned"
        self.check_stand_in(desk, leg, sub)
        needs = SubRequirement(
            requirement_of(leg.hold),
            tuple(
                ExpertSlots(codes.specialty(need.specialty), need.count)
                for need in leg.hold.experts
            ),
        )
        request = replace(
            row.plan,
            window=Window(leg.start_ms, leg.end_ms),
            mode=SelectionMode.CHOSEN,
            chosen=(sub,),
            subs=(needs,),
        )
        connection, bundle_id = desk.ledger.connection, desk.new_id()
        wanted = self._plans.leg(desk, row, request, bundle_id, Chosen((sub,)), sub, needs)
        lost = bundles.get(connection, leg.bundle)
        assert lost is not None, "a leg belongs to a bundle"
        if not venues.held(connection, lost.root):
            self._reserve(desk, lost.root, request)
        self._hold(desk, row, bundle_id, [wanted], by, instead_of=leg)
        return bundle_id

    def _hold(
        self,
        desk: Desk,
        row: ProjectRow,
        bundle_id: bytes,
        wanted: Sequence[PlannedLeg],
        by: str,
        instead_of: BookingRow | None = None,
    ) -> None:
        connection = desk.ledger.connection
        latest_vote_ms = desk.now_ms + max(leg.terms.vote_ms for leg in wanted)
        start_ms = wanted[0].hold.start_ms
        bundle = Bundle(
            id=bundle_id,
            legs=(),
            phase=BundlePhase.HOLDING,
            decide_by_ms=min(latest_vote_ms + DECIDE_MARGIN_MS, start_ms),
        )
        bundles.add(connection, bundle, row.id, by, desk.now_ms)
        if instead_of is not None:
            lost = bundles.get(connection, instead_of.bundle)
            assert lost is not None, "a leg belongs to a bundle"
            bundles.stand_in(connection, bundle_id, instead_of.conversation, lost.root)
        for leg in wanted:
            desk.open(leg.sub, leg.agreement, leg.hold)
        errands.add(
            connection,
            kind=DEADLINE,
            key=f"{DEADLINE}:{bundle_id.hex()}",
            argument={"bundle": bundle_id.hex()},
            not_before_ms=bundle.decide_by_ms,
        )

    def judge(self, desk: Desk, bundle_id: bytes) -> None:
        """Decide a bundle if it is time, tell the subs, and close it if all know."""
        row = bundles.get(desk.ledger.connection, bundle_id)
        assert row is not None, "a leg belongs to a bundle"
        decided = rules.decide(row.bundle, _legs(desk, bundle_id), desk.now_ms)
        if decided.phase is not row.bundle.phase:
            bundles.set_phase(desk.ledger.connection, decided)
            self._tell(desk, row, decided)
        self._close(desk, decided)

    def withdraw_stand_ins(self, desk: Desk, project_id: bytes, reason: str) -> None:
        """Take back what subs were asked in the place of others, as nothing is wanted any more."""
        for row in bundles.of_project(desk.ledger.connection, project_id):
            withdrawn = rules.withdraw(row.bundle, reason)
            if row.replaces is not None and withdrawn is not row.bundle:
                bundles.set_phase(desk.ledger.connection, withdrawn)
                self._say(desk, withdrawn)
                self.finish(desk, withdrawn.id)
                self._close(desk, withdrawn)

    def close_told(self, desk: Desk, peer: CenterId) -> None:
        """A peer has answered: close the bundles whose decision every sub now knows."""
        for bundle_id in bundles.untold_by(desk.ledger.connection, peer):
            row = bundles.get(desk.ledger.connection, bundle_id)
            assert row is not None, "it was there a line above"
            self._close(desk, row.bundle)

    def finish(self, desk: Desk, bundle_id: bytes) -> None:
        """Give the host's seats back once no leg of a bundle needs them any more."""
        row = bundles.get(desk.ledger.connection, bundle_id)
        assert row is not None, "a leg belongs to a bundle"
        legs = bookings.of_family(desk.ledger.connection, row.root)
        if not any(leg.phase in booking.KEEPS_SEATS for leg in legs):
            self._venues.release(desk, row.root)

    def handlers(self) -> Mapping[str, Handler]:
        """How the errands left here are run."""
        return {DEADLINE: self._deadline}

    async def _deadline(self, _key: str, argument: dict[str, Any]) -> Result:
        bundle_id = bytes.fromhex(argument["bundle"])
        return lambda desk: self.judge(desk, bundle_id)

    def _reserve(self, desk: Desk, bundle_id: bytes, request: BookingRequest) -> None:
        if not request.host_seats:
            return
        seats = self._venues.free_seats(desk, request.window, Requirement(request.host_seats))
        if not seats:
            raise Conflicting(
                f"主场在该时段没有{request.host_seats}个空闲席位,请另选时间",
                f"the host has not {request.host_seats} free seats in that window; "
                "choose another time",
            )
        self._venues.reserve(desk, bundle_id, seats, request.window)

    def _tell(self, desk: Desk, row: BundleRow, decided: Bundle) -> None:
        decision = decided.decision
        assert decision is not None, "a decided bundle has a decision"
        legs = self._say(desk, decided)
        if row.replaces is not None:
            self._replaced(desk, row, decision)
            self.finish(desk, decided.id)  # ours were reserved for it where nobody else was left
            return
        code = found_project(desk, row.project).project.code
        if decision is Decision.ABORT:
            self._venues.release(desk, decided.id)
            if self._followed(desk, legs):
                zh = f"项目{code}有副场未能承接,已按抽取顺位递补并重新预约"
                en = f"project {code}: a sub-venue did not come; the next by rank is asked"
            else:
                zh = f"项目{code}的副场预约未成功,已全部释放,请重新安排"
                en = f"project {code}: no sub-venue is booked ({decided.reason}); plan anew"
        else:
            zh = f"项目{code}的全部副场已确认"
            en = f"project {code}: all sub-venues are booked"
            todos.add(
                desk.ledger.connection,
                role="staff",
                kind=VERIFY_DRAW,
                subject=row.project,
                zh=f"项目{code}即将抽取专家,请核验抽取信息(专业、人数、时间、回避单位)",
                en=f"project {code} is about to draw experts: verify specialties, numbers, times "
                "and the employers to avoid",
                now_ms=desk.now_ms,
            )
        todos.add(
            desk.ledger.connection,
            role="agency",
            kind=DECIDED,
            subject=decided.id,
            zh=zh,
            en=en,
            now_ms=desk.now_ms,
        )

    def _say(self, desk: Desk, decided: Bundle) -> list[BookingRow]:
        """Tell the subs that may not know; answers all legs as they were before."""
        assert decided.decision is not None, "a decided bundle has a decision"
        legs = bookings.of_bundle(desk.ledger.connection, decided.id)
        for leg in legs:
            if leg.phase in _UNTOLD:
                desk.say(leg.conversation, Decide(decided.id, decided.decision, decided.reason))
        return legs

    def _followed(self, desk: Desk, legs: Sequence[BookingRow]) -> bool:
        """Whether the subs were drawn, and others take the places of those who did not come."""
        selection_id = next((leg.hold.selection_id for leg in legs), b"")
        lost = [leg.peer for leg in legs if leg.phase not in _ANSWERED_YES]
        return bool(selection_id and lost) and self._lottery.follow(desk, selection_id, lost)

    def _close(self, desk: Desk, bundle: Bundle) -> None:
        closed = rules.close(bundle, _legs(desk, bundle.id))
        if closed.phase is not bundle.phase:
            bundles.set_phase(desk.ledger.connection, closed)


def _legs(desk: Desk, bundle_id: bytes) -> dict[Any, Leg]:
    connection = desk.ledger.connection
    return {
        leg.conversation: Leg(
            phase=leg.phase,
            promise_ends_ms=leg.promise_ends_ms,
            # What had ended before the decision was never told, and need not be.
            told=not bookings.decision_pending(connection, leg.conversation),
            given_up=leg.cancelled is not None and leg.cancelled.by == booking.HOST,
        )
        for leg in bookings.of_bundle(connection, bundle_id)
    }
