"""A peer that speaks suites that we do not, or mixes them; and one that adds or loses one."""

import pytest

from federation.errors import Unauthenticated
from federation.protocol.conversation import Word
from federation.wire.envelopes import (
    Statement,
    Witnessing,
    encode_delivery,
    encode_hello,
    encode_single,
    encode_statement,
)
from federation.wire.questions import Cursor
from federation.wire.words import PAYLOAD_TYPES, encode_word
from tests.engine.test_suites import START, sizes
from tests.support.pair import NOON, TwoCenters, two_centers

OURS = ("intl-1",)
BOTH = ("intl-1", "gm-1")


def stated(pair: TwoCenters, word: Word = START) -> tuple[str, bytes]:
    """A first word of the host's in a conversation of its own."""
    return PAYLOAD_TYPES[type(word)], encode_statement(
        Statement(
            sender=pair.host.id,
            recipient=pair.sub.id,
            message_id=pair.host.random.bytes(16),
            conversation_id=pair.host.random.bytes(16),
            revision=1,
            previous_hash=b"",
            answers_hash=b"",
            sent_at_ms=NOON,
            expires_at_ms=NOON + 1000,
            agreement_id=b"",
            log_size=0,
            log_root=b"",
            body=encode_word(word),
        )
    )


async def test_a_word_in_a_suite_that_we_do_not_speak_changes_nothing() -> None:
    async with two_centers(suites=BOTH, sub_suites=OURS) as pair:
        envelopes = pair.host.identity.face("gm-1").sign([stated(pair)], NOON)
        with pytest.raises(Unauthenticated) as caught:
            await pair.sub.negotiator.deliver(
                encode_delivery(envelopes, Witnessing()), pair.host.certificate
            )
        assert caught.value.cause == "foreign_suite"
        assert await pair.sub.sql("SELECT count(*) FROM heard") == [(0,)]
        assert await pair.sub.sql("SELECT count(*) FROM log_entry") == [(0,)]


async def test_greetings_and_questions_in_a_suite_that_we_do_not_speak_are_turned_away() -> None:
    async with two_centers(suites=BOTH, sub_suites=OURS) as pair:
        host, sub = pair.host, pair.sub
        greeting = await host.do(lambda desk: host.negotiator.greeting(desk, sub.id, "gm-1"))
        question = host.identity.statement("gm-1", sub.id, bytes(16), Cursor(0), NOON)
        for call in (
            sub.negotiator.hello(encode_hello(greeting, Witnessing()), host.certificate),
            sub.negotiator.query(encode_single(question), host.certificate),
            sub.negotiator.follow(encode_single(question), host.certificate, 10),
        ):
            with pytest.raises(Unauthenticated) as caught:
                await call
            assert caught.value.cause == "foreign_suite"


async def test_centers_of_which_one_speaks_less_deal_in_what_both_speak() -> None:
    async with two_centers(suites=BOTH, sub_suites=OURS) as pair:
        said = await pair.host.do(lambda desk: desk.open(pair.sub.id, None, START))
        await pair.settle()
        await pair.host.greet(pair.sub.id)
        await pair.sub.greet(pair.host.id)
        assert await pair.sub.phase(said.conversation.id) == "TESTING"
        assert (await sizes(pair, "intl-1"))[0] == (1, 1)
