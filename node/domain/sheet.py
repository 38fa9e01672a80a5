"""Reading the tables centers really have: CSV from an office program, or an XLSX sheet.

Here: bytes in, a ``Table`` of trimmed text out, or ``BadTable`` with everything that is wrong.
Nothing is guessed: a formula, a number too long to have survived the spreadsheet, a second
sheet with content, or a sign that was lost in an earlier conversion is a problem to mend, not
to read around. Not here: what the columns mean; that is ``node.domain.tabular``, by which
everything here is imported.

An upload is hostile until read: sizes are checked before anything is unpacked, and an
unpacked part can never be longer than the archive's directory said.
"""

import csv
import io
import itertools
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, time
from pathlib import PurePath
from typing import Final, Protocol, cast

import openpyxl
from openpyxl.cell.read_only import EmptyCell, ReadOnlyCell

MAX_FILE_BYTES: Final = 5 * 1024 * 1024  # a register of 20,000 experts as CSV is about 3 MiB
MAX_UNPACKED_BYTES: Final = 32 * 1024 * 1024  # the same register's XML, with room; zip bombs
MAX_PARTS: Final = 256  # files inside an XLSX; an office program writes about a dozen
MAX_ROWS: Final = 20_000  # the largest provincial pools are half of that
MAX_COLUMNS: Final = 64  # no register has more; bounds one row
MAX_CELL_CHARS: Final = 512  # the longest field allowed is an employer's name, of 128
MAX_LISTED: Final = 200  # problems shown at once: more than anyone mends in one go
_EXCEL_ROWS: Final = 1_048_576  # the format's own limit; a row beyond is an attack
_EXACT_INTEGER: Final = 10**15  # spreadsheets keep 15 digits of a number and zero the rest

_MIDNIGHT: Final = time()
_ZIP: Final = b"PK\x03\x04"
_OLE: Final = b"\xd0\xcf\x11\xe0"  # .xls, or an .xlsx with a password
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
_TEXT_SUFFIXES: Final = frozenset({".csv", ".tsv", ".txt"})
_SHEET_SUFFIX: Final = ".xlsx"
_BLANKS: Final = " \t\r\n\u3000\ufeff\u00a0"  # among them the ideographic space and a stray BOM


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend.

    Args:
        line: The line of the file or sheet, from 1; 0 if it is the file as a whole.
        column: The column's heading as written, or "" if it is the line as a whole.
        message_zh: What is wrong and what to do.
        message_en: The same in English.
    """

    line: int
    column: str
    message_zh: str
    message_en: str


class BadTable(ValueError):
    """A table nothing was taken from; ``problems`` says why, line by line.

    Args:
        problems: All that was found. At most ``MAX_LISTED`` are kept; ``more`` counts the rest.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        found = tuple(problems)
        self.problems = found[:MAX_LISTED]
        self.more = len(found) - len(self.problems)
        first = found[0]
        super().__init__(
            f"表格有{len(found)}处问题,未导入任何数据;第{first.line}行:{first.message_zh}"
            f" / {len(found)} problem(s), nothing was imported; line {first.line}: "
            f"{first.message_en}"
        )


@dataclass(frozen=True, slots=True)
class Row:
    """One line with content: its number in the file, and one trimmed text per heading."""

    line: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A heading and its rows; every row has exactly as many cells as the heading.

    ``line`` is the heading's own line number.
    """

    name: str
    line: int
    header: tuple[str, ...]
    rows: tuple[Row, ...]


_Cell = ReadOnlyCell | EmptyCell


class _Sheet(Protocol):
    """What openpyxl's read-only sheet does, which its stubs describe as a writable one."""

    title: str

    def reset_dimensions(self) -> None: ...

    def iter_rows(self, *, max_row: int, max_col: int) -> Iterator[tuple[_Cell, ...]]: ...


# A line as read, before it is known to fit the heading: number, texts, and what was amiss.
_Line = tuple[int, list[str], dict[int, tuple[str, str]]]


