"""The file: it can be written in one way only, and a changed byte never goes unnoticed."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.evidence.dossier import (
    DOSSIER_TYPE,
    HEADER,
    Announced,
    Dossier,
    Logged,
    Moment,
    Opened,
    read,
    seal,
    write,
)
from federation.evidence.shape import Misshapen
from federation.protocol.session import ArchiveItem
from federation.trust.envelope import verify_alone
from federation.trust.suite import INTL_1
from tests.evidence.evaluated import made

SECRET = b"\7" * 32
SMALL = Dossier(
    maker="lp1a",
    session=b"\1" * 16,
    descriptors={"lp1a": (Announced(b"\2" * 5, Logged(3, 4, (b"\1" * 32,))), Announced(b"\3"))},
    document=b"terms",
    signatures={"lp1a": b"\3" * 64},
    checkpoints={"lp1a": "origin\n1\n"},
    conversations=(),
    openings={b"\4" * 16: Opened(("91110108551385082Q",), b"\5" * 32, {1: b"\6" * 32})},
    archive=(ArchiveItem("评标报告", b"\7" * 32, 9, "15y"),),
    timeline=(Moment("2026-05-06 12:00:00", "吉安", "召集评标", "convenes"),),
)


def signer(message: bytes) -> bytes:
    return INTL_1.signer(SECRET)(message)


def document(file: bytes) -> dict[str, object]:
    found = json.loads(read(file)[1].body.removeprefix(f"{HEADER}\n".encode()))
    assert isinstance(found, dict)
    return found


def sealed(changed: object) -> bytes:
    return seal(f"{HEADER}\n{json.dumps(changed)}\n".encode(), signer)


def test_what_is_written_is_what_is_read() -> None:
    file = write(SMALL, signer)
    assert read(file)[0] == SMALL


def test_a_whole_evaluation_is_read_and_written_to_the_same_bytes() -> None:
    honest = made()
    again = write(read(honest.file)[0], honest.sign)
    # Under gm-1 no two signatures are alike; all above the seal is.
    assert again.rpartition(b"\nseal ")[0] == honest.file.rpartition(b"\nseal ")[0]


def test_every_single_changed_byte_of_a_file_breaks_its_shape_or_its_seal() -> None:
    file = write(SMALL, signer)
    public = INTL_1.public_signing(SECRET)
    for at in range(len(file)):
        for flip in (0x01, 0x20, 0x80):
            changed = file[:at] + bytes([file[at] ^ flip]) + file[at + 1 :]
            try:
                _, found = read(changed)
            except Misshapen:
                continue
            assert not verify_alone(INTL_1, DOSSIER_TYPE, found.body, public, found.signature), at


def test_a_missing_or_added_byte_breaks_it_too() -> None:
    file = write(SMALL, signer)
    public = INTL_1.public_signing(SECRET)
    for changed in (file[:-1], file + b"\n", b"\n" + file, file[: len(file) // 2], b""):
        with pytest.raises(Misshapen):
            read(changed)
    for at in range(len(HEADER) + 1, len(file), 7):
        try:
            _, found = read(file[:at] + b" " + file[at:])
        except Misshapen:
            continue
        assert not verify_alone(INTL_1, DOSSIER_TYPE, found.body, public, found.signature), at


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("maker",), 7),
        (("session",), "0G"),
        (("session",), "AB"),
        (("descriptors", "lp1a"), "AB=="),
        (("descriptors", "lp1a"), [{"signed": "AB==", "logged": None}]),
        (("descriptors", "lp1a"), [{"signed": "AAAA"}]),
        (("descriptors", "lp1a"), [{"signed": "AAAA", "logged": {"index": 1}}]),
        (("descriptors",), []),
        (("archive",), {}),
        (("archive",), [None]),
        (("checkpoints", "lp1a"), "\ud800"),
        (("extra",), 1),
        (("openings",), {"00": {"excluded": None, "exclusion_salt": "", "list_salts": {"x": ""}}}),
        (("agreement", "signatures"), None),
    ],
)
def test_a_wrong_value_is_named_with_its_place(path: tuple[str, ...], value: object) -> None:
    changed = document(write(SMALL, signer))
    inner = changed
    for name in path[:-1]:
        found = inner[name]
        assert isinstance(found, dict)
        inner = found
    inner[path[-1]] = value
    with pytest.raises(Misshapen) as caught:
        read(sealed(changed))
    assert caught.value.where.startswith("document")


def test_a_number_that_is_no_whole_number_is_refused() -> None:
    for value in (True, 1.0, -1, 2**60, "1"):
        changed = document(write(SMALL, signer))
        changed["archive"] = [{"name": "a", "digest": "", "size": value, "retention": "15y"}]
        with pytest.raises(Misshapen):
            read(sealed(changed))


def test_a_field_given_twice_is_refused() -> None:
    body = write(replace(SMALL, archive=()), signer).decode().splitlines()
    at = next(n for n, line in enumerate(body) if '"maker"' in line)
    twice = "\n".join([*body[: at + 1], body[at], *body[at + 1 : -1]]) + "\n"
    with pytest.raises(Misshapen, match="twice"):
        read(seal(twice.encode(), signer))


def test_a_hostile_depth_is_refused() -> None:
    with pytest.raises(Misshapen):
        read(seal(f"{HEADER}\n{'[' * 100_000}\n".encode(), signer))


@given(st.binary(max_size=400))
def test_whatever_comes_is_read_or_refused(noise: bytes) -> None:
    for file in (
        noise,
        f"{HEADER}\n".encode() + noise,
        seal(HEADER.encode() + b"\n" + noise, signer),
    ):
        with pytest.raises(Misshapen):
            read(file)
