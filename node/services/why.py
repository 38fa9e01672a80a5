"""Why something does not go on: whose turn it is, until when, and what would let it go on.

Here: what this node knows of a conversation, a bundle or a project, read in one transaction,
and the peer's own view, asked live with a short deadline. The engine's counters only come in;
nothing is changed, and no deadline of anybody depends on an answer. Not here: which step is
next (``why_actions``) and how it is shown (``why_page``, ``node.api.why``).
"""

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from federation.engine.delivery import Attempt, Breaker, Link
from federation.engine.negotiator import Negotiator
from federation.engine.outbox import AnswerRefused, Outbox
from federation.errors import FederationError
from federation.ids import CenterId, ConversationId
from federation.ports import Unreachable
from federation.protocol import booking, session
from federation.protocol.bundle import BundlePhase
from federation.protocol.conversation import REFUSED, Conversation, Role
from federation.protocol.tables import TABLES
from federation.wire.envelopes import Outcome, decode_envelope, decode_receipt, decode_statement
from federation.wire.questions import ConversationAnswer, ConversationQuestion
from federation.wire.words import PAYLOAD_TYPES
from node.services import reasons
from node.services.draw_news import SHORT
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.house import Desk
from node.services.why_actions import (
    BUNDLE_STEPS,
    PROJECT_STEPS,
    SHORT_LIST,
    STEPS,
    Step,
    Who,
)
from node.store import bookings, bundles, projects, why
from node.store.ledger import SqlLedger
from node.store.why import Found, LastWord, OpenTodo, Waiting, What

ASK_SECONDS: Final = 3.0  # a person waits for the page; a line that is slower is a finding itself
MIN_DIGITS: Final = 6  # ids begin with their time: fewer digits would name a whole year
MAX_DIGITS: Final = 64
_HEX: Final = re.compile(rf"[0-9a-f]{{{MIN_DIGITS},{MAX_DIGITS}}}")
_WIDTHS: Final = (16, 32)  # bytes of ids and of hashes
_WORDS: Final = {kind: word for word, kind in PAYLOAD_TYPES.items()}


@dataclass(frozen=True, slots=True)
class Spoken:
    """The latest word of one side, and what became of it."""

    word: str
    revision: int
    at_ms: int
    outcome: str
    """``ACCEPTED``, ``REFUSED``, ``STALE``, or ``WAITING`` while there is no receipt."""
    zh: str = ""
    en: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """How the peer sees the conversation, by its own signed answer.

    Args:
        phase: Empty: it does not know the conversation.
        said: Its own words in it.
        heard: Ours that it has.
        remaining_ms: What is left on its clock; 0 if nothing is waited for.
        error: Why there is no answer; then nothing else counts.
        differences: What both sides see differently, as (zh, en).
    """

    phase: str = ""
    said: int = 0
    heard: int = 0
    remaining_ms: int = 0
    error: str = ""
    differences: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Advice:
    """What would let it go on.

    Args:
        blocked_by: ``delivery``, ``us``, ``peer`` or ``nothing``.
        who: Who takes the step.
        zh: What it is.
        en: The same.
        how: A command or an API call; may be empty.
    """

    blocked_by: str
    who: Who
    zh: str
    en: str
    how: str


@dataclass(frozen=True, slots=True)
class Sight:
    """One conversation as it stands here, and what the peer says of it."""

    conversation: Conversation
    peer_name: str
    over: bool
    turn: Role | None
    ours: bool
    """Whether it is our turn."""
    clock_is_ours: bool
    said: Spoken | None
    heard: Spoken | None
    waiting: Waiting | None
    attempts: tuple[Attempt, ...]
    """The last ones to this peer; those that carried this conversation are marked by its id."""
    breaker: Breaker
    failures: int
    held: bool
    """The peer lacks words before those that wait; they are being said again."""
    paused: bool
    next_try_ms: int | None
    todos: tuple[OpenTodo, ...]
    advice: Advice
    view: View = View()


