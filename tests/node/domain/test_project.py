"""Projects, lots, and what an agency may ask for."""

from dataclasses import replace
from typing import Any

import pytest

from federation.ids import center_id
from node.domain import committee
from node.domain.calendar import HOUR_MS, Window
from node.domain.codes import LotCode, ProjectCode, RegionCode, Specialty, Uscc
from node.domain.project import (
    MAX_COMPETENT,
    MAX_LOTS,
    MAX_SLOTS,
    MAX_SUBS,
    BookingRequest,
    ExpertSlots,
    Lot,
    Party,
    Project,
    ProjectKind,
    ProjectState,
    SelectionMode,
    SubRequirement,
    check_deadline,
)
from node.domain.refusal import Inadmissible
from node.domain.venue import MAX_SEATS, Requirement

DEADLINE = 1_760_000_000_000
WINDOW = Window(DEADLINE, DEADLINE + 8 * HOUR_MS)
BUYER = Party("吉安县住建局", Uscc("91110108551385082Q"))
AGENT = Party("某招标代理公司", Uscc("91350100M000100Y43"))
PROJECT = Project(
    code=ProjectCode("E3608213601004627"),
    name="吉安县污水处理厂扩建",
    tenderee=BUYER,
    agency=AGENT,
    kind=ProjectKind.WORKS,
    region=RegionCode("360821"),
    bid_deadline_ms=DEADLINE,
    evaluation=WINDOW,
    lots=(Lot(LotCode("E3608213601004627001001"), "一标段"),),
)
A08 = ExpertSlots(Specialty("A08"), 2)
B03 = ExpertSlots(Specialty("B03"), 1)
SUB = SubRequirement(Requirement(3), (A08, B03))
CENTERS = tuple(center_id("lp1" + letter * 32) for letter in "ab")
REQUEST = BookingRequest(
    window=WINDOW,
    host_seats=4,
    representatives=2,
    host_slots=(A08,),
    subs=(SUB,),
    mode=SelectionMode.CHOSEN,
    chosen=CENTERS[:1],
)


def test_states_and_kinds_have_the_names_the_store_keeps() -> None:
    assert [*ProjectState] == ["DRAFT", "SUBMITTED", "ACCEPTED", "REJECTED"]
    assert [kind.zh for kind in ProjectKind] == ["工程", "货物", "服务"]


def test_both_parties_are_to_be_avoided_before_opening() -> None:
    assert PROJECT.parties == (BUYER, AGENT)
    assert replace(PROJECT, agency=None).parties == (BUYER,)


def test_competent_units_are_to_be_avoided_as_well_each_with_its_part() -> None:
    of_the_trade = Party("吉安县交通运输局", Uscc("11360821014690000K"))
    project = replace(PROJECT, competent=(of_the_trade, BUYER))
    assert project.parties == (BUYER, AGENT, of_the_trade, BUYER)
    assert [(each.part.value, each.party) for each in project.avoided] == [
        ("TENDEREE", BUYER), ("AGENCY", AGENT), ("COMPETENT", of_the_trade), ("COMPETENT", BUYER),
    ]  # fmt: skip


def test_the_deadline_lies_ahead() -> None:
    check_deadline(PROJECT, DEADLINE - 1)
    with pytest.raises(Inadmissible, match="截止时间已过"):
        check_deadline(PROJECT, DEADLINE)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"bid_deadline_ms": DEADLINE + 1}, "不得早于投标截止"),
        ({"lots": ()}, "1至200个标段"),
        ({"competent": (AGENT, replace(AGENT, name="另一名称"))}, "重复"),
        (
            {"competent": tuple(Party("局", Uscc(f"{n}")) for n in range(MAX_COMPETENT + 1))},
            "最多16个",
        ),
        ({"lots": tuple(Lot(LotCode(str(i)), "段") for i in range(MAX_LOTS + 1))}, "1至200个标段"),
        ({"lots": (Lot(LotCode("1"), "一"), Lot(LotCode("1"), "二"))}, "标段编号重复"),
        ({"name": ""}, "项目名称"),
        ({"name": " 项目"}, "项目名称"),
        ({"name": "项\n目"}, "项目名称"),
        ({"name": "项" * 256}, "项目名称"),
    ],
)
def test_a_wrong_project_is_told_why(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(Inadmissible, match=words):
        replace(PROJECT, **changed)


def test_parties_and_lots_have_names() -> None:
    with pytest.raises(Inadmissible, match="单位名称"):
        Party("", BUYER.uscc)
    with pytest.raises(Inadmissible, match="标段名称"):
        Lot(LotCode("1"), "")


def test_a_request_seats_the_committee_it_describes() -> None:
    planned = REQUEST.committee()
    assert (planned.representatives, planned.experts, planned.total) == (2, 5, 7)
    assert (REQUEST.sub_count, REQUEST.host_experts, SUB.experts) == (1, 2, 3)
    committee.check(planned)


def test_a_host_without_experts_may_ask() -> None:
    request = replace(REQUEST, host_slots=(), host_seats=2, subs=(SUB, SUB), chosen=CENTERS)
    assert request.committee().total == 8
    assert [site.center for site in request.committee().subs] == ["副场1", "副场2"]


@pytest.mark.parametrize("mode", [SelectionMode.RANDOM, SelectionMode.BLIND])
def test_random_and_blind_selection_name_nobody(mode: SelectionMode) -> None:
    replace(REQUEST, mode=mode, chosen=())
    with pytest.raises(Inadmissible, match="不得指定"):
        replace(REQUEST, mode=mode)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"chosen": ()}, "各指定"),
        ({"chosen": CENTERS}, "各指定"),
        ({"subs": (SUB, SUB), "chosen": CENTERS[:1] * 2}, "各指定"),
        ({"subs": (), "chosen": (), "mode": SelectionMode.BLIND}, "没有副场"),
        ({"subs": (SUB,) * (MAX_SUBS + 1)}, "副场数量"),
        ({"representatives": -1}, "招标人代表"),
        ({"representatives": 100}, "招标人代表"),
        ({"host_seats": 3}, "主场席位3个"),
        ({"host_seats": MAX_SEATS + 1}, "主场席位"),
        ({"host_slots": (A08, A08)}, "合并人数"),
        (
            {"host_slots": tuple(ExpertSlots(Specialty(f"A{i}"), 1) for i in range(MAX_SLOTS + 1))},
            "16个专业",
        ),
    ],
)
def test_a_request_that_does_not_add_up_is_told_why(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(Inadmissible, match=words):
        replace(REQUEST, **changed)


def test_a_sub_gives_experts_and_has_seats_for_them() -> None:
    with pytest.raises(Inadmissible, match="没有专家"):
        SubRequirement(Requirement(3), ())
    with pytest.raises(Inadmissible, match="少于专家3人"):
        SubRequirement(Requirement(2), (A08, B03))
    for count in (0, 100):
        with pytest.raises(Inadmissible, match="专家人数"):
            ExpertSlots(Specialty("A08"), count)
