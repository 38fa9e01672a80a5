"""Evaluation experts, as the register of the center that owns them knows them.

Here: one expert and what a valid entry is. Not here: drawing them (``federation.lottery``
sees salted commitments, never this record) and storing them (encrypted, in the store).
Everything that names a person is kept out of ``repr``, so that a log line or a traceback
shows the registry number and nothing else.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from node.domain.codes import ResidentId, Specialty, Uscc, qualifies
from node.domain.refusal import Inadmissible

MAX_UID_CHARS: Final = 64  # as wide as the store's key column
MAX_NAME_CHARS: Final = 64  # the longest names, with their interpuncts, stay below 30
MAX_EMPLOYER_CHARS: Final = 128  # the register of companies allows about 100
MAX_SPECIALTIES: Final = 32  # each is one entry of the pool's commitment; nobody is expert in 33

_UID: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._/-]*")
_MOBILE: Final = re.compile(r"1[3-9][0-9]{9}")


class ExpertStatus(StrEnum):
    """Whether an expert can be drawn: only an active one can."""

    ACTIVE = "active"
    LEAVE = "leave"
    SUSPENDED = "suspended"


def registry_number(text: str) -> str:
    """Parse an expert's registry number (专家编号).

    Raises:
        Inadmissible: Not 1 to 64 letters, digits and ``. _ / -``, letter or digit first.
    """
    number = text.strip()
    if len(number) > MAX_UID_CHARS or not _UID.fullmatch(number):
        raise Inadmissible(
            f"专家编号应为1至{MAX_UID_CHARS}个字母、数字或._/-,以字母或数字开头",
            f"a registry number has 1 to {MAX_UID_CHARS} letters, digits or ._/- and begins "
            "with a letter or digit",
        )
    return number


def person_name(text: str) -> str:
    """Parse a person's name: 1 to 64 visible characters. Raises Inadmissible."""
    return _visible(text, MAX_NAME_CHARS, "姓名", "name")


def employer_name(text: str) -> str:
    """Parse an employer's name: 1 to 128 visible characters. Raises Inadmissible."""
    return _visible(text, MAX_EMPLOYER_CHARS, "工作单位", "employer's name")


def mobile(text: str) -> str:
    """Parse a mainland mobile number: an invitation is a call *and* a text message.

    Blanks, hyphens and a leading +86 are forgiven.

    Returns:
        The 11 digits.

    Raises:
        Inadmissible: Anything else, a land line among them.
    """
    digits = re.sub(r"[\s-]", "", text)
    digits = digits.removeprefix("+86")
    if not _MOBILE.fullmatch(digits):
        raise Inadmissible(
            "手机号应为1开头的11位数字(通知须能接收短信)",
            "a mobile number has 11 digits, a 1 first (it must receive text messages)",
        )
    return digits


@dataclass(frozen=True, slots=True)
class Expert:
    """One entry of a center's register. Its fields were parsed by the functions above.

    Args:
        uid: Registry number, unique in the register.
        name: The person's name.
        id_number: Citizen identity number.
        phone: Mobile number, 11 digits.
        employer: The employer's name.
        employer_uscc: The employer's credit code, by which recusal is decided.
        specialties: What the expert may be drawn for; at least one, none twice.
        status: Whether the expert can be drawn.

    Raises:
        Inadmissible: No specialty, too many, or one twice; or a field that is not in its
            parsed form.
    """

    uid: str
    name: str = field(repr=False)
    id_number: ResidentId = field(repr=False)
    phone: str = field(repr=False)
    employer: str = field(repr=False)
    employer_uscc: Uscc = field(repr=False)
    specialties: tuple[Specialty, ...]
    status: ExpertStatus = ExpertStatus.ACTIVE

    def __post_init__(self) -> None:
        for parse, value in (
            (registry_number, self.uid),
            (person_name, self.name),
            (mobile, self.phone),
            (employer_name, self.employer),
        ):
            if parse(value) != value:
                raise Inadmissible(
                    "专家信息未经规范化,请检查首尾空格和手机号格式",
                    "the expert's entry holds blanks around a field or an unparsed phone",
                )
        check_specialties(self.specialties)

    def qualifies_for(self, asked: Specialty) -> bool:
        """Whether any specialty held covers the one asked for."""
        return any(qualifies(held, asked) for held in self.specialties)


def check_specialties(specialties: tuple[Specialty, ...]) -> None:
    """Refuse a list of specialties no expert can have.

    Raises:
        Inadmissible: Empty, more than ``MAX_SPECIALTIES``, or one of them twice.
    """
    if not 1 <= len(specialties) <= MAX_SPECIALTIES:
        raise Inadmissible(
            f"每名专家应有1至{MAX_SPECIALTIES}个专业,现有{len(specialties)}个",
            f"an expert has 1 to {MAX_SPECIALTIES} specialties, not {len(specialties)}",
        )
    if len(set(specialties)) < len(specialties):
        raise Inadmissible(
            "同一专业重复登记,请删除重复项",
            "one specialty is listed twice; remove the second",
        )


def _visible(text: str, most: int, zh: str, en: str) -> str:
    words = text.strip()
    if not 0 < len(words) <= most or not words.isprintable():
        raise Inadmissible(
            f"{zh}应为1至{most}个可见字符", f"the {en} has 1 to {most} visible characters"
        )
    return words
