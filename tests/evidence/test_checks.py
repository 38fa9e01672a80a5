"""What a reader is told was checked of a dossier, and what could not be."""

import json
from dataclasses import replace

import pytest

from federation.evidence.checks import (
    CHECKED,
    NOT_CHECKED,
    PARTLY,
    Check,
    Unchecked,
    checks,
    together,
)
from federation.evidence.rules import RULES, rule
from federation.evidence.verify import examined, verify
from federation.protocol.conversation import Word
from federation.protocol.draw import Commit, Report, Reveal
from federation.wire.evidence import DECODE
from tests.evidence.evaluated import made


def by_rule(by: str) -> dict[str, Check]:
    return {each.rule.name: each for each in verify(made(by).file, DECODE).checks}


@pytest.mark.parametrize("by", ["host", "sub"])
def test_every_rule_is_told_once_in_order(by: str) -> None:
    verdict = verify(made(by).file, DECODE)
    assert [each.rule for each in verdict.checks] == list(RULES)
    told = json.loads(json.dumps(verdict.document()))["checks"]
    assert [each["rule"] for each in told] == [each.name for each in RULES]


def test_rules_that_words_alone_decide_are_checked_with_a_count() -> None:
    found = by_rule("host")
    for name in ("V1", "V2", "V4", "V5", "V6", "V9", "V10"):
        assert found[name].result == CHECKED
        assert found[name].count > 0
    assert found["V2"].count == 2
    assert found["V6"].count == 4
    assert found["V9"].count < found["V10"].count
    assert found["V15"].count == 2 * verify(made("host").file, DECODE).words


def test_what_nobody_agreed_on_is_not_checked_and_says_so() -> None:
    found = by_rule("host")
    assert (found["V8"].result, found["V8"].count) == (NOT_CHECKED, 0)
    assert "beacon" in found["V8"].unchecked[0].en
    assert found["V7"].result == PARTLY
    assert "escrow" in found["V7"].unchecked[0].en


def test_who_does_not_know_the_exclusion_list_has_not_checked_it() -> None:
    host, sub = by_rule("host")["V13"], by_rule("sub")["V13"]
    assert (host.count, sub.count) == (2, 1)
    assert not any("not opened yet" in each.en for each in host.unchecked)
    assert any("not opened yet" in each.en for each in sub.unchecked)


def test_only_the_owner_of_a_pool_can_show_what_its_list_committed_to() -> None:
    (known,) = {by_rule(by)["V14"].result for by in ("host", "sub")}
    assert known == PARTLY
    assert any("e-trading" in each.en for each in by_rule("host")["V14"].unchecked)


def test_identities_are_told_as_not_opened_with_their_number() -> None:
    verdict = verify(made("host").file, DECODE)
    (names,) = by_rule("host")["V11"].unchecked
    assert names.count == sum(draw.members for draw in verdict.draws)


def test_a_summary_names_each_rule_and_each_gap_in_both_languages() -> None:
    verdict = verify(made("host").file, DECODE)
    for lang in ("zh", "en"):
        text = verdict.summary(lang)
        for each in RULES:
            assert f"  {each.name} " in text
            assert getattr(each, lang) in text
        for check in verdict.checks:
            for gap in check.unchecked:
                assert getattr(gap, lang) in text


def test_parts_are_added_up_and_a_reason_is_told_once() -> None:
    first = Check(rule("V8"), 1, (Unchecked(1, "无", "none"),))
    second = Check(rule("V8"), 2, (Unchecked(3, "无", "none"), Unchecked(1, "缺", "lost")))
    (found,) = together([[first], [second]])
    assert (found.count, found.result) == (3, PARTLY)
    assert [(each.count, each.en) for each in found.unchecked] == [(4, "none"), (1, "lost")]


def test_with_a_regulator_its_part_is_told_as_its_own() -> None:
    found = examined(made("host").file, DECODE)
    case = replace(found.case, terms=replace(found.case.terms, regulator="lp1" + "a" * 32))
    by_name = {each.rule.name: each for each in checks(case, found.findings.draws)}
    assert any("only it knows them" in gap.en for gap in by_name["V13"].unchecked)
    without = {each.rule.name: each for each in checks(found.case, found.findings.draws)}
    assert any("by nobody" in gap.en for gap in without["V13"].unchecked)


def test_escrows_receipts_and_words_from_outside_are_counted() -> None:
    found = examined(made("host").file, DECODE)
    before = {each.rule.name: each for each in checks(found.case, found.findings.draws)}
    talks = {
        talk: [replace(told, word=richer(told.word)) for told in words]
        for talk, words in found.case.talks.items()
    }
    case = replace(found.case, talks=talks)
    after = {each.rule.name: each for each in checks(case, found.findings.draws)}
    assert after["V6"].count == before["V6"].count + 4
    assert after["V7"].count == before["V7"].count + 2
    assert after["V1"].count == before["V1"].count + 4 + 2
    (escrows,) = after["V7"].unchecked
    assert (escrows.count, "only the regulator" in escrows.en) == (4, True)
    assert "vendor's receipts that are shown" in after["V12"].unchecked[0].en


def richer(word: Word) -> Word:
    match word:
        case Commit():
            return replace(word, escrow=b"sealed", outside=(b"a pledge",))
        case Reveal():
            return replace(word, outside=(b"a value",))
        case Report():
            return replace(word, proof=b"a vendor's receipt")
        case _:
            return word
