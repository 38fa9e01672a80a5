"""Why: whose turn, what was delivered, how the peer sees it, and what lets it go on."""

import pytest

from federation.engine.delivery import Breaker
from federation.ids import ConversationId
from federation.protocol import session
from federation.protocol.conversation import Conversation, Kind
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.house import Desk
from node.services.why import Whys
from node.services.why_page import page
from node.store.why import What
from tests.support.pair import Center, TwoCenters, two_centers
from tests.support.planning import Offices, confirmed, held, vote


def whys(center: Center, *, paused: bool = False) -> Whys:
    return Whys(negotiator=center.negotiator, outbox=center.outbox, paused=lambda _peer: paused)


async def test_a_booking_that_waits_for_the_sub_says_so_at_both_ends() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        _, booking_id = await held(pair, offices)
        (host,) = (await whys(pair.host).explain(booking_id.hex())).sights
        (sub,) = (await whys(pair.sub).explain(booking_id.hex())).sights
        assert (host.turn, host.ours, host.clock_is_ours) == ("SUB", False, False)
        assert (sub.turn, sub.ours, sub.clock_is_ours) == ("SUB", True, True)
        assert host.advice.blocked_by == "peer"
        assert host.advice.how == ""
        assert sub.advice.blocked_by == "us"
        assert sub.advice.how == f"POST /api/bookings/{booking_id.hex()}/vote"
        assert [todo.kind for todo in sub.todos] == ["vote_booking"]
        assert host.said is not None
        assert (host.said.word, host.said.outcome) == ("booking.Hold", "ACCEPTED")
        assert host.view.differences == sub.view.differences == ()
        assert host.view.phase == "HELD"
        assert host.view.remaining_ms > 0
        text = page(await whys(pair.host).explain(booking_id.hex()))
        assert "与本方一致" in text
        assert "对方时钟" in text


async def test_words_that_did_not_arrive_are_the_reason_with_their_attempts() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        pair.cut()
        _, booking_id = await held(pair, offices)
        for _ in range(4):
            await pair.later(60_000)
        (sight,) = (await whys(pair.host).explain(booking_id.hex())).sights
        assert sight.advice.blocked_by == "delivery"
        assert sight.advice.how == f"lianping peer retry {pair.sub.id}"
        assert sight.waiting is not None
        assert sight.waiting.words == 1
        assert sight.breaker in {Breaker.OPEN, Breaker.HALF_OPEN}
        assert sight.attempts[-1].cause == "the request was lost"
        assert booking_id in sight.attempts[-1].conversations
        assert "unreachable" in sight.view.error
        text = page(await whys(pair.host).explain(booking_id.hex()))
        assert "the request was lost" in text
        assert "下次重试" in text
        (paused,) = (await whys(pair.host, paused=True).explain(booking_id.hex())).sights
        assert paused.advice.how == f"lianping peer resume {pair.sub.id}"
        assert "paused" in paused.view.error


async def test_a_difference_of_both_books_is_marked() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        _, booking_id = await held(pair, offices)
        pair.wire.replies_lost = False

        async def unheard() -> None:
            await vote(offices, booking_id, yes=False, reason="设备检修")

        await unheard()  # said by the sub, and not delivered yet
        (sight,) = (await whys(pair.host).explain(booking_id.hex())).sights
        english = [en for _, en in sight.view.differences]
        assert english == [
            "the peer said 1 words, we have 0",
            "HELD here, DECLINED there",
        ]
        assert "!! 双方不一致" in page(await whys(pair.host).explain(booking_id.hex()))


async def test_a_conversation_that_the_peer_lost_is_marked() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        pair.cut()
        _, booking_id = await held(pair, offices)
        pair.wire.requests_lost = False
        (sight,) = (await whys(pair.host).explain(booking_id.hex())).sights
        assert [en for _, en in sight.view.differences] == [
            "the peer does not know this conversation"
        ]


async def test_a_bundle_has_a_section_for_each_leg_and_names_the_one_that_blocks() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        _, booking_id = await held(pair, offices)
        ((bundle,),) = await pair.host.sql("SELECT id FROM bundle")
        found = await whys(pair.host).explain(bundle.hex()[:30])
        assert (found.found.what, found.phase) == (What.BUNDLE, "HOLDING")
        assert found.blocking == (ConversationId(booking_id),)
        assert found.until_ms is not None
        assert found.advice is not None
        assert "1 of 1 lacking: 长乐区" in found.advice.en
        await vote(offices, booking_id, yes=True)
        await pair.settle()
        done = await whys(pair.host).explain(bundle.hex())
        assert done.phase == "CLOSED"
        assert done.blocking == ()


