"""A center's public keys: one per purpose, suite and time, and the descriptor that publishes them.

The root key names the center and signs its descriptors; nothing else, so it can lie in a safe.
The same key never serves two purposes or two suites, and its id is a hash of it, so a new key
can never hide under an old id. Keys overlap: a descriptor may list two keys of one purpose, and
the newest that is valid counts for signing, each of them for checking.

Descriptors form a chain: each names the digest of the one before, counted without a gap. Two
different descriptors of one number prove that two nodes use one identity.

Private halves are ``federation.trust.secrets``; how they are kept is ``node``'s affair.
Sources: ``draw-and-evidence.md`` §4, ``federation.md`` §8.6.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Final

from federation.ids import CenterId, center_id_of
from federation.trust.envelope import key_id, verify_alone
from federation.trust.errors import BadKey
from federation.trust.suite import Suite, SuiteUnavailable, UnknownSuite, suite

MAX_KEYS: Final = 32  # four purposes, two suites, an overlap, and as much again
MAX_CERTIFICATES: Final = 4  # the one shown, the next one, and one of an emergency
MAX_REVOKED: Final = 64  # a key a year of each purpose, for as long as agreements last
MAX_REMEMBERED_IDS: Final = 4_096  # a hundred centers' keys; 200 bytes each
MAX_ROOTS: Final = 4  # as many suites as a center may ever speak at once


class BadDescriptor(ValueError):
    """A descriptor that does not prove what it says."""


class TwoIdentities(BadDescriptor):
    """Two descriptors of one number, both signed by the root: two nodes, one identity."""


class Purpose(IntEnum):
    """What a key is for; a key is never for two things."""

    MESSAGE = 1
    LOG = 2
    WITNESS = 3
    SEALING = 4


@dataclass(frozen=True, slots=True)
class RootKey:
    """The key of one suite that signs a center's descriptors; raw."""

    suite: str
    key: bytes


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One public key, raw, as its suite writes it, with the time in which it may be used.

    Args:
        suite: The only suite that it is for.
        purpose: The only purpose.
        key: Raw bytes: Ed25519 or X25519 32, SM2 65.
        not_before_ms: Unix milliseconds.
        not_after_ms: Unix milliseconds.
    """

    suite: str
    purpose: Purpose
    key: bytes
    not_before_ms: int
    not_after_ms: int

    @property
    def id(self) -> bytes:
        """The first 16 bytes of the key's digest in its suite."""
        return _key_id(self.suite, self.key)

    def valid_at(self, now_ms: int) -> bool:
        """Whether its time has begun and not ended."""
        return self.not_before_ms <= now_ms <= self.not_after_ms


@dataclass(frozen=True, slots=True)
class Revocation:
    """A key that does not count any more.

    Args:
        key_id: Which, 16 bytes.
        compromised_since_ms: From when on others may have had it, unix milliseconds.
        reason: For people.
    """

    key_id: bytes
    compromised_since_ms: int
    reason: str


