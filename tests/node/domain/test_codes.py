"""National codes: published vectors, and every single typing error."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain import codes
from node.domain.refusal import Inadmissible

USCCS = ["91110108551385082Q", "91350100M000100Y43", "911101085513800180"]
RESIDENTS = ["11010519491231002X", "440524188001010014"]


@pytest.mark.parametrize("text", USCCS)
def test_published_usccs_are_valid(text: str) -> None:
    assert codes.uscc(f" {text.lower()}\n") == text


def test_a_total_divisible_by_31_checks_to_zero() -> None:
    """Published code forgets the outer mod and finds no character for this one."""
    assert codes.uscc("91110108551380018" + "0") == "911101085513800180"
    for wrong in codes.USCC_ALPHABET[1:]:
        with pytest.raises(Inadmissible):
            codes.uscc("91110108551380018" + wrong)


def test_a_published_example_with_a_wrong_check_is_refused() -> None:
    with pytest.raises(ValueError, match="GB 32100"):
        codes.uscc("95135478102458941M")


@pytest.mark.parametrize(
    "text",
    ["", "91110108551385082", "91110108551385082QQ", "9111010855138508OQ", "911101A8551385082Q"],
)
def test_what_does_not_look_like_a_uscc_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="18位"):
        codes.uscc(text)


@given(st.sampled_from(USCCS[:2]), st.integers(0, 17), st.sampled_from(codes.USCC_ALPHABET))
def test_any_single_wrong_character_breaks_a_uscc(text: str, place: int, char: str) -> None:
    wrong = text[:place] + char + text[place + 1 :]
    if wrong == text:
        assert codes.uscc(wrong) == text
    else:
        with pytest.raises(Inadmissible):
            codes.uscc(wrong)


def test_the_inner_organisation_check_is_told_apart() -> None:
    assert codes.organisation_check_holds(codes.Uscc("91110108551385082Q"))
    assert codes.organisation_check_holds(codes.Uscc("91350100M000100Y43"))
    # Overall right, inside wrong: 55138001 checks to 6, not to 8.
    assert not codes.organisation_check_holds(codes.uscc("911101085513800180"))


@pytest.mark.parametrize(
    ("text", "born"), [(RESIDENTS[0], date(1949, 12, 31)), (RESIDENTS[1], date(1880, 1, 1))]
)
def test_the_standards_own_identity_numbers_are_valid(text: str, born: date) -> None:
    number = codes.resident_id(f" {text.lower()} ")
    assert number == text
    assert codes.birth_date(number) == born


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("11010519491231002", "17位"),
        ("01010519491231002X", "17位"),
        ("1101051949123100２X", "17位"),
        ("11010519490231002X", "出生日期"),
        ("11010519491331002X", "出生日期"),
        ("11010517491231002X", "出生日期"),
        ("110105194912310021", "校验码"),
    ],
)
def test_a_wrong_identity_number_names_the_rule_but_not_the_number(text: str, rule: str) -> None:
    with pytest.raises(Inadmissible, match=rule) as refused:
        codes.resident_id(text)
    assert text not in str(refused.value)
    assert "GB 11643" in refused.value.zh
    assert "GB 11643" in refused.value.en


@given(st.integers(0, 16), st.sampled_from("0123456789"))
def test_any_single_wrong_digit_breaks_an_identity_number(place: int, digit: str) -> None:
    text = RESIDENTS[0]
    wrong = text[:place] + digit + text[place + 1 :]
    if wrong != text:
        with pytest.raises(Inadmissible):
            codes.resident_id(wrong)


@given(st.from_regex(r"[A-E]([0-9]{2}){1,3}", fullmatch=True))
def test_every_specialty_qualifies_for_its_own_ancestors(text: str) -> None:
    held = codes.specialty(text)
    for length in range(3, len(text) + 1, 2):
        asked = codes.specialty(text[:length])
        assert codes.qualifies(held, asked)
        assert codes.qualifies(asked, held) == (asked == held)


def test_asked_for_a08_an_a0801xx_qualifies_and_a_neighbour_does_not() -> None:
    asked = codes.specialty("a08")
    assert codes.qualifies(codes.specialty("A080101"), asked)
    assert not codes.qualifies(codes.specialty("A0901"), asked)


@pytest.mark.parametrize("text", ["", "A", "F01", "A1", "A01010101", "A０１", "A01 02"])
def test_what_is_no_specialty_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="316号"):
        codes.specialty(text)


def test_regions_are_lenient_but_their_province_is_not() -> None:
    assert codes.province_of(codes.region_code(" 350112 ")) == "35"
    assert codes.province_of(codes.region_code("62090100")) == "62"
    odd = codes.region_code("1000665")
    with pytest.raises(ValueError, match="1000665"):
        codes.province_of(odd)
    assert len(codes.PROVINCES) == 34


@pytest.mark.parametrize("text", ["", "35011", "3501120000000", "35 0112"])
def test_what_is_no_region_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="GB/T 2260"):
        codes.region_code(text)


def test_a_standard_lot_code_is_taken_apart() -> None:
    code = codes.lot_code("E3203010319004627001001")
    assert codes.code_parts(code) == codes.CodeParts(
        platform="E3203010319", region="320301", project="004627", tender_project="001", lot="001"
    )


def test_shorter_standard_codes_leave_the_rest_empty() -> None:
    project = codes.code_parts(codes.project_code("E3203010319004627"))
    tender = codes.code_parts(codes.project_code("E3203010319004627001"))
    assert project is not None
    assert (project.project, project.tender_project, project.lot) == ("004627", "", "")
    assert tender is not None
    assert (tender.tender_project, tender.lot) == ("001", "")


@pytest.mark.parametrize("text", ["JYT-SG-TEST-00101", "SDGP370000201902000836", "x" * 255])
def test_a_systems_own_lot_code_is_kept_as_it_is(text: str) -> None:
    assert codes.lot_code(text) == text
    assert codes.code_parts(text) is None


@pytest.mark.parametrize("text", ["", "  ", "x" * 256, "a\x00b", "a\nb"])
def test_an_unusable_code_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="标段"):
        codes.lot_code(text)
    with pytest.raises(ValueError, match="项目编号"):
        codes.project_code(text)