async def test_a_project_and_a_word_lead_to_their_conversations() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        project_id, booking_id = await confirmed(pair, offices)
        found = await whys(pair.host).explain(project_id.hex())
        assert found.found.what is What.PROJECT
        assert [each.conversation.id for each in found.sights] == [booking_id]
        for center, table in ((pair.host, "said"), (pair.host, "heard"), (pair.sub, "heard")):
            ((word,),) = await center.sql(f"SELECT hash FROM {table} LIMIT 1")
            by_word = await whys(center).explain(word.hex())
            assert by_word.found.what is What.WORD
            assert [each.conversation.id for each in by_word.sights] == [booking_id]


async def test_a_project_without_a_booking_says_who_must_do_what() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        project_id, booking_id = await held(pair, offices)
        await vote(offices, booking_id, yes=False, reason="设备检修")
        await pair.settle()
        found = await whys(pair.host).explain(project_id.hex())
        assert found.advice is not None
        assert found.advice.how == f"POST /api/projects/{project_id.hex()}/plan"
        assert "已结束" not in page(found), "one section is shown in full"


@pytest.mark.parametrize("text", ["", "12345", "xyz123", "12 34 56", "0" * 65, "💥" * 8])
async def test_what_is_no_id_is_told_so(text: str) -> None:
    async with two_centers() as pair:
        with pytest.raises(Invalid, match="hexadecimal"):
            await whys(pair.host).explain(text)


async def test_what_is_unknown_or_ambiguous_is_told_so() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        _, booking_id = await held(pair, offices)
        with pytest.raises(NotFound, match="begins with"):
            await whys(pair.host).explain("ffffffffff")
        with pytest.raises(Conflicting) as caught:
            await whys(pair.host).explain(booking_id.hex()[:6])
        assert any(booking_id.hex() in line for line in caught.value.detail)


async def test_a_peer_that_does_not_answer_in_time_is_a_finding() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        _, booking_id = await held(pair, offices)
        hasty = Whys(
            negotiator=pair.host.negotiator,
            outbox=pair.host.outbox,
            paused=lambda _peer: False,
            ask_seconds=0.0,
        )
        (sight,) = (await hasty.explain(booking_id.hex())).sights
        assert "no answer within 0 s" in sight.view.error
        assert sight.advice.blocked_by == "peer"


async def test_asking_why_changes_nothing() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        _, booking_id = await held(pair, offices)
        before = await _books(pair)
        await whys(pair.host).explain(booking_id.hex())
        assert await _books(pair) == before


async def _books(pair: TwoCenters) -> list[object]:
    return [
        await center.sql(f"SELECT * FROM {table}")
        for center in pair.centers
        for table in ("conversation", "said", "heard", "todo", "log_entry")
    ]


async def test_a_project_that_was_evaluated_needs_nothing_more() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        project_id, booking_id = await held(pair, offices)
        await vote(offices, booking_id, yes=False, reason="设备检修")
        await pair.settle()
        evaluated = Conversation(
            id=ConversationId(bytes(16)),
            kind=Kind.SESSION,
            role=session.HOST,
            peer=pair.sub.id,
            agreement=None,
            suite=pair.host.suite.suite_id,
            phase=session.ARCHIVED,
        )

        def keep(desk: Desk) -> None:
            desk.ledger.put_conversation(evaluated, desk.now_ms)
            desk.ledger.connection.execute(
                "INSERT INTO session (conversation, role, peer, project, booking, convene)"
                " VALUES (?, 'HOST', ?, ?, ?, x'')",
                (evaluated.id, pair.sub.id, project_id, booking_id),
            )

        await pair.host.do(keep)
        found = await whys(pair.host).explain(project_id.hex())
        assert found.advice is not None
        assert (found.advice.blocked_by, found.advice.en) == ("nothing", "it has been evaluated")


async def test_a_word_that_was_withdrawn_after_a_recovery_is_told_as_such() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        _, booking_id = await held(pair, offices)

        def withdraw(desk: Desk) -> None:
            desk.ledger.connection.execute("UPDATE said SET receipt = NULL")
            desk.ledger.withdraw(ConversationId(booking_id), 1)

        await pair.host.do(withdraw)
        explained = await whys(pair.host).explain(booking_id.hex())
        (sight,) = explained.sights
        assert sight.said is not None
        assert sight.said.outcome == "WITHDRAWN"
        assert "另一条消息" in page(explained)
        assert "another word" in page(explained)
