"""A center on an old copy of its database: its own words come back, and nothing collides."""

from typing import Any

import pytest
from typing_extensions import override

from federation.engine import agreed
from federation.engine.inside import Said
from federation.engine.recovery import WHOLE
from federation.errors import Recovering
from federation.ids import AgreementId, CenterId, ConversationId
from federation.ports import Asking, Unreachable
from federation.protocol.booking import (
    CONFIRMED,
    HELD,
    PROMISED,
    Answer,
    Decide,
    Decision,
    Vote,
)
from federation.protocol.conversation import Kind
from node.services.house import Desk
from tests.support.pair import HOUR_MS, Center, Furniture, Mute, TwoCenters, two_centers
from tests.support.plain import ID, hold
from tests.support.restored import Nurse

YES = Vote(Answer.YES, promise_ms=HOUR_MS)
THIRD = "lp1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
CONFIRM = Decide(ID, Decision.CONFIRM)
WHOS = pytest.mark.parametrize("who", ["host", "sub"])


async def ask(pair: TwoCenters, agreement: AgreementId) -> ConversationId:
    said = await pair.host.do(lambda desk: desk.open(pair.sub.id, agreement, hold(pair)))
    await pair.settle()
    pair.watch.pass_ms(1_000)
    return said.conversation.id


async def say(pair: TwoCenters, by: Center, talk: ConversationId, word: Any) -> None:
    await by.do(lambda desk: desk.say(talk, word))
    await pair.settle()
    pair.watch.pass_ms(1_000)


async def told(center: Center) -> list[tuple[Any, ...]]:
    """What a center has said, heard, and been answered, as the evidence has it."""
    return await center.sql(
        "SELECT 'said', conversation, revision, hash, accepted, number FROM said"
        " UNION ALL SELECT 'heard', conversation, revision, hash, accepted, receipt_payload"
        " FROM heard ORDER BY 1, 2, 3"
    )


async def phases(pair: TwoCenters, talk: ConversationId) -> list[str | None]:
    return [await at.phase(talk) for at in pair.centers]


async def cosigned(center: Center, by: Center) -> tuple[int, int]:
    """How much of a center's log is cosigned, and how much there is."""
    suite_id = center.suite.suite_id
    known = await center.do(lambda desk: desk.ledger.cosigned(by.id, suite_id))
    size, _ = await center.do(lambda desk: desk.ledger.log_head(suite_id))
    return (0 if known is None else known[0]), size


@WHOS
async def test_what_was_said_and_heard_after_the_backup_is_as_it_was(who: str) -> None:
    async with two_centers() as pair:
        nurse = Nurse(pair, getattr(pair, who))
        agreement = await pair.agree()
        first = await ask(pair, agreement)
        await nurse.greet()
        copy = await nurse.backup()
        await say(pair, pair.sub, first, YES)
        await say(pair, pair.host, first, CONFIRM)
        second = await ask(pair, agreement)
        before = await told(nurse.center)
        await nurse.restore(copy)
        assert await told(nurse.center) != before

        await nurse.greet()
        assert await nurse.heal() == WHOLE
        assert await told(nurse.center) == before
        assert await phases(pair, first) == [CONFIRMED, CONFIRMED]
        assert await phases(pair, second) == [HELD, HELD]
        assert nurse.doubts == []
        assert [(each.gaps, each.short) for each in nurse.ended] == [((), ())]

        await say(pair, pair.sub, second, YES)
        third = await ask(pair, agreement)
        assert await phases(pair, second) == [PROMISED, PROMISED]
        assert await phases(pair, third) == [HELD, HELD]