@dataclass(frozen=True, slots=True)
class LogBegin:
    """Where the log of a suite goes on in an epoch: the head of what a backup had kept.

    Args:
        suite: The log's suite.
        size: How many leaves were kept, at least 1.
        root: RFC 6962 root over them, 32 bytes.
    """

    suite: str
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class RootSignature:
    """One root's signature over a descriptor."""

    suite: str
    signature: bytes


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A node's keys and addresses, as its roots signed them."""

    center_id: str
    roots: tuple[RootKey, ...]
    sequence: int
    previous: bytes
    name: str
    uscc: str
    region_code: str
    address: str
    tls_certificates: tuple[bytes, ...]
    keys: tuple[PublicKey, ...]
    revoked: tuple[Revocation, ...]
    made_at_ms: int
    log_epoch: int = 0
    log_begins: tuple[LogBegin, ...] = ()

    @property
    def suites(self) -> tuple[str, ...]:
        """The suites that the center speaks, the one it prefers first."""
        return tuple(root.suite for root in self.roots)

    @property
    def home(self) -> str:
        """The suite whose root made the center id."""
        return self.roots[0].suite

    def keys_for(self, purpose: Purpose, suite_id: str) -> tuple[PublicKey, ...]:
        """All keys of a purpose that were not revoked, newest first, valid now or not."""
        gone = {each.key_id for each in self.revoked}
        found = [
            key
            for key in self.keys
            if key.purpose is purpose and key.suite == suite_id and key.id not in gone
        ]
        return tuple(sorted(found, key=lambda key: -key.not_before_ms))

    def key_for(self, purpose: Purpose, suite_id: str, now_ms: int) -> PublicKey | None:
        """The newest key of a purpose that is valid; None when there is none."""
        for key in self.keys_for(purpose, suite_id):
            if key.valid_at(now_ms):
                return key
        return None

    def revocation(self, of_key: bytes) -> Revocation | None:
        """How a key was revoked, by its id; None if it was not."""
        for each in self.revoked:
            if each.key_id == of_key:
                return each
        return None

    def log_name(self, suite_id: str) -> str:
        """The origin of the checkpoints of one of the node's logs (C2SP tlog-checkpoint).

        It names the epoch, so that nobody takes a log that went on from a backup for the one
        that was cosigned before.
        """
        name = f"{self.center_id}/log/{suite_id}"
        return f"{name}/{self.log_epoch}" if self.log_epoch else name

    def log_begin(self, suite_id: str) -> int:
        """How many leaves the log of a suite kept when its epoch began."""
        return next((each.size for each in self.log_begins if each.suite == suite_id), 0)

    def witness_name(self, suite_id: str) -> str:
        """The name under which the node cosigns in a suite (C2SP tlog-cosignature)."""
        return f"{self.center_id}/witness/{suite_id}"


@lru_cache(maxsize=MAX_REMEMBERED_IDS)  # asked for with every word and checkpoint
def _key_id(suite_id: str, key: bytes) -> bytes:
    return key_id(suite(suite_id), key)


def descriptor_type(suite_id: str) -> str:
    """The payload type that a root's signature covers: it names the suite."""
    return f"application/vnd.lianping.v1.{suite_id}.descriptor+protobuf"


def agreement_type(suite_id: str) -> str:
    """The payload type that a signature under an agreement covers: it names the suite."""
    return f"application/vnd.lianping.v1.{suite_id}.agreement+protobuf"


def root_center_id(root: RootKey) -> CenterId:
    """The center id that a root key makes: the digest is that of the root's own suite."""
    return center_id_of(suite(root.suite).hash(root.key))


def descriptor_digest(descriptor: Descriptor, signed: bytes) -> bytes:
    """What the next descriptor names as ``previous``: a digest (32 bytes) of the exact bytes."""
    return suite(descriptor.home).tagged("descriptor", signed)


def check_descriptor(
    descriptor: Descriptor, signed: bytes, signatures: Sequence[RootSignature]
) -> None:
    """Check that a descriptor is by all of its roots, and makes sense.

    Args:
        descriptor: What it says.
        signed: The exact bytes that it was read from.
        signatures: One for each root.

    Raises:
        BadDescriptor: It is not, or names a suite that this node cannot check.
    """
    if not descriptor.roots:
        raise BadDescriptor("there is no root key")
    try:
        suites = {root.suite: suite(root.suite) for root in descriptor.roots}
        _check_keys(descriptor, suites)
        if root_center_id(descriptor.roots[0]) != descriptor.center_id:
            raise BadDescriptor("the center id is not made of the root key")
        by_suite = {each.suite: each.signature for each in signatures}
        for root in descriptor.roots:
            signature = by_suite.get(root.suite, b"")
            if not verify_alone(
                suites[root.suite], descriptor_type(root.suite), signed, root.key, signature
            ):
                raise BadDescriptor(f"the {root.suite} root key did not sign this descriptor")
    except (UnknownSuite, SuiteUnavailable) as error:
        raise BadDescriptor(f"it cannot be checked here: {error}") from error


