"""What people are told when a partner shows other descriptors than the pinned one.

The engine has stored and logged what goes on from it (``federation.engine.acquaintance``).
Here are the to-dos of the operators where it does not, and how they close by themselves.
"""

from collections.abc import Sequence
from typing import Final

from federation.engine.acquaintance import Link, News, Turn
from federation.ids import CenterId
from node.services import expiry, forks
from node.services.accounts import Role
from node.services.house import Desk
from node.services.todos import BY_SYSTEM
from node.store import todos

TWIN: Final = "descriptor_twin"
"""The to-do that tells of two nodes with one identity. Only people close it."""
BEHIND: Final = "descriptor_gap"
"""The to-do that tells that a partner's chain must come as a file."""
OLDER: Final = "descriptor_older"
"""The to-do that tells that a partner shows an older descriptor than it did."""

EPOCH: Final = "log_epoch"
"""The to-do that tells that a partner's logs went on from a backup. Only people close it."""


def note(desk: Desk, peer: CenterId, news: News, taken: Sequence[Link]) -> None:
    """Leave or close to-dos, in the transaction of the greeting."""
    known = desk.keyring.peers[peer]
    name = f"{known.name}({peer})"
    if news.turn is Turn.TWIN:
        _add(
            desk,
            TWIN,
            peer,
            f"{name}出示了两份互相矛盾的名片:可能有两个节点使用同一身份。已停止与其新增预约和抽取,"
            "请立即电话核实(两份均已保存:lianping peer show)",
            f"{peer} shows two descriptors that contradict each other: two nodes may be using one "
            "identity. New bookings and draws with it are stopped; call them at once (both are "
            "kept: lianping peer show)",
        )
    elif news.turn is Turn.GAP:
        _add(
            desk,
            BEHIND,
            peer,
            f"{name}的名片已更新多次,本节点缺少其间的几份:请对方执行 lianping keys export,"
            "把文件交给本中心,再执行 lianping peer accept FILE",
            f"{peer} has renewed its descriptor several times and this node lacks some of them: "
            "ask for a file (`lianping keys export` there), then run `lianping peer accept FILE`",
        )
    elif news.turn is Turn.OLDER:
        _add(
            desk,
            OLDER,
            peer,
            f"{name}出示的名片比已登记的旧:可能恢复了旧备份,或有两个节点使用同一身份,请电话核实",
            f"{peer} shows an older descriptor than is pinned: a backup was restored, or two nodes "
            "use one identity; call them",
        )
    epochs = [each.descriptor for each in taken if each.descriptor.log_epoch > known.log_epoch]
    if epochs:
        _add(
            desk,
            EPOCH,
            peer,
            f"{name}恢复了旧备份:其日志以第{epochs[-1].log_epoch}纪元继续,丢失部分的联署检查点已留作证据。"
            "对方正取回双方往来的消息;请电话核实确有其事",
            f"{peer} went on from a backup: its logs are in epoch {epochs[-1].log_epoch}, and the "
            "heads of what it lost, which we cosigned, are kept as proof. It fetches back what was "
            "said between us; call them to confirm that they did this",
        )
        forks.explained(desk, peer)
    for link in taken:
        expiry.look_again(desk, f"{peer} {link.descriptor.sequence}")
    if taken or news.turn in {Turn.SAME, Turn.NEWER}:
        for kind in (BEHIND, OLDER):
            todos.done(
                desk.ledger.connection,
                kind=kind,
                subject=peer.encode(),
                by=BY_SYSTEM,
                now_ms=desk.now_ms,
            )


def _add(desk: Desk, kind: str, peer: CenterId, zh: str, en: str) -> None:
    todos.add(
        desk.ledger.connection,
        role=Role.OPERATOR.value,
        kind=kind,
        subject=peer.encode(),
        zh=zh,
        en=en,
        now_ms=desk.now_ms,
    )
