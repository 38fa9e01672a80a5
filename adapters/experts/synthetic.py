"""Experts who do not exist, with identifiers that pass every check, the same for the same seed.

What is made up here must look right to the importer and must not reach a real person: telephone
numbers begin with 154, which is assigned to no operator, and employers are invented. Check
digits are computed here and not taken from the node, so that each checks the other.
"""

import csv
import datetime as dt
import io
import random
from collections.abc import Iterable, Mapping
from typing import Final

from adapters.experts.port import COLUMNS, SPECIALTY_SEPARATOR, ExpertStatus

SPECIALTIES: Final = (
    "A0301",
    "A0302",
    "A0401",
    "A0405",
    "A0501",
    "A0506",
    "A0601",
    "A0801",
    "A0802",
    "A0803",
    "A0804",
    "B0107",
    "C0205",
)
"""Two levels in the form of 发改法规〔2018〕316号: A works, B goods, C services."""

LEAVE_SHARE: Final = 0.05

COUNT_MAX: Final = 100_000
"""The largest provincial libraries; the unassigned telephone numbers suffice many times over."""

_EXPERTS_PER_EMPLOYER: Final = 6
_REGION_DIGITS: Final = 6
_BORN_FROM: Final = dt.date(1956, 1, 1)
_BORN_DAYS: Final = 12_000
"""To late 1988: experts have eight years in their profession and retire from the pool at 70."""

_SURNAMES: Final = tuple(
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾萧田董潘袁蔡蒋余叶"
)
_GIVEN: Final = tuple(
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超霞平刚桂英华建文志国红春生玉兰海燕宏峰佳宁思远嘉"
)
_SECOND: Final = ("", *tuple("华平军明文强玲峰宇辉琳杰斌鹏慧晨云波"))

_EMPLOYER_NAMES: Final = (
    "晨曦",
    "远山",
    "江岸",
    "恒筑",
    "正衡",
    "明远",
    "启承",
    "中岳",
    "天成",
    "宏图",
    "博建",
    "瑞丰",
)
_EMPLOYER_KINDS: Final = (
    "建筑设计院",
    "工程咨询有限公司",
    "勘察设计有限公司",
    "建设监理有限公司",
    "造价咨询事务所",
    "建工集团有限公司",
)

_ID_CHECK: Final = "10X98765432"
_USCC_ALPHABET: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_ORGANISATION_WEIGHTS: Final = (3, 7, 9, 10, 5, 8, 4, 2)


def synthetic_experts(seed: int, count: int, region: str, prefix: str) -> list[dict[str, str]]:
    """Make ``count`` experts, all different in number, ID and telephone.

    Args:
        seed: The same arguments give the same experts.
        count: 1 to ``COUNT_MAX``.
        region: Six digits (GB/T 2260), for resident IDs and USCCs.
        prefix: Begins every 编号, for instance the library's region letters.

    Returns:
        One mapping per expert with the keys ``COLUMNS``.

    Raises:
        ValueError: ``count`` or ``region`` is out of bounds.
    """
    if not 0 < count <= COUNT_MAX:
        raise ValueError(f"between 1 and {COUNT_MAX} experts can be made up, not {count}")
    if len(region) != _REGION_DIGITS or not (region.isascii() and region.isdigit()):
        raise ValueError(f"a region has {_REGION_DIGITS} digits (GB/T 2260), not {region!r}")
    # No secret is made here; the point is that it can be foretold.
    dice = random.Random(f"{seed}/{region}/{prefix}")  # noqa: S311
    employers = _employers(dice, max(3, count // _EXPERTS_PER_EMPLOYER), region)
    phones = dice.sample(range(10**8), count)
    id_numbers = _id_numbers(dice, count, region)
    return [
        _expert(dice, f"{prefix}{number:06d}", id_number, f"154{phone:08d}", dice.choice(employers))
        for number, (id_number, phone) in enumerate(zip(id_numbers, phones, strict=True), start=1)
    ]


def to_csv(rows: Iterable[Mapping[str, str]], encoding: str) -> bytes:
    """The export file of ``rows``: header, CRLF line ends, in ``encoding`` (a Python codec)."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode(encoding)


def resident_id(region: str, born: dt.date, order: int) -> str:
    """A resident ID (GB 11643): region, birth date, ``order`` 0–999, check character."""
    body = f"{region}{born:%Y%m%d}{order:03d}"
    total = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(body))
    return body + _ID_CHECK[total % 11]


def uscc(region: str, organisation: int) -> str:
    """An enterprise's USCC (GB 32100, authority 9 type 1) over an eight-digit organisation code."""
    code = f"{organisation:08d}"
    weighted = sum(
        int(digit) * weight for digit, weight in zip(code, _ORGANISATION_WEIGHTS, strict=True)
    )
    # GB 11714: 11 − r, written X for 10 and 0 for 11.
    body = f"91{region}{code}" + "0123456789X0"[11 - weighted % 11]
    total = sum(
        _USCC_ALPHABET.index(character) * pow(3, place, 31) for place, character in enumerate(body)
    )
    return body + _USCC_ALPHABET[-total % 31]


def _expert(
    dice: random.Random, number: str, id_number: str, phone: str, employer: tuple[str, str]
) -> dict[str, str]:
    name = dice.choice(_SURNAMES) + dice.choice(_GIVEN) + dice.choice(_SECOND)
    specialties = sorted(dice.sample(SPECIALTIES, dice.choices((1, 2, 3), (5, 4, 2))[0]))
    on_leave = dice.random() < LEAVE_SHARE
    status = ExpertStatus.LEAVE if on_leave else ExpertStatus.AVAILABLE
    return {
        "编号": number,
        "姓名": name,
        "身份证号": id_number,
        "手机": phone,
        "工作单位": employer[0],
        "统一社会信用代码": employer[1],
        "专业": SPECIALTY_SEPARATOR.join(specialties),
        "状态": status.value,
    }


def _employers(dice: random.Random, count: int, region: str) -> list[tuple[str, str]]:
    codes = dice.sample(range(10**7, 10**8), count)
    names = [f"{name}{kind}" for name in _EMPLOYER_NAMES for kind in _EMPLOYER_KINDS]
    dice.shuffle(names)
    return [
        # More employers than names: later ones are numbered, as branches are.
        (names[place % len(names)] + _branch(place // len(names)), uscc(region, code))
        for place, code in enumerate(codes)
    ]


def _branch(number: int) -> str:
    return f"第{number}分公司" if number else ""


def _id_numbers(dice: random.Random, count: int, region: str) -> list[str]:
    # Day of birth and order number in one, so that a sample without repetition has no twins.
    places = dice.sample(range(_BORN_DAYS * 1000), count)
    return [
        resident_id(region, _BORN_FROM + dt.timedelta(days=place // 1000), place % 1000)
        for place in places
    ]
