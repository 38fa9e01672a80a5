"""The numbers by which China knows organisations, persons, trades, regions and lots.

Here: parsing them once, so that ever after a ``Uscc`` or a ``Specialty`` is known to be one.
Strict where a national standard has a check character, lenient where published systems carry
codes of their own (free lot codes, seven-digit regions): such a code is kept as it came, and
its parts are read only when it follows the standard. Not here: whether an organisation or a
person exists; no check character can tell.

No message repeats an identity number: messages end up in logs, and a person's number in a log
is a leak.
"""

import re
from dataclasses import dataclass
from datetime import date
from typing import Final, NewType

from node.domain.refusal import Inadmissible

Uscc = NewType("Uscc", str)
ResidentId = NewType("ResidentId", str)
Specialty = NewType("Specialty", str)
RegionCode = NewType("RegionCode", str)
ProjectCode = NewType("ProjectCode", str)
LotCode = NewType("LotCode", str)

# GB 32100-2015: no I, O, S, V, Z, which are easily misread. Weights are 3^i mod 31.
USCC_ALPHABET: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_WEIGHTS: Final = tuple(pow(3, i, 31) for i in range(17))
_USCC: Final = re.compile(f"[{USCC_ALPHABET}]{{2}}[0-9]{{6}}[{USCC_ALPHABET}]{{10}}")

# GB 11714-1997, which GB 32100 embeds as characters 9 to 17; letters count from A = 10.
_ORGANISATION_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ORGANISATION_WEIGHTS: Final = (3, 7, 9, 10, 5, 8, 4, 2)
_ORGANISATION_CHECKS: Final = "0123456789X"

# GB 11643-1999 (ISO 7064 MOD 11-2): weights are 2^(17-i) mod 11.
_RESIDENT_WEIGHTS: Final = tuple(pow(2, 17 - i, 11) for i in range(17))
_RESIDENT_CHECKS: Final = "10X98765432"
_RESIDENT: Final = re.compile(r"[1-9][0-9]{16}[0-9X]")
EARLIEST_BIRTH_YEAR: Final = 1800  # the standard's own example was born in 1880

# The classification of 发改法规〔2018〕316号: a letter and up to three pairs of digits.
_SPECIALTY: Final = re.compile(r"[A-E]([0-9]{2}){1,3}")

# GB/T 2260 has 6 digits; published systems accept more (Lanzhou New Area is 1000665).
_REGION: Final = re.compile(r"[0-9A-Za-z]{6,12}")
# GB/T 2260's provinces, municipalities, autonomous and special administrative regions.
_PROVINCE_RANGES: Final = (
    (11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 65), (71, 71), (81, 82)
)  # fmt: skip
PROVINCES: Final = frozenset(
    str(code) for first, last in _PROVINCE_RANGES for code in range(first, last + 1)
)

MAX_CODE_CHARS: Final = 255  # the widest lot-code column seen in a published trading system
# Platform (letter, 6 digits of region, 4 of serial), project 6, tender project 3, lot 3.
_STANDARD: Final = re.compile(r"([A-Z]([0-9]{6})[0-9]{4})([0-9]{6})(?:([0-9]{3})([0-9]{3})?)?")


def uscc(text: str) -> Uscc:
    """Parse a unified social credit code (统一社会信用代码, GB 32100-2015).

    Case and surrounding blanks are forgiven. Of the two checks inside, only the overall one
    (character 18) is enforced; see ``organisation_check_holds`` for the other.

    Raises:
        Inadmissible: Not 18 characters of the standard's alphabet, or the check fails.
    """
    code = text.strip().upper()
    if not _USCC.fullmatch(code):
        raise Inadmissible(
            "统一社会信用代码应为18位,第3至8位为数字,不含字母I、O、S、V、Z(GB 32100-2015)",
            "a USCC has 18 characters, digits in places 3 to 8, and no I, O, S, V or Z "
            "(GB 32100-2015)",
        )
    total = sum(w * USCC_ALPHABET.index(c) for w, c in zip(_USCC_WEIGHTS, code, strict=False))
    # The outer mod matters: without it a total divisible by 31 has no check character at all.
    if code[17] != USCC_ALPHABET[(31 - total % 31) % 31]:
        raise Inadmissible(
            "统一社会信用代码第18位校验码不符(GB 32100-2015),请核对是否录错",
            "the USCC's check character (18th) does not fit the rest (GB 32100-2015); "
            "look for a typing error",
        )
    return Uscc(code)


def organisation_check_holds(code: Uscc) -> bool:
    """Whether characters 9 to 17 are an organisation code with its own right check (GB 11714).

    Apart from ``uscc``, because codes with a wrong inner check have been issued and are valid.
    """
    body, check = code[8:16], code[16]
    total = sum(
        w * _ORGANISATION_ALPHABET.index(c)
        for w, c in zip(_ORGANISATION_WEIGHTS, body, strict=True)
    )
    return check == _ORGANISATION_CHECKS[(11 - total % 11) % 11]


