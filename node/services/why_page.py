"""The answer to ``lianping why`` as one page of text, Chinese first.

Here: wording and order only; every fact comes from ``node.services.why``.
"""

from collections.abc import Iterator
from typing import Final

from federation.engine.delivery import Attempt, Breaker
from federation.protocol.conversation import Kind
from node.domain.workday import local_time
from node.services import reasons
from node.services.why import Advice, Explained, Sight, Spoken, View

_MINUTE_MS: Final = 60_000
_KINDS: Final = {
    Kind.AGREEMENT: "协议 · agreement",
    Kind.PEERING: "往来 · peering",
    Kind.BOOKING: "预约 · booking",
    Kind.DRAW: "抽取 · draw",
    Kind.SESSION: "评标 · session",
    Kind.SELECTION: "副场抽选 · selection",
    Kind.CONTRIBUTION: "外部随机数 · contribution",
    Kind.OVERSIGHT: "监督 · oversight",
}
_FOUND: Final = {
    "conversation": "事项 · conversation",
    "bundle": "预约组 · bundle",
    "project": "项目 · project",
    "agreement": "协议 · agreement",
    "word": "消息 · word",
}
_OUTCOMES: Final = {
    "ACCEPTED": "已接受 · accepted",
    "REFUSED": "被拒绝 · refused",
    "STALE": "对方已有另一条 · the peer has another in its place",
    "WAITING": "尚无回执 · no receipt yet",
    "WITHDRAWN": "已撤回,恢复后另一条消息占此位置 · withdrawn: another word came back in its place",
}
_BREAKERS: Final = {
    Breaker.CLOSED: "正常 · words go out",
    Breaker.HALF_OPEN: "试探中 · one call probes",
    Breaker.OPEN: "连续失败,暂停 · failures in a row, none before the next try",
}


def page(explained: Explained) -> str:
    """The whole answer; ends with a line break."""
    return "\n".join(_lines(explained)) + "\n"


def _lines(explained: Explained) -> Iterator[str]:
    found = explained.found
    phase = f"  {explained.phase}" if explained.phase else ""
    yield f"{_FOUND[found.what]} {found.id.hex()}{phase}"
    if explained.until_ms is not None:
        yield f"  期限 · decided by: {_moment(explained.until_ms, explained.at_ms)}"
    if explained.advice is not None:
        yield from _advice(explained.advice)
    if explained.blocking and len(explained.sights) > 1:
        yield "  卡在 · blocked by: " + ", ".join(each.hex() for each in explained.blocking)
    if not explained.sights:
        yield "  没有相关的往来 · nothing was said about it yet"
    for sight in explained.sights:
        yield ""
        if sight.over and len(explained.sights) > 1:
            yield f"{_head(sight)}  {_phase(sight)}  已结束 · over"
        else:
            yield from _section(sight, explained.at_ms)


def _head(sight: Sight) -> str:
    known = sight.conversation
    return f"{_KINDS[known.kind]} {known.id.hex()} ↔ {sight.peer_name} {known.peer}"


def _section(sight: Sight, at_ms: int) -> Iterator[str]:
    known = sight.conversation
    yield _head(sight)
    yield f"  阶段 · phase: {_phase(sight)};本方为 · we are {known.role}"
    yield f"  轮到 · turn: {_turn(sight)}"
    if known.deadline_ms is not None:
        clock = "本方时钟 · our clock" if sight.clock_is_ours else "对方时钟 · the peer's clock"
        yield f"  期限 · until: {_moment(known.deadline_ms, at_ms)}({clock})"
    yield f"  本方最后一条 · our last word: {_word(sight.said)}"
    yield f"  对方最后一条 · their last word: {_word(sight.heard)}"
    if sight.waiting is not None:
        since = local_time(sight.waiting.oldest_ms)
        yield f"  未送达 · not delivered: {sight.waiting.words},自 · since {since}"
        yield f"  投递 · deliveries: {_BREAKERS[sight.breaker]};失败 · failures {sight.failures}"
        if sight.next_try_ms:
            yield f"  下次重试 · next try: {_moment(sight.next_try_ms, at_ms)}"
    if sight.attempts:
        yield "  最近投递(* 含本事项)· last attempts to this peer (* with this one):"
    for attempt in reversed(sight.attempts):
        yield _attempt(attempt, sight)
    yield from _view(sight.view)
    for todo in sight.todos:
        due = local_time(todo.due_ms)
        yield f"  待办 · to do ({todo.role}, {due}): {todo.zh} · {todo.en}"
    yield from _advice(sight.advice)


def _phase(sight: Sight) -> str:
    phase = sight.conversation.phase
    zh = reasons.phase_zh(phase) if sight.conversation.kind is Kind.BOOKING else phase
    return phase if zh == phase else f"{phase} {zh}"


def _turn(sight: Sight) -> str:
    if sight.turn is None:
        return "无人 · nobody"
    who = sight.advice.who if sight.advice.blocked_by in {"us", "peer"} else None
    whom = "" if who is None else f",{who.zh} · {who.en}"
    side = "本方 · ours" if sight.ours else "对方 · the peer's"
    return f"{side} ({sight.turn}{whom})"


def _word(word: Spoken | None) -> str:
    if word is None:
        return "无 · none"
    more = f"({word.zh} · {word.en})" if word.zh else ""
    told = _OUTCOMES.get(word.outcome, word.outcome)
    return f"{word.word} #{word.revision},{local_time(word.at_ms)},{told}{more}"


def _attempt(attempt: Attempt, sight: Sight) -> str:
    mark = "*" if sight.conversation.id in attempt.conversations else " "
    cause = f": {attempt.cause}" if attempt.cause else ""
    return (
        f"   {mark} {local_time(attempt.at_ms)} +{attempt.took_ms} ms"
        f" ×{attempt.words} {attempt.outcome}{cause}"
    )


def _view(view: View) -> Iterator[str]:
    if view.error:
        yield f"  对方所见 · the peer's view: {view.error}"
        return
    left = f",剩余 · left {view.remaining_ms // _MINUTE_MS} min" if view.remaining_ms else ""
    yield (
        f"  对方所见 · the peer's view: {view.phase or '-'},"
        f"其已说 · it said {view.said},已听 · heard {view.heard}{left}"
    )
    for zh, en in view.differences:
        yield f"  !! 双方不一致 · both sides differ: {zh} · {en}"
    if not view.differences:
        yield "     与本方一致 · as we see it"


def _advice(advice: Advice) -> Iterator[str]:
    yield f"  → 下一步 · next: {advice.zh} · {advice.en}"
    if advice.how:
        yield f"    {advice.how}"


def _moment(at_ms: int, now_ms: int) -> str:
    minutes = (at_ms - now_ms) // _MINUTE_MS
    left = f"还有{minutes}分钟 · in {minutes} min" if minutes >= 0 else "已过 · past"
    return f"{local_time(at_ms)} +08:00({left})"
