"""Why an expert leaves a committee: the law's grounds to recuse, and everything else.

Here: the grounds as data, in both languages. What follows from a departure is the next rank of
the lottery, whatever the reason was (实施条例 art. 48).
"""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

MAX_NOTE: Final = 500  # a sentence or two, typed at the check-in desk


class Ground(Enum):
    """The grounds of 评标委员会和评标方法暂行规定 (order 12 of 2001, amended 2013) art. 12."""

    RELATIVE = "RELATIVE"
    AUTHORITY = "AUTHORITY"
    INTEREST = "INTEREST"
    PUNISHED = "PUNISHED"


GROUNDS: Final[Mapping[Ground, tuple[str, str]]] = MappingProxyType({
    Ground.RELATIVE: (
        "投标人或者投标人主要负责人的近亲属",
        "a close relative of a bidder or of its principal",
    ),
    Ground.AUTHORITY: (
        "项目主管部门或者行政监督部门的人员",
        "of the staff of the competent or the supervising authority",
    ),
    Ground.INTEREST: (
        "与投标人有经济利益关系,可能影响对投标公正评审",
        "has an economic interest in a bidder that may affect a fair evaluation",
    ),
    Ground.PUNISHED: (
        "曾因在招标、评标以及其他与招标投标有关活动中从事违法行为而受过行政处罚或刑事处罚",
        "was punished for unlawful acts in tendering or evaluation",
    ),
})  # fmt: skip
"""Each ground in Chinese, as the regulation has it, and in English."""


def reason_of(ground: Ground | None, note: str) -> str:
    """What is kept of why somebody left: the ground's letter of the law, and what was noted."""
    named = "" if ground is None else f"{ground.value} {GROUNDS[ground][0]}"
    return " ".join(part for part in (named, note.strip()) if part)
