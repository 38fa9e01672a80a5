"""What the engine needs from a node, as Protocols.

``Ledger`` is the federation's share of one database transaction: everything in it happens
or nothing does. ``Inside`` is the center itself: it admits or refuses a word for reasons
of its own, and says words in the same transaction. Time, ids and randomness are ports, so
that a whole federation runs in one process on a virtual clock, from one seed.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, TypeVar

from federation.ids import AgreementId, CenterId, ConversationId
from federation.protocol.agreement import AgreementTerms
from federation.protocol.conversation import Conversation
from federation.protocol.standing import Standing

T = TypeVar("T")


class Clock(Protocol):
    """The only source of time."""

    def now_ms(self) -> int:
        """Unix milliseconds."""


class Random(Protocol):
    """The only source of randomness."""

    def bytes(self, count: int) -> bytes:
        """Unpredictable bytes, fit for keys."""

    def fraction(self) -> float:
        """A number in [0, 1) for jitter."""


@dataclass(frozen=True, slots=True)
class SaidWord:
    """A word of ours, on disk before it is sent."""

    number: int
    """Counts the words for this peer from 1; the cursor of Follow."""
    peer: CenterId
    conversation: ConversationId
    revision: int
    payload_type: str
    payload: bytes
    hash: bytes
    said_at_ms: int
    suite: str


@dataclass(frozen=True, slots=True)
class HeardWord:
    """A word of a peer's, with the receipt that it got."""

    sender: CenterId
    message_id: bytes
    conversation: ConversationId
    revision: int
    payload_type: str
    hash: bytes
    envelope: bytes
    receipt_payload: bytes
    heard_at_ms: int
    accepted: bool
    suite: str


@dataclass(frozen=True, slots=True)
class StoredReceipt:
    """What was answered to a word that is heard again."""

    word_hash: bytes
    payload: bytes


class Asking(StrEnum):
    """How the asking of one peer for what we have lost stands."""

    SUSPECT = "SUSPECT"
    """It says that it heard more than we said, and is asked to show it."""

    DENIED = "DENIED"
    """It could not show it."""

    WAITED = "WAITED"
    """Words are lost, and this peer has not given back all of its share yet."""

    ANSWERED = "ANSWERED"
    """It has."""

    WITHOUT = "WITHOUT"
    """The operator goes on without it: nothing is said to it before it has answered."""


@dataclass(frozen=True, slots=True)
class Asked:
    """How the asking of one peer stands, and how far."""

    peer: CenterId
    state: Asking
    reason: str
    since_ms: int
    asked_from_ms: int
    heard_to: int
    said_to: int
    words_heard: int


@dataclass(frozen=True, slots=True)
class GivenBack:
    """One word with its receipt, as a peer gave both back; both are verified."""

    hash: bytes
    peer: CenterId
    suite: str
    word: bytes = field(repr=False)
    receipt: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class PassedHead:
    """A head of a peer's log that somebody else cosigned and passed on to us.

    Args:
        peer: Whose log.
        suite: Its suite.
        via: Who passed it on.
        size: As the note says.
        root: As the note says.
        note: Signed by the log; we have verified that.
        seen_at_ms: Since when something of this log by this way is not proven.
        proven: Whether the log has proven that it goes together with what we cosigned.
    """

    peer: CenterId
    suite: str
    via: CenterId
    size: int
    root: bytes
    note: str = field(repr=False)
    seen_at_ms: int
    proven: bool = False


