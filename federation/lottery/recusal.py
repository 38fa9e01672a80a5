"""Who must recuse (回避): what is told of employers and bidders, and comparing the two.

There are two passes (招标投标法 art. 37, 实施条例 art. 46). At the draw the units to avoid are
known, the tenderee, its agency and competent units: they are sealed to the pool's owner, which
passes their people over. Bidders are secret until the bids are opened and are never the pool's
business (art. 22): after the opening the host seals them to the regulator, the owner seals it
the employers of those on its list, and only the regulator's node ever lays the two beside each
other with ``recused``.

Here: both documents as they are inside a seal (JSON, UTF-8, keys sorted, bytes in lower-case
hex), what a seal is bound to, and the checks. Sealing itself is for whoever has the keys.

    {"codes": [...], "salt": hex, "v": 1}                                    units, bidders
    {"epoch": ..., "members": [{"digests": [5 x hex], "entry": hex, "salt": hex,
      "person": hex, "specialty": ..., "value": credit code}], "pool": ..., "v": 1}   employers
"""

import json
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from federation.errors import Malformed
from federation.ids import DIGEST_BYTES
from federation.lottery.audit import exclusion_commitment
from federation.lottery.pool import ATTRIBUTES, USCC, check_opening
from federation.protocol.draw import Opening
from federation.protocol.session import MAX_MEMBERS
from federation.trust.suite import Digests

VERSION: Final = 1
MAX_CODES: Final = 4_000
"""Bidders of the largest frame-work tender by far; they fit ``oversight.MAX_SEALED_BYTES``."""
MAX_TEXT: Final = 200  # names of pools, epochs and specialties, as the words have them
MAX_DOCUMENT_BYTES: Final = 128 * 1024  # as much as a seal may carry
_CODE: Final = re.compile(r"[0-9A-HJ-NPQRTUWXY]{18}")
"""The characters of a unified social credit code (GB 32100-2015); its check digit is for where
people type it in."""


@dataclass(frozen=True, slots=True)
class Codes:
    """Credit codes of units to avoid, or of bidders, with the salt of their commitment.

    Args:
        codes: Ascending, each once.
        salt: 32 random bytes: credit codes are public and could be tried out.
    """

    codes: tuple[str, ...] = field(repr=False)
    salt: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Employer:
    """One listed entry with its opened employer.

    Args:
        entry: 32 bytes.
        specialty: The stratum that it was listed in.
        digests: Of the entry's attributes, in the order of ``pool.ATTRIBUTES``.
        salt: Of the attribute ``uscc``.
        value: The employer's credit code; "" for an expert without employer.
        person: ``person_token``: who stands in two centers' pools sits once. Not committed to in
            the entry: its owner says it, as it says who has its number.
    """

    entry: bytes
    specialty: str
    digests: tuple[bytes, ...]
    salt: bytes = field(repr=False)
    value: str = field(repr=False)
    person: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Employers:
    """The employers of everybody on one list."""

    pool: str
    epoch: str
    members: tuple[Employer, ...]


def exclusion_info(digests: Digests, booking: bytes, pool: str, epoch: str) -> bytes:
    """What the seal of the units to avoid is bound to: this booking, this pool.

    Not to the draw: ``Open``, which carries the seal, is what begins it.
    """
    return digests.tagged("excl-sealed", booking, pool.encode(), epoch.encode())


def bidders_info(digests: Digests, booking: bytes) -> bytes:
    """What the seal in ``SubmitBidders`` is bound to."""
    return digests.tagged("bidders", booking)


def employers_info(digests: Digests, draw: bytes) -> bytes:
    """What the seal in ``SubmitEmployers`` is bound to."""
    return digests.tagged("employers", draw)


def person_token(digests: Digests, regulator: str, number: str) -> bytes:
    """Equal for one person in whatever pool; 32 bytes, for the regulator's eyes alone.

    Citizen numbers can be tried out, so it stays inside the seal and in memory.

    Args:
        digests: The suite of the draw's agreement.
        regulator: Whose node compares.
        number: The citizen identity number (GB 11643-1999), upper case.
    """
    return digests.tagged("person", regulator.encode(), number.encode())


def encode_codes(told: Codes) -> bytes:
    """The document inside a seal. Raises Malformed: ``decode_codes`` would not take it."""
    body = {"v": VERSION, "codes": list(told.codes), "salt": told.salt.hex()}
    return _checked(body, decode_codes)


def decode_codes(raw: bytes) -> Codes:
    """Read what a seal held.

    Raises:
        Malformed: It is no such document, codes are not ascending and distinct, or too many.
    """
    top = _object(_json(raw), {"v", "codes", "salt"})
    codes = _list(top["codes"], MAX_CODES)
    for code in codes:
        if not isinstance(code, str) or not _CODE.fullmatch(code):
            raise Malformed("what is sealed has a credit code that cannot be one")
    if codes != sorted(set(codes)):
        raise Malformed("the sealed credit codes are not ascending, each once")
    return Codes(tuple(codes), _digest(top["salt"]))


