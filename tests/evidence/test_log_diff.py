"""Two logs side by side: an honest pair agrees, and what one of them hides is named."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from federation.evidence.log_comparison import (
    CUT_BACK,
    FORKED,
    GAP,
    KEYS,
    MISSING,
    RECEIPT,
    TWICE,
    UNANSWERED,
    UNCLEAR,
)
from federation.evidence.log_diff import compare
from federation.evidence.log_file import BadLog
from federation.wire.evidence import DECODE
from tests.evidence.logs import (
    KEY,
    at_word,
    changed_header,
    compared,
    entries_of,
    files,
    hidden,
    lines_of,
    rewritten,
    with_entries,
)


def center(file: bytes) -> str:
    found: str = json.loads(file.splitlines()[1])["center"]
    return found


def test_an_honest_pair_has_nothing_that_only_one_has() -> None:
    host, sub = files()
    for a, b in ((host, sub), (sub, host)):
        found = compared(a, b)
        assert found.equal
        assert (found.later, found.unreceipted, found.more) == (0, 0, False)
        assert [side.words for side in found.sides] == [len(entries_of(host))] * 2
        assert [side.heads for side in found.sides] == [1, 1]
        assert [side.center for side in found.sides] == [center(a), center(b)]


def test_regulator_diff_names_missing_call() -> None:
    """The sub denies that it ever heard a call, though it has receipted it."""
    host, sub = files()
    found = compared(host, hidden(sub, at_word(sub, "Start", "in")))
    assert {each.kind for each in found.differences} == {MISSING, CUT_BACK, GAP}
    assert all(each.by == center(sub) for each in found.differences)
    (missing,) = (each for each in found.differences if each.kind == MISSING)
    assert "session.Start" in missing.en
    assert "it signed a receipt" in missing.en


@pytest.mark.parametrize(
    ("word", "direction", "proof"),
    [("Start", "in", "receipt"), ("Verdict", "out", "signature"), ("Hold", "in", "receipt")],
)
def test_a_hidden_word_is_named_with_the_proof_that_its_hider_knew_it(
    word: str, direction: str, proof: str
) -> None:
    host, sub = files()
    at = at_word(sub, word, direction)
    entry = json.loads(json.loads(entries_of(sub)[at])["e"])
    (found,) = (
        each for each in compared(host, hidden(sub, at)).differences if each.kind == MISSING
    )
    assert (found.only_in, found.by) == (center(host), center(sub))
    assert (found.word, found.proof) == (entry["word"], proof)
    assert found.type.endswith(f".{word}")
    assert found.revision > 0
    assert len(found.conversation) == 32
    assert found.at_ms > 0
    assert word in found.zh
    assert word in found.en


def test_who_hides_a_word_has_a_gap_in_its_own_numbering() -> None:
    host, sub = files()
    at = at_word(sub, "CheckIn", "out")
    kinds = {each.kind for each in compared(host, hidden(sub, at)).differences}
    assert GAP in kinds


def test_a_word_that_was_never_receipted_is_named_without_blame() -> None:
    host, sub = files()

    def unreceipted(line: dict[str, Any]) -> None:
        line["r"] = None

    at = at_word(host, "Receive", "out")
    pending = rewritten(host, at, unreceipted)
    assert compared(pending, sub).unreceipted == 1
    assert compared(pending, sub).equal
    there = at_word(sub, "Receive", "in")
    (found,) = (
        each
        for each in compared(pending, hidden(sub, there)).differences
        if each.kind == UNANSWERED
    )
    assert (found.proof, found.type) == ("none", "session.Receive")


def test_words_said_after_the_other_file_was_made_are_no_difference() -> None:
    host, sub = files()
    entries = entries_of(sub)
    cut = [json.loads(json.loads(line)["e"])["at"] for line in entries]
    earlier = changed_header(
        with_entries(sub, entries[:-4]), heads=[], made_ms=cut[-4] - 1, seen=[]
    )
    seen_less = changed_header(host, seen=[])
    found = compared(seen_less, earlier)
    assert found.later == 4
    assert found.equal


def other_receipt(line: dict[str, Any]) -> None:
    entry = json.loads(line["e"])
    entry["receipt"] = "00" * 32
    line["e"] = json.dumps(entry, sort_keys=True, separators=(",", ":"))
    line["r"] = None


def test_a_receipt_that_was_exchanged_afterwards_is_found() -> None:
    host, sub = files()
    at = at_word(sub, "Start", "in")
    found = compared(host, rewritten(sub, at, other_receipt)).differences
    (receipt,) = (each for each in found if each.kind == RECEIPT)
    assert (receipt.by, receipt.proof, receipt.type) == (center(sub), "receipt", "session.Start")
    assert any(each.kind == FORKED for each in found)


def test_a_rewritten_log_is_not_the_one_that_the_other_cosigned() -> None:
    host, sub = files()
    entries = entries_of(sub)
    entries[3], entries[4] = entries[4], entries[3]
    forked = changed_header(with_entries(sub, entries), heads=[])
    found = compared(host, forked)
    assert FORKED in {each.kind for each in found.differences}
    (head,) = (each for each in found.differences if each.kind == FORKED)
    assert (head.by, head.proof) == (center(sub), "signature")


def test_the_same_word_twice_is_found() -> None:
    host, sub = files()
    entries = entries_of(sub)
    twice = changed_header(with_entries(sub, [*entries, entries[-1]]), heads=[])
    (found,) = compared(host, twice).differences
    assert (found.kind, found.by) == (TWICE, center(sub))


def test_other_descriptors_than_the_partner_was_given_are_found() -> None:
    host, sub = files()
    chains = json.loads(host.splitlines()[1])["descriptors"]
    mine = json.loads(sub.splitlines()[1])["descriptors"]
    swapped = {**chains, center(sub): chains[center(host)]}
    with pytest.raises(BadLog, match="are not those of"):
        compared(changed_header(host, descriptors=swapped), sub)
    assert mine[center(sub)] == chains[center(sub)]
    assert KEYS not in {each.kind for each in compared(host, sub).differences}


def test_the_same_file_twice_and_a_longer_one_of_the_same_center_agree() -> None:
    host, _ = files()
    found = compared(host, host)
    assert (found.equal, found.same_center) == (True, True)
    shorter = changed_header(with_entries(host, entries_of(host)[:-5]), heads=[])
    assert compared(shorter, host).equal
    assert compared(host, shorter).equal


def test_two_files_of_one_center_that_differ_early_show_a_rewritten_history() -> None:
    host, _ = files()
    changed = hidden(host, 5)
    (found,) = compared(host, changed).differences
    assert (found.kind, found.by) == (FORKED, center(host))


def test_a_truncated_file_is_refused_and_says_which_and_where() -> None:
    host, sub = files()
    for cut in (len(sub) // 2, len(sub) - 1, sub.rfind(b"end ")):
        with pytest.raises(BadLog) as caught:
            compared(host, sub[:cut])
        assert caught.value.where.startswith("B: ")
        assert caught.value.zh
    entries = entries_of(sub)
    with pytest.raises(BadLog, match=r"a cosigned head has \d+ entries, the file 60"):
        compared(host, with_entries(sub, entries[:60]))


def test_a_spliced_file_is_refused() -> None:
    host, sub = files()
    entries = entries_of(sub)
    with pytest.raises(BadLog, match="changed or spliced"):
        compared(host, with_entries(sub, [*entries[:7], *entries[8:], entries[7]]))
    with pytest.raises(BadLog):
        compared(host, with_entries(sub, [*entries_of(host)[:40], *entries[40:]]))


def test_a_file_of_a_center_that_has_no_words_with_the_other_is_refused() -> None:
    host, sub = files()
    bare = changed_header(with_entries(sub, []), heads=[], seen=[])
    alone = changed_header(with_entries(host, []), heads=[], seen=[])
    with pytest.raises(BadLog, match="no words with each other"):
        compared(alone, bare)
    found = compared(changed_header(host, seen=[]), bare)
    assert len(found.differences) == len(entries_of(host))


def test_a_file_that_changes_while_it_is_read_is_not_taken_for_equal() -> None:
    host, sub = files()
    changed = rewritten(sub, at_word(sub, "Start", "in"), other_receipt)
    readings = [changed, changed]  # its header, then all of it

    def changing() -> Iterator[bytes]:
        return lines_of(readings.pop() if readings else sub)()

    found = compare(lines_of(host), changing, DECODE, KEY)
    assert UNCLEAR in {each.kind for each in found.differences}


@pytest.mark.parametrize("field", ["type", "peer", "dir"])
def test_an_entry_whose_texts_are_none_is_refused_not_stumbled_over(field: str) -> None:
    host, sub = files()
    entry = json.loads(entries_of(sub)[0])
    leaf = json.loads(entry["e"])
    leaf[field] = 5
    entry |= {"e": json.dumps(leaf, separators=(",", ":")), "w": None, "r": None}
    lines = [json.dumps(entry, separators=(",", ":")).encode() + b"\n"]
    changed = changed_header(with_entries(sub, lines), heads=[], seen=[])
    with pytest.raises(BadLog):
        compared(host, changed)
