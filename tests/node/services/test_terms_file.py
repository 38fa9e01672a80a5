"""The file that people write an agreement's terms into."""

import itertools
from dataclasses import fields, replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.protocol.agreement import AgreementTerms, Party
from federation.protocol.contradictions import contradictions
from federation.protocol.terms import (
    DAY_MS,
    HOUR_MS,
    Contact,
    Direction,
    DrawAnchor,
    InDoubt,
    SettlementPeriod,
)
from node.services import terms_file, terms_keys
from node.services import terms_values as values
from node.services.errors import Invalid

OURS = Party("lp1" + "h" * 32, "吉安", "", "360800", root_key_ids=(bytes(16),))
THEIRS = Party("lp1" + "s" * 32, "长乐", "", "350112")
TODAY = date(2026, 11, 22)
LEAST = 'title = "协议"\nfrom = 2026-12-01\nuntil = 2027-11-30\n'


def read(source: str) -> AgreementTerms:
    return terms_file.read(source, OURS, THEIRS)


def problems(source: str) -> tuple[Any, ...]:
    with pytest.raises(Invalid) as caught:
        read(source)
    return tuple(caught.value.detail)


def test_the_template_is_a_file_without_contradictions() -> None:
    terms = read(terms_file.template(TODAY))
    assert contradictions(terms) == ()
    assert terms.effective_from_ms == values.as_day_ms("2026-11-22")
    assert terms.effective_until_ms - terms.effective_from_ms == 365 * DAY_MS - 1


def test_the_template_explains_every_key_in_both_languages() -> None:
    lines = terms_file.template(TODAY).splitlines()
    explained = [
        (above, line.partition(" = ")[0])
        for above, line in itertools.pairwise(lines)
        if " = " in line and not line.startswith("#")
    ]
    assert sorted(explained) == sorted(
        (f"# {key.zh} · {key.en}", key.name) for key in terms_keys.KEYS
    )


def test_every_term_can_be_set_by_a_key() -> None:
    set_by_keys = {key.sets.split(".")[0] for key in terms_keys.KEYS}
    known = {field.name for field in fields(AgreementTerms)}
    given_elsewhere = {"version", "supersedes", "parties"}
    # Pay and both sides go into the parts that hold them.
    assert known - given_elsewhere == set_by_keys - {"ours", "theirs", "ours_pay", "theirs_pay"}


def test_what_is_left_out_is_as_in_the_template_but_for_pay() -> None:
    usual = replace(read(terms_file.template(TODAY)), title="协议")
    least = read(LEAST)
    assert (
        replace(
            least,
            fees=usual.fees,
            effective_from_ms=usual.effective_from_ms,
            effective_until_ms=usual.effective_until_ms,
        )
        == usual
    )
    assert least.fees.schedules == ()


def test_every_key_reaches_its_term() -> None:
    terms = read(
        LEAST
        + """
number = "赣闽〔2026〕1号"
suite = "gm-1"
notice_days = 60
[directions]
they_host = false
[scope]
project_kinds = ["A"]
specialties = ["A08"]
value_from = 4000000
value_until = "90000000.50"
selection = ["CHOSEN"]
four_unknowns = false
[limits]
seats = 9
[hours]
opens = "09:00"
closes = "24:00"
weekdays = [1, 7]
[times]
lead = "1d12h"
in_doubt = "RELEASE"
[draw]
anchor = "EVALUATION_START"
[money]
settlement = "QUARTERLY"
[money.ours]
base_fee = 500
[data]
purpose = "评标"
[disputes]
path = ["双方协商"]
[ours]
supervisor = "吉安市行政审批局"
contacts = [{duty = "预约", name = "张工", phone = "0796-1"}]
"""
    )
    assert terms.agreement_no == "赣闽〔2026〕1号"
    assert terms.suite == "gm-1"
    assert terms.notice_days == 60
    assert terms.directions == (Direction(OURS.center_id, THEIRS.center_id),)
    assert (terms.value_from_fen, terms.value_until_fen) == (400_000_000, 9_000_000_050)
    assert (terms.opens_minute, terms.closes_minute) == (540, 1440)
    assert terms.open_weekdays == (1, 7)
    assert terms.lead_time_ms == 36 * HOUR_MS
    assert terms.in_doubt is InDoubt.RELEASE
    assert terms.draw_anchor is DrawAnchor.EVALUATION_START
    assert terms.settlement.period is SettlementPeriod.QUARTERLY
    (pay,) = terms.fees.schedules
    assert (pay.center_id, pay.base_fen, pay.base_minutes) == (OURS.center_id, 50_000, 240)
    assert terms.dispute_path == ("双方协商",)
    assert terms.parties[0].supervisor == "吉安市行政审批局"
    assert terms.parties[0].contacts == (Contact("预约", "张工", "0796-1"),)
    assert terms.parties[0].root_key_ids == OURS.root_key_ids
    assert contradictions(terms) == ("fees: a schedule of each party, or none at all",)


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("titel = 1", "title"),
        ("[times]\nlaed = 1", "times.lead"),
        ("[limits]\nvote = '4h'", "times.vote"),
        ("[scoop]\nspecialties = []", "scope"),
        ("[times]\nfault_wiat = '2h'", "times.fault_wait"),
    ],
)
def test_an_unknown_key_is_named_with_what_was_meant(line: str, meant: str) -> None:
    (problem,) = problems(LEAST + line)
    assert "未知的项 · unknown key" in problem
    assert f"did you mean {meant}" in problem