def read_table(name: str, data: bytes, *, dates: bool = False) -> Table:
    """Read an uploaded table: CSV in UTF-8 or GB18030 (and so GBK), or XLSX.

    The first line with content is the heading. Empty lines are passed over.

    Args:
        name: The file's name; its ending must fit the content.
        data: The file's bytes.
        dates: Whether a cell may be a date; it is read as ``2026-10-01``. Where none is expected,
            one is a sign that an office program has turned something else into it.

    Raises:
        BadTable: Of another kind, too large, empty, damaged, or with cells that cannot be
            read for certain.
    """
    if len(data) > MAX_FILE_BYTES:
        raise _whole(
            f"文件超过{MAX_FILE_BYTES // 1024 // 1024} MiB,请拆分后导入",
            f"the file is larger than {MAX_FILE_BYTES // 1024 // 1024} MiB; split it",
        )
    if not data.strip():
        raise _whole("文件是空的", "the file is empty")
    suffix = PurePath(name).suffix.lower()
    if suffix == _SHEET_SUFFIX and data.startswith(_ZIP):
        return _assemble(name, _sheet_lines(data, dates=dates))
    if suffix in _TEXT_SUFFIXES and not data.startswith((_ZIP, _OLE)):
        return _assemble(name, _text_lines(data))
    raise _whole(
        "只接受CSV(.csv .tsv .txt)和XLSX文件,扩展名须与内容一致;"
        ".xls、带宏或加密的文件请另存为.xlsx或CSV",
        "only CSV (.csv .tsv .txt) and XLSX are read, and the ending must fit the content; "
        "save .xls, macro and password-protected files as .xlsx or CSV",
    )


def _whole(zh: str, en: str, line: int = 0) -> BadTable:
    return BadTable([Problem(line, "", zh, en)])


def _assemble(name: str, lines: Iterator[_Line]) -> Table:
    heading = next(lines, None)
    if heading is None:
        raise _whole("文件里没有任何内容", "nothing is written in the file")
    line, header, amiss = heading
    if len(header) > MAX_COLUMNS:
        raise _whole(
            f"表头超过{MAX_COLUMNS}列", f"the heading has more than {MAX_COLUMNS} columns", line
        )
    problems = [Problem(line, header[i], *words) for i, words in amiss.items()]
    rows: list[Row] = []
    for line_number, cells, wrong in lines:
        if len(rows) == MAX_ROWS:
            problems.append(
                Problem(
                    line_number,
                    "",
                    f"数据超过{MAX_ROWS}行,请拆分后导入",
                    f"more than {MAX_ROWS} rows; split the file",
                )
            )
            break
        problems += [
            Problem(line_number, header[i] if i < len(header) else "", *words)
            for i, words in sorted(wrong.items())
        ]
        if len(cells) > len(header):
            problems.append(
                Problem(
                    line_number,
                    "",
                    f"本行有{len(cells)}列,表头只有{len(header)}列",
                    f"{len(cells)} cells under {len(header)} headings",
                )
            )
        rows.append(Row(line_number, (*cells, *[""] * (len(header) - len(cells)))))
    if not rows:
        problems.append(Problem(line, "", "只有表头,没有数据", "a heading, but no rows"))
    if problems:
        raise BadTable(problems)
    return Table(name, line, tuple(header), tuple(rows))


def _line(number: int, texts: Iterable[str], amiss: dict[int, tuple[str, str]]) -> _Line | None:
    """Trim a line; None if nothing is left of it."""
    cells = [text.strip(_BLANKS) for text in texts]
    while cells and not cells[-1] and len(cells) - 1 not in amiss:
        cells.pop()
    for i, cell in enumerate(cells):
        if len(cell) > MAX_CELL_CHARS:
            cells[i] = cell[:MAX_CELL_CHARS]
            amiss[i] = (
                f"单元格超过{MAX_CELL_CHARS}个字符",
                f"a cell longer than {MAX_CELL_CHARS} characters",
            )
        elif "\ufffd" in cell:
            amiss[i] = (
                "含有乱码字符(先前转码时已丢失),请从原文件重新导出",
                "a character was lost in an earlier conversion; export the original again",
            )
    return (number, cells, amiss) if cells else None


# ---- text ----


def _text_lines(data: bytes) -> Iterator[_Line]:
    text = _decoded(data)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    begins = 1
    try:
        for cells in reader:
            line = _line(begins, cells, {})
            begins = reader.line_num + 1  # a quoted cell may run over several lines
            if line is not None:
                yield line
    except csv.Error as error:
        raise _whole(
            "引号不配对或单元格过长,无法读取此行及以后的内容",
            f"the quotation marks do not match from here on ({error})",
            begins,
        ) from error


def _decoded(data: bytes) -> str:
    if data.startswith(_UTF16):
        raise _whole(
            "文件是UTF-16编码,请另存为“CSV UTF-8”", "the file is UTF-16; save it as CSV UTF-8"
        )
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if all(char >= " " or char in "\t\r\n" for char in text):
            return text
    raise _whole(
        "文件不是UTF-8或GBK(GB18030)编码的文本,请另存为“CSV UTF-8”",
        "the file is no text in UTF-8 or GBK (GB18030); save it as CSV UTF-8",
    )


