"""Two books that should agree: what differs is found, repaired, or shown with both views."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from typing_extensions import override

from federation.engine.digests import buckets, differing
from federation.engine.reconciler import Difference, Reconciler, Verdict
from federation.engine.recovery import WHOLE
from federation.errors import Refused
from federation.protocol.booking import PROMISED, Answer, Decide, Vote
from federation.protocol.conversation import REFUSED, Conversation, Kind, Word
from federation.wire.envelopes import Receipt, Statement
from federation.wire.questions import DigestQuestion
from node.services.house import Desk
from node.store.ledger import SqlLedger
from tests.engine.test_recovery import CONFIRM, YES, ask, phases, say
from tests.support.pair import DAY_MS, Center, Furniture, Mute, TwoCenters, two_centers
from tests.support.plain import hold
from tests.support.restored import Nurse


@dataclass
class Auditor:
    """Compares a center's book with its peer's."""

    pair: TwoCenters
    center: Center
    left: Sequence[Difference] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        def note(_floor: Desk, _peer: str, found: Sequence[Difference]) -> None:
            self.left = tuple(found)

        self.reconciler: Reconciler[SqlLedger] = Reconciler(
            negotiator=self.center.negotiator, ask=self.center.outbox.ask, note=note
        )

    async def look(self) -> list[Verdict]:
        found = await self.reconciler.compare(self.pair.other(self.center).id)
        return [each.verdict for each in found]


async def test_two_books_that_agree_differ_in_no_bucket() -> None:
    async with two_centers() as pair:
        agreement = await pair.agree()
        talk, *_ = [await ask(pair, agreement) for _ in range(5)]
        await say(pair, pair.sub, talk, YES)
        made = [
            await at.do(
                lambda desk, at=at: buckets(  # type: ignore[misc]
                    at.id, pair.other(at).id, desk.ledger.shared(pair.other(at).id)
                )
            )
            for at in pair.centers
        ]
        assert differing(*made) == []
        for center in pair.centers:
            assert await Auditor(pair, center).look() == []


async def test_words_on_their_way_are_no_difference_to_act_upon() -> None:
    async with two_centers() as pair:
        agreement = await pair.agree()
        talk = await ask(pair, agreement)
        await pair.sub.do(lambda desk: desk.say(talk, YES))
        ours, theirs = Auditor(pair, pair.sub), Auditor(pair, pair.host)
        assert await ours.look() == [Verdict.UNDER_WAY]
        assert await ours.look() == [Verdict.UNDER_WAY]
        assert ours.left == ()
        assert await theirs.look() == [Verdict.WE_LOST]  # so it seems, until it comes
        await pair.settle()
        assert await theirs.look() == []
        assert await pair.host.do(lambda desk: desk.ledger.asked()) == []


async def test_a_word_in_the_place_of_another_is_found_and_given_back() -> None:
    async with two_centers() as pair:
        nurse, auditor = Nurse(pair, pair.sub), Auditor(pair, pair.sub)
        agreement = await pair.agree()
        talk = await ask(pair, agreement)
        copy = await nurse.backup()
        await say(pair, pair.sub, talk, YES)
        await nurse.restore(copy)
        await say(pair, pair.sub, talk, Vote(Answer.NO, reason="full"))  # answered as stale
        assert await auditor.look() == [Verdict.WE_LOST]
        assert await auditor.look() == [Verdict.WE_LOST]
        await nurse.recovery.round()
        assert await nurse.heal() == WHOLE
        assert nurse.ended[-1].words == 1
        await auditor.look()
        await auditor.look()
        # The words agree again; that the phases do not is for people, with both views.
        (left,) = auditor.left
        assert left.verdict is Verdict.APART
        assert (left.ours, left.theirs) == ("DECLINED", PROMISED)


async def test_what_the_other_side_has_lost_is_shown() -> None:
    async with two_centers() as pair:
        agreement = await pair.agree()
        nurse = Nurse(pair, pair.host)
        talk = await ask(pair, agreement)
        copy = await nurse.backup()
        await say(pair, pair.sub, talk, YES)
        await nurse.restore(copy)
        auditor = Auditor(pair, pair.sub)
        assert await auditor.look() == [Verdict.THEY_LOST]
        await auditor.look()
        (left,) = auditor.left
        assert left.said == (1, 0)


class Stern(Mute):
    """Refuses every decision."""

    def __init__(self) -> None:
        self.told: list[str] = []

    @override
    def admit(
        self, desk: Desk, conversation: Conversation, word: Word, statement: Statement
    ) -> None:
        if isinstance(word, Decide):
            raise Refused("not by this center's rules")

    @override
    def refused(self, desk: Desk, conversation: Conversation, receipt: Receipt) -> None:
        self.told.append(receipt.detail)


async def test_a_conversation_that_ended_by_our_refusal_ends_here_too() -> None:
    stern = Stern()
    async with two_centers(lambda _: Furniture({Kind.BOOKING: stern})) as pair:
        agreement = await pair.agree()
        talk = await ask(pair, agreement)
        await say(pair, pair.sub, talk, YES)
        await say(pair, pair.host, talk, CONFIRM)
        assert await phases(pair, talk) == [REFUSED, PROMISED]
        auditor = Auditor(pair, pair.sub)
        stern.told.clear()
        assert await auditor.look() == [Verdict.WE_REFUSED]
        await auditor.look()
        assert await phases(pair, talk) == [REFUSED, REFUSED]
        assert stern.told == ["not by this center's rules"]
        assert await auditor.look() == []


async def test_a_bucket_that_is_asked_for_twice_is_refused() -> None:
    async with two_centers() as pair:
        with pytest.raises(Exception, match="named twice"):
            await pair.host.outbox.ask(pair.sub.id, DigestQuestion((1, 1)))


async def test_a_first_word_that_came_too_late_is_nobodys_loss() -> None:
    async with two_centers() as pair:
        agreement = await pair.agree()
        await pair.host.do(lambda desk: desk.open(pair.sub.id, agreement, hold(pair)))
        pair.watch.pass_ms(31 * DAY_MS)
        await pair.settle()
        assert await pair.sub.sql("SELECT count(*) FROM conversation WHERE kind = 'booking'") == [
            (0,)
        ]
        for center in pair.centers:
            auditor = Auditor(pair, center)
            assert await auditor.look() == []
            assert await auditor.look() == []
            assert auditor.left == ()
            assert await center.do(lambda desk: desk.ledger.asked()) == []
