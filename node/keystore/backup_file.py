"""A backup as one file: a signed manifest, then the database, under a passphrase if one was given.

The first line is JSON: the manifest, and our message key's signature over its exact text. The
manifest names the center, the heads of the logs and the digest of the database, so a file that
was cut short, changed or taken from another center is known before anything is replaced. The rest
is the database; under a passphrase in chunks of AES-256-GCM that cannot be left out, repeated or
put in another order (the STREAM construction), with a key that Argon2id makes of the passphrase
at the cost of a root key's file.

Keys are not in it: the key folder changes only with ``lianping keys``, and is copied then.
"""

import base64
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from federation.engine.identity import Identity
from federation.trust.envelope import sign_alone, verify_alone
from federation.trust.keys import LogBegin, Purpose
from federation.trust.suite import suite
from node.keystore import root_file
from node.keystore.files import sync_folder
from node.store.snapshot import Contents

FORMAT: Final = "lianping-backup-1"
SUFFIX: Final = ".lpbak"
CHUNK_BYTES: Final = 1024 * 1024
MAX_HEAD_BYTES: Final = 64 * 1024
TAG_BYTES: Final = 16
SALT_BYTES: Final = 16
PREFIX_BYTES: Final = 7  # of the nonce; 4 count the chunks, 1 tells the last one
FILE_MODE: Final = 0o600


class BadBackup(Exception):
    """The file is no whole backup of this center; says why, in both languages."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself.

    Args:
        center: Whose it is.
        software: What made it.
        made_at_ms: When.
        epoch: The logs' epoch.
        sequence: The number of the newest descriptor then.
        contents: What the database holds.
        size: The database's bytes.
        digest: Their SHA-256, hex.
        sealed: Salt and nonce prefix in hex if it is under a passphrase; else empty.
    """

    center: str
    software: str
    made_at_ms: int
    epoch: int
    sequence: int
    contents: Contents
    size: int
    digest: str
    sealed: tuple[str, str] | tuple[()] = ()

    def text(self) -> str:
        """The exact text that is signed."""
        return json.dumps(
            {
                "format": FORMAT,
                "center": self.center,
                "software": self.software,
                "made_at_ms": self.made_at_ms,
                "epoch": self.epoch,
                "sequence": self.sequence,
                "schema": self.contents.schema,
                "logs": [
                    {"suite": each.suite, "size": each.size, "root": each.root.hex()}
                    for each in self.contents.logs
                ],
                "said": self.contents.said,
                "heard": self.contents.heard,
                "last_ms": self.contents.last_ms,
                "projects": self.contents.projects,
                "accounts": self.contents.accounts,
                "experts": self.contents.experts,
                "size": self.size,
                "sha256": self.digest,
                "sealed": list(self.sealed),
            },
            sort_keys=True,
            separators=(",", ":"),
            ensure_ascii=False,
        )


@dataclass(frozen=True, slots=True)
class Opened:
    """A backup whose manifest is our own.

    Args:
        manifest: What it says.
        revoked: Whether the key that signed it was revoked since.
        offset: Where the database begins in the file.
        head: The first line's digest, which every chunk is bound to.
    """

    manifest: Manifest
    revoked: bool
    offset: int
    head: bytes = field(repr=False)


def backup_type(suite_id: str) -> str:
    """The payload type that the signature covers: it names the suite."""
    return f"application/vnd.lianping.v1.{suite_id}.backup+json"


def write(
    target: Path,
    database: Path,
    manifest: Callable[[int, str, tuple[str, str] | tuple[()]], Manifest],
    identity: Identity,
    now_ms: int,
    *,
    passphrase: str,
    random: Callable[[int], bytes],
) -> Manifest:
    """Write a backup; it is there whole or not at all, and replaces nothing.

    Args:
        target: The file; its folder exists.
        database: The checked copy.
        manifest: Makes the manifest of size, SHA-256 and seal.
        identity: Whose message key signs.
        now_ms: The time.
        passphrase: Empty: the database is written as it is.
        random: Gives that many bytes fit for keys.

    Raises:
        BadBackup: The file exists.
        OSError: It cannot be written.
    """
    size, digest = measured(database)
    salt, prefix = random(SALT_BYTES), random(PREFIX_BYTES)
    sealed = (salt.hex(), prefix.hex()) if passphrase else ()
    told = manifest(size, digest, sealed)
    head = _head(told, identity, now_ms)
    draft = target.with_name(f".{target.name}.new")
    draft.unlink(missing_ok=True)
    try:
        with (
            open(draft, "xb", opener=lambda name, flags: os.open(name, flags, FILE_MODE)) as out,
            database.open("rb") as raw,
        ):
            out.write(head)
            if passphrase:
                key = root_file.stretch(passphrase, salt)
                _seal(raw, out, key, prefix, hashlib.sha256(head).digest())
            else:
                while chunk := raw.read(CHUNK_BYTES):
                    out.write(chunk)
            out.flush()
            os.fsync(out.fileno())
        if target.exists():
            raise BadBackup(f"{target} 已存在 · exists already: give another name")
        draft.rename(target)
        sync_folder(target.parent)
    finally:
        draft.unlink(missing_ok=True)
    return told


