"""What people are told of lost words: that the node recovers, what it waits for, what is left.

Everything here is left or closed in the transaction in which it becomes true. The engine decides
(``federation.engine.recovery``, ``federation.engine.reconciler``); here are the words.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Final

from federation.engine.reconciler import Difference, Verdict
from federation.engine.recovery import Restored, Standing
from federation.engine.replay import Gap
from federation.ids import CenterId, ConversationId
from federation.protocol.conversation import Kind
from node.services.accounts import Role
from node.services.house import Desk
from node.services.todos import BY_SYSTEM
from node.store import todos

RECOVERING: Final = "recovering"
"""Tells the operators that the node fetches lost words, and from whom."""
EPOCH: Final = "recovery_epoch"
"""Asks them to announce the logs' next epoch with the root key."""
WITHOUT: Final = "recovery_without"
"""Tells them that a partner was left out, and that nothing is said to it."""
DOUBT: Final = "recovery_doubt"
"""Tells them that a partner gave back what was not said, or less than it claims."""
RECOVERED: Final = "recovered"
"""Tells them what came back."""
GAP: Final = "recovery_gap"
"""Asks the staff to look after one conversation that stands without what belongs to it inside."""
APART: Final = "books_differ"
"""Shows the staff both views of a conversation that words cannot repair."""

NODE: Final = b"node"

_WHAT: Final = {
    Kind.AGREEMENT: (
        "协议文本以对方保存的为准:请对方导出,并与本中心核对",
        "the agreement's text is what the partner holds: ask for it and compare",
    ),
    Kind.PEERING: (
        "联调、专家库公告或用量对账须重做:请与对方约定后重新发起",
        "a joint test, pool announcement or usage statement: agree with the partner to redo it",
    ),
    Kind.BOOKING: (
        "请核对席位占用和所属项目;若项目未恢复,请补录,或与对方商定后取消预约",
        "check the seats and the project; if the project is gone enter it again, or cancel",
    ),
    Kind.DRAW: (
        "本中心的随机值或名单可能已丢失:请与对方商定作废,重新抽取",
        "our random value or list may be lost: agree with the partner to void it and draw again",
    ),
    Kind.SESSION: (
        "请核对到场人员、报告和档案,缺少的从对方或电子交易系统取回",
        "check members, report and archive; fetch what is missing from the partner or e-trading",
    ),
}
MAX_UNKNOWN: Final = 16
"""Conversations that a partner names and we do not know, shown at once: that many are one fault."""
_OTHERWISE: Final = (
    "请与对方电话核对",
    "compare with the partner by telephone",
)
_VERDICTS: Final = {
    Verdict.WE_LOST: ("对方有本中心没有的消息", "it has words that are not here"),
    Verdict.THEY_LOST: ("对方缺少已回执的消息", "it lacks words that it receipted"),
    Verdict.WE_REFUSED: ("对方因本中心拒绝而已终止", "it has ended it, as we refused its word"),
    Verdict.APART: ("双方状态不一致", "the two phases do not fit together"),
}  # fmt: skip


def note_standing(desk: Desk, standing: Standing) -> None:
    """Leave what is true, close what is not."""
    names = ", ".join(_name(desk, peer) for peer in standing.waited) or "–"
    if standing.recovering:
        _leave(
            desk,
            RECOVERING,
            NODE,
            f"本节点的数据库比伙伴所见的旧({standing.reason}),正在取回消息,暂不受理新业务;等待:{names}。"
            "若某伙伴长期不通:lianping recover --without CENTER",
            f"this node runs on an older database than partners have seen ({standing.reason}); it "
            f"fetches its words back and takes no new work; waiting for {names}. If a partner is "
            "away for long: lianping recover --without CENTER",
        )
    else:
        _close(desk, RECOVERING, NODE)
    if standing.epoch_needed:
        _leave(
            desk,
            EPOCH,
            NODE,
            "伙伴已联署本节点丢失的日志:请接上根密钥,执行 lianping recover --new-epoch",
            "partners cosigned a part of the log that is lost: attach the root key and run "
            "lianping recover --new-epoch",
        )
    else:
        _close(desk, EPOCH, NODE)
    for peer in standing.without:
        _leave(
            desk,
            WITHOUT,
            peer.encode(),
            f"恢复时未等待{_name(desk, peer)}:在其交还消息前,不与其往来;连通后自动进行",
            f"{_name(desk, peer)} was not waited for: nothing is said to it before it has given "
            "its share back, which happens by itself once it is reached",
        )


