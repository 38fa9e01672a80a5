"""Registers of experts and catalogues of seats, imported from a center's own tables.

Here: which headings are known (Chinese and English), what each column must hold, and checking
every row, so that one upload tells *everything* there is to mend. A table is taken whole or
not at all: the functions return all rows or raise ``BadTable``. An unknown heading is refused
too, because a misspelt 状态 would quietly turn suspended experts into active ones.

How bytes become a ``Table`` is ``node.domain.sheet``, whose names are offered here as well.
Not here: the store.
"""

import re
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final, TypeVar

from node.domain import codes, venue
from node.domain.expert import (
    Expert,
    ExpertStatus,
    check_specialties,
    employer_name,
    mobile,
    person_name,
    registry_number,
)
from node.domain.refusal import Inadmissible
from node.domain.sheet import BadTable, Problem, Row, Table, read_table
from node.domain.venue import SeatKind

__all__ = [
    "BadTable",
    "Problem",
    "Reading",
    "Row",
    "SeatRow",
    "Table",
    "experts_from",
    "read_table",
    "seats_from",
]

_T = TypeVar("_T")
_Headings = Mapping[str, tuple[str, ...]]

# Column -> the headings it goes by; the first is what we call it when it is missing.
EXPERT_HEADINGS: Final[_Headings] = {
    "uid": ("编号", "专家编号", "uid"),
    "name": ("姓名", "name"),
    "id_number": ("身份证号", "身份证号码", "公民身份号码", "id_number"),
    "phone": ("手机", "手机号", "手机号码", "联系电话", "phone"),
    "employer": ("工作单位", "单位", "employer"),
    "employer_uscc": ("统一社会信用代码", "单位统一社会信用代码", "employer_uscc"),
    "specialties": ("专业", "评标专业", "专业代码", "specialties"),
    "status": ("状态", "status"),
}
SEAT_HEADINGS: Final[_Headings] = {
    "venue": ("场地", "venue"),
    "room": ("评标室", "room"),
    "seat": ("席位", "机位", "工位", "seat"),
    "kind": ("类型", "席位类型", "kind"),
    "equipment": ("设备", "equipment"),
    "overnight": ("隔夜", "隔夜评标", "overnight"),
}
_OPTIONAL: Final = frozenset({"status", "kind", "equipment", "overnight"})
# Columns people add for themselves; they are passed over.
_PASSED_OVER: Final = frozenset({"序号", "备注", "no", "no.", "remark", "remarks"})

_STATUS: Final = {
    "": ExpertStatus.ACTIVE,
    "正常": ExpertStatus.ACTIVE,
    "在库": ExpertStatus.ACTIVE,
    "active": ExpertStatus.ACTIVE,
    "请假": ExpertStatus.LEAVE,
    "leave": ExpertStatus.LEAVE,
    "暂停": ExpertStatus.SUSPENDED,
    "suspended": ExpertStatus.SUSPENDED,
}
_KIND: Final = {
    "": SeatKind.WORKSTATION,
    "工位": SeatKind.WORKSTATION,
    "机位": SeatKind.WORKSTATION,
    "席位": SeatKind.WORKSTATION,
    "workstation": SeatKind.WORKSTATION,
    "评标舱": SeatKind.BOOTH,
    "舱": SeatKind.BOOTH,
    "booth": SeatKind.BOOTH,
}
_YES_NO: Final = {
    "": False,
    **dict.fromkeys(("否", "无", "不支持", "no", "n", "false", "0"), False),
    **dict.fromkeys(("是", "有", "支持", "yes", "y", "true", "1"), True),
}
_EQUIPMENT: Final = {
    "摄像头": "camera",
    "桌面监控": "desktop_feed",
    "人脸识别": "face_check",
    "音视频": "av",
}
_LIST: Final = re.compile(r"[;；、,，|\s]+")


