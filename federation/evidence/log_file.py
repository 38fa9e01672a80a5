"""A center's evidence log as one file: every entry, every envelope that was kept, all heads.

    lianping log 1                      what it is
    {"center":…}                        one line: whose, when, descriptors, sizes, cosigned heads
    {"e":…,"r":…,"w":…}                 one line for each entry: its data, the word, the receipt
    …
    end 1200                            how many entries there were

One line at a time, so that a log of any size is written and read in the same memory. A word
whose envelope was erased keeps its entry: the tree does not change, only what it said is gone.

Here: the shape of the file. What it proves by itself is ``log_survey``; laying two of them side
by side is ``log_diff``.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from federation.evidence.dossier import LATEST_MS, MAX_LOG
from federation.evidence.entry import IN, IN_AGAIN, OUT, OUT_AGAIN
from federation.evidence.shape import Misshapen, Reader, b64, unique, utf8
from federation.trust import merkle
from federation.trust.envelope import Envelope

HEADER: Final = "lianping log 1"
MAX_LINE_BYTES: Final = 4 * 1024 * 1024  # a word of a call and its receipt in base64, and room
MAX_PEERS: Final = 4_096
MAX_HEADS: Final = 65_536  # one a peer and suite, and room
BUCKET_DIGITS: Final = 3  # hex digits of a word's hash that name its bucket
_MARK: Final = b'\\"word\\":\\"'
_HEARD: Final = frozenset({IN, IN_AGAIN})
_SAID: Final = frozenset({OUT, OUT_AGAIN})
_AGAIN: Final = frozenset({IN_AGAIN, OUT_AGAIN})


class BadLog(Exception):
    """The file is no log, or does not hold together: nothing can be compared with it.

    Args:
        where: Which part of it.
        zh: What is wrong, in Chinese.
        en: The same in English.
    """

    def __init__(self, where: str, zh: str, en: str) -> None:
        super().__init__(f"{where}: {en}")
        self.where = where
        self.zh = zh
        self.en = en


@dataclass(frozen=True, slots=True)
class Head:
    """A cosigned head: of the owner's log by a peer, or of a peer's log by the owner."""

    suite: str
    peer: str
    note: str


@dataclass(frozen=True, slots=True)
class LogHeader:
    """What a file says of itself.

    Args:
        center: Whose log.
        made_ms: When it was written out, by the owner's clock.
        descriptors: Signed chains by center, oldest first: the owner's and its peers'.
        sizes: How many entries follow, by suite, in the order of the suites' names.
        heads: Heads of this log that peers cosigned.
        seen: Heads of peers' logs that the owner cosigned.
    """

    center: str
    made_ms: int
    descriptors: Mapping[str, tuple[bytes, ...]]
    sizes: Mapping[str, int]
    heads: tuple[Head, ...]
    seen: tuple[Head, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """One entry with what was kept of its word.

    Args:
        data: The leaf's data.
        word: The envelope; None if it was erased, was not sent yet, or the entry is of no word.
        receipt: Its receipt: the peer's envelope for a word of ours; for the peer's our own,
            whose signature is made anew when needed and is empty here.
    """

    data: bytes
    word: Envelope | None
    receipt: Envelope | None


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a word, read: which way it went, to or from whom, when, with which receipt."""

    direction: str
    peer: str
    type: str
    word: bytes
    receipt: bytes
    at_ms: int

    @property
    def heard(self) -> bool:
        """Whether the log's owner heard it, not said it."""
        return self.direction in _HEARD

    @property
    def again(self) -> bool:
        """Whether it came back after a loss."""
        return self.direction in _AGAIN


def head_lines(header: LogHeader) -> bytes:
    """The first two lines of a file."""
    document = {
        "center": header.center,
        "made_ms": header.made_ms,
        "descriptors": {
            center: [b64(each) for each in chain] for center, chain in header.descriptors.items()
        },
        "sizes": dict(header.sizes),
        "heads": [[each.suite, each.peer, each.note] for each in header.heads],
        "seen": [[each.suite, each.peer, each.note] for each in header.seen],
    }
    return f"{HEADER}\n".encode() + _line(document)


def item_line(item: Item) -> bytes:
    """The line of one entry."""
    return _line({
        "e": item.data.decode(),
        "r": None if item.receipt is None else _fields(item.receipt),
        "w": None if item.word is None else _fields(item.word),
    })  # fmt: skip


def end_line(entries: int) -> bytes:
    """The last line."""
    return f"end {entries}\n".encode()


def _line(document: Mapping[str, Any]) -> bytes:
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode() + b"\n"


def _fields(envelope: Envelope) -> list[Any]:
    return [
        envelope.payload_type, b64(envelope.payload), envelope.key_id.hex(),
        b64(envelope.signature), envelope.index, envelope.size,
        [b64(node) for node in envelope.path],
    ]  # fmt: skip


