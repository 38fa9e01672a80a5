"""The keys that a serving node needs, in a folder that only its user can enter.

One file a key, named by suite, purpose and key id, so that old and new lie side by side while
they overlap; a TLS key with its certificate is one file, so that the two never part. A file is
written whole and never overwritten. The root key is not here (``node.keystore.root_file``).

The TLS certificate is self-signed and pinned by partners through the descriptor, so its name
is the center id and no authority is involved.
"""

import datetime as dt
import hashlib
import re
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from typing_extensions import override

from federation.engine.identity import Identity
from federation.ids import CenterId
from federation.transport.tls import TlsKeys, new_key, self_signed
from federation.trust.envelope import Signer, key_id
from federation.trust.keys import Descriptor, PublicKey, Purpose
from federation.trust.secrets import Face, Opener, public_half
from federation.trust.suite import SUITES, BadKey, Suite, suite
from node.keystore import chain, files
from node.keystore.errors import BadKeys
from node.store import cipher

KEY_DAYS: Final = 365  # federation.md §8.6: no signing key lives longer than a year
BACKDATED_MS: Final = 3_600_000  # a partner's clock may be behind ours
RAW_BYTES: Final = 32
DAY_MS: Final = 86_400_000

_DATA: Final = "data.key"
_KEY_FILE: Final = re.compile(r"([a-z0-9-]+)\.(message|log|witness|sealing)\.([0-9a-f]{32})\.key")
_TLS_FILE: Final = re.compile(r"tls\.([0-9a-f]{32})\.pem")


@dataclass(frozen=True, slots=True)
class OwnKey:
    """A private key on disk; ``repr`` does not show it.

    Args:
        suite: The only suite that it is for.
        purpose: The only purpose.
        public: Its public half, raw.
        private: Raw, 32 bytes.
    """

    suite: Suite
    purpose: Purpose
    public: bytes
    private: bytes

    @override
    def __repr__(self) -> str:
        return f"OwnKey({self.suite.suite_id}, {self.purpose.name}, {self.id.hex()})"

    @property
    def id(self) -> bytes:
        """16 bytes, as in our descriptor."""
        return key_id(self.suite, self.public)

    def published(self, now_ms: int, days: int = KEY_DAYS) -> PublicKey:
        """As a descriptor names it: valid from an hour ago, for a year."""
        begins = now_ms - BACKDATED_MS
        return PublicKey(
            self.suite.suite_id, self.purpose, self.public, begins, begins + days * DAY_MS
        )


@dataclass(frozen=True, slots=True)
class Keys:
    """Everything secret that a serving node has, and what it publishes. ``repr`` names nothing.

    Args:
        chain: Our signed descriptors, oldest first.
        descriptor: The last of them.
        faces: What signs and opens, by suite.
        data: The key that personal data is sealed under, 32 bytes.
        tls: What we show at a handshake: the first certificate of the descriptor.
    """

    chain: tuple[bytes, ...]
    descriptor: Descriptor
    faces: Mapping[str, Face]
    data: bytes
    tls: TlsKeys

    @override
    def __repr__(self) -> str:
        return f"Keys({self.center}, …)"

    @property
    def center(self) -> CenterId:
        """Our center id."""
        return CenterId(self.descriptor.center_id)

    @property
    def certificate_ends_ms(self) -> int:
        """When the TLS certificate ends, unix milliseconds."""
        ends = _parsed(self.tls.certificate).not_valid_after_utc
        return int(ends.timestamp() * 1000)

    def identity(self) -> Identity:
        """Who we are when we speak."""
        return Identity(self.chain, self.descriptor, self.faces)


def load(folder: Path) -> Keys:
    """Read the keys of a center that was set up.

    Raises:
        BadKeys: It was not, a file is missing or damaged, or others can read them.
        SuiteUnavailable: This machine lacks the algorithms of a suite that we publish.
    """
    if not chain.exists(folder):
        raise BadKeys(
            f"{folder} 中没有完整的密钥 · has no complete keys: 执行 · run `lianping init`, "
            "or restore a backup"
        )
    if folder.stat().st_mode & 0o077:
        raise BadKeys(f"{folder} 对其他用户开放 · is open to others: chmod 700 {folder}")
    signed = chain.read(folder)
    descriptor = chain.current(folder, signed)
    own = own_keys(folder)
    _check_complete(folder, descriptor, own)
    return Keys(
        signed,
        descriptor,
        {each: _face(suite(each), descriptor, own) for each in descriptor.suites},
        files.read(folder / _DATA, cipher.KEY_BYTES),
        tls_keys(folder, descriptor.tls_certificates[0]),
    )


def make_data_key(folder: Path, random: Callable[[int], bytes]) -> bool:
    """Make the key of personal data, unless there is one; answers whether it was made."""
    if (folder / _DATA).exists():
        return False
    files.write_new(folder / _DATA, random(cipher.KEY_BYTES))
    return True


def add_key(
    folder: Path, suite_id: str, purpose: Purpose, random: Callable[[int], bytes]
) -> OwnKey:
    """Make a key and store it. It counts once a descriptor names it.

    Raises:
        SuiteUnavailable, UnknownSuite: This machine cannot make such a key.
        OSError: It cannot be written.
    """
    chosen = suite(suite_id)
    private = chosen.new_private(random)
    key = OwnKey(chosen, purpose, public_half(chosen, purpose, private), private)
    files.write_new(_key_file(folder, key), private)
    return key


