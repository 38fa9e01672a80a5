"""An expert's receipt as a file: was I in the pool, and what was recorded of my invitations?

    lianping expert receipt 1           what it is
    { … }                               one JSON document, UTF-8, keys sorted, bytes in base64
    seal <base64>                       the center's signature over every byte before this line

It opens one expert's own entries and nobody else's: each hashes to a stratum, the strata to the
root that the center announced, and each partner that cosigned has the same. What was reported of
an invitation is the center's own signed word, in a log that the partner cosigned; the seal is for
what no proof can show, that there is nothing more. Here: shape, reading and writing. Whether it
is true is ``receipt``'s question.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from federation.evidence.dossier import LATEST_MS, MAX_LOG, Logged
from federation.evidence.shape import MAX_ENTRIES, Misshapen, Reader, b64, unique, utf8
from federation.lottery.pool import ATTRIBUTES
from federation.protocol.draw import Opening
from federation.trust.envelope import Envelope, Signer, sign_alone

HEADER: Final = "lianping expert receipt 1"
SEAL: Final = "seal "
RECEIPT_TYPE: Final = "application/vnd.lianping.v1.expert-receipt"
MAX_RECEIPT_BYTES: Final = 16 * 1024 * 1024  # a year of invitations, each in an epoch of its own
_SEAL_LINE_BYTES: Final = 1024  # as in ``dossier``


@dataclass(frozen=True, slots=True)
class Proven:
    """A word of the center that made the file, as one partner heard it.

    Args:
        peer: Whom it was said to; its cosignature is under the checkpoint.
        envelope: The word, signed.
        logged: Its place in the log of the file's maker.
    """

    peer: str
    envelope: Envelope
    logged: Logged


@dataclass(frozen=True, slots=True)
class OwnEntry:
    """The expert's entry of one specialty, opened.

    Args:
        specialty: The stratum.
        openings: Salt and value of each of ``ATTRIBUTES``.
        index: Of the entry in the stratum, from 0.
        path: RFC 6962 audit path to the stratum's root.
    """

    specialty: str
    openings: Mapping[str, Opening] = field(repr=False)
    index: int
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class PoolPart:
    """One epoch under one suite.

    Args:
        suite: The suite's id.
        pool: The pool's name.
        epoch: The epoch's name.
        announced: The announcement, to each partner whose cosignature covers it.
        entries: The expert's own; none if the expert is not in it.
    """

    suite: str
    pool: str
    epoch: str
    announced: tuple[Proven, ...]
    entries: tuple[OwnEntry, ...]


@dataclass(frozen=True, slots=True)
class Reported:
    """What was reported of an invitation, and the gateway's record that it rests on.

    Args:
        word: The ``Report``.
        record: The gateway's signed record (``call_record``); empty where there was no call.
    """

    word: Proven
    record: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class InvitedPart:
    """One invitation.

    Args:
        suite: That the draw is under.
        pool: Drawn from.
        epoch: Drawn from.
        draw: The draw's id: random, and says nothing of the project.
        entry: The expert's entry that was drawn.
        invited_at_ms: When the center began to call, by its own clock.
        reported: What it told the other center, in order; none while it is still calling.
    """

    suite: str
    pool: str
    epoch: str
    draw: bytes
    entry: bytes
    invited_at_ms: int
    reported: tuple[Reported, ...]


@dataclass(frozen=True, slots=True)
class ReceiptFile:
    """All of it.

    Args:
        maker: The center whose pool it is.
        uid: The expert's number in its register.
        made_at_ms: When, by the center's clock.
        descriptors: Signed descriptors of the center and the partners named, by center id.
        checkpoints: The center's log heads, by suite and the partner that cosigned each.
        pools: Epochs: the present one of each suite, and those that invitations came from.
        invited: Invitations.
    """

    maker: str
    uid: str = field(repr=False)
    made_at_ms: int
    descriptors: Mapping[str, bytes]
    checkpoints: Mapping[str, Mapping[str, str]]
    pools: tuple[PoolPart, ...]
    invited: tuple[InvitedPart, ...]


def is_receipt(file: bytes) -> bool:
    """Whether a file calls itself an expert's receipt."""
    return file.startswith(f"{HEADER}\n".encode())


