"""What a project may ask of its sub-venues: the law, the calendar, this center's rules, the terms.

Here: the checks between the agency's request and the Holds, and the Holds themselves; nothing
is stored or said. Asking, deciding and telling is ``node.services.bundling``.
"""

from dataclasses import dataclass
from typing import Final

from federation.errors import FederationError
from federation.ids import AgreementId, CenterId
from federation.protocol import booking, enforcement
from federation.protocol.agreement import AgreementTerms
from federation.protocol.booking import Decision, ExpertNeed, Hold
from federation.protocol.conversation import REFUSED
from node.domain import committee
from node.domain.calendar import check_window
from node.domain.project import BookingRequest, ProjectState, SubRequirement
from node.domain.refusal import Inadmissible
from node.domain.small_pools import LEAST
from node.services.booking_terms import (
    KIND_CODES,
    InForce,
    Tested,
    check_hold,
    check_pool,
    for_people,
)
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.house import Desk
from node.store import bookings, bundles, projects, sessions
from node.store.bookings import BookingRow
from node.store.projects import ProjectRow

_IN_THE_WAY: Final = (
    "该项目已有进行中或已确认的预约",
    "the project has a booking that is under way or confirmed",
)


@dataclass(frozen=True, slots=True)
class LocalRules:
    """What this center's own rules add to the law.

    Args:
        members_at_least: The least committee; 5 by law, 7 for water projects.
        representatives_at_most: A local cap beside the law's third, or None.
        small_stratum: Candidates of a specialty below which people are warned.
    """

    members_at_least: int = committee.LAW_MINIMUM
    representatives_at_most: int | None = None
    small_stratum: int = LEAST


@dataclass(frozen=True, slots=True)
class PlannedLeg:
    """One leg that may be asked for, under which agreement."""

    sub: CenterId
    agreement: AgreementId
    terms: AgreementTerms
    hold: Hold


@dataclass(frozen=True, slots=True)
class Chosen:
    """The subs of a bundle, and the lottery that they were drawn in, if they were."""

    subs: tuple[CenterId, ...]
    selection_id: bytes = b""


class BookingPlan:
    """Makes the legs of a bundle out of a request.

    Args:
        in_force: Finds the agreement with a sub.
        tested: Whether the joint test was passed.
        local: This center's own rules.
    """

    def __init__(self, *, in_force: InForce, tested: Tested, local: LocalRules) -> None:
        self._in_force = in_force
        self._tested = tested
        self._local = local

    def check_project(self, desk: Desk, row: ProjectRow) -> None:
        """Check that a project may be booked for now. Raises Conflicting."""
        if row.state is not ProjectState.ACCEPTED:
            raise Conflicting(
                "项目尚未受理,不能预约副场", "the project is not accepted; staff must accept it"
            )
        connection = desk.ledger.connection
        for other in bundles.of_project(connection, row.id):
            legs = bookings.of_bundle(connection, other.bundle.id)
            undone = all(
                leg.phase in {REFUSED, booking.CANCELLED} or _was_given_up(desk, leg)
                for leg in legs
            )
            if other.bundle.decision is not Decision.ABORT and not undone:
                raise Conflicting(*_IN_THE_WAY)

    def check_request(self, desk: Desk, row: ProjectRow, request: BookingRequest) -> None:
        """Check what is asked for against the law, the calendar and this center's rules.

        Raises:
            Invalid: Says which does not allow it.
        """
        try:
            committee.check(
                request.committee(),
                minimum=self._local.members_at_least,
                representatives_at_most=self._local.representatives_at_most,
            )
            check_window(request.window, desk.now_ms, 0)
        except Inadmissible as error:
            raise Invalid(error.zh, error.en) from error
        if request.window.start_ms < row.project.bid_deadline_ms:
            raise Invalid(
                "评标开始时间不得早于投标截止时间(招标投标法第三十四条)",
                "evaluation cannot begin before the bid deadline (art. 34, Bidding Law)",
            )
        named = len(projects.representatives(desk.ledger.connection, row.id))
        if named > request.representatives:
            raise Invalid(
                f"已登记招标人代表{named}人,方案中只有{request.representatives}人",
                f"{named} representatives are named, but the plan has {request.representatives}",
            )
        if desk.identity.center in request.chosen:
            raise Invalid("主场不能同时作为副场", "a center cannot be its own sub-venue")
        if any(sub.venue.kind is not None for sub in request.subs):
            raise Invalid(
                "不能指定副场的席位类型,请以设备要求代替",
                "another center is not asked for a kind of seat; ask for equipment",
            )

    def leg(
        self,
        desk: Desk,
        row: ProjectRow,
        request: BookingRequest,
        bundle_id: bytes,
        chosen: Chosen,
        sub: CenterId,
        requirement: SubRequirement,
    ) -> PlannedLeg:
        """The Hold for one sub, checked as the sub will check it.

        Raises:
            NotFound: No agreement with the sub is in force.
            Invalid: The agreement, or the pool announced under it, does not allow it.
        """
        try:
            agreement, terms = self._in_force(desk, sub)
        except NotFound as error:
            raise NotFound(
                f"与副场{sub}没有生效的协议,请先签署",
                f"no agreement with {sub} is in force; sign one first",
            ) from error
        hold = Hold(
            bundle_id=bundle_id,
            participants=chosen.subs,
            start_ms=request.window.start_ms,
            end_ms=request.window.end_ms,
            seats=requirement.venue.seats,
            equipment=tuple(sorted(requirement.venue.equipment)),
            overnight=requirement.venue.overnight,
            project_kind=KIND_CODES[row.project.kind],
            experts=tuple(ExpertNeed(slot.specialty, slot.count) for slot in requirement.slots),
            selection=booking.SelectionMode[request.mode.name],
            value_wan=enforcement.told_value(terms, row.project.value_fen),
            selection_id=chosen.selection_id,
        )
        try:
            enforcement.check_value(terms, row.project.value_fen)
            check_hold(
                desk,
                role=booking.HOST,
                peer=sub,
                agreement=agreement,
                terms=terms,
                hold=hold,
                tested=self._tested,
            )
        except FederationError as error:
            raise for_people(error, sub) from error
        check_pool(desk, terms, sub, desk.identity.center, requirement.slots)
        return PlannedLeg(sub, agreement, terms, hold)

    def able(
        self, desk: Desk, row: ProjectRow, request: BookingRequest, sub: CenterId
    ) -> tuple[AgreementId, AgreementTerms]:
        """The agreement under which a center could take any of the places.

        Raises:
            NotFound: There is none.
            Invalid: It does not cover one of the places; names the clause.
        """
        alone = Chosen((sub,))
        legs = [
            self.leg(desk, row, request, bytes(16), alone, sub, requirement)
            for requirement in request.subs
        ]
        return legs[0].agreement, legs[0].terms


def _was_given_up(desk: Desk, leg: BookingRow) -> bool:
    """Whether a booking ended without an evaluation; see ``node.services.session_failure``."""
    connection = desk.ledger.connection
    return (
        leg.phase == booking.COMPLETED
        and sessions.live_of_booking(connection, leg.conversation) is None
    )
