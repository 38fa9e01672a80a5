"""What was checked of a dossier, rule by rule, and what could not be and why.

A dossier that holds still leaves questions that no file can answer: only the regulator can
open an escrow, only the e-trading system a sealed list. Whoever reads the result must not
take silence for a check, so that every rule is told with a count and with what it left out.
Made from the words after all of them were verified; refuses nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from federation.evidence.case import Case, W
from federation.evidence.rules import RULES, Rule
from federation.ids import DIGEST_BYTES
from federation.lottery.audit import DrawAudit
from federation.protocol.conversation import Kind, Word
from federation.protocol.draw import (
    AcceptDraw,
    Close,
    Commit,
    Next,
    Open,
    Proceed,
    Report,
    Rescue,
    Response,
    Result,
    Reveal,
    Ruling,
    Verdict,
)
from federation.protocol.peering import AnnouncePool

CHECKED: Final = "checked"
PARTLY: Final = "partly checked"
NOT_CHECKED: Final = "not checked"
RESULTS_ZH: Final = {CHECKED: "已核对", PARTLY: "部分核对", NOT_CHECKED: "未核对"}


@dataclass(frozen=True, slots=True)
class Unchecked:
    """Something that a rule is about and that could not be checked.

    Args:
        count: How many.
        zh: What, and why not, in Chinese.
        en: The same in English.
    """

    count: int
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Check:
    """What came of one rule.

    Args:
        rule: The rule.
        count: How many things were checked, in the rule's unit.
        unchecked: What was not.
    """

    rule: Rule
    count: int
    unchecked: tuple[Unchecked, ...] = ()

    @property
    def result(self) -> str:
        """``CHECKED``, ``PARTLY`` or ``NOT_CHECKED``."""
        if not self.unchecked:
            return CHECKED
        return PARTLY if self.count else NOT_CHECKED

    def document(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "rule": self.rule.name,
            "zh": self.rule.zh,
            "en": self.rule.en,
            "result": self.result,
            "count": self.count,
            "unit": self.rule.unit_en,
            "unchecked": [
                {"count": each.count, "zh": each.zh, "en": each.en} for each in self.unchecked
            ],
        }

    def lines(self, lang: str) -> list[str]:
        """The same for people, one line and one for each thing that was not checked."""
        rule = self.rule
        if lang == "zh":
            head = f"{rule.name} {RESULTS_ZH[self.result]} {self.count}{rule.unit_zh}: {rule.zh}"
            return [head, *(f"    未核对: {each.zh}" for each in self.unchecked)]
        head = f"{rule.name} {self.result}, {self.count} {rule.unit_en}: {rule.en}"
        return [head, *(f"    not checked: {each.en}" for each in self.unchecked)]


def together(parts: Sequence[Sequence[Check]]) -> tuple[Check, ...]:
    """What was checked of several parts, as one: counts added, the same sentence told once."""
    found = []
    for same in zip(*parts, strict=True):
        left: dict[tuple[str, str], int] = {}
        for check in same:
            for each in check.unchecked:
                left[each.zh, each.en] = left.get((each.zh, each.en), 0) + each.count
        found.append(
            Check(
                same[0].rule,
                sum(check.count for check in same),
                tuple(Unchecked(count, zh, en) for (zh, en), count in left.items()),
            )
        )
    return tuple(found)


def with_names(found: Sequence[Check], opened: int) -> tuple[Check, ...]:
    """The same after so many members' names were opened and checked (V11)."""
    return tuple(_named(each, opened) if each.rule.name == "V11" else each for each in found)


def _named(check: Check, opened: int) -> Check:
    left = [replace(each, count=each.count - opened) for each in check.unchecked]
    return replace(
        check, count=check.count + opened, unchecked=tuple(each for each in left if each.count > 0)
    )


def checks(case: Case, fair: Mapping[bytes, DrawAudit]) -> tuple[Check, ...]:
    """What was checked by each of V1 to V15, in order.

    Args:
        case: The dossier; every step has passed.
        fair: The draws that filled the committee, by conversation.
    """
    found = _Counting(case, fair)
    return tuple(found.check(rule) for rule in RULES)