def read_header(lines: Iterator[bytes]) -> LogHeader:
    """Take the first two lines. Raises BadLog."""
    if next(lines, b"") != f"{HEADER}\n".encode():
        raise BadLog("line 1", "不是本版本的日志文件", f"the first line is not {HEADER!r}")
    try:
        raw = json.loads(utf8(next(lines, b""), "header"), object_pairs_hook=unique)
        return _header(Reader("header"), raw)
    except Misshapen as error:
        raise BadLog(error.where, error.zh, error.en) from error
    except (ValueError, RecursionError) as error:
        raise BadLog("header", "不是合法的 JSON", f"not JSON: {error}") from error


def _header(reader: Reader, raw: object) -> LogHeader:
    top = reader.fields(raw, "center made_ms descriptors sizes heads seen")
    chains = top["descriptors"]
    sizes = reader.at("sizes").mapped(top["sizes"], lambda each, size: each.number(size, MAX_LOG))
    if not isinstance(chains, dict) or len(chains) > MAX_PEERS:
        raise reader.wrong("密钥说明不符", f"must have descriptors of at most {MAX_PEERS} centers")
    return LogHeader(
        center=reader.text(top["center"]),
        made_ms=reader.number(top["made_ms"], LATEST_MS),
        descriptors={
            center: tuple(reader.data(each) for each in reader.items(chain, MAX_PEERS))
            for center, chain in chains.items()
        },
        sizes={name: sizes[name] for name in sorted(sizes)},
        heads=_heads(reader.at("heads"), top["heads"]),
        seen=_heads(reader.at("seen"), top["seen"]),
    )


def _heads(reader: Reader, raw: object) -> tuple[Head, ...]:
    found = []
    for each in reader.items(raw, MAX_HEADS):
        fields = reader.items(each, 3)
        if len(fields) != 3:  # noqa: PLR2004 (suite, peer, note)
            raise reader.wrong("不是三项", "is not suite, peer and note")
        found.append(Head(*(reader.text(field) for field in fields)))
    return tuple(found)


def items(lines: Iterator[bytes], header: LogHeader) -> Iterator[tuple[str, int, bytes]]:
    """The entries' lines with suite and place, to the end of the file. Raises BadLog."""
    total = 0
    for suite_id, size in header.sizes.items():
        for index in range(size):
            line = next(lines, b"")
            if not line.startswith(b"{") or not line.endswith(b"\n"):
                raise BadLog(
                    f"{suite_id} entry {index}",
                    f"文件不全: 应有{size}条",
                    f"the file was cut off: {size} entries were to come",
                )
            yield suite_id, index, line
            total += 1
    if next(lines, b"") != end_line(total) or next(lines, None) is not None:
        raise BadLog("last line", "缺少结束行", f"the file does not end with {total} entries")


def read_item(line: bytes, where: str) -> tuple[Item, Entry | None]:
    """One entry's line: as kept, and read if it is of a word. Raises BadLog."""
    try:
        return _item(line)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadLog(where, "条目不可读", f"the entry is unreadable: {error!r:.200}") from error


def _item(line: bytes) -> tuple[Item, Entry | None]:
    raw = json.loads(line)
    data = raw["e"].encode()
    entry = _entry(data)
    # ``of_buckets`` finds a word without reading the line: then it must stand there as it is.
    if entry is not None and word_in(line) != entry.word.hex().encode():
        raise ValueError("the word is spelled in another way")
    return Item(data, _envelope(raw["w"]), _envelope(raw["r"])), entry


def word_in(line: bytes) -> bytes:
    """The word's hash in hex, as it stands in an entry's line; empty for an entry of no word."""
    at = line.find(_MARK) + len(_MARK)
    return line[at : at + 2 * merkle.HASH_SIZE] if at >= len(_MARK) else b""


def _entry(data: bytes) -> Entry | None:
    fields = json.loads(data)
    if "word" not in fields:
        return None
    found = _of_word(fields)
    if type(found.peer) is not str or type(found.type) is not str:
        raise ValueError("its peer or its type is no text")
    if found.direction not in _SAID | _HEARD or type(found.at_ms) is not int:
        raise ValueError("neither said nor heard, or at no time")
    if not 0 <= found.at_ms <= LATEST_MS or len(found.word) != merkle.HASH_SIZE:
        raise ValueError("its time or its word cannot be")
    return found


def _of_word(fields: Mapping[str, Any]) -> Entry:
    return Entry(
        fields["dir"], fields["peer"], fields["type"], bytes.fromhex(fields["word"]),
        bytes.fromhex(fields["receipt"]), fields["at"],
    )  # fmt: skip


def _envelope(raw: Any) -> Envelope | None:
    if raw is None:
        return None
    kind, payload, key_id, signature, index, size, path = raw
    read = Reader("envelope")
    return Envelope(
        read.data(payload), read.text(kind), read.hexed(key_id), read.data(signature),
        read.number(index, MAX_LOG), read.number(size, MAX_LOG), read.path(path),
    )  # fmt: skip


def of_buckets(
    lines: Iterable[tuple[str, int, bytes]], wanted: frozenset[int]
) -> Iterator[tuple[str, int, bytes]]:
    """Those lines whose word is in one of some buckets, found without reading the others."""
    prefixes = {f"{bucket:03x}".encode() for bucket in wanted}
    for suite_id, index, line in lines:
        if word_in(line)[:BUCKET_DIGITS] in prefixes:
            yield suite_id, index, line
