"""A short list is added to from other specialties, and only then: found by the file alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from federation.engine.inside import Said
from federation.evidence.verdict import Verdict
from federation.evidence.verify import verify
from federation.ids import ConversationId
from federation.lottery import supplement
from federation.lottery.pool import PoolMember
from federation.lottery.supplement import NOBODY, Taken
from federation.lottery.walk import Walk
from federation.protocol.conversation import Word
from federation.protocol.draw import Open, Report, Response, Result, Slot
from federation.protocol.peering import AnnouncePool
from federation.protocol.session import Convene, Start
from federation.wire.evidence import DECODE
from node.services.errors import Conflicting
from tests.evidence.evaluated import SALT, SUB_SLOTS, Evaluation, furnish
from tests.evidence.given_up import Permitted
from tests.lottery.honest_draw import accepts
from tests.support.pair import HOUR_MS, Center, two_centers
from tests.support.witnessed import witnessed

ADDED = (Slot("C07", 1),)


def person(number: int, *specialties: str, status: str = "active") -> PoolMember:
    return PoolMember(f"S{number:07d}", f"专家{number}", f"91{number:016d}", specialties, status)


MANY = [person(number, "A01") for number in range(1, 30)]
PLENTY = [person(number, "C07") for number in range(40, 50)]
OTHERS = [person(number, "D02") for number in range(50, 60)]
SCARCE = [*MANY, person(90, "B05", status="leave"), *PLENTY, *OTHERS]
"""Nobody of B05 can come: of the sub's three seats one stays empty."""
FULL = [*SCARCE, *(person(number, "B05") for number in range(91, 99))]


async def played(
    folder: Path, *slots: Sequence[Slot], kind: type[Evaluation] = Evaluation,
    members: Sequence[PoolMember] = tuple(SCARCE),
    change: Callable[[Word], Word] = lambda word: word,
) -> Verdict:  # fmt: skip
    async with two_centers(furnish) as pair:
        more = [tuple(each) for each in slots]
        one = kind(pair, change, members=members, supplements=more, answers=accepts, leaves=0)
        await one.play()
        path = await one.dossiers(one.host, folder).make(one.session)
        return verify(path.read_bytes(), DECODE)


async def test_a_dossier_shows_both_draws_of_a_list_that_was_short(tmp_path: Path) -> None:
    verdict = await played(tmp_path, ADDED)
    assert sorted(draw.members for draw in verdict.draws) == [1, 1, 2]
    assert verdict.members == 5
    assert sorted(draw.adds for draw in verdict.draws) == [False, False, True]
    assert [each["adds"] for each in verdict.document()["draws"]].count(True) == 1
    assert verdict.summary("zh").count("另选专业补抽: ") == 1
    assert verdict.summary("en").count("Supplement from ") == 1
    assert all(check.result for check in verdict.checks)


async def test_a_supplement_that_is_short_itself_is_followed_by_another(tmp_path: Path) -> None:
    members = [*MANY, *(person(number, which, status="leave") for number, which in
                        ((90, "B05"), (91, "C07"))), *OTHERS]  # fmt: skip
    verdict = await played(tmp_path, ADDED, (Slot("D02", 1),), members=members)
    assert sorted(draw.members for draw in verdict.draws) == [0, 1, 1, 2]


async def test_a_supplement_is_drawn_from_the_pool_of_its_list_though_the_epoch_is_over(
    tmp_path: Path,
) -> None:
    def short_lived(word: Word) -> Word:
        if isinstance(word, AnnouncePool):
            return replace(word, valid_until_ms=word.valid_from_ms + HOUR_MS)
        return word

    verdict = await played(tmp_path, ADDED, kind=Later, change=short_lived)
    assert verdict.members == 5


@dataclass
class Later(Evaluation):
    """Between the draws that were booked and the supplement lie two hours."""

    @override
    async def draw(self, *args: Any) -> None:
        if len(self.draws) == 2:
            self.pair.watch.pass_ms(2 * HOUR_MS)
        await super().draw(*args)


@dataclass
class AfterConvene(Evaluation):
    """The list falls short, is convened all the same, and is added to before the start."""

    withheld: list[tuple[Any, ...]] = field(default_factory=list)

    @override
    async def draw(self, *args: Any) -> None:
        if len(self.draws) == 2 and not self.session:
            self.withheld.append(args)
        else:
            await super().draw(*args)

    @override
    async def convene(self) -> None:
        await super().convene()
        for args in self.withheld:
            await self.draw(*args)


async def test_a_supplement_after_the_call_is_not_among_the_draws_convened(tmp_path: Path) -> None:
    verdict = await played(tmp_path, ADDED, kind=AfterConvene)
    assert verdict.members == 5


@dataclass
class Voided(Evaluation):
    """The first supplement comes to nothing."""

    @override
    async def draw(self, *args: Any) -> None:
        if len(self.draws) == 2 and not self.voided:
            owner, _, announced, slots, *_ = args
            booked, self.slots = self.slots, slots
            await self.void(owner, announced)
            self.slots = booked
        await super().draw(*args)


