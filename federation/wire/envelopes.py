"""Envelopes, statements and receipts <-> bytes.

This is the hot path, so the few messages on it are mapped by hand. A statement's bytes
are kept beside what they say: they are what was signed, and are never made anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from google.protobuf.message import DecodeError
from lianping.federation.v1 import federation_pb2 as pb

from federation.errors import FederationError, Malformed, Unauthenticated
from federation.ids import AGREEMENT_SIZES, OPAQUE_ID_BYTES
from federation.trust.envelope import Envelope
from federation.wire.codec import UNPARSABLE
from federation.wire.words import payload_type

MAX_CALL_BYTES: Final = 1024 * 1024  # gRPC's limit on both sides; larger catch-up is paged
MAX_PATH: Final = 6  # 64 envelopes
RECEIPT_TYPE: Final = payload_type("receipt")


class Outcome(IntEnum):
    """What became of a word."""

    ACCEPTED = 1
    REFUSED = 2
    STALE = 3
    GAP = 4


@dataclass(frozen=True, slots=True)
class Statement:
    """What one center says to one other center. Units and meaning: ``federation.proto``."""

    sender: str
    recipient: str
    message_id: bytes
    conversation_id: bytes
    revision: int
    previous_hash: bytes
    answers_hash: bytes
    sent_at_ms: int
    expires_at_ms: int
    agreement_id: bytes
    log_size: int
    log_root: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer to a word."""

    outcome: Outcome
    reason: str = ""
    detail: str = ""
    clause: str = ""
    retryable: bool = False
    alternative: str = ""
    phase: str = ""
    heard_revision: int = 0
    remaining_ms: int = 0


@dataclass(frozen=True, slots=True)
class Witnessing:
    """A log's checkpoint on its way to be cosigned, and a cosignature on its way back.

    ``heads`` are other logs' checkpoints that the speaker cosigned, in greetings only.
    """

    checkpoint: str = ""
    proven_from: int = 0
    proof: tuple[bytes, ...] = ()
    cosigned: str = ""
    heads: tuple[str, ...] = ()


def encode_statement(statement: Statement) -> bytes:
    """The payload: the bytes that get signed."""
    return pb.Statement(
        sender=statement.sender,
        recipient=statement.recipient,
        message_id=statement.message_id,
        conversation_id=statement.conversation_id,
        revision=statement.revision,
        previous_hash=statement.previous_hash,
        answers_hash=statement.answers_hash,
        sent_at_ms=statement.sent_at_ms,
        expires_at_ms=statement.expires_at_ms,
        agreement_id=statement.agreement_id,
        log_head=pb.LogHead(size=statement.log_size, root=statement.log_root),
        body=statement.body,
    ).SerializeToString()


def decode_statement(payload: bytes) -> Statement:
    """Parse a payload.

    Raises:
        Malformed: Not a statement, or an id of the wrong size.
    """
    message = pb.Statement()
    try:
        message.ParseFromString(payload)
    except UNPARSABLE as error:
        raise Malformed("the payload is not a statement") from error
    if len(message.message_id) != OPAQUE_ID_BYTES:
        raise Malformed("message_id must have 16 bytes")
    if len(message.conversation_id) not in {0, OPAQUE_ID_BYTES}:
        raise Malformed("conversation_id must have 16 bytes or none")
    if len(message.agreement_id) not in AGREEMENT_SIZES:
        raise Malformed("agreement_id must have 32 bytes or none")
    return Statement(
        message.sender,
        message.recipient,
        message.message_id,
        message.conversation_id,
        message.revision,
        message.previous_hash,
        message.answers_hash,
        message.sent_at_ms,
        message.expires_at_ms,
        message.agreement_id,
        message.log_head.size,
        message.log_head.root,
        message.body,
    )


def envelope_message(envelope: Envelope) -> pb.SignedEnvelope:
    """An envelope as the generated type."""
    return pb.SignedEnvelope(
        payload=envelope.payload,
        payload_type=envelope.payload_type,
        signature=pb.BatchSignature(
            key_id=envelope.key_id,
            signature=envelope.signature,
            index=envelope.index,
            size=envelope.size,
            path=envelope.path,
        ),
    )


def envelope_from(message: pb.SignedEnvelope) -> Envelope:
    """An envelope from the generated type.

    Raises:
        Unauthenticated: Empty (a client that sends nothing), or a path that no batch has.
    """
    signature = message.signature
    if not message.payload or not signature.signature or len(signature.path) > MAX_PATH:
        raise Unauthenticated("unparsable")
    return Envelope(
        message.payload,
        message.payload_type,
        signature.key_id,
        signature.signature,
        signature.index,
        signature.size,
        tuple(signature.path),
    )


def encode_envelope(envelope: Envelope) -> bytes:
    """An envelope to be stored or handed on."""
    return envelope_message(envelope).SerializeToString()


def decode_envelope(raw: bytes) -> Envelope:
    """Parse a stored or received envelope. Raises Unauthenticated."""
    message = pb.SignedEnvelope()
    try:
        message.ParseFromString(raw)
    except UNPARSABLE as error:
        raise Unauthenticated("unparsable") from error
    return envelope_from(message)


