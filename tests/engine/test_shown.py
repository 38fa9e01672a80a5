"""A word that is shown inside another is believed only when its own speaker has signed it."""

import pytest

from federation.engine.shown import shown, unverified
from federation.errors import Malformed
from federation.ids import ConversationId
from federation.protocol.oversight import AskPermit, DenyRequest
from node.services.house import Desk
from node.services.outside_values import envelope_of
from tests.support.meshed import meshed, quiet
from tests.support.pair import Center


async def said(one: Center, other: Center) -> tuple[bytes, bytes]:
    """A word of one to the other, as it can be shown; and its conversation."""

    def ask(desk: Desk) -> bytes:
        return desk.open(other.id, None, AskPermit(bytes(16), b"opening", "why")).conversation.id

    talk = await one.do(ask)
    await quiet(one, other)
    return await one.do(lambda desk: envelope_of(desk, talk, AskPermit)), talk


async def test_a_third_center_reads_what_one_said_to_another() -> None:
    async with meshed("a", "b", "c") as (a, b, c):
        raw, talk = await said(a, b)
        found = await c.do(
            lambda desk: shown(desk.identity, desk.keyring, raw, AskPermit, a.id, desk.now_ms)
        )
        assert found.word.reason == "why"
        assert (found.statement.sender, found.statement.recipient) == (a.id, b.id)
        assert found.statement.conversation_id == talk
        assert found.suite_id == a.suite.suite_id
        at_b = await b.sql("SELECT hash FROM heard WHERE conversation = ?", talk)
        assert (found.hash,) in at_b


async def test_a_word_that_was_not_sent_yet_is_signed_to_be_shown() -> None:
    async with meshed("a", "b", "c") as (a, b, c):

        def ask(desk: Desk) -> bytes:
            talk = desk.open(b.id, None, AskPermit(bytes(16), b"opening", "why")).conversation.id
            return envelope_of(desk, talk, AskPermit)

        raw = await a.do(ask)
        found = await c.do(
            lambda desk: shown(desk.identity, desk.keyring, raw, AskPermit, a.id, desk.now_ms)
        )
        assert found.word.reason == "why"


@pytest.mark.parametrize("lie", ["speaker", "word", "bytes", "signature", "stranger"])
async def test_what_is_not_as_it_must_be_is_malformed_with_the_reason(lie: str) -> None:
    async with meshed("a", "b", "c") as (a, b, c):
        raw, _ = await said(a, b)
        by, kind = a.id, AskPermit
        if lie == "speaker":
            by = b.id
        elif lie == "word":
            kind = DenyRequest  # type: ignore[assignment]
        elif lie == "bytes":
            raw = b"\xff\xff"
        elif lie == "signature":
            at = raw.index(b"why")
            raw = raw[:at] + b"who" + raw[at + 3 :]
        else:
            c.keyring._messages.clear()
        with pytest.raises(Malformed):
            await c.do(lambda desk: shown(desk.identity, desk.keyring, raw, kind, by, desk.now_ms))


@pytest.mark.parametrize("raw", [b"", b"\xff\xff", b"\x0a\x03abc"])
def test_bytes_that_are_no_envelope_are_malformed_and_never_a_crash(raw: bytes) -> None:
    with pytest.raises(Malformed):
        unverified(raw)


async def test_nothing_to_show_is_said_by_name() -> None:
    async with meshed("a", "b") as (a, _):
        with pytest.raises(LookupError, match="no AskPermit"):
            await a.do(lambda desk: envelope_of(desk, ConversationId(bytes(16)), AskPermit))
