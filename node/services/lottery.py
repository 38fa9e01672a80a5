"""What booking needs of the lottery of sub-venues, and a center that has none.

Here: the port only. Bookings and lotteries need each other: a plan without named sub-venues
begins a lottery, and what was drawn is booked. The lottery itself is ``selections``.
"""

from collections.abc import Sequence
from typing import Protocol

from typing_extensions import override

from federation.errors import OutOfScope
from federation.ids import CenterId
from federation.protocol.booking import Hold, SelectionMode
from node.domain.project import BookingRequest
from node.services.errors import Invalid
from node.services.house import Desk
from node.store.projects import ProjectRow


class Lottery(Protocol):
    """What booking needs of the lottery of sub-venues; see ``node.services.selections``."""

    def begin(self, desk: Desk, row: ProjectRow, request: BookingRequest, by: str) -> bytes:
        """Hold a lottery; answers its id. What is drawn is booked with ``Bundling.book_drawn``.

        Raises:
            Invalid: There are not enough candidates; says why each is none.
            Conflicting: Another lottery of the project is under way.
        """

    def make_way(self, desk: Desk, project_id: bytes) -> None:
        """The project is planned anew, so nobody need be asked to.

        Raises:
            Conflicting: A lottery of the project is under way.
        """

    def follow(self, desk: Desk, selection_id: bytes, lost: Sequence[CenterId]) -> bool:
        """A bundle was aborted as some of its subs did not come: book the next by rank, if any."""

    def check_stand_in(self, desk: Desk, selection_id: bytes, sub: CenterId) -> None:
        """Check that a named center may take the place of one that was drawn, if it was.

        Raises:
            Invalid: It is not next by rank, or nobody may name one.
        """

    def check_drawn(self, desk: Desk, peer: CenterId, hold: Hold) -> None:
        """Check at the sub that a Hold follows from a lottery.

        Raises:
            FederationError: It does not.
        """


class NoLottery(Lottery):
    """A center that holds no lotteries and takes part in none."""

    @override
    def begin(self, desk: Desk, row: ProjectRow, request: BookingRequest, by: str) -> bytes:
        raise Invalid("本中心未启用副场抽取", "this center holds no lotteries of sub-venues")

    @override
    def make_way(self, desk: Desk, project_id: bytes) -> None:
        return

    @override
    def follow(self, desk: Desk, selection_id: bytes, lost: Sequence[CenterId]) -> bool:
        return False

    @override
    def check_stand_in(self, desk: Desk, selection_id: bytes, sub: CenterId) -> None:
        return

    @override
    def check_drawn(self, desk: Desk, peer: CenterId, hold: Hold) -> None:
        if hold.selection is not SelectionMode.CHOSEN:
            raise OutOfScope("this center takes part in no lottery", clause="selection")
