"""One reading of a log file: what it proves by itself.

Its entries hash to the heads that it shows, each envelope is the one of its entry, nobody
skipped a word of a conversation. On the way the words between its owner and one other center
are summed up, so that two files can be compared without either being held in memory: their
hashes under a random key, added in 4,096 parts. Parts whose sums agree need no second look;
whoever made a file could not know the key.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from federation.errors import FederationError
from federation.evidence.case import Decode
from federation.evidence.checkpoint import (
    LOG,
    WITNESS,
    BadCheckpoint,
    Checkpoint,
    NoteKey,
    cosigned_at,
    verify_note,
)
from federation.evidence.log_file import (
    BUCKET_DIGITS,
    BadLog,
    Entry,
    Head,
    Item,
    LogHeader,
    items,
    read_item,
)
from federation.trust import merkle
from federation.trust.envelope import Envelope, envelope_hash
from federation.trust.errors import UnknownSuite
from federation.trust.keys import BadDescriptor, Descriptor, Purpose
from federation.trust.suite import Suite, suite

BUCKETS: Final = 16**BUCKET_DIGITS
MAX_GAPS: Final = 1_000  # named one by one; more say nothing more
_SUM: Final = 1 << 256


@dataclass(slots=True)
class Keys:
    """A center's published keys over time: what its notes and words can be checked with."""

    chain: Sequence[tuple[Descriptor, bytes]]

    @property
    def name(self) -> str:
        """As its newest descriptor has it."""
        return self.chain[-1][0].name

    def notes(self, chosen: Suite, *, witness: bool) -> list[NoteKey]:
        """Keys of its log's heads in every epoch, or of its cosignatures."""
        name = chosen.suite_id
        found: dict[tuple[str, bytes], NoteKey] = {}
        for descriptor, _ in self.chain:
            called = descriptor.witness_name(name) if witness else descriptor.log_name(name)
            purpose = Purpose.WITNESS if witness else Purpose.LOG
            for key in descriptor.keys_for(purpose, name):
                found[called, key.key] = NoteKey(
                    chosen, called, WITNESS if witness else LOG, key.key
                )
        return list(found.values())

    def messages(self, suite_id: str) -> dict[bytes, bytes]:
        """Keys of its words, by id."""
        return {
            key.id: key.key
            for descriptor, _ in self.chain
            for key in descriptor.keys_for(Purpose.MESSAGE, suite_id)
        }


def keys_of(header: LogHeader, center: str, decode: Decode) -> Keys | None:
    """A center's keys as a file has them; None if it has none. Raises BadLog."""
    chain = header.descriptors.get(center)
    if not chain:
        return None
    try:
        read = decode.chain(chain)
    except (FederationError, BadDescriptor, ValueError) as error:
        raise BadLog("descriptors", "密钥说明不能证明身份", f"{center}: {error}") from error
    if any(descriptor.center_id != center for descriptor, _ in read):
        raise BadLog("descriptors", "密钥说明属于另一中心", f"are not those of {center}")
    return Keys(read)


def suite_named(suite_id: str) -> Suite:
    """A suite that this program knows. Raises BadLog, SuiteUnavailable."""
    try:
        chosen = suite(suite_id)
    except UnknownSuite as error:
        raise BadLog("sizes", f"密码套件{suite_id[:32]!r}未知", str(error)) from error
    chosen.ready()
    return chosen


def checked_head(head: Head, log: Keys, witness: Keys | None) -> tuple[Checkpoint, int]:
    """A head once its own and the witness's signature are verified; and when, unix milliseconds.

    Raises:
        BadLog: One of them is missing or does not fit.
    """
    chosen = suite_named(head.suite)
    where = f"{head.suite} head, {head.peer}"
    if witness is None:
        raise BadLog(where, "缺少联署方的密钥说明", "there are no keys of the witness")
    # A log has a name in each epoch: the head is of one of them.
    problem = "no key of the log's owner has signed it"
    for key in log.notes(chosen, witness=False):
        try:
            found, _ = verify_note(head.note, [key])
            at_unix, _ = cosigned_at(head.note, witness.notes(chosen, witness=True))
        except BadCheckpoint as error:
            problem = str(error)
            continue
        return found, at_unix * 1000
    raise BadLog(where, "检查点未经签署或联署", problem)


