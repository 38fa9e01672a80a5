"""Names after the award: by the pool's owner alone, of members alone, and each hashes in."""

import json
from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest

from federation.evidence.case import Refuted, Step
from federation.evidence.naming import HEADER, Naming, check_distinct, split, write
from federation.evidence.report import report
from federation.evidence.rules import broken
from federation.evidence.verify import examined
from federation.evidence.whole import Whole, look
from federation.lottery.audit import DrawAudit
from federation.wire.evidence import DECODE
from tests.evidence.evaluated import made
from tests.evidence.named import openable

LATER_MS = 86_400_000
FLIPS = Random(17)


def draws() -> dict[bytes, DrawAudit]:
    return dict(examined(openable().file, DECODE).findings.draws)


def honest(owner: str) -> Naming:
    found = examined(openable().file, DECODE)
    ((draw, audit),) = [each for each in draws().items() if each[1].owner == owner]
    entries = [entry for _, entry in audit.members]
    return openable().naming(draw, owner, entries, found.findings.finished_ms + LATER_MS)


def section(naming: Naming, by: str = "") -> bytes:
    return write(naming, openable().sign[by or naming.owner])


def refuted(tail: bytes) -> Refuted:
    with pytest.raises(Refuted) as caught:
        look(openable().file + tail, DECODE)
    assert caught.value.zh
    assert caught.value.step is Step.OPENINGS
    rule = broken(caught.value)
    assert rule is not None
    assert rule.name == "V11"
    return caught.value


def opened() -> Whole:
    own = openable()
    return look(own.file + section(honest(own.sub)) + section(honest(own.host)), DECODE)


def test_each_owner_opens_the_names_of_its_own_members_and_v11_counts_them() -> None:
    own = openable()
    before = {each.rule.name: each for each in look(own.file, DECODE).verdict.checks}["V11"]
    half = look(own.file + section(honest(own.sub)), DECODE).verdict
    whole = opened().verdict
    partly = {each.rule.name: each for each in half.checks}["V11"]
    after = {each.rule.name: each for each in whole.checks}["V11"]
    assert (before.unchecked[0].count, partly.unchecked[0].count) == (4, 1)
    assert (partly.count, after.count) == (before.count + 3, before.count + 4)
    assert (after.result, after.unchecked) == ("checked", ())
    names = [name for part in whole.parts for name in part.names]
    assert len({(name.owner, name.uid) for name in names}) == 4
    assert {name.owner for name in names} == {own.host, own.sub}
    assert json.loads(json.dumps(whole.document()))["names"][0]["act"] == "中标公告2026-041"


def test_names_stand_beside_the_handles_in_summary_and_report() -> None:
    whole = opened()
    (page,) = report(whole)
    told = {rank.name for draw in page.draws for rank in draw.ranks if rank.member}
    assert told == {name.name for part in whole.verdict.parts for name in part.names}
    assert not any(rank.name for draw in page.draws for rank in draw.ranks if not rank.member)
    for lang in ("zh", "en"):
        assert all(name in whole.verdict.parts[0].summary(lang) for name in told)


def test_one_person_under_two_entries_of_a_draw_is_refuted() -> None:
    first, second, *_ = [
        each for each in opened().verdict.parts[0].names if each.owner == openable().sub
    ]
    check_distinct([first, second])
    with pytest.raises(Refuted) as caught:
        check_distinct([first, replace(second, uid=first.uid)])
    assert (caught.value.step, second.entry[:16] in caught.value.where) == (Step.OPENINGS, True)


def test_an_opening_can_be_cut_off_and_the_dossier_is_what_it_was() -> None:
    own = openable()
    tails = (section(honest(own.sub)), section(honest(own.host)))
    assert split(own.file + tails[0] + tails[1]) == (own.file, tails)
    assert split(own.file) == (own.file, ())


def test_who_was_not_selected_stays_hidden() -> None:
    own = openable()
    naming = honest(own.sub)
    pool = own.pools[own.sub]
    members = {each.entry for each in naming.members}
    stranger = next(entry for entry in pool.entries("A01") if entry not in members)
    wrong = replace(naming, members=(own.member(own.sub, stranger),))
    assert "stays hidden" in refuted(section(wrong)).en


def twice(naming: Naming) -> Naming:
    return replace(naming, members=(naming.members[0], naming.members[0]))


def other_value(naming: Naming) -> Naming:
    first, second, *_ = naming.members
    return replace(naming, members=(replace(first, value=second.value),))


def other_salt(naming: Naming) -> Naming:
    return replace(naming, members=(replace(naming.members[0], salt=bytes(32)),))


def other_digests(naming: Naming) -> Naming:
    first, second, *_ = naming.members
    return replace(naming, members=(replace(first, digests=second.digests),))


FORGERIES: list[tuple[str, Callable[[Naming], Naming]]] = [
    ("open one member twice", twice),
    ("does not open", other_value),
    ("does not open", other_salt),
    ("do not make up", other_digests),
    ("of another dossier", lambda naming: replace(naming, dossier=bytes(32))),
    ("no draw of this dossier", lambda naming: replace(naming, draw=bytes(16))),
    ("before the evaluation had ended", lambda naming: replace(naming, opened_ms=1)),
    ("is none of", lambda naming: replace(naming, stage="EARLY")),
    ("printable", lambda naming: replace(naming, act="")),
    ("printable", lambda naming: replace(naming, act="\u202e")),
    ("printable", lambda naming: replace(naming, act="x" * 201)),
]


@pytest.mark.parametrize(("said", "forgery"), FORGERIES)
def test_a_forged_opening_is_refuted_and_says_why(
    said: str, forgery: Callable[[Naming], Naming]
) -> None:
    assert said in refuted(section(forgery(honest(openable().sub)))).en


def test_nobody_but_the_pool_s_owner_opens_its_members() -> None:
    own = openable()
    assert "not sealed by" in refuted(section(honest(own.sub), by=own.host)).en
    posed = replace(honest(own.sub), owner=own.host)
    assert "not by the pool's owner" in refuted(section(posed)).en


def test_an_opening_given_twice_or_spliced_into_another_dossier_is_refuted() -> None:
    own = openable()
    tail = section(honest(own.sub))
    assert "twice" in refuted(tail + tail).en
    with pytest.raises(Refuted) as caught:
        look(made("sub").file + tail, DECODE)
    assert caught.value.step is Step.OPENINGS


@pytest.mark.parametrize("flip", [0x01, 0x80])
def test_any_changed_byte_of_an_opening_is_refused(flip: int) -> None:
    own = openable()
    tail = section(honest(own.sub))
    edges = [*range(24), *range(len(tail) - 100, len(tail))]
    for at in [*edges, *FLIPS.sample(range(len(tail)), 100)]:
        with pytest.raises(Refuted):
            look(own.file + tail[:at] + bytes([tail[at] ^ flip]) + tail[at + 1 :], DECODE)


def test_a_cut_off_opening_is_refused() -> None:
    own = openable()
    tail = section(honest(own.sub))
    for size in (len(HEADER), len(HEADER) + 1, len(tail) // 2, len(tail) - 1):
        with pytest.raises(Refuted):
            look(own.file + tail[:size], DECODE)


def test_too_many_or_too_large_openings_are_refused_unread() -> None:
    assert "more than 64" in refuted(f"{HEADER}\nx\n".encode() * 65).en
    assert "bytes" in refuted(f"{HEADER}\n".encode() + b"x" * 600_000).en
