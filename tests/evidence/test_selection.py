"""A drawn sub-venue in a dossier: proven as drawn, and every cheat found in the file."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import pytest
from typing_extensions import override

from federation.evidence import joint
from federation.evidence.case import Refuted
from federation.evidence.joint_verdict import JointVerdict
from federation.evidence.selection import Drawn
from federation.evidence.verify import verify
from federation.ids import CenterId, ConversationId
from federation.lottery import selection as rules
from federation.protocol import booking
from federation.protocol import selection as words
from federation.protocol.conversation import Kind, Word
from federation.protocol.selection import (
    Abandon,
    Disclose,
    Enter,
    Entrant,
    Gather,
    Invite,
    Place,
    Rank,
)
from federation.wire.evidence import DECODE
from federation.wire.words import encode_word
from node.domain.project import BookingRequest, SelectionMode
from node.services.errors import Conflicting
from node.services.house import Desk
from node.services.selection_files import bound_to
from node.services.selections import Selections
from node.store import bookings, selections
from node.store.bookings import NewBooking
from node.store.selections import Candidacy, Progress, SelectionRow
from tests.evidence.evaluated import SUB_SLOTS, Evaluation, furnish
from tests.node.services.joint_stage import JointStage, staged
from tests.support import planning
from tests.support.lots import Lots
from tests.support.pair import DAY_MS, HOUR_MS, Center, Furniture, two_centers

LOTTERY: Final = b"\x0c" * 16
INVENTED: Final = b"i" * 32
OTHERS: Final = tuple(CenterId("lp1" + letter * 32) for letter in "ab")
KEEPS: Final = CenterId("lp1" + "c" * 32)
NEEDS: Final = tuple(booking.ExpertNeed(slot.specialty, slot.count) for slot in SUB_SLOTS)
Change = Callable[[Word], Word | None]


@dataclass
class Lottery(Evaluation):
    """An evaluation whose sub was drawn among three, in the second attempt.

    ``bend`` makes another order, list or booking of what follows honestly.
    """

    bend: Callable[[Rank], Rank] = lambda rank: rank
    bend_list: Callable[[Gather], Gather] = lambda gather: gather
    held: dict[str, Any] = field(default_factory=dict)
    leave_out: bool = False
    place: Place = field(default=Place(3, (), overnight=False, experts=NEEDS))

    @override
    async def book(self) -> None:
        self.start_ms = self.pair.watch.now_ms + DAY_MS
        if not self.leave_out:
            await self.attempt(1, (*OTHERS, KEEPS))
        order = await self.attempt(2, OTHERS)
        hold = booking.Hold(
            bundle_id=b"\2" * 16,
            participants=self.drawn_first(order),
            start_ms=self.start_ms,
            end_ms=self.start_ms + 4 * HOUR_MS,
            seats=3,
            equipment=(),
            overnight=False,
            project_kind="A",
            experts=NEEDS,
            selection=booking.SelectionMode.BLIND,
            selection_id=LOTTERY,
        )
        hold = replace(hold, **self.held)
        said = await self.open(self.host, hold)
        self.booking = said.conversation.id
        for center in self.pair.centers:
            role = booking.HOST if center is self.host else booking.SUB
            peer = self.pair.other(center).id
            new = NewBooking(self.booking, role, peer, None, hold)

            def store(desk: Desk, new: NewBooking = new) -> None:
                bookings.add(desk.ledger.connection, new)

            await center.do(store)
        yes = booking.Vote(booking.Answer.YES, promise_ms=DAY_MS)
        await self.say(self.sub, self.booking, yes)
        decide = booking.Decide(hold.bundle_id, booking.Decision.CONFIRM)
        await self.say(self.host, self.booking, decide)

    def drawn_first(self, order: tuple[str, ...]) -> tuple[str, ...]:
        """One place; whoever is before the sub has declined, as far as this file knows."""
        assert self.sub.id in order
        return (self.sub.id,)

    async def attempt(self, number: int, others: tuple[CenterId, ...]) -> tuple[str, ...]:
        """One attempt; the first is void, as one value did not come."""
        suite, sub = self.host.suite, self.sub.id
        bind = rules.host_bound(suite, LOTTERY, number)
        invite = Invite(
            selection_id=LOTTERY,
            attempt=number,
            candidates=tuple(sorted((sub, *others))),
            selection=booking.SelectionMode.BLIND,
            start_ms=self.start_ms,
            end_ms=self.start_ms + 4 * HOUR_MS,
            project_kind="A",
            places=(self.place,),
            commitment=rules.commitment(suite, bind, self.host.id, b"h" * 32),
        )
        said = await self.open(self.host, invite)
        talk = said.conversation.id
        await self.enrol(talk, invite)
        bound = rules.invite_hash(suite, encode_word(self.change(invite) or invite))
        values = {center: center[3].encode() * 32 for center in invite.candidates}
        entrants = tuple(
            Entrant(center, rules.commitment(suite, bound, center, values[center]))
            for center in invite.candidates
        )
        mine = next(each for each in entrants if each.center_id == sub)
        await self.say(self.sub, talk, Enter(mine.commitment))
        gather = self.bend_list(Gather(entrants))
        await self.say(self.host, talk, gather)
        await self.say(self.sub, talk, Disclose(values[sub]))
        if number == 1:
            await self.say(self.host, talk, Abandon(words.DISCLOSED, (KEEPS,), "it kept its value"))
            return ()
        shown = tuple(values[each.center_id] for each in gather.entrants)
        order = rules.order(suite, bound, invite, gather, (b"h" * 32, *shown))
        await self.say(self.host, talk, self.bend(Rank(b"h" * 32, shown, order)))
        return order

    async def enrol(self, talk: ConversationId, invite: Invite) -> None:
        for center in self.pair.centers:
            role = words.HOST if center is self.host else words.SUB
            row = Candidacy(talk, LOTTERY, invite.attempt, role, self.pair.other(center).id, invite)

            def store(desk: Desk, row: Candidacy = row) -> None:
                selections.enrol(desk.ledger.connection, row)

            await center.do(store)


async def dossier(folder: Path, by: str = "host", **how: Any) -> bytes:
    async with two_centers(furnish) as pair:
        played = Lottery(pair, **how)
        await played.play()
        maker = pair.host if by == "host" else pair.sub
        path = await played.dossiers(maker, folder).make(played.session)
        return path.read_bytes()


@pytest.mark.parametrize("by", ["host", "sub"])
async def test_a_drawn_sub_venue_is_proven_as_drawn(tmp_path: Path, by: str) -> None:
    verdict = verify(await dossier(tmp_path, by), DECODE)
    assert verdict.drawn is not None
    rank = verdict.drawn.rank
    assert verdict.drawn == Drawn("BLIND", 2, 3, 3, rank, rank - 1)
    assert verdict.document()["sub_venue_drawn"]["candidates"] == 3
    assert "盲选" in verdict.summary("zh")
    assert "drawn (BLIND)" in verdict.summary("en")


def files(folder: Path) -> list[str]:
    return [found.name for found in folder.iterdir()]


def first_value_changed(rank: Rank) -> Rank:
    return replace(rank, values=(bytes(32), *rank.values[1:]))


def entrant_dropped(gather: Gather) -> Gather:
    return Gather(tuple(each for each in gather.entrants if each.center_id != OTHERS[0]), ())


def of_another_lottery(word: Word) -> Word:
    return replace(word, selection_id=b"\x0d" * 16) if isinstance(word, Invite) else word


def not_his_value(word: Word) -> Word:
    return Disclose(b"\x0e" * 32) if isinstance(word, Disclose) else word


def at_fault_is_back(word: Word) -> Word:
    if isinstance(word, Abandon):
        return replace(word, at_fault=(OTHERS[0],))
    return word


def not_abandoned(word: Word) -> Word | None:
    return None if isinstance(word, Abandon) else word


@pytest.mark.parametrize(
    ("how", "match"),
    [
        ({"bend": lambda rank: replace(rank, order=rank.order[::-1])}, "another one follows"),
        ({"bend": first_value_changed}, "does not open its commitment"),
        ({"bend": lambda rank: replace(rank, value=bytes(32))}, "does not open the commitment"),
        ({"bend_list": entrant_dropped}, "not the candidates of the Invite"),
        ({"leave_out": True}, "an attempt is left out"),
        ({"change": not_his_value}, "does not open"),
        ({"change": at_fault_is_back}, "invites others"),
        ({"change": not_abandoned}, "is DISCLOSED, and yet drawn again"),
        ({"held": {"participants": OTHERS[:1]}}, "another than was drawn|not the drawn"),
        ({"place": Place(2, (), overnight=False, experts=NEEDS)}, "another place"),
        ({"held": {"selection": booking.SelectionMode.RANDOM}}, "another place"),
        ({"held": {"selection": booking.SelectionMode.CHOSEN}}, "yet there is a lottery"),
        ({"held": {"selection_id": b""}}, "the lottery is missing"),
        ({"change": of_another_lottery}, "another place|does not open"),
    ],
    ids=str,
)
async def test_every_cheat_is_found_by_the_sixteenth_step(
    tmp_path: Path, how: dict[str, Any], match: str
) -> None:
    with pytest.raises(Conflicting, match=match) as caught:
        await dossier(tmp_path, **how)
    assert "step 16 (selection)" in str(caught.value)
    assert isinstance(caught.value.__cause__, Refuted)
    assert files(tmp_path) == []


async def test_an_evaluation_whose_sub_was_picked_has_no_lottery(tmp_path: Path) -> None:
    async with two_centers(furnish) as pair:
        played = Evaluation(pair)
        await played.play()
        path = await played.dossiers(pair.host, tmp_path).make(played.session)
        assert verify(path.read_bytes(), DECODE).drawn is None


@dataclass
class DrawnStage(JointStage):
    """All services of four centers: two of three partners are drawn blindly, and evaluate."""

    offices: planning.Offices = field(default_factory=Lots)

    @override
    def request(self) -> BookingRequest:
        return replace(super().request(), mode=SelectionMode.BLIND, chosen=())

    @override
    async def held(self) -> None:
        await super().held()
        legs = await self.legs()
        (drawn,) = {leg.hold.participants for leg in legs.values()}
        ids = [seat.center.id for seat in self.seats]
        self.taking_part = [ids.index(CenterId(center)) for center in drawn]


async def test_a_whole_evaluation_with_drawn_subs_is_proven_by_one_file(tmp_path: Path) -> None:
    stage = DrawnStage(tmp_path)
    async with staged(stage, partners=3):
        await stage.archived()
        verdict = joint.check(await stage.dossier(stage.host), DECODE)
        assert isinstance(verdict, JointVerdict)
        drawn = [part.drawn for part in verdict.parts]
        assert {each.rank for each in drawn if each is not None} == {1, 2}
        assert {each.entrants for each in drawn if each is not None} == {3}
        own = verify(await stage.dossier(stage.subs[0]), DECODE)
        assert own.drawn == Drawn("BLIND", 1, 3, 3, 1, 0)


class TwoFaced(Selections):
    """A host that invents, for each of two candidates, what the other one said."""

    @override
    def _gather(self, desk: Desk, held: SelectionRow, rows: Sequence[Candidacy]) -> None:
        selections.put(desk.ledger.connection, replace(held, progress=Progress.GATHERING))
        for row in rows:
            desk.say(row.conversation, self._list(desk, row, rows))

    def _list(self, desk: Desk, mine: Candidacy, rows: Sequence[Candidacy]) -> Gather:
        digests, bound = bound_to(desk, mine.conversation)
        return Gather(
            tuple(
                Entrant(
                    row.peer,
                    mine.commitment or b""
                    if row is mine
                    else rules.commitment(digests, bound, row.peer, INVENTED),
                )
                for row in rows
            )
        )

    @override
    def _rank(self, desk: Desk, held: SelectionRow, rows: Sequence[Candidacy]) -> None:
        ours, orders = self._values.host(held), []
        for mine in rows:
            digests, bound = bound_to(desk, mine.conversation)
            gather = self._list(desk, mine, rows)
            values = tuple(mine.value or b"" if row is mine else INVENTED for row in rows)
            order = rules.order(digests, bound, mine.invite, gather, (ours, *values))
            desk.say(mine.conversation, Rank(ours, values, order))
            orders.append(order)
        ranked = tuple(map(CenterId, orders[0]))
        drawn = replace(held, progress=Progress.DRAWN, ranked=ranked)
        selections.put(desk.ledger.connection, drawn)
        if orders[0] == orders[1]:  # else one of the two would not take its Hold
            self._book(desk, drawn)


class TwoFacedStage(DrawnStage):
    """The same, with a host that lies in the lottery."""

    @override
    def furnish(self, center: Center) -> Furniture:
        furniture = super().furnish(center)
        if center.name == "host":
            lottery = furniture.reactions[Kind.SELECTION]
            assert isinstance(lottery, Selections)
            lottery.__class__ = TwoFaced
        return furniture


async def test_two_outcomes_of_one_lottery_are_found_by_the_parts_together(tmp_path: Path) -> None:
    for seed in "123456":
        stage = TwoFacedStage(tmp_path / seed)
        async with staged(stage, seed=seed):
            with suppress(ValueError):  # nothing was booked: the two orders differ by chance
                await stage.archived()
                with pytest.raises(Conflicting, match="another outcome of the lottery"):
                    await stage.dossier(stage.host)
                for seat in stage.subs:
                    assert verify(await stage.dossier(seat), DECODE).drawn is not None
                return
    raise AssertionError("no seed in which both candidates are told the same order")
