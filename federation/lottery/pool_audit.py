"""A pool's full opening, sealed to the regulator, and what an audit of it finds (专家库审计).

The commitment hides the experts from everybody, and so would hide stuffing, too: somebody twice,
people who do not exist, people who were left out. So the owner seals the epoch's key and its
members to the regulator when it announces the pool; from these two the regulator builds the very
same pool again, or knows that it was deceived (``draw-and-evidence.md`` §1.4).

Here: the opening and the file that carries it, and what an audit looks for. Not here: who may
open it (two officers, said to the center as ``StateAct``), and what a status or a credit code may
be (``node.domain``): both are arguments.
"""

import base64
import binascii
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from federation.errors import Malformed
from federation.lottery.pool import Pool, PoolMember, build_pool
from federation.protocol.peering import AnnouncePool
from federation.trust.suite import Digests, enc

VERSION: Final = 1
FILE_KIND: Final = "lianping-pool-audit"
MAX_FILE_BYTES: Final = 20 * 1024 * 1024
"""A register of a hundred thousand experts, sealed, in base64; one request carries it."""
MAX_ANNOUNCEMENTS: Final = 64  # partners that one pool was announced to
MAX_MEMBERS: Final = 500_000  # more than all evaluation experts of the largest province
SHARE: Final = 5
"""One employer with more than a fifth of a stratum: two of five drawn would often be its own,
and the second one is passed over."""
FEWEST: Final = 3  # of a stratum of four any employer has a quarter


@dataclass(frozen=True, slots=True)
class AuditFile:
    """What a center hands to its regulator.

    Args:
        suite: The suite of the commitment.
        announcements: The signed AnnouncePool, one for each partner, as envelopes.
        sealed: The full opening, sealed to the regulator.
    """

    suite: str
    announcements: tuple[bytes, ...]
    sealed: bytes


