"""What the node needs of the expert library: its export, as bytes, and how to read them.

The export is handed on unparsed: the same importer in the node reads it whether it came from
here or was uploaded by hand, and reports every bad row with its number.

The export is CSV (RFC 4180), header first, columns ``COLUMNS``:

==================  ====================================================================
编号                the library's number of the expert, unique, opaque
姓名                name
身份证号            resident ID, GB 11643
手机                mobile telephone
工作单位            employer; 统一社会信用代码 its USCC (GB 32100), for recusal
专业                specialty codes, separated by ``;``
状态                ``在库`` available, ``请假`` on leave, ``暂停`` suspended
==================  ====================================================================

REST API, to be implemented by the library or a thin layer before it. ``Authorization: Bearer``.

``GET /health`` → 200 ``{"status": "ok"}``

``GET /experts/export`` → 200 with ``Content-Type: text/csv; charset=utf-8`` (a byte order mark
    is allowed) or ``charset=gb18030``: the whole library as of now, at most ``EXPORT_BYTES_MAX``.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from adapters.outside import Outside

COLUMNS: Final = (
    "编号",
    "姓名",
    "身份证号",
    "手机",
    "工作单位",
    "统一社会信用代码",
    "专业",
    "状态",
)

SPECIALTY_SEPARATOR: Final = ";"

EXPORT_BYTES_MAX: Final = 64 * 1024 * 1024
"""A province has up to some 100,000 experts of about 150 bytes each: 15 MB, with room to spare."""


class ExpertStatus(StrEnum):
    """The values of 状态."""

    AVAILABLE = "在库"
    LEAVE = "请假"
    SUSPENDED = "暂停"


class ExportFormat(StrEnum):
    """How to read an export. Both are CSV."""

    CSV_UTF8 = "csv-utf-8"
    CSV_GB18030 = "csv-gb18030"

    @property
    def encoding(self) -> str:
        """The Python codec; the one for UTF-8 drops a byte order mark if there is one."""
        return "utf-8-sig" if self is ExportFormat.CSV_UTF8 else "gb18030"


@dataclass(frozen=True, slots=True)
class Export:
    """The library as of now.

    Attributes:
        content: The file, unparsed, never empty.
        format: How to read it.
    """

    content: bytes
    format: ExportFormat


class ExpertLibrary(Outside, Protocol):
    """The expert library this center draws from."""

    async def fetch(self) -> Export:
        """The whole library as of now; has no effect there.

        Raises:
            Rejected: The library refuses, or gives something else than the export.
            Unreachable: No answer; fetch again later.
        """
        ...
