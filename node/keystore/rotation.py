"""The next descriptor of a center: new keys beside old ones, a key revoked, a suite added.

Files are written before the descriptor that names them, and the descriptor last, so a run that
was cut short leaves a key that nobody uses, and is simply run again. Old keys stay in the folder
for ever: what was sealed to one must open, and a descriptor goes on listing it, so that what it
signed can be checked.

Not here: telling the running node (``node.keystore.renewal``), asking (``node.commands.keys``).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from federation.errors import Malformed
from federation.transport.certificates import validity
from federation.transport.tls import TlsKeys
from federation.trust.envelope import KEY_ID_BYTES
from federation.trust.keys import (
    MAX_CERTIFICATES,
    MAX_KEYS,
    MAX_REVOKED,
    Descriptor,
    LogBegin,
    PublicKey,
    Purpose,
    Revocation,
    RootKey,
)
from federation.trust.suite import INTL_1
from federation.wire.words import DESCRIPTOR, read_signed_descriptor
from node.config import KeyHolding
from node.keystore import chain
from node.keystore import keys as key_folder
from node.keystore.errors import BadKeys
from node.keystore.root_file import RootKeys

DAY_MS: Final = 86_400_000
OVERLAP_DAYS: Final = 14  # federation.md §8.6: peers may be away for a holiday
KEPT_MS: Final = 400 * DAY_MS
"""How long after its end a key stays listed at the least: as long as receipts are kept."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a run did: the new descriptor, and the ids of the new keys in hex."""

    descriptor: Descriptor
    made: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Where:
    """What every change works on.

    Args:
        folder: The key folder.
        root: The opened root.
        holding: Which keys a token holds.
        random: Gives that many bytes fit for keys.
        now_ms: The time, unix milliseconds.
    """

    folder: Path
    root: RootKeys
    holding: KeyHolding
    random: Callable[[int], bytes]
    now_ms: int


def wardrobe(folder: Path, center: str) -> list[TlsKeys]:
    """All TLS keys in a folder, published or not, oldest first. Raises BadKeys."""
    return [key_folder.tls_keys(folder, each) for each in key_folder.certificates(folder, center)]


def rotate(
    where: Where,
    purposes: Iterable[Purpose],
    suites: Iterable[str],
    *,
    tls: bool = False,
    overlap_ms: int = OVERLAP_DAYS * DAY_MS,
) -> Change:
    """Make new keys of these purposes and suites; the old ones end when the overlap does.

    Old certificates go on until they end by themselves.

    Raises:
        BadKeys: The root is another center's, a suite is not published, or the descriptor is
            full of keys that must stay.
        SuiteUnavailable: This machine cannot make such a key.
        OSError: Something cannot be written.
    """
    current = _current(where.folder)
    wanted = [(each, purpose) for each in suites for purpose in purposes]
    for each, _ in wanted:
        if each not in current.suites:
            raise BadKeys(
                f"本中心没有密码套件 {each};请用 --add 增加 · this center has no suite {each}; "
                "add it with --add"
            )
    ends_ms = where.now_ms + overlap_ms
    keys = [
        replace(key, not_after_ms=min(key.not_after_ms, max(ends_ms, key.not_before_ms + 1)))
        if (key.suite, key.purpose) in wanted and current.revocation(key.id) is None
        else key
        for key in current.keys
    ]
    return _publish(where, current, keys, wanted, tls=tls)


def add_suite(where: Where, suite_id: str) -> Change:
    """Publish keys of a suite that the center did not speak; the root has it already.

    Raises:
        BadKeys: The center has it, or the root has not. Otherwise as ``rotate``.
    """
    current = _current(where.folder)
    public = where.root.public()
    if suite_id in current.suites:
        raise BadKeys(
            f"本中心已有密码套件 {suite_id} · this center has the suite {suite_id} already"
        )
    if suite_id not in public:
        raise BadKeys(
            f"根密钥文件中没有 {suite_id} · the root key's file has no key for {suite_id}"
        )
    roots = (*current.roots, RootKey(suite_id, public[suite_id]))
    wanted = [(suite_id, purpose) for purpose in Purpose]
    return _publish(where, replace(current, roots=roots), current.keys, wanted)


def revoke(where: Where, key_id: bytes, *, reason: str, since_ms: int) -> Change:
    """Revoke a published key and put a new one in its place at once, without overlap.

    Raises:
        BadKeys: No such key, it is revoked already, the time or the reason cannot be published,
            or as ``rotate``.
    """
    current = _current(where.folder)
    if not 0 <= since_ms <= where.now_ms:
        raise BadKeys(
            "撤销时间须在1970年之后,且不晚于现在:撤销立即生效 · the time since when others may "
            "have had the key is before 1970 or in the future; a revocation counts at once"
        )
    if not reason.strip():
        raise BadKeys("请写明撤销理由 · a revocation needs a reason, which partners read")
    found = next((key for key in current.keys if key.id == key_id), None)
    if found is None:
        raise BadKeys(
            f"当前名片中没有密钥 {key_id.hex()} · the descriptor lists no key {key_id.hex()}: "
            "lianping keys list"
        )
    if current.revocation(key_id) is not None:
        raise BadKeys(f"密钥 {key_id.hex()} 已撤销 · that key is revoked already")
    if len(current.revoked) == MAX_REVOKED:
        raise BadKeys(
            f"撤销记录已满{MAX_REVOKED}条 · the descriptor holds {MAX_REVOKED} revocations and "
            "no more"
        )
    revoked = (*current.revoked, Revocation(key_id, since_ms, reason))
    try:
        DESCRIPTOR.decode(
            DESCRIPTOR.encode(replace(current, revoked=revoked))
        )  # before keys are made that nobody uses
    except Malformed as error:
        raise BadKeys(f"名片不能这样写 · no descriptor may say so: {error}") from error
    others = [
        key
        for key in replace(current, revoked=revoked).keys_for(found.purpose, found.suite)
        if key.valid_at(where.now_ms)
    ]
    newest = current.key_for(found.purpose, found.suite, where.now_ms)
    needed = not others or (newest is not None and newest.id == key_id)
    wanted = [(found.suite, found.purpose)] if needed else []
    return _publish(where, replace(current, revoked=revoked), current.keys, wanted)


