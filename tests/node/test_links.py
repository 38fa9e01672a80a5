"""What the log says of words: which conversation, never what was said."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from federation.ids import CenterId, ConversationId
from federation.ports import SaidWord, Unreachable
from federation.protocol.draw import Verdict
from federation.trust.keyring import Keyring
from federation.wire.envelopes import Outcome, Receipt
from federation.wire.words import PAYLOAD_TYPES
from node import logs
from node.links import Bells, Links
from node.metrics import Metrics

PEER = CenterId("lp1" + "a" * 32)
CONVERSATION = bytes(range(16))
VERDICT = PAYLOAD_TYPES[Verdict]
REFUSED = Receipt(Outcome.REFUSED, reason="TOO_EARLY", detail="not before noon")


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root, found = logging.getLogger(), io.StringIO()
    before, level = list(root.handlers), root.level
    yield found
    structlog.reset_defaults()
    for handler in list(root.handlers):
        root.removeHandler(handler)
    for handler in before:
        root.addHandler(handler)
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, str]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def links() -> Links:
    return Links(Metrics(Keyring(), "0"), Bells())


def said() -> SaidWord:
    return SaidWord(
        1, PEER, ConversationId(CONVERSATION), 1, VERDICT, b"entry", bytes(32), 0, "intl-1"
    )


def test_a_refused_word_is_logged_with_its_conversation_and_the_reason(
    stream: io.StringIO,
) -> None:
    logs.configure(stream)
    links().heard(PEER, CONVERSATION, VERDICT, REFUSED)
    links().delivered(said(), "REFUSED")
    ours, theirs = lines(stream)
    assert {ours["conversation"], theirs["conversation"]} == {CONVERSATION.hex()}
    assert (ours["reason"], ours["level"], theirs["level"]) == ("TOO_EARLY", "warning", "warning")


def test_every_word_is_logged_with_its_conversation_when_one_asks_for_it(
    stream: io.StringIO,
) -> None:
    logs.configure(stream)
    links().heard(PEER, CONVERSATION, VERDICT, Receipt(Outcome.ACCEPTED, phase="WALKING"))
    links().delivered(said(), "ACCEPTED")
    assert lines(stream) == [], "thousands a minute are not for every day"

    logs.configure(stream, verbose=True)
    links().heard(PEER, CONVERSATION, VERDICT, Receipt(Outcome.ACCEPTED, phase="WALKING"))
    links().delivered(said(), "ACCEPTED")
    heard, delivered = lines(stream)
    assert (heard["conversation"], heard["phase"]) == (CONVERSATION.hex(), "WALKING")
    assert (delivered["conversation"], delivered["outcome"]) == (CONVERSATION.hex(), "ACCEPTED")
    assert "entry" not in stream.getvalue()


def test_why_a_partner_is_not_reached_is_known_until_it_is() -> None:
    found = links()
    found.missed(PEER, Unreachable("connection refused"))
    assert (found.of(PEER).up, found.of(PEER).error) == (False, "connection refused")
    found.called(PEER)
    assert (found.of(PEER).up, found.of(PEER).error) == (True, "")
