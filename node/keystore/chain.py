"""Our own signed descriptors on disk, oldest first, and how the next one is made.

A descriptor is signed by the root and stored whole before anything speaks of it; the first one
is the last file that setting up a center writes, so its presence says that the keys are whole.
Not here: which keys a descriptor should name (``node.keystore.keys`` has them, ``lianping
init`` and ``lianping keys`` decide).
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from federation.errors import Malformed
from federation.trust.keys import (
    BadDescriptor,
    Descriptor,
    PublicKey,
    RootKey,
    descriptor_digest,
    root_center_id,
)
from federation.trust.suite import SuiteUnavailable, suite
from federation.wire.words import read_chain, read_with_bytes, sign_descriptor
from node.config import Config
from node.keystore import files
from node.keystore.errors import BadKeys
from node.keystore.root_file import RootKeys

FOLDER: Final = "descriptors"
DIGITS: Final = 8

Named = tuple[str, str, str, str]
"""What a descriptor says of the center itself: name, USCC, region, address."""


def exists(keys: Path) -> bool:
    """Whether the center in this key folder was ever published: its set-up is complete."""
    return _file(keys, 1).exists()


def read(keys: Path) -> tuple[bytes, ...]:
    """The signed descriptors, oldest first; empty if there is none yet. Raises BadKeys."""
    folder = keys / FOLDER
    found = sorted(folder.glob(f"{'[0-9]' * DIGITS}.bin"))
    if [each.name for each in found] != [
        _file(keys, number).name for number in range(1, len(found) + 1)
    ]:
        raise BadKeys(f"{folder} 缺少文件,请恢复备份 · lacks a descriptor: restore a backup")
    return tuple(files.read(each) for each in found)


def current(keys: Path, chain: Sequence[bytes]) -> Descriptor:
    """The last of a chain that was read from ``keys``, all of it checked.

    Raises:
        BadKeys: It does not hold.
        SuiteUnavailable: This machine lacks the algorithms to check it.
    """
    try:
        return read_chain(chain)
    except (BadDescriptor, Malformed, ValueError) as error:
        if isinstance(error.__cause__, SuiteUnavailable):
            raise error.__cause__ from error
        raise BadKeys(
            f"{keys / FOLDER} 已损坏,请恢复备份 · is damaged, restore a backup: {error}"
        ) from error


def first(
    config: Config,
    root: RootKeys,
    public: Sequence[PublicKey],
    certificates: Sequence[bytes],
    now_ms: int,
) -> Descriptor:
    """The first descriptor of a new center."""
    roots = tuple(RootKey(each, key) for each, key in root.public().items())
    name, uscc, region_code, address = named(config)
    return Descriptor(
        center_id=root_center_id(roots[0]),
        roots=roots,
        sequence=1,
        previous=b"",
        name=name,
        uscc=uscc,
        region_code=region_code,
        address=address,
        tls_certificates=tuple(certificates),
        keys=tuple(public),
        revoked=(),
        made_at_ms=now_ms,
    )


def following(chain: Sequence[bytes], now_ms: int, **changes: Any) -> Descriptor:
    """The descriptor after the last of a chain, with some of its fields changed."""
    descriptor, signed = read_with_bytes(chain[-1])
    return replace(
        descriptor,
        sequence=descriptor.sequence + 1,
        previous=descriptor_digest(descriptor, signed),
        made_at_ms=now_ms,
        **changes,
    )


def publish(keys: Path, descriptor: Descriptor, root: RootKeys) -> bytes:
    """Sign a descriptor with the root and store it; answers it as peers get it.

    Raises:
        BadKeys: The root is another center's, the descriptor does not follow the stored ones or
            does not hold, or another process has stored one meanwhile.
        OSError: It cannot be written.
    """
    chain = read(keys)
    check_root(descriptor, root)
    signers = {each: suite(each).signer(raw) for each, raw in root.private.items()}
    signed = sign_descriptor(descriptor, signers)
    try:
        read_chain((*chain, signed))
    except (BadDescriptor, Malformed) as error:
        raise BadKeys(
            f"新名片无效,未保存 · the new descriptor does not hold and was not stored: {error}"
        ) from error
    files.make_folder(keys / FOLDER)
    files.write_new(_file(keys, descriptor.sequence), signed)
    return signed


def check_root(descriptor: Descriptor, root: RootKeys) -> None:
    """The opened root is the one that the descriptor names. Raises BadKeys."""
    public = root.public()
    if any(public.get(each.suite) != each.key for each in descriptor.roots):
        raise BadKeys(
            f"根密钥不属于中心 {descriptor.center_id} · the root key is not that of this center"
        )


def named(config: Config) -> Named:
    """What a configuration says of the center itself."""
    center = config.center
    return center.name, center.uscc, center.region_code, config.listen.advertise


def published(descriptor: Descriptor) -> Named:
    """The same of a descriptor; where they differ, the next one is due."""
    return descriptor.name, descriptor.uscc, descriptor.region_code, descriptor.address


def _file(keys: Path, number: int) -> Path:
    return keys / FOLDER / f"{number:0{DIGITS}}.bin"
