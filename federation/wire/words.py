"""The words of all conversations as bytes, and the documents they carry.

``PAYLOAD_TYPES`` names each word on the wire; ``proto/README.md`` says what it means.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from lianping.federation.v1 import (
    agreement_pb2,
    booking_pb2,
    contribution_pb2,
    draw_pb2,
    federation_pb2,
    oversight_pb2,
    peering_pb2,
    selection_pb2,
    session_pb2,
)

from federation.errors import Malformed
from federation.protocol.agreement import AgreementTerms, DocumentSignature
from federation.protocol.conversation import Word
from federation.protocol.tables import VOCABULARY
from federation.trust.envelope import Signer, sign_alone
from federation.trust.keys import (
    Descriptor,
    RootSignature,
    check_descriptor,
    check_successor,
    descriptor_type,
)
from federation.wire.codec import Codec

MAX_SIGNED_DESCRIPTOR_BYTES: Final = 65_536  # dozens of keys and four certificates
MAX_BODY_BYTES: Final = 512 * 1024  # half a call, so that a word and its envelope always fit

_MODULES: Final = MappingProxyType(
    {
        "agreement": agreement_pb2,
        "peering": peering_pb2,
        "booking": booking_pb2,
        "draw": draw_pb2,
        "session": session_pb2,
        "selection": selection_pb2,
        "contribution": contribution_pb2,
        "oversight": oversight_pb2,
    }
)

_CODECS: Final[Mapping[str, Codec[Any]]] = MappingProxyType(
    {
        name: Codec(word, getattr(_MODULES[word.kind], word.__name__))
        for name, word in VOCABULARY.items()
    }
)

TERMS: Final = Codec(AgreementTerms, agreement_pb2.AgreementTerms)
DOCUMENT_SIGNATURE: Final = Codec(DocumentSignature, agreement_pb2.DocumentSignature)
DESCRIPTOR: Final = Codec(Descriptor, federation_pb2.Descriptor)


def payload_type(name: str) -> str:
    """The payload type of a word, receipt, question or answer by its short name."""
    return f"application/vnd.lianping.v1.{name}+protobuf"


PAYLOAD_TYPES: Final[Mapping[type[Word], str]] = MappingProxyType(
    {word: payload_type(name) for name, word in VOCABULARY.items()}
)

_BY_TYPE: Final[Mapping[str, Codec[Any]]] = MappingProxyType(
    {payload_type(name): codec for name, codec in _CODECS.items()}
)
_BY_WORD: Final[Mapping[type[Word], Codec[Any]]] = MappingProxyType(
    {VOCABULARY[name]: codec for name, codec in _CODECS.items()}
)


def encode_word(word: Word) -> bytes:
    """A word's body."""
    return _BY_WORD[type(word)].encode(word)


def decode_word(kind: str, body: bytes) -> Word:
    """Parse a word by its payload type.

    Raises:
        Malformed: Unknown type, too large, or a field breaks its rule.
    """
    codec = _BY_TYPE.get(kind)
    if codec is None:
        raise Malformed(f"unknown payload type {kind[:100]!r}")
    if len(body) > MAX_BODY_BYTES:
        raise Malformed(f"the word has {len(body)} bytes, more than {MAX_BODY_BYTES}")
    word: Word = codec.decode(body)
    return word


@dataclass(frozen=True, slots=True)
class SignedDescriptor:
    """A descriptor's exact bytes with its roots' signatures."""

    descriptor: bytes
    signatures: tuple[RootSignature, ...]


_SIGNED_DESCRIPTOR: Final = Codec(SignedDescriptor, federation_pb2.SignedDescriptor)


def sign_descriptor(descriptor: Descriptor, signers: Mapping[str, Signer]) -> bytes:
    """Sign a descriptor with all of its roots; answers it as it is given to a peer.

    Args:
        descriptor: What to publish.
        signers: The root's signer for each suite.
    """
    encoded = DESCRIPTOR.encode(descriptor)
    signatures = tuple(
        RootSignature(
            root.suite, sign_alone(descriptor_type(root.suite), encoded, signers[root.suite])
        )
        for root in descriptor.roots
    )
    return _SIGNED_DESCRIPTOR.encode(SignedDescriptor(encoded, signatures))


def read_signed_descriptor(raw: bytes) -> Descriptor:
    """Parse and check a signed descriptor.

    Raises:
        Malformed: Not a descriptor.
        BadDescriptor: It does not prove what it says.
    """
    descriptor, _ = read_with_bytes(raw)
    return descriptor


def read_with_bytes(raw: bytes) -> tuple[Descriptor, bytes]:
    """The same, with the exact bytes that were signed. Raises as ``read_signed_descriptor``."""
    if len(raw) > MAX_SIGNED_DESCRIPTOR_BYTES:
        raise Malformed(f"a descriptor of {len(raw)} bytes")
    message = _SIGNED_DESCRIPTOR.decode(raw)
    descriptor = DESCRIPTOR.decode(message.descriptor)
    check_descriptor(descriptor, message.descriptor, message.signatures)
    return descriptor, message.descriptor


def read_chain(chain: Sequence[bytes]) -> Descriptor:
    """Check that signed descriptors follow one another; answers the last.

    Raises:
        Malformed, BadDescriptor: One of them is not good, or does not follow.
        ValueError: There is none; our own mistake.
    """
    if not chain:
        raise ValueError("a chain has at least one descriptor")
    current, current_bytes = read_with_bytes(chain[0])
    for raw in chain[1:]:
        following, following_bytes = read_with_bytes(raw)
        check_successor(current, current_bytes, following, following_bytes)
        current, current_bytes = following, following_bytes
    return current
