"""The route that tells why something does not go on; for the operator, as it names partners."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import Field

from node.api.access import NodeParts, Operator
from node.api.faults import RESPONSES
from node.api.shapes import EXAMPLE_ID, CenterText, HexText, Ms, Shape
from node.services import why
from node.services.why_page import page

router = APIRouter(tags=["运维 · Operator"], responses=RESPONSES)

AnyIdPath = Annotated[
    str,
    Path(
        max_length=80,
        examples=[EXAMPLE_ID, EXAMPLE_ID[:8]],
        description="十六进制编号或其开头 · an id in hex, or its beginning",
    ),
]


class SpokenWord(Shape):
    """The latest word of one side."""

    word: str = Field(examples=["booking.Hold"])
    revision: int
    at_ms: Ms
    outcome: str = Field(
        examples=["ACCEPTED"], description="ACCEPTED, REFUSED, STALE, WAITING, WITHDRAWN"
    )
    zh: str = Field(description="拒绝的原因 · why it was refused")
    en: str


class Attempt(Shape):
    """One try to deliver words to the peer."""

    at_ms: Ms
    took_ms: int
    words: int
    payload_types: list[str] = Field(
        description="仅限本事项的投递 · of others it would tell, say, who was drawn blindly"
    )
    this: bool = Field(
        description="其中有本事项的消息 · whether words of this conversation were in it"
    )
    outcome: str = Field(examples=["ACCEPTED 3, GAP 1"])
    cause: str


class View(Shape):
    """How the peer sees it, asked just now; nothing else counts if there is an ``error``."""

    phase: str = Field(description="空:对方不知道 · empty: it does not know it")
    said: int
    heard: int
    remaining_ms: int
    error: str
    differences_zh: list[str]
    differences_en: list[str]


class OpenTodo(Shape):
    """What somebody at this center still has to do about it."""

    role: str
    kind: str
    zh: str
    en: str
    due_ms: int


class Advice(Shape):
    """What would let it go on."""

    blocked_by: str = Field(examples=["us"], description="delivery, us, peer, nothing")
    who_zh: str
    who_en: str
    zh: str
    en: str
    how: str = Field(description="命令或接口 · a command or a call")


class Sight(Shape):
    """One conversation."""

    id: HexText
    kind: str = Field(examples=["booking"])
    role: str = Field(examples=["HOST"])
    peer: CenterText
    peer_name: str
    phase: str = Field(examples=["HELD"])
    over: bool
    turn: str | None = Field(examples=["SUB"])
    ours: bool = Field(description="轮到本方 · it is our turn")
    deadline_ms: Ms | None
    clock_is_ours: bool = Field(description="期限以本方时钟为准 · the deadline is by our clock")
    said: SpokenWord | None
    heard: SpokenWord | None
    waiting_words: int
    waiting_since_ms: Ms | None
    attempts: list[Attempt]
    breaker: str = Field(examples=["closed"])
    failures: int
    held: bool = Field(description="对方缺少之前的消息 · the peer lacks earlier words")
    paused: bool
    next_try_ms: int | None
    peer_view: View
    todos: list[OpenTodo]
    advice: Advice


class Why(Shape):
    """Why it does not go on, and what would let it."""

    id: HexText
    what: str = Field(examples=["bundle"], description="conversation, bundle, project, …")
    phase: str
    until_ms: Ms | None
    advice: Advice | None
    blocking: list[HexText] = Field(description="卡在哪些事项 · which conversations are waited for")
    about: list[HexText] = Field(description="涉及的事项 · the conversations that it is about")
    conversations: list[Sight]
    at_ms: Ms
    text: str = Field(description="一页文本 · the same as one page of text")


@router.get("/why/{anything}", summary="为何停滞 · Why does it not go on")
async def explain(parts: NodeParts, _: Operator, anything: AnyIdPath) -> Why:
    """轮到谁、期限、投递、对方所见、下一步。· Turn, deadline, deliveries, the peer's view, next."""
    found = await parts.whys.explain(anything)
    return Why(
        id=found.found.id.hex(),
        what=found.found.what,
        phase=found.phase,
        until_ms=found.until_ms,
        advice=None if found.advice is None else _advice(found.advice),
        blocking=[each.hex() for each in found.blocking],
        about=[each.conversation.id.hex() for each in found.sights],
        conversations=[_sight(each) for each in found.sights],
        at_ms=found.at_ms,
        text=page(found),
    )


def _sight(sight: why.Sight) -> Sight:
    known = sight.conversation
    return Sight(
        id=known.id.hex(),
        kind=known.kind.value,
        role=known.role,
        peer=known.peer,
        peer_name=sight.peer_name,
        phase=known.phase,
        over=sight.over,
        turn=sight.turn,
        ours=sight.ours,
        deadline_ms=known.deadline_ms,
        clock_is_ours=sight.clock_is_ours,
        said=_spoken(sight.said),
        heard=_spoken(sight.heard),
        waiting_words=0 if sight.waiting is None else sight.waiting.words,
        waiting_since_ms=None if sight.waiting is None else sight.waiting.oldest_ms,
        attempts=[
            Attempt(
                at_ms=each.at_ms,
                took_ms=each.took_ms,
                words=each.words,
                payload_types=list(each.payload_types) if known.id in each.conversations else [],
                this=known.id in each.conversations,
                outcome=each.outcome,
                cause=each.cause,
            )
            for each in sight.attempts
        ],
        breaker=sight.breaker.value,
        failures=sight.failures,
        held=sight.held,
        paused=sight.paused,
        next_try_ms=sight.next_try_ms or None,
        peer_view=View(
            phase=sight.view.phase,
            said=sight.view.said,
            heard=sight.view.heard,
            remaining_ms=sight.view.remaining_ms,
            error=sight.view.error,
            differences_zh=[zh for zh, _ in sight.view.differences],
            differences_en=[en for _, en in sight.view.differences],
        ),
        todos=[
            OpenTodo(role=each.role, kind=each.kind, zh=each.zh, en=each.en, due_ms=each.due_ms)
            for each in sight.todos
        ],
        advice=_advice(sight.advice),
    )


def _spoken(word: why.Spoken | None) -> SpokenWord | None:
    if word is None:
        return None
    return SpokenWord(
        word=word.word,
        revision=word.revision,
        at_ms=word.at_ms,
        outcome=word.outcome,
        zh=word.zh,
        en=word.en,
    )


def _advice(advice: why.Advice) -> Advice:
    return Advice(
        blocked_by=advice.blocked_by,
        who_zh=advice.who.zh,
        who_en=advice.who.en,
        zh=advice.zh,
        en=advice.en,
        how=advice.how,
    )
