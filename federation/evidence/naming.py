"""Who the experts were: an OPENING that follows a dossier, after the award or by order.

    lianping dossier 1 … seal …         the dossier, unchanged to the last byte
    lianping opening 1                  what follows it
    { … }                               one JSON document, UTF-8, keys sorted
    seal <base64>                       the owner's signature over every byte since the header

A dossier names members by their handles alone. Once the award is determined the owner of a pool
opens ``id`` of those on its list: salt and value, which anybody can hash into the handle (V11).
It is the owner's own signed act, and names the dossier by its hash, so that it can be cut off
and shown alone but not moved to another file. Those who were not selected stay hidden for ever:
an opening of anybody else is refused.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from federation.evidence.case import Step, refute
from federation.evidence.dossier import LATEST_MS, SEAL
from federation.evidence.shape import Misshapen, Reader, b64, json_of, utf8
from federation.evidence.verdict import Named
from federation.evidence.verify import Examined
from federation.lottery.audit import DrawAudit
from federation.lottery.pool import IDENTITY, BadOpening, check_opening
from federation.protocol.draw import MAX_PER_SLOT, MAX_SLOTS, Open, Opening
from federation.trust.envelope import Signer, pae, sign_alone

HEADER: Final = "lianping opening 1"
OPENING_TYPE: Final = "application/vnd.lianping.v1.opening"
STAGES: Final = ("AWARDED", "ORDERED")
"""Why names may be shown: the award is determined, or an authority ordered it."""
MAX_OPENINGS: Final = 64  # one of each draw of sixteen parts, twice over
MAX_BYTES: Final = 512 * 1024  # a full list of a draw, a kilobyte each
MAX_ACT: Final = 200  # characters that name a notice or an order
_DIGESTS: Final = 5  # attributes of an entry
_ID_PARTS: Final = 2  # uid and name
_U32: Final = 4


@dataclass(frozen=True, slots=True)
class OpenedMember:
    """One entry's identity: the digests of all attributes, salt and value of ``id``."""

    entry: bytes
    digests: tuple[bytes, ...]
    salt: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class Naming:
    """One opening as its owner says it.

    Args:
        dossier: Hash of the dossier's bytes, under the suite of the draw's agreement.
        draw: The draw's conversation.
        owner: Center id of the pool's owner.
        stage: One of ``STAGES``.
        act: Which award or order: a number that people can look up.
        opened_ms: When it was opened, by the owner's clock.
        members: Who is named.
    """

    dossier: bytes
    draw: bytes
    owner: str
    stage: str
    act: str
    opened_ms: int
    members: tuple[OpenedMember, ...]


def split(file: bytes) -> tuple[bytes, tuple[bytes, ...]]:
    """A file's dossier, and the openings that follow it.

    No line within a dossier can be taken for an opening's header: JSON writes no line that
    begins with a letter.
    """
    mark = f"\n{HEADER}\n".encode()
    base, *rest = file.split(mark)
    if not rest:
        return file, ()
    header, last = mark[1:], len(rest) - 1
    sections = [header + part + (b"" if at == last else b"\n") for at, part in enumerate(rest)]
    return base + b"\n", tuple(sections)


def write(naming: Naming, signer: Signer) -> bytes:
    """The section, sealed with the owner's message key; goes to the end of the file."""
    text = json.dumps(_document(naming), ensure_ascii=False, indent=1, sort_keys=True)
    body = f"{HEADER}\n{text}\n".encode()
    return body + f"{SEAL}{b64(sign_alone(OPENING_TYPE, body, signer))}\n".encode()


def read(section: bytes) -> tuple[Naming, bytes, bytes]:
    """One section: what it says, the bytes under its seal, and the seal. Raises Misshapen."""
    where = "opening"
    header = f"{HEADER}\n".encode()
    if len(section) > MAX_BYTES:
        raise Misshapen(where, f"超过{MAX_BYTES}字节", f"has more than {MAX_BYTES} bytes")
    at = section.rfind(b"\n" + SEAL.encode()) + 1
    if not section.startswith(header) or at < len(header) or not section.endswith(b"\n"):
        raise Misshapen(where, "缺少标题行或封签行", "lacks its header or its seal")
    signature = Reader(where).data(utf8(section[at + len(SEAL) : -1], where))
    raw = json_of(utf8(section[len(header) : at], where), where)
    return _naming(Reader(where), raw), section[:at], signature


def check_openings(
    base: bytes, sections: Sequence[bytes], parts: Sequence[Examined]
) -> tuple[Named, ...]:
    """Check what was opened of a dossier that holds.

    Args:
        base: The dossier's bytes, with its seal.
        sections: What follows it.
        parts: The dossier, examined; a joint one has several parts.

    Raises:
        Refuted: At step OPENINGS, at the first thing that is wrong.
    """
    if len(sections) > MAX_OPENINGS:
        refute(Step.OPENINGS, "openings", f"超过{MAX_OPENINGS}份", f"are more than {MAX_OPENINGS}")
    draws = {talk: part for part in parts for talk in part.findings.draws}
    found: list[Named] = []
    for at, section in enumerate(sections, start=1):
        where = f"opening {at}"
        try:
            naming, body, signature = read(section)
        except Misshapen as error:
            refute(Step.OPENINGS, f"{where}, {error.where}", error.zh, error.en)
        part = draws.get(naming.draw)
        if part is None:
            refute(Step.OPENINGS, where, "不属于本卷宗的抽取", "is of no draw of this dossier")
        found += _check(base, naming, body, signature, part, where)
    handles = [(each.draw, each.entry) for each in found]
    if len(set(handles)) != len(handles):
        refute(Step.OPENINGS, "openings", "同一成员公开两次", "open one member twice")
    check_distinct(found)
    return tuple(found)


