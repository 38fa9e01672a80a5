"""What all steps of the offline verification share: its order, its refusal, a word at hand.

Protobuf is not read here: whoever calls ``verify`` hands in a ``Decode``
(``federation.wire.evidence`` is one), so that this package stays pure.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from typing import NoReturn, Protocol, TypeVar

from federation.errors import FederationError
from federation.evidence.checkpoint import BadCheckpoint
from federation.evidence.dossier import Dossier, Logged
from federation.protocol.agreement import AgreementTerms
from federation.protocol.conversation import Kind, Phase, Word
from federation.trust.envelope import BadEnvelope, Envelope
from federation.trust.keys import BadDescriptor, Descriptor
from federation.trust.suite import Suite

W = TypeVar("W", bound=Word)


class Step(IntEnum):
    """The steps of the verification, in their order.

    People quote the numbers, so what is added gets a new one: SELECTION comes before POOLS.
    OPENINGS comes last: what was opened of a dossier after it was made.
    """

    FILE = 1
    DESCRIPTORS = 2
    AGREEMENT = 3
    ENVELOPES = 4
    CONVERSATIONS = 5
    RECEIPTS = 6
    LOGS = 7
    POOLS = 8
    DRAWS = 9
    COMMITTEE = 10
    EVALUATION = 11
    ARCHIVE = 12
    TIMELINE = 13
    SEAL = 14
    JOINT = 15
    SELECTION = 16
    OPENINGS = 17


class Refuted(Exception):
    """The dossier does not prove what it says.

    Args:
        step: Which step found it.
        where: Which part of the file.
        zh: What is wrong, in Chinese.
        en: The same in English.
        rule: Which rule of the draw was broken, ``V1`` to ``V15``, where the step alone does not
            say it (``rules.broken``).
    """

    def __init__(self, step: Step, where: str, zh: str, en: str, *, rule: str = "") -> None:
        super().__init__(f"step {step.value} ({step.name.lower()}), {where}: {en}")
        self.step = step
        self.where = where
        self.zh = zh
        self.en = en
        self.rule = rule


def refute(step: Step, where: str, zh: str, en: str) -> NoReturn:
    """Raise ``Refuted``."""
    raise Refuted(step, where, zh, en)


class StatementLike(Protocol):
    """What a payload states. See ``federation.wire.envelopes.Statement``."""

    @property
    def sender(self) -> str: ...  # noqa: D102
    @property
    def recipient(self) -> str: ...  # noqa: D102
    @property
    def conversation_id(self) -> bytes: ...  # noqa: D102
    @property
    def revision(self) -> int: ...  # noqa: D102
    @property
    def previous_hash(self) -> bytes: ...  # noqa: D102
    @property
    def answers_hash(self) -> bytes: ...  # noqa: D102
    @property
    def sent_at_ms(self) -> int: ...  # noqa: D102
    @property
    def agreement_id(self) -> bytes: ...  # noqa: D102
    @property
    def log_size(self) -> int: ...  # noqa: D102
    @property
    def body(self) -> bytes: ...  # noqa: D102


class ReceiptLike(Protocol):
    """What a receipt says. See ``federation.wire.envelopes.Receipt``."""

    @property
    def phase(self) -> str: ...  # noqa: D102
    @property
    def heard_revision(self) -> int: ...  # noqa: D102


class Decode(Protocol):
    """Reads protobuf. Every method raises FederationError for bytes that it cannot read."""

    def chain(self, signed: Sequence[bytes]) -> Sequence[tuple[Descriptor, bytes]]:
        """Signed descriptors that follow one another, each with its digest; all checked.

        Also raises BadDescriptor.
        """

    def terms(self, document: bytes) -> AgreementTerms:
        """An agreement."""

    def statement(self, payload: bytes) -> StatementLike:
        """A payload."""

    def envelope(self, raw: bytes) -> Envelope:
        """A serialised SignedEnvelope, as one word shows another's."""

    def word(self, payload_type: str, body: bytes) -> Word:
        """A word by its payload type."""

    def receipt(self, payload_type: str, body: bytes) -> tuple[str, ReceiptLike]:
        """A receipt: the name of its outcome, and what it says."""