@dataclass
class VoidedWithLeave(Voided, Permitted):
    """The regulator permits another one in its place."""

    @override
    def opening(self, owner: Center, announced: AnnouncePool, slots: tuple[Slot, ...]) -> Open:
        word = Evaluation.opening(self, owner, announced, slots)
        return replace(word, permit=self.permit) if self.voided and word.supersedes else word


async def test_a_void_supplement_is_drawn_again_for_the_same_list(tmp_path: Path) -> None:
    verdict = await played(tmp_path, ADDED, kind=Voided)
    assert (verdict.members, verdict.void_draws) == (5, 1)


@pytest.mark.parametrize("kind", [VoidedWithLeave, Voided])
async def test_with_a_regulator_only_in_place_of_a_void_supplement_leave_is_shown(
    tmp_path: Path, kind: type[Evaluation]
) -> None:
    async with witnessed(furnish, "regulator") as pair:
        terms = {"regulator": pair.others[0].id, "min_outside_contributors": 1,
                 "outside_contributors": (pair.others[0].id,)}  # fmt: skip
        one = kind(
            pair, members=SCARCE, supplements=[ADDED], answers=accepts, leaves=0,
            outside=pair.others, terms=terms,
        )  # fmt: skip
        await one.play()
        made = one.dossiers(one.host, tmp_path).make(one.session)
        if kind is Voided:
            with pytest.raises(Conflicting, match="what is shown is no envelope"):
                await made
            return
        verdict = verify((await made).read_bytes(), DECODE)
        assert (verdict.members, verdict.void_draws) == (5, 1)


OWN = [person(number, "A01", f"P{number:02d}") for number in range(1, 30)]
"""Everybody of A01 has a specialty of its own."""


@dataclass
class LeaveAfter(Evaluation):
    """Whom the supplement draws is next in the ranking from which a leave is replaced."""

    beside: bool = True
    walked: list[tuple[Any, ...]] = field(default_factory=list)

    @override
    async def walk(self, *args: Any) -> Walk:
        state = await super().walk(*args)
        self.walked.append((*args[:3], state, *args[4:]))
        return state

    @override
    async def draw(self, *args: Any) -> None:
        if len(self.draws) == 2:
            _, _, pool, _, orders, _ = self.walked[0]
            following = pool.member(orders[0][SUB_SLOTS[0].count])
            args = (*args[:3], (Slot(f"P{following[-2:]}", 1),), *args[4:])
        await super().draw(*args)

    @override
    async def convene(self) -> None:
        owner, talk, pool, state, orders, (bound, excluded, _) = self.walked[0]
        leaving = state.chosen[0][1]
        spoken = await self.say(owner, talk, Report(leaving, Response.LEAVE, SALT, state.head))
        assert spoken is not None
        state = state.heard(spoken.word, spoken.payload)
        added = supplement.tell(self.said[self.draws[-1]])
        assert added is not None
        state = state.beside(added.taken if self.beside else NOBODY)
        end = await super().walk(owner, talk, pool, state, orders, (bound, excluded, 0))
        here = self.drawn[owner.id]
        here.remove(leaving)
        here += [entry for _, entry in end.chosen if entry not in here]
        self.closings = [
            (by, each, end.head if each == talk else head) for by, each, head in self.closings
        ]
        await super().convene()


@dataclass
class Returning(LeaveAfter):
    """The one who was drawn by the supplement takes the leaver's seat, too."""

    beside: bool = False


async def test_who_leaves_later_is_replaced_by_nobody_whom_the_supplement_asked(
    tmp_path: Path,
) -> None:
    members = [*OWN, person(90, "B05", status="leave")]
    verdict = await played(tmp_path, ADDED, kind=LeaveAfter, members=members)
    assert sorted(draw.members for draw in verdict.draws) == [1, 1, 2]
    with pytest.raises(Conflicting, match=r"step 9 .*V11"):
        await played(tmp_path / "another", ADDED, kind=Returning, members=members)


# What both centers would have to do together


def left_out(word: Word) -> Word:
    return replace(word, draw_ids=word.draw_ids[:1]) if isinstance(word, Convene) else word


@pytest.mark.parametrize("kind", [Evaluation, AfterConvene])
async def test_a_draw_that_the_call_leaves_out_is_found(
    tmp_path: Path, kind: type[Evaluation]
) -> None:
    with pytest.raises(Conflicting, match="draw_ids are not the draws given"):
        await played(tmp_path, ADDED, kind=kind, change=left_out)


@dataclass
class Forgetful(Evaluation):
    """Both centers forget whom the short draw has asked."""

    @override
    def taken(self, owner: Center) -> Taken:
        return NOBODY


