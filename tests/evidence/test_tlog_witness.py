"""The bodies of tlog-witness: the specification's own example, and no other spelling of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.evidence.tlog_witness import (
    MAX_REQUEST_BYTES,
    AddCheckpoint,
    BadRequest,
    origin_hash,
    read_add_checkpoint,
)

# tlog-witness v1.0.0, "add-checkpoint", the example request.
EXAMPLE = """\
old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
"""  # noqa: E501 (published so)


def test_the_published_example_is_read_and_written_byte_for_byte() -> None:
    found = read_add_checkpoint(EXAMPLE.encode())
    assert found.old_size == 20852014
    assert len(found.proof) == 4
    assert found.note.startswith("example.com/behind-the-sofa\n20852163\n")
    assert found.encode() == EXAMPLE.encode()


@given(
    st.integers(0, 2**63 - 1),
    st.lists(st.binary(min_size=32, max_size=32), max_size=63),
)
def test_what_is_written_is_read(old: int, proof: list[bytes]) -> None:
    request = AddCheckpoint(old, tuple(proof), "a\n1\nb\n\n— c d\n")
    assert read_add_checkpoint(request.encode()) == request


@pytest.mark.parametrize(
    "wrong",
    [
        EXAMPLE.replace("old 2", "old 02"),
        EXAMPLE.replace("old ", "Old "),
        EXAMPLE.replace("old 20852014", "old 9223372036854775808"),
        EXAMPLE.replace("old 20852014", "old ２"),
        EXAMPLE.replace("PlRN", " PlRN"),
        EXAMPLE.replace("pkaw=", "pkax="),
        EXAMPLE.replace("PlRN", ""),
        EXAMPLE.partition("\n\n")[0],
        EXAMPLE.partition("\n\n")[0] + "\n\n",
        "old 1\n" + "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n" * 64 + "\nx\n",
        EXAMPLE + "x" * MAX_REQUEST_BYTES,
    ],
)
def test_another_spelling_is_refused(wrong: str) -> None:
    with pytest.raises(BadRequest):
        read_add_checkpoint(wrong.encode())


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(BadRequest):
        read_add_checkpoint(b"old 1\n\n\xff\n")


def test_a_log_is_named_by_the_hash_of_its_origin() -> None:
    assert origin_hash("example.com/behind-the-sofa") == (
        "5fd2dc0beb4ce54da5050cf6d5c75248b023abad441c3cecde3976fbe9da4fe4"
    )
