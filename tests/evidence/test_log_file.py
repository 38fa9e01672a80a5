"""A log as a file: strict, one line at a time, and every line says what it is."""

import json
from typing import Any

import pytest

from federation.evidence.log_file import (
    BadLog,
    head_lines,
    item_line,
    items,
    of_buckets,
    read_header,
    read_item,
    word_in,
)
from tests.evidence.logs import changed_header, entries_of, files, lines_of


def test_what_was_read_is_written_again_byte_for_byte() -> None:
    file = files()[0]
    lines = lines_of(file)()
    header = read_header(lines)
    assert file.startswith(head_lines(header))
    for suite_id, index, line in items(lines, header):
        item, entry = read_item(line, f"{suite_id} {index}")
        assert item_line(item) == line
        assert entry is None or word_in(line).decode() == entry.word.hex()


def test_lines_of_some_buckets_are_found_without_reading_the_others() -> None:
    lines = [("intl-1", at, line) for at, line in enumerate(entries_of(files()[0]))]
    words = {int(word_in(line)[:3], 16) for _, _, line in lines}
    one = min(words)
    found = list(of_buckets(lines, frozenset({one})))
    assert found
    assert all(int(word_in(line)[:3], 16) == one for _, _, line in found)
    assert list(of_buckets(lines, frozenset(words))) == lines
    assert list(of_buckets([("intl-1", 0, b'{"e":"{}"}\n')], frozenset({0xE22}))) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"made_ms": -1},
        {"made_ms": "soon"},
        {"sizes": {"intl-1": -1}},
        {"sizes": []},
        {"center": 7},
        {"heads": [["intl-1", "lp1"]]},
        {"heads": {}},
        {"descriptors": []},
        {"descriptors": {"lp1": ["not base64!"]}},
        {"extra": 1},
    ],
)
def test_a_header_of_another_shape_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BadLog) as caught:
        read_header(lines_of(changed_header(files()[0], **changes))())
    assert caught.value.zh


@pytest.mark.parametrize("file", [b"", b"lianping dossier 1\n{}\n", b"lianping log 1\n{\n"])
def test_what_is_no_log_is_refused(file: bytes) -> None:
    with pytest.raises(BadLog):
        read_header(lines_of(file)())


def other(line: bytes, **changes: Any) -> bytes:
    found = {**json.loads(line), **changes}
    return json.dumps(found, separators=(",", ":")).encode() + b"\n"


@pytest.mark.parametrize(
    "changes",
    [
        {"e": "not json"},
        {"e": 5},
        {"e": '{"word":"00"}'},
        {"e": json.dumps({"at": 1, "dir": "up", "peer": "p", "receipt": "", "type": "t",
                          "word": "00" * 32}, separators=(",", ":"))},
        {"e": json.dumps({"at": "1", "dir": "in", "peer": "p", "receipt": "", "type": "t",
                          "word": "00" * 32}, separators=(",", ":"))},
        {"e": json.dumps({"at": 1, "dir": "in", "peer": "p", "receipt": "", "type": "t",
                          "word": "00" * 31}, separators=(",", ":"))},
        {"e": json.dumps({"at": 1, "dir": "in", "peer": "p", "receipt": "", "type": "t",
                          "word": "00" * 32})},
        {"w": ["one"]},
        {"w": "text"},
        {"r": [1, 2, 3, 4, 5, 6, 7]},
    ],
)  # fmt: skip
def test_an_entry_of_another_shape_is_refused(changes: dict[str, Any]) -> None:
    line = entries_of(files()[0])[0]
    with pytest.raises(BadLog, match="unreadable"):
        read_item(other(line, **changes), "entry 0")


def test_an_entry_of_no_word_is_read_as_such() -> None:
    line = other(entries_of(files()[0])[0], e='{"act":"00","at":1,"v":1}', w=None, r=None)
    item, entry = read_item(line, "entry 0")
    assert (entry, item.word, word_in(line)) == (None, None, b"")
