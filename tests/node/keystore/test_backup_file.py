"""A backup as one file: whole or not at all, ours or refused, and nothing in it can be moved."""

import json
from pathlib import Path

import pytest

from federation.trust.keys import LogBegin
from node.keystore import backup_file
from node.keystore.backup_file import CHUNK_BYTES, BadBackup, Manifest
from node.store.snapshot import Contents
from tests.support.identities import describe, identify, make_secrets
from tests.support.pair import SPOKEN, SeededRandom

PASSPHRASE = "玉兰 花开 三月 十七 号院"
CONTENTS = Contents(1, (LogBegin("intl-1", 3, bytes(32)),), 1, 2, 3, 4, 5, 6)
RANDOM = SeededRandom("backup")
SECRETS = make_secrets(RANDOM.bytes, SPOKEN)
IDENTITY = identify(describe(SECRETS, "host", 1), SECRETS)
OTHERS = make_secrets(RANDOM.bytes, SPOKEN)
STRANGER = identify(describe(OTHERS, "sub", 1), OTHERS)


def make(folder: Path, content: bytes, passphrase: str = "") -> Path:
    database, target = folder / "copy.db", folder / "node.lpbak"
    database.write_bytes(content)
    backup_file.write(
        target,
        database,
        lambda size, digest, sealed: Manifest(
            IDENTITY.center, "test", 1_000, 0, 1, CONTENTS, size, digest, sealed
        ),
        IDENTITY,
        1_000,
        passphrase=passphrase,
        random=RANDOM.bytes,
    )
    return target


def opened(folder: Path, file: Path, passphrase: str = "") -> bytes:
    target = folder / "out.db"
    backup_file.extract(file, backup_file.read(file, IDENTITY), target, passphrase)
    return target.read_bytes()


@pytest.mark.parametrize("passphrase", ["", PASSPHRASE])
@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES, 2 * CHUNK_BYTES + 7])
def test_what_went_in_comes_out(tmp_path: Path, size: int, passphrase: str) -> None:
    content = RANDOM.bytes(size)
    file = make(tmp_path, content, passphrase)
    assert file.stat().st_mode & 0o777 == 0o600
    assert opened(tmp_path, file, passphrase) == content
    assert (content[:64] in file.read_bytes()) == (not passphrase or not size)


def test_a_manifest_says_what_is_in_it_and_is_signed(tmp_path: Path) -> None:
    found = backup_file.read(make(tmp_path, b"x"), IDENTITY)
    assert found.manifest.contents == CONTENTS
    assert found.manifest.center == IDENTITY.center
    assert not found.revoked


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    file = make(tmp_path, b"x")
    before = file.read_bytes()
    with pytest.raises(BadBackup, match="exists already"):
        make(tmp_path, b"y")
    assert file.read_bytes() == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["copy.db", "node.lpbak"]


def test_another_centers_backup_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadBackup, match="another center"):
        backup_file.read(make(tmp_path, b"x"), STRANGER)


def test_a_manifest_that_was_changed_is_refused(tmp_path: Path) -> None:
    file = make(tmp_path, b"x")
    head, _, rest = file.read_bytes().partition(b"\n")
    outer = json.loads(head)
    outer["manifest"] = outer["manifest"].replace('"said":1', '"said":9')
    file.write_bytes(json.dumps(outer).encode() + b"\n" + rest)
    with pytest.raises(BadBackup, match="not signed by a key of this center"):
        backup_file.read(file, IDENTITY)


@pytest.mark.parametrize("passphrase", ["", PASSPHRASE])
@pytest.mark.parametrize("harm", ["cut", "flip", "add", "swap"])
def test_a_file_that_was_harmed_is_refused(tmp_path: Path, harm: str, passphrase: str) -> None:
    file = make(tmp_path, RANDOM.bytes(3 * CHUNK_BYTES), passphrase)
    raw = bytearray(file.read_bytes())
    chunk = CHUNK_BYTES + (16 if passphrase else 0)
    if harm == "cut":
        del raw[-chunk:]
    elif harm == "flip":
        raw[-1] ^= 1
    elif harm == "add":
        raw += raw[-chunk:]
    else:
        raw[-2 * chunk :] = raw[-chunk:] + raw[-2 * chunk : -chunk]
    file.write_bytes(raw)
    with pytest.raises(BadBackup):
        opened(tmp_path, file, passphrase)


def test_another_passphrase_opens_nothing(tmp_path: Path) -> None:
    file = make(tmp_path, b"x", PASSPHRASE)
    with pytest.raises(BadBackup, match="passphrase"):
        opened(tmp_path, file, "another one of some length")


@pytest.mark.parametrize("content", [b"", b"{}\n", b"[]\n", b"\xff\n", b'{"manifest":1}\n'])
def test_what_is_no_backup_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    with pytest.raises(BadBackup, match="is no backup"):
        backup_file.read(file, IDENTITY)


@pytest.mark.parametrize("made_at", ['"\ud800"', "1e999", "[" * 20_000])
def test_a_first_line_that_no_node_wrote_is_told_as_such(tmp_path: Path, made_at: str) -> None:
    file = make(tmp_path, b"x")
    outer = json.loads(file.read_bytes().splitlines()[0])
    manifest = outer["manifest"]
    for name in ("software", "made_at_ms"):
        said = json.dumps(json.loads(manifest)[name])
        outer["manifest"] = manifest.replace(f'"{name}":{said}', f'"{name}":{made_at}')
        file.write_bytes(json.dumps(outer).encode() + b"\n")
        with pytest.raises(BadBackup):
            backup_file.read(file, IDENTITY)
