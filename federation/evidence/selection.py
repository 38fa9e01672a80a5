"""Whether the sub-venue was drawn as the words say: step 16 of the offline verification.

A dossier has the sub's own conversations of the lottery: those of void attempts, and the one in
which everything was opened. From the last anybody can recompute the order: the list was closed
before a value was shown, every value opens its commitment, the order follows, and the booking is
by rank. What other candidates said, their own conversations prove; that none of them is another
center than it says, no bilateral file can show.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NoReturn

from federation.evidence.case import Case, Refuted, Step, Told, refute
from federation.lottery import selection as rules
from federation.lottery.selection import Unfair
from federation.protocol import selection as words
from federation.protocol.booking import Hold, SelectionMode
from federation.protocol.conversation import Kind
from federation.protocol.selection import (
    Abandon,
    Disclose,
    Enter,
    Gather,
    Invite,
    Place,
    Rank,
)


@dataclass(frozen=True, slots=True)
class Drawn:
    """How the sub-venue was found, where it was drawn.

    Args:
        mode: ``RANDOM`` or ``BLIND``.
        attempts: How many attempts there were; all but the last are void.
        candidates: How many were invited to the last one.
        entrants: How many entered it.
        rank: The sub's, from 1.
        passed_over: How many before the last one booked did not come.
    """

    mode: str
    attempts: int
    candidates: int
    entrants: int
    rank: int
    passed_over: int


def examine_selection(case: Case, held: Told, hold: Hold) -> Drawn | None:
    """Check how the sub-venue of a booking was found; None if somebody picked it.

    Args:
        case: The dossier.
        held: The booking's first word.
        hold: What it says.

    Raises:
        Refuted: At the first thing that is wrong.
    """
    talks = case.of_kind(Kind.SELECTION)
    if hold.selection is SelectionMode.CHOSEN:
        if talks or hold.selection_id:
            _refute(
                held.where, "自主选择的副场不应有抽取", "was picked, and yet there is a lottery"
            )
        return None
    attempts = sorted(
        (_Attempt(case, talk, held) for talk in talks), key=lambda each: each.invite.attempt
    )
    if [each.invite.attempt for each in attempts] != list(range(1, len(attempts) + 1)):
        _refute(
            held.where, "抽取次数不连续, 可能隐去了抽取", "an attempt is left out or given twice"
        )
    if not attempts:
        _refute(held.where, "缺少副场抽取的会话", "the lottery is missing")
    for each, following in pairwise(attempts):
        each.check_void(following)
    return attempts[-1].check_drawn(hold, len(attempts))


def outcome(case: Case) -> Rank | None:
    """What the sub of a verified dossier was told of its lottery; all subs are told the same."""
    told = [word for talk in case.of_kind(Kind.SELECTION) for _, word in case.find(talk, Rank)]
    return told[-1] if told else None


class _Attempt:
    """One conversation of the lottery."""

    def __init__(self, case: Case, talk: bytes, held: Told) -> None:
        self._case = case
        self._talk = talk
        self._held = held
        self._told, self.invite = case.one(talk, Invite, Step.SELECTION)
        self.where = self._told.where
        if (self._told.sender, self._told.hearer) != (held.sender, held.hearer):
            _refute(self._told.where, "抽取不是该预约的主场发起", "is of another host")

    def check_void(self, following: "_Attempt") -> None:
        """An attempt that was given up: whoever was at fault is not in the next one."""
        phase = self._case.phases[self._talk]
        if phase not in {words.VOID, words.PASSED}:
            _refute(self._told.where, "抽取已有结果却再次抽取", f"is {phase}, and yet drawn again")
        at_fault = {
            center
            for _, word in self._case.find(self._talk, Abandon)
            for center in word.at_fault
            if center != self._told.sender
        }
        left = set(following.invite.candidates)
        if at_fault & left or left - set(self.invite.candidates):
            _refute(
                following.where,
                "重抽的候选方与前次不符",
                "invites others than those of the attempt before who were not at fault",
            )

    def check_drawn(self, hold: Hold, attempts: int) -> Drawn:
        """The attempt in which everything was opened, and what was booked of it."""
        case, told, invite = self._case, self._told, self.invite
        if case.phases[self._talk] != words.RANKED:
            _refute(told.where, "副场抽取没有结果", f"is {case.phases[self._talk]}, not RANKED")
        _, enter = case.one(self._talk, Enter, Step.SELECTION)
        closed, gather = case.one(self._talk, Gather, Step.SELECTION)
        opened, disclose = case.one(self._talk, Disclose, Step.SELECTION)
        ranked, rank = case.one(self._talk, Rank, Step.SELECTION)
        for center in case.parties:
            order = [each.index(center) for each in (told, closed, opened, ranked, self._held)]
            if order != sorted(order):
                _refute(
                    ranked.where,
                    "随机值早于名单关闭公开, 或预约早于抽取",
                    "a value was open before the list was closed, or the booking before the draw",
                )
        host, sub = told.sender, told.hearer
        bound = rules.invite_hash(case.suite, told.statement.body)
        try:
            rules.check_gather(invite, sub, enter, gather)
            rules.check_disclosure(case.suite, bound, sub, enter, disclose)
            rules.check_rank(case.suite, bound, host, invite, gather, rank)
            rules.check_drawn(rank.order, len(invite.places), hold.participants)
        except Unfair as error:
            raise Refuted(
                Step.SELECTION, ranked.where, f"副场抽取不公正 ({error})", str(error)
            ) from error
        self._check_hold(hold, hold.participants)
        last = rank.order.index(hold.participants[-1])
        return Drawn(
            mode=invite.selection.name,
            attempts=attempts,
            candidates=len(invite.candidates),
            entrants=len(gather.entrants),
            rank=rank.order.index(sub) + 1,
            passed_over=last + 1 - len(hold.participants),
        )

    def _check_hold(self, hold: Hold, participants: Sequence[str]) -> None:
        invite, sub = self.invite, self._told.hearer
        if sub not in participants:
            _refute(self._held.where, "预约的不是抽中的副场", "books another than was drawn")
        place = Place(hold.seats, hold.equipment, hold.overnight, hold.experts)
        if (
            hold.selection_id != invite.selection_id
            or place != invite.places[participants.index(sub)]
            or (hold.start_ms, hold.end_ms) != (invite.start_ms, invite.end_ms)
            or (hold.project_kind, hold.selection) != (invite.project_kind, invite.selection)
        ):
            _refute(
                self._held.where,
                "预约内容与抽取时不符",
                "asks for another place, time or mode than was drawn",
            )


def _refute(where: str, zh: str, en: str) -> NoReturn:
    refute(Step.SELECTION, where, zh, en)
