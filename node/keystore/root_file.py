"""The root key's file: encrypted, apart from the node's keys, and better not on this machine.

A text that a person can read, then a PKCS#8 block for each suite (RFC 7468 allows text before a
block). The passphrase is stretched once for the whole file by Argon2id (RFC 9106); the result
in hex is the password of the blocks. So the file opens without this program, too:
``argon2`` for the line ``kdf``, then ``openssl pkey -in FILE -passin pass:HEX``.

Not here: where the file lies and what it signs (``node.keystore.descriptors``).
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from argon2.low_level import Type, hash_secret_raw
from typing_extensions import override

from federation.trust.suite import SUITES, BadKey, suite
from node.keystore import pkcs8
from node.keystore.errors import BadKeys, WrongPassphrase
from node.keystore.files import write_new
from node.keystore.passphrase import normal
from node.keystore.pkcs8 import CannotOpenBlock

SALT_BYTES: Final = 16  # RFC 9106 §3.1
PASSWORD_BYTES: Final = 32
MAX_FILE_BYTES: Final = 64 * 1024  # two blocks of half a kilobyte each
MAX_MEMORY_KIB: Final = 4 * 1024 * 1024  # a file must not make this machine swap
MAX_TIME: Final = 1_000
MAX_LANES: Final = 64

_KDF: Final = re.compile(
    r"(?m)^kdf: \$argon2id\$v=19\$m=(\d{1,9}),t=(\d{1,6}),p=(\d{1,4})\$([A-Za-z0-9+/]{1,88})$"
)
_ENTRY: Final = re.compile(
    r"(?m)^suite: ([a-z0-9-]{1,32})\npublic: ([0-9a-f]{2,260})\n"
    r"(-----BEGIN [A-Z ]+-----\n[A-Za-z0-9+/=\n]+-----END [A-Z ]+-----)$"
)
_HEAD: Final = """\
联评中心根密钥。它只签署本中心的名片,运行节点不需要它:请移到离线介质(如存放在保险柜的U盘),并另备一份。
Root key of a Lianping center. It signs the center's descriptors and nothing else; a running node
does not need it: move this file to an offline medium, and keep a copy elsewhere.
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """Argon2id's parameters: memory in KiB, passes, lanes."""

    memory_kib: int
    time: int
    lanes: int


FLOOR: Final = Cost(64 * 1024, 3, 4)
"""The second recommended option of RFC 9106 §4; half a second on a small machine."""


@dataclass(frozen=True, slots=True)
class RootKeys:
    """The opened root: suite to raw private key, in the file's order. ``repr`` names nothing."""

    private: Mapping[str, bytes]

    @override
    def __repr__(self) -> str:
        return f"RootKeys({', '.join(self.private)})"

    def public(self) -> dict[str, bytes]:
        """The public halves, by suite."""
        return {each: suite(each).public_signing(raw) for each, raw in self.private.items()}


def make(
    path: Path,
    suites: tuple[str, ...],
    passphrase: str,
    random: Callable[[int], bytes],
    cost: Cost = FLOOR,
) -> RootKeys:
    """Make root keys and write their file; none is ever overwritten.

    Args:
        path: The file; its folder exists.
        suites: The first one's key makes the center id.
        passphrase: Guards the file; held against ``passphrase.check`` by the caller.
        random: Gives that many bytes fit for keys.
        cost: Less than ``FLOOR`` for tests only.

    Raises:
        BadKeys: The file exists.
        SuiteUnavailable: This machine lacks a suite's algorithms.
        OSError: It cannot be written.
    """
    keys = RootKeys({each: suite(each).new_private(random) for each in suites})
    _write(path, keys, passphrase, random, cost)
    return keys


def extend(
    path: Path,
    root: RootKeys,
    suite_id: str,
    passphrase: str,
    random: Callable[[int], bytes],
    cost: Cost = FLOOR,
) -> RootKeys:
    """Write a second file that has a key of one more suite. The first file stays as it is.

    Args:
        path: The new file; its folder exists.
        root: The opened root.
        suite_id: The suite that it lacks.
        passphrase: Of the new file; usually the old one's.
        random: Gives that many bytes fit for keys.
        cost: Less than ``FLOOR`` for tests only.

    Raises:
        BadKeys, SuiteUnavailable, OSError: As ``make``.
    """
    keys = RootKeys({**root.private, suite_id: suite(suite_id).new_private(random)})
    _write(path, keys, passphrase, random, cost)
    return keys


