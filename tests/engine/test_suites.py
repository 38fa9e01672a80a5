"""The suite is the agreement's: each has its keys, its log, its calls, and nothing falls back."""

import pytest

from federation.engine.inside import Said
from federation.errors import Unauthenticated
from federation.ids import AgreementId, ConversationId
from federation.protocol.booking import Check, ExpertNeed, Hold, SelectionMode
from federation.protocol.conversation import Word
from federation.protocol.peering import AnnouncePool, StartTest, Stratum
from federation.trust.errors import UnknownSuite
from federation.wire.envelopes import (
    Outcome,
    Receipt,
    Witnessing,
    decode_delivery_reply,
    decode_receipt,
    decode_statement,
    encode_delivery,
)
from federation.wire.words import PAYLOAD_TYPES
from node.services.house import Desk
from tests.support.liar import Liar
from tests.support.pair import HOUR_MS, NOON, Center, TwoCenters, two_centers

BOTH = ("intl-1", "gm-1")
START = StartTest(bytes(32), (Check("clock_skew", passed=True, measured="0 ms"),))


def hold(pair: TwoCenters) -> Hold:
    return Hold(
        bundle_id=bytes(16),
        participants=(pair.sub.id,),
        start_ms=NOON + 48 * HOUR_MS,
        end_ms=NOON + 50 * HOUR_MS,
        seats=1,
        equipment=(),
        overnight=False,
        project_kind="A",
        experts=(ExpertNeed("A08", 1),),
        selection=SelectionMode.CHOSEN,
    )


def announcement(pool: str) -> AnnouncePool:
    return AnnouncePool(
        pool, "e", (Stratum("A08", 5, bytes(32)),), bytes(32), bytes(32), NOON, NOON + HOUR_MS
    )


async def sizes(pair: TwoCenters, suite_id: str) -> list[tuple[int, int]]:
    """(size of the log, cosigned by the other) of host and sub."""

    async def look(at: Center) -> tuple[int, int]:
        other = pair.other(at).id

        def run(desk: Desk) -> tuple[int, int]:
            cosigned = desk.ledger.cosigned(other, suite_id) or (0, "")
            return desk.ledger.log_head(suite_id)[0], cosigned[0]

        return await at.do(run)

    return [await look(at) for at in pair.centers]


async def opened(
    pair: TwoCenters, word: Word, *, under: AgreementId | None = None, suite_id: str | None = None
) -> Said:
    """The host begins a conversation."""
    return await pair.host.do(lambda desk: desk.open(pair.sub.id, under, word, suite_id=suite_id))


@pytest.mark.parametrize("suite_id", BOTH)
async def test_words_receipts_and_cosignatures_in_either_suite(suite_id: str) -> None:
    async with two_centers(suites=(suite_id,)) as pair:
        said = await opened(pair, START)
        await pair.settle()
        assert said.conversation.suite == suite_id
        assert await pair.sub.phase(said.conversation.id) == "TESTING"
        await pair.host.greet(pair.sub.id)
        await pair.sub.greet(pair.host.id)
        await pair.host.greet(pair.sub.id)
        assert await sizes(pair, suite_id) == [(1, 1), (1, 1)]


async def test_agreements_of_both_kinds_have_keys_and_logs_of_their_own() -> None:
    async with two_centers(suites=BOTH) as pair:
        agreements = {each: await pair.agree(suite=each) for each in BOTH}
        talks = {}
        for suite_id, agreement in agreements.items():
            talks[suite_id] = await opened(pair, hold(pair), under=agreement)
        await pair.settle()
        for suite_id, said in talks.items():
            assert said.conversation.suite == suite_id
            assert await pair.sub.phase(said.conversation.id) == "HELD"
            assert (await sizes(pair, suite_id))[0][0] == 1
        key_ids = {
            suite_id: await signed_with(pair, said.conversation.id)
            for suite_id, said in talks.items()
        }
        assert key_ids["intl-1"] != key_ids["gm-1"]


