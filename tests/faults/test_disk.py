"""What a power cut may leave of a few acts: by hand, and by any acts at all."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faults.disk import SECTOR, Act, Image, Op, images

ONE, TWO = b"1" * SECTOR, b"2" * SECTOR


def all_of(ops: list[Op], count: int) -> list[Image]:
    return [build() for build in images(ops, random.Random(1), count)]


def left(ops: list[Op], count: int, point: int) -> set[tuple[tuple[str, bytes], ...]]:
    return {
        tuple(sorted(image.files.items())) for image in all_of(ops, count) if image.point == point
    }


def write(data: bytes, offset: int = 0, file: str = "a") -> Op:
    return Op(Act.WRITE, file, offset, data)


def sync(file: str = "a") -> Op:
    return Op(Act.SYNC, file)


def test_what_was_synced_stays_and_what_was_not_may_go() -> None:
    ops = [write(ONE), sync(), write(TWO, SECTOR), Op(Act.ACKNOWLEDGE)]

    assert left(ops, 4, 2) == {(("a", ONE),)}
    assert left(ops, 4, 3) == {(("a", ONE + TWO),)}
    assert left(ops, 4, 4) == {(("a", ONE),)}, "acknowledged without a sync: it may be gone"


def test_a_later_write_may_survive_an_earlier_one() -> None:
    ops = [write(ONE), write(TWO, SECTOR)]

    assert left(ops, 3, 2) == {(("a", ONE + TWO),), (("a", bytes(SECTOR) + TWO),)}


def test_a_write_may_be_there_in_some_of_its_sectors() -> None:
    ops = [write(ONE + ONE), sync(), write(TWO + TWO)]

    assert left(ops, 7, 3) == {(("a", TWO + TWO),), (("a", TWO + ONE),), (("a", ONE + TWO),)}


def test_a_file_that_was_never_synced_may_be_missing() -> None:
    assert left([write(ONE), Op(Act.ACKNOWLEDGE)], 2, 2) == {()}


def test_a_deletion_is_undone_until_its_folder_is_synced() -> None:
    gone = [write(ONE, file="a-journal"), sync("a-journal"), Op(Act.DELETE, "a-journal")]
    acknowledged = [*gone, Op(Act.ACKNOWLEDGE)]
    followed = [*gone, write(TWO, file="a-wal"), sync("a-wal")]

    assert left(acknowledged, 4, 4) == {(("a-journal", ONE),)}
    assert left(followed, 5, 5) == {(("a-wal", TWO),)}, "a new WAL's first sync is its folder's"


def test_truncation_is_lost_like_a_write() -> None:
    ops = [write(ONE + TWO), sync(), Op(Act.TRUNCATE, "a", SECTOR), Op(Act.ACKNOWLEDGE), sync()]

    assert left(ops, 5, 3) == {(("a", ONE),)}
    assert left(ops, 5, 4) == {(("a", ONE + TWO),)}
    assert left(ops, 5, 5) == {(("a", ONE),)}


def test_an_image_says_what_was_begun_and_what_was_acknowledged() -> None:
    ops = [Op(Act.BEGIN_COMMIT), write(ONE), sync(), Op(Act.ACKNOWLEDGE)]

    assert [(at.point, at.begun, at.acknowledged) for at in all_of(ops, 3)] == [
        (2, 1, 0),
        (3, 1, 0),
        (4, 1, 1),
    ]


def test_more_images_than_there_are_are_not_made_up() -> None:
    with pytest.raises(ValueError, match="50 images of a record that surely has 2"):
        all_of([write(ONE), sync()], 50)


ACTS = st.lists(
    st.one_of(
        st.builds(
            write, st.binary(min_size=1, max_size=3 * SECTOR), st.integers(0, 4 * SECTOR),
            st.sampled_from("ab"),
        ),
        st.builds(sync, st.sampled_from("ab")),
        st.builds(Op, st.sampled_from([Act.BEGIN_COMMIT, Act.ACKNOWLEDGE])),
    ),
    min_size=1,
    max_size=12,
)  # fmt: skip


@given(ACTS, st.integers(0, 2**32))
def test_no_two_images_are_alike_and_all_have_what_was_synced(ops: list[Op], seed: int) -> None:
    points = sum(op.act is not Act.BEGIN_COMMIT for op in ops)
    made = [build() for build in images(ops, random.Random(seed), points)]

    assert [image.number for image in made] == list(range(points))
    for image in made:
        for file in "ab":
            dirty = {
                at
                for done, op in enumerate(ops[: image.point])
                if op.act is Act.WRITE and op.file == file
                and sync(file) not in ops[done + 1 : image.point]
                for at in range(op.offset, op.offset + len(op.data))
            }  # fmt: skip
            whole = _whole(ops[: image.point], file)
            kept = image.files.get(file, b"")
            for at, value in enumerate(whole):
                assert at in dirty or kept[at : at + 1] in (bytes([value]), b"")
            assert len(kept) <= len(whole)


def _whole(ops: list[Op], file: str) -> bytes:
    content = bytearray()
    for op in ops:
        if op.act is Act.WRITE and op.file == file:
            content.extend(bytes(max(0, op.offset + len(op.data) - len(content))))
            content[op.offset : op.offset + len(op.data)] = op.data
    return bytes(content)