@dataclass(frozen=True, slots=True)
class Explained:
    """The answer to why.

    Args:
        found: What the id names.
        phase: Of a bundle or a project itself; else empty.
        until_ms: When the bundle is decided at the latest; None for all else.
        advice: For the whole: in a bundle, which leg blocks.
        blocking: Which conversations are waited for.
        sights: One for each conversation.
        at_ms: When this was seen, by our clock.
    """

    found: Found
    phase: str
    until_ms: int | None
    advice: Advice | None
    blocking: tuple[ConversationId, ...]
    sights: tuple[Sight, ...]
    at_ms: int


class Whys:
    """Explains. Args: the engine's parts, and whether a peer is paused."""

    def __init__(
        self,
        *,
        negotiator: Negotiator[SqlLedger],
        outbox: Outbox[SqlLedger],
        paused: Callable[[CenterId], bool],
        ask_seconds: float = ASK_SECONDS,
    ) -> None:
        self._negotiator = negotiator
        self._outbox = outbox
        self._paused = paused
        self._ask_seconds = ask_seconds

    async def explain(self, text: str) -> Explained:
        """Explain what an id, or its beginning, names.

        Raises:
            Invalid: Not hex, or too short.
            NotFound: Nothing is named so.
            Conflicting: Several things are; the detail lists them.
        """
        local = await self._negotiator.transact(lambda desk: self._look(desk, text))
        views = await asyncio.gather(*(self._view(sight) for sight in local.sights))
        seen = zip(local.sights, views, strict=True)
        return replace(local, sights=tuple(replace(sight, view=view) for sight, view in seen))

    def _look(self, desk: Desk, text: str) -> Explained:
        connection = desk.ledger.connection
        found = _found(desk, text)
        sights = []
        for conversation in why.conversations(connection, found):
            known = desk.ledger.conversation(conversation)
            if known is not None:
                sights.append(self._sight(desk, known))
        alive = tuple(each for each in sights if not each.over)
        blocking = tuple(each.conversation.id for each in alive if each.advice.who != Who.NOBODY)
        phase, until_ms, advice = "", None, None
        if found.what is What.BUNDLE:
            row = bundles.get(connection, found.id)
            if row is not None:  # ours; a sub knows only its leg
                phase, until_ms = row.bundle.phase.value, row.bundle.decide_by_ms
                blocking = _blocking_legs(desk, row.bundle.phase, found.id)
                advice = _of_bundle(row.bundle.phase, sights, blocking, found.id)
        elif found.what is What.PROJECT:
            project = projects.get(connection, found.id)
            assert project is not None, "it was found a line above"
            phase = project.state.value
            archived = any(each.conversation.phase == session.ARCHIVED for each in sights)
            if not alive and archived:
                advice = Advice("nothing", Who.NOBODY, "评标已完成", "it has been evaluated", "")
            elif not alive:
                advice = _advice(PROJECT_STEPS[project.state], "us", {"project": found.id.hex()})
        return Explained(
            found, phase, until_ms, advice, blocking, tuple(sights), desk.now_ms
        )  # fmt: skip

    def _sight(self, desk: Desk, known: Conversation) -> Sight:
        connection, link = desk.ledger.connection, self._outbox.link(known.peer)
        table = TABLES[known.kind]
        over = known.phase in table.over or known.phase == REFUSED
        wait, step = table.waits.get(known.phase), STEPS.get((known.kind, known.phase))
        turn = wait.turn if wait is not None else step.turn if step is not None else None
        waiting = why.waiting(connection, known.id)
        ids = why.related(connection, known.id)
        document = why.agreement_of(connection, known.id)
        if document is not None:
            ids["agreement"] = document
        names = {name: value.hex() for name, value in ids.items()}
        names |= {"id": known.id.hex(), "peer": known.peer}
        descriptor = desk.keyring.peers.get(known.peer)
        sight = Sight(
            conversation=known,
            peer_name="" if descriptor is None else descriptor.name,
            over=over,
            turn=None if over else turn,
            ours=not over and turn == known.role,
            clock_is_ours=wait is None or wait.authority == known.role,
            said=_spoken(why.last_said(connection, known.id)),
            heard=_spoken(why.last_heard(connection, known.id)),
            waiting=waiting,
            attempts=tuple(link.attempts),
            breaker=link.breaker(desk.now_ms),
            failures=link.failures,
            held=known.id in link.held,
            paused=self._paused(known.peer),
            next_try_ms=_next_try_ms(link, known.id) if waiting else None,
            todos=tuple(why.open_todos(connection, [known.id, *ids.values()])),
            advice=Advice("nothing", Who.NOBODY, "", "", ""),
        )
        return _advised(sight, step, names)

    async def _view(self, sight: Sight) -> View:
        known = sight.conversation
        if sight.paused:
            return View(error="本方已暂停与该中心往来 · we have paused this center")
        try:
            async with asyncio.timeout(self._ask_seconds):
                answer = await self._outbox.ask(known.peer, ConversationQuestion(known.id))
        except TimeoutError:
            return View(
                error=f"{self._ask_seconds:g} 秒内没有答复 · no answer within"
                f" {self._ask_seconds:g} s"
            )
        except (Unreachable, FederationError) as error:
            return View(error=f"联系不上 · unreachable: {error}")
        except AnswerRefused as error:
            return View(error=f"对方拒绝回答 · refused: {error}")
        if not isinstance(answer, ConversationAnswer):
            return View(error="对方答非所问 · it answered something else")
        return View(
            answer.phase,
            answer.said,
            answer.heard,
            answer.remaining_ms,
            differences=_differences(known, answer),
        )