@dataclass(frozen=True, slots=True)
class PoolOpening:
    """The full opening of one pool and epoch."""

    suite: str
    pool: str
    epoch: str
    key: bytes = field(repr=False)
    members: tuple[PoolMember, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Suspect:
    """One expert with whom something is wrong; the register number, never a name.

    Args:
        uid: Register number.
        why: What is wrong: a word of ``Findings``, or what cannot be so.
        entries: The expert's handles, by specialty; as dossiers of draws show them.
    """

    uid: str
    why: str
    entries: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Share:
    """An employer with a large part of a stratum."""

    specialty: str
    uscc: str
    count: int
    size: int


@dataclass(frozen=True, slots=True)
class Findings:
    """What an audit found.

    Args:
        members: How many experts the opening has.
        entries: How many entries the announcement commits to.
        rebuilt: Whether the opening gives the announced root; nothing else means much if not.
        why_not: Why it does not.
        duplicates: Groups of register numbers that are one person.
        ghosts: Experts whose status, employer or specialties cannot be.
        missing: Register numbers of the regulator's list that the pool lacks.
        unlisted: Register numbers of the pool that the regulator's list lacks.
        shares: Employers with more than one part in ``SHARE`` of a stratum, largest first.
        statuses: How many experts have which status.
    """

    members: int
    entries: int
    rebuilt: bool
    why_not: str
    duplicates: tuple[tuple[Suspect, ...], ...]
    ghosts: tuple[Suspect, ...]
    missing: tuple[str, ...]
    unlisted: tuple[str, ...]
    shares: tuple[Share, ...]
    statuses: Mapping[str, int]

    @property
    def clean(self) -> bool:
        """Whether nothing was found that the center has to explain."""
        return self.rebuilt and not (
            self.duplicates or self.ghosts or self.missing or self.unlisted
        )


def audit_info(digests: Digests, pool: str, epoch: str) -> bytes:
    """What a full opening is bound to when it is sealed: suite, purpose, pool and epoch."""
    return digests.prefix("audit") + enc(pool.encode(), epoch.encode())


def audit_digest(digests: Digests, sealed: bytes) -> bytes:
    """What the announcement names the sealed opening by; ``AnnouncePool.audit_digest``."""
    return digests.tagged("audit", sealed)


def encode_opening(opening: PoolOpening) -> bytes:
    """All that a regulator needs to build the pool again: the key and the members."""
    return json.dumps(
        {
            "v": VERSION,
            "suite": opening.suite,
            "pool": opening.pool,
            "epoch": opening.epoch,
            "key": opening.key.hex(),
            "members": [
                [member.uid, member.name, member.uscc, list(member.specialties), member.status]
                for member in opening.members
            ],
        },
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode()


def decode_opening(raw: bytes) -> PoolOpening:
    """Read what was sealed. Raises Malformed: it is no full opening."""
    top = _object(raw, {"v", "suite", "pool", "epoch", "key", "members"})
    try:
        key = bytes.fromhex(top["key"])
    except (TypeError, ValueError) as error:
        raise Malformed("the epoch key in the opening is not hex") from error
    members = top["members"]
    if not isinstance(members, list) or len(members) > MAX_MEMBERS:
        raise Malformed(f"an opening has a list of at most {MAX_MEMBERS} members")
    if not all(isinstance(top[name], str) for name in ("suite", "pool", "epoch")):
        raise Malformed("an opening names suite, pool and epoch as texts")
    return PoolOpening(
        top["suite"], top["pool"], top["epoch"], key, tuple(_member(each) for each in members)
    )


def encode_file(file: AuditFile) -> bytes:
    """The file that people carry."""
    return json.dumps(
        {
            "v": VERSION,
            "kind": FILE_KIND,
            "suite": file.suite,
            "announcements": [base64.b64encode(each).decode() for each in file.announcements],
            "sealed": base64.b64encode(file.sealed).decode(),
        }
    ).encode()


def decode_file(raw: bytes) -> AuditFile:
    """Read the file. Raises Malformed: it is none such."""
    if len(raw) > MAX_FILE_BYTES:
        raise Malformed(f"an audit file has at most {MAX_FILE_BYTES} bytes")
    top = _object(raw, {"v", "kind", "suite", "announcements", "sealed"})
    shown = top["announcements"]
    if top["kind"] != FILE_KIND or not isinstance(top["suite"], str):
        raise Malformed(f"this is no {FILE_KIND} file")
    if not isinstance(shown, list) or not 1 <= len(shown) <= MAX_ANNOUNCEMENTS:
        raise Malformed(f"an audit file has 1 to {MAX_ANNOUNCEMENTS} announcements")
    return AuditFile(top["suite"], tuple(_binary(each) for each in shown), _binary(top["sealed"]))


def audit(
    digests: Digests,
    opening: PoolOpening,
    announced: AnnouncePool,
    *,
    statuses: Collection[str],
    employer_can_be: Callable[[str], bool],
    listed: Collection[str] | None = None,
) -> Findings:
    """Build the pool again and look for what must not be in it.

    Args:
        digests: The suite of the commitment.
        opening: What was sealed.
        announced: What was announced.
        statuses: All that a status may be.
        employer_can_be: Whether a credit code is well-formed, its check digit right.
        listed: The register numbers that the regulator knows of, if it has a list.
    """
    pool, why_not = _rebuilt(digests, opening, announced)
    handles = _Handles(pool, opening.members)
    own = Counter(member.uid for member in opening.members)
    return Findings(
        members=len(opening.members),
        entries=sum(stratum.size for stratum in announced.strata),
        rebuilt=pool is not None,
        why_not=why_not,
        duplicates=_duplicates(opening.members, own, handles),
        ghosts=tuple(
            Suspect(member.uid, why, handles.of(member.uid))
            for member in opening.members
            if (why := _impossible(member, statuses, employer_can_be))
        ),
        missing=() if listed is None else tuple(sorted(set(listed) - own.keys())),
        unlisted=() if listed is None else tuple(sorted(own.keys() - set(listed))),
        shares=_shares(opening.members),
        statuses=dict(sorted(Counter(member.status for member in opening.members).items())),
    )


def _rebuilt(
    digests: Digests, opening: PoolOpening, announced: AnnouncePool
) -> tuple[Pool | None, str]:
    if (opening.suite, opening.pool, opening.epoch) != (
        digests.suite_id, announced.pool, announced.epoch,
    ):  # fmt: skip
        return None, "the opening is of another suite, pool or epoch than the announcement"
    try:
        pool = build_pool(digests, opening.key, opening.pool, opening.epoch, opening.members)
    except ValueError as error:
        return None, str(error)
    if (pool.root, pool.strata) != (announced.root, tuple(announced.strata)):
        return None, "the opening gives another root than was announced"
    return pool, ""


class _Handles:
    """Looks up the entries of some experts; the whole pool is walked once, when first asked."""

    def __init__(self, pool: Pool | None, members: Sequence[PoolMember]) -> None:
        self._pool = pool
        self._members = members
        self._found: dict[str, list[tuple[str, bytes]]] | None = None

    def of(self, uid: str) -> tuple[tuple[str, bytes], ...]:
        if self._pool is None:
            return ()
        if self._found is None:
            self._found = defaultdict(list)
            for stratum in self._pool.strata:
                for entry in self._pool.entries(stratum.specialty):
                    self._found[self._pool.member(entry)].append((stratum.specialty, entry))
        return tuple(self._found.get(uid, ()))


def _duplicates(
    members: Sequence[PoolMember], own: Counter[str], handles: _Handles
) -> tuple[tuple[Suspect, ...], ...]:
    """One number twice; or one name at one employer under two numbers."""
    groups = [
        tuple(Suspect(uid, "same register number") for _ in range(count))
        for uid, count in sorted(own.items())
        if count > 1
    ]
    people: dict[tuple[str, str], set[str]] = defaultdict(set)
    for member in members:
        people[member.name, member.uscc].add(member.uid)
    groups += [
        tuple(Suspect(uid, "same name, same employer", handles.of(uid)) for uid in sorted(uids))
        for uids in people.values()
        if len(uids) > 1
    ]
    return tuple(sorted(groups, key=lambda group: group[0].uid))


def _impossible(
    member: PoolMember, statuses: Collection[str], employer_can_be: Callable[[str], bool]
) -> str:
    wrong = []
    if not member.uid.strip() or not member.name.strip():
        wrong.append("no name or number")
    if member.status not in statuses:
        wrong.append(f"status {member.status[:32]!r}")
    if member.uscc and not employer_can_be(member.uscc):
        wrong.append("employer's credit code")
    if not member.specialties or not all(member.specialties):
        wrong.append("no specialty")
    return "; ".join(wrong)


def _shares(members: Sequence[PoolMember]) -> tuple[Share, ...]:
    sizes: Counter[str] = Counter()
    counts: Counter[tuple[str, str]] = Counter()
    for member in members:
        for specialty in set(member.specialties):
            sizes[specialty] += 1
            if member.uscc:
                counts[specialty, member.uscc] += 1
    found = [
        Share(specialty, uscc, count, sizes[specialty])
        for (specialty, uscc), count in counts.items()
        if count >= FEWEST and count * SHARE > sizes[specialty]
    ]
    return tuple(
        sorted(found, key=lambda each: (-each.count / each.size, each.specialty, each.uscc))
    )


def _member(raw: object) -> PoolMember:
    try:
        json.dumps(raw, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise Malformed("a member of the opening has half a character in it") from error
    match raw:
        case [str(uid), str(name), str(uscc), list(specialties), str(status)] if all(
            isinstance(each, str) for each in specialties
        ):
            return PoolMember(uid, name, uscc, tuple(specialties), status)
    raise Malformed("a member of the opening is not [number, name, employer, specialties, status]")


def _object(raw: bytes, keys: set[str]) -> dict[str, Any]:
    try:
        top = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise Malformed("this is no JSON document") from error
    if not isinstance(top, dict) or top.keys() != keys or top["v"] != VERSION:
        raise Malformed(f"this is no object of version {VERSION} with {', '.join(sorted(keys))}")
    return top


def _binary(raw: object) -> bytes:
    if isinstance(raw, str):
        try:
            return base64.b64decode(raw, validate=True)
        except (ValueError, binascii.Error):
            pass
    raise Malformed("an audit file has its binary parts in base64")