async def signed_with(pair: TwoCenters, conversation: ConversationId) -> str:
    ((envelope,),) = await pair.sub.sql(
        "SELECT envelope FROM heard WHERE conversation = ?", conversation
    )
    (found,) = [key.suite for key in pair.host.identity.descriptor.keys if key.id in envelope]
    return found


async def test_a_word_under_another_suite_than_its_agreement_is_refused() -> None:
    """The downgrade: intl-1 keys for work that was agreed on under gm-1, and the other way."""
    async with two_centers(suites=BOTH) as pair:
        for agreed, spoken in (BOTH, BOTH[::-1]):
            agreement = await pair.agree(suite=agreed, title=agreed)
            receipt = await told(pair, agreement, spoken)
            assert (receipt.outcome, receipt.clause) == (Outcome.REFUSED, "suite")
            assert "nothing falls back" in receipt.detail
            assert not receipt.retryable


async def told(pair: TwoCenters, agreement: AgreementId, spoken: str) -> Receipt:
    """A hold under an agreement, signed in a suite of the liar's choice."""
    said = await opened(pair, hold(pair), under=agreement)
    item = (PAYLOAD_TYPES[Hold], said.payload)
    envelopes = pair.host.identity.face(spoken).sign([item], NOON)
    reply = await pair.sub.negotiator.deliver(
        encode_delivery(envelopes, Witnessing()), pair.host.certificate
    )
    (raw,), _ = decode_delivery_reply(reply)
    return decode_receipt(decode_statement(raw.payload).body)


async def test_a_conversation_stays_in_the_suite_of_its_first_word() -> None:
    async with two_centers(suites=BOTH) as pair:
        said = await opened(pair, START, suite_id="gm-1")
        await pair.settle()
        liar = Liar(pair.host, pair.sub)  # signs with the keys that the host prefers: intl-1
        receipt = await liar.tell(said.conversation.id, START)
        assert (receipt.outcome, receipt.clause) == (Outcome.REFUSED, "suite")
        assert await pair.sub.phase(said.conversation.id) == "TESTING"


async def test_one_call_is_of_one_suite() -> None:
    async with two_centers(suites=BOTH) as pair:
        envelopes = []
        for each in BOTH:
            said = await opened(pair, START, suite_id=each)
            envelopes += pair.host.identity.face(each).sign(
                [(PAYLOAD_TYPES[StartTest], said.payload)], NOON
            )
        with pytest.raises(Unauthenticated) as caught:
            await pair.sub.negotiator.deliver(
                encode_delivery(envelopes, Witnessing()), pair.host.certificate
            )
        assert caught.value.cause == "mixed_call"
        assert await pair.sub.sql("SELECT count(*) FROM heard") == [(0,)]
        await pair.settle()  # the outbox makes two calls of them
        assert await pair.sub.sql("SELECT suite, count(*) FROM heard GROUP BY suite") == [
            ("gm-1", 1),
            ("intl-1", 1),
        ]


async def test_a_page_of_catch_up_may_hold_both_suites() -> None:
    async with two_centers(suites=BOTH) as pair:
        for number, each in enumerate((*BOTH, *BOTH)):
            await opened(pair, announcement(f"p{number}"), suite_id=each)
        assert await pair.sub.outbox.catch_up(pair.host.id, 0) == 4
        assert await pair.sub.sql("SELECT suite, count(*) FROM heard GROUP BY suite") == [
            ("gm-1", 2),
            ("intl-1", 2),
        ]


async def test_a_suite_that_we_have_no_keys_for_is_not_spoken() -> None:
    async with two_centers(suites=("intl-1",)) as pair:
        with pytest.raises(UnknownSuite, match="no keys"):
            await opened(pair, START, suite_id="gm-1")
        assert await pair.host.sql("SELECT count(*) FROM conversation") == [(0,)]
