"""What an agreement demands of a booking, asked alike by the host before and the sub after.

Here: what the limits depend on, from our own store, in the transaction that stores the booking:
two Holds never count past each other. The limits themselves are checked in
``federation.protocol.enforcement``, so that both sides decide alike.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final, Protocol

from federation.errors import FederationError
from federation.ids import AgreementId, CenterId
from federation.protocol import booking, enforcement
from federation.protocol.booking import Hold
from federation.protocol.conversation import Role
from federation.protocol.enforcement import Wish
from federation.protocol.standing import check_start
from federation.protocol.terms import ANSWER_MS, AgreementTerms
from node.domain.calendar import Window
from node.domain.project import ExpertSlots, ProjectKind
from node.domain.venue import Requirement
from node.services.errors import Invalid
from node.services.house import Desk
from node.services.reasons import alternative_zh, clause_zh
from node.services.venues import Venues
from node.store import agreements, bookings, pools
from node.store.pools import Between

KIND_CODES: Final = MappingProxyType(
    {ProjectKind.WORKS: "A", ProjectKind.GOODS: "B", ProjectKind.SERVICES: "C"}
)
"""The letters of the agreement for 工程, 货物 and 服务."""


class InForce(Protocol):
    """Finds the agreement that is in force with a peer."""

    def __call__(self, desk: Desk, peer: CenterId, /) -> tuple[AgreementId, AgreementTerms]:
        """The newest one. Raises ``node.services.errors.NotFound``."""


class Tested(Protocol):
    """Tells whether the joint test that an agreement demands was passed in time."""

    def __call__(
        self, desk: Desk, peer: CenterId, agreement_id: AgreementId, terms: AgreementTerms, /
    ) -> bool:
        """True also when the agreement demands none."""


def check_hold(
    desk: Desk,
    *,
    role: Role,
    peer: CenterId,
    agreement: AgreementId,
    terms: AgreementTerms,
    hold: Hold,
    tested: Tested,
) -> None:
    """Check a Hold against the agreement, before it is said or when it is heard.

    Args:
        desk: The floor.
        role: Ours.
        peer: The other side.
        agreement: The agreement's id.
        terms: What was agreed.
        hold: What is asked for.
        tested: Whether the joint test was passed.

    Raises:
        FederationError: The agreement does not allow it; the clause is named.
    """
    host, sub = (
        (desk.identity.center, peer) if role == booking.HOST else (peer, desk.identity.center)
    )
    counted_under = versions(desk, agreement, terms)
    check_start(desk.ledger.standing(agreement), hold.start_ms)
    enforcement.check_booking(
        terms,
        Wish(
            host,
            sub,
            hold,
            others=bookings.counted(desk.ledger.connection, role, peer, counted_under),
            tested=not terms.joint_test_valid_days or tested(desk, peer, agreement, terms),
        ),
        desk.now_ms,
    )


def windows_allowed(
    desk: Desk,
    peer: CenterId,
    agreement: AgreementId,
    hold: Hold,
    besides: bytes = b"",
) -> Callable[[Window], bool]:
    """Tells the sub in which other windows the agreement would let a Hold be asked for again.

    Args:
        desk: The floor.
        peer: The host.
        agreement: The agreement's id; it is in force.
        hold: What is asked for; its window does not matter.
        besides: The booking that it is, if it is one, which does not count against itself.
    """
    terms = desk.ledger.agreement(agreement)
    assert terms is not None, "whoever asks looked it up"
    counted_under = versions(desk, agreement, terms)
    others = bookings.counted(
        desk.ledger.connection, booking.SUB, peer, counted_under, besides=besides
    )
    standing = desk.ledger.standing(agreement)

    def allowed(window: Window) -> bool:
        there = replace(hold, start_ms=window.start_ms, end_ms=window.end_ms)
        wish = Wish(peer, desk.identity.center, there, others)
        try:
            check_start(standing, window.start_ms)
            # It is asked for again a while from now.
            enforcement.check_change(terms, wish, desk.now_ms + ANSWER_MS, moved=True)
        except FederationError:
            return False
        return True

    return allowed


def next_ms(
    desk: Desk,
    seats: Venues,
    peer: CenterId,
    agreement: AgreementId,
    hold: Hold,
    besides: bytes = b"",
) -> int | None:
    """When else a Hold could be given what it asks for; None if not soon. See windows_allowed."""
    allowed = windows_allowed(desk, peer, agreement, hold, besides)
    return seats.next_free_ms(desk, window_of(hold), requirement_of(hold), allowed)


def versions(desk: Desk, agreement: AgreementId, terms: AgreementTerms) -> list[bytes]:
    """An agreement and the versions that it replaces: an amendment does not renew a quota."""
    found = [bytes(agreement)]
    while terms.supersedes and terms.supersedes not in found:
        earlier = agreements.get(desk.ledger.connection, terms.supersedes)
        if earlier is None:
            break
        found.append(terms.supersedes)
        terms = earlier.terms
    return found


def for_people(error: FederationError, peer: CenterId) -> Invalid:
    """Say the agreement's objection to the person who planned a booking."""
    zh = clause_zh(error.clause) or "协议不允许该预约"
    if error.alternative:
        zh = f"{zh}({alternative_zh(error.alternative)})"
    return Invalid(f"副场{peer}:{zh}", f"sub-venue {peer}: {error.detail}")


def window_of(hold: Hold) -> Window:
    """The window of a Hold. Raises Inadmissible."""
    return Window(hold.start_ms, hold.end_ms)


def requirement_of(hold: Hold) -> Requirement:
    """What a Hold asks of a venue. Raises Inadmissible."""
    return Requirement(
        seats=hold.seats, equipment=frozenset(hold.equipment), overnight=hold.overnight
    )


def check_pool(
    desk: Desk, terms: AgreementTerms, owner: str, other: str, slots: Sequence[ExpertSlots]
) -> None:
    """Refuse what the pool announced now cannot give; one not announced yet is not judged.

    Raises:
        Invalid: Names every specialty with too few experts.
    """
    between = Between(owner, other, terms.suite)
    announced = pools.latest(desk.ledger.connection, between, desk.now_ms)
    if announced is None:
        return
    known = {stratum.specialty: stratum.size for stratum in announced.strata}
    ratio = terms.pool_min_ratio
    lacking = [slot for slot in slots if known.get(slot.specialty, 0) < slot.count * ratio]
    if lacking:
        raise Invalid(
            f"{owner}公布的专家库人数不足,请调整专业或人数:"
            + "、".join(f"{slot.specialty}需{slot.count * ratio}人" for slot in lacking),
            f"the pool announced by {owner} has too few experts; change specialties or numbers: "
            + ", ".join(f"{slot.count * ratio} of {slot.specialty}" for slot in lacking),
        )
