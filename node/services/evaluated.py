"""Which bookings make up one evaluation, and whether all of them stand.

A project may have been booked more than once: what was aborted, cancelled or given up before
does not count. Draws and sessions must begin with every sub-venue of the plan or not at all:
a committee of which one site is missing is another committee.
"""

from federation.protocol.booking import BOOKED, CONFIRMED
from node.services.errors import Conflicting
from node.services.house import Desk
from node.store import bookings
from node.store.bookings import BookingRow
from node.store.projects import ProjectRow


def evaluated_legs(desk: Desk, project: ProjectRow) -> list[BookingRow]:
    """The confirmed bookings of a project, one with each sub-venue, by their ids.

    Raises:
        Conflicting: There is no sub-venue, not all are confirmed, or a change is being asked of
            one. Says which.
    """
    legs = bookings.of_project(desk.ledger.connection, project.id)
    confirmed = [leg for leg in legs if leg.phase == CONFIRMED]
    changing = [leg for leg in legs if leg.phase in BOOKED and leg.phase != CONFIRMED]
    if changing:
        raise Conflicting(
            f"副场{changing[0].peer}的预约正在变更,请待双方确认后再操作",
            f"a change of the booking with {changing[0].peer} is under way; wait until it stands",
        )
    if project.plan is not None and not project.plan.subs:
        raise Conflicting(
            "本项目没有副场:专家抽取须由另一中心封定,评标不经联评进行,请在本地系统抽取和评标",
            "the project has no sub-venue: a draw needs a second center that seals it, and there "
            "is nobody to evaluate with; draw and evaluate in your own systems",
        )
    if not confirmed:
        raise Conflicting(
            "项目尚无已确认的副场预约,请先预约",
            "no booking of the project is confirmed; book first",
        )
    if project.plan is not None and len(confirmed) < len(project.plan.subs):
        raise Conflicting(
            f"副场应有{len(project.plan.subs)}个,已确认{len(confirmed)}个,请先补齐",
            f"{len(confirmed)} of {len(project.plan.subs)} sub-venues are confirmed; all must be",
        )
    return confirmed
