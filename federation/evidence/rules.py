"""The fifteen rules of a draw, V1 to V15, and the steps of the verification that hold them.

Steps are the order of work on a file, rules are what a draw must be (``draw-and-evidence.md``
§1.7). A step may hold several rules, and what a step holds besides is of the evaluation, not
of the draw. People quote both, so neither is ever numbered anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from federation.evidence.case import Refuted, Step


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Args:
        name: ``V1`` to ``V15``.
        zh: What must be, in Chinese.
        en: The same in English.
        steps: Where it is checked.
        unit_zh: What the checked things are, in Chinese.
        unit_en: The same in English.
    """

    name: str
    zh: str
    en: str
    steps: tuple[Step, ...]
    unit_zh: str
    unit_en: str


RULES: Final = (
    Rule(
        "V1",
        "签名均由协议所列密钥作出, 密码套件一致",
        "every signature is by a key that the parties published, under the agreed suite",
        (Step.DESCRIPTORS, Step.AGREEMENT, Step.ENVELOPES, Step.SEAL),
        "个签名", "signatures",
    ),
    Rule(
        "V2",
        "每次抽取只开启一次, 序号连续",
        "each draw was opened once, and their numbers have no gap",
        (Step.DRAWS,),
        "次抽取", "draws",
    ),
    Rule(
        "V3",
        "专家库承诺先于抽取, 且公布时间符合协议",
        "the pool was committed to before the draw, as long before as agreed",
        (Step.POOLS, Step.DRAWS),
        "次抽取", "draws",
    ),
    Rule(
        "V4",
        "各专业的根值合成专家库根值",
        "the strata make up the pool's root",
        (Step.DRAWS,),
        "个专业", "strata",
    ),
    Rule(
        "V5",
        "出示的编码与承诺的专业名单一致, 有序且不重复",
        "the listed entries are the committed strata, sorted and distinct",
        (Step.DRAWS,),
        "个编码", "entries",
    ),
    Rule(
        "V6",
        "各方各承诺一次随机数, 均先于公开",
        "every contributor committed once, all before anybody revealed",
        (Step.DRAWS,),
        "个承诺", "commitments",
    ),
    Rule(
        "V7",
        "公开的随机数与承诺相符",
        "what was revealed is what had been committed to",
        (Step.DRAWS,),
        "个随机数", "values",
    ),
    Rule(
        "V8",
        "公共随机信标有效",
        "the public beacon is valid",
        (Step.DRAWS,),
        "个信标", "beacons",
    ),
    Rule(
        "V9",
        "重新计算次序: 每一顺位均为应抽编码, 没有跳过",
        "the order was recomputed: every rank is the entry that was due, and none is missing",
        (Step.DRAWS,),
        "个顺位", "ranks",
    ),
    Rule(
        "V10",
        "步骤环环相扣, 直至公开封定值",
        "the steps are one chain, up to the opening of the seal",
        (Step.DRAWS,),
        "个步骤", "steps",
    ),
    Rule(
        "V11",
        "公开的属性与编码相符, 邀请与跳过均有依据",
        "what was opened is in the entry, and justifies each invitation and each skip",
        (Step.DRAWS, Step.OPENINGS),
        "项公开的属性", "opened attributes",
    ),
    Rule(
        "V12",
        "每次邀请均有结果, 人数如数, 无多抽, 仅在抽尽时不足",
        "every invitation has an outcome; the seats are filled, with no draw too many",
        (Step.DRAWS,),
        "次邀请", "invitations",
    ),
    Rule(
        "V13",
        "回避名单与承诺相符, 因回避跳过的均在名单内",
        "the exclusion list is the committed one, and every recusal is on it",
        (Step.DRAWS,),
        "次抽取", "draws",
    ),
    Rule(
        "V14",
        "名单与承诺相符, 封存给电子交易系统",
        "the sealed list is the committed one",
        (Step.DRAWS,),
        "版名单", "lists",
    ),
    Rule(
        "V15",
        "每条消息均有回执, 在双方日志中, 日志经对方联署",
        "every word has its receipt and is in both logs, which the other side cosigned",
        (Step.RECEIPTS, Step.LOGS, Step.JOINT),
        "个日志证明", "proofs of the logs",
    ),
)  # fmt: skip
"""In their order."""

BEYOND: Final = frozenset({
    Step.FILE, Step.CONVERSATIONS, Step.COMMITTEE, Step.EVALUATION, Step.ARCHIVE, Step.TIMELINE,
    Step.SELECTION,
})  # fmt: skip
"""Steps that hold no rule of the draw: the file, the table of words, the evaluation."""

_BY_NAME: Final[Mapping[str, Rule]] = MappingProxyType({rule.name: rule for rule in RULES})
_BLAMED: Final[Mapping[Step, str]] = MappingProxyType({
    Step.DESCRIPTORS: "V1",
    Step.AGREEMENT: "V1",
    Step.ENVELOPES: "V1",
    Step.RECEIPTS: "V15",
    Step.LOGS: "V15",
    Step.POOLS: "V3",
    Step.DRAWS: "V2",
    Step.OPENINGS: "V11",
    Step.SEAL: "V1",
    Step.JOINT: "V15",
})  # fmt: skip
"""Which rule a step stands for when nothing more exact was said."""


def rule(name: str) -> Rule:
    """A rule by its name. Raises KeyError if there is none."""
    return _BY_NAME[name]


def broken(error: Refuted) -> Rule | None:
    """The rule that a refusal is about; None if it is not about the draw."""
    name = error.rule if error.rule in _BY_NAME else _BLAMED.get(error.step)
    return None if name is None else _BY_NAME[name]
