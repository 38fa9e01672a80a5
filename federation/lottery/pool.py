"""A pool's commitment: salted entries, their roots, and opening one attribute at a time.

An entry stands for one expert in one specialty. It is a hash over five salted attribute
hashes, so that any attribute can be shown without the others, and an expert of three
specialties cannot be recognised across strata (``draw-and-evidence.md`` §1.4). Every
secret is derived from the epoch key: a restarted node rebuilds the same pool from the key
and the expert table, openings are computed when asked for, and deleting the key shreds
whatever was never opened.

Storing the key, announcing the pool and sealing it to the regulator are not done here.
"""

from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from types import MappingProxyType
from typing import Final

from federation.errors import Malformed
from federation.ids import DIGEST_BYTES
from federation.protocol.draw import Listing, Opening, Slot
from federation.protocol.peering import Stratum
from federation.trust import merkle
from federation.trust.suite import Digests, enc, u64

IDENTITY: Final = "id"
LINK: Final = "link"
EMPLOYER: Final = "emp"
USCC: Final = "uscc"
STATUS: Final = "status"

ATTRIBUTES: Final = (IDENTITY, LINK, EMPLOYER, USCC, STATUS)
"""In the order in which their digests make up an entry."""

ACTIVE: Final = "active"
"""The only status that may be invited. Any other (leave, suspended, monthly cap) is committed
before the draw is known, so that nobody is excused for it."""

MIN_EPOCH_KEY_BYTES: Final = 32
"""ID card numbers can be tried out one by one; only the key's entropy keeps them hidden."""

_LISTINGS_KEPT: Final = 8
"""A draw's words are read again with every step, and hashing the strata again would be most of
what a step costs. Two draws of four strata; 5,000 entries take half a megabyte."""


class BadOpening(Malformed):
    """What was opened is not what the entry commits to."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail, clause="V11")


class BadListing(Malformed):
    """The listed entries are not the committed stratum."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail, clause="V5")


@dataclass(frozen=True, slots=True)
class PoolMember:
    """One expert on the day the pool is committed.

    Args:
        uid: Number in the expert register; unique in the pool.
        name: As it will be opened on the result.
        uscc: The employer's unified social credit code; "" for an expert without employer.
        specialties: Codes of all strata the expert stands in.
        status: ``ACTIVE``, or why the expert may not be invited this epoch.
    """

    uid: str
    name: str
    uscc: str
    specialties: tuple[str, ...]
    status: str = ACTIVE


@dataclass(frozen=True, slots=True)
class Attributes:
    """What decides whether an entry may be invited; the owner's side only.

    Args:
        link: Token equal for the same person.
        employer: Token equal for the same employer.
        uscc: The employer's credit code.
        status: See ``PoolMember``.
    """

    link: bytes
    employer: bytes
    uscc: str
    status: str


@dataclass(frozen=True, slots=True)
class _Entries:
    """One stratum: its sorted entries, joined, and whose each is."""

    joined: bytes
    members: "array[int]"

    def at(self, index: int) -> bytes:
        return self.joined[index * DIGEST_BYTES : (index + 1) * DIGEST_BYTES]

    def find(self, entry: bytes) -> int | None:
        low, high = 0, len(self.members)
        while low < high:
            middle = (low + high) // 2
            if self.at(middle) < entry:
                low = middle + 1
            else:
                high = middle
        return low if self.at(low) == entry else None


