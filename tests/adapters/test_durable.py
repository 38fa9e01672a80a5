"""Files of the stand-ins: whole or not at all, and for their owner alone."""

from pathlib import Path

import pytest

from adapters.durable import append_line, cut_torn_line, make_folder, whole_lines, write_whole


def test_a_file_is_replaced_as_a_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "it"
    (tmp_path / "it.new").write_bytes(b"left over from a crash")
    (tmp_path / "it.new").chmod(0o644)

    write_whole(path, b"old and long")
    write_whole(path, b"new")

    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_lines_are_read_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "lines"

    append_line(path, b"one")
    append_line(path, b"two")

    assert whole_lines(path) == [b"one", b"two"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_line_with_a_newline_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="newline"):
        append_line(tmp_path / "lines", b"one\ntwo")


def test_a_torn_line_is_not_read_and_the_next_one_does_not_grow_onto_it(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b"one\ntw")

    assert whole_lines(path) == [b"one"]
    cut_torn_line(path)
    append_line(path, b"three")

    assert whole_lines(path) == [b"one", b"three"]


def test_cutting_changes_nothing_when_nothing_is_torn(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    cut_torn_line(path)
    assert whole_lines(path) == []

    path.write_bytes(b"one\n")
    cut_torn_line(path)
    assert path.read_bytes() == b"one\n"


def test_a_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")

    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700