def write(receipt: ReceiptFile, signer: Signer) -> bytes:
    """The file, sealed with the center's message key."""
    text = json.dumps(_document(receipt), ensure_ascii=False, indent=1, sort_keys=True)
    body = f"{HEADER}\n{text}\n".encode()
    return body + f"{SEAL}{b64(sign_alone(RECEIPT_TYPE, body, signer))}\n".encode()


def read(file: bytes) -> tuple[ReceiptFile, bytes, bytes]:
    """What a file says, the bytes under its seal, and the seal.

    Raises:
        Misshapen: It is too large, or not of this shape.
    """
    if len(file) > MAX_RECEIPT_BYTES:
        raise Misshapen(
            "file",
            f"文件有{len(file)}字节, 超过上限{MAX_RECEIPT_BYTES}",
            f"{len(file)} bytes, more than {MAX_RECEIPT_BYTES}",
        )
    header = f"{HEADER}\n".encode()
    if not file.startswith(header):
        raise Misshapen("line 1", "不是专家回执", f"the first line is not {HEADER!r}")
    at = file.rfind(b"\n" + SEAL.encode(), max(0, len(file) - _SEAL_LINE_BYTES)) + 1
    if at < len(header) or not file.endswith(b"\n"):
        raise Misshapen("last line", "缺少封签行", "there is no seal")
    seal = Reader("seal").data(utf8(file[at + len(SEAL) : -1], "last line"))
    try:
        document = json.loads(utf8(file[len(header) : at], "document"), object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise Misshapen("document", "不是合法的 JSON", f"not JSON: {error}") from error
    return _receipt(Reader("document"), document), file[:at], seal


def _document(receipt: ReceiptFile) -> dict[str, Any]:
    return {
        "maker": receipt.maker,
        "uid": receipt.uid,
        "made_at_ms": receipt.made_at_ms,
        "descriptors": {center: b64(raw) for center, raw in receipt.descriptors.items()},
        "checkpoints": {suite: dict(notes) for suite, notes in receipt.checkpoints.items()},
        "pools": [
            {
                "suite": part.suite,
                "pool": part.pool,
                "epoch": part.epoch,
                "announced": [_proven(each) for each in part.announced],
                "entries": [_entry(each) for each in part.entries],
            }
            for part in receipt.pools
        ],
        "invited": [
            {
                "suite": part.suite,
                "pool": part.pool,
                "epoch": part.epoch,
                "draw": part.draw.hex(),
                "entry": part.entry.hex(),
                "invited_at_ms": part.invited_at_ms,
                "reported": [
                    {"word": _proven(each.word), "record": b64(each.record)}
                    for each in part.reported
                ],
            }
            for part in receipt.invited
        ],
    }


def _proven(proven: Proven) -> dict[str, Any]:
    envelope, logged = proven.envelope, proven.logged
    return {
        "peer": proven.peer,
        "envelope": {
            "type": envelope.payload_type,
            "payload": b64(envelope.payload),
            "key_id": envelope.key_id.hex(),
            "signature": b64(envelope.signature),
            "index": envelope.index,
            "size": envelope.size,
            "path": [b64(node) for node in envelope.path],
        },
        "logged": {
            "index": logged.index,
            "at_ms": logged.at_ms,
            "path": [b64(node) for node in logged.path],
        },
    }


def _entry(entry: OwnEntry) -> dict[str, Any]:
    return {
        "specialty": entry.specialty,
        "index": entry.index,
        "path": [b64(node) for node in entry.path],
        "openings": {
            name: {"salt": b64(each.salt), "value": b64(each.value)}
            for name, each in entry.openings.items()
        },
    }


def _receipt(reader: Reader, raw: object) -> ReceiptFile:
    top = reader.fields(raw, "maker uid made_at_ms descriptors checkpoints pools invited")
    pools, invited = reader.at("pools"), reader.at("invited")
    return ReceiptFile(
        maker=reader.text(top["maker"]),
        uid=reader.text(top["uid"]),
        made_at_ms=reader.number(top["made_at_ms"], LATEST_MS),
        descriptors=reader.at("descriptors").mapped(top["descriptors"], Reader.data),
        checkpoints=reader.at("checkpoints").mapped(top["checkpoints"], _notes),
        pools=tuple(
            _pool(pools.at(str(at)), item)
            for at, item in enumerate(pools.items(top["pools"], MAX_ENTRIES))
        ),
        invited=tuple(
            _invited(invited.at(str(at)), item)
            for at, item in enumerate(invited.items(top["invited"], MAX_ENTRIES))
        ),
    )


def _notes(reader: Reader, raw: object) -> dict[str, str]:
    return reader.mapped(raw, Reader.text)


def _pool(reader: Reader, raw: object) -> PoolPart:
    fields = reader.fields(raw, "suite pool epoch announced entries")
    return PoolPart(
        reader.text(fields["suite"]),
        reader.text(fields["pool"]),
        reader.text(fields["epoch"]),
        tuple(
            _read_proven(reader.at("announced"), item)
            for item in reader.items(fields["announced"], MAX_ENTRIES)
        ),
        tuple(
            _read_entry(reader.at("entries"), item)
            for item in reader.items(fields["entries"], MAX_ENTRIES)
        ),
    )


def _invited(reader: Reader, raw: object) -> InvitedPart:
    fields = reader.fields(raw, "suite pool epoch draw entry invited_at_ms reported")
    return InvitedPart(
        reader.text(fields["suite"]),
        reader.text(fields["pool"]),
        reader.text(fields["epoch"]),
        reader.hexed(fields["draw"]),
        reader.hexed(fields["entry"]),
        reader.number(fields["invited_at_ms"], LATEST_MS),
        tuple(
            _reported(reader.at("reported"), item)
            for item in reader.items(fields["reported"], MAX_ENTRIES)
        ),
    )


def _reported(reader: Reader, raw: object) -> Reported:
    fields = reader.fields(raw, "word record")
    return Reported(_read_proven(reader, fields["word"]), reader.data(fields["record"]))


def _read_proven(reader: Reader, raw: object) -> Proven:
    fields = reader.fields(raw, "peer envelope logged")
    envelope = reader.fields(fields["envelope"], "type payload key_id signature index size path")
    logged = reader.fields(fields["logged"], "index at_ms path")
    return Proven(
        reader.text(fields["peer"]),
        Envelope(
            payload=reader.data(envelope["payload"]),
            payload_type=reader.text(envelope["type"]),
            key_id=reader.hexed(envelope["key_id"]),
            signature=reader.data(envelope["signature"]),
            index=reader.number(envelope["index"], MAX_LOG),
            size=reader.number(envelope["size"], MAX_LOG),
            path=reader.path(envelope["path"]),
        ),
        Logged(
            reader.number(logged["index"], MAX_LOG),
            reader.number(logged["at_ms"], LATEST_MS),
            reader.path(logged["path"]),
        ),
    )


def _read_entry(reader: Reader, raw: object) -> OwnEntry:
    fields = reader.fields(raw, "specialty index path openings")
    openings = reader.at("openings")
    opened = openings.fields(fields["openings"], " ".join(ATTRIBUTES))
    found = {}
    for name in ATTRIBUTES:
        each = openings.at(name).fields(opened[name], "salt value")
        found[name] = Opening(name, openings.data(each["salt"]), openings.data(each["value"]))
    return OwnEntry(
        reader.text(fields["specialty"]),
        found,
        reader.number(fields["index"], MAX_LOG),
        reader.path(fields["path"]),
    )
