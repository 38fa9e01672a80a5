"""What people have to be told of a draw: that it came to nothing, or that its list is short.

Only at the host, whose project it is: there somebody can draw again, ask the regulator for leave,
or choose other specialties. Counts and causes, never names.
"""

from typing import Final

from federation.ids import CenterId
from federation.lottery import supplement
from federation.protocol import booking
from federation.protocol.draw import Fault
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
    chain = files.standing(desk, files.beside(desk, row))
    if supplement.missing(chain):  # it was to add to a list that stands
        again_zh = f"请重新选择专业补抽(POST /api/projects/{row.project.hex()}/supplement)"
        again_en = (
            f"choose other specialties anew (POST /api/projects/{row.project.hex()}/supplement)"
        )
    elif chain:  # the first list is void, and only what was added to it still stands
        again_zh, again_en = "请取消预约后重新安排", "cancel the booking and plan anew"
        leave_zh = leave_en = ""
    else:
        again_zh, again_en = "请由代理机构重新开始抽取", "let the agency start it anew"
    todos.add(
        desk.ledger.connection,
        role="staff",
        kind=VOID,
        subject=row.id,
        zh=f"专家抽取已作废({why_zh}){leave_zh},{again_zh}",
        en=f"a draw came to nothing ({word.detail}); {again_en}{leave_en}",
        now_ms=desk.now_ms,
    )


def tell_short(desk: Desk, files: DrawFiles, row: DrawRow) -> None:
    """The lists from a pool have fewer experts than were wanted, for a project of ours."""
    if row.project is None:
        return
    chain = files.standing(desk, files.beside(desk, row))
    missing, spent = supplement.missing(chain), "、".join(sorted(supplement.exhausted(chain)))
    if not missing:
        return
    todos.add(
        desk.ledger.connection,
        role="staff",
        kind=SHORT,
        subject=row.id,
        zh=f"专家库人选不足(专业{spent}已无人可抽),名单缺{missing}人:请为缺额另选专业补抽"
        f"(POST /api/projects/{row.project.hex()}/supplement),或取消预约后重新安排",
        en=f"the pool had too few experts of {spent}, the list is short of {missing}: choose other "
        f"specialties for these seats (POST /api/projects/{row.project.hex()}/supplement), or "
        "cancel the booking and plan anew",
        now_ms=desk.now_ms,
    )