class Ledger(Protocol):
    """The federation's share of one transaction. Synchronous: nothing is awaited inside."""

    def conversation(self, conversation: ConversationId) -> Conversation | None:
        """Load a conversation."""

    def put_conversation(self, conversation: Conversation, now_ms: int) -> None:
        """Store a conversation, new or changed."""

    def due(self, now_ms: int, at_most: int) -> Sequence[Conversation]:
        """Conversations whose deadline has passed, oldest first."""

    def next_deadline_ms(self) -> int | None:
        """The earliest deadline of all conversations."""

    def agreement(self, agreement: AgreementId) -> AgreementTerms | None:
        """The terms of an agreement that is active with two signatures.

        Also when it is suspended, terminated or replaced: what was begun under it goes on.
        """

    def standing(self, agreement: AgreementId) -> Standing:
        """What became of such an agreement since both signed it."""

    def receipt(self, sender: CenterId, message_id: bytes) -> StoredReceipt | None:
        """The receipt that a word got, if it was heard before."""

    def put_heard(self, word: HeardWord) -> None:
        """Store a heard word with its receipt."""

    def next_number(self, peer: CenterId) -> int:
        """The number of the next word for a peer."""

    def put_said(self, word: SaidWord) -> None:
        """Store a word of ours as pending."""

    def pending(
        self,
        peer: CenterId,
        at_most: int,
        bytes_at_most: int,
        without: Collection[str] = (),
        after: int = 0,
    ) -> Sequence[SaidWord]:
        """Words that the peer has not receipted, in order, all of one suite.

        None of the suites in ``without``, and none with a number up to ``after``.
        """

    def said_in(
        self, conversation: ConversationId, after: int, at_most: int
    ) -> Sequence[tuple[SaidWord, bool | None]]:
        """Words of ours in a conversation after a revision, each with whether it was accepted.

        None: the peer has not receipted it.
        """

    def said_by_hash(self, word_hash: bytes) -> SaidWord | None:
        """A pending word by its envelope hash."""

    def put_receipt(
        self, word: SaidWord, envelope: bytes, receipt: bytes, *, accepted: bool
    ) -> None:
        """The peer has receipted a word: store its envelope as sent and the receipt."""

    def counts(self, peer: CenterId) -> tuple[int, int]:
        """How many words were said to and heard from a peer, ever."""

    def said_after(
        self, peer: CenterId, number: int, at_most: int
    ) -> Sequence[tuple[int, str, bytes, str]]:
        """(number, payload type, payload, suite) of words for a peer after a cursor."""

    # There is one evidence log for each suite, named by the suite's id.

    def append_log(self, suite_id: str, data: bytes, envelope_hash: bytes) -> int:
        """Append to an evidence log; answers the index."""

    def log_head(self, suite_id: str) -> tuple[int, bytes]:
        """Size and root of an evidence log; the root is empty for size 0."""

    def log_root(self, suite_id: str, size: int) -> bytes:
        """RFC 6962 root over the first leaves of an evidence log, at least one."""

    def cosigned_below(self, suite_id: str, size: int) -> int:
        """The largest size below another that any peer cosigned of our log; 0: none."""

    def consistency(self, suite_id: str, old_size: int, new_size: int) -> tuple[bytes, ...]:
        """RFC 6962 consistency proof between two sizes of a log."""

    def checkpoint(self, suite_id: str) -> tuple[int, str] | None:
        """Size and note of the latest signed checkpoint of our log."""

    def put_checkpoint(self, suite_id: str, size: int, note: str) -> None:
        """Store a signed checkpoint of our log."""

    def cosigned(self, peer: CenterId, suite_id: str) -> tuple[int, str] | None:
        """The largest checkpoint of our log that a peer cosigned: size and note."""

    def put_cosigned(self, peer: CenterId, suite_id: str, size: int, note: str) -> None:
        """Store a peer's cosignature of our checkpoint."""

    def witnessed(self, peer: CenterId, suite_id: str) -> tuple[int, bytes, str] | None:
        """The largest checkpoint of a peer's log that we cosigned: size, root, cosigned note."""

    def put_witnessed(
        self, peer: CenterId, suite_id: str, size: int, root: bytes, note: str
    ) -> None:
        """Store a peer's checkpoint together with our cosignature."""

    def put_descriptor(
        self, peer: CenterId, sequence: int, digest: bytes, signed: bytes, revoked: Sequence[bytes]
    ) -> bool:
        """Store a peer's descriptor and the keys that it revokes; False if it was stored before."""

    def descriptor(self, peer: CenterId, sequence: int) -> bytes | None:
        """A stored descriptor of a peer as its roots signed it; None if there is none."""

    def revoked(self, peer: CenterId, key_id: bytes) -> bool:
        """Whether a stored descriptor of a peer revokes a key, by the key's id."""

    def put_knows(self, peer: CenterId, sequence: int) -> None:
        """Remember which descriptor of ours a peer has taken."""

    def put_twin(self, peer: CenterId, held: bytes, shown: bytes, now_ms: int) -> None:
        """Keep two descriptors of a peer that cannot both be its only one."""

    def doubtful(self, peer: CenterId) -> bool:
        """Whether a peer's logs or descriptors contradict each other: it may be two nodes."""

    def put_fork(self, peer: CenterId, held: str, shown: str, now_ms: int, via: str = "") -> bool:
        """Keep two checkpoints that cannot both be true; ``via``: by whom, "" for the peer itself.

        Answers whether they are news: kept for the first time, or shown by the peer itself after
        an operator had lifted what followed from them.
        """

    def forked(self, peer: CenterId) -> bool:
        """Whether such checkpoints of a peer are kept, and no epoch or operator settled them."""

    def heads_of_others(self, peer: CenterId, suite_id: str) -> Sequence[str]:
        """The newest head that we cosigned of each log but this peer's, cosigned."""

    def put_passed(self, row: PassedHead) -> None:
        """Keep a head that was passed on, in place of the last one by the same way.

        One that is proven already stays so; the time is that of the first that is not.
        """

    def put_proven(self, row: PassedHead) -> None:
        """A log has proven that a head that was passed on is its own."""

    def passed(self, peer: CenterId, suite_id: str) -> Sequence[PassedHead]:
        """The heads of a peer's log that were passed on, one for each way."""

    def forks(self, peer: CenterId) -> Sequence[tuple[str, str]]:
        """The contradictions that nothing explains yet: what was held, and what was shown."""

    def explain_forks(self, peer: CenterId, epoch: int, shown: Sequence[str]) -> None:
        """An epoch that a peer announced explains what it had shown; the proof stays."""

    # Epochs: see ``federation.engine.epochs``.

    def follow_epoch(
        self, peer: CenterId, suite_id: str, before: int, size: int, root: bytes
    ) -> None:
        """Keep what we cosigned last of a peer's log, and cosign from ``size`` on at the most."""

    def leave_epoch(self, before: int) -> None:
        """Keep what peers cosigned of our logs in an epoch that is over, apart."""

    def former_head(self, peer: CenterId, suite_id: str) -> tuple[int, int] | None:
        """Epoch and size of our last head that a peer cosigned and that counts no more."""

    def put_former_head(
        self, peer: CenterId, suite_id: str, epoch: int, size: int, note: str
    ) -> None:
        """Keep a head of our log that a peer cosigned and that our log has not, or not now."""

    # Words that were lost: see ``federation.engine.recovery``.

    def recovering(self) -> bool:
        """Whether words of ours are known to be lost and are being fetched back."""

    def blocked(self, peer: CenterId) -> bool:
        """Whether nothing may be said to or heard from a peer before it gave us our words back."""

    def suspect(self, peer: CenterId, words_heard: int, now_ms: int) -> bool:
        """A peer says that it heard more words than we said; False if that was looked at."""

    def lost(self, peers: Iterable[CenterId], reason: str, now_ms: int) -> None:
        """Words of ours are lost for certain: nothing new until all these peers were asked."""

    def asked(self) -> Sequence[Asked]:
        """Whom we ask for what we have lost; empty when all is well."""

    def put_asked(self, row: Asked) -> None:
        """Note how far the asking of a peer went."""

    def put_back(self, row: GivenBack) -> None:
        """Keep a word that was given back until all have answered."""

    def given_back(self, peers: Collection[CenterId]) -> Sequence[GivenBack]:
        """What these peers gave back."""

    def recovered(self, peers: Collection[CenterId]) -> None:
        """What these peers gave back has its place again."""

    def has_said(self, word_hash: bytes) -> tuple[bool, bool]:
        """Whether a word of ours is here; and whether with its receipt."""

    def withdraw(self, conversation: ConversationId, revision: int) -> int:
        """A word that we said in place of one that we had forgotten is sent no more."""

    def beyond(self, epoch: int) -> Sequence[tuple[CenterId, str, int]]:
        """(peer, suite, size) of our heads of the present epoch that our logs do not have."""

    def heard_from(
        self, peer: CenterId, after: int, since_ms: int, at_most: int
    ) -> Sequence[tuple[int, bytes, bytes, str]]:
        """(place, envelope, our receipt's payload, suite) of words that we heard, in order."""

    def said_to(
        self, peer: CenterId, after: int, since_ms: int, at_most: int
    ) -> Sequence[tuple[int, str, bytes, bytes, str]]:
        """(number, payload type, payload, its receipt or nothing, suite) of words for a peer."""

    def former_notes(self, peer: CenterId) -> Sequence[str]:
        """A peer's heads that we cosigned in epochs before, the last of each."""

    def shared(self, peer: CenterId) -> Sequence[Conversation]:
        """All conversations with a peer, by id."""

    def refusal_in(self, conversation: ConversationId) -> bytes | None:
        """The payload of our last receipt in a conversation that refuses a word; None: none."""

    def attempt(self, function: Callable[[], object]) -> Exception | None:
        """Run a part of the transaction; if it fails, undo the part and answer the error."""


L_co = TypeVar("L_co", bound=Ledger, covariant=True)


class Store(Protocol[L_co]):
    """Runs synchronous functions in transactions."""

    async def transact(self, function: Callable[[L_co], T]) -> T:
        """Run ``function`` in one transaction; nothing of it remains if it raises."""


class Transport(Protocol):
    """Carries bytes to peers. Every call has a deadline.

    Raises:
        Unreachable: Of all methods: no answer, or none that came from the peer's node.
    """

    async def hello(self, peer: CenterId, request: bytes) -> bytes:
        """Call Hello."""

    async def deliver(self, peer: CenterId, request: bytes) -> bytes:
        """Call Deliver."""

    async def query(self, peer: CenterId, request: bytes) -> bytes:
        """Call Query."""

    async def follow(self, peer: CenterId, request: bytes) -> Sequence[bytes]:
        """Call Follow and read one page of it."""


class Unreachable(Exception):
    """The peer gave no answer that counts. A hint to retry, never a reason to change state."""
