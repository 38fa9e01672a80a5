"""Keys are made once, kept from others, and read back whole or not at all."""

import random
import shutil
import stat
from pathlib import Path

import pytest
from cryptography import x509

from federation.trust.keys import Purpose, fingerprint
from federation.trust.suite import SUITES, CannotOpen, suite
from federation.wire.words import read_signed_descriptor
from node import config
from node.keystore import center, chain, root_file
from node.keystore import keys as folder
from node.keystore.errors import BadKeys
from node.keystore.keys import Keys
from node.keystore.root_file import RootKeys
from node.keystore.signer import RawPrivate
from tests.node.keystore.test_root_file import BOTH, CHEAP
from tests.node.test_config import GOOD, write

NOW_MS = 1_778_040_000_000
DAY_MS = 86_400_000


def configured(
    where: Path, suites: tuple[str, ...] = ("intl-1",), text: str = GOOD
) -> config.Config:
    where.mkdir(exist_ok=True)
    listed = ", ".join(f'"{each}"' for each in suites)
    return config.load(write(where, f"{text}\n[trust]\nsuites = [{listed}]\n"))


def make_root(where: Path, suites: tuple[str, ...] = ("intl-1",), seed: int = 1) -> RootKeys:
    where.mkdir(exist_ok=True)
    chance = random.Random(seed).randbytes
    return root_file.make(where / f"root{seed}.pem", suites, "x", chance, CHEAP)


def create(where: Path, suites: tuple[str, ...] = ("intl-1",)) -> Keys:
    settings = configured(where, suites)
    chance = random.Random(7).randbytes
    center.complete(where / "keys", settings, make_root(where, suites), chance, NOW_MS)
    return folder.load(where / "keys")


def all_files(where: Path) -> dict[str, bytes]:
    return {str(p.relative_to(where)): p.read_bytes() for p in where.rglob("*") if p.is_file()}


@pytest.mark.parametrize("suites", [("intl-1",), ("gm-1",), BOTH, BOTH[::-1]], ids="-".join)
def test_a_center_has_a_face_for_each_of_its_suites(
    tmp_path: Path, suites: tuple[str, ...]
) -> None:
    keys = create(tmp_path, suites)
    identity = keys.identity()
    assert identity.suites == suites
    for each in suites:
        face = identity.face(each)
        for purpose in (Purpose.MESSAGE, Purpose.LOG, Purpose.WITNESS):
            key = face.signing(purpose, NOW_MS)
            (public,) = keys.descriptor.keys_for(purpose, each)
            assert key.id == public.id
            assert suite(each).verify(public.key, key.sign(b"x"), b"x")
        (sealing,) = keys.descriptor.keys_for(Purpose.SEALING, each)
        sealed = suite(each).seal(sealing.key, b"info", b"list")
        assert face.unseal(b"info", sealed) == b"list"


def test_nobody_else_can_read_them(tmp_path: Path) -> None:
    create(tmp_path)
    keys = tmp_path / "keys"
    assert stat.S_IMODE(keys.stat().st_mode) == 0o700
    modes = {stat.S_IMODE(each.stat().st_mode) for each in keys.rglob("*") if each.is_file()}
    assert modes == {0o600}


def test_the_root_key_is_not_among_them(tmp_path: Path) -> None:
    create(tmp_path)
    root = root_file.open_file(tmp_path / "root1.pem", "x").private["intl-1"]
    for name, content in all_files(tmp_path / "keys").items():
        assert root not in content, name


def test_the_descriptor_proves_itself_and_is_the_same_at_every_start(tmp_path: Path) -> None:
    keys = create(tmp_path)
    again = folder.load(tmp_path / "keys")
    assert (again.chain, again.data, again.tls) == (keys.chain, keys.data, keys.tls)
    read = read_signed_descriptor(keys.chain[-1])
    assert read == keys.descriptor
    assert (read.center_id, read.address) == (keys.center, "jian.example.cn:7443")
    assert fingerprint(read.center_id).replace(" ", "") == keys.center[3:]


def test_keys_and_certificate_begin_an_hour_ago_and_last_a_year(tmp_path: Path) -> None:
    keys = create(tmp_path)
    for each in keys.descriptor.keys:
        assert (each.not_before_ms, each.not_after_ms) == (
            NOW_MS - 3_600_000,
            NOW_MS - 3_600_000 + 365 * DAY_MS,
        )
    certificate = x509.load_der_x509_certificate(keys.tls.certificate)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [keys.center]
    assert keys.certificate_ends_ms == NOW_MS - 3_600_000 + 365 * DAY_MS


def test_a_second_run_makes_nothing(tmp_path: Path) -> None:
    create(tmp_path)
    before = all_files(tmp_path / "keys")
    root = root_file.open_file(tmp_path / "root1.pem", "x")
    again = center.complete(
        tmp_path / "keys", configured(tmp_path), root, random.Random(9).randbytes, NOW_MS + 1
    )
    assert (again.made, again.sequence) == ((), 1)
    assert all_files(tmp_path / "keys") == before


