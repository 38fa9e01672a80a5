"""Draws that were declared void, audited as far as they went: part of step 9.

Two centers that collude may let a draw come to nothing by a false ``Fault`` and draw again until
they like what comes. The file cannot tell a false silence from a true one; it can tell whether
a draw was void by the rules, what its words were worth until then, and whether somebody knew its
order when it was given up. What cannot be told is said (``VoidDraw.unchecked``).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, NoReturn

from federation.evidence.case import Case, Refuted, Step, Told
from federation.evidence.checks import Unchecked
from federation.evidence.timeline import local
from federation.evidence.void_words import check_words
from federation.protocol.conversation import Kind, Phase
from federation.protocol.draw import (
    ACCEPTED,
    COMMITTED,
    DRAW,
    OWNER,
    SEALED,
    SEALER,
    WALKING,
    Commit,
    Fault,
    Open,
    Reveal,
)
from federation.protocol.peering import AnnouncePool

SKEW_MS: Final = 120_000  # what a node allows: federation.engine.identity, which is not read here

_FEIGNED: Final = (
    "对方是否确实未按时作答: 双方若串通可假作沉默, 时间均依双方自己的时钟",
    "whether the other side was silent: two that collude can feign it; times are of their clocks",
)
_NO_ORDER: Final = (
    "封定方的随机数从未公开: 点名次序是否出自随机数无从核对",
    "the sealer's value was never opened: whether the order that was called came of it",
)
_NO_VALUES: Final = (
    "承诺的随机数从未公开: 承诺的是什么无从核对",
    "the values that were committed to were never opened",
)
_NO_EXCLUSIONS: Final = (
    "回避名单未公开: 被跳过的人是否应回避无从核对",
    "the exclusion list is not opened: whether those passed over had to recuse",
)
_NO_DENIAL: Final = (
    "监管部门是否已拒绝启封: 托管值可启封时不应作废, 其答复不在卷宗中",
    "whether the regulator had refused to open the escrow, by which the draw could have gone on",
)
_OUTSIDERS: Final = (
    "外部见证方是否确实未提供随机数: 卷宗没有它们的日志",
    "whether the outside contributors were silent indeed: their logs are not here",
)


@dataclass(frozen=True, slots=True)
class VoidDraw:
    """One draw that was declared void, and what could be checked of it.

    Args:
        draw: Its conversation in hex.
        owner: From whose pool.
        sealer: Who would have kept the order sealed.
        sequence: Its number; 0 if it was never opened.
        by: Who declared it void.
        phase: At which phase.
        detail: Why, in that center's own words.
        at_ms: When, by that center's clock.
        order_known: Somebody had revealed: the sealer knew what the draw would have come to.
        leave: The regulator has given leave to draw again in its place.
        invited: How many experts had been called.
        words: How many words were checked.
        unchecked: What could not be checked, and why.
    """

    draw: str
    owner: str
    sealer: str
    sequence: int
    by: str
    phase: str
    detail: str
    at_ms: int
    order_known: bool
    leave: bool
    invited: int
    words: int
    unchecked: tuple[Unchecked, ...]

    def document(self) -> dict[str, Any]:
        """The same for programs."""
        return {**asdict(self), "unchecked": [asdict(each) for each in self.unchecked]}

    def lines(self, names: Mapping[str, str], lang: str) -> list[str]:
        """The same for people.

        Args:
            names: Of the two centers.
            lang: ``zh`` for Chinese, anything else for English.
        """
        zh = lang == "zh"
        owner, sealer, by = (names[each] for each in (self.owner, self.sealer, self.by))
        number = self.sequence or ("未开启" if zh else "never opened")
        if zh:
            head = (
                f"作废的抽取: 序号{number}, {owner}专家库, 由{sealer}封定; {by}于"
                f"{local(self.at_ms)}在{self.phase}阶段宣布作废({self.detail}); "
                f"已核对{self.words}条消息, 此前已邀请{self.invited}人"
            )
            leave = "监管部门已准许重抽" if self.leave else "重抽未经监管部门准许"
            loud = f"    警告: 作废时随机数已公开, 封定方已知道抽取结果; {leave}"
        else:
            head = (
                f"Void draw: number {number}, pool of {owner}, sealed by {sealer}; declared void "
                f"by {by} at {local(self.at_ms)} in {self.phase} ({self.detail}); {self.words} "
                f"words checked, {self.invited} experts had been called"
            )
            leave = "with" if self.leave else "without"
            loud = (
                "    WARNING: values had been revealed, the sealer knew what the draw would come "
                f"to; drawn again {leave} the regulator's leave"
            )
        left = "未核对" if zh else "not checked"
        return [
            head,
            *([loud] if self.order_known else []),
            *(f"    {left}: {each.zh if zh else each.en}" for each in self.unchecked),
        ]


def check_void(case: Case, draw: bytes, pool: AnnouncePool | None) -> VoidDraw:
    """Audit a draw that was declared void.

    Args:
        case: The dossier; the draw's conversation ended VOID.
        draw: Its conversation.
        pool: What its pool was announced as; None if it was never opened.

    Raises:
        Refuted: It was not void by the rules, or a word of it was against them.
    """
    return _Void(case, draw).run(pool)


class _Void:
    def __init__(self, case: Case, draw: bytes) -> None:
        self._case = case
        self._draw = draw
        opened = case.find(draw, Open)
        self._opened = opened[0] if opened else None
        first = case.talks[draw][0]
        # Nothing but an Open or a RequestDraw begins one.
        self._owner = first.sender if self._opened is None else self._opened[0].hearer
        self._sealer = first.hearer if self._opened is None else self._opened[0].sender
        self._faults = case.find(draw, Fault)

    def run(self, pool: AnnouncePool | None) -> VoidDraw:
        told, fault = self._declared()
        walked = None
        if self._opened is not None and pool is not None:
            walked = check_words(self._case, *self._opened, pool)
        revealed = bool(self._case.find(self._draw, Reveal))
        return VoidDraw(
            draw=self._draw.hex(),
            owner=self._owner,
            sealer=self._sealer,
            sequence=0 if self._opened is None else self._opened[1].sequence,
            by=told.sender,
            phase=fault.phase,
            detail=fault.detail,
            at_ms=told.statement.sent_at_ms,
            order_known=revealed,
            leave=self._has_leave(),
            invited=0 if walked is None else walked.invited,
            words=len(self._case.talks[self._draw]),
            unchecked=self._unchecked(fault, revealed=revealed),
        )

    # Whether it was void by the rules

    def _declared(self) -> tuple[Told, Fault]:
        """The ``Fault`` that made it void: the first that did not cross one of the other side."""
        justified = []
        for told, word in self._faults:
            crossed = any(
                other.sender == told.hearer and other.index(told.hearer) < told.index(told.hearer)
                for other, _ in self._faults
            )
            problem = self._problem(told, word)
            if problem is None:
                justified.append((told, word))
            elif not crossed:  # whoever hears one that is wrong refuses it
                self._refute(told, f"作废不成立: {problem[0]}", problem[1])
        if not justified:
            told, word = self._faults[0]
            self._refute(
                told, "双方的作废均不成立", "neither side had cause to declare the draw void"
            )
        return justified[0]

    def _problem(self, told: Told, word: Fault) -> tuple[str, str] | None:
        """What is wrong with a ``Fault`` by the books of whoever said it, as its hearer asks."""
        role = OWNER if told.sender == self._owner else SEALER
        phase = self._phase_before(told)
        if word.phase != phase:
            return f"当时处于{phase}阶段", f"the draw was at {phase}, not {word.phase[:32]}"
        if word.silent:
            named = () if self._opened is None else self._opened[1].outside
            if (
                role != OWNER
                or phase not in {ACCEPTED, COMMITTED}
                or not set(word.silent) <= {*named}
            ):
                return (
                    "只有专家库所属方可在公开随机数之前以外部见证方沉默为由作废",
                    "only the owner gives up for silent contributors of the draw, before Reveal",
                )
            return None
        wait = DRAW.waits.get(phase)
        if wait is None or wait.authority != role:
            return f"{phase}阶段不由该方计时", f"it was not for the {role} to let {phase} pass"
        since_ms = self._since_ms(told)
        waited_ms = told.statement.sent_at_ms - since_ms
        if waited_ms < wait.limit_ms - SKEW_MS:
            limit, waited = wait.limit_ms // 60_000, max(0, waited_ms) // 60_000
            return (
                f"{phase}阶段期限{limit}分钟, 只等了{waited}分钟",
                f"nothing was overdue: {phase} lasts {limit} minutes, {waited} had passed",
            )
        return None

    def _phase_before(self, told: Told) -> Phase:
        """Where the draw was by its books when a center said a word; the replay was legal."""
        by = told.sender
        phase = DRAW.start
        for said in sorted(self._case.talks[self._draw], key=lambda each: each.index(by)):
            if said.index(by) >= told.index(by):
                break
            phase = DRAW.next.get((phase, said.word.case), phase)
        return phase

    def _since_ms(self, told: Told) -> int:
        """When the last words were said that its speaker knew of: from then the deadline runs."""
        by, answered = told.sender, told.statement.answers_hash
        return max(
            (
                said.statement.sent_at_ms
                for said in self._case.talks[self._draw]
                if said.index(by) < told.index(by) and (said.sender == by or said.hash == answered)
            ),
            default=told.statement.sent_at_ms,
        )

    # What is told

    def _has_leave(self) -> bool:
        """Whether a later draw names this one, with a permit; step 9 reads the permit."""
        return any(
            word.supersedes == self._draw and bool(word.permit and self._case.terms.regulator)
            for talk in self._case.of_kind(Kind.DRAW)
            for _, word in self._case.find(talk, Open)
        )

    def _unchecked(self, fault: Fault, *, revealed: bool) -> tuple[Unchecked, ...]:
        found = [_OUTSIDERS if fault.silent else _FEIGNED]
        if revealed:
            found.append(_NO_ORDER)
        elif self._case.find(self._draw, Commit):
            found.append(_NO_VALUES)
        if self._case.terms.regulator and fault.phase in {WALKING, SEALED}:
            found.append(_NO_DENIAL)
        given = self._case.dossier.openings.get(self._draw)
        hidden = given is None or given.excluded is None
        if self._opened is not None and self._opened[1].exclusion_commitment and hidden:
            found.append(_NO_EXCLUSIONS)
        return tuple(Unchecked(1, zh, en) for zh, en in found)

    def _refute(self, told: Told, zh: str, en: str) -> NoReturn:
        raise Refuted(Step.DRAWS, told.where, zh, en, rule="V12")
