"""The centers of two cases, with synthetic rooms and people, and their projects.

吉安 (host) and 长乐 (sub) evaluated 吉安县梅塘镇旧下至麻田双车道改造工程 together in 2023. Names
of centers and project are those of the press note. 济阳 (host), 宿州 and 南阳, of three
provinces, evaluated together in 2026, with nine members of whom 宿州 gave three and 南阳 two; that
project's name is made up, as is every person here.
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
HOST_EXPERTS: Final = 2
HEADINGS: Final = ("场地", "评标室", "席位", "类型", "设备", "隔夜")
EQUIPMENT: Final = "camera;desktop_feed;face_check"


@dataclass(frozen=True, slots=True)
class CenterWorld:
    """One center: who it is, what it owns, and what its people answer on the phone."""

    key: str
    name: str
    short: str
    english: str
    region: str
    uscc: str
    venue: str
    seed: int
    encoding: str
    answers: tuple[str, ...]
    role: str = "center"

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
    short="吉安",
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
    short="长乐",
    english="Changle",
    region="350112",
    uscc=uscc("350112", 30001002),
    venue="长乐中心评标区",
    seed=350112,
    encoding="utf-8",
    answers=("no_answer", "attend"),
)

JIYANG: Final = CenterWorld(
    key="jiyang",
    name="济南市公共资源交易中心济阳分中心",
    short="济阳",
    english="Jiyang",
    region="370115",
    uscc=uscc("370115", 30001003),
    venue="济阳分中心评标区",
    seed=370115,
    encoding="gb18030",
    answers=("attend", "decline"),
)
SUZHOU: Final = CenterWorld(
    key="suzhou",
    name="宿州市公共资源交易中心",
    short="宿州",
    english="Suzhou",
    region="341300",
    uscc=uscc("341300", 30001004),
    venue="宿州中心评标区",
    seed=341300,
    encoding="utf-8",
    answers=("no_answer", "attend"),
)
NANYANG: Final = CenterWorld(
    key="nanyang",
    name="南阳市公共资源交易中心",
    short="南阳",
    english="Nanyang",
    region="411300",
    uscc=uscc("411300", 30001005),
    venue="南阳中心评标区",
    seed=411300,
    encoding="gb18030",
    answers=("attend",),
)


REGULATOR: Final = CenterWorld(
    key="regulator",
    name="公共资源交易监督部门(演示)",
    short="监管",
    english="the regulator",
    region="360000",
    uscc=uscc("360000", 30001006),
    venue="",
    seed=360000,
    encoding="utf-8",
    answers=(),
    role="regulator",
)
"""A third node beside the centers of a case: it has neither rooms nor experts."""
OFFICERS: Final = ("officer-zhao", "officer-qian")
"""Two of its people."""


@dataclass(frozen=True, slots=True)
class Phrases:
    """How the story speaks of all centers; each as (Chinese, English)."""

    centers: tuple[str, str]
    staff: tuple[str, str]
    sides: tuple[str, str]
    sealing: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Case:
    """One evaluation: who takes part, and what is evaluated.

    Args:
        centers: The host, then its subs.
        needs: By sub, how many experts of each of ``SPECIALTIES``.
        code: The project's code; its lot has three digits more.
        project: Its name.
        tenderee: Name of who invites bids.
        agency: Name of the agency.
        competent: Names of the project's competent department and administrative supervision.
        representatives: (name, identity number) of those who sit at the host.
        phrases: How the story speaks of them.
    """

    centers: tuple[CenterWorld, ...]
    needs: tuple[tuple[int, int], ...]
    code: str
    project: str
    tenderee: str
    agency: str
    competent: tuple[str, ...]
    representatives: tuple[tuple[str, str], ...]
    phrases: Phrases

    @property
    def subs(self) -> tuple[CenterWorld, ...]:
        """All but the host."""
        return self.centers[1:]

    @property
    def members(self) -> int:
        """How many the committee will have."""
        return len(self.representatives) + HOST_EXPERTS + sum(map(sum, self.needs))

    @property
    def replaced(self) -> int:
        """How many of those called will not come and are replaced."""
        return sum(answer != "attend" for center in self.centers for answer in center.answers)

    def project_body(self, start_ms: int, hours: int) -> dict[str, Any]:
        """The project as the agency enters it."""
        region = self.centers[0].region
        return {
            "code": self.code,
            "name": self.project,
            "kind": "A",
            "region": region,
            "tenderee": {"name": self.tenderee, "uscc": uscc(region, 30002001)},
            "agency": {"name": self.agency, "uscc": uscc(region, 30002002)},
            "competent": [
                {"name": name, "uscc": uscc(region, 30002003 + number)}
                for number, name in enumerate(self.competent)
            ],
            "bid_deadline_ms": start_ms - 1_000,
            "start_ms": start_ms,
            "end_ms": start_ms + hours * 3_600_000,
            "lots": [{"code": f"{self.code}001", "name": f"{self.project}施工"}],
            "representatives": [
                {"name": name, "id_number": number} for name, number in self.representatives
            ],
        }

    def plan_body(self, start_ms: int, end_ms: int, subs: Sequence[str]) -> dict[str, Any]:
        """What the agency asks for, with the subs' center ids."""
        return {
            "start_ms": start_ms,
            "end_ms": end_ms,
            "host_seats": len(self.representatives) + HOST_EXPERTS,
            "representatives": len(self.representatives),
            "host_experts": [{"specialty": SPECIALTIES[0], "count": HOST_EXPERTS}],
            "subs": [
                {
                    "seats": sum(counts),
                    "equipment": EQUIPMENT.split(";"),
                    "overnight": True,
                    "experts": [
                        {"specialty": name, "count": count}
                        for name, count in zip(SPECIALTIES, counts, strict=True)
                    ],
                }
                for counts in self.needs
            ],
            "mode": "CHOSEN",
            "chosen": list(subs),
        }


