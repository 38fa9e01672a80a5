"""Playing a conversation again: turns, chains, receipts, and silences that nobody said."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from federation.evidence.case import Refuted, Told
from federation.evidence.dossier import Logged
from federation.evidence.replay import Replay
from federation.ids import CenterId
from federation.protocol.booking import BOOKING
from federation.protocol.conversation import Kind, Word
from federation.wire.envelopes import Outcome, Receipt, Statement
from tests.protocol.samples import CONFIRM, HOLD, YES

HOST, SUB = CenterId("lp1host"), CenterId("lp1sub")
DAY_MS = 86_400_000


def told(
    word: Word, sender: str, *, at: int, revision: int, previous: bytes, answers: bytes, phase: str
) -> Told:
    recipient = SUB if sender == HOST else HOST
    statement = Statement(
        sender, recipient, bytes(16), bytes(16), revision, previous, answers, at, at, b"", 0, b"",
        b"",
    )  # fmt: skip
    logged = {str(center): Logged(at, at, ()) for center in (HOST, SUB)}
    receipt = Receipt(Outcome.ACCEPTED, phase=phase, heard_revision=revision)
    return Told(
        where=word.case, kind=Kind.BOOKING, statement=statement, payload_type="", payload=b"",
        word=word, hash=word.case.encode(), key_id=b"", answer=statement, answer_hash=b"",
        receipt=receipt, logged=logged,
    )  # fmt: skip


def booked(decided_at: int = 3) -> list[Told]:
    return [
        told(HOLD, HOST, at=1, revision=1, previous=b"", answers=b"", phase="HELD"),
        told(YES, SUB, at=2, revision=1, previous=b"", answers=b"Hold", phase="PROMISED"),
        told(
            CONFIRM, HOST, at=decided_at, revision=2, previous=b"Hold", answers=b"Vote.YES",
            phase="CONFIRMED",
        ),
    ]  # fmt: skip


@pytest.mark.parametrize("center", [HOST, SUB])
def test_both_ends_come_to_the_same_phase(center: str) -> None:
    assert Replay(BOOKING, center, "intl-1", booked()).run() == "CONFIRMED"


@pytest.mark.parametrize("center", [HOST, SUB])
def test_a_decision_after_the_promise_ran_out_still_counts(center: str) -> None:
    assert Replay(BOOKING, center, "intl-1", booked(decided_at=3 * DAY_MS)).run() == "CONFIRMED"


def test_the_order_of_the_words_is_the_log_s() -> None:
    assert Replay(BOOKING, SUB, "intl-1", booked()[::-1]).run() == "CONFIRMED"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda words: words[1:], "Vote"),
        (lambda words: [words[0], words[2]], "does not follow HELD"),
        (
            lambda words: [words[0], replace(words[1], receipt=Receipt(Outcome.ACCEPTED))],
            "the receipt says",
        ),
        (
            lambda words: [
                words[0], words[1], replace(words[2], statement=replace(
                    words[2].statement, previous_hash=b"another"
                )),
            ],
            "the chain is broken",
        ),
        (
            lambda words: [
                words[0], words[1], replace(words[2], statement=replace(
                    words[2].statement, answers_hash=b""
                )),
            ],
            "the chain is broken",
        ),
        (
            lambda words: [replace(words[0], statement=replace(words[0].statement, revision=2))],
            "the chain is broken",
        ),
    ],
    ids=["headless", "out_of_turn", "phase", "previous", "answers", "revision"],
)  # fmt: skip
def test_what_the_table_does_not_allow_is_refuted(
    change: Callable[[list[Told]], list[Told]], problem: str
) -> None:
    with pytest.raises(Refuted, match=problem):
        Replay(BOOKING, HOST, "intl-1", change(booked())).run()
