"""The two centers of the first case, with synthetic rooms and people, and their project.

吉安 (host) and 长乐 (sub) evaluated 吉安县梅塘镇旧下至麻田双车道改造工程 together in 2023. Names
of centers and project are those of the press note; every person here is made up.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import openpyxl

from adapters.experts.synthetic import resident_id, synthetic_experts, to_csv, uscc

POOL_SIZE: Final = 600
SPECIALTIES: Final = ("A0803", "A0801")
"""What the project needs: taken from the list that the synthetic experts have."""
HEADINGS: Final = ("场地", "评标室", "席位", "类型", "设备", "隔夜")
EQUIPMENT: Final = "camera;desktop_feed;face_check"


@dataclass(frozen=True, slots=True)
class CenterWorld:
    """One center: who it is, what it owns, and what its people answer on the phone."""

    key: str
    name: str
    english: str
    region: str
    uscc: str
    venue: str
    seed: int
    encoding: str
    answers: tuple[str, ...]

    @property
    def experts(self) -> list[dict[str, str]]:
        """The register of experts, made up; the same every time."""
        return synthetic_experts(self.seed, POOL_SIZE, self.region, self.key.upper()[:2])

    def experts_file(self) -> tuple[str, bytes]:
        """The register as the library exports it: name and bytes (GBK is common)."""
        return f"experts-{self.key}.csv", to_csv(self.experts, self.encoding)

    def venues_file(self) -> tuple[str, bytes]:
        """The rooms and seats: CSV at one center, XLSX at the other."""
        rows = [
            (self.venue, f"评标室{room}", f"{room}-{seat:02d}", "席位", EQUIPMENT, "是")
            for room in (1, 2)
            for seat in range(1, 9)
        ]
        if self.encoding == "utf-8":
            book = openpyxl.Workbook()
            sheet = book.active
            assert sheet is not None, "a new workbook has a sheet"
            for line in (HEADINGS, *rows):
                sheet.append(line)
            content = io.BytesIO()
            book.save(content)
            return f"venues-{self.key}.xlsx", content.getvalue()
        text = io.StringIO()
        csv.writer(text).writerows((HEADINGS, *rows))
        return f"venues-{self.key}.csv", text.getvalue().encode(self.encoding)


JIAN: Final = CenterWorld(
    key="jian",
    name="吉安市公共资源交易吉安分中心",
    english="Ji'an",
    region="360821",
    uscc=uscc("360821", 30001001),
    venue="吉安分中心评标区",
    seed=360821,
    encoding="gb18030",
    answers=("attend", "decline"),
)
CHANGLE: Final = CenterWorld(
    key="changle",
    name="长乐区公共资源交易服务中心",
    english="Changle",
    region="350112",
    uscc=uscc("350112", 30001002),
    venue="长乐中心评标区",
    seed=350112,
    encoding="utf-8",
    answers=("no_answer", "attend"),
)

REPRESENTATIVES: Final = (
    ("梅业主", resident_id("360821", date(1975, 3, 14), 101)),
    ("唐代表", resident_id("360821", date(1982, 9, 30), 102)),
)


def project(start_ms: int, hours: int) -> dict[str, Any]:
    """The project as the agency enters it."""
    return {
        "code": "E3608210319004627001",
        "name": "吉安县梅塘镇旧下至麻田双车道改造工程",
        "kind": "A",
        "region": "360821",
        "tenderee": {"name": "吉安县梅塘镇人民政府", "uscc": uscc("360821", 30002001)},
        "agency": {"name": "吉安诚信招标代理有限公司", "uscc": uscc("360821", 30002002)},
        "bid_deadline_ms": start_ms - 1_000,
        "start_ms": start_ms,
        "end_ms": start_ms + hours * 3_600_000,
        "lots": [
            {
                "code": "E3608210319004627001001",
                "name": "吉安县梅塘镇旧下至麻田双车道改造工程施工",
            }
        ],
        "representatives": [
            {"name": name, "id_number": number} for name, number in REPRESENTATIVES
        ],
    }


def plan(start_ms: int, end_ms: int, sub: str) -> dict[str, Any]:
    """What the agency asks for: 7 = 2 representatives + 2 host experts + 3 sub experts."""
    return {
        "start_ms": start_ms,
        "end_ms": end_ms,
        "host_seats": 4,
        "representatives": 2,
        "host_experts": [{"specialty": SPECIALTIES[0], "count": 2}],
        "subs": [
            {
                "seats": 3,
                "equipment": EQUIPMENT.split(";"),
                "overnight": True,
                "experts": [
                    {"specialty": SPECIALTIES[0], "count": 2},
                    {"specialty": SPECIALTIES[1], "count": 1},
                ],
            }
        ],
        "mode": "CHOSEN",
        "chosen": [sub],
    }


def by_phone(experts: Sequence[Mapping[str, str]]) -> dict[str, Mapping[str, str]]:
    """The made-up people by telephone number."""
    return {expert["手机"]: expert for expert in experts}