@dataclass(slots=True)
class Survey:
    """What one reading of a file found. Small, however long the log is.

    Args:
        roots: The log's root after so many entries, by suite and size, where it was asked for.
        sums: Of the words between the owner and the other center: by bucket.
        counts: Words by bucket.
        words: Words with the other center.
        others: Words with third centers.
        acts: Entries of no word: descriptors, acts.
        erased: Words whose envelope is gone.
        gaps: Words that were skipped: conversation, revision that came instead of the next one.
    """

    roots: dict[tuple[str, int], bytes] = field(default_factory=dict)
    sums: list[int] = field(default_factory=lambda: [0] * BUCKETS)
    counts: list[int] = field(default_factory=lambda: [0] * BUCKETS)
    words: int = 0
    others: int = 0
    acts: int = 0
    erased: int = 0
    gaps: list[tuple[bytes, str, int]] = field(default_factory=list)


class Surveyor:
    """Reads a file once.

    Args:
        header: Of the file.
        other: The center that it is compared with.
        decode: Reads protobuf.
        key: 32 random bytes that nobody could know when the file was made.
        watch: Sizes at which the root is asked for, by suite.
    """

    def __init__(
        self,
        header: LogHeader,
        other: str,
        decode: Decode,
        key: bytes,
        watch: Mapping[str, frozenset[int]],
    ) -> None:
        self._header = header
        self._other = other
        self._decode = decode
        self._key = key
        self._watch = watch
        self._said: dict[tuple[bytes, bool], int] = {}
        self.found = Survey()

    def run(self, lines: Iterator[bytes]) -> Survey:
        """Read all entries. Raises BadLog."""
        logs = {name: merkle.Frontier(suite_named(name)) for name in self._header.sizes}
        for name, log in logs.items():
            self._note(name, log)
        for name, index, line in items(lines, self._header):
            where = f"{name} entry {index}"
            item, entry = read_item(line, where)
            chosen = suite_named(name)
            logs[name].append(merkle.leaf_hash(chosen, item.data))
            self._note(name, logs[name])
            if entry is None:
                self.found.acts += 1
            else:
                self._word(chosen, item, entry, where)
        return self.found

    def _note(self, name: str, log: merkle.Frontier) -> None:
        if log.size in self._watch.get(name, ()):
            self.found.roots[name, log.size] = log.root()

    def _word(self, chosen: Suite, item: Item, entry: Entry, where: str) -> None:
        receipt = check_item(chosen, item, entry, where)
        if item.word is None:
            self.found.erased += item.receipt is not None
        else:
            self._count(item.word, entry)
        if entry.peer != self._other:
            self.found.others += 1
            return
        bucket = entry.word[0] << 4 | entry.word[1] >> 4
        record = (
            bytes([entry.heard]) if self._header.center < self._other else bytes([not entry.heard])
        )
        digest = hashlib.blake2b(
            record + entry.word + receipt, key=self._key, digest_size=32
        ).digest()
        self.found.sums[bucket] = (self.found.sums[bucket] + int.from_bytes(digest, "big")) % _SUM
        self.found.counts[bucket] += 1
        self.found.words += 1

    def _count(self, word: Envelope, entry: Entry) -> None:
        """No speaker skips a word of a conversation; one that was refused counts, too."""
        try:
            statement = self._decode.statement(word.payload)
        except FederationError as error:
            raise BadLog(entry.word.hex()[:16], "消息不可读", str(error)) from error
        known = self._said.get((statement.conversation_id, entry.heard), 0)
        if statement.revision > known + 1 and not entry.again and len(self.found.gaps) < MAX_GAPS:
            self.found.gaps.append(
                (statement.conversation_id, statement.sender, statement.revision)
            )
        self._said[statement.conversation_id, entry.heard] = max(known, statement.revision)


def check_item(chosen: Suite, item: Item, entry: Entry, where: str) -> bytes:
    """The word and the receipt are those of the entry; answers the receipt's hash, if any.

    Raises:
        BadLog: One of them is another one.
    """
    if item.word is not None:
        found = envelope_hash(chosen, item.word.payload_type, item.word.payload)
        if found != entry.word or item.word.payload_type != entry.type:
            raise BadLog(where, "消息与条目不符", "the envelope is another one than the entry's")
    if item.receipt is None:
        return entry.receipt
    answer = envelope_hash(chosen, item.receipt.payload_type, item.receipt.payload)
    if entry.heard and answer != entry.receipt:
        raise BadLog(where, "回执与条目不符", "the receipt is another one than the entry's")
    return answer
