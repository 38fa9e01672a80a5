"""The harness itself: what it promises to the tests that use it."""

from collections.abc import Callable

from federation.engine.inside import Said
from federation.ids import ConversationId
from federation.protocol.booking import Check
from federation.protocol.conversation import Word
from federation.protocol.peering import FIRST, StartTest
from node.services.house import Desk
from tests.support.pair import two_centers
from tests.support.rehearsed import words_after

DIGEST = bytes(32)
CHECKS = (Check("clock_skew", passed=True, measured="0 ms"),)


def _saying(test: ConversationId, word: Word) -> Callable[[Desk], Said]:
    return lambda desk: desk.say(test, word)


async def test_words_cross_in_order_and_both_ends_agree() -> None:
    async with two_centers() as pair:
        spoken = await pair.host.do(
            lambda desk: desk.open(pair.sub.id, None, StartTest(DIGEST, CHECKS))
        )
        test = spoken.conversation.id
        await pair.settle()
        for role, word in words_after(StartTest(DIGEST, CHECKS)):
            speaker = pair.host if role == FIRST else pair.sub
            await speaker.do(_saying(test, word))
            await pair.settle()
        assert [await at.phase(test) for at in pair.centers] == ["TESTED", "TESTED"]


async def test_a_cut_wire_holds_words_back_until_it_is_whole() -> None:
    async with two_centers() as pair:
        pair.cut()
        spoken = await pair.host.do(
            lambda desk: desk.open(pair.sub.id, None, StartTest(DIGEST, CHECKS))
        )
        await pair.settle()
        assert await pair.sub.phase(spoken.conversation.id) is None
        pair.restore()
        await pair.settle()
        assert await pair.sub.phase(spoken.conversation.id) == "TESTING"


async def test_a_lost_reply_changes_nothing_twice() -> None:
    async with two_centers() as pair:
        pair.wire.replies_lost = True
        spoken = await pair.host.do(
            lambda desk: desk.open(pair.sub.id, None, StartTest(DIGEST, CHECKS))
        )
        await pair.settle()
        pair.restore()
        await pair.settle()
        assert await pair.sub.phase(spoken.conversation.id) == "TESTING"
        assert await pair.sub.sql("SELECT count(*) FROM heard") == [(1,)]
        assert await pair.host.sql("SELECT count(*) FROM said WHERE receipt IS NULL") == [(0,)]


async def test_an_agreement_is_in_both_stores_under_one_id() -> None:
    async with two_centers() as pair:
        agreement = await pair.agree(max_open_bookings=3)
        for center in pair.centers:
            terms = await center.do(lambda desk: desk.ledger.agreement(agreement))
            assert terms == pair.terms(max_open_bookings=3)


async def test_a_greeting_measures_the_round_trip_and_the_skew() -> None:
    async with two_centers() as pair:
        pair.wire.latency_ms = 20
        pair.sub.clock.skew_ms = 5_000
        peek = await pair.host.greet(pair.sub.id)
        assert (peek.round_trip_ms, peek.skew_ms) == (40, 5_000)
