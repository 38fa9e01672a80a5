"""The dossier as a file: one evaluation, everything that proves it, readable by people.

    lianping dossier 1                  what it is
    { … }                               one JSON document, UTF-8, keys sorted, bytes in base64
    seal <base64>                       the maker's signature over every byte before this line

Here: the document's shape, reading and writing. Whether it is true is ``verify``'s question.
Log entries are not in the file: they are made anew from the words (``log_entry``), so there
is no second copy that could say something else. No personal data: members appear by code.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from federation.evidence.shape import MAX_ENTRIES, Misshapen, Reader, b64, json_of, utf8
from federation.protocol.session import ArchiveItem
from federation.trust.envelope import Envelope, Signer, sign_alone

HEADER: Final = "lianping dossier 1"
SEAL: Final = "seal "
DOSSIER_TYPE: Final = "application/vnd.lianping.v1.dossier"
MAX_FILE_BYTES: Final = 64 * 1024 * 1024  # sixteen draws with full listings; read in one piece
MAX_WORDS: Final = 50_000  # sixteen draws of MAX_STEPS steps, three words each
MAX_LOG: Final = 2**53 - 1  # as in checkpoints, and exact in every language that reads JSON
LATEST_MS: Final = 253_402_300_799_000  # the end of the year 9999: the last date with a name
_SEAL_LINE_BYTES: Final = 1024  # a signature of any suite with its prefix; bounds the search


@dataclass(frozen=True, slots=True)
class Logged:
    """Where a word stands in one center's evidence log.

    Args:
        index: The entry's place, from 0.
        at_ms: When it was said or heard, by that center's clock.
        path: RFC 6962 audit path under the checkpoint that the dossier holds of that log.
    """

    index: int
    at_ms: int
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Announced:
    """One descriptor of a center.

    Args:
        signed: As its roots signed it.
        logged: Where the other center's log has it; needed of one that revokes a key in use.
    """

    signed: bytes
    logged: Logged | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One word: as signed, the other side's signed receipt, its place in both logs."""

    envelope: Envelope
    receipt: Envelope
    logged: Mapping[str, Logged]


@dataclass(frozen=True, slots=True)
class Transcript:
    """One conversation, its words in the order of the maker's log."""

    id: bytes
    kind: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Opened:
    """What the maker opens of one draw, after the evaluation has started.

    Args:
        excluded: Credit codes of the employers that had to recuse; None if the maker does not
            know them.
        exclusion_salt: What the commitment to them was salted with.
        list_salts: Salts of the commitments to lists, by revision.
    """

    excluded: tuple[str, ...] | None
    exclusion_salt: bytes
    list_salts: Mapping[int, bytes]


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of the timeline: Beijing time, a center's name, what it said."""

    at: str
    by: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Dossier:
    """Everything that proves one evaluation.

    Args:
        maker: Center that made the file.
        session: The evaluation's conversation.
        descriptors: Both centers' descriptors, by center id: each a chain, oldest first.
        document: The agreement, as signed.
        signatures: Both centers' signatures over it.
        checkpoints: Each center's log head, cosigned by the other.
        conversations: All conversations that belong to it.
        openings: What is opened of the draws, by conversation id.
        archive: The manifest that was handed over.
        timeline: The story for people; made from the words.
        others: Descriptors of outside contributors and the regulator, whose words are shown in
            the draws, by center id: each a chain of signed ones, oldest first.
        call_backs: What the regulator had stated of calls to experts, as envelopes.
    """

    maker: str
    session: bytes
    descriptors: Mapping[str, tuple[Announced, ...]]
    document: bytes
    signatures: Mapping[str, bytes]
    checkpoints: Mapping[str, str]
    conversations: tuple[Transcript, ...]
    openings: Mapping[bytes, Opened]
    archive: tuple[ArchiveItem, ...]
    timeline: tuple[Moment, ...]
    others: Mapping[str, tuple[bytes, ...]] = field(default_factory=dict)
    call_backs: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Sealed:
    """The bytes under the seal, and the seal."""

    body: bytes
    signature: bytes


def write(dossier: Dossier, signer: Signer) -> bytes:
    """The file, sealed with the maker's message key."""
    text = json.dumps(_document(dossier), ensure_ascii=False, indent=1, sort_keys=True)
    return seal(f"{HEADER}\n{text}\n".encode(), signer)


def seal(body: bytes, signer: Signer) -> bytes:
    """Put the seal under a header and a document."""
    signature = sign_alone(DOSSIER_TYPE, body, signer)
    return body + f"{SEAL}{b64(signature)}\n".encode()