@dataclass(frozen=True, slots=True)
class Pool:
    """An owner's own pool in one epoch. Made by ``build_pool``; holds the epoch key."""

    digests: Digests
    name: str
    epoch: str
    strata: tuple[Stratum, ...]
    root: bytes
    # Not in the repr: neither key nor people belong in a log or a traceback.
    _key: bytes = field(repr=False)
    _members: tuple[PoolMember, ...] = field(repr=False)
    _entries: Mapping[str, _Entries] = field(repr=False)

    def entries(self, specialty: str) -> tuple[bytes, ...]:
        """Sorted entries of a stratum. Raises KeyError if the pool has none."""
        return _split(self._entries[specialty].joined)

    def listing(self, specialty: str) -> Listing:
        """A stratum as ``AcceptDraw`` shows it. Raises KeyError if the pool has none."""
        return Listing(specialty, self._entries[specialty].joined)

    def own_entries(self, uid: str) -> tuple[tuple[str, int, bytes], ...]:
        """The entries of one expert: specialty, place in the stratum, entry. None: no member."""
        return tuple(
            (specialty, index, stratum.at(index))
            for specialty, stratum in self._entries.items()
            for index, member in enumerate(stratum.members)
            if self._members[member].uid == uid
        )

    def member(self, entry: bytes) -> str:
        """Whose entry it is: the uid. Raises KeyError for an entry of another pool."""
        return self._find(entry)[1].uid

    def link(self, entry: bytes) -> bytes:
        """Token of the person behind an entry. Raises KeyError for an entry of another pool."""
        return _link(self.digests, self._key, self._find(entry)[1])

    def employer(self, entry: bytes) -> bytes:
        """Token of the employer behind an entry. Raises KeyError for an entry of another pool."""
        return _employer(self.digests, self._key, self._find(entry)[1])

    def attributes(self, entry: bytes) -> Attributes:
        """What ``walk.rule`` needs to know. Raises KeyError for an entry of another pool."""
        member = self._find(entry)[1]
        return Attributes(
            link=_link(self.digests, self._key, member),
            employer=_employer(self.digests, self._key, member),
            uscc=member.uscc,
            status=member.status,
        )

    def open(
        self, entry: bytes, attributes: Sequence[str]
    ) -> tuple[tuple[bytes, ...], tuple[Opening, ...]]:
        """Open some attributes of an entry.

        Returns:
            The five attribute digests, and one opening for each of ``attributes``.

        Raises:
            KeyError: An entry of another pool, or no such attribute.
        """
        specialty, member = self._find(entry)
        opened = _openings(self, member, specialty)
        hidden = tuple(_attribute(self.digests, self.name, self.epoch, opened[a])
                       for a in ATTRIBUTES)  # fmt: skip
        return hidden, tuple(opened[attribute] for attribute in attributes)

    def _find(self, entry: bytes) -> tuple[str, PoolMember]:
        for specialty, stratum in self._entries.items():
            index = stratum.find(entry)
            if index is not None:
                return specialty, self._members[stratum.members[index]]
        raise KeyError(f"no entry {entry.hex()} in pool {self.name}, epoch {self.epoch}")


def build_pool(
    digests: Digests, epoch_key: bytes, pool: str, epoch: str, members: Iterable[PoolMember]
) -> Pool:
    """Commit to a pool.

    Args:
        digests: The agreement's suite.
        epoch_key: At least 32 random bytes, new for every epoch.
        pool: The pool's name in announcements.
        epoch: The epoch's name, e.g. its day.
        members: In any order; the commitment does not depend on it.

    Raises:
        ValueError: A short key, one uid twice, or one specialty twice with one expert: each
            would be a second ticket for the same person.
    """
    if len(epoch_key) < MIN_EPOCH_KEY_BYTES:
        raise ValueError(
            f"an epoch key has at least {MIN_EPOCH_KEY_BYTES} bytes, not {len(epoch_key)}"
        )
    everybody = tuple(members)
    _require_one_ticket_each(everybody)
    bare = Pool(digests, pool, epoch, (), b"", epoch_key, everybody, {})
    tickets: dict[str, list[tuple[bytes, int]]] = {}
    for index, member in enumerate(everybody):
        for specialty in member.specialties:
            tickets.setdefault(specialty, []).append((_entry_of(bare, member, specialty), index))
    entries = {}
    for specialty in sorted(tickets):
        tickets[specialty].sort()
        entries[specialty] = _Entries(
            joined=b"".join(entry for entry, _ in tickets[specialty]),
            members=array("I", (index for _, index in tickets.pop(specialty))),
        )
    strata = tuple(
        Stratum(
            specialty,
            len(stratum.members),
            merkle.root_of(digests, _split(stratum.joined)),
        )
        for specialty, stratum in entries.items()
    )
    return Pool(
        digests, pool, epoch, strata, strata_root(digests, strata), epoch_key, everybody,
        MappingProxyType(entries),
    )  # fmt: skip