def note_doubt(desk: Desk, peer: CenterId, why: str) -> None:
    """A partner gave back what was not said."""
    _leave(
        desk,
        DOUBT,
        peer.encode(),
        f"{_name(desk, peer)}交还的消息未通过核对,未予采信({why}),请联系对方",
        f"{_name(desk, peer)} gave back what does not hold, and it was not taken ({why}): call it",
    )


def note_restored(desk: Desk, told: Restored) -> None:
    """A recovery has ended."""
    _close(desk, RECOVERING, NODE)
    _close(desk, EPOCH, NODE)
    for peer in told.peers:
        _close(desk, WITHOUT, peer.encode())
    names = ", ".join(_name(desk, peer) for peer in told.peers)
    _leave(
        desk,
        RECOVERED,
        desk.new_id(),
        f"已从{names}取回{told.words}条消息,恢复受理业务;另有{len(told.gaps)}项须人工处理。"
        "备份之后录入而未告知伙伴的内容(项目、专家、账号等)请重新录入",
        f"{told.words} words came back from {names} and work goes on; {len(told.gaps)} need a "
        "person. What was entered after the backup and told to nobody (projects, experts, "
        "accounts) must be entered again",
    )
    for peer in told.short:
        note_doubt(desk, peer, "it says that it heard more words than it gave back")
    for talk, gaps in groupby(told.gaps_by_conversation, key=lambda gap: gap.conversation.id):
        _note_gaps(desk, talk, list(gaps))


def note_differences(desk: Desk, peer: CenterId, found: Sequence[Difference]) -> None:
    """What stays different is shown with both views; what is not any more is closed."""
    unknown = [each for each in found if not each.ours]  # it can name as many as it likes
    shown = [*(each for each in found if each.ours), *unknown[:MAX_UNKNOWN]]
    still = {bytes(each.conversation) for each in shown}
    for kept in todos.open_for(desk.ledger.connection, Role.STAFF.value):
        if kept.kind != APART or kept.subject in still:
            continue
        known = desk.ledger.conversation(kept.subject)  # type: ignore[arg-type]
        if peer in kept.en if known is None else known.peer == peer:
            _close(desk, APART, kept.subject)
    for each in shown:
        zh, en = _VERDICTS.get(each.verdict, _OTHERWISE)
        _leave(
            desk,
            APART,
            each.conversation,
            f"与{_name(desk, peer)}的会话{each.conversation.hex()}:{zh}。本中心:"
            f"{each.ours or '无'},发出{each.said[0]}(对方收到{each.said[1]}),收到"
            f"{each.heard[0]}(对方发出{each.heard[1]});对方:{each.theirs or '无'}。请与对方核对",
            f"conversation {each.conversation.hex()} with {_name(desk, peer)}: {en}. Here: "
            f"{each.ours or 'unknown'}, said {each.said[0]} (heard there {each.said[1]}), heard "
            f"{each.heard[0]} (said there {each.heard[1]}); there: {each.theirs or 'unknown'}. "
            "Compare with the partner",
            Role.STAFF,
        )


def _note_gaps(desk: Desk, talk: ConversationId, gaps: Sequence[Gap]) -> None:
    now = desk.ledger.conversation(talk) or gaps[-1].conversation
    zh, en = _WHAT.get(now.kind, _OTHERWISE)
    cases = ", ".join(dict.fromkeys(gap.case for gap in gaps))
    _leave(
        desk,
        GAP,
        talk,
        f"与{_name(desk, now.peer)}的{now.kind.value}会话{talk.hex()}已恢复到{now.phase},"
        f"但与{cases}有关的本中心数据未能恢复:{zh}",
        f"the {now.kind.value} {talk.hex()} with {_name(desk, now.peer)} is {now.phase} again, but "
        f"what belongs to {cases} here could not be restored ({gaps[0].why[:200]}): {en}",
        Role.STAFF,
    )


def _name(desk: Desk, peer: CenterId) -> str:
    known = desk.keyring.peers.get(peer)
    return peer if known is None else f"{known.name}({peer})"


def _leave(
    desk: Desk, kind: str, subject: bytes, zh: str, en: str, role: Role = Role.OPERATOR
) -> None:
    todos.add(
        desk.ledger.connection,
        role=role.value,
        kind=kind,
        subject=subject,
        zh=zh,
        en=en,
        now_ms=desk.now_ms,
    )


def _close(desk: Desk, kind: str, subject: bytes) -> None:
    todos.done(desk.ledger.connection, kind=kind, subject=subject, by=BY_SYSTEM, now_ms=desk.now_ms)
