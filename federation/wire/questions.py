"""Questions and answers of ``Query`` and ``Follow``, and the greeting of ``Hello``."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from lianping.federation.v1 import federation_pb2 as pb

from federation.errors import Malformed
from federation.wire.codec import Codec
from federation.wire.words import payload_type

PROTOCOL: Final = 1


@dataclass(frozen=True, slots=True)
class Greeting:
    """What a node says of itself."""

    protocol: int
    name: str
    software: str
    clock_ms: int
    words_said: int
    words_heard: int
    descriptors: tuple[bytes, ...]
    knows_sequence: int = 0


@dataclass(frozen=True, slots=True)
class AvailabilityQuestion:
    """Which seats are free, and how many experts of these specialties are there?"""

    start_ms: int
    end_ms: int
    seats: int
    equipment: tuple[str, ...]
    overnight: bool
    seat_kind: str = ""
    specialties: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SeatOffer:
    """So many of the free seats offer the same."""

    seat_kind: str
    equipment: tuple[str, ...]
    overnight: bool
    free: int


@dataclass(frozen=True, slots=True)
class ExpertCount:
    """About so many experts of one specialty."""

    specialty: str
    about: int


@dataclass(frozen=True, slots=True)
class AvailabilityAnswer:
    """So many, as of then; advice, not a promise."""

    free_seats: int
    as_of_ms: int
    valid_for_ms: int = 0
    next_start_ms: int = 0
    offers: tuple[SeatOffer, ...] = ()
    experts: tuple[ExpertCount, ...] = ()


@dataclass(frozen=True, slots=True)
class InclusionQuestion:
    """Where do these envelopes stand in your log?"""

    envelope_hashes: tuple[bytes, ...]
    size: int
    suite: str


@dataclass(frozen=True, slots=True)
class Inclusion:
    """Where one envelope stands, and the proof."""

    envelope_hash: bytes
    index: int
    entry: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class InclusionAnswer:
    """The proofs under one cosigned checkpoint."""

    checkpoint: str
    items: tuple[Inclusion, ...]


@dataclass(frozen=True, slots=True)
class ConversationQuestion:
    """How do you see this conversation?"""

    conversation_id: bytes


@dataclass(frozen=True, slots=True)
class ConversationAnswer:
    """So: phase "" means unknown."""

    phase: str
    said: int
    heard: int
    remaining_ms: int


@dataclass(frozen=True, slots=True)
class DecisionQuestion:
    """How did the host decide on a bundle, or on a change of it?"""

    bundle_id: bytes
    change_id: bytes = b""


@dataclass(frozen=True, slots=True)
class DecisionAnswer:
    """The host's own words, as they were signed."""

    envelopes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ConsistencyQuestion:
    """Does what others have of your log go together with what I cosigned?"""

    suite: str
    size: int
    others: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Consistency:
    """The proof between the asker's size and one that was passed on."""

    other: int
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ConsistencyAnswer:
    """One proof for each size that the log has, and how many leaves that is."""

    proofs: tuple[Consistency, ...]
    leaves: int


@dataclass(frozen=True, slots=True)
class Cursor:
    """Words after this number are wanted."""

    after: int


@dataclass(frozen=True, slots=True)
class OwnWordsQuestion:
    """What did we say to each other? I have lost some of it."""

    heard_after: int
    said_after: int
    since_ms: int


@dataclass(frozen=True, slots=True)
class Exchange:
    """One word and its receipt, each a serialised envelope."""

    word: bytes
    receipt: bytes


@dataclass(frozen=True, slots=True)
class OwnWordsAnswer:
    """A page of it, and the heads that both sides cosigned last."""

    exchanges: tuple[Exchange, ...]
    heard_to: int
    said_to: int
    more: bool
    words_heard: int
    yours: tuple[str, ...]
    mine: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DigestQuestion:
    """How do you see the conversations that we share?"""

    listed: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """One conversation as the answerer sees it."""

    conversation_id: bytes
    said: int
    heard: int
    said_hash: bytes
    heard_hash: bytes
    phase: str


@dataclass(frozen=True, slots=True)
class DigestAnswer:
    """So: a digest of each bucket, and the conversations of those that were asked for."""

    buckets: tuple[bytes, ...]
    held: tuple[Held, ...]


_MESSAGES: Final = MappingProxyType(
    {
        Greeting: pb.Greeting,
        AvailabilityQuestion: pb.AvailabilityQuestion,
        AvailabilityAnswer: pb.AvailabilityAnswer,
        InclusionQuestion: pb.InclusionQuestion,
        InclusionAnswer: pb.InclusionAnswer,
        ConversationQuestion: pb.ConversationQuestion,
        ConversationAnswer: pb.ConversationAnswer,
        OwnWordsQuestion: pb.OwnWordsQuestion,
        OwnWordsAnswer: pb.OwnWordsAnswer,
        DigestQuestion: pb.DigestQuestion,
        DigestAnswer: pb.DigestAnswer,
        DecisionQuestion: pb.DecisionQuestion,
        DecisionAnswer: pb.DecisionAnswer,
        ConsistencyQuestion: pb.ConsistencyQuestion,
        ConsistencyAnswer: pb.ConsistencyAnswer,
        Cursor: pb.Cursor,
    }
)

_CODECS: Final[Mapping[type[object], Codec[Any]]] = MappingProxyType(
    {cls: Codec(cls, message) for cls, message in _MESSAGES.items()}
)

TYPES: Final[Mapping[type[object], str]] = MappingProxyType(
    {cls: payload_type(f"query.{cls.__name__}") for cls in _CODECS}
)
_BY_TYPE: Final = MappingProxyType({TYPES[cls]: codec for cls, codec in _CODECS.items()})


def encode(value: object) -> tuple[str, bytes]:
    """The payload type and the body of a question, an answer or a greeting."""
    return TYPES[type(value)], _CODECS[type(value)].encode(value)


def decode(kind: str, body: bytes) -> Any:
    """Parse by payload type. Raises Malformed."""
    codec = _BY_TYPE.get(kind)
    if codec is None:
        raise Malformed(f"unknown question {kind[:100]!r}")
    return codec.decode(body)
