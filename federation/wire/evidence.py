"""Reads the protobuf in a dossier for ``federation.evidence``, which must not know protobuf."""

from collections.abc import Sequence
from typing import Final

from typing_extensions import override

from federation.errors import Malformed, Unauthenticated
from federation.evidence.case import Decode, ReceiptLike, StatementLike
from federation.protocol.agreement import AgreementTerms
from federation.protocol.conversation import Word
from federation.trust.envelope import Envelope
from federation.trust.keys import Descriptor, descriptor_digest
from federation.wire.envelopes import (
    RECEIPT_TYPE,
    decode_envelope,
    decode_receipt,
    decode_statement,
)
from federation.wire.words import TERMS, decode_word, read_chain, read_with_bytes


class WireDecode(Decode):
    """The one implementation of ``Decode``."""

    @override
    def chain(self, signed: Sequence[bytes]) -> Sequence[tuple[Descriptor, bytes]]:
        read_chain(signed)
        read = [read_with_bytes(each) for each in signed]
        return [(found, descriptor_digest(found, exact)) for found, exact in read]

    @override
    def terms(self, document: bytes) -> AgreementTerms:
        return TERMS.decode(document)

    @override
    def statement(self, payload: bytes) -> StatementLike:
        return decode_statement(payload)

    @override
    def envelope(self, raw: bytes) -> Envelope:
        try:
            return decode_envelope(raw)
        except Unauthenticated as error:
            raise Malformed(f"what is shown is no envelope: {error.cause}", clause="V1") from error

    @override
    def word(self, payload_type: str, body: bytes) -> Word:
        return decode_word(payload_type, body)

    @override
    def receipt(self, payload_type: str, body: bytes) -> tuple[str, ReceiptLike]:
        if payload_type != RECEIPT_TYPE:
            raise Malformed(f"{payload_type[:100]!r} is not a receipt's type")
        receipt = decode_receipt(body)
        return receipt.outcome.name, receipt


DECODE: Final = WireDecode()
