"""What a valid entry in the register is."""

from dataclasses import replace
from typing import Any

import pytest

from node.domain.codes import ResidentId, Specialty, Uscc
from node.domain.expert import (
    MAX_SPECIALTIES,
    Expert,
    ExpertStatus,
    employer_name,
    mobile,
    person_name,
    registry_number,
)
from node.domain.refusal import Inadmissible

LI = Expert(
    uid="FJ-0001",
    name="李明",
    id_number=ResidentId("11010519491231002X"),
    phone="13800138000",
    employer="福建某设计院",
    employer_uscc=Uscc("91350100M000100Y43"),
    specialties=(Specialty("A080101"), Specialty("B03")),
)


def test_an_expert_is_active_unless_said_otherwise() -> None:
    assert LI.status is ExpertStatus.ACTIVE


def test_an_expert_qualifies_by_any_specialty_and_its_ancestors() -> None:
    assert LI.qualifies_for(Specialty("A08"))
    assert LI.qualifies_for(Specialty("B03"))
    assert not LI.qualifies_for(Specialty("B0301"))


def test_no_personal_data_shows_in_a_log_line() -> None:
    shown = repr(LI)
    assert "FJ-0001" in shown
    for secret in (LI.name, LI.id_number, LI.phone, LI.employer, LI.employer_uscc):
        assert secret not in shown


@pytest.mark.parametrize("text", ["13800138000", " 138 0013-8000 ", "+8613800138000"])
def test_a_mobile_number_is_brought_to_eleven_digits(text: str) -> None:
    assert mobile(text) == "13800138000"


@pytest.mark.parametrize("text", ["", "010-62770334", "12800138000", "1380013800", "１３800138000"])
def test_what_cannot_receive_a_text_message_is_refused(text: str) -> None:
    with pytest.raises(Inadmissible, match="手机号"):
        mobile(text)


@pytest.mark.parametrize("text", ["", "-1", "a b", "编号1", "a" * 65, "a\n"])
def test_bad_registry_numbers_are_refused(text: str) -> None:
    if text == "a\n":
        assert registry_number(text) == "a"
    else:
        with pytest.raises(Inadmissible, match="专家编号"):
            registry_number(text)


def test_names_are_trimmed_visible_and_not_endless() -> None:
    assert person_name(" 阿卜杜拉·买买提 ") == "阿卜杜拉·买买提"
    for text in ("", " ", "李\x00明", "李" * 65):
        with pytest.raises(Inadmissible, match="姓名"):
            person_name(text)
    with pytest.raises(Inadmissible, match="工作单位"):
        employer_name("院" * 129)


def test_an_entry_holds_parsed_fields_only() -> None:
    unparsed: list[dict[str, Any]] = [
        {"phone": "+8613800138000"},
        {"name": " 李明"},
        {"uid": "FJ-0001 "},
        {"employer": "设计院\n"},
    ]
    for changed in unparsed:
        with pytest.raises(Inadmissible, match="规范化"):
            replace(LI, **changed)


def test_specialties_are_some_and_differ() -> None:
    many = tuple(Specialty(f"A{i:02}") for i in range(MAX_SPECIALTIES + 1))
    replace(LI, specialties=many[:-1])
    for wrong in ((), many):
        with pytest.raises(Inadmissible, match="1至32个专业"):
            replace(LI, specialties=wrong)
    with pytest.raises(Inadmissible, match="重复"):
        replace(LI, specialties=(Specialty("A08"), Specialty("A08")))
