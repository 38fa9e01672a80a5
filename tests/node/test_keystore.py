"""Keys are made once, kept from others, and read back whole or not at all."""

import random
import stat
from pathlib import Path

import pytest
from cryptography import x509

from federation.trust.keys import fingerprint
from federation.wire.words import read_signed_descriptor
from node import config
from node.keystore import folder as keystore
from node.keystore.errors import BadKeys
from tests.node.test_config import GOOD, write

NOW_MS = 1_778_040_000_000


def create(folder: Path, seed: int = 1) -> keystore.Keys:
    return keystore.create(folder, random.Random(seed).randbytes, NOW_MS)


def test_what_was_made_is_read_back(tmp_path: Path) -> None:
    made = create(tmp_path / "keys")
    assert keystore.load(tmp_path / "keys") == made


def test_nobody_else_can_read_them(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    create(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}


def test_no_key_is_ever_overwritten(tmp_path: Path) -> None:
    create(tmp_path / "keys")
    with pytest.raises(BadKeys, match="no key is ever overwritten"):
        create(tmp_path / "keys", seed=2)


def test_a_folder_open_to_others_is_refused(tmp_path: Path) -> None:
    create(tmp_path / "keys")
    (tmp_path / "keys").chmod(0o750)
    with pytest.raises(BadKeys, match="chmod 700"):
        keystore.load(tmp_path / "keys")


@pytest.mark.parametrize("name", ["root.key", "data.key", "tls.certificate.der", "created"])
def test_half_a_set_is_refused(tmp_path: Path, name: str) -> None:
    create(tmp_path / "keys")
    (tmp_path / "keys" / name).unlink()
    with pytest.raises(BadKeys, match="restore a backup"):
        keystore.load(tmp_path / "keys")


def test_a_key_cut_short_is_refused(tmp_path: Path) -> None:
    create(tmp_path / "keys")
    path = tmp_path / "keys" / "log.key"
    path.write_bytes(path.read_bytes()[:31])
    with pytest.raises(BadKeys, match="32 bytes"):
        keystore.load(tmp_path / "keys")


def test_a_root_key_of_another_set_is_noticed(tmp_path: Path) -> None:
    create(tmp_path / "one", seed=1)
    create(tmp_path / "two", seed=2)
    (tmp_path / "one" / "root.key").write_bytes((tmp_path / "two" / "root.key").read_bytes())
    with pytest.raises(BadKeys, match="not of this root key"):
        keystore.load(tmp_path / "one")


def test_the_certificate_names_the_center_and_lasts_a_year(tmp_path: Path) -> None:
    made = create(tmp_path / "keys")
    certificate = x509.load_der_x509_certificate(made.tls.certificate)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [made.center]
    assert made.certificate_ends_ms - NOW_MS == 365 * 86_400_000 - 3_600_000


def test_the_descriptor_proves_itself_and_is_the_same_at_every_start(tmp_path: Path) -> None:
    made = create(tmp_path / "keys")
    settings = config.load(write(tmp_path, GOOD))
    first = keystore.identity(settings, made)
    again = keystore.identity(settings, keystore.load(tmp_path / "keys"))
    assert first.signed_descriptor == again.signed_descriptor
    read = read_signed_descriptor(first.signed_descriptor)
    assert read == first.descriptor
    assert (read.center_id, read.address) == (made.center, "jian.example.cn:7443")
    assert fingerprint(read.center_id).replace(" ", "") == made.center[3:]


def test_no_secret_is_in_a_repr(tmp_path: Path) -> None:
    made = create(tmp_path / "keys")
    assert made.data.hex() not in repr(made)
    assert repr(made.data) not in repr(made)
