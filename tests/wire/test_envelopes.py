"""Statements, receipts and calls as bytes: round trips, and what strangers may send."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lianping.federation.v1 import federation_pb2 as pb

from federation.errors import FederationError, Malformed, SeatsTaken, Unauthenticated
from federation.trust.envelope import Envelope
from federation.wire import envelopes
from federation.wire.envelopes import (
    Outcome,
    Receipt,
    Statement,
    Witnessing,
    decode_delivery,
    decode_delivery_reply,
    decode_envelope,
    decode_followed,
    decode_hello,
    decode_receipt,
    decode_single,
    decode_statement,
    encode_delivery,
    encode_delivery_reply,
    encode_envelope,
    encode_followed,
    encode_hello,
    encode_receipt,
    encode_single,
    encode_statement,
    refusal,
)

ENVELOPE = Envelope(b"payload", "type", bytes(16), bytes(64), 1, 2, (bytes(32),))
SHOWN = Witnessing("note", 3, (bytes(32),), "cosigned")

ids = st.binary(min_size=16, max_size=16)
numbers = st.integers(0, 2**53)


@given(
    st.builds(
        Statement,
        sender=st.text(max_size=9),
        recipient=st.text(max_size=9),
        message_id=ids,
        conversation_id=st.one_of(st.just(b""), ids),
        revision=numbers,
        previous_hash=st.binary(max_size=32),
        answers_hash=st.binary(max_size=32),
        sent_at_ms=numbers,
        expires_at_ms=numbers,
        agreement_id=st.sampled_from([b"", bytes(32)]),
        log_size=numbers,
        log_root=st.binary(max_size=32),
        body=st.binary(max_size=99),
    )
)
def test_a_statement_comes_back_as_it_was(statement: Statement) -> None:
    assert decode_statement(encode_statement(statement)) == statement


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        (pb.Statement(), "message_id"),
        (pb.Statement(message_id=bytes(16), conversation_id=b"x"), "conversation_id"),
        (pb.Statement(message_id=bytes(16), agreement_id=b"x"), "agreement_id"),
    ],
)
def test_ids_have_their_size(message: pb.Statement, complaint: str) -> None:
    with pytest.raises(Malformed, match=complaint):
        decode_statement(message.SerializeToString())


def test_calls_come_back_as_they_were() -> None:
    assert decode_delivery(encode_delivery([ENVELOPE, ENVELOPE], SHOWN)) == ([ENVELOPE] * 2, SHOWN)
    assert decode_delivery_reply(encode_delivery_reply([ENVELOPE], SHOWN)) == ([ENVELOPE], SHOWN)
    assert decode_hello(encode_hello(ENVELOPE, SHOWN)) == (ENVELOPE, SHOWN)
    assert decode_single(encode_single(ENVELOPE)) == ENVELOPE
    assert decode_followed(encode_followed(encode_envelope(ENVELOPE), 7)) == (ENVELOPE, 7)
    assert decode_envelope(encode_envelope(ENVELOPE)) == ENVELOPE


@given(st.binary(max_size=300))
def test_whatever_a_stranger_sends_is_one_error(raw: bytes) -> None:
    for decode in (
        decode_delivery, decode_delivery_reply, decode_hello, decode_single, decode_followed,
        decode_envelope,
    ):  # fmt: skip
        with suppress(Unauthenticated):
            decode(raw)


@pytest.mark.parametrize(
    "empty",
    [
        pb.SignedEnvelope(),
        pb.SignedEnvelope(payload=b"x"),
        pb.SignedEnvelope(
            payload=b"x", signature=pb.BatchSignature(signature=b"s", path=[bytes(32)] * 7)
        ),
    ],
)
def test_an_empty_envelope_is_a_stranger(empty: pb.SignedEnvelope) -> None:
    """A client whose serialiser failed sends an empty message and is told OK (grpc#34894)."""
    with pytest.raises(Unauthenticated):
        decode_envelope(empty.SerializeToString())


@pytest.mark.parametrize("outcome", Outcome)
def test_a_receipt_comes_back_as_it_was(outcome: Outcome) -> None:
    receipt = Receipt(
        outcome, "SEATS_TAKEN", "席位已占", "clause", True, "start_ms=5", "HELD", 3, 9
    )

    assert decode_receipt(encode_receipt(receipt)) == receipt


def _family(kind: type[FederationError]) -> list[type[FederationError]]:
    return [kind, *(each for sub in kind.__subclasses__() for each in _family(sub))]


@pytest.mark.parametrize("kind", _family(FederationError)[1:])
def test_every_error_of_ours_can_be_said(kind: type[FederationError]) -> None:
    receipt = refusal(kind("why"), "")

    assert decode_receipt(encode_receipt(receipt)) == receipt


def test_a_refusal_carries_clause_and_alternative() -> None:
    error = SeatsTaken("taken", clause="seats", alternative="start_ms=7")
    receipt = refusal(error, "NEW")

    assert decode_receipt(encode_receipt(receipt)) == receipt
    assert (receipt.reason, receipt.retryable, receipt.clause) == ("SEATS_TAKEN", False, "seats")


@pytest.mark.parametrize("raw", [b"", b"\xff", pb.Receipt(outcome=99).SerializeToString()])  # type: ignore[arg-type]
def test_what_is_no_receipt_is_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed, match="not a receipt"):
        decode_receipt(raw)


def test_the_call_limit_is_one_mebibyte() -> None:
    assert envelopes.MAX_CALL_BYTES == 1 << 20
