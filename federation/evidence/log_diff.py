"""Two centers' logs side by side: what only one of them has, and who should have it too.

    compare(open_a, open_b, decode, key)        each file is read twice or more, never held

Every call is logged by both sides (``draw-and-evidence.md`` §2.2), so that a word in one log
alone is an omission by name: the hearer's, if the speaker holds its signed receipt; the
speaker's, if the hearer holds the signed word. A log that is not the one that the other side
cosigned was forked or cut back. Words said after the other file was written out are counted
apart. Two files of one center are asked whether the longer goes on from the shorter.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from federation.errors import FederationError
from federation.evidence.case import Decode
from federation.evidence.log_comparison import (
    CUT_BACK,
    FORKED,
    GAP,
    KEYS,
    MISSING,
    RECEIPT,
    TWICE,
    UNANSWERED,
    UNCLEAR,
    Comparison,
    Difference,
    Side,
)
from federation.evidence.log_file import (
    BadLog,
    Entry,
    Item,
    LogHeader,
    items,
    of_buckets,
    read_header,
    read_item,
)
from federation.evidence.log_survey import (
    BUCKETS,
    Keys,
    Survey,
    Surveyor,
    check_item,
    checked_head,
    keys_of,
    suite_named,
)
from federation.evidence.timeline import local
from federation.trust.envelope import BadEnvelope, Envelope, Verifier, envelope_hash

Open = Callable[[], Iterator[bytes]]
"""Opens a file from its beginning: its lines, each with its newline."""

MAX_HELD: Final = 20_000  # words of both files in memory at once: some 60 MB
MAX_NAMED: Final = 1_000  # differences told one by one; a reader of more needs another tool


@dataclass(slots=True)
class _File:
    """One file while it is compared."""

    open: Open
    header: LogHeader
    keys: Keys
    known: Keys | None  # this center's keys as the other file has them
    survey: Survey
    cosigned_ms: int = 0

    @property
    def center(self) -> str:
        return self.header.center

    @property
    def name(self) -> str:
        return self.keys.name


def compare(open_a: Open, open_b: Open, decode: Decode, key: bytes) -> Comparison:
    """Lay two files side by side.

    Args:
        open_a: Opens the first.
        open_b: Opens the second.
        decode: Reads protobuf.
        key: 32 random bytes, made after both files were.

    Raises:
        BadLog: One is no log, does not hold together, or they have nothing to do with each
            other; ``where`` begins with which file.
        SuiteUnavailable: This machine lacks a suite.
    """
    headers = []
    for which, opened in (("A", open_a), ("B", open_b)):
        with _naming(which):
            headers.append(read_header(opened()))
    first, second = headers
    files = []
    for which, opened, mine, other in (
        ("A", open_a, first, second),
        ("B", open_b, second, first),
    ):
        with _naming(which):
            files.append(_surveyed(opened, mine, other, decode, key))
    a, b = files
    if a.center == b.center:
        return _one_center(a, b)
    if not a.survey.words + b.survey.words:
        raise BadLog(
            "files", "两份日志之间没有往来消息", "the two centers have no words with each other"
        )
    return _Diff(a, b, decode, key).run()


class _naming:  # noqa: N801 (a context, read as a verb)
    """Says in which file it was."""

    def __init__(self, which: str) -> None:
        self._which = which

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, BadLog):
            raise BadLog(f"{self._which}: {error.where}", error.zh, error.en) from error


def _surveyed(
    opened: Open, header: LogHeader, other: LogHeader, decode: Decode, key: bytes
) -> _File:
    """Read one file to its end; all heads that it shows are its own."""
    keys = keys_of(header, header.center, decode)
    if keys is None:
        raise BadLog("descriptors", "缺少本中心的密钥说明", "has none of its own center")
    heads = [
        (head.suite, *checked_head(head, keys, keys_of(header, head.peer, decode)))
        for head in header.heads
    ]
    known = keys_of(other, header.center, decode)
    watch: dict[str, set[int]] = {name: {size} for name, size in header.sizes.items()}
    for name, head, _ in heads:
        watch.setdefault(name, set()).add(head.size)
    theirs = keys_of(other, other.center, decode)
    for each in other.seen:
        if each.peer == header.center and theirs is not None:
            watch.setdefault(each.suite, set()).add(checked_head(each, keys, theirs)[0].size)
    if header.center == other.center:
        for name, size in other.sizes.items():
            watch.setdefault(name, set()).add(size)
    lines = opened()
    read_header(lines)
    asked = {name: frozenset(sizes) for name, sizes in watch.items()}
    survey = Surveyor(header, other.center, decode, key, asked).run(lines)
    for name, head, _ in heads:
        root = survey.roots.get((name, head.size))
        if root is None:
            raise BadLog(
                f"{name} log",
                f"文件不全: 联署的检查点有{head.size}条",
                f"the file was cut off: a cosigned head has {head.size} entries, the file "
                f"{header.sizes.get(name, 0)}",
            )
        if root != head.root:
            raise BadLog(
                f"{name} log",
                "条目与联署的检查点不符: 文件经改动或拼接",
                f"the first {head.size} entries are not those of the head that was cosigned: "
                "the file was changed or spliced",
            )
    return _File(opened, header, keys, known, survey, max((at for _, _, at in heads), default=0))


def _side(file: _File) -> Side:
    return Side(
        center=file.center,
        name=file.name,
        made_ms=file.header.made_ms,
        entries=sum(file.header.sizes.values()),
        words=file.survey.words,
        erased=file.survey.erased,
        heads=len(file.header.heads),
        cosigned_ms=file.cosigned_ms,
    )


def _one_center(a: _File, b: _File) -> Comparison:
    """Two files of one log: the longer must go on from the shorter."""
    found = []
    for name in sorted({*a.header.sizes, *b.header.sizes}):
        sizes = [file.header.sizes.get(name, 0) for file in (a, b)]
        shorter = min(sizes)
        if shorter and a.survey.roots[name, shorter] != b.survey.roots[name, shorter]:
            found.append(
                Difference(
                    FORKED,
                    a.center,
                    f"{a.name}的两份日志({name})前{shorter}条不同: 历史被改写",
                    f"the two logs of {a.name} ({name}) differ within their first {shorter} "
                    "entries: history was rewritten",
                )
            )
    return Comparison((_side(a), _side(b)), True, tuple(found), 0, 0, more=False)


@dataclass(frozen=True, slots=True)
class _Found:
    """One word in one file."""

    suite: str
    index: int
    item: Item
    entry: Entry


class _Diff:
    def __init__(self, a: _File, b: _File, decode: Decode, key: bytes) -> None:
        self._a = a
        self._b = b
        self._decode = decode
        self._key = key
        self._verifier = Verifier()
        self._found: list[Difference] = []
        self._later = 0
        self._unreceipted = 0

    def run(self) -> Comparison:
        for mine, other in ((self._a, self._b), (self._b, self._a)):
            self._keys(mine)
            self._heads(mine, other)
            self._gaps(mine)
        more = self._words()
        return Comparison(
            (_side(self._a), _side(self._b)),
            False,
            tuple(sorted(self._found[:MAX_NAMED], key=lambda each: each.at_ms)),
            self._later,
            self._unreceipted,
            more or len(self._found) > MAX_NAMED,
        )

    def _keys(self, file: _File) -> None:
        """The other center knows the descriptors that this file shows of its owner."""
        shown = {each.sequence: digest for each, digest in file.keys.chain}
        known = {} if file.known is None else {d.sequence: x for d, x in file.known.chain}
        if any(shown.get(number, digest) != digest for number, digest in known.items()):
            self._found.append(
                Difference(
                    KEYS,
                    file.center,
                    f"{file.name}出示的密钥说明与对方所知不同",
                    f"{file.name} shows other descriptors than the other center was given",
                )
            )

    def _heads(self, file: _File, other: _File) -> None:
        """The log is the one that the other center cosigned."""
        for seen in other.header.seen:
            if seen.peer != file.center:
                continue
            head, at_ms = checked_head(seen, file.keys, other.keys)
            root = file.survey.roots.get((seen.suite, head.size))
            if root == head.root:
                continue
            kind = CUT_BACK if root is None else FORKED
            zh = "短于" if root is None else "不是"
            en = "is shorter than" if root is None else "is not"
            self._found.append(
                Difference(
                    kind,
                    file.center,
                    f"{file.name}的日志{zh}{other.name}于{local(at_ms)}联署的({head.size}条)",
                    f"the log of {file.name} {en} the one of {head.size} entries that "
                    f"{other.name} cosigned at {local(at_ms)}",
                    only_in=other.center,
                    proof="signature",
                    at_ms=at_ms,
                )
            )

    def _gaps(self, file: _File) -> None:
        # What an erased word's number was, nobody can tell any more.
        for talk, speaker, revision in () if file.survey.erased else file.survey.gaps:
            self._found.append(
                Difference(
                    GAP,
                    file.center,
                    f"{file.name}的日志中, 会话{talk.hex()[:16]}在第{revision}条之前缺消息",
                    f"the log of {file.name} lacks a word before number {revision} of "
                    f"{speaker} in conversation {talk.hex()[:16]}",
                    conversation=talk.hex(),
                    revision=revision,
                )
            )

    # Words

    def _words(self) -> bool:
        """Compare the parts whose sums differ; answers whether some were left out."""
        a, b = self._a.survey, self._b.survey
        differing = [at for at in range(BUCKETS) if a.sums[at] != b.sums[at]]
        while differing:
            held, group = 0, list[int]()
            while differing and (not group or held + self._count(differing[-1]) <= MAX_HELD):
                held += self._count(differing[-1])
                group.append(differing.pop())
            before = len(self._found) + self._later + self._unreceipted
            self._compare(frozenset(group))
            if len(self._found) + self._later + self._unreceipted == before:
                self._found.append(
                    Difference(
                        UNCLEAR,
                        "",
                        "文件在核对期间被改动",
                        "a file was changed while it was being read",
                    )
                )
            if len(self._found) > MAX_NAMED:
                return True
        return False

    def _count(self, bucket: int) -> int:
        return self._a.survey.counts[bucket] + self._b.survey.counts[bucket]

    def _compare(self, group: frozenset[int]) -> None:
        mine = self._collect(self._a, self._b.center, group)
        theirs = self._collect(self._b, self._a.center, group)
        for word in sorted(mine.keys() | theirs.keys()):
            for file, found in ((self._a, mine), (self._b, theirs)):
                self._once(file, found.get(word, ()))
            if word not in theirs:
                self._alone(self._a, self._b, mine[word][0])
            elif word not in mine:
                self._alone(self._b, self._a, theirs[word][0])
            else:
                self._both(mine[word][0], theirs[word][0])

    def _collect(self, file: _File, other: str, group: frozenset[int]) -> dict[bytes, list[_Found]]:
        lines = file.open()
        read_header(lines)
        found: dict[bytes, list[_Found]] = {}
        for suite_id, index, line in of_buckets(items(lines, file.header), group):
            item, entry = read_item(line, f"{suite_id} entry {index}")
            if entry is not None and entry.peer == other:
                check_item(suite_named(suite_id), item, entry, f"{suite_id} entry {index}")
                found.setdefault(entry.word, []).append(_Found(suite_id, index, item, entry))
        return found

    def _once(self, file: _File, found: Sequence[_Found]) -> None:
        first = [each for each in found if not each.entry.again]
        if len(first) > 1:
            zh, en = f"{file.name}的日志中出现两次", f"is twice in the log of {file.name}"
            self._tell(TWICE, first[1], file, file, "none", (zh, en))

    def _both(self, mine: _Found, theirs: _Found) -> None:
        """The receipt that the speaker holds is the one in the hearer's log."""
        if mine.entry.heard == theirs.entry.heard:
            both = ("双方均记为同一方向", "is logged in the same direction by both")
            self._tell(TWICE, mine, self._a, self._b, "none", both)
            return
        hearer, hearing = (self._a, mine) if mine.entry.heard else (self._b, theirs)
        speaker, said = (self._b, theirs) if mine.entry.heard else (self._a, mine)
        answer = said.item.receipt
        if answer is None:
            self._unreceipted += 1
            return
        digest = envelope_hash(suite_named(said.suite), answer.payload_type, answer.payload)
        if digest != hearing.entry.receipt:
            proof = "receipt" if self._signed(said.suite, answer, hearer) else "none"
            zh = f"{hearer.name}日志中的回执不是它发出的那一份"
            en = f"has a receipt in the log of {hearer.name} that is not the one it gave"
            self._tell(RECEIPT, said, speaker, hearer, proof, (zh, en))

    def _alone(self, holder: _File, other: _File, found: _Found) -> None:
        """A word that only one of them has: is it proven that the other knew it?"""
        item = found.item
        signed = item.word if found.entry.heard else item.receipt
        proof = "none"
        if signed is not None and self._signed(found.suite, signed, other):
            proof = "signature" if found.entry.heard else "receipt"
            if self._sent_ms(signed) > other.header.made_ms:
                self._later += 1
                return
        elif found.entry.at_ms > other.header.made_ms:
            self._later += 1
            return
        kind = UNANSWERED if proof == "none" and not found.entry.heard else MISSING
        what = {
            "signature": ("消息由其签署", "it signed the word"),
            "receipt": ("其已签回执", "it signed a receipt"),
            "none": ("没有其签名为证", "no signature of it proves that it knew"),
        }[proof]
        zh = f"只在{holder.name}的日志中, {other.name}的日志应有而没有({what[0]})"
        en = f"is only in the log of {holder.name}, missing at {other.name} ({what[1]})"
        self._tell(kind, found, holder, other, proof, (zh, en))

    def _signed(self, suite_id: str, envelope: Envelope, by: _File) -> bool:
        key = by.keys.messages(suite_id).get(envelope.key_id)
        if key is None:
            return False
        try:
            self._verifier.check(suite_named(suite_id), envelope, key)
        except BadEnvelope:
            return False
        return True

    def _sent_ms(self, envelope: Envelope) -> int:
        try:
            return self._decode.statement(envelope.payload).sent_at_ms
        except FederationError:
            return 0

    def _tell(
        self,
        kind: str,
        found: _Found,
        holder: _File,
        by: _File,
        proof: str,
        what: tuple[str, str],
    ) -> None:
        entry, talk, revision = found.entry, "", 0
        if found.item.word is not None:
            try:
                statement = self._decode.statement(found.item.word.payload)
                talk, revision = statement.conversation_id.hex(), statement.revision
            except FederationError:
                talk = ""
        short = entry.type.rsplit(".v1.", 1)[-1].removesuffix("+protobuf")[:64]
        at = local(entry.at_ms)
        self._found.append(
            Difference(
                kind,
                by.center,
                f"{at} {short} (会话{talk[:16] or '未知'}第{revision}条): {what[0]}",
                f"{at} {short} (conversation {talk[:16] or 'unknown'}, word {revision}) {what[1]}",
                only_in=holder.center,
                proof=proof,
                word=entry.word.hex(),
                type=short,
                conversation=talk,
                revision=revision,
                at_ms=entry.at_ms,
            )
        )