TWO_CENTERS: Final = Case(
    centers=(JIAN, CHANGLE),
    needs=((2, 1),),
    code="E3608210319004627001",
    project="吉安县梅塘镇旧下至麻田双车道改造工程",
    tenderee="吉安县梅塘镇人民政府",
    agency="吉安诚信招标代理有限公司",
    competent=("吉安县交通运输局", "吉安县发展和改革委员会"),
    representatives=(
        ("梅业主", resident_id("360821", date(1975, 3, 14), 101)),
        ("唐代表", resident_id("360821", date(1982, 9, 30), 102)),
    ),
    phrases=Phrases(
        centers=("两个中心", "both centers"),
        staff=("两中心", "either center"),
        sides=("双方", "both centers"),
        sealing=("双方互为封存方", "each center seals the other's draw"),
    ),
)
"""7 = 2 representatives + 2 host experts + 3 of 长乐."""

THREE_PROVINCES: Final = Case(
    centers=(JIYANG, SUZHOU, NANYANG),
    needs=((2, 1), (1, 1)),
    code="E3701150319004628001",
    project="济阳区乡镇供水管网改造工程(演示)",
    tenderee="济阳区城乡水务局",
    agency="济南诚信招标代理有限公司",
    competent=("济阳区城乡建设局",),
    representatives=(
        ("济业主", resident_id("370115", date(1974, 5, 6), 103)),
        ("阳代表", resident_id("370115", date(1983, 2, 1), 104)),
    ),
    phrases=Phrases(
        centers=("三个中心", "all three centers"),
        staff=("三中心", "any center"),
        sides=("三方", "all three centers"),
        sealing=("主场与副场互为封存方", "host and subs seal each other's draws"),
    ),
)
"""9 = 2 representatives + 2 host experts + 3 of 宿州 + 2 of 南阳."""

CASES: Final = {2: TWO_CENTERS, 3: THREE_PROVINCES}
"""By the number of centers; the two of the first case are of two provinces, too."""


def by_phone(experts: Sequence[Mapping[str, str]]) -> dict[str, Mapping[str, str]]:
    """The made-up people by telephone number."""
    return {expert["手机"]: expert for expert in experts}