class _Counting:
    def __init__(self, case: Case, fair: Mapping[bytes, DrawAudit]) -> None:
        self._case = case
        self._fair = fair
        self._opened = [word for talk in case.of_kind(Kind.DRAW) for word in self._in(talk, Open)]

    def check(self, rule: Rule) -> Check:
        """What came of one rule."""
        count, unchecked = {
            "V1": self._signatures,
            "V2": self._openings,
            "V3": self._pools,
            "V4": self._strata,
            "V5": self._listings,
            "V6": self._commitments,
            "V7": self._values,
            "V8": self._beacon,
            "V9": self._ranks,
            "V10": self._steps,
            "V11": self._attributes,
            "V12": self._outcomes,
            "V13": self._exclusions,
            "V14": self._lists,
            "V15": self._logs,
        }[rule.name]()
        return Check(rule, count, tuple(each for each in unchecked if each.count))

    def _in(self, talk: bytes, kind: type[W]) -> list[W]:
        return [word for _, word in self._case.find(talk, kind)]

    def _all(self, kind: type[W]) -> list[W]:
        """All words of a type in the draws that filled the committee."""
        return [word for talk in self._fair for word in self._in(talk, kind)]

    @property
    def _words(self) -> int:
        return sum(len(words) for words in self._case.talks.values())

    def _signatures(self) -> tuple[int, list[Unchecked]]:
        dossier = self._case.dossier
        chains = (*dossier.descriptors.values(), *dossier.others.values())
        roots = sum(len(chain) for chain in chains)
        heads = 2 * len(dossier.checkpoints)  # the log's own, and the other side's
        seal = 1
        shown = sum(len(word.outside) for word in self._all(Commit))
        shown += sum(len(word.outside) for word in self._all(Reveal))
        shown += sum(bool(word.permit) for word in self._opened)
        return 2 * self._words + len(dossier.signatures) + roots + heads + shown + seal, []

    def _openings(self) -> tuple[int, list[Unchecked]]:
        return len(self._opened), []

    def _pools(self) -> tuple[int, list[Unchecked]]:
        count = len(self._opened)
        if self._case.terms.pool_min_age_ms:
            return count, []
        return count, [
            Unchecked(
                count,
                "协议未约定专家库须提前多久公布, 仅核对先后",
                "no time between pool and draw is agreed: only their order was checked",
            )
        ]

    def _strata(self) -> tuple[int, list[Unchecked]]:
        drawn = {(word.pool, word.epoch, word.root) for word in self._all(Open)}
        pools = [
            word
            for talk in self._case.of_kind(Kind.PEERING)
            for word in self._in(talk, AnnouncePool)
            if (word.pool, word.epoch, word.root) in drawn
        ]
        return sum(len(pool.strata) for pool in pools), []

    def _listings(self) -> tuple[int, list[Unchecked]]:
        listed = [each for word in self._all(AcceptDraw) for each in word.listings]
        return sum(len(each.entries) // DIGEST_BYTES for each in listed), []

    def _commitments(self) -> tuple[int, list[Unchecked]]:
        words = self._all(Commit)
        return len(words) + sum(len(word.outside) for word in words), []

    def _values(self) -> tuple[int, list[Unchecked]]:
        closed = sum(bool(self._in(talk, Close) or self._in(talk, Rescue)) for talk in self._fair)
        reveals = self._all(Reveal)
        count = closed + len(reveals) + sum(len(word.outside) for word in reveals)
        escrowed = sum(bool(word.escrow) for word in self._all(Commit))
        rescued = sum(bool(self._in(talk, Rescue)) for talk in self._fair)
        return count, [
            Unchecked(
                max(0, escrowed - rescued),
                "托管给监管部门的随机数: 只有监管部门能启封核对",
                "escrows: only the regulator can open them and compare",
            ),
            Unchecked(
                len(self._fair) if not escrowed else 0,
                "随机数未托管: 协议未约定监管部门",
                "no value is in escrow: no regulator is agreed",
            ),
        ]

    def _beacon(self) -> tuple[int, list[Unchecked]]:
        return 0, [
            Unchecked(max(1, len(self._fair)), "未约定公共随机信标", "no public beacon is agreed")
        ]

    def _ranks(self) -> tuple[int, list[Unchecked]]:
        return len(self._all(Next)) + len(self._all(Proceed)), []

    def _steps(self) -> tuple[int, list[Unchecked]]:
        chained: Sequence[type[Word]] = (Next, Proceed, Verdict, Report)
        return sum(len(self._all(kind)) for kind in chained), []

    def _attributes(self) -> tuple[int, list[Unchecked]]:
        return sum(len(word.openings) for word in self._all(Verdict)), [
            Unchecked(
                sum(len(draw.members) for draw in self._fair.values()),
                "入选专家的身份尚未公开(定标后由专家库所属中心公开)",
                "who the drawn experts are: opened by the owners of the pools after the award",
            )
        ]

    def _outcomes(self) -> tuple[int, list[Unchecked]]:
        # Who must recuse is proven by the regulator's word, which is read with the draw.
        reports = [word for word in self._all(Report) if word.response is not Response.RECUSED]
        invited = [word for word in self._all(Verdict) if word.ruling is Ruling.INVITE]
        shown = sum(bool(word.proof) for word in reports)
        return len(invited), [
            Unchecked(
                shown,
                "通知服务商的回执: 其公钥不在卷宗中, 由专家库所属中心与监管部门核对",
                "the vendor's receipts that are shown: its key is not in the file",
            ),
            Unchecked(
                len(reports) - shown,
                "卷宗只有通知证据的摘要, 未附服务商回执",
                "only a hash of the evidence of a call is here, no receipt of the vendor",
            ),
        ]

    def _exclusions(self) -> tuple[int, list[Unchecked]]:
        known, by_owner, hidden, invited = 0, 0, 0, 0
        for talk in self._fair:
            opening = self._case.dossier.openings.get(talk)
            for word in self._in(talk, Open):
                if not word.exclusion_commitment:
                    known += 1
                    continue
                invited += sum(each.ruling is Ruling.INVITE for each in self._in(talk, Verdict))
                if opening is not None and opening.excluded is not None:
                    known += 1
                elif word.exclusion_sealed:
                    by_owner += 1
                else:
                    hidden += 1
        regulated = bool(self._case.terms.regulator)
        return known, [
            Unchecked(
                by_owner,
                "回避名单密封给专家库所属方, 卷宗未公开",
                "the exclusion list is sealed to the owner of the pool, and not opened here",
            ),
            Unchecked(
                hidden,
                "回避名单尚未公开: 卷宗制作者不知道",
                "the exclusion list is not opened yet: the maker of the file does not know it",
            ),
            Unchecked(
                invited,
                "受邀专家的单位未公开, 是否应回避待公开后核对",
                "employers of those invited are not opened: whether one should have recused shows"
                " only then",
            ),
            Unchecked(
                len(self._fair) if regulated else 0,
                "投标人名单密封, 由监管部门比对: 只有监管部门知道",
                "bidders are sealed to the regulator, which compares: only it knows them",
            ),
            Unchecked(
                0 if regulated else len(self._fair),
                "投标人未比对: 协议未约定监管部门",
                "bidders are compared by nobody: no regulator is agreed",
            ),
        ]

    def _lists(self) -> tuple[int, list[Unchecked]]:
        known, unknown = 0, 0
        for talk in self._fair:
            opening = self._case.dossier.openings.get(talk)
            salts = {} if opening is None else opening.list_salts
            for word in self._in(talk, Result):
                known += word.revision in salts
                unknown += word.revision not in salts
        return known, [
            Unchecked(
                unknown,
                "名单承诺的盐值只有专家库所属中心知道, 未附",
                "the salt of the list is known to the pool's owner only, and is not here",
            ),
            Unchecked(
                known + unknown,
                "封存的名单内容: 只有电子交易系统能解封",
                "what is in the sealed lists: only the e-trading system can open them",
            ),
        ]

    def _logs(self) -> tuple[int, list[Unchecked]]:
        return 2 * self._words, [
            Unchecked(
                len(self._case.dossier.checkpoints),
                "日志头由双方相互联署, 未附第三方联署",
                "each log is cosigned by the other side; no third party's cosignature is here",
            )
        ]
