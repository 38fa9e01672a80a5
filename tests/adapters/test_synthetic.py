"""People who do not exist, and identifiers that pass every check."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.experts.port import COLUMNS, ExpertStatus
from adapters.experts.synthetic import (
    COUNT_MAX,
    SPECIALTIES,
    resident_id,
    synthetic_experts,
    to_csv,
    uscc,
)

# The weights as the standards print them; the code under test computes them.
ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
USCC_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def id_is_valid(number: str) -> bool:
    dt.datetime.strptime(number[6:14], "%Y%m%d").replace(tzinfo=dt.UTC)
    total = sum(int(digit) * weight for digit, weight in zip(number[:17], ID_WEIGHTS, strict=True))
    return len(number) == 18 and "10X98765432"[total % 11] == number[17]


def uscc_is_valid(code: str) -> bool:
    values = [USCC_ALPHABET.index(character) for character in code[:17]]
    total = sum(value * weight for value, weight in zip(values, USCC_WEIGHTS, strict=True))
    return len(code) == 18 and (total + USCC_ALPHABET.index(code[17])) % 31 == 0


def test_published_identifiers_come_out_as_published() -> None:
    assert resident_id("110105", dt.date(1949, 12, 31), 2) == "11010519491231002X"
    assert resident_id("440524", dt.date(1880, 1, 1), 1) == "440524188001010014"
    assert uscc("110108", 55138508) == "91110108551385082Q"
    # The remainder 0 that published code stumbles over.
    assert uscc("110108", 55138033) == "911101085513803370"


@given(
    st.integers(0, 999_999).map(lambda number: f"{number:06d}"),
    st.integers(0, 99_999_999),
)
def test_every_uscc_passes_the_check(region: str, organisation: int) -> None:
    code = uscc(region, organisation)

    # An organisation code may end in X, which the USCC alphabet has too.
    assert uscc_is_valid(code)


@given(st.integers(), st.integers(1, 300))
def test_experts_differ_and_pass_every_check(seed: int, count: int) -> None:
    rows = synthetic_experts(seed, count, "350112", "FJ")

    assert len(rows) == count
    for column in ("编号", "身份证号", "手机"):
        assert len({row[column] for row in rows}) == count
    for row in rows:
        assert tuple(row) == COLUMNS
        assert row["编号"].startswith("FJ")
        assert 2 <= len(row["姓名"]) <= 3
        assert id_is_valid(row["身份证号"])
        assert row["身份证号"].startswith("350112")
        assert uscc_is_valid(row["统一社会信用代码"])
        assert row["手机"].startswith("154")
        assert len(row["手机"]) == 11
        codes = row["专业"].split(";")
        assert 1 <= len(codes) == len(set(codes)) <= 3
        assert set(codes) <= set(SPECIALTIES)
        assert row["状态"] in set(ExpertStatus)


def test_the_same_arguments_give_the_same_experts_and_others_do_not() -> None:
    first = synthetic_experts(7, 50, "350112", "FJ")

    assert synthetic_experts(7, 50, "350112", "FJ") == first
    assert synthetic_experts(8, 50, "350112", "FJ") != first
    # Pinned: a demonstration written down today must run the same tomorrow.
    assert first[0]["身份证号"] == "350112197108236748"


def test_about_one_in_twenty_is_on_leave_and_employers_are_shared() -> None:
    rows = synthetic_experts(1, 4000, "360821", "JX")

    on_leave = sum(row["状态"] == ExpertStatus.LEAVE for row in rows)
    assert 0.03 < on_leave / 4000 < 0.07
    employers = {(row["工作单位"], row["统一社会信用代码"]) for row in rows}
    assert 500 < len(employers) < 700
    assert len({name for name, _ in employers}) == len({code for _, code in employers})


@pytest.mark.parametrize("count", [0, COUNT_MAX + 1])
def test_a_count_out_of_bounds_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match="experts"):
        synthetic_experts(1, count, "350112", "FJ")


@pytest.mark.parametrize("region", ["", "35011", "3501123", "35011x", "３５０１１２"])
def test_a_region_out_of_form_is_refused(region: str) -> None:
    with pytest.raises(ValueError, match="region"):
        synthetic_experts(1, 1, region, "FJ")


def test_the_file_has_a_header_and_a_mark_when_asked_for() -> None:
    rows = synthetic_experts(1, 2, "350112", "FJ")

    assert to_csv(rows, "utf-8").decode("utf-8").splitlines()[0] == ",".join(COLUMNS)
    assert to_csv(rows, "utf-8-sig").startswith(b"\xef\xbb\xbf")
    assert to_csv(rows, "gb18030").decode("gb18030").count("\r\n") == 3