def _found(desk: Desk, text: str) -> Found:
    digits = text.strip().lower()
    if not _HEX.fullmatch(digits):
        raise Invalid(
            f"编号应为{MIN_DIGITS}至{MAX_DIGITS}位十六进制数字,可以只写开头",
            f"an id is {MIN_DIGITS} to {MAX_DIGITS} hexadecimal digits; its beginning is enough",
        )
    every: list[Found] = []
    for width in _WIDTHS:
        if len(digits) <= 2 * width:
            low = bytes.fromhex(digits.ljust(2 * width, "0"))
            high = bytes.fromhex(digits.ljust(2 * width, "f"))
            every += why.find(desk.ledger.connection, low, high)
    found = list(dict.fromkeys(each for each in every if len(each.id) * 2 >= len(digits)))
    if not found:
        raise NotFound(
            f"没有编号以{digits}开头的预约、抽取、评标、项目、协议或消息",
            f"no booking, bundle, draw, evaluation, project, agreement or word begins with"
            f" {digits}",
        )
    if len(found) > 1:
        raise Conflicting(
            f"有{len(found)}个编号以{digits}开头,请多写几位",
            f"{len(found)} ids begin with {digits}; write more digits",
            detail=[f"{each.what} {each.id.hex()}" for each in found],
        )
    return found[0]


def _blocking_legs(desk: Desk, phase: BundlePhase, bundle_id: bytes) -> tuple[ConversationId, ...]:
    connection = desk.ledger.connection
    legs = bookings.of_bundle(connection, bundle_id)
    if phase is BundlePhase.HOLDING:
        return tuple(each.conversation for each in legs if each.phase == booking.HELD)
    return tuple(
        each.conversation
        for each in legs
        if bookings.decision_pending(connection, each.conversation)
    )


def _of_bundle(
    phase: BundlePhase,
    sights: Sequence[Sight],
    blocking: Sequence[ConversationId],
    bundle_id: bytes,
) -> Advice:
    step = BUNDLE_STEPS[phase]
    waited = [each for each in sights if each.conversation.id in blocking]
    if not waited:
        return _advice(step, "nothing", {"bundle": bundle_id.hex(), "peer": ""})
    names = "、".join(each.peer_name or each.conversation.peer for each in waited)
    first = waited[0].advice
    return Advice(
        first.blocked_by,
        first.who,
        f"{step.zh};尚缺{len(waited)}个副场:{names}。{first.zh}",
        f"{step.en}; {len(waited)} of {len(sights)} lacking: {names}. {first.en}",
        first.how,
    )