def check_distinct(names: Sequence[Named]) -> None:
    """Nobody sits in one draw twice: tokens that differ for one person were a lie of the owner.

    Raises:
        Refuted: At step OPENINGS, two members of a draw are one person.
    """
    seen: set[tuple[str, str]] = set()
    for each in names:
        if (each.draw, each.uid) in seen:
            refute(
                Step.OPENINGS,
                f"draw {each.draw}, {each.entry[:16]}",
                "同一专家以两个编码入选",
                "one expert is on the list under two entries",
            )
        seen.add((each.draw, each.uid))


def _check(
    base: bytes, naming: Naming, body: bytes, signature: bytes, part: Examined, where: str
) -> list[Named]:
    chosen, draw = part.case.suite, part.findings.draws[naming.draw]
    if naming.owner != draw.owner:
        refute(Step.OPENINGS, where, "不是专家库所属中心公开的", "is not by the pool's owner")
    message = pae(OPENING_TYPE, body)
    if not any(chosen.verify(key, signature, message) for key in part.signers[naming.owner]):
        refute(
            Step.OPENINGS, where, "封签不是专家库所属中心的", "is not sealed by the pool's owner"
        )
    if naming.dossier != chosen.hash(base):
        refute(Step.OPENINGS, where, "属于另一份卷宗", "is of another dossier")
    if naming.opened_ms < part.findings.finished_ms:
        refute(
            Step.OPENINGS,
            where,
            "评标尚未结束即公开身份",
            "shows names before the evaluation had ended",
        )
    return [_named(naming, member, draw, part, where) for member in naming.members]


def _named(
    naming: Naming, member: OpenedMember, draw: DrawAudit, part: Examined, where: str
) -> Named:
    slots: Mapping[bytes, int] = {entry: slot for slot, entry in draw.members}
    slot = slots.get(member.entry)
    if slot is None:
        refute(
            Step.OPENINGS,
            where,
            f"{member.entry.hex()[:16]}不在名单上: 未入选专家的身份不得公开",
            f"{member.entry.hex()[:16]} is not on the list: who was not selected stays hidden",
        )
    _, opened = part.case.one(naming.draw, Open, Step.OPENINGS)
    try:
        values = check_opening(
            part.case.suite,
            opened.pool,
            opened.epoch,
            opened.slots[slot].specialty,
            member.entry,
            member.digests,
            (Opening(IDENTITY, member.salt, member.value),),
        )
        uid, name = _two(values[IDENTITY])
    except (BadOpening, ValueError) as error:
        refute(Step.OPENINGS, where, f"公开的身份与编码不符 ({error})", str(error))
    return Named(
        naming.draw.hex(),
        member.entry.hex(),
        naming.owner,
        uid,
        name,
        naming.stage,
        naming.act,
        naming.opened_ms,
    )


def _two(value: bytes) -> tuple[str, str]:
    """``enc(uid, name)`` read back; ValueError for anything else."""
    found, rest = [], value
    while rest:
        size = int.from_bytes(rest[:_U32], "big")
        if len(rest) < _U32 + size:
            raise ValueError("the identity is not a number and a name")
        found.append(rest[_U32 : _U32 + size].decode())
        rest = rest[_U32 + size :]
    if len(found) != _ID_PARTS:
        raise ValueError("the identity is not a number and a name")
    return found[0], found[1]


def _document(naming: Naming) -> dict[str, Any]:
    return {
        "dossier": naming.dossier.hex(),
        "draw": naming.draw.hex(),
        "owner": naming.owner,
        "stage": naming.stage,
        "act": naming.act,
        "opened_ms": naming.opened_ms,
        "members": [
            {
                "entry": each.entry.hex(),
                "digests": [each.hex() for each in each.digests],
                "salt": b64(each.salt),
                "value": b64(each.value),
            }
            for each in naming.members
        ],
    }


def _naming(reader: Reader, raw: object) -> Naming:
    top = reader.fields(raw, "dossier draw owner stage act opened_ms members")
    stage = reader.at("stage").text(top["stage"])
    if stage not in STAGES:
        raise reader.at("stage").wrong("不是公开身份的阶段", f"is none of {', '.join(STAGES)}")
    act = reader.at("act").text(top["act"])
    if not 0 < len(act) <= MAX_ACT or not act.isprintable():
        raise reader.at("act").wrong(
            f"不是1至{MAX_ACT}字的文号", f"is not 1 to {MAX_ACT} printable characters"
        )
    members = reader.at("members")
    return Naming(
        dossier=reader.at("dossier").hexed(top["dossier"]),
        draw=reader.at("draw").hexed(top["draw"]),
        owner=reader.at("owner").text(top["owner"]),
        stage=stage,
        act=act,
        opened_ms=reader.at("opened_ms").number(top["opened_ms"], LATEST_MS),
        members=tuple(
            _member(members, item)
            for item in members.items(top["members"], MAX_SLOTS * MAX_PER_SLOT)
        ),
    )


def _member(reader: Reader, raw: object) -> OpenedMember:
    fields = reader.fields(raw, "entry digests salt value")
    return OpenedMember(
        reader.hexed(fields["entry"]),
        tuple(reader.hexed(item) for item in reader.items(fields["digests"], _DIGESTS)),
        reader.data(fields["salt"]),
        reader.data(fields["value"]),
    )