def read(file: bytes) -> tuple[Dossier, Sealed]:
    """Read a file.

    Raises:
        Misshapen: It is too large, or not of this shape.
    """
    if len(file) > MAX_FILE_BYTES:
        raise Misshapen(
            "file",
            f"文件有{len(file)}字节, 超过上限{MAX_FILE_BYTES}",
            f"{len(file)} bytes, more than {MAX_FILE_BYTES}",
        )
    header = f"{HEADER}\n".encode()
    if not file.startswith(header):
        raise Misshapen("line 1", "不是本版本的存证卷宗", f"the first line is not {HEADER!r}")
    at = file.rfind(b"\n" + SEAL.encode(), max(0, len(file) - _SEAL_LINE_BYTES)) + 1
    if at < len(header) or not file.endswith(b"\n"):
        raise Misshapen("last line", "缺少封签行", "there is no seal")
    body = file[:at]
    signature = Reader("seal").data(utf8(file[at + len(SEAL) : -1], "last line"))
    document = json_of(utf8(body[len(header) :], "document"), "document")
    return _dossier(Reader("document"), document), Sealed(body, signature)


def _document(dossier: Dossier) -> dict[str, Any]:
    return {
        "maker": dossier.maker,
        "session": dossier.session.hex(),
        "descriptors": {
            center: [
                {
                    "signed": b64(each.signed),
                    "logged": None if each.logged is None else _place(each.logged),
                }
                for each in chain
            ]
            for center, chain in dossier.descriptors.items()
        },
        "others": {
            center: [b64(signed) for signed in chain] for center, chain in dossier.others.items()
        },
        "call_backs": [b64(signed) for signed in dossier.call_backs],
        "agreement": {
            "document": b64(dossier.document),
            "signatures": {center: b64(raw) for center, raw in dossier.signatures.items()},
        },
        "checkpoints": dict(dossier.checkpoints),
        "conversations": [
            {"id": item.id.hex(), "kind": item.kind, "words": [_line(line) for line in item.lines]}
            for item in dossier.conversations
        ],
        "openings": {
            draw.hex(): {
                "excluded": None if opened.excluded is None else sorted(set(opened.excluded)),
                "exclusion_salt": b64(opened.exclusion_salt),
                "list_salts": {str(at): b64(salt) for at, salt in opened.list_salts.items()},
            }
            for draw, opened in dossier.openings.items()
        },
        "archive": [
            {
                "name": item.name,
                "digest": item.digest.hex(),
                "size": item.size,
                "retention": item.retention,
            }
            for item in dossier.archive
        ],
        "timeline": [
            {"at": item.at, "by": item.by, "zh": item.zh, "en": item.en}
            for item in dossier.timeline
        ],
    }


def _other(reader: Reader, raw: object) -> tuple[bytes, ...]:
    return tuple(reader.data(each) for each in reader.items(raw, MAX_ENTRIES))


def _line(line: Line) -> dict[str, Any]:
    return {
        "envelope": _envelope(line.envelope),
        "receipt": _envelope(line.receipt),
        "logged": {center: _place(at) for center, at in line.logged.items()},
    }


def _place(at: Logged) -> dict[str, Any]:
    return {"index": at.index, "at_ms": at.at_ms, "path": [b64(node) for node in at.path]}


def _envelope(envelope: Envelope) -> dict[str, Any]:
    return {
        "type": envelope.payload_type,
        "payload": b64(envelope.payload),
        "key_id": envelope.key_id.hex(),
        "signature": b64(envelope.signature),
        "index": envelope.index,
        "size": envelope.size,
        "path": [b64(node) for node in envelope.path],
    }