def _check_keys(descriptor: Descriptor, suites: dict[str, Suite]) -> None:
    """Each suite has a key of each purpose, and no key is used twice."""
    each_key = [(key.suite, key.key) for key in descriptor.roots]
    each_key += [(key.suite, key.key) for key in descriptor.keys]
    gone = [each.key_id for each in descriptor.revoked]
    published = {(key.suite, key.purpose) for key in descriptor.keys}
    wanted = {(name, purpose) for name in suites for purpose in Purpose}
    _require(len(suites) == len(descriptor.roots), "two root keys of one suite")
    _require(descriptor.sequence >= 1, "descriptors are counted from 1")
    _require(
        bool(descriptor.previous) == (descriptor.sequence > 1),
        "every descriptor but the first names the one before",
    )
    _require(bool(descriptor.tls_certificates), "there is no TLS certificate")
    begins = [each.suite for each in descriptor.log_begins]
    _require(
        len(set(begins)) == len(begins) and set(begins) <= suites.keys(),
        "a log that begins is of a suite that has no root here, or is named twice",
    )
    _require(descriptor.log_epoch > 0 or not begins, "a log goes on from a backup in no new epoch")
    for name, key in each_key:
        _require(name in suites, f"a key is for {name[:16]}, which has no root here")
        length = suites[name].key_bytes
        _require(len(key) == length, f"a {name} key has {len(key)} bytes, not {length}")
        try:
            suites[name].check_key(key)
        except BadKey as error:
            raise BadDescriptor(f"a {name} key is none: {error}") from error
    _require(len({key for _, key in each_key}) == len(each_key), "one key serves two purposes")
    _require(
        all(key.not_before_ms < key.not_after_ms for key in descriptor.keys),
        "a key ends before it begins",
    )
    _require(len(set(gone)) == len(gone), "a key is revoked twice")
    for name, purpose in sorted(wanted - published):
        raise BadDescriptor(f"there is no {purpose.name.lower()} key for {name}")


def _require(holds: bool, complaint: str) -> None:
    if not holds:
        raise BadDescriptor(complaint)


def check_successor(
    known: Descriptor, known_bytes: bytes, following: Descriptor, following_bytes: bytes
) -> None:
    """Check that a descriptor is the next one of a center's chain.

    Both have passed ``check_descriptor``.

    Raises:
        TwoIdentities: It has the same number as the known one, and other bytes.
        BadDescriptor: It is older, leaves a gap, belongs to another chain, gives a revoked
            key its life back, or lets the logs go on elsewhere without the next epoch.
    """
    if following.center_id != known.center_id or following.roots[0] != known.roots[0]:
        raise BadDescriptor("the descriptor is of another center")
    if following.sequence == known.sequence and following_bytes != known_bytes:
        raise TwoIdentities(
            f"two different descriptors have number {known.sequence}: two nodes use one identity"
        )
    if following.sequence <= known.sequence:
        raise BadDescriptor(
            f"descriptor {following.sequence} of {known.center_id} is older than {known.sequence}"
        )
    if following.sequence > known.sequence + 1:
        raise BadDescriptor(
            f"descriptors {known.sequence + 1} to {following.sequence - 1} are missing"
        )
    if following.previous != descriptor_digest(known, known_bytes):
        raise TwoIdentities(
            f"descriptor {following.sequence} follows another number {known.sequence} than is "
            "known: two nodes use one identity"
        )
    if following.log_epoch != known.log_epoch:
        if following.log_epoch != known.log_epoch + 1:
            raise BadDescriptor(
                f"the logs' epoch {following.log_epoch} does not follow {known.log_epoch}"
            )
    elif following.log_begins != known.log_begins:
        raise BadDescriptor("where the logs begin changes only with their epoch")
    lost = {each.key_id for each in known.revoked} - {each.key_id for each in following.revoked}
    if lost:
        raise BadDescriptor(f"key {min(lost).hex()} was revoked and is no longer so")


def common_suite(ours: Iterable[str], theirs: Iterable[str]) -> str | None:
    """The suite of what is said under no agreement: the first by name that both speak.

    Both sides choose alike, whatever each of them prefers.
    """
    both = set(ours) & set(theirs)
    return min(both, default=None)


def fingerprint(center: str) -> str:
    """A center id in groups of four, to be read aloud on the phone."""
    text = center.removeprefix("lp1")
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))
