"""The root key's file: it opens with its passphrase, with standard tools, and not otherwise."""

import base64
import random
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.trust.suite import suite
from node.keystore import pkcs8, root_file
from node.keystore.errors import BadKeys, WrongPassphrase
from node.keystore.pkcs8 import CannotOpenBlock
from node.keystore.root_file import FLOOR, Cost

CHEAP = Cost(8, 1, 1)
PASSPHRASE = "月落乌啼霜满天 correct horse"
BOTH = ("intl-1", "gm-1")


def make(folder: Path, suites: tuple[str, ...] = BOTH) -> Path:
    path = folder / "root.pem"
    root_file.make(path, suites, PASSPHRASE, random.Random(1).randbytes, CHEAP)
    return path


def password(path: Path) -> bytes:
    """As the file says it: with argon2, and nothing of ours."""
    found = re.search(r"m=(\d+),t=(\d+),p=(\d+)\$(\S+)", path.read_text())
    assert found is not None
    raw = hash_secret_raw(
        PASSPHRASE.encode(),
        base64.b64decode(found[4] + "=="),
        int(found[2]),
        int(found[1]),
        int(found[3]),
        32,
        Type.ID,
    )
    return raw.hex().encode()


def test_what_was_made_opens_with_its_passphrase(tmp_path: Path) -> None:
    path = tmp_path / "root.pem"
    made = root_file.make(path, BOTH, PASSPHRASE, random.Random(1).randbytes, CHEAP)
    opened = root_file.open_file(path, PASSPHRASE)
    assert opened == made
    assert tuple(opened.private) == BOTH
    assert opened.public() == root_file.public_keys(path)
    signed = suite("gm-1").signer(opened.private["gm-1"])(b"x")
    assert suite("gm-1").verify(opened.public()["gm-1"], signed, b"x")


def test_the_order_of_suites_is_kept(tmp_path: Path) -> None:
    assert tuple(root_file.public_keys(make(tmp_path, ("gm-1", "intl-1")))) == ("gm-1", "intl-1")


def test_the_same_passphrase_from_another_keyboard_opens_it(tmp_path: Path) -> None:
    path = tmp_path / "root.pem"
    root_file.make(path, ("intl-1",), "ＡＢＣ ｅ\u0301", random.Random(1).randbytes, CHEAP)
    assert root_file.open_file(path, "ABC é").private


def test_another_passphrase_does_not_open_it(tmp_path: Path) -> None:
    path = make(tmp_path)
    for wrong in ("", PASSPHRASE + " ", PASSPHRASE.upper()):
        with pytest.raises(WrongPassphrase, match="wrong passphrase"):
            root_file.open_file(path, wrong)


def test_nobody_else_can_read_it_and_it_is_never_overwritten(tmp_path: Path) -> None:
    path = make(tmp_path)
    before = path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(BadKeys, match="ever overwritten"):
        make(tmp_path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["root.pem"]


def test_a_draft_that_a_kill_left_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / ".root.pem.new").write_bytes(b"half")
    assert root_file.open_file(make(tmp_path), PASSPHRASE).private
    assert not (tmp_path / ".root.pem.new").exists()


def test_no_secret_is_in_a_repr(tmp_path: Path) -> None:
    opened = root_file.open_file(make(tmp_path), PASSPHRASE)
    assert repr(opened) == "RootKeys(intl-1, gm-1)"


def test_the_floor_is_the_one_of_the_design() -> None:
    assert (FLOOR.memory_kib, FLOOR.time) == (65_536, 3)


def test_cryptography_opens_the_block_of_intl_1(tmp_path: Path) -> None:
    path = make(tmp_path)
    (block,) = re.findall(r"suite: intl-1\npublic: \w+\n(-----[^:]+-----)\n", path.read_text())
    key = load_pem_private_key(block.encode(), password(path))
    assert isinstance(key, Ed25519PrivateKey)
    assert key.private_bytes_raw() == root_file.open_file(path, PASSPHRASE).private["intl-1"]


@pytest.mark.parametrize("each", BOTH)
def test_openssl_opens_every_block(tmp_path: Path, each: str) -> None:
    openssl = shutil.which("openssl")
    assert openssl is not None, "Debian's package openssl"
    path = make(tmp_path, (each,))
    done = subprocess.run(
        [openssl, "pkey", "-in", str(path), "-passin", f"pass:{password(path).decode()}",
         "-text", "-noout"],
        capture_output=True,
        text=True,
        check=True,
    )  # fmt: skip
    private = root_file.open_file(path, PASSPHRASE).private[each]
    shown = "".join(done.stdout.partition("priv:")[2].partition("pub:")[0].split())
    assert shown.replace(":", "").zfill(64) == private.hex()
    assert ("SM2" in done.stdout) == (each == "gm-1")


def test_a_file_cut_short_or_of_another_kind_is_named(tmp_path: Path) -> None:
    path = make(tmp_path)
    whole = path.read_text()
    for text in (whole[: len(whole) // 2], "", "no root", whole.replace("kdf:", "fdk:")):
        path.write_text(text)
        with pytest.raises(BadKeys, match="is no whole root key's file"):
            root_file.open_file(path, PASSPHRASE)
    path.unlink()
    with pytest.raises(BadKeys, match="cannot be read"):
        root_file.open_file(path, PASSPHRASE)


@pytest.mark.parametrize(
    "cost", ["m=99999999,t=3,p=4", "m=65536,t=999999,p=4", "m=8,t=1,p=4", "m=65536,t=0,p=1"]
)
def test_a_file_cannot_make_the_machine_work_without_end(tmp_path: Path, cost: str) -> None:
    path = make(tmp_path)
    path.write_text(path.read_text().replace("m=8,t=1,p=1", cost))
    with pytest.raises(BadKeys, match="is no whole root key's file"):
        root_file.open_file(path, PASSPHRASE)


def test_a_public_key_that_was_changed_is_noticed(tmp_path: Path) -> None:
    path = make(tmp_path, ("intl-1",))
    public = root_file.public_keys(path)["intl-1"].hex()
    path.write_text(path.read_text().replace(public, "00" * 32))
    with pytest.raises(WrongPassphrase):
        root_file.open_file(path, PASSPHRASE)


def test_text_with_the_line_ends_of_another_system_opens(tmp_path: Path) -> None:
    path = make(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert root_file.open_file(path, PASSPHRASE).private


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(BOTH), st.binary(min_size=32, max_size=32), st.randoms())
def test_a_block_comes_back_and_never_as_another_suites(
    each: str, private: bytes, chance: random.Random
) -> None:
    block = pkcs8.encrypt(each, private, b"password", chance.randbytes)
    assert pkcs8.decrypt(block, each, b"password") == private
    other = "gm-1" if each == "intl-1" else "intl-1"
    with pytest.raises(CannotOpenBlock):
        pkcs8.decrypt(block, other, b"password")


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_changed_block_opens_to_nothing_or_to_another_key(data: st.DataObject) -> None:
    block = pkcs8.encrypt("intl-1", bytes(32), b"password", random.Random(1).randbytes)
    at = data.draw(st.integers(40, len(block) - 40))
    put = data.draw(st.sampled_from("ABCabc019+/=\n-"))
    changed = block[:at] + put + block[at + 1 :]
    try:
        opened = pkcs8.decrypt(changed, "intl-1", b"password")
    except CannotOpenBlock:
        return
    assert len(opened) == 32