def _dossier(reader: Reader, raw: object) -> Dossier:
    top = reader.fields(
        raw,
        "maker session descriptors others agreement checkpoints conversations openings archive"
        " timeline call_backs",
    )
    agreement = reader.at("agreement").fields(top["agreement"], "document signatures")
    conversations = reader.at("conversations")
    found = tuple(
        _transcript(conversations.at(str(at)), item)
        for at, item in enumerate(conversations.items(top["conversations"], MAX_ENTRIES))
    )
    if sum(len(item.lines) for item in found) > MAX_WORDS:
        raise conversations.wrong(f"文字超过{MAX_WORDS}条", f"more than {MAX_WORDS} words")
    return Dossier(
        maker=reader.text(top["maker"]),
        session=reader.at("session").hexed(top["session"]),
        descriptors=reader.at("descriptors").mapped(top["descriptors"], _chain),
        others=reader.at("others").mapped(top["others"], _other),
        call_backs=_other(reader.at("call_backs"), top["call_backs"]),
        document=reader.at("agreement").data(agreement["document"]),
        signatures=reader.at("signatures").mapped(agreement["signatures"], Reader.data),
        checkpoints=reader.at("checkpoints").mapped(top["checkpoints"], Reader.text),
        conversations=found,
        openings={
            reader.at("openings").hexed(draw): opened
            for draw, opened in reader.at("openings").mapped(top["openings"], _opened).items()
        },
        archive=tuple(
            _archived(reader.at("archive"), item)
            for item in reader.at("archive").items(top["archive"], MAX_ENTRIES)
        ),
        timeline=tuple(
            _moment(reader.at("timeline"), item)
            for item in reader.at("timeline").items(top["timeline"], MAX_WORDS)
        ),
    )


def _chain(reader: Reader, raw: object) -> tuple[Announced, ...]:
    found = []
    for item in reader.items(raw, MAX_ENTRIES):
        fields = reader.fields(item, "signed logged")
        logged = fields["logged"]
        place = None if logged is None else _logged(reader.at("logged"), logged)
        found.append(Announced(reader.data(fields["signed"]), place))
    return tuple(found)


def _transcript(reader: Reader, raw: object) -> Transcript:
    fields = reader.fields(raw, "id kind words")
    words = reader.items(fields["words"], MAX_WORDS)
    return Transcript(
        reader.hexed(fields["id"]),
        reader.text(fields["kind"]),
        tuple(_read_line(reader.at(str(at)), item) for at, item in enumerate(words)),
    )


def _read_line(reader: Reader, raw: object) -> Line:
    fields = reader.fields(raw, "envelope receipt logged")
    return Line(
        _read_envelope(reader.at("envelope"), fields["envelope"]),
        _read_envelope(reader.at("receipt"), fields["receipt"]),
        reader.at("logged").mapped(fields["logged"], _logged),
    )


def _read_envelope(reader: Reader, raw: object) -> Envelope:
    fields = reader.fields(raw, "type payload key_id signature index size path")
    return Envelope(
        payload=reader.data(fields["payload"]),
        payload_type=reader.text(fields["type"]),
        key_id=reader.hexed(fields["key_id"]),
        signature=reader.data(fields["signature"]),
        index=reader.number(fields["index"], MAX_LOG),
        size=reader.number(fields["size"], MAX_LOG),
        path=reader.path(fields["path"]),
    )


def _logged(reader: Reader, raw: object) -> Logged:
    fields = reader.fields(raw, "index at_ms path")
    return Logged(
        reader.number(fields["index"], MAX_LOG),
        reader.number(fields["at_ms"], LATEST_MS),
        reader.path(fields["path"]),
    )


def _opened(reader: Reader, raw: object) -> Opened:
    fields = reader.fields(raw, "excluded exclusion_salt list_salts")
    excluded = fields["excluded"]
    salts = reader.at("list_salts").mapped(fields["list_salts"], Reader.data)
    if any(not name.isascii() or not name.isdecimal() or name[0] == "0" for name in salts):
        raise reader.wrong("名单次序不是正整数", "a list's revision is not a number")
    salt = reader.data(fields["exclusion_salt"])
    if excluded is None and salt:
        raise reader.wrong("有盐值而无名单", "has a salt of no list")
    known = None if excluded is None else reader.items(excluded, MAX_ENTRIES)
    codes = None if known is None else tuple(reader.text(item) for item in known)
    # The commitment is to a set: without this a list could be written in many ways.
    if codes is not None and list(codes) != sorted(set(codes)):
        raise reader.wrong("回避名单重复或无序", "the exclusion list is not sorted and distinct")
    return Opened(codes, salt, {int(name): each for name, each in salts.items()})


def _archived(reader: Reader, raw: object) -> ArchiveItem:
    fields = reader.fields(raw, "name digest size retention")
    return ArchiveItem(
        reader.text(fields["name"]),
        reader.hexed(fields["digest"]),
        reader.number(fields["size"], MAX_LOG),
        reader.text(fields["retention"]),
    )


def _moment(reader: Reader, raw: object) -> Moment:
    fields = reader.fields(raw, "at by zh en")
    return Moment(*(reader.text(fields[name]) for name in ("at", "by", "zh", "en")))