def test_a_key_that_is_like_none_is_named_without_a_guess() -> None:
    (problem,) = problems(LEAST + "zzzzzzzzzz = 1")
    assert "did you mean" not in problem


def test_everything_that_is_wrong_is_said_at_once() -> None:
    found = problems(
        'until = "soon"\n[times]\nlead = 3\nvote = "4 hours"\n[hours]\nopens = "8:30"\n'
        '[scope]\nvalue_from = "1.005"\nselection = ["ANY"]\nproject_kinds = "A"\n'
        "[limits]\nseats = true\n[directions]\nwe_host = 1\n[ours]\ncontacts = [{name = 'x'}]\n"
        "[hello]\n"
    )
    assert {line.split(":")[0] for line in found} == {
        "title", "from", "until", "times.lead", "times.vote", "hours.opens", "scope.value_from",
        "scope.selection", "scope.project_kinds", "limits.seats", "directions.we_host",
        "ours.contacts", "hello",
    }  # fmt: skip


@pytest.mark.parametrize(
    "source",
    ["title = ", "= 1", "a = 1\na = 2", "\x00", "[" * 5_000, "[limits]\nseats = " + "9" * 5_000],
)
def test_what_is_no_toml_is_told_so(source: str) -> None:
    with pytest.raises(Invalid, match="TOML"):
        read(source)


def test_a_file_that_is_no_agreement_is_not_read_to_its_end() -> None:
    with pytest.raises(Invalid, match="characters"):
        read("#" * (terms_file.MAX_FILE_CHARS + 1))


@pytest.mark.parametrize(
    "value", [2.5, None, "", "4", "h", "1h 30m", "-1h", "1h1d", "999999d", "٣h", [], True]
)
def test_a_duration_has_one_form(value: object) -> None:
    with pytest.raises(ValueError, match="3d"):
        values.as_ms(value)


@given(days=st.integers(0, 99_999), hours=st.integers(0, 99_999), minutes=st.integers(0, 99_999))
def test_a_duration_is_the_sum_of_its_parts(days: int, hours: int, minutes: int) -> None:
    said = f"{days}d{hours}h{minutes}m"
    assert values.as_ms(said) == days * DAY_MS + hours * HOUR_MS + minutes * 60_000


@given(fen=st.integers(0, 10**12))
def test_yuan_become_fen_exactly(fen: int) -> None:
    assert values.as_fen(f"{fen // 100}.{fen % 100:02d}") == fen


@pytest.mark.parametrize(
    "value",
    ["1.005", "NaN", "Infinity", "", "1,000", 1.5, True, "1e99", "1e999999", "1E-999999999",
     "１００", " 100", "1_000", "-1", 10**400],
)  # fmt: skip
def test_an_amount_that_is_no_amount_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="元"):
        values.as_fen(value)


@pytest.mark.parametrize(
    "value",
    ["2026-02-30", "tomorrow", 20260101, "2100-01-01", None, "20260101", "2026-W01-1"],
)
def test_a_date_that_no_calendar_has_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="2027-01-01"):
        values.as_day_ms(value)


def test_a_time_of_day_is_within_the_day() -> None:
    assert [values.as_time(text) for text in ("00:00", "08:30", "24:00")] == [0, 510, 1440]
    for wrong in ("24:01", "8:30", "08:60", "", 830, "٠٨:٣٠"):
        with pytest.raises(ValueError, match="08:30"):
            values.as_time(wrong)