def _delimiter(text: str) -> str:
    """The separator used most in the first line with content; a comma, if there is none."""
    first = next((line for line in text.splitlines() if line.strip(_BLANKS + ",;")), "")
    outside = "".join(first.split('"')[::2])
    return max(",\t;", key=outside.count)


# ---- XLSX ----


def _sheet_lines(data: bytes, *, dates: bool) -> Iterator[_Line]:
    _check_archive(data)
    # Eagerly, so that whatever the XML leads openpyxl to raise is caught in one place.
    try:
        lines, others = _open_sheet(data, dates=dates)
    except Exception as error:
        raise _whole(
            "XLSX文件已损坏,请用办公软件打开后另存",
            f"the XLSX file is damaged ({type(error).__name__}); open it and save it again",
        ) from error
    if others:
        raise _whole(
            f"除第一张外,工作表“{'、'.join(others)}”也有内容;请只保留一张工作表",
            f"sheets beside the first hold content too: {', '.join(others)}; keep only one",
        )
    return iter(lines)


def _check_archive(data: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise _whole(
            "XLSX文件已损坏,请用办公软件打开后另存",
            f"the XLSX file is damaged ({error}); open it and save it again",
        ) from error
    if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED_BYTES:
        raise _whole(
            f"XLSX解压后超过{MAX_UNPACKED_BYTES // 1024 // 1024} MiB或部件过多,"
            "请删除多余内容或改用CSV",
            f"unpacked, the XLSX is larger than {MAX_UNPACKED_BYTES // 1024 // 1024} MiB or has "
            "too many parts; remove what is not needed, or use CSV",
        )
    if any("vbaproject" in part.filename.lower() for part in parts):
        raise _whole(
            "文件含有宏,不予读取;请另存为不含宏的.xlsx",
            "the file holds macros and is not read; save it as .xlsx without them",
        )


def _open_sheet(data: bytes, *, dates: bool) -> tuple[list[_Line], list[str]]:
    book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, keep_links=False)
    try:
        first, *others = cast("list[_Sheet]", book.worksheets)
        # One past the limit, so that being over it shows.
        lines = list(itertools.islice(_lines_of(first, dates=dates), MAX_ROWS + 2))
        filled = [sheet.title for sheet in others if any(_lines_of(sheet, dates=dates))]
    finally:
        book.close()
    return lines, filled


def _lines_of(sheet: _Sheet, *, dates: bool) -> Iterator[_Line]:
    sheet.reset_dimensions()  # what a file says of its own size may be wrong
    width = MAX_COLUMNS + 1  # one past the limit; what lies further right has no heading
    padding: tuple[_Cell, ...] | None = None
    for number, cells in enumerate(sheet.iter_rows(max_row=_EXCEL_ROWS, max_col=width), 1):
        # A lone cell at the bottom of a sheet is padded to with one and the same empty row, a
        # million times over.
        if cells is padding:
            continue
        line = _cell_line(number, cells, dates=dates)
        if line is None:
            padding = cells
        else:
            yield line


def _cell_line(number: int, cells: Iterable[_Cell], *, dates: bool) -> _Line | None:
    texts: list[str] = []
    amiss: dict[int, tuple[str, str]] = {}
    for i, cell in enumerate(cells):
        text, words = _cell_text(cell, dates=dates)
        texts.append(text)
        if words is not None:
            amiss[i] = words
    return _line(number, texts, amiss)


def _cell_text(cell: _Cell, *, dates: bool) -> tuple[str, tuple[str, str] | None]:
    value = cell.value
    kind = cell.data_type if isinstance(cell, ReadOnlyCell) else "n"
    if kind == "f":
        return "", ("单元格是公式,请粘贴为数值", "the cell is a formula; paste it as a value")
    if kind == "e":
        return "", (f"单元格是错误值{value}", f"the cell is an error: {value}")
    if isinstance(value, bool):
        return str(value).lower(), None
    if isinstance(value, int | float):
        return _number_text(value)
    if value is None or isinstance(value, str):
        return value or "", None
    if dates and isinstance(value, datetime) and value.time() == _MIDNIGHT:
        return value.date().isoformat(), None
    return "", (
        "单元格是日期或时间,请改为文本格式",
        "the cell is a date or time; format it as text",
    )


def _number_text(value: float) -> tuple[str, tuple[str, str] | None]:
    # Beyond 15 digits the last ones of an identity number have silently become zeros.
    if value != int(value) or abs(value) >= _EXACT_INTEGER:
        return "", (
            "单元格是数字格式,已丢失精度;请设为文本格式后重新输入",
            "the cell is a number and has lost digits; format it as text and type it again",
        )
    return str(int(value)), None