def _write(
    path: Path, keys: RootKeys, passphrase: str, random: Callable[[int], bytes], cost: Cost
) -> None:
    salt = random(SALT_BYTES)
    password = _stretch(passphrase, salt, cost)
    kdf = (
        f"kdf: $argon2id$v=19$m={cost.memory_kib},t={cost.time},p={cost.lanes}$"
        + base64.b64encode(salt).decode().rstrip("=")
    )
    public = keys.public()
    entries = [
        f"\nsuite: {each}\npublic: {public[each].hex()}\n"
        + pkcs8.encrypt(each, raw, password, random)
        for each, raw in keys.private.items()
    ]
    write_new(path, f"{_HEAD}{kdf}\n{''.join(entries)}".encode())


def public_keys(path: Path) -> dict[str, bytes]:
    """The public root keys that a file says it has; proven only by ``open_file``.

    Raises:
        BadKeys: It cannot be read.
    """
    return {each: public for each, public, _ in _entries(path, _read(path))}


def open_file(path: Path, passphrase: str) -> RootKeys:
    """Open a root key's file.

    Raises:
        BadKeys: It cannot be read, or is no such file.
        WrongPassphrase: It does not open.
    """
    text = _read(path)
    found = _KDF.search(text)
    if found is None:
        raise _not_one(path)
    try:
        salt = base64.b64decode(found[4] + "=" * (-len(found[4]) % 4), validate=True)
    except binascii.Error as error:
        raise _not_one(path) from error
    cost = Cost(int(found[1]), int(found[2]), int(found[3]))
    if not (
        8 * cost.lanes <= cost.memory_kib <= MAX_MEMORY_KIB
        and 1 <= cost.time <= MAX_TIME
        and 1 <= cost.lanes <= MAX_LANES
        and len(salt) >= SALT_BYTES // 2
    ):
        raise _not_one(path)
    entries = _entries(path, text)
    password = _stretch(passphrase, salt, cost)
    try:
        opened = {each: _open(each, public, block, password) for each, public, block in entries}
    except (CannotOpenBlock, BadKey) as error:
        raise WrongPassphrase(
            f"根密钥文件 {path} 打不开:口令不对,或文件已损坏 · the root key's file does not "
            "open: a wrong passphrase, or the file is damaged"
        ) from error
    return RootKeys(opened)


def _open(suite_id: str, public: bytes, block: str, password: bytes) -> bytes:
    raw = pkcs8.decrypt(block, suite_id, password)
    if suite(suite_id).public_signing(raw) != public:
        raise CannotOpenBlock("another key than the file says")
    return raw


def _entries(path: Path, text: str) -> list[tuple[str, bytes, str]]:
    found = [
        (each, bytes.fromhex(public), block)
        for each, public, block in _ENTRY.findall(text)
        if each in SUITES and len(public) % 2 == 0
    ]
    if not found or len({each for each, _, _ in found}) != len(_ENTRY.findall(text)):
        raise _not_one(path)
    return found


def _read(path: Path) -> str:
    try:
        # No look at its mode: it is encrypted, and sticks that are carried about know no modes.
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES)
    except OSError as error:
        raise BadKeys(
            f"根密钥文件 {path} 无法读取 · the root key's file cannot be read ({error.strerror})"
        ) from error
    try:
        return raw.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise _not_one(path) from error


def _not_one(path: Path) -> BadKeys:
    return BadKeys(
        f"{path} 不是完整的根密钥文件,请用备份 · is no whole root key's file; take the copy"
    )


def stretch(passphrase: str, salt: bytes, cost: Cost = FLOOR) -> bytes:
    """32 bytes that only whoever knows a passphrase can make, at the cost of a root key's file."""
    return bytes.fromhex(_stretch(passphrase, salt, cost).decode())


def _stretch(passphrase: str, salt: bytes, cost: Cost) -> bytes:
    raw = hash_secret_raw(
        normal(passphrase),
        salt,
        time_cost=cost.time,
        memory_cost=cost.memory_kib,
        parallelism=cost.lanes,
        hash_len=PASSWORD_BYTES,
        type=Type.ID,
    )
    return raw.hex().encode()