class Elsewhere(Protocol):
    """What others than the two centers have signed. See ``federation.evidence.others``."""

    @property
    def names(self) -> Mapping[str, str]:
        """By center, as its newest descriptor has it."""

    def read(self, raw: bytes, center: str) -> tuple[StatementLike, Word]:
        """A word of that center. Raises Malformed."""

    def told(self, recipient: str) -> Callable[[bytes, str], Word]:
        """Reads what was said to one center. Its answer raises Malformed."""


@contextmanager
def examining(step: Step, where: str, zh: str) -> Iterator[None]:
    """Turn what the pure packages raise into a refusal of this step."""
    try:
        yield
    except (FederationError, BadDescriptor, BadEnvelope, BadCheckpoint, ValueError) as error:
        raise Refuted(step, where, f"{zh} ({error})", str(error)) from error


@dataclass(frozen=True, slots=True)
class Told:
    """One word, read: who said it, what was answered, where both logs have it."""

    where: str
    kind: Kind
    statement: StatementLike
    payload_type: str
    payload: bytes
    word: Word
    hash: bytes
    key_id: bytes
    answer: StatementLike
    answer_hash: bytes
    receipt: ReceiptLike
    logged: Mapping[str, Logged]

    @property
    def sender(self) -> str:
        """Who said it."""
        return self.statement.sender

    @property
    def hearer(self) -> str:
        """Who heard it."""
        return self.statement.recipient

    def index(self, center: str) -> int:
        """Its place in a center's log."""
        return self.logged[center].index

    def at_ms(self, center: str) -> int:
        """When a center said or heard it, by that center's clock."""
        return self.logged[center].at_ms


@dataclass(frozen=True, slots=True)
class Case:
    """A dossier whose signatures, conversations and logs have been verified.

    Args:
        dossier: The file.
        parties: Descriptors of the two centers.
        terms: What they agreed on.
        suite: The suite that the terms name: hashes of everything here.
        agreement: The agreement's id.
        talks: Words by conversation, in the order of the maker's log.
        kinds: Kind of each conversation.
        phases: Where each conversation ended, the same at both ends.
        others: What outside contributors and the regulator have signed.
    """

    dossier: Dossier
    parties: Mapping[str, Descriptor]
    terms: AgreementTerms
    suite: Suite
    agreement: bytes
    talks: Mapping[bytes, Sequence[Told]]
    kinds: Mapping[bytes, Kind]
    phases: Mapping[bytes, Phase]
    others: Elsewhere

    def of_kind(self, kind: Kind) -> list[bytes]:
        """Conversations of a kind."""
        return [talk for talk, found in self.kinds.items() if found is kind]

    def find(self, talk: bytes, word: type[W]) -> list[tuple[Told, W]]:
        """All words of a type in a conversation, in order."""
        return [
            (told, told.word) for told in self.talks.get(talk, ()) if isinstance(told.word, word)
        ]

    def last(self, talk: bytes, word: type[W], step: Step, by: str) -> tuple[Told, W]:
        """The last word of a type, by a center's log. Raises Refuted if there is none."""
        found = self.find(talk, word)
        if not found:
            refute(
                step,
                f"conversation {talk.hex()}",
                f"缺少 {word.__name__}",
                f"there is no {word.__name__}",
            )
        return max(found, key=lambda one: one[0].index(by))

    def one(self, talk: bytes, word: type[W], step: Step) -> tuple[Told, W]:
        """The one word of a type in a conversation. Raises Refuted if there is not one."""
        found = self.find(talk, word)
        if len(found) != 1:
            refute(
                step,
                f"conversation {talk.hex()}",
                f"{word.__name__} 有{len(found)}条, 应为1条",
                f"{len(found)} words {word.__name__}, not one",
            )
        return found[0]
