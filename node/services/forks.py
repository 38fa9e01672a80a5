"""A partner's log has two histories: who is told, what stands still, and how it goes on.

What a fork is, and that draws with the partner stand still, is the engine's (``federation.engine.
passing``, ``agreed``). Here are the to-dos, and the operator's act that lets draws go on. The act
is about draws only: what contradicts the head that we cosigned is never cosigned, whoever lifts
what. A partner whose log goes on from what we cosigned is a good one again; one that shows its
other history once more is stopped once more.
"""

from typing import Final

from federation.engine.sightings import Sighting
from federation.ids import CenterId
from federation.protocol import draw as words
from federation.protocol.conversation import REFUSED
from node.services.accounts import Role
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.house import Desk
from node.services.todos import BY_SYSTEM, LOG_FORK
from node.store import draws, forks, todos
from node.store.draws import DrawRow
from node.store.forks import Fork

UNPROVEN: Final = "log_unproven"
"""The to-do that tells that a partner does not prove what others have of its log."""
FROZEN: Final = "draw_frozen"
"""The to-do that tells the staff that a draw stands still."""

MAX_REASON_CHARS: Final = 500  # a few sentences: what was found, whom they spoke to


def tell(desk: Desk, peer: CenterId, sighting: Sighting) -> None:
    """Leave the to-dos, in the transaction that keeps the proof."""
    name = f"{desk.keyring.peers[peer].name}({peer})"
    if sighting is Sighting.UNPROVEN:
        _add(
            desk,
            Role.OPERATOR,
            UNPROVEN,
            peer.encode(),
            f"{name}一小时以上未能证明:其他中心持有的其日志检查点,与本中心会签的属于同一份日志。请电话询问",
            f"for an hour {peer} has not proven that heads of its log that others hold go "
            "together with what we cosigned; call them",
        )
        return
    if sighting is not Sighting.FORK:
        return
    _add(
        desk,
        Role.OPERATOR,
        LOG_FORK,
        peer.encode(),
        f"{name}的日志出现两份互相矛盾的历史,两份均有其签名,已留作证据(lianping peer show)。"
        "与其预约、抽取已停止。请立即电话核实,查明后执行 lianping peer lift-fork",
        f"the log of {peer} has two histories, both signed by it and kept as proof (lianping peer "
        "show). Bookings and draws with it are stopped. Call them at once; when it is clear what "
        "happened, run lianping peer lift-fork",
    )
    for row in _running(desk, peer):
        _add(
            desk,
            Role.STAFF,
            FROZEN,
            row.id,
            f"与{name}的专家抽取暂停:其日志出现两份历史。运维人员查明并解除后自动继续;"
            "超过期限则须重新抽取",
            f"a draw with {peer} stands still: its log has two histories. It goes on by itself "
            "when the operator has lifted this; past its deadline it must be drawn anew",
        )


def kept(desk: Desk, peer: CenterId) -> list[Fork]:
    """What is kept about a partner's log, the oldest first."""
    return forks.of(desk.ledger.connection, peer)


def lift(desk: Desk, peer: CenterId, reason: str, by: str) -> int:
    """Let draws with a partner go on; answers how many contradictions were settled.

    Raises:
        NotFound: That center is not pinned.
        Invalid: There is no reason, or it is too long.
        Conflicting: Nothing stands still.
    """
    if peer not in desk.keyring.peers:
        raise NotFound("没有登记该中心的名片", "that center is not pinned")
    reason = reason.strip()
    if not reason or len(reason) > MAX_REASON_CHARS:
        raise Invalid(
            f"请写明查明的原因(不超过{MAX_REASON_CHARS}字)",
            f"say what was found out, in 1 to {MAX_REASON_CHARS} characters",
        )
    connection = desk.ledger.connection
    count = forks.lift(connection, peer, by, reason, desk.now_ms)
    if not count:
        raise Conflicting(
            "该中心的日志没有待处理的矛盾", "no contradiction of that center's log is open"
        )
    _go_on(desk, peer, by)
    return count


def explained(desk: Desk, peer: CenterId) -> None:
    """An epoch that the partner's root announced explains all that was open: draws go on."""
    if not desk.ledger.forked(peer):
        _go_on(desk, peer, BY_SYSTEM)


def _go_on(desk: Desk, peer: CenterId, by: str) -> None:
    connection = desk.ledger.connection
    todos.done(connection, kind=LOG_FORK, subject=peer.encode(), by=by, now_ms=desk.now_ms)
    for row in _running(desk, peer):
        todos.done(connection, kind=FROZEN, subject=row.id, by=BY_SYSTEM, now_ms=desk.now_ms)
    desk.woken.add(peer)  # what has waited goes out now


def _running(desk: Desk, peer: CenterId) -> list[DrawRow]:
    over = {*words.DRAW.over, REFUSED}
    return [
        row
        for row in draws.everything(desk.ledger.connection)
        if row.peer == peer and row.phase not in over
    ]


def _add(desk: Desk, role: Role, kind: str, subject: bytes, zh: str, en: str) -> None:
    todos.add(
        desk.ledger.connection,
        role=role.value,
        kind=kind,
        subject=subject,
        zh=zh,
        en=en,
        now_ms=desk.now_ms,
    )
