"""Call-backs (回访抽查): which invitations a regulator checks, and what a produced record proves.

The vendor's signed record of a call names a telephone, so that the two centers exchange its
digest only. A regulator asks for some of the records, chosen so that nobody can foretell or bend
which: ``is_chosen`` for each invitation by itself, by a value that is a keyed hash over the draw.
Records come sealed, each with who was called, opened against the pool's commitment.

Here: the choice, the document inside the seal and its examination. Sealing, asking and
telephoning are for whoever has the keys. ``proto/README.md``, Oversight, has the rules.

    enc(enc(entry, record, specialty, five digests, salt, value) of each)
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from federation.errors import Malformed
from federation.evidence import call_record
from federation.evidence.call_record import CallRecord
from federation.evidence.shape import Misshapen
from federation.ids import DIGEST_BYTES
from federation.lottery.pool import ATTRIBUTES, IDENTITY, BadOpening, check_opening
from federation.protocol.draw import Opening, Response
from federation.protocol.oversight import MAX_RECORDS, MAX_SEALED_BYTES, Wrong
from federation.trust.suite import Digests, Suite, enc

ANSWERS: Final[Mapping[Response, str]] = {
    Response.ACCEPT: "attend",
    Response.DECLINE: "decline",
    Response.NO_ANSWER: "no_answer",
}
"""What a record says where this was reported; the other responses are not given by telephone."""
_MAX_SPECIALTY_BYTES: Final = 64
_MAX_PERSON_BYTES: Final = 1_024  # a register number and a name, each with its length
_PARTS: Final = 5 + len(ATTRIBUTES)


@dataclass(frozen=True, slots=True)
class Produced:
    """One record as the owner of the pool produces it.

    Args:
        entry: The invitation's handle, 32 bytes.
        record: The gateway's signed record of the call.
        specialty: The stratum of the entry.
        digests: Of the entry's five attributes.
        salt: That opens who it is.
        person: The value that it opens: enc(uid, name).
    """

    entry: bytes
    record: bytes = field(repr=False)
    specialty: str
    digests: tuple[bytes, ...]
    salt: bytes = field(repr=False)
    person: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Claim:
    """What had been said of an invitation before anybody asked for its record.

    Args:
        draw: The draw's id.
        entry: The handle.
        response: What was reported.
        evidence: ``Report.evidence``.
        gateway_key: As announced with the pool; empty: none was.
        pool: The pool's name.
        epoch: Its epoch.
    """

    draw: bytes
    entry: bytes
    response: Response
    evidence: bytes
    gateway_key: bytes
    pool: str
    epoch: str


@dataclass(frozen=True, slots=True)
class Proven:
    """What a record proves, and whom to call about it.

    Args:
        record: As the gateway has signed it.
        uid: The expert's number in the pool.
        name: The expert's name.
    """

    record: CallRecord = field(repr=False)
    uid: str = field(repr=False)
    name: str = field(repr=False)


class RecordRefuted(Exception):
    """A produced record does not prove what was reported; ``wrong`` says why."""

    def __init__(self, wrong: Wrong) -> None:
        super().__init__(wrong.name)
        self.wrong = wrong


def is_chosen(digests: Digests, value: bytes, percent: int, entry: bytes) -> bool:
    """Whether an invitation is called back.

    Args:
        digests: The draw's suite.
        value: The regulator's for this draw, 32 bytes.
        percent: How many of a hundred are chosen, 1 to 100.
        entry: The invitation's handle.
    """
    number = int.from_bytes(digests.tagged("call-back-choice", value, entry)[:8], "big")
    return number * 100 < percent << 64


def choosing_value(digests: Digests, key: bytes, draw: bytes) -> bytes:
    """What chooses in a draw: the same for ever, and only who has the key can tell it before."""
    return digests.mac(key, "call-back", draw)


def records_info(digests: Digests, draw: bytes) -> bytes:
    """What a seal over records is bound to."""
    return digests.tagged("call-records", draw)


def encode(produced: Iterable[Produced]) -> bytes:
    """The document inside a seal. Raises Malformed: ``decode`` would not take it."""
    raw = enc(*(
        enc(one.entry, one.record, one.specialty.encode(), *one.digests, one.salt, one.person)
        for one in produced
    ))  # fmt: skip
    decode(raw)
    return raw


def decode(raw: bytes) -> tuple[Produced, ...]:
    """Read what a seal held.

    Raises:
        Malformed: It is no such document, holds too many records, or an entry twice.
    """
    if len(raw) > MAX_SEALED_BYTES:
        raise Malformed(f"the records have {len(raw)} bytes, more than {MAX_SEALED_BYTES}")
    found = tuple(_produced(_parts(each)) for each in _parts(raw))
    if len(found) > MAX_RECORDS or len({one.entry for one in found}) < len(found):
        raise Malformed(f"more than {MAX_RECORDS} records, or one entry twice")
    return found


def examine(suite: Suite, claim: Claim, produced: Produced | None) -> Proven:
    """Whether a record proves what was reported; the first thing that is wrong counts.

    Args:
        suite: That the draw is under.
        claim: What had been said.
        produced: What was produced for it; None: nothing.

    Raises:
        RecordRefuted: It does not.
    """
    if produced is None:
        raise RecordRefuted(Wrong.NOT_PRODUCED)
    if call_record.evidence(suite, produced.record) != claim.evidence:
        raise RecordRefuted(Wrong.OTHER_RECORD)
    if not claim.gateway_key:
        raise RecordRefuted(Wrong.NOT_SIGNED)
    try:
        record = call_record.check(suite, claim.gateway_key, produced.record)
    except Misshapen as error:
        raise RecordRefuted(Wrong.NOT_SIGNED) from error
    if not call_record.is_of(record, claim.draw, claim.entry):
        raise RecordRefuted(Wrong.OTHER_CALL)
    if record.answer != ANSWERS[claim.response]:
        raise RecordRefuted(Wrong.OTHER_ANSWER)
    uid, name = _person(suite, claim, produced)
    return Proven(record, uid, name)


def _person(suite: Suite, claim: Claim, produced: Produced) -> tuple[str, str]:
    try:
        check_opening(
            suite, claim.pool, claim.epoch, produced.specialty, claim.entry, produced.digests,
            [Opening(IDENTITY, produced.salt, produced.person)],
        )  # fmt: skip
        uid, name = _parts(produced.person)
        return uid.decode(), name.decode()
    except (BadOpening, Malformed, ValueError) as error:
        raise RecordRefuted(Wrong.OTHER_PERSON) from error


def _produced(parts: list[bytes]) -> Produced:
    if len(parts) != _PARTS:
        raise Malformed(f"a produced record has {_PARTS} parts, not {len(parts)}")
    entry, record, specialty, *digests, salt, person = parts
    sizes = {len(each) for each in (entry, *digests, salt)}
    if sizes != {DIGEST_BYTES} or len(record) > call_record.MAX_BYTES:
        raise Malformed("a produced record has a part of another size than it must have")
    if len(specialty) > _MAX_SPECIALTY_BYTES or len(person) > _MAX_PERSON_BYTES:
        raise Malformed("a produced record has a specialty or a person that cannot be one")
    try:
        return Produced(entry, record, specialty.decode(), tuple(digests), salt, person)
    except UnicodeDecodeError as error:
        raise Malformed("a specialty is no text") from error


def _parts(raw: bytes) -> list[bytes]:
    """The opposite of ``enc``. Raises Malformed."""
    found, at = [], 0
    while at < len(raw):
        begin = at + 4
        end = begin + int.from_bytes(raw[at:begin], "big")
        if begin > len(raw) or end > len(raw):
            raise Malformed("what is sealed is cut off, or no row of parts")
        found.append(raw[begin:end])
        at = end
    return found
