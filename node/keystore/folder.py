"""A center's keys on disk: made once, read at every start, published as a descriptor.

One file a key in a folder that only the node's user can enter (0700, files 0600). A file is
written whole, synced and renamed, and ``created`` is the last of them: a folder without it is
a creation that was cut short, and starting on half a set of keys is refused.

The TLS certificate is self-signed and pinned by partners through the descriptor, so its name
is the center id and no authority is involved; it is renewed with a new descriptor.
"""

import datetime as dt
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from typing_extensions import override

from federation.engine.identity import Identity
from federation.ids import CenterId
from federation.transport.tls import TlsKeys, new_key, self_signed
from federation.trust.keys import Descriptor, RootKey, root_center_id
from federation.trust.secrets import SecretKeys, face_of, generate
from federation.trust.suite import INTL_1, RAW_KEY_BYTES
from federation.wire.words import sign_descriptor
from node.config import Config
from node.keystore.errors import BadKeys
from node.store import cipher

CERTIFICATE_DAYS: Final = 365  # renewed with the yearly joint test
BACKDATED: Final = dt.timedelta(hours=1)  # a partner's clock may be behind ours
FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600
KEYS_LAST_MS: Final = 10 * 366 * 86_400_000
FIRST_SEQUENCE: Final = 1  # rotation counts on from here

_RAW: Final = ("root", "message", "log", "witness", "sealing")
_DATA: Final = "data.key"
_TLS_KEY: Final = "tls.key.pem"
_TLS_CERTIFICATE: Final = "tls.certificate.der"
_CREATED: Final = "created"


@dataclass(frozen=True, slots=True)
class Keys:
    """Everything secret that a node has. ``repr`` names nothing.

    Args:
        secrets: The federation's private keys.
        data: The key that personal data is sealed under, 32 bytes.
        tls: What we show at a handshake.
        made_at_ms: When the folder was made: the descriptor's time, so that the descriptor
            is the same bytes at every start.
    """

    secrets: SecretKeys
    data: bytes
    tls: TlsKeys
    made_at_ms: int

    @override
    def __repr__(self) -> str:
        return f"Keys({self.center}, …)"

    @property
    def center(self) -> CenterId:
        """The center id that the root key makes."""
        return root_center_id(_root(self.secrets))

    @property
    def certificate_ends_ms(self) -> int:
        """When the TLS certificate ends, unix milliseconds."""
        ends = x509.load_der_x509_certificate(self.tls.certificate).not_valid_after_utc
        return int(ends.timestamp() * 1000)


def exists(folder: Path) -> bool:
    """Whether ``create`` was completed here."""
    return (folder / _CREATED).exists()


def create(folder: Path, random: Callable[[int], bytes], now_ms: int) -> Keys:
    """Make a center's keys in ``folder``.

    Args:
        folder: Made if missing; must be empty otherwise.
        random: Gives that many bytes fit for keys.
        now_ms: The time, unix milliseconds.

    Raises:
        BadKeys: Something is in the folder already.
    """
    folder.mkdir(parents=True, mode=FOLDER_MODE, exist_ok=True)
    folder.chmod(FOLDER_MODE)
    if any(folder.iterdir()):
        raise BadKeys(
            f"{folder} 不是空的,不会覆盖任何密钥 · is not empty, and no key is ever overwritten: "
            "恢复备份,或移走后再试 · restore a backup, or move the folder away"
        )
    secrets = generate(INTL_1, random)
    data = random(cipher.KEY_BYTES)
    center = root_center_id(_root(secrets))
    begins = dt.datetime.fromtimestamp(now_ms // 1000, dt.UTC) - BACKDATED
    tls = self_signed(center, new_key(), begins, begins + dt.timedelta(days=CERTIFICATE_DAYS))
    for name in _RAW:
        _write(folder / f"{name}.key", getattr(secrets, name))
    _write(folder / _DATA, data)
    _write(folder / _TLS_KEY, tls.private_key)
    _write(folder / _TLS_CERTIFICATE, tls.certificate)
    _write(folder / _CREATED, str(now_ms).encode())
    return Keys(secrets, data, tls, now_ms)


def load(folder: Path) -> Keys:
    """Read the keys of a folder that ``create`` made.

    Raises:
        BadKeys: None were made here, a file is missing or damaged, or others can read them.
    """
    if not exists(folder):
        raise BadKeys(
            f"{folder} 中没有密钥 · has no keys: 执行 · run `lianping init`, or restore a backup"
        )
    if folder.stat().st_mode & 0o077:
        raise BadKeys(f"{folder} 对其他用户开放 · is open to others: chmod 700 {folder}")
    secrets = SecretKeys(INTL_1, *(_read(folder / f"{name}.key", RAW_KEY_BYTES) for name in _RAW))
    keys = Keys(
        secrets,
        _read(folder / _DATA, cipher.KEY_BYTES),
        TlsKeys(_read(folder / _TLS_CERTIFICATE), _read(folder / _TLS_KEY)),
        int(_read(folder / _CREATED)),
    )
    try:
        certificate = x509.load_der_x509_certificate(keys.tls.certificate)
    except ValueError as error:
        raise BadKeys(f"{folder / _TLS_CERTIFICATE} 已损坏 · is damaged: {error}") from error
    if certificate.subject.rfc4514_string() != f"CN={keys.center}":
        raise BadKeys(
            f"{folder}: 证书与根密钥不符 · the certificate is not of this root key; "
            "恢复整个文件夹 · restore the whole folder from one backup"
        )
    return keys


def identity(config: Config, keys: Keys) -> Identity:
    """Who we are, with the descriptor that our root key signs.

    The descriptor depends on nothing but keys and configuration, so it is the same at every
    start until one of them is changed.
    """
    secrets = keys.secrets
    descriptor = Descriptor(
        center_id=keys.center,
        roots=(_root(secrets),),
        sequence=FIRST_SEQUENCE,
        previous=b"",
        name=config.center.name,
        uscc=config.center.uscc,
        region_code=config.center.region_code,
        address=config.listen.advertise,
        tls_certificates=(keys.tls.certificate,),
        keys=secrets.public(keys.made_at_ms, keys.made_at_ms + KEYS_LAST_MS),
        revoked=(),
        made_at_ms=keys.made_at_ms,
    )
    signed = sign_descriptor(descriptor, {INTL_1.suite_id: secrets.root_signer})
    return Identity([signed], descriptor, {INTL_1.suite_id: face_of(descriptor, secrets)})


def _root(secrets: SecretKeys) -> RootKey:
    return RootKey(INTL_1.suite_id, INTL_1.public_signing(secrets.root))


def _write(path: Path, content: bytes) -> None:
    """Write a file that is there whole or not at all, also after a power cut."""
    draft = path.with_name(f".{path.name}.new")
    with open(draft, "xb", opener=lambda name, flags: os.open(name, flags, FILE_MODE)) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read(path: Path, size: int | None = None) -> bytes:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BadKeys(
            f"{path} 无法读取 · cannot be read ({error.strerror}): 恢复备份 · restore a backup"
        ) from error
    if size is not None and len(raw) != size:
        raise BadKeys(
            f"{path} 应为 {size} 字节 · must have {size} bytes, not {len(raw)}: "
            "恢复备份 · restore a backup"
        )
    return raw