@WHOS
async def test_new_heads_are_cosigned_again_in_the_epoch_that_the_root_announces(who: str) -> None:
    async with two_centers() as pair:
        nurse = Nurse(pair, getattr(pair, who))
        agreement = await pair.agree()
        first = await ask(pair, agreement)
        await nurse.greet()
        copy = await nurse.backup()
        await say(pair, pair.sub, first, YES)
        await nurse.greet()
        await nurse.restore(copy)

        await nurse.greet()
        assert (await nurse.recovery.standing()).recovering
        waiting = await nurse.recovery.round()
        assert waiting.epoch_needed
        assert waiting.recovering
        assert await nurse.heal() == WHOLE
        assert nurse.center.identity.descriptor.log_epoch == 1

        await ask(pair, agreement)
        await nurse.greet()
        for center in pair.centers:
            seen, size = await cosigned(center, pair.other(center))
            assert seen == size
        other = pair.other(nurse.center)
        kept = await other.sql("SELECT size FROM former_head WHERE NOT ours")
        assert len(kept) == 1
        assert await other.do(lambda desk: not desk.ledger.doubtful(nurse.center.id))


async def test_a_second_loss_begins_a_second_epoch() -> None:
    async with two_centers() as pair:
        nurse = Nurse(pair, pair.sub)
        agreement = await pair.agree()
        copy = await nurse.backup()
        for epoch in (1, 2):
            talk = await ask(pair, agreement)
            await say(pair, pair.sub, talk, YES)
            await nurse.greet()
            before = await told(pair.sub)
            await nurse.restore(copy)
            await nurse.greet()
            assert await nurse.heal() == WHOLE
            assert await told(pair.sub) == before
            assert pair.sub.identity.descriptor.log_epoch == epoch
            await nurse.greet()
            for center in pair.centers:
                seen, size = await cosigned(center, pair.other(center))
                assert seen == size


async def test_a_log_that_goes_back_without_a_new_epoch_is_refused_and_kept_as_proof() -> None:
    async with two_centers() as pair:
        nurse = Nurse(pair, pair.sub)
        agreement = await pair.agree()
        copy = await nurse.backup()
        talk = await ask(pair, agreement)
        await say(pair, pair.sub, talk, YES)
        await nurse.greet()
        await nurse.restore(copy)
        # A node that does not care: it forgets that it lost anything, and writes on.
        for _ in range(4):
            await pair.sub.do(
                lambda desk: desk.ledger.append_log(
                    pair.sub.suite.suite_id, desk.new_secret(), desk.new_secret()
                )
            )
        suite_id = pair.sub.suite.suite_id
        seen = await pair.host.do(lambda desk: desk.ledger.witnessed(pair.sub.id, suite_id))
        assert seen is not None
        await pair.sub.do(
            lambda desk: desk.ledger.put_cosigned(pair.host.id, suite_id, seen[0], seen[2])
        )
        await pair.sub.outbox.greet(pair.host.id)
        assert await pair.host.do(lambda desk: desk.ledger.doubtful(pair.sub.id))
        await pair.sub.do(lambda desk: desk.ledger.connection.execute("DELETE FROM cosigned"))
        await nurse.greet()
        # Its own partner's cosignature tells it in turn.
        assert (await nurse.recovery.standing()).recovering
        assert await nurse.heal() == WHOLE
        assert await pair.host.do(lambda desk: not desk.ledger.doubtful(pair.sub.id))
        assert await pair.host.sql("SELECT explained FROM fork") == [(1,)]
        assert await phases(pair, talk) == [PROMISED, PROMISED]


async def test_nothing_new_is_said_or_heard_before_the_words_are_back() -> None:
    async with two_centers() as pair:
        nurse = Nurse(pair, pair.sub)
        agreement = await pair.agree()
        talk = await ask(pair, agreement)
        copy = await nurse.backup()
        await say(pair, pair.sub, talk, YES)
        await nurse.greet()
        await nurse.restore(copy)
        await nurse.greet()
        with pytest.raises(Recovering):
            await pair.sub.do(lambda desk: desk.say(talk, Vote(Answer.NO, reason="no")))
        await pair.host.do(lambda desk: desk.say(talk, CONFIRM))
        assert not await pair.host.outbox.deliver(pair.sub.id)
        pair.watch.pass_ms(40 * 60_000)
        assert await pair.sub.alarms.ring() == (0, None)
        assert await pair.sub.phase(talk) == HELD

        assert await nurse.heal() == WHOLE
        pair.restore()
        await pair.settle()
        assert await phases(pair, talk) == [CONFIRMED, CONFIRMED]