def encode_receipt(receipt: Receipt) -> bytes:
    """A receipt's body."""
    return pb.Receipt(
        outcome=pb.Outcome.ValueType(receipt.outcome.value),
        reason=pb.RefusalReason.Value(f"REFUSAL_REASON_{receipt.reason or 'UNSPECIFIED'}"),
        detail=receipt.detail,
        clause=receipt.clause,
        retryable=receipt.retryable,
        alternative=receipt.alternative,
        phase=receipt.phase,
        heard_revision=receipt.heard_revision,
        remaining_ms=receipt.remaining_ms,
    ).SerializeToString()


def decode_receipt(body: bytes) -> Receipt:
    """Parse a receipt's body. Raises Malformed."""
    message = pb.Receipt()
    try:
        message.ParseFromString(body)
        outcome = Outcome(message.outcome)
        reason = pb.RefusalReason.Name(message.reason).removeprefix("REFUSAL_REASON_")
    except (DecodeError, ValueError) as error:
        raise Malformed("not a receipt") from error
    return Receipt(
        outcome,
        "" if reason == "UNSPECIFIED" else reason,
        message.detail,
        message.clause,
        message.retryable,
        message.alternative,
        message.phase,
        message.heard_revision,
        message.remaining_ms,
    )


def refusal(error: FederationError, phase: str) -> Receipt:
    """Put an error of ours into a receipt."""
    return Receipt(
        Outcome.REFUSED,
        reason=error.reason,
        detail=error.detail,
        clause=error.clause,
        retryable=error.retryable,
        alternative=error.alternative,
        phase=phase,
    )


def encode_delivery(envelopes: Sequence[Envelope], witnessing: Witnessing) -> bytes:
    """A DeliverRequest."""
    return pb.DeliverRequest(
        envelopes=map(envelope_message, envelopes), witnessing=_witnessing_message(witnessing)
    ).SerializeToString()


def decode_delivery(raw: bytes) -> tuple[list[Envelope], Witnessing]:
    """A DeliverRequest. Raises Unauthenticated."""
    message = pb.DeliverRequest()
    try:
        message.ParseFromString(raw)
    except UNPARSABLE as error:
        raise Unauthenticated("unparsable") from error
    return [envelope_from(item) for item in message.envelopes], _witnessing(message.witnessing)


def encode_delivery_reply(receipts: Sequence[Envelope], witnessing: Witnessing) -> bytes:
    """A DeliverReply."""
    return pb.DeliverReply(
        receipts=map(envelope_message, receipts), witnessing=_witnessing_message(witnessing)
    ).SerializeToString()


def decode_delivery_reply(raw: bytes) -> tuple[list[Envelope], Witnessing]:
    """A DeliverReply. Raises Unauthenticated."""
    message = pb.DeliverReply()
    try:
        message.ParseFromString(raw)
    except UNPARSABLE as error:
        raise Unauthenticated("unparsable") from error
    return [envelope_from(item) for item in message.receipts], _witnessing(message.witnessing)


def encode_hello(greeting: Envelope, witnessing: Witnessing) -> bytes:
    """A HelloRequest; a HelloReply has the same shape."""
    return pb.HelloRequest(
        greeting=envelope_message(greeting), witnessing=_witnessing_message(witnessing)
    ).SerializeToString()


def decode_hello(raw: bytes) -> tuple[Envelope, Witnessing]:
    """A HelloRequest or HelloReply. Raises Unauthenticated."""
    message = pb.HelloRequest()
    try:
        message.ParseFromString(raw)
    except UNPARSABLE as error:
        raise Unauthenticated("unparsable") from error
    return envelope_from(message.greeting), _witnessing(message.witnessing)


def encode_single(envelope: Envelope) -> bytes:
    """A QueryRequest, QueryReply or FollowRequest: one envelope in field 1."""
    return pb.QueryRequest(question=envelope_message(envelope)).SerializeToString()


def decode_single(raw: bytes) -> Envelope:
    """A QueryRequest, QueryReply or FollowRequest. Raises Unauthenticated."""
    message = pb.QueryRequest()
    try:
        message.ParseFromString(raw)
    except UNPARSABLE as error:
        raise Unauthenticated("unparsable") from error
    return envelope_from(message.question)


def encode_followed(envelope: bytes, number: int) -> bytes:
    """A FollowReply around a stored envelope."""
    return pb.FollowReply(
        envelope=pb.SignedEnvelope.FromString(envelope), number=number
    ).SerializeToString()


def decode_followed(raw: bytes) -> tuple[Envelope, int]:
    """A FollowReply. Raises Unauthenticated."""
    message = pb.FollowReply()
    try:
        message.ParseFromString(raw)
    except UNPARSABLE as error:
        raise Unauthenticated("unparsable") from error
    return envelope_from(message.envelope), message.number


def _witnessing_message(witnessing: Witnessing) -> pb.Witnessing:
    return pb.Witnessing(
        checkpoint=witnessing.checkpoint,
        proven_from=witnessing.proven_from,
        proof=witnessing.proof,
        cosigned=witnessing.cosigned,
        heads=witnessing.heads,
    )


def _witnessing(message: pb.Witnessing) -> Witnessing:
    return Witnessing(
        message.checkpoint,
        message.proven_from,
        tuple(message.proof),
        message.cosigned,
        tuple(message.heads),
    )