def add_certificate(folder: Path, center: str, now_ms: int, days: int = KEY_DAYS) -> bytes:
    """Make a TLS key with its certificate and store them; answers the certificate (DER).

    It counts once a descriptor names it, and is shown once it stands first there.
    """
    begins = dt.datetime.fromtimestamp((now_ms - BACKDATED_MS) // 1000, dt.UTC)
    made = self_signed(center, new_key(), begins, begins + dt.timedelta(days=days))
    content = made.private_key + ssl.DER_cert_to_PEM_cert(made.certificate).encode()
    files.write_new(_tls_file(folder, made.certificate), content)
    return made.certificate


def own_keys(folder: Path) -> list[OwnKey]:
    """All private keys in a folder, published or not, by file name. Raises BadKeys."""
    return [
        _read_key(path, found)
        for path in sorted(folder.iterdir())
        if (found := _KEY_FILE.fullmatch(path.name))
    ]


def certificates(folder: Path, center: str) -> list[bytes]:
    """All certificates (DER) of a center whose keys are in a folder, oldest first.

    Raises:
        BadKeys: One is damaged.
    """
    found = [
        _read_tls(path).certificate
        for path in sorted(folder.iterdir())
        if _TLS_FILE.fullmatch(path.name)
    ]
    mine = [each for each in found if _parsed(each).subject.rfc4514_string() == f"CN={center}"]
    return sorted(mine, key=lambda each: _parsed(each).not_valid_before_utc)


def tls_keys(folder: Path, certificate: bytes) -> TlsKeys:
    """The TLS key of a certificate (DER). Raises BadKeys."""
    keys = _read_tls(_tls_file(folder, certificate))
    if keys.certificate != certificate:
        raise _damaged(_tls_file(folder, certificate))
    return keys


def _check_complete(folder: Path, descriptor: Descriptor, own: Sequence[OwnKey]) -> None:
    """Starting on half a set of keys is refused: partners would seal and sign to nobody."""
    here = {(key.suite.suite_id, key.purpose, key.public) for key in own}
    gone = {each.key_id for each in descriptor.revoked}
    missing = [
        key
        for key in descriptor.keys
        if (key.suite, key.purpose, key.key) not in here and key.id not in gone
    ]
    if missing:
        names = ", ".join(
            f"{each.suite}.{each.purpose.name.lower()}.{each.id.hex()}.key" for each in missing
        )
        raise BadKeys(
            f"{folder} 缺少已公布的密钥 · lacks keys that are published: {names}; "
            "恢复备份 · restore a backup"
        )


def _face(chosen: Suite, descriptor: Descriptor, own: Sequence[OwnKey]) -> Face:
    mine = [key for key in own if key.suite.suite_id == chosen.suite_id]
    signers: dict[bytes, Signer] = {
        key.id: chosen.signer(key.private) for key in mine if key.purpose is not Purpose.SEALING
    }
    # Also those that are published no more: what was sealed to them must open.
    openers = {
        key.id: _opener(chosen, key.private) for key in mine if key.purpose is Purpose.SEALING
    }
    return Face(chosen, descriptor, signers, openers)


def _opener(chosen: Suite, private: bytes) -> Opener:
    return lambda info, sealed: chosen.unseal(private, info, sealed)


def _read_key(path: Path, found: re.Match[str]) -> OwnKey:
    suite_id, purpose_name, identifier = found.groups()
    if suite_id not in SUITES:
        raise BadKeys(f"{path} 的密码套件未知 · is a key of a suite that this version lacks")
    chosen, purpose = suite(suite_id), Purpose[purpose_name.upper()]
    private = files.read(path, RAW_BYTES)
    try:
        key = OwnKey(chosen, purpose, public_half(chosen, purpose, private), private)
    except BadKey as error:
        raise _damaged(path) from error
    if key.id.hex() != identifier:
        raise _damaged(path)
    return key


def _read_tls(path: Path) -> TlsKeys:
    content = files.read(path)
    begins = content.find(b"-----BEGIN CERTIFICATE-----")
    try:
        certificate = ssl.PEM_cert_to_DER_cert(content[begins:].decode("ascii"))
        private = load_pem_private_key(content[:begins], None)
        whole = private.public_key() == _parsed(certificate).public_key()
    except (ValueError, UnicodeDecodeError) as error:
        raise _damaged(path) from error
    if not whole or _tls_file(path.parent, certificate) != path:
        raise _damaged(path)
    return TlsKeys(certificate, content[:begins])


def _parsed(certificate: bytes) -> x509.Certificate:
    return x509.load_der_x509_certificate(certificate)


def _damaged(path: Path) -> BadKeys:
    return BadKeys(f"{path} 已损坏,请恢复备份 · is damaged: restore a backup")


def _key_file(folder: Path, key: OwnKey) -> Path:
    purpose = key.purpose.name.lower()
    return folder / f"{key.suite.suite_id}.{purpose}.{key.id.hex()}.key"


def _tls_file(folder: Path, certificate: bytes) -> Path:
    return folder / f"tls.{hashlib.sha256(certificate).hexdigest()[:32]}.pem"