def resident_id(text: str) -> ResidentId:
    """Parse a citizen identity number (公民身份号码, GB 11643-1999).

    A small ``x`` and surrounding blanks are forgiven.

    Raises:
        Inadmissible: Not 18 places, an impossible date of birth, or the check fails.
    """
    number = text.strip().upper()
    if not _RESIDENT.fullmatch(number):
        raise Inadmissible(
            "身份证号应为17位数字加1位数字或X(GB 11643-1999)",
            "an identity number has 17 digits and then a digit or X (GB 11643-1999)",
        )
    try:
        born = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        born = date.min
    if born.year < EARLIEST_BIRTH_YEAR:
        raise Inadmissible(
            "身份证号第7至14位不是有效的出生日期(GB 11643-1999)",
            "places 7 to 14 of the identity number are no date of birth (GB 11643-1999)",
        )
    total = sum(w * int(c) for w, c in zip(_RESIDENT_WEIGHTS, number, strict=False))
    if number[17] != _RESIDENT_CHECKS[total % 11]:
        raise Inadmissible(
            "身份证号第18位校验码不符(GB 11643-1999),请核对是否录错",
            "the identity number's check character (18th) does not fit the rest "
            "(GB 11643-1999); look for a typing error",
        )
    return ResidentId(number)


def birth_date(number: ResidentId) -> date:
    """The date of birth inside an identity number (places 7 to 14)."""
    return date(int(number[6:10]), int(number[10:12]), int(number[12:14]))


def specialty(text: str) -> Specialty:
    """Parse an expert specialty code such as ``A08`` or ``A080101`` (发改法规〔2018〕316号).

    Raises:
        Inadmissible: Not a letter A to E and one to three pairs of digits.
    """
    code = text.strip().upper()
    if not _SPECIALTY.fullmatch(code):
        raise Inadmissible(
            f"“{text.strip()[:32]}”不是专业代码:应为字母A至E加2、4或6位数字"
            "(公共资源交易评标专家专业分类标准,发改法规〔2018〕316号)",
            f"{text.strip()[:32]!r} is no specialty code: a letter A to E and 2, 4 or 6 digits "
            "(发改法规〔2018〕316号)",
        )
    return Specialty(code)


def qualifies(held: Specialty, asked: Specialty) -> bool:
    """Whether an expert of specialty ``held`` may sit where ``asked`` was asked for.

    The code is a tree: who holds ``A080101`` is an ``A08``, but not the other way round.
    """
    return held.startswith(asked)


def region_code(text: str) -> RegionCode:
    """Parse a region code: GB/T 2260's six digits, or the longer ones published systems use.

    Raises:
        Inadmissible: Not 6 to 12 letters and digits.
    """
    code = text.strip()
    if not _REGION.fullmatch(code):
        raise Inadmissible(
            "行政区划代码应为6至12位数字或字母(GB/T 2260及各地扩展)",
            "a region code has 6 to 12 digits or letters (GB/T 2260 and its local extensions)",
        )
    return RegionCode(code)


def province_of(region: RegionCode) -> str:
    """The province, as GB/T 2260's first two digits; what "cross-province" is decided by.

    Raises:
        Inadmissible: The code begins with no province's digits, as local extensions such as
            1000665 do; the province must then be recorded beside it.
    """
    if region[:2] not in PROVINCES:
        raise Inadmissible(
            f"行政区划代码{region}的前两位不是省级代码(GB/T 2260),请另行填写所属省份",
            f"region {region} does not begin with a province (GB/T 2260); record the province "
            "beside it",
        )
    return region[:2]


def project_code(text: str) -> ProjectCode:
    """Parse a project code: 17 or 20 places by the standard, or a system's own.

    Raises:
        Inadmissible: Empty, longer than 255 characters, or with characters nobody can see.
    """
    return ProjectCode(_opaque(text, "项目编号", "project code"))


def lot_code(text: str) -> LotCode:
    """Parse a lot code (标段编号): 23 places by the standard, or a system's own.

    Raises:
        Inadmissible: Empty, longer than 255 characters, or with characters nobody can see.
    """
    return LotCode(_opaque(text, "标段(包)编号", "lot code"))


@dataclass(frozen=True, slots=True)
class CodeParts:
    """What a project code (17), tender project code (20) or lot code (23 places) is made of.

    ``E3203010319004627001001`` is platform E3203010319 (of region 320301), project 004627,
    tender project 001, lot 001. ``tender_project`` and ``lot`` are "" in shorter codes.
    """

    platform: str
    region: str
    project: str
    tender_project: str
    lot: str


def code_parts(code: str) -> CodeParts | None:
    """Read a code's parts, or None if it is a system's own and has none we know."""
    found = _STANDARD.fullmatch(code)
    if found is None:
        return None
    platform, region, project, tender_project, lot = found.groups(default="")
    return CodeParts(platform, region, project, tender_project, lot)


def _opaque(text: str, zh: str, en: str) -> str:
    code = text.strip()
    if not 0 < len(code) <= MAX_CODE_CHARS or not code.isprintable():
        raise Inadmissible(
            f"{zh}应为1至{MAX_CODE_CHARS}个可见字符",
            f"a {en} has 1 to {MAX_CODE_CHARS} visible characters",
        )
    return code