async def test_a_peer_that_only_claims_more_words_stops_nobody_else() -> None:
    async with two_centers() as pair:
        nurse = Nurse(pair, pair.sub)
        await pair.agree()
        await pair.sub.do(lambda desk: desk.ledger.suspect(pair.host.id, 1_000, desk.now_ms))
        assert not (await nurse.recovery.standing()).recovering
        assert await pair.sub.do(lambda desk: desk.ledger.blocked(pair.host.id))
        assert await nurse.recovery.round() == WHOLE
        assert not await pair.sub.do(lambda desk: desk.ledger.blocked(pair.host.id))
        (row,) = await pair.sub.do(lambda desk: desk.ledger.asked())
        assert row.state is Asking.DENIED
        # The same claim again is not looked at again.
        assert not await pair.sub.do(
            lambda desk: desk.ledger.suspect(pair.host.id, 1_000, desk.now_ms)
        )


async def test_a_peer_that_is_left_out_gives_its_share_later() -> None:
    async with two_centers() as pair:
        nurse = Nurse(pair, pair.sub)
        agreement = await pair.agree()
        talk = await ask(pair, agreement)
        copy = await nurse.backup()
        await say(pair, pair.sub, talk, YES)
        await nurse.restore(copy)
        await nurse.greet()
        assert (await nurse.recovery.standing()).waited == (pair.host.id,)
        await nurse.lose()
        pair.cut()
        assert (await nurse.recovery.round()).recovering
        assert "lost" in nurse.recovery.missed[pair.host.id]
        assert await nurse.recovery.go_on_without(pair.host.id)
        standing = await nurse.recovery.round()
        assert not standing.recovering
        assert standing.without == (pair.host.id,)
        with pytest.raises(Recovering):
            await ask_from(pair, agreement)
        pair.restore()
        assert await nurse.heal() == WHOLE
        assert await phases(pair, talk) == [PROMISED, PROMISED]


async def ask_from(pair: TwoCenters, agreement: AgreementId) -> None:
    await pair.sub.do(lambda desk: desk.open(pair.host.id, agreement, hold(pair)))


async def test_another_word_said_in_place_of_a_forgotten_one_is_withdrawn() -> None:
    async with two_centers() as pair:
        nurse = Nurse(pair, pair.sub)
        agreement = await pair.agree()
        talk = await ask(pair, agreement)
        copy = await nurse.backup()
        await say(pair, pair.sub, talk, YES)
        await nurse.restore(copy)
        # Staff answers again before anybody has noticed.
        await pair.sub.do(lambda desk: desk.say(talk, Vote(Answer.NO, reason="full")))
        await nurse.lose()
        assert await nurse.heal() == WHOLE
        (ended,) = nurse.ended
        assert [gap.case for gap in ended.gaps] == ["Vote.YES"]
        (waiting,) = await pair.sub.sql("SELECT count(*) FROM said WHERE receipt IS NULL")
        assert waiting == (0,)


async def test_what_never_reached_the_peer_is_said_as_it_was() -> None:
    async with two_centers() as pair:
        nurse = Nurse(pair, pair.sub)
        agreement = await pair.agree()
        talk = await ask(pair, agreement)
        pair.cut()
        await pair.sub.do(lambda desk: desk.say(talk, YES))
        copy = await nurse.backup()
        pair.restore()
        await pair.settle()
        await nurse.restore(copy)  # the word is here; only its receipt is lost
        await nurse.lose()
        assert await nurse.heal() == WHOLE
        assert [row[4] for row in await told(pair.sub) if row[0] == "said"] == [1]
        assert await phases(pair, talk) == [PROMISED, PROMISED]


