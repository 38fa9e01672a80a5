"""What an agreement demands of a booking, asked alike by the host before and the sub after.

Here: the seams to the agreement and to the joint test, and the Hold's arithmetic. The limits
themselves are checked in ``federation.protocol.agreement``, so that both sides decide alike.
"""

from types import MappingProxyType
from typing import Final, Protocol

from federation.errors import FederationError, OutOfScope, QuotaSpent
from federation.ids import AgreementId, CenterId
from federation.protocol import agreement as agreements
from federation.protocol import booking
from federation.protocol.agreement import AgreementTerms, Wish
from federation.protocol.booking import Hold
from federation.protocol.conversation import Role
from node.domain.calendar import Window
from node.domain.project import ProjectKind
from node.domain.venue import Requirement
from node.services.errors import Invalid
from node.services.house import Desk
from node.store import bookings

KIND_CODES: Final = MappingProxyType(
    {ProjectKind.WORKS: "A", ProjectKind.GOODS: "B", ProjectKind.SERVICES: "C"}
)
"""The letters of the agreement for 工程, 货物 and 服务."""

_CLAUSES_ZH: Final = MappingProxyType(
    {
        "directions": "协议未约定本中心可作主场、对方可作副场",
        "project_kinds": "协议不包括该类项目",
        "max_seats_per_session": "席位数超过协议上限",
        "max_open_bookings": "未完成的预约已达协议上限,请待其完成后再试",
        "lead_time_ms": "未满足协议约定的提前预约时间,请另选更晚的时间",
        "effective_from_ms": "协议尚未生效",
        "effective_until_ms": "协议已到期,或在评标开始前到期",
        "joint_test_valid_days": "协议要求的联调联试尚未通过或已过期,请先完成联调联试",
    }
)


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
    open_bookings = bookings.count_open(desk.ledger.connection, role, peer, agreement)
    agreements.check_booking(
        terms,
        Wish(host, sub, hold.project_kind, hold.seats, hold.start_ms, open_bookings),
        desk.now_ms,
    )
    if open_bookings >= terms.max_open_bookings:
        raise QuotaSpent(
            f"{open_bookings} bookings are open, as many as the agreement allows; "
            "ask again when one has ended",
            clause="max_open_bookings",
        )
    if terms.joint_test_valid_days and not tested(desk, peer, agreement, terms):
        raise OutOfScope(
            f"the agreement demands a joint test passed within {terms.joint_test_valid_days} days;"
            " run one, from either side, and book then",
            clause="joint_test_valid_days",
        )


def for_people(error: FederationError, peer: CenterId) -> Invalid:
    """Say the agreement's objection to the person who planned a booking."""
    zh = _CLAUSES_ZH.get(error.clause, "协议不允许该预约")
    return Invalid(f"副场{peer}:{zh}", f"sub-venue {peer}: {error.detail}")


def window_of(hold: Hold) -> Window:
    """The window of a Hold. Raises Inadmissible."""
    return Window(hold.start_ms, hold.end_ms)


def requirement_of(hold: Hold) -> Requirement:
    """What a Hold asks of a venue. Raises Inadmissible."""
    return Requirement(
        seats=hold.seats, equipment=frozenset(hold.equipment), overnight=hold.overnight
    )
