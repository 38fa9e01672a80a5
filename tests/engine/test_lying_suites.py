"""A peer that speaks suites that we do not, or mixes them; and one that adds or loses one."""

from dataclasses import replace

import pytest

from federation.engine.delivery import MAX_BACK_OFF_MS
from federation.errors import Unauthenticated
from federation.protocol.conversation import Word
from federation.trust.errors import UnknownSuite
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
from tests.engine.test_suites import START, announcement, opened, sizes
from tests.support.identities import follow, identify
from tests.support.pair import HOUR_MS, NOON, TwoCenters, two_centers

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


async def test_one_suite_whose_keys_have_ended_holds_nothing_of_another_up() -> None:
    async with two_centers(suites=BOTH) as pair:
        stuck = await opened(pair, START, suite_id="gm-1")
        await end_gm_keys(pair, NOON + HOUR_MS)
        fine = await opened(pair, announcement("p"), suite_id="intl-1")
        pair.watch.pass_ms(2 * HOUR_MS)
        await pair.settle()
        assert await pair.sub.phase(fine.conversation.id) == "ANNOUNCED"
        assert await pair.sub.phase(stuck.conversation.id) is None
        assert "keys rotate" in pair.host.outbox.link(pair.sub.id).last_error
        await pair.host.greet(pair.sub.id)  # both ways, in the suite that goes
        await pair.sub.greet(pair.host.id)
        await pair.host.greet(pair.sub.id)
        assert await sizes(pair, "intl-1") == [(1, 1), (1, 1)]


async def test_what_was_held_back_goes_once_its_suite_has_keys_again() -> None:
    async with two_centers(suites=BOTH) as pair:
        stuck = await opened(pair, START, suite_id="gm-1")
        await end_gm_keys(pair, NOON + HOUR_MS)
        pair.watch.pass_ms(2 * HOUR_MS)
        await pair.settle()
        link = pair.host.outbox.link(pair.sub.id)
        assert link.next_try_ms(pair.watch.now_ms) is not None
        await end_gm_keys(pair, NOON + 100 * HOUR_MS)
        await pair.later(MAX_BACK_OFF_MS)
        assert await pair.sub.phase(stuck.conversation.id) == "TESTING"
        assert pair.host.outbox.link(pair.sub.id).last_error == ""


async def test_a_conversation_in_a_suite_that_the_peer_lacks_is_not_begun() -> None:
    """Its words could never be heard, and would be tried for ever."""
    async with two_centers(suites=BOTH, sub_suites=OURS) as pair:
        with pytest.raises(UnknownSuite, match="does not speak gm-1"):
            await opened(pair, START, suite_id="gm-1")
        assert await pair.host.sql("SELECT count(*) FROM said") == [(0,)]


async def end_gm_keys(pair: TwoCenters, at_ms: int) -> None:
    """The host's keys of gm-1 end then; both sides know."""
    host = pair.host
    known = host.identity.descriptor
    keys = tuple(
        replace(key, not_after_ms=at_ms) if key.suite == "gm-1" else key for key in known.keys
    )
    newest = follow(known, keys=keys)
    renewed = identify(newest, host.secrets)
    faces = {each: renewed.face(each) for each in BOTH}
    host.identity.renew([*host.identity.chain, renewed.signed_descriptor], newest, faces)
    pair.sub.keyring.pin(newest, renewed.signed_descriptor)
    host.identity.learned(pair.sub.id, newest.sequence)