async def test_nobody_can_be_made_to_say_what_it_did_not() -> None:
    async with two_centers() as pair:
        nurse = Nurse(pair, pair.sub)
        agreement = await pair.agree()
        await ask(pair, agreement)
        # The host gives back its own word as the sub's, and a receipt of nobody.
        await pair.host.do(
            lambda desk: desk.ledger.connection.execute("UPDATE said SET receipt = zeroblob(64)")
        )
        await nurse.lose()
        before = await told(pair.sub)
        await nurse.heal()
        assert await told(pair.sub) == before
        assert len(nurse.doubts) == 1


async def test_a_center_that_is_away_keeps_the_others_waiting_only() -> None:
    async with two_centers() as pair:
        nurse = Nurse(pair, pair.host)
        pair.cut()
        with pytest.raises(Unreachable):
            await pair.host.outbox.greet(pair.sub.id)
        assert await nurse.recovery.round() == WHOLE


async def test_an_epoch_that_claims_to_keep_what_it_has_not_kept_explains_nothing() -> None:
    async with two_centers() as pair:
        nurse = Nurse(pair, pair.sub)
        agreement = await pair.agree()
        copy = await nurse.backup()
        talk = await ask(pair, agreement)
        await say(pair, pair.sub, talk, YES)
        await nurse.greet()
        await nurse.restore(copy)
        suite_id = pair.sub.suite.suite_id
        for _ in range(6):  # another history, longer than the one that was cosigned
            await pair.sub.do(
                lambda desk: desk.ledger.append_log(suite_id, desk.new_secret(), desk.new_secret())
            )
        await nurse.announce()  # goes on from all of it, as if nothing were lost
        await nurse.greet()
        seen = await pair.host.do(lambda desk: desk.ledger.witnessed(pair.sub.id, suite_id))
        assert seen is not None
        assert seen[2] == "", "nothing of the new epoch is cosigned"
        kept = await pair.host.sql("SELECT size, epoch FROM former_head WHERE NOT ours")
        assert kept == [(seen[0], 0)]
        # It knows what the host goes on from, and shows that it cannot.
        size = seen[0]
        await pair.sub.do(
            lambda desk: desk.ledger.put_former_head(pair.host.id, suite_id, 0, size, "")
        )
        await nurse.greet()
        assert await pair.host.do(lambda desk: desk.ledger.doubtful(pair.sub.id))


class Bound(Mute):
    """Cannot hear a yes without telling a third center."""

    @override
    def heard(self, desk: Desk, spoken: Said) -> None:
        if isinstance(spoken.word, Vote):
            agreed.check_whole(desk.ledger, CenterId(THIRD))


async def test_only_what_needs_the_partner_that_was_left_out_waits_for_it() -> None:
    async with two_centers(lambda _: Furniture({Kind.BOOKING: Bound()})) as pair:
        nurse = Nurse(pair, pair.host)
        agreement = await pair.agree()
        first = await ask(pair, agreement)
        await pair.host.do(
            lambda desk: desk.ledger.lost([CenterId(THIRD)], "restored", desk.now_ms)
        )
        assert await nurse.recovery.go_on_without(CenterId(THIRD))
        await pair.sub.do(lambda desk: desk.say(first, YES))
        opened = await pair.sub.do(lambda desk: desk.open(pair.host.id, agreement, hold(pair)))
        await pair.sub.outbox.deliver(pair.host.id)
        assert await pair.host.phase(first) == HELD, "a bundle is decided for all or for none"
        assert await pair.host.phase(opened.conversation.id) == HELD
        await pair.host.do(lambda desk: desk.ledger.recovered([CenterId(THIRD)]))
        pair.watch.pass_ms(HOUR_MS // 4)
        await pair.settle()
        assert await phases(pair, first) == [PROMISED, PROMISED]
