"""A whole dossier in which the sealer of a draw was silent and its owner went on alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from typing_extensions import override

from federation.engine.inside import Said
from federation.evidence.report import report
from federation.evidence.verify import verify
from federation.evidence.whole import look
from federation.ids import ConversationId
from federation.lottery.pool import Pool
from federation.lottery.walk import Walk
from federation.protocol.conversation import Word
from federation.protocol.draw import Close, Commit, Conclude, Next, Open, Proceed, Rescue
from federation.protocol.oversight import AskUnseal, Unseal
from federation.wire.evidence import DECODE
from node.services.errors import Conflicting
from node.services.house import Desk
from node.services.outside_values import envelope_of
from tests.evidence.evaluated import Evaluation, furnish
from tests.support.pair import Center
from tests.support.witnessed import witnessed

OFFICERS = (b"\1" * 32, b"\2" * 32)


def same(word: Word) -> Word:
    return word


@dataclass
class Silent(Evaluation):
    """The host seals the sub's draw, reveals nothing, and is heard of no more in it."""

    opened_by: int = 0
    """Which of the outsiders opens the escrow; the first is the regulator."""
    rescued: set[ConversationId] = field(default_factory=set)

    @override
    async def walk(
        self,
        owner: Center,
        talk: ConversationId,
        pool: Pool,
        state: Walk,
        orders: Sequence[Sequence[bytes]],
        more: tuple[bytes, Sequence[str], int],
    ) -> Walk:
        if owner is self.sub:
            spoken = await self.say(owner, talk, Rescue(await self.unsealed(owner, talk)))
            assert spoken is not None
            state = state.heard(spoken.word, spoken.payload)
            self.rescued.add(talk)
        return await super().walk(owner, talk, pool, state, orders, more)

    async def unsealed(self, owner: Center, draw: ConversationId) -> bytes:
        """The escrow, opened for the owner."""
        regulator = self.outside[self.opened_by]
        sealer = self.pair.other(owner)

        def ask(desk: Desk) -> ConversationId:
            shown = envelope_of(desk, draw, Open), envelope_of(desk, draw, Commit)
            return desk.open(regulator.id, None, AskUnseal(draw, *shown, "silent")).conversation.id

        talk = await owner.do(ask)
        await self.pair.settle()
        value = sealer.suite.hash(sealer.name.encode())
        word = self.change(Unseal(draw, value, OFFICERS))
        assert word is not None
        await regulator.do(lambda desk: desk.say(talk, word))
        await self.pair.settle()
        return await owner.do(lambda desk: envelope_of(desk, talk, Unseal))

    @override
    async def say(self, by: Center, talk: ConversationId, word: Word) -> Said | None:
        if talk in self.rescued:
            match word:
                case Next():
                    by, word = self.pair.other(by), _proceed(word)
                case Close():
                    by, word = self.pair.other(by), Conclude(word.head)
                case _:
                    pass
        return await super().say(by, talk, word)


def _proceed(word: Next) -> Proceed:
    return Proceed(word.step, word.slot, word.rank, word.entry, word.previous_step)


async def made(folder: Path, change: Callable[[Word], Word] = same, opened_by: int = 0) -> bytes:
    async with witnessed(furnish, "regulator", "neighbour") as pair:
        agreed = {
            "outside_contributors": tuple(other.id for other in pair.others),
            "min_outside_contributors": 1,
            "regulator": pair.others[0].id,
        }
        played = Silent(pair, change, outside=pair.others, terms=agreed, opened_by=opened_by)
        await played.play()
        assert len(played.rescued) == 1
        path = await played.dossiers(pair.sub, folder).make(played.session)
        return path.read_bytes()


async def test_it_holds_and_says_that_the_sealer_was_silent(tmp_path: Path) -> None:
    file = await made(tmp_path)

    verdict = verify(file, DECODE)
    assert [draw.accepted > 0 for draw in verdict.draws] == [True, True]
    assert sum(draw.supplements for draw in verdict.draws) > 0
    (page,) = report(look(file, DECODE))
    (told,) = [moment for moment in page.timeline if "unsealed" in moment.en]
    assert "启封" in told.zh


def another_value(word: Word) -> Word:
    return replace(word, value=b"\7" * 32) if isinstance(word, Unseal) else word


def another_draw(word: Word) -> Word:
    return replace(word, draw_id=b"\7" * 16) if isinstance(word, Unseal) else word


def one_officer(word: Word) -> Word:
    return replace(word, officers=word.officers[:1] * 2) if isinstance(word, Unseal) else word


def another_end(word: Word) -> Word:
    return replace(word, head=b"\7" * 32) if isinstance(word, Conclude) else word


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (another_value, "V7"),
        (another_draw, "escrow of another draw"),
        (one_officer, "not by two officers"),
        (another_end, "V10"),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
async def test_a_bent_rescue_gets_no_dossier(
    tmp_path: Path, change: Callable[[Word], Word], problem: str
) -> None:
    with pytest.raises(Conflicting, match=problem):
        await made(tmp_path, change)


async def test_an_escrow_that_another_center_opened_is_none(tmp_path: Path) -> None:
    with pytest.raises(Conflicting, match="V1"):
        await made(tmp_path, opened_by=1)
