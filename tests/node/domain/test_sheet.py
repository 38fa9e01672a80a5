"""Bytes as office programs write them, and as attackers do."""

import io
import zipfile
from datetime import date
from typing import Any

import openpyxl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from node.domain import sheet
from node.domain.sheet import BadTable, Problem, Table, read_table
from node.domain.tabular import experts_from

HEADING = ["编号", "姓名", "身份证号", "手机", "工作单位", "统一社会信用代码", "专业"]
LI = ["1", "李明", "11010519491231002X", "13800138000", "设计院", "91350100M000100Y43", "A08"]


def csv_of(*rows: list[str], delimiter: str = ",", newline: str = "\r\n") -> str:
    return newline.join(delimiter.join(row) for row in rows) + newline


def book(*rows: list[Any], extra: list[Any] | None = None, blank: bool = False) -> bytes:
    made = openpyxl.Workbook()
    first = made.active
    assert first is not None
    for row in rows:
        first.append(row)
    if blank:
        made.create_sheet("空表")
    if extra is not None:
        made.create_sheet("说明").append(extra)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def rewritten(data: bytes, changes: dict[str, bytes]) -> bytes:
    """The archive with parts replaced or added."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in {*old.namelist(), *changes}:
            new.writestr(name, changes[name] if name in changes else old.read(name))
    return out.getvalue()


def refused(name: str, data: bytes) -> Problem:
    with pytest.raises(BadTable) as bad:
        read_table(name, data)
    assert "未导入任何数据" in str(bad.value)
    assert "nothing was imported" in str(bad.value)
    return bad.value.problems[0]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
@pytest.mark.parametrize("newline", ["\r\n", "\n"])
def test_text_is_read_as_any_office_program_writes_it(
    encoding: str, delimiter: str, newline: str
) -> None:
    text = csv_of(HEADING, LI, delimiter=delimiter, newline=newline)
    table = read_table("专家.CSV", text.encode(encoding))
    assert table.header == tuple(HEADING)
    assert table.rows[0].cells == tuple(LI)
    assert experts_from(table)[0].name == "李明"


def test_a_rare_name_in_gb18030_survives() -> None:
    text = csv_of(["姓名"], ["𬭎㛃"])
    assert read_table("t.csv", text.encode("gb18030")).rows[0].cells == ("𬭎㛃",)


def test_blanks_of_all_kinds_are_trimmed_and_empty_lines_passed_over() -> None:
    text = "\n,,\n a ,\u3000b\u3000,\n\n\t1,\xa02 \n,,\n"
    table = read_table("t.csv", text.encode())
    assert table == Table("t.csv", 3, ("a", "b"), (sheet.Row(5, ("1", "2")),))


def test_quoted_cells_may_hold_separators_and_line_breaks() -> None:
    table = read_table("t.csv", b'"a;b";c\n"x\ny";"1;2"\nz;3\n')
    assert table.header == ("a;b", "c")
    assert [(row.line, row.cells) for row in table.rows] == [(2, ("x\ny", "1;2")), (4, ("z", "3"))]


@given(
    st.lists(
        st.lists(
            st.text(st.characters(codec="gb18030", categories=("L", "N", "P")), min_size=1),
            min_size=2,
            max_size=2,
        ),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from(["utf-8", "utf-8-sig"]),
)
@example([["姓,名", '引"号']], "utf-8")
def test_what_was_written_is_what_is_read(rows: list[list[str]], encoding: str) -> None:
    quoted = [['"' + cell.replace('"', '""') + '"' for cell in row] for row in rows]
    table = read_table("t.csv", csv_of(["a", "b"], *quoted).encode(encoding))
    assert [list(row.cells) for row in table.rows] == rows


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("t.csv", b"", "空的"),
        ("t.csv", b" \r\n", "空的"),
        ("t.csv", b",,\n,,\n", "没有任何内容"),
        ("t.csv", "姓名\n".encode(), "没有数据"),
        ("t.csv", "姓名\n李明\n".encode("utf-16"), "UTF-16"),
        ("t.csv", b"a\n\xff\xff\xff", "GB18030"),
        ("t.csv", b"a,b\n\x00,1\n", "GB18030"),
        ("t.csv", b'a,b\n1,2\n"x"y,2\n', "引号"),
        ("t.csv", b'a,b\n"1,2\n', "引号"),
        ("t.csv", b"a\n" + b"x" * 200_000, "过长"),
        ("t.pdf", b"%PDF-1.7", "只接受CSV"),
        ("t.xls", b"\xd0\xcf\x11\xe0abc", "只接受CSV"),
        ("t.csv", b"\xd0\xcf\x11\xe0abc", "只接受CSV"),
        ("t.xlsx", b"\xd0\xcf\x11\xe0abc", "加密"),
        ("t.csv", b"PK\x03\x04abc", "只接受CSV"),
        ("t.xlsx", b"a,b\n1,2\n", "只接受CSV"),
        ("t.xlsm", b"PK\x03\x04abc", "带宏"),
        ("t.xlsx", b"PK\x03\x04abc", "已损坏"),
        ("t", b"a,b\n1,2\n", "只接受CSV"),
        ("t.csv", b"a\n" + b"1\n" * sheet.MAX_FILE_BYTES, "5 MiB"),
    ],
)
def test_other_files_are_refused_with_a_word_on_what_to_do(
    name: str, data: bytes, words: str
) -> None:
    assert words in refused(name, data).message_zh


def test_unmatched_quotes_are_told_by_line() -> None:
    assert refused("t.csv", b'a,b\n1,2\n"x"y,2\n').line == 3


def test_lost_characters_and_endless_cells_are_found_where_they_are() -> None:
    text = f"姓名,单位\n李明,院\n李\ufffd,{'院' * 513}\n"
    with pytest.raises(BadTable) as bad:
        read_table("t.csv", text.encode())
    assert [(one.line, one.column) for one in bad.value.problems] == [(3, "姓名"), (3, "单位")]


def test_a_heading_that_was_damaged_is_told_too() -> None:
    assert refused("t.csv", "姓\ufffd\n李明\n".encode()).line == 1


def test_a_row_wider_than_the_heading_is_refused_and_a_narrower_one_filled() -> None:
    assert read_table("t.csv", b"a,b\n1\n").rows[0].cells == ("1", "")
    found = refused("t.csv", b"a,b\n1,2,3\n")
    assert (found.line, found.column) == (2, "")
    assert refused("t.csv", "a,b\n1,2,\ufffd\n".encode()).column == ""


def test_rows_and_columns_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = ",".join(f"c{i}" for i in range(sheet.MAX_COLUMNS + 1))
    assert "64列" in refused("t.csv", f"{wide}\n1\n".encode()).message_zh
    many = b"a\n" + b"1\n" * sheet.MAX_ROWS
    assert len(read_table("t.csv", many).rows) == sheet.MAX_ROWS
    found = refused("t.csv", many + b"1\n")
    assert found.line == sheet.MAX_ROWS + 2
    assert "20000行" in found.message_zh
    monkeypatch.setattr(sheet, "MAX_ROWS", 3)
    assert len(read_table("t.xlsx", book(["a"], [1], [2], [3])).rows) == 3
    assert "3行" in refused("t.xlsx", book(["a"], [1], [2], [3], [4])).message_zh


def test_a_spreadsheet_is_read_like_text() -> None:
    table = read_table("专家.xlsx", book(HEADING, LI, blank=True))
    assert (table.header, table.line) == (tuple(HEADING), 1)
    assert experts_from(table) == experts_from(read_table("t.csv", csv_of(HEADING, LI).encode()))


def test_small_numbers_and_yes_and_no_are_read_as_they_show() -> None:
    table = read_table("t.xlsx", book(["a", "b", "c", "d"], [13800138000, 1.0, True, None]))
    assert table.rows[0].cells == ("13800138000", "1", "true", "")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (110105194912310000, "丢失精度"),
        (1.5, "丢失精度"),
        (date(2025, 1, 1), "日期"),
        ("=A1", "公式"),
        ("#N/A", "错误值"),
    ],
)
def test_cells_that_cannot_be_read_for_certain_are_problems(value: Any, words: str) -> None:
    found = refused("t.xlsx", book(["编号", "值"], ["1", value]))
    assert (found.line, found.column) == (2, "值")
    assert words in found.message_zh


def test_a_second_sheet_with_content_is_refused() -> None:
    assert "说明" in refused("t.xlsx", book(HEADING, LI, extra=["请勿修改"])).message_zh


def test_a_spreadsheet_as_wide_as_the_limit_is_read_and_no_wider() -> None:
    fits: list[Any] = [f"c{i}" for i in range(sheet.MAX_COLUMNS)]
    assert len(read_table("t.xlsx", book(fits, [1])).header) == sheet.MAX_COLUMNS
    assert "64列" in refused("t.xlsx", book([*fits, "x"], [1])).message_zh


def test_line_numbers_are_the_sheets_own_even_across_gaps() -> None:
    made = openpyxl.Workbook()
    first = made.active
    assert first is not None
    first["A3"] = "a"
    first["A7"] = "1"
    first["B7"] = " "
    first["A1048576"] = "last"
    out = io.BytesIO()
    made.save(out)
    table = read_table("t.xlsx", out.getvalue())
    assert table.line == 3
    assert [row.line for row in table.rows] == [7, 1_048_576]


def test_what_a_sheet_says_of_its_own_size_is_not_believed() -> None:
    data = book(["a"], [1], [2])
    part = "xl/worksheets/sheet1.xml"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        xml = archive.read(part)
    assert b'ref="A1:A3"' in xml
    lying = rewritten(data, {part: xml.replace(b'ref="A1:A3"', b'ref="A1:A2"')})
    assert len(read_table("t.xlsx", lying).rows) == 2


def test_macros_are_refused_whatever_the_ending() -> None:
    data = rewritten(book(["a"], [1]), {"xl/vbaProject.bin": b"x"})
    assert "宏" in refused("t.xlsx", data).message_zh


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = rewritten(book(["a"]), {"xl/media/x.png": bytes(sheet.MAX_UNPACKED_BYTES)})
    assert len(bomb) < sheet.MAX_FILE_BYTES
    assert "32 MiB" in refused("t.xlsx", bomb).message_zh
    crowd = rewritten(book(["a"]), {f"x/{i}": b"" for i in range(sheet.MAX_PARTS)})
    assert "部件过多" in refused("t.xlsx", crowd).message_zh


def test_entities_that_grow_are_not_followed() -> None:
    levels = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 12))
    bomb = f'<?xml version="1.0"?><!DOCTYPE s [<!ENTITY e0 "haha">{levels}]><s>&e11;</s>'
    data = rewritten(book(["a"], [1]), {"xl/workbook.xml": bomb.encode()})
    assert "已损坏" in refused("t.xlsx", data).message_zh


@pytest.mark.parametrize("part", ["xl/workbook.xml", "xl/worksheets/sheet1.xml"])
def test_a_damaged_spreadsheet_is_told_apart_from_a_crash(part: str) -> None:
    data = rewritten(book(["a"], ["1"]), {part: b"<a><b>"})
    assert "已损坏" in refused("t.xlsx", data).message_zh


@given(st.binary(max_size=400))
def test_no_bytes_whatever_raise_anything_but_a_bad_table(data: bytes) -> None:
    for name in ("t.csv", "t.xlsx"):
        for prefix in (b"", b"PK\x03\x04"):
            try:
                table = read_table(name, prefix + data)
            except BadTable:
                continue
            assert table.rows