@dataclass(frozen=True, slots=True)
class SeatRow:
    """One seat of the catalogue, with the room and venue it stands in, by name.

    ``overnight`` is the room's: all rows of one room agree on it. ``line`` is the file's.
    """

    line: int
    venue: str
    room: str
    seat: str
    kind: SeatKind
    equipment: frozenset[str]
    overnight: bool


def experts_from(table: Table) -> list[Expert]:
    """The experts of a register, in the table's order.

    Raises:
        BadTable: Any heading missing, unknown or double; any cell that breaks a rule; a
            registry or identity number used twice. Nothing is to be imported then.
    """
    reading = Reading(table, EXPERT_HEADINGS)
    for row in table.rows:
        reading.check(row, _EXPERT_RULES)
        reading.once(row, ("uid",))
        reading.once(row, ("id_number",))
    reading.finish()
    return [
        Expert(
            uid=registry_number(reading.text(row, "uid")),
            name=person_name(reading.text(row, "name")),
            id_number=codes.resident_id(reading.text(row, "id_number")),
            phone=mobile(reading.text(row, "phone")),
            employer=employer_name(reading.text(row, "employer")),
            employer_uscc=codes.uscc(reading.text(row, "employer_uscc")),
            specialties=_specialties(reading.text(row, "specialties")),
            status=_status(reading.text(row, "status")),
        )
        for row in table.rows
    ]


def seats_from(table: Table) -> list[SeatRow]:
    """The seats of a catalogue, in the table's order.

    Raises:
        BadTable: Any heading missing, unknown or double; any cell that breaks a rule; a seat
            listed twice; rows of one room that disagree on staying overnight. Nothing is to
            be imported then.
    """
    reading = Reading(table, SEAT_HEADINGS)
    rooms: dict[tuple[str, str], tuple[int, object]] = {}
    for row in table.rows:
        values = reading.check(row, _SEAT_RULES)
        reading.once(row, ("venue", "room", "seat"))
        room = reading.text(row, "venue"), reading.text(row, "room")
        overnight = values.get("overnight")
        line, before = rooms.setdefault(room, (row.line, overnight))
        if overnight is not None and overnight != before:
            reading.problem(
                row,
                "overnight",
                f"同一评标室的隔夜条件与第{line}行不一致",
                f"line {line} says otherwise of the same room",
            )
    reading.finish()
    return [
        SeatRow(
            line=row.line,
            venue=reading.text(row, "venue"),
            room=reading.text(row, "room"),
            seat=reading.text(row, "seat"),
            kind=_kind(reading.text(row, "kind")),
            equipment=_equipment(reading.text(row, "equipment")),
            overnight=_overnight(reading.text(row, "overnight")),
        )
        for row in table.rows
    ]