@dataclass
class Unnamed(Evaluation):
    """Supplements name the first draw, or none, in place of the one before."""

    names_first: bool = True
    firsts: dict[str, bytes] = field(default_factory=dict)

    @override
    def opening(self, owner: Center, announced: AnnouncePool, slots: tuple[Slot, ...]) -> Open:
        word = super().opening(owner, announced, slots)
        if word.supersedes:
            first = self.firsts.setdefault(owner.id, word.supersedes)
            return replace(word, supersedes=first if self.names_first else b"")
        return word


@dataclass
class Silent(Unnamed):
    """The supplement does not say what it adds to."""

    names_first: bool = False


async def test_a_list_that_stays_short_is_no_committee(tmp_path: Path) -> None:
    members = [*MANY, *(person(number, "B05", status="leave") for number in (90, 91, 92)), *PLENTY]
    with pytest.raises(Conflicting, match="3 experts drawn from the sub's pool, 5 booked"):
        await played(tmp_path, kind=Unfilled, members=members)


@dataclass
class Unfilled(Evaluation):
    """Of five seats at the sub two stay empty: five members are left, as the law demands."""

    slots: tuple[Slot, ...] = (Slot("A01", 3), Slot("B05", 2))


async def test_a_stratum_smaller_than_the_agreement_demands_refutes(tmp_path: Path) -> None:
    async with two_centers(furnish) as pair:
        one = Evaluation(
            pair, members=SCARCE, supplements=[ADDED], answers=accepts, leaves=0,
            terms={"pool_min_ratio": 11},
        )  # fmt: skip
        await one.play()
        with pytest.raises(Conflicting, match=r"step 9 .*candidates of .* are too few"):
            await one.dossiers(one.host, tmp_path).make(one.session)


@dataclass
class Afterwards(Evaluation):
    """The seat is taken first; that somebody was drawn for it is written after the start."""

    late: list[tuple[Center, ConversationId, Word]] = field(default_factory=list)

    @override
    async def say(self, by: Center, talk: ConversationId, word: Word) -> Said | None:
        if isinstance(word, Result) and len(self.draws) == 2:
            self.late.append((by, talk, word))
            conversation = await by.do(lambda desk: desk.ledger.conversation(talk))
            assert conversation is not None
            return Said(conversation, word, b"", b"")
        said = await super().say(by, talk, word)
        if isinstance(word, Start):
            for one in self.late:
                await super().say(*one)
        return said


async def test_nobody_is_drawn_for_a_seat_that_he_has_taken(tmp_path: Path) -> None:
    with pytest.raises(Conflicting, match="sealed after the evaluation had started"):
        await played(tmp_path, ADDED, kind=Afterwards)


@dataclass
class Unbooked(Evaluation):
    """The sub's list is drawn for another need than was booked: its shortfall is certain."""

    @override
    async def draw(self, *args: Any) -> None:
        if not self.draws:
            args = (*args[:3], (Slot("A01", 2), Slot("E03", 1)), *args[4:])
        await super().draw(*args)


TINY = [*SCARCE, person(70, "E03", status="leave")]
"""One is of E03, and cannot come."""
TWINS = [*(person(number, "A01", "C07") for number in (1, 2)), person(90, "B05", status="leave")]
"""Whoever is of C07 is of A01, too, and was asked."""
COLLEAGUES = [
    *(replace(person(number, "A01"), uscc="91X") for number in (1,)), person(2, "A01"),
    person(90, "B05", status="leave"), *(replace(one, uscc="91X") for one in PLENTY),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "members", "slots", "problem"),
    [
        (Evaluation, FULL, [ADDED], "step 9 .*not short"),
        (Evaluation, SCARCE, [(Slot("C07", 2),)], "step 9 .*short of 1, not of 2"),
        (Evaluation, SCARCE, [(Slot("B05", 1),)], "step 9 .*of B05 everybody was asked"),
        (Evaluation, SCARCE, [ADDED, (Slot("D02", 1),)], "step 9 .*not short"),
        (Unnamed, SCARCE, [ADDED, (Slot("D02", 1),)], "step 9 .*the draw before is"),
        (Silent, SCARCE, [ADDED], "step 9 .*supersedes none, the draw before is"),
        (Unbooked, TINY, [ADDED], "step 9 .*not those of the booking"),
        (Forgetful, TWINS, [ADDED], "step 9 .*V11"),
        (Forgetful, COLLEAGUES, [ADDED], "step 9 .*V11"),
    ],
    ids=[
        "not short", "more than missing", "exhausted stratum", "two supplements of one shortfall",
        "the same draw twice", "named nothing", "a need that was not booked",
        "the same person", "the same employer",
    ],
)  # fmt: skip
async def test_what_no_shortfall_proves_gets_no_dossier(
    tmp_path: Path,
    kind: type[Evaluation],
    members: Sequence[PoolMember],
    slots: Sequence[Sequence[Slot]],
    problem: str,
) -> None:
    with pytest.raises(Conflicting, match=problem):
        await played(tmp_path, *slots, kind=kind, members=members)
