"""Another sub-venue in the place of one that was lost, or is about to be.

The other sub is asked with a ``Hold`` of its own, for the window that counts now and for what
the old one was asked; the old leg stands until the new one is booked. Draws of the old leg are
void with it and start anew; the evaluation is called anew.
"""

from typing import Final

from federation.ids import CenterId
from federation.protocol import booking
from federation.protocol.booking import Decision
from federation.protocol.change import ChangePhase
from federation.protocol.conversation import REFUSED
from node.services import session_view
from node.services.booking_exceptions import replaced
from node.services.bundling import DECIDED, Bundling
from node.services.cancelling import Cancelling
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.house import Desk
from node.services.projects import found_project
from node.services.todos import BY_SYSTEM
from node.store import bookings, bundles, changes, sessions, todos
from node.store.bookings import BookingRow
from node.store.bundles import BundleRow

_REASON = "由其他副场替换 · another sub-venue takes its place"
_LATE = (
    "评标已开始或已结束,不再替换 · the evaluation has begun or is over; nobody is replaced any more"
)
_CONFIRM: Final = Decision.CONFIRM


class Replacing:
    """Asks another sub, and lets the old leg go once that is booked.

    Args:
        bundling: Asks.
        cancelling: Cancels the old leg.
    """

    def __init__(self, bundling: Bundling, cancelling: Cancelling) -> None:
        self._bundling = bundling
        self._cancelling = cancelling
        bundling.replace_with(self._decided)

    def substitute(self, desk: Desk, booking_id: bytes, sub: CenterId, by: str) -> bytes:
        """Ask another sub to take a leg's place; answers the id of the bundle that asks.

        Raises:
            NotFound: No such leg of ours, or no agreement with the sub.
            Conflicting: The leg was never booked, was completed, its evaluation has started or
                its window has; another sub is being asked, or has taken its place; a change of
                the window is under way, or the project was planned anew since.
            Invalid: The sub takes part already, or an agreement does not allow it.
        """
        row = bookings.get(desk.ledger.connection, booking_id)
        if row is None or row.role != booking.HOST or row.project is None:
            raise NotFound("没有该预约", "there is no such booking at this host")
        self._check(desk, row)
        # First: whether it takes part already would tell who was drawn blindly.
        self._bundling.check_stand_in(desk, row, sub)
        family = self._family(desk, row)
        taking_part = {leg.peer for leg in family if leg.phase in booking.KEEPS_SEATS}
        if sub == desk.identity.center or sub in taking_part:
            raise Invalid(
                "该中心已参加本场评标", "that center takes part in this evaluation already"
            )
        project = found_project(desk, row.project)
        return self._bundling.stand_in(desk, project, row, sub, by)

    def holder(self, desk: Desk, row: BookingRow) -> bytes:
        """Under which id our own seats for a booking are held."""
        if row.role == booking.SUB:
            return row.conversation
        bundle = bundles.get(desk.ledger.connection, row.bundle)
        return row.bundle if bundle is None else bundle.root

    def standing_for(self, desk: Desk, row: BookingRow) -> BookingRow | None:
        """The leg whose place this one has taken, or would take."""
        bundle = bundles.get(desk.ledger.connection, row.bundle)
        if row.role != booking.HOST or bundle is None or bundle.replaces is None:
            return None
        return bookings.get(desk.ledger.connection, bundle.replaces)

    def _check(self, desk: Desk, row: BookingRow) -> None:
        connection = desk.ledger.connection
        bundle = bundles.get(connection, row.bundle)
        assert bundle is not None, "a leg belongs to a bundle"
        stood = row.phase in {booking.CANCELLED, REFUSED} and bundle.bundle.decision is _CONFIRM
        if not stood and row.phase not in booking.BOOKED:
            raise Conflicting(
                "该副场尚未确认或已办结,不能替换",
                f"the leg is {row.phase}; only one that was booked can be replaced",
            )
        if row.start_ms <= desk.now_ms or self._started(desk, row):
            raise Conflicting(
                "评标时间已到或评标已经开始,不能替换副场",
                "the window or the evaluation has begun; no sub-venue can be replaced any more",
            )
        if any(
            other.bundle.decision is not Decision.ABORT and not self._lost(desk, other.bundle.id)
            for other in bundles.standing_in_for(connection, row.conversation)
        ):
            raise Conflicting(
                "已在请其他副场替换,请待其答复",
                "another sub-venue is asked to take its place, or has taken it",
            )

        if any(
            change.change.phase is ChangePhase.ASKED
            for change in changes.of_bundle(connection, bundle.root)
        ):
            raise Conflicting(
                "时间变更正在办理中,请待其完成后再替换副场",
                "another window is being asked for; replace the sub-venue once that is decided",
            )
        if bundles.of_project(connection, bundle.project)[-1].root != bundle.root:
            raise Conflicting(
                "该项目此后已重新安排,原预约不再替换",
                "the project was planned anew since; nobody takes a place in the plan before",
            )

    def _lost(self, desk: Desk, bundle_id: bytes) -> bool:
        legs = bookings.of_bundle(desk.ledger.connection, bundle_id)
        return all(leg.phase in {booking.CANCELLED, REFUSED} for leg in legs)

    def _family(self, desk: Desk, row: BookingRow) -> list[BookingRow]:
        bundle = bundles.get(desk.ledger.connection, row.bundle)
        assert bundle is not None, "a leg belongs to a bundle"
        return bookings.of_family(desk.ledger.connection, bundle.root)

    def _started(self, desk: Desk, row: BookingRow) -> bool:
        session = sessions.live_of_booking(desk.ledger.connection, row.conversation)
        return session is not None and session_view.has_started(session)

    def _decided(self, desk: Desk, bundle: BundleRow, decision: Decision) -> None:
        """The other sub is booked, or is not: let one of the two go."""
        connection = desk.ledger.connection
        assert bundle.replaces is not None, "told only of those that take a place"
        old = bookings.get(connection, bundle.replaces)
        assert old is not None, "a leg of ours is never deleted"
        (new,) = bookings.of_bundle(connection, bundle.bundle.id)
        code = found_project(desk, bundle.project).project.code
        if decision is Decision.ABORT:
            zh = f"项目{code}:副场{new.peer}未能替换{old.peer},请另选"
            en = f"project {code}: {new.peer} does not take the place of {old.peer}; choose again"
        elif self._started(desk, old) or old.phase == booking.COMPLETED:
            self._cancelling.cancel(desk, new.conversation, _LATE, BY_SYSTEM)
            zh = f"项目{code}:评标已开始或已结束,副场{new.peer}的替换已取消"
            en = f"project {code}: the evaluation has begun or is over, so {new.peer} was cancelled"
        else:
            if old.phase in booking.BOOKED:
                self._cancelling.cancel(desk, old.conversation, _REASON, BY_SYSTEM)
            replaced(desk, old.conversation, BY_SYSTEM)
            self._call_off_sessions(desk, new)
            zh = f"项目{code}:副场{old.peer}已由{new.peer}替换,请重新抽取并召集"
            en = f"project {code}: {new.peer} took the place of {old.peer}; draw and convene anew"
        todos.add(
            connection,
            role="agency",
            kind=DECIDED,
            subject=bundle.bundle.id,
            zh=zh,
            en=en,
            now_ms=desk.now_ms,
        )

    def _call_off_sessions(self, desk: Desk, new: BookingRow) -> None:
        """What was called without the new sub-venue is called anew with it."""
        for leg in self._family(desk, new):
            session = sessions.live_of_booking(desk.ledger.connection, leg.conversation)
            if session is not None and not session_view.has_started(session):
                session_view.supersede(desk, session, BY_SYSTEM)