def _advised(sight: Sight, step: Step | None, names: dict[str, str]) -> Sight:
    advice = sight.advice
    if sight.waiting is not None and sight.paused:
        advice = Advice(
            "delivery", Who.OPERATOR, "本方已暂停与该中心往来,消息在等待:恢复往来",
            "we have paused this center, so our words wait: resume",
            f"lianping peer resume {names['peer']}",
        )  # fmt: skip
    elif sight.waiting is not None and sight.held:
        advice = Advice(
            "delivery", Who.NODE,
            "对方缺少之前的消息,正在补发;若持续,对方可能恢复了旧备份,请联系对方",
            "the peer lacks earlier words, which are said again; if it lasts, it may have restored"
            " an old backup: call its operator", f"lianping peer retry {names['peer']}",
        )  # fmt: skip
    elif sight.waiting is not None:
        advice = Advice(
            "delivery", Who.OPERATOR, "本方消息尚未送达:检查与对方的连接,或立即重试",
            "our words have not reached the peer: check the line, or try again now",
            f"lianping peer retry {names['peer']}",
        )  # fmt: skip
    elif sight.over:
        advice = Advice("nothing", Who.NOBODY, "已经结束,无需操作", "it is over", "")
    elif any(todo.kind == SHORT for todo in sight.todos):
        advice = _advice(SHORT_LIST, "us", names)
    elif step is not None:
        by = "us" if sight.ours else "nothing" if sight.turn is None else "peer"
        advice = _advice(step, by, names)
    else:
        advice = Advice("nothing", Who.NOBODY, "没有等待中的事项", "nothing is waited for", "")
    return replace(sight, advice=advice)


def _advice(step: Step, blocked_by: str, names: dict[str, str]) -> Advice:
    zh, en = step.zh, step.en
    if blocked_by == "peer":
        zh = f"等待对方{step.who.zh}:{zh};可电话催办"
        en = f"waiting for {step.who.en} of the peer: {en}; call them"
    how = step.how.format_map(_Blank(names)) if blocked_by != "peer" else ""
    return Advice(blocked_by, step.who, zh, en, how)


class _Blank(dict[str, str]):
    """What we do not know of an id stays as a word to be filled in."""

    def __missing__(self, key: str) -> str:
        return key.upper()


def _spoken(word: LastWord | None) -> Spoken | None:
    if word is None:
        return None
    known = _WORDS.get(word.payload_type)
    name = word.payload_type if known is None else f"{known.kind.value}.{known.__name__}"
    if word.accepted is None:
        return Spoken(name, word.revision, word.at_ms, "WAITING")
    if word.receipt == b"":  # no receipt: the peer had heard another one before we lost it
        return Spoken(name, word.revision, word.at_ms, "WITHDRAWN")
    outcome, zh, en = "ACCEPTED" if word.accepted else "REFUSED", "", ""
    if word.receipt is not None and not word.accepted:
        receipt = decode_receipt(decode_statement(decode_envelope(word.receipt).payload).body)
        outcome = receipt.outcome.name
        if receipt.outcome is Outcome.REFUSED:
            zh, en = reasons.refusal(receipt)
    return Spoken(name, word.revision, word.at_ms, outcome, zh, en)


def _next_try_ms(link: Link, conversation: ConversationId) -> int:
    held = link.held.get(conversation)
    return max(link.not_before_ms, 0 if held is None else held.not_before_ms)


def _differences(ours: Conversation, theirs: ConversationAnswer) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    if not theirs.phase:
        return (("对方没有这个事项", "the peer does not know this conversation"),)
    if theirs.heard != ours.said:
        found.append((
            f"本方已说{ours.said}条,对方只有{theirs.heard}条",
            f"we said {ours.said} words, the peer has {theirs.heard}",
        ))  # fmt: skip
    if theirs.said != ours.heard:
        found.append((
            f"对方已说{theirs.said}条,本方只有{ours.heard}条",
            f"the peer said {theirs.said} words, we have {ours.heard}",
        ))  # fmt: skip
    if theirs.phase != ours.phase:
        found.append((
            f"本方为{ours.phase},对方为{theirs.phase}",
            f"{ours.phase} here, {theirs.phase} there",
        ))  # fmt: skip
    return tuple(found)
