"""Registers and catalogues: every heading, every rule, everything wrong at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain.expert import ExpertStatus
from node.domain.sheet import MAX_LISTED
from node.domain.tabular import BadTable, Problem, experts_from, read_table, seats_from
from node.domain.venue import SeatKind

CHINESE = "编号,姓名,身份证号,手机,工作单位,统一社会信用代码,专业,状态"
ENGLISH = "uid,name,id_number,phone,employer,employer_uscc,specialties,status"
LI = "FJ-1,李明,11010519491231002x,13800138000,福建某设计院,91350100M000100Y43,A0801；B03,正常"
WU = "FJ-2,吴芳,440524188001010014,139-0013-9000,某公司,91110108551385082q,A08、C01|B02，B03,"
SEATS = "场地,评标室,席位,类型,设备,隔夜"


def problems(text: str, read: object = experts_from) -> tuple[Problem, ...]:
    assert callable(read)
    with pytest.raises(BadTable) as bad:
        read(read_table("t.csv", text.encode()))
    return bad.value.problems


def test_a_register_is_read_with_chinese_headings() -> None:
    li, wu = experts_from(read_table("t.csv", f"{CHINESE}\n{LI}\n{WU}\n".encode()))
    assert (li.uid, li.name, li.id_number) == ("FJ-1", "李明", "11010519491231002X")
    assert li.specialties == ("A0801", "B03")
    assert li.status is ExpertStatus.ACTIVE
    assert (wu.phone, wu.employer_uscc) == ("13900139000", "91110108551385082Q")
    assert wu.specialties == ("A08", "C01", "B02", "B03")


def test_english_chinese_and_decorated_headings_mean_the_same() -> None:
    rows = f"\n{LI}\n{WU}\n"
    expected = experts_from(read_table("t.csv", (CHINESE + rows).encode()))
    decorated = CHINESE.replace("姓名", "姓名 *").replace("状态", "Status")
    for heading in (ENGLISH, ENGLISH.upper().replace("_", " "), decorated):
        assert experts_from(read_table("t.csv", (heading + rows).encode())) == expected


def test_the_status_column_may_be_left_out_and_remarks_are_passed_over() -> None:
    text = f"序号,{CHINESE.removesuffix(',状态')},备注\n1,{LI.removesuffix(',正常')},旧档案\n"
    (li,) = experts_from(read_table("t.csv", text.encode()))
    assert li.status is ExpertStatus.ACTIVE


@pytest.mark.parametrize(
    ("word", "status"),
    [("请假", ExpertStatus.LEAVE), ("SUSPENDED", ExpertStatus.SUSPENDED), ("暂停", "suspended")],
)
def test_statuses_have_words(word: str, status: str) -> None:
    text = f"{CHINESE}\n{LI.replace('正常', word)}\n"
    assert experts_from(read_table("t.csv", text.encode()))[0].status == status


def test_every_bad_cell_is_listed_by_line_and_column() -> None:
    bad = "-,,1,2,,X,Z9,休假"
    found = problems(f"{CHINESE}\n{LI}\n{bad}\n\n{WU.replace('C01', 'C1')}\n")
    assert [(one.line, one.column) for one in found] == [
        *((3, heading) for heading in CHINESE.split(",")),
        (5, "专业"),
    ]
    assert all(one.message_zh and one.message_en for one in found)
    assert "GB 11643" in found[2].message_zh
    assert "正常" in found[7].message_zh


def test_an_expert_listed_twice_is_found_by_number_and_by_identity() -> None:
    same_uid = WU.replace("FJ-2", "FJ-1")
    same_person = LI.replace("FJ-1", "FJ-3").replace("002x", "002X")
    found = problems(f"{CHINESE}\n{LI}\n{same_uid}\n{same_person}\n")
    assert [(one.line, one.column) for one in found] == [(3, "编号"), (4, "身份证号")]
    assert "第2行重复" in found[0].message_zh


def test_two_missing_numbers_are_missing_but_not_the_same() -> None:
    text = f"{CHINESE}\n{LI.replace('FJ-1', '')}\n{WU.replace('FJ-2', '')}\n"
    assert all("专家编号" in one.message_zh for one in problems(text))


def test_missing_unknown_and_double_headings_are_told_at_once() -> None:
    heading = CHINESE.replace("状态", "状况").replace("手机", "姓名")
    found = problems(f"{heading}\n{LI}\n")
    told = [(one.line, one.column) for one in found]
    assert told == [(1, "姓名"), (1, "状况"), (1, "手机")]
    assert "状态(status)" in found[1].message_zh


def test_a_column_without_a_heading_must_be_empty() -> None:
    text = CHINESE.replace("编号,", "编号,,") + "\n" + LI.replace("FJ-1,", "FJ-1,{},") + "\n"
    assert len(experts_from(read_table("t.csv", text.format("").encode()))) == 1
    assert problems(text.format("x"))[0].message_zh.startswith("不认识的表头")


def test_the_list_of_problems_is_capped_and_says_how_many_more() -> None:
    rows = "\n".join(f"U{i},名,1,13800138000,院,91350100M000100Y43,A08," for i in range(300))
    with pytest.raises(BadTable, match="未导入任何数据") as bad:
        experts_from(read_table("t.csv", f"{CHINESE}\n{rows}".encode()))
    assert len(bad.value.problems) == MAX_LISTED
    # Each row has a wrong identity number, and all but the first have the same one.
    assert bad.value.more == 300 + 299 - MAX_LISTED
    assert "599 problem(s)" in str(bad.value)


def test_a_catalogue_of_seats_is_read() -> None:
    text = (
        f"{SEATS}\n东楼,一室,1号,工位,摄像头;desktop_feed,是\n东楼,一室,2号,评标舱,,YES\n"
        "东楼,二室,1号,,人脸识别、av,\n"
    )
    one, two, three = seats_from(read_table("seats.csv", text.encode()))
    assert (one.line, one.venue, one.room, one.seat) == (2, "东楼", "一室", "1号")
    assert one.equipment == {"camera", "desktop_feed"}
    assert (one.kind, two.kind, three.kind) == (
        SeatKind.WORKSTATION,
        SeatKind.BOOTH,
        SeatKind.WORKSTATION,
    )
    assert (one.overnight, two.overnight, three.overnight) == (True, True, False)
    assert three.equipment == {"face_check", "av"}


def test_a_catalogue_needs_no_more_than_three_columns() -> None:
    (seat,) = seats_from(read_table("s.tsv", b"venue\troom\tseat\nE\tR1\t1\n"))
    assert seat.kind is SeatKind.WORKSTATION
    assert not seat.equipment
    assert not seat.overnight


def test_everything_wrong_with_a_catalogue_is_told() -> None:
    text = (
        f"{SEATS}\n东楼,一室,1号,,,是\n东楼,一室,1号,,,是\n东楼,一室,2号,,,否\n"
        f"东楼,一室,3号,沙发,4k,也许\n,,{'x' * 65},,隔夜间,\n西楼,一室,1号,,overnight,是\n"
    )
    found = problems(text, seats_from)
    assert [(one.line, one.column) for one in found] == [
        (3, "席位"),
        (4, "隔夜"),
        (5, "类型"),
        (5, "设备"),
        (5, "隔夜"),
        (6, "场地"),
        (6, "评标室"),
        (6, "席位"),
        (6, "设备"),
        (7, "设备"),
    ]
    assert "第2行" in found[1].message_zh


@given(st.lists(st.sampled_from([LI, WU, "x", ",,,,,,,", "-,,1,2,,X,Z9,休假"]), max_size=8))
def test_a_table_is_taken_whole_or_not_at_all(rows: list[str]) -> None:
    text = "\n".join([CHINESE, *rows])
    content = [row for row in rows if row != ",,,,,,,"]
    try:
        experts = experts_from(read_table("t.csv", text.encode()))
    except BadTable:
        assert not content or len(set(content)) < len(content) or set(content) - {LI, WU}
    else:
        assert len(experts) == len(content)
