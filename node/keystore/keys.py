"""The keys that a serving node needs, in a folder that only its user can enter.

One file a key, named by suite, purpose and key id, so that old and new lie side by side while
they overlap. A key in a token (``node.keystore.pkcs11``) has a file too, with its public half
only: so it is known which of a token's keys are ours, and both kinds overlap like any two keys.
A TLS key with its certificate is one file, so that the two never part. A file is written whole
and never overwritten. The root key is not here (``node.keystore.root_file``).

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
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from typing_extensions import override

from federation.engine.identity import Identity
from federation.ids import CenterId
from federation.transport.tls import TlsKeys, new_key, self_signed
from federation.trust.keys import Descriptor, Purpose
from federation.trust.secrets import Face, public_half
from federation.trust.suite import SUITES, BadKey, Suite, suite
from node.config import KeyHolding
from node.keystore import chain, files
from node.keystore.errors import BadKeys
from node.keystore.signer import BACKDATED_MS, KEY_DAYS, Absent, OwnKey, Private, RawPrivate
from node.store import cipher

if TYPE_CHECKING:  # an extra
    from node.keystore.pkcs11 import Token

RAW_BYTES: Final = 32
FILES: Final = KeyHolding()
"""All keys are files."""

_DATA: Final = "data.key"
_KEY_FILE: Final = re.compile(
    r"([a-z0-9-]+)\.(message|log|witness|sealing)\.([0-9a-f]{32})\.(key|pkcs11)"
)
_TLS_FILE: Final = re.compile(r"tls\.([0-9a-f]{32})\.pem")


@dataclass(frozen=True, slots=True)
class Keys:
    """Everything secret that a serving node has, and what it publishes. ``repr`` names nothing.

    Args:
        chain: Our signed descriptors, oldest first.
        descriptor: The last of them.
        faces: What signs and opens, by suite.
        data: The key that personal data is sealed under, 32 bytes.
        tls: What we show at a handshake: the first certificate of the descriptor.
        signing: The published keys that sign.
    """

    chain: tuple[bytes, ...]
    descriptor: Descriptor
    faces: Mapping[str, Face]
    data: bytes
    tls: TlsKeys
    signing: Sequence[OwnKey] = ()

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

    def problem(self) -> str:
        """Why we cannot sign now; empty if we can."""
        for key in self.signing:
            problem = key.private.problem()
            if problem:
                return problem
        return ""


def load(folder: Path, holding: KeyHolding = FILES) -> Keys:
    """Read the keys of a center that was set up.

    Raises:
        BadKeys: It was not, a file is missing or damaged, others can read them, or the token
            is not there or lacks a key that is published.
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
    own = own_keys(folder, holding)
    published = _published(folder, descriptor, own)
    for key in published:
        key.private.require()
    return Keys(
        signed,
        descriptor,
        {each: _face(suite(each), descriptor, own) for each in descriptor.suites},
        files.read(folder / _DATA, cipher.KEY_BYTES),
        tls_keys(folder, descriptor.tls_certificates[0]),
        [key for key in published if key.purpose is not Purpose.SEALING],
    )


def make_data_key(folder: Path, random: Callable[[int], bytes]) -> bool:
    """Make the key of personal data, unless there is one; answers whether it was made."""
    if (folder / _DATA).exists():
        return False
    files.write_new(folder / _DATA, random(cipher.KEY_BYTES))
    return True


def add_key(
    folder: Path,
    suite_id: str,
    purpose: Purpose,
    random: Callable[[int], bytes],
    holding: KeyHolding = FILES,
) -> OwnKey:
    """Make a key and store it, or let the token make it. It counts once a descriptor names it.

    A run that is cut short between token and folder leaves a key in the token that nobody uses.

    Raises:
        BadKeys: The token cannot make it; nothing was made.
        SuiteUnavailable, UnknownSuite: This machine cannot make such a key.
        OSError: It cannot be written.
    """
    chosen = suite(suite_id)
    if holding.in_token(suite_id) and purpose is not Purpose.SEALING:
        key = _token(holding, folder).make(chosen, purpose)
        files.write_new(folder / f"{key.name}.pkcs11", key.public)
        return key
    raw = chosen.new_private(random)
    key = OwnKey(chosen, purpose, public_half(chosen, purpose, raw), RawPrivate(chosen, raw))
    files.write_new(folder / f"{key.name}.key", raw)
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


