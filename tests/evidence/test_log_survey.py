"""One reading of a log: what it proves by itself, and what it is refused for."""

import json
from typing import Any

import pytest

from federation.evidence.log_file import BadLog, Head, read_header
from federation.evidence.log_survey import BUCKETS, Survey, Surveyor, checked_head, keys_of
from federation.evidence.verify import examined
from federation.wire.evidence import DECODE
from tests.evidence.evaluated import made
from tests.evidence.logs import KEY, entries_of, files, lines_of, rewritten


def surveyed(file: bytes, key: bytes = KEY, sizes: frozenset[int] = frozenset()) -> Survey:
    lines = lines_of(file)()
    header = read_header(lines)
    (other,) = set(header.descriptors) - {header.center}
    (suite_id,) = header.sizes
    return Surveyor(header, other, DECODE, key, {suite_id: sizes}).run(lines)


def test_both_sides_of_honest_logs_have_the_same_sums_under_any_key() -> None:
    host, sub = files()
    for key in (KEY, b"another key" * 2):
        mine, theirs = surveyed(host, key), surveyed(sub, key)
        assert mine.sums == theirs.sums
        assert mine.counts == theirs.counts
        assert len(mine.sums) == BUCKETS
    assert surveyed(host).sums != surveyed(host, b"another key" * 2).sums


def test_a_survey_counts_what_there_is() -> None:
    found = surveyed(files()[0])
    assert (found.words, found.others, found.acts) == (len(entries_of(files()[0])), 0, 0)
    assert (found.erased, found.gaps) == (0, [])


def test_roots_are_kept_at_the_sizes_asked_for() -> None:
    last = len(entries_of(files()[0]))
    found = surveyed(files()[0], sizes=frozenset({0, 1, 45, last, last + 1}))
    assert sorted(size for _, size in found.roots) == [0, 1, 45, last]
    assert len(set(found.roots.values())) == 4


def erase(line: dict[str, Any]) -> None:
    line["w"] = None


def test_an_erased_word_keeps_its_entry_and_changes_no_sum() -> None:
    host = files()[0]
    found = surveyed(rewritten(host, 7, erase))
    assert found.erased == 1
    assert found.sums == surveyed(host).sums


def test_an_envelope_or_receipt_of_another_entry_is_refused() -> None:
    host = files()[0]
    stranger = json.loads(entries_of(host)[8])
    heard = next(at for at, line in enumerate(entries_of(host)) if b'\\"dir\\":\\"in\\"' in line)

    def other_word(line: dict[str, Any]) -> None:
        line["w"] = stranger["w"]

    def other_receipt(line: dict[str, Any]) -> None:
        line["r"] = stranger["r"] or stranger["w"]

    with pytest.raises(BadLog, match="envelope is another"):
        surveyed(rewritten(host, 7, other_word))
    with pytest.raises(BadLog, match="receipt is another"):
        surveyed(rewritten(host, heard, other_receipt))


def test_an_unknown_suite_is_refused_by_name() -> None:
    lines = lines_of(files()[0].replace(b'"sizes":{"intl-1"', b'"sizes":{"intl-9"'))()
    header = read_header(lines)
    if "intl-9" not in header.sizes:  # the second suite of the tests
        lines = lines_of(files()[0].replace(b'"sizes":{"gm-1"', b'"sizes":{"intl-9"'))()
        header = read_header(lines)
    with pytest.raises(BadLog, match="intl-9"):
        Surveyor(header, "", DECODE, KEY, {}).run(lines)


def test_a_head_needs_both_signatures() -> None:
    header = read_header(lines_of(files()[0])())
    (head,) = header.heads
    mine, theirs = (keys_of(header, each, DECODE) for each in (header.center, head.peer))
    assert mine is not None
    assert checked_head(head, mine, theirs)[0].size == header.sizes[head.suite]
    assert keys_of(header, "lp1" + "a" * 32, DECODE) is None
    with pytest.raises(BadLog, match="no keys of the witness"):
        checked_head(head, mine, None)
    *signed, _ = head.note.splitlines(keepends=True)
    with pytest.raises(BadLog, match="no signature"):
        checked_head(Head(head.suite, head.peer, "".join(signed)), mine, theirs)


def test_a_dossier_s_heads_and_a_log_file_s_are_of_the_same_logs() -> None:
    found = examined(made().file, DECODE)
    header = read_header(lines_of(files()[0])())
    origins = {head.note.splitlines()[0] for head in (*header.heads, *header.seen)}
    assert origins == {head.origin for head in found.heads.values()}