def strata_root(digests: Digests, strata: Iterable[Stratum]) -> bytes:
    """ROOT: the Merkle root over the strata, in the order given."""
    return merkle.root_of(
        digests,
        (
            digests.tagged("stratum", stratum.specialty.encode(), u64(stratum.size), stratum.root)
            for stratum in strata
        ),
    )


def check_opening(
    digests: Digests,
    pool: str,
    epoch: str,
    specialty: str,
    entry: bytes,
    hidden: Sequence[bytes],
    openings: Sequence[Opening],
) -> dict[str, bytes]:
    """Check what an owner opened of an entry.

    Args:
        digests: The agreement's suite.
        pool: As announced.
        epoch: As announced.
        specialty: The stratum the entry was listed in.
        entry: The entry.
        hidden: The digests of all five attributes.
        openings: Salt and value of the opened ones.

    Returns:
        The opened values by attribute.

    Raises:
        BadOpening: Something does not hash to the entry, or was opened twice.
    """
    if len(hidden) != len(ATTRIBUTES):
        raise BadOpening(f"an entry has {len(ATTRIBUTES)} attribute digests, not {len(hidden)}")
    if _entry(digests, pool, epoch, specialty, hidden) != entry:
        raise BadOpening(f"the attribute digests do not make up entry {entry.hex()}")
    opened: dict[str, bytes] = {}
    for opening in openings:
        if opening.attribute not in ATTRIBUTES or opening.attribute in opened:
            raise BadOpening(
                f"attribute {opening.attribute!r} is unknown or opened twice for {entry.hex()}"
            )
        digest = hidden[ATTRIBUTES.index(opening.attribute)]
        if _attribute(digests, pool, epoch, opening) != digest:
            raise BadOpening(
                f"attribute {opening.attribute!r} does not open its digest in {entry.hex()}"
            )
        opened[opening.attribute] = opening.value
    return opened


@lru_cache(maxsize=_LISTINGS_KEPT)
def check_listing(digests: Digests, stratum: Stratum, entries: bytes) -> tuple[bytes, ...]:
    """Check listed entries against the committed stratum; those checked last are not hashed anew.

    Raises:
        BadListing: Not whole entries, not so many, not sorted and distinct, or another root.
    """
    if len(entries) != stratum.size * DIGEST_BYTES:
        raise BadListing(
            f"stratum {stratum.specialty} has {stratum.size} entries of {DIGEST_BYTES} bytes; "
            f"{len(entries)} bytes were listed"
        )
    listed = _split(entries)
    if any(left >= right for left, right in pairwise(listed)):
        raise BadListing(f"the entries of {stratum.specialty} are not sorted and distinct")
    if merkle.root_of(digests, listed) != stratum.root:
        raise BadListing(
            f"the entries of {stratum.specialty} are not those the pool was committed with"
        )
    return listed