class Reading:
    """One table being read: where its columns are, and the problems found so far."""

    def __init__(
        self, table: Table, headings: _Headings, optional: AbstractSet[str] = _OPTIONAL
    ) -> None:
        self._table = table
        self._optional = optional
        self._problems: list[Problem] = []
        self._seen: dict[tuple[tuple[str, ...], tuple[str, ...]], int] = {}
        self._columns = self._find_columns(headings)

    def text(self, row: Row, column: str) -> str:
        """A cell's text; "" if the table has no such column."""
        index = self._columns.get(column)
        return "" if index is None else row.cells[index]

    def check(self, row: Row, rules: Mapping[str, Callable[[str], object]]) -> dict[str, object]:
        """Parse every cell of a row, note what breaks a rule, and return the rest."""
        values: dict[str, object] = {}
        for column, parse in rules.items():
            # A heading that is missing has been noted, once for all rows.
            if column in self._columns:
                try:
                    values[column] = parse(self.text(row, column))
                except Inadmissible as error:
                    self.problem(row, column, error.zh, error.en)
        return values

    def once(self, row: Row, columns: tuple[str, ...]) -> None:
        """Note a problem if these cells together were already seen in another row."""
        texts = tuple(self.text(row, column).upper() for column in columns)
        if not all(texts):
            return
        first = self._seen.setdefault((columns, texts), row.line)
        if first != row.line:
            self.problem(row, columns[-1], f"与第{first}行重复", f"the same as in line {first}")

    def problem(self, row: Row, column: str, zh: str, en: str) -> None:
        """Note a problem in one cell."""
        heading = self._table.header[self._columns[column]]
        self._problems.append(Problem(row.line, heading, zh, en))

    def finish(self) -> None:
        """Raise what was found, if anything was."""
        if self._problems:
            raise BadTable(self._problems)

    def _find_columns(self, headings: _Headings) -> dict[str, int]:
        known = {_plain(alias): column for column, names in headings.items() for alias in names}
        columns: dict[str, int] = {}
        for index, heading in enumerate(self._table.header):
            plain = _plain(heading)
            column = known.get(plain)
            if column in columns:
                self._heading(heading, "此列重复,请只保留一列", "this column appears twice")
            elif column is not None:
                columns[column] = index
            elif plain not in _PASSED_OVER and (plain or self._used(index)):
                names = [f"{aliases[0]}({column})" for column, aliases in headings.items()]
                self._heading(
                    heading,
                    f"不认识的表头“{heading}”,可用:{'、'.join(names)}、备注",
                    f"unknown heading {heading!r}; known are {', '.join(headings)}, remarks",
                )
        for column, aliases in headings.items():
            if column not in columns and column not in self._optional:
                self._heading(aliases[0], f"缺少“{aliases[0]}”列", f"column {column!r} is missing")
        return columns

    def _used(self, index: int) -> bool:
        return any(row.cells[index] for row in self._table.rows)

    def _heading(self, heading: str, zh: str, en: str) -> None:
        self._problems.append(Problem(self._table.line, heading, zh, en))


def _plain(heading: str) -> str:
    """A heading without what people decorate it with: blanks, case, an asterisk."""
    return re.sub(r"[\s*_]", "", heading).casefold()


def _words(text: str) -> list[str]:
    return [word for word in _LIST.split(text) if word]


def _specialties(text: str) -> tuple[codes.Specialty, ...]:
    found = tuple(codes.specialty(word) for word in _words(text))
    check_specialties(found)
    return found


def _equipment(text: str) -> frozenset[str]:
    words = frozenset(venue.capability(_EQUIPMENT.get(word, word)) for word in _words(text))
    if venue.OVERNIGHT in words:
        raise Inadmissible(
            "隔夜评标请填在“隔夜”列", "staying overnight belongs in the column 'overnight'"
        )
    return words


def _place(text: str) -> str:
    venue.check_name(text)
    return text


def _seat(text: str) -> str:
    venue.check_id(text)
    return text


def _one_of(words: Mapping[str, _T], text: str) -> _T:
    found = words.get(text.casefold())
    if found is None:
        known = [word for word in words if word]
        raise Inadmissible(
            f"“{text[:32]}”无法识别,可填:{'、'.join(known)}",
            f"{text[:32]!r} is not one of {', '.join(known)}",
        )
    return found


def _status(text: str) -> ExpertStatus:
    return _one_of(_STATUS, text)


def _kind(text: str) -> SeatKind:
    return _one_of(_KIND, text)


def _overnight(text: str) -> bool:
    return _one_of(_YES_NO, text)


_EXPERT_RULES: Final[Mapping[str, Callable[[str], object]]] = {
    "uid": registry_number,
    "name": person_name,
    "id_number": codes.resident_id,
    "phone": mobile,
    "employer": employer_name,
    "employer_uscc": codes.uscc,
    "specialties": _specialties,
    "status": _status,
}
_SEAT_RULES: Final[Mapping[str, Callable[[str], object]]] = {
    "venue": _place,
    "room": _place,
    "seat": _seat,
    "kind": _kind,
    "equipment": _equipment,
    "overnight": _overnight,
}