def encode_employers(told: Employers) -> bytes:
    """The document inside a seal. Raises Malformed: ``decode_employers`` would not take it."""
    members = [
        {
            "entry": one.entry.hex(),
            "specialty": one.specialty,
            "digests": [digest.hex() for digest in one.digests],
            "salt": one.salt.hex(),
            "value": one.value,
            "person": one.person.hex(),
        }
        for one in told.members
    ]
    body = {"v": VERSION, "pool": told.pool, "epoch": told.epoch, "members": members}
    return _checked(body, decode_employers)


def decode_employers(raw: bytes) -> Employers:
    """Read what a seal held. Raises Malformed: it is none such, or an entry is in it twice."""
    top = _object(_json(raw), {"v", "pool", "epoch", "members"})
    members = tuple(_member(item) for item in _list(top["members"], MAX_MEMBERS))
    if len({one.entry for one in members}) < len(members):
        raise Malformed("the sealed list names an entry twice")
    return Employers(_text(top["pool"]), _text(top["epoch"]), members)


def check_codes(digests: Digests, told: Codes, commitment: bytes) -> None:
    """Are these the codes that were committed to? Raises Malformed (V13)."""
    if exclusion_commitment(digests, told.salt, told.codes) != commitment:
        raise Malformed("the sealed credit codes are not those committed to", clause="V13")


def recused(
    digests: Digests,
    bidders: Collection[str],
    employers: Employers,
    listed: Collection[bytes],
    seated: Collection[bytes] = (),
) -> tuple[bytes, ...]:
    """Whose employer is a bidder: the comparison that only the regulator's node makes.

    Args:
        digests: The suite of the draw's agreement.
        bidders: All bidders' credit codes, and those of employers that have somebody seated.
        employers: What the owner of the pool opened.
        listed: Who is on the list, as the other side of the draw says or as its words show.
        seated: Persons on other owners' lists of the same evaluation.

    Returns:
        The entries that must recuse, ascending.

    Raises:
        Malformed: The owner has not opened exactly who is listed, or an opening is not what
            the entry commits to.
    """
    opened = {one.entry for one in employers.members}
    if opened != set(listed):
        raise Malformed(
            f"{len(opened)} entries are opened, {len(set(listed))} are listed: not the same ones"
        )
    for one in employers.members:
        check_opening(
            digests, employers.pool, employers.epoch, one.specialty, one.entry, one.digests,
            [Opening(USCC, one.salt, one.value.encode())],
        )  # fmt: skip
    wanted, there = set(bidders), set(seated)
    return tuple(
        sorted(one.entry for one in employers.members if one.value in wanted or one.person in there)
    )


def _member(raw: object) -> Employer:
    fields = _object(raw, {"entry", "specialty", "digests", "salt", "value", "person"})
    digests = tuple(_digest(item) for item in _list(fields["digests"], len(ATTRIBUTES)))
    if len(digests) != len(ATTRIBUTES):
        raise Malformed(f"an entry has {len(ATTRIBUTES)} attribute digests, not {len(digests)}")
    value = fields["value"]  # as the register had it when the pool was committed to
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise Malformed("an employer's credit code cannot be one")
    return Employer(
        _digest(fields["entry"]),
        _text(fields["specialty"]),
        digests,
        _digest(fields["salt"]),
        value,
        _digest(fields["person"]),
    )


def _checked(body: dict[str, Any], decode: Callable[[bytes], object]) -> bytes:
    raw = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    decode(raw)
    return raw


def _json(raw: bytes) -> object:
    if len(raw) > MAX_DOCUMENT_BYTES:
        raise Malformed(f"what is sealed has {len(raw)} bytes, more than {MAX_DOCUMENT_BYTES}")
    try:
        found: object = json.loads(raw, object_pairs_hook=_unique)
        json.dumps(found, ensure_ascii=False).encode()  # half a character would fail later
    except (ValueError, RecursionError) as error:
        raise Malformed("what is sealed is no JSON document") from error
    return found


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key twice")
    return found


def _object(raw: object, keys: set[str]) -> dict[str, Any]:
    if not isinstance(raw, dict) or raw.keys() != keys or raw.get("v", VERSION) != VERSION:
        raise Malformed(f"what is sealed is no object of version {VERSION} with {sorted(keys)}")
    return raw


def _list(raw: object, at_most: int) -> list[Any]:
    if not isinstance(raw, list) or len(raw) > at_most:
        raise Malformed(f"what is sealed has no list of at most {at_most}")
    return raw


def _text(raw: object) -> str:
    if not isinstance(raw, str) or not 0 < len(raw) <= MAX_TEXT:
        raise Malformed(f"what is sealed has no text of 1 to {MAX_TEXT} characters")
    return raw


def _digest(raw: object) -> bytes:
    if isinstance(raw, str) and len(raw) == 2 * DIGEST_BYTES and raw == raw.lower():
        try:
            return bytes.fromhex(raw)
        except ValueError:
            pass
    raise Malformed(f"what is sealed has no {DIGEST_BYTES} bytes in lower-case hex")