@pytest.mark.parametrize("left", range(6))
def test_what_a_killed_run_left_is_taken_and_completed(tmp_path: Path, left: int) -> None:
    create(tmp_path)
    keys = tmp_path / "keys"
    shutil.rmtree(keys / "descriptors")  # the last thing to be made
    survivors = sorted(path for path in keys.iterdir() if path.is_file())[:left]
    kept = {path.name: path.read_bytes() for path in survivors}
    for path in keys.iterdir():
        if path not in survivors:
            path.unlink()
    with pytest.raises(BadKeys, match="no complete keys"):
        folder.load(keys)
    root = root_file.open_file(tmp_path / "root1.pem", "x")
    center.complete(keys, configured(tmp_path), root, random.Random(9).randbytes, NOW_MS)
    assert folder.load(keys).center
    assert kept.items() <= all_files(keys).items()
    assert len([p for p in keys.iterdir() if p.is_file()]) == 6, "four keys, data, TLS"


def test_drafts_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / ".intl-1.message.00.key.new").write_bytes(bytes(32))
    create(tmp_path)
    assert list(keys.glob(".*")) == []


def test_a_certificate_of_an_abandoned_root_is_not_taken(tmp_path: Path) -> None:
    create(tmp_path)
    keys = tmp_path / "keys"
    shutil.rmtree(keys / "descriptors")
    other = make_root(tmp_path, seed=2)
    center.complete(keys, configured(tmp_path), other, random.Random(9).randbytes, NOW_MS)
    loaded = folder.load(keys)
    certificate = x509.load_der_x509_certificate(loaded.tls.certificate)
    assert certificate.subject.rfc4514_string() == f"CN={loaded.center}"


def test_a_changed_configuration_is_published_as_the_next_descriptor(tmp_path: Path) -> None:
    before = create(tmp_path)
    moved = GOOD.replace("jian.example.cn:7443", "new.example.cn:7444")
    root = root_file.open_file(tmp_path / "root1.pem", "x")
    settings = configured(tmp_path, text=moved)
    assert chain.published(before.descriptor) != chain.named(settings)
    done = center.complete(
        tmp_path / "keys", settings, root, random.Random(9).randbytes, NOW_MS + 5
    )
    after = folder.load(tmp_path / "keys")
    assert done.made == ("descriptor 2",)
    assert (after.descriptor.sequence, after.descriptor.address) == (2, "new.example.cn:7444")
    assert after.chain[0] == before.chain[0]
    assert after.descriptor.keys == before.descriptor.keys


def test_another_centers_root_publishes_nothing(tmp_path: Path) -> None:
    create(tmp_path)
    keys = tmp_path / "keys"
    following = chain.following(chain.read(keys), NOW_MS, name="别人")
    with pytest.raises(BadKeys, match="not that of this center"):
        chain.publish(keys, following, make_root(tmp_path, seed=2))
    assert len(chain.read(keys)) == 1


def test_a_descriptor_that_does_not_follow_is_not_stored(tmp_path: Path) -> None:
    keys = create(tmp_path)
    root = root_file.open_file(tmp_path / "root1.pem", "x")
    with pytest.raises(BadKeys, match="was not stored"):
        chain.publish(tmp_path / "keys", keys.descriptor, root)
    assert chain.read(tmp_path / "keys") == keys.chain


def test_root_and_configuration_must_name_the_same_suites(tmp_path: Path) -> None:
    with pytest.raises(BadKeys, match=r"trust\.suites"):
        center.complete(
            tmp_path / "keys",
            configured(tmp_path, BOTH),
            make_root(tmp_path),
            random.Random(1).randbytes,
            NOW_MS,
        )
    assert not (tmp_path / "keys").exists()


def test_a_folder_open_to_others_is_refused(tmp_path: Path) -> None:
    create(tmp_path)
    (tmp_path / "keys").chmod(0o750)
    with pytest.raises(BadKeys, match="chmod 700"):
        folder.load(tmp_path / "keys")


def test_half_a_set_is_refused_whichever_half(tmp_path: Path) -> None:
    create(tmp_path)
    keys = tmp_path / "keys"
    for path in sorted(path for path in keys.rglob("*") if path.is_file()):
        content = path.read_bytes()
        path.unlink()
        with pytest.raises(BadKeys, match="restore a backup"):
            folder.load(keys)
        path.write_bytes(content)
    assert folder.load(keys).center


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    create(tmp_path)
    keys = tmp_path / "keys"
    for path in sorted(path for path in keys.rglob("*") if path.is_file()):
        content = path.read_bytes()
        damages = [content[: len(content) // 2], b""]
        if path.name != "data.key":  # random bytes: no damage shows in them
            damages.append(bytes([content[0] ^ 16]) + content[1:])
        for damaged in damages:
            path.write_bytes(damaged)
            with pytest.raises(BadKeys) as caught:
                folder.load(keys)
            assert path.name in str(caught.value) or "descriptors" in str(caught.value)
        path.write_bytes(content)


def test_an_older_sealing_key_still_opens_what_was_sealed_to_it(tmp_path: Path) -> None:
    create(tmp_path)
    keys = tmp_path / "keys"
    extra = folder.add_key(keys, "intl-1", Purpose.SEALING, random.Random(3).randbytes)
    sealed = SUITES["intl-1"].seal(extra.public, b"info", b"old")
    face = folder.load(keys).identity().face("intl-1")
    assert face.unseal(b"info", sealed) == b"old"
    with pytest.raises(CannotOpen):
        face.unseal(b"other", sealed)


def test_no_secret_is_in_a_repr(tmp_path: Path) -> None:
    keys = create(tmp_path)
    assert repr(keys) == f"Keys({keys.center}, …)"
    for own in folder.own_keys(tmp_path / "keys"):
        assert isinstance(own.private, RawPrivate)
        for shown in (repr(own), repr(own.private)):
            assert own.private.raw.hex() not in shown
            assert repr(own.private.raw) not in shown
