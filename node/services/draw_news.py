"""What people have to be told of a draw: that it came to nothing, or that its list is short.

Only at the host, whose project it is: there somebody can draw again, ask the regulator for leave,
or plan other specialties. Counts and causes, never names.
"""

from typing import Final

from federation.ids import CenterId
from federation.protocol import booking
from federation.protocol.draw import Fault, Open, Result
from node.services.draw_files import DrawFiles
from node.services.house import Desk
from node.store import bookings, todos
from node.store.draws import DrawRow

VOID: Final = "draw_void"
"""Tells the staff that a draw came to nothing."""
SHORT: Final = "draw_short"
"""Tells the staff that a pool had not as many experts as were wanted."""


def tell_void(desk: Desk, files: DrawFiles, row: DrawRow, word: Fault) -> None:
    """A draw of our project is void: say why, and what to do."""
    leg = bookings.get(desk.ledger.connection, row.booking)
    if row.project is None or leg is None or leg.phase not in booking.BOOKED:
        return  # of a cancelled booking nobody is drawn again
    regulator = files.terms(desk, row.agreement).regulator
    leave_zh = f",先向监管节点{regulator}申请准许(抽取{row.id.hex()})" if regulator else ""
    leave_en = f" once {CenterId(regulator)} has permitted it" if regulator else ""
    silent = "、".join(word.silent)
    why_zh = f"外部随机数提供方{silent}未应" if silent else "一方逾期未完成步骤"
    todos.add(
        desk.ledger.connection,
        role="staff",
        kind=VOID,
        subject=row.id,
        zh=f"专家抽取已作废({why_zh}){leave_zh},请由代理机构重新开始抽取",
        en=f"a draw came to nothing ({word.detail}); let the agency start it anew{leave_en}",
        now_ms=desk.now_ms,
    )


def tell_short(desk: Desk, row: DrawRow, opening: Open, word: Result) -> None:
    """A list of our project has fewer experts than were wanted."""
    missing = sum(slot.count for slot in opening.slots) - word.members
    if row.project is None or missing <= 0:
        return
    todos.add(
        desk.ledger.connection,
        role="staff",
        kind=SHORT,
        subject=row.id,
        zh=f"专家库人选不足,名单缺{missing}人:请取消预约后改选专业或副场,重新安排",
        en=f"the pool had too few experts, the list is short of {missing}: cancel the booking and "
        "plan other specialties or another sub-venue",
        now_ms=desk.now_ms,
    )
