"""Words in a wrong place: equivocation, reuse, gaps, strangers' conversations, no conversation."""

from dataclasses import replace
from typing import Final

from federation.engine.identity import WORD_LASTS_MS
from federation.protocol.booking import Check
from federation.protocol.peering import ConcludeTest, ReportTest, StartTest
from federation.wire.envelopes import Outcome, Statement, Witnessing, decode_hello, encode_hello
from federation.wire.questions import TYPES, Greeting
from federation.wire.words import PAYLOAD_TYPES, encode_word
from tests.support.liar import Liar
from tests.support.pair import TwoCenters, two_centers
from tests.support.rehearsed import CONCLUDED

CHECKS: Final = (Check("clock_skew", passed=True, measured="0 ms"),)
START: Final = StartTest(bytes(32), CHECKS)
OTHER: Final = StartTest(b"\x01" * 32, CHECKS)
TEST: Final = bytes(range(16))


async def heard(pair: TwoCenters) -> int:
    ((count,),) = await pair.sub.sql("SELECT count(*) FROM heard")
    return int(count)


async def test_a_word_without_a_conversation_is_refused() -> None:
    async with two_centers() as pair:
        receipt = await Liar(pair.host, pair.sub).tell(b"", START)
        assert (receipt.outcome, receipt.reason) == (Outcome.REFUSED, "MALFORMED")
        assert await pair.sub.sql("SELECT count(*) FROM conversation") == [(0,)]


async def test_one_message_id_is_one_word() -> None:
    async with two_centers() as pair:
        liar = Liar(pair.host, pair.sub)
        await liar.tell(TEST, START, message_id=TEST)
        receipt = await liar.tell(TEST[::-1], OTHER, message_id=TEST)
        assert (receipt.outcome, receipt.reason) == (Outcome.REFUSED, "MALFORMED")
        assert await heard(pair) == 1


async def test_one_revision_is_one_word() -> None:
    async with two_centers() as pair:
        liar = Liar(pair.host, pair.sub)
        await liar.tell(TEST, START)
        for revision in (1, 0):
            receipt = await liar.tell(TEST, OTHER, revision=revision)
            assert receipt.outcome is Outcome.STALE
        assert await heard(pair) == 1


async def test_revisions_far_ahead_are_gaps() -> None:
    async with two_centers() as pair:
        liar = Liar(pair.host, pair.sub)
        assert (await liar.tell(TEST, START, revision=2**32 - 1)).outcome is Outcome.GAP
        assert (await liar.tell(TEST, START, revision=0)).outcome is Outcome.GAP
        await liar.tell(TEST, START)
        assert (await liar.tell(TEST, OTHER, revision=2**32 - 1)).outcome is Outcome.GAP
        assert await heard(pair) == 1


async def test_a_word_that_follows_another_story_is_refused() -> None:
    async with two_centers() as pair:
        liar = Liar(pair.host, pair.sub)
        await liar.tell(TEST, START)
        receipt = await liar.tell(TEST, CONCLUDED, previous_hash=bytes(32))
        assert (receipt.outcome, receipt.reason) == (Outcome.REFUSED, "MALFORMED")


async def test_the_other_sides_words_are_not_to_be_said() -> None:
    async with two_centers() as pair:
        liar = Liar(pair.host, pair.sub)
        await liar.tell(TEST, START)
        receipt = await liar.tell(TEST, ReportTest(bytes(32), CHECKS))
        assert (receipt.outcome, receipt.reason) == (Outcome.REFUSED, "OUT_OF_TURN")
        assert await pair.sub.phase(TEST) == "TESTING"


async def test_a_body_of_another_kind_has_no_place() -> None:
    async with two_centers() as pair:
        liar = Liar(pair.host, pair.sub)
        await liar.tell(TEST, START)
        for kind in ("", "\x00", "application/json", PAYLOAD_TYPES[ConcludeTest] + "x"):
            receipt = await liar.send(kind, _statement(pair, body=b"\xff" * 64))
            assert (receipt.outcome, receipt.reason) == (Outcome.REFUSED, "MALFORMED")
        assert await heard(pair) == 1


async def test_times_and_numbers_at_their_ends_are_answered() -> None:
    async with two_centers() as pair:
        liar = Liar(pair.host, pair.sub)
        for moment in (-(2**63), -1, 0, 2**63 - 1):
            receipt = await liar.tell(TEST, START, sent_at_ms=moment, expires_at_ms=moment)
            assert (receipt.outcome, receipt.reason) == (Outcome.REFUSED, "NOT_FRESH")
        receipt = await liar.tell(TEST, START, log_size=2**63 - 1, log_root=b"\xff" * 999)
        assert receipt.outcome is Outcome.ACCEPTED


async def test_a_greeting_that_is_none_gets_a_signed_refusal() -> None:
    async with two_centers() as pair:
        sub, host = pair.sub, pair.host
        now_ms = pair.watch.now_ms
        for kind, body in (
            (TYPES[Greeting], b"\xff"),
            (TYPES[Greeting], b""),
            (PAYLOAD_TYPES[StartTest], encode_word(START)),
            ("", b""),
        ):
            envelope = host.identity.stated(
                pair.host.suite.suite_id, sub.id, bytes(16), kind, body, now_ms
            )
            reply = await sub.negotiator.hello(
                encode_hello(envelope, Witnessing()), host.certificate
            )
            answer, _ = decode_hello(reply)
            assert answer.payload_type.endswith("v1.receipt+protobuf")
        assert sub.listener.skews == []


def _statement(pair: TwoCenters, **changes: object) -> Statement:
    now_ms = pair.watch.now_ms
    usual = Statement(
        sender=pair.host.id,
        recipient=pair.sub.id,
        message_id=pair.host.random.bytes(16),
        conversation_id=TEST,
        revision=2,
        previous_hash=b"",
        answers_hash=b"",
        sent_at_ms=now_ms,
        expires_at_ms=now_ms + WORD_LASTS_MS,
        agreement_id=b"",
        log_size=0,
        log_root=b"",
        body=b"",
    )
    return replace(usual, **changes)  # type: ignore[arg-type]