def check_listings(
    digests: Digests, strata: Iterable[Stratum], slots: Iterable[Slot], listings: Sequence[Listing]
) -> Mapping[str, tuple[bytes, ...]]:
    """Check that exactly the strata asked for were listed, each as committed.

    Args:
        digests: The agreement's suite.
        strata: Of the pool's announcement.
        slots: Of the draw's ``Open``.
        listings: Of ``AcceptDraw``.

    Returns:
        The entries by specialty.

    Raises:
        BadListing: A stratum is missing, unknown, listed twice, unasked for, or not as committed.
    """
    wanted: Collection[str] = {slot.specialty for slot in slots}
    listed = [listing.specialty for listing in listings]
    if sorted(listed) != sorted(wanted):
        raise BadListing(f"listed were {sorted(listed)}, asked for were {sorted(wanted)}")
    committed = {stratum.specialty: stratum for stratum in strata}
    missing = sorted(wanted - committed.keys())
    if missing:
        raise BadListing(f"the pool has no experts of {', '.join(missing)}")
    return MappingProxyType({
        listing.specialty: check_listing(digests, committed[listing.specialty], listing.entries)
        for listing in listings
    })  # fmt: skip


def entry_of(
    digests: Digests, pool: str, epoch: str, specialty: str, openings: Sequence[Opening]
) -> bytes:
    """The entry that all five attributes make up, opened: what experts check of themselves.

    Raises:
        BadOpening: They are not the five, in the order of ``ATTRIBUTES``.
    """
    if tuple(opening.attribute for opening in openings) != ATTRIBUTES:
        raise BadOpening(f"an entry is opened whole with {', '.join(ATTRIBUTES)}, in this order")
    hidden = [_attribute(digests, pool, epoch, opening) for opening in openings]
    return _entry(digests, pool, epoch, specialty, hidden)


def _split(joined: bytes) -> tuple[bytes, ...]:
    return tuple(joined[at : at + DIGEST_BYTES] for at in range(0, len(joined), DIGEST_BYTES))


def _require_one_ticket_each(members: Sequence[PoolMember]) -> None:
    seen = set()
    for member in members:
        if member.uid in seen:
            raise ValueError(f"expert {member.uid} stands in the pool twice")
        if len(set(member.specialties)) != len(member.specialties):
            raise ValueError(f"expert {member.uid} has one specialty twice")
        seen.add(member.uid)


def _link(digests: Digests, key: bytes, member: PoolMember) -> bytes:
    return digests.mac(key, "link", member.uid.encode())


def _employer(digests: Digests, key: bytes, member: PoolMember) -> bytes:
    if not member.uscc:
        # Two retired experts do not share an employer; one part more keeps the inputs apart.
        return digests.mac(key, "emp", b"", member.uid.encode())
    return digests.mac(key, "emp", member.uscc.encode())


def _openings(pool: Pool, member: PoolMember, specialty: str) -> dict[str, Opening]:
    digests, key = pool.digests, pool._key  # noqa: SLF001  (the pool's own builder)
    uid = member.uid.encode()
    values = {
        IDENTITY: enc(uid, member.name.encode()),
        LINK: _link(digests, key, member),
        EMPLOYER: _employer(digests, key, member),
        USCC: member.uscc.encode(),
        STATUS: member.status.encode(),
    }
    return {
        attribute: Opening(
            attribute,
            digests.mac(key, "salt", uid, specialty.encode(), attribute.encode()),
            value,
        )
        for attribute, value in values.items()
    }


def _entry_of(pool: Pool, member: PoolMember, specialty: str) -> bytes:
    opened = _openings(pool, member, specialty)
    hidden = [
        _attribute(pool.digests, pool.name, pool.epoch, opened[attribute])
        for attribute in ATTRIBUTES
    ]
    return _entry(pool.digests, pool.name, pool.epoch, specialty, hidden)


def _attribute(digests: Digests, pool: str, epoch: str, opening: Opening) -> bytes:
    return digests.tagged(
        "attr", pool.encode(), epoch.encode(), opening.attribute.encode(), opening.salt,
        opening.value,
    )  # fmt: skip


def _entry(
    digests: Digests, pool: str, epoch: str, specialty: str, hidden: Sequence[bytes]
) -> bytes:
    return digests.tagged("entry", pool.encode(), epoch.encode(), specialty.encode(), *hidden)