def own_keys(folder: Path, holding: KeyHolding = FILES) -> list[OwnKey]:
    """All keys of ours, published or not, by file name; a token is not asked. Raises BadKeys."""
    return [
        _read_key(path, found, holding)
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


def _published(folder: Path, descriptor: Descriptor, own: Sequence[OwnKey]) -> list[OwnKey]:
    """Our halves of what is published, was not revoked, and has not ended.

    Starting on half a set of keys is refused: partners would seal and sign to nobody.
    """
    here = {(key.suite.suite_id, key.purpose, key.public): key for key in own}
    gone = {each.key_id for each in descriptor.revoked}
    wanted = [
        key
        for key in descriptor.keys
        if key.id not in gone and key.not_after_ms > descriptor.made_at_ms
    ]
    missing = [each for each in wanted if (each.suite, each.purpose, each.key) not in here]
    if missing:
        names = ", ".join(
            f"{each.suite}.{each.purpose.name.lower()}.{each.id.hex()}.key" for each in missing
        )
        raise BadKeys(
            f"{folder} 缺少已公布的密钥 · lacks keys that are published: {names}; "
            "恢复备份 · restore a backup"
        )
    return [here[each.suite, each.purpose, each.key] for each in wanted]


def _face(chosen: Suite, descriptor: Descriptor, own: Sequence[OwnKey]) -> Face:
    mine = [key for key in own if key.suite.suite_id == chosen.suite_id]
    signers = {key.id: key.private.signer() for key in mine if key.purpose is not Purpose.SEALING}
    # Also those that are published no more: what was sealed to them must open.
    openers = {key.id: key.private.opener() for key in mine if key.purpose is Purpose.SEALING}
    return Face(chosen, descriptor, signers, openers)


def _read_key(path: Path, found: re.Match[str], holding: KeyHolding) -> OwnKey:
    suite_id, purpose_name, identifier, kind = found.groups()
    if suite_id not in SUITES:
        raise BadKeys(f"{path} 的密码套件未知 · is a key of a suite that this version lacks")
    chosen, purpose = suite(suite_id), Purpose[purpose_name.upper()]
    try:
        if kind == "key":
            raw = files.read(path, RAW_BYTES)
            public = public_half(chosen, purpose, raw)
            private: Private = RawPrivate(chosen, raw)
        else:
            public = files.read(path, chosen.key_bytes)
            private = _in_token(holding, path, chosen, public)
    except BadKey as error:
        raise _damaged(path) from error
    key = OwnKey(chosen, purpose, public, private)
    if key.id.hex() != identifier:
        raise _damaged(path)
    return key


def _in_token(holding: KeyHolding, path: Path, chosen: Suite, public: bytes) -> Private:
    try:
        return _token(holding, path).key(chosen, public)
    except BadKeys as error:  # nobody misses a key that is revoked, or has ended
        return Absent(str(error))


def _token(holding: KeyHolding, wanted: Path) -> "Token":
    """The configured token; nothing is asked of it yet. Raises BadKeys."""
    if holding.reachable is None:
        raise BadKeys(
            f"{wanted} 的密钥在令牌中 · is a key in a token: 配置 · configure keys.module, "
            "keys.token, keys.pin_file"
        )
    try:
        from node.keystore import pkcs11  # noqa: PLC0415 - an extra, which most nodes lack
    except ImportError as error:
        raise BadKeys(
            "令牌需要附加组件 · a token needs the extra: pip install --require-hashes --no-deps "
            "-r requirements-pkcs11.lock"
        ) from error
    return pkcs11.open_token(*holding.reachable)


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


def _tls_file(folder: Path, certificate: bytes) -> Path:
    return folder / f"tls.{hashlib.sha256(certificate).hexdigest()[:32]}.pem"