def read(file: Path, identity: Identity) -> Opened:
    """Read a backup's manifest and hold it against our own keys.

    Raises:
        BadBackup: It is no backup, another center's, or was changed.
        OSError: It cannot be read.
    """
    with file.open("rb") as raw:
        head = raw.readline(MAX_HEAD_BYTES)
    try:
        outer = json.loads(head)
        text, signature = outer["manifest"], base64.b64decode(outer["signature"], validate=True)
        manifest = _manifest(json.loads(text))
        key_id, signed = bytes.fromhex(outer["key_id"]), text.encode()
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise BadBackup(f"{file} 不是备份文件 · is no backup of a node") from error
    if manifest.center != identity.center:
        raise BadBackup(
            f"{file} 是另一中心({manifest.center})的备份 · is a backup of another center"
        )
    known = identity.message_key(key_id)
    if known is None or not verify_alone(
        suite(known[0]), backup_type(known[0]), signed, known[1], signature
    ):
        raise BadBackup(
            f"{file} 的签名与本中心的密钥不符 · is not signed by a key of this center: it was "
            "changed, or the key folder is older than the backup"
        )
    revoked = identity.descriptor.revocation(key_id) is not None
    return Opened(manifest, revoked, len(head), hashlib.sha256(head).digest())


def extract(file: Path, found: Opened, target: Path, passphrase: str) -> None:
    """Write a backup's database into a new file, and hold it against the manifest.

    Raises:
        BadBackup: The passphrase is wrong, or the file was changed or cut short.
        OSError: It cannot be written.
    """
    manifest = found.manifest
    with (
        file.open("rb") as raw,
        open(target, "xb", opener=lambda name, flags: os.open(name, flags, FILE_MODE)) as out,
    ):
        raw.seek(found.offset)
        if manifest.sealed:
            salt, prefix = map(bytes.fromhex, manifest.sealed)
            key = root_file.stretch(passphrase, salt)
            out.writelines(_unseal(raw, key, prefix, found.head))
        else:
            while chunk := raw.read(CHUNK_BYTES):
                out.write(chunk)
        out.flush()
        os.fsync(out.fileno())
    if measured(target) != (manifest.size, manifest.digest):
        raise BadBackup(f"{file} 不完整或被改动 · is cut short, or was changed")


def measured(file: Path) -> tuple[int, str]:
    """A file's size and SHA-256 in hex."""
    with file.open("rb") as raw:
        digest = hashlib.file_digest(raw, "sha256")
        return raw.tell(), digest.hexdigest()


def _head(manifest: Manifest, identity: Identity, now_ms: int) -> bytes:
    suite_id = identity.suites[0]
    key = identity.face(suite_id).signing(Purpose.MESSAGE, now_ms)
    text = manifest.text()
    signature = sign_alone(backup_type(suite_id), text.encode(), key.sign)
    outer = {
        "manifest": text,
        "key_id": key.id.hex(),
        "signature": base64.b64encode(signature).decode(),
    }
    return json.dumps(outer, ensure_ascii=False).encode() + b"\n"


def _manifest(said: dict[str, Any]) -> Manifest:
    if said["format"] != FORMAT:
        raise ValueError(said["format"])
    sealed = said["sealed"]
    return Manifest(
        center=str(said["center"]),
        software=str(said["software"]),
        made_at_ms=int(said["made_at_ms"]),
        epoch=int(said["epoch"]),
        sequence=int(said["sequence"]),
        contents=Contents(
            schema=int(said["schema"]),
            logs=tuple(
                LogBegin(str(each["suite"]), int(each["size"]), bytes.fromhex(each["root"]))
                for each in said["logs"]
            ),
            said=int(said["said"]),
            heard=int(said["heard"]),
            last_ms=int(said["last_ms"]),
            projects=int(said["projects"]),
            accounts=int(said["accounts"]),
            experts=int(said["experts"]),
        ),
        size=int(said["size"]),
        digest=str(said["sha256"]),
        sealed=(str(sealed[0]), str(sealed[1])) if sealed else (),
    )


def _nonce(prefix: bytes, number: int, *, last: bool) -> bytes:
    return prefix + number.to_bytes(4, "big") + bytes([last])


def _seal(raw: IO[bytes], out: IO[bytes], key: bytes, prefix: bytes, bound_to: bytes) -> None:
    cipher, number = AESGCM(key), 0
    chunk = raw.read(CHUNK_BYTES)
    while True:
        following = raw.read(CHUNK_BYTES)
        nonce = _nonce(prefix, number, last=not following)
        out.write(cipher.encrypt(nonce, chunk, bound_to))
        if not following:
            return
        chunk, number = following, number + 1


def _unseal(raw: IO[bytes], key: bytes, prefix: bytes, bound_to: bytes) -> Iterator[bytes]:
    cipher, number = AESGCM(key), 0
    chunk = raw.read(CHUNK_BYTES + TAG_BYTES)
    while True:
        following = raw.read(CHUNK_BYTES + TAG_BYTES)
        nonce = _nonce(prefix, number, last=not following)
        try:
            yield cipher.decrypt(nonce, chunk, bound_to)
        except InvalidTag as error:
            raise BadBackup(
                "口令不对,或文件被改动 · another passphrase, or the file was changed or cut short"
            ) from error
        if not following:
            return
        chunk, number = following, number + 1