def withdraw_certificate(where: Where, certificate: bytes) -> Change:
    """Publish a TLS certificate no more, and a new one in its place."""
    current = _current(where.folder)
    left = tuple(each for each in current.tls_certificates if each != certificate)
    return _publish(where, replace(current, tls_certificates=left), current.keys, [], tls=True)


def begin_epoch(where: Where, begins: tuple[LogBegin, ...]) -> Change:
    """Announce that our logs go on from what a backup had kept.

    Args:
        where: What it works on.
        begins: The heads that they go on from.

    Raises:
        BadKeys: The root is another center's.
    """
    current = _current(where.folder)
    changed = replace(current, log_epoch=current.log_epoch + 1, log_begins=begins)
    return _publish(where, changed, current.keys, [])


def _current(folder: Path) -> Descriptor:
    signed = chain.read(folder)
    if not signed:
        raise BadKeys(
            f"{folder} 中没有密钥 · has no keys: 执行 · run `lianping init`, or restore a backup"
        )
    return chain.current(folder, signed)


def _publish(
    where: Where,
    changed: Descriptor,
    keys: Sequence[PublicKey],
    wanted: Sequence[tuple[str, Purpose]],
    *,
    tls: bool = False,
) -> Change:
    """Make what is wanted, and sign the next descriptor with it.

    ``changed`` is the current descriptor with what else is to be different in the next.
    """
    kept = _room(keys, changed, len(wanted), where.now_ms)
    chain.check_root(changed, where.root)
    made = [
        key_folder.add_key(where.folder, suite_id, purpose, where.random, where.holding)
        for suite_id, purpose in wanted
    ]
    names = [key.id.hex() for key in made]
    certificates = changed.tls_certificates
    if tls:
        fresh = key_folder.add_certificate(where.folder, changed.center_id, where.now_ms)
        certificates = (*_lasting(certificates, where.now_ms)[1 - MAX_CERTIFICATES :], fresh)
        names.append(certificate_id(fresh).hex())
    following = chain.following(
        chain.read(where.folder),
        where.now_ms,
        roots=changed.roots,
        keys=(*kept, *(key.published(where.now_ms) for key in made)),
        tls_certificates=certificates,
        revoked=changed.revoked,
        log_epoch=changed.log_epoch,
        log_begins=changed.log_begins,
    )
    signed = chain.publish(where.folder, following, where.root)
    return Change(read_signed_descriptor(signed), tuple(names))


def certificate_id(certificate: bytes) -> bytes:
    """The first 16 bytes of a certificate's SHA-256, as its file is named; in every suite."""
    return INTL_1.hash(certificate)[:KEY_ID_BYTES]


def _lasting(certificates: Sequence[bytes], now_ms: int) -> list[bytes]:
    """Those that have not ended."""
    return [
        each
        for each in certificates
        if (found := validity(each)) is None or found.not_after_ms >= now_ms
    ]


def _room(
    keys: Sequence[PublicKey], descriptor: Descriptor, wanted: int, now_ms: int
) -> list[PublicKey]:
    """The keys that stay listed: if there is no room, those that ended longest ago go.

    Revoked ones go before them, whenever they end: nothing new counts under them, older
    descriptors list them, and an emergency must never wait for room.
    """
    kept = list(keys)
    for key in keys:
        if len(kept) + wanted > MAX_KEYS and descriptor.revocation(key.id) is not None:
            kept.remove(key)
    for key in sorted(kept, key=lambda each: each.not_after_ms):
        if len(kept) + wanted <= MAX_KEYS:
            return kept
        others = [
            each
            for each in kept
            if (each.suite, each.purpose) == (key.suite, key.purpose) and each is not key
        ]
        if key.not_after_ms + KEPT_MS < now_ms and others:
            kept.remove(key)
    if len(kept) + wanted > MAX_KEYS:
        raise BadKeys(
            f"名片最多列{MAX_KEYS}把密钥,其中已失效满400天的才能移除;现有{len(kept)}把,"
            f"再加{wanted}把放不下,请等到最早的失效满400天 · a descriptor of "
            f"{descriptor.center_id} lists {MAX_KEYS} keys at the most, and only those that ended "
            f"400 days ago may go: {len(kept)} must stay, and {wanted} more do not fit"
        )
    return kept
