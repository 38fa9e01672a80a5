"""What a verified dossier says, for people and programs."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from federation.evidence.called_back import NONE, CalledBack
from federation.evidence.checks import Check
from federation.evidence.selection import Drawn
from federation.evidence.timeline import local
from federation.evidence.voided import VoidDraw
from federation.trust.keys import fingerprint

TWO_CENTERS_ZH: Final = "问责可查, 未含外部见证方"
TWO_CENTERS_EN: Final = "accountable, not unbiasable"
"""What two centers alone can prove: any cheat leaves proof unless both collude
(``draw-and-evidence.md`` §1.8). An outside contributor would make it unbiasable."""
OUTSIDE_ZH: Final = "不可操纵: 外部见证方只要有一个诚实"
OUTSIDE_EN: Final = "unbiasable, as long as one outside contributor is honest"

EXCLUSIONS_ZH: Final = {
    "NONE": "无回避名单",
    "CHECKED": "回避名单已核对",
    "SEALED": "回避名单未公开",
}
EXCLUSIONS_EN: Final = {
    "NONE": "no exclusions",
    "CHECKED": "exclusions checked",
    "SEALED": "exclusions not opened",
}
STAGES_ZH: Final = {"AWARDED": "定标后", "ORDERED": "依令"}
STAGES_EN: Final = {"AWARDED": "after the award", "ORDERED": "by order"}


@dataclass(frozen=True, slots=True)
class Party:
    """One of the two centers."""

    center: str
    name: str
    role: str
    log_size: int
    cosigned_at_ms: int


@dataclass(frozen=True, slots=True)
class Outsider:
    """Somebody besides the two whom the agreement names: worth what its fingerprint is worth.

    Two centers that collude could name one whose key they hold themselves: only the fingerprint
    tells, compared with the one that the outsider publishes.

    Args:
        center: Who.
        name: As its descriptor says; empty if the file has none of it.
        contributes: Whether it was asked for random values.
        regulates: Whether it holds escrow, permits and recuses.
    """

    center: str
    name: str
    contributes: bool
    regulates: bool

    def title(self) -> tuple[str, str]:
        """What it is, in Chinese and English."""
        found = [("外部见证方", "outside contributor")] if self.contributes else []
        found += [("监管部门", "regulator")] if self.regulates else []
        return "、".join(zh for zh, _ in found), ", ".join(en for _, en in found)

    def document(self) -> dict[str, Any]:
        """The same for programs."""
        return {**asdict(self), "fingerprint": fingerprint(self.center)}


@dataclass(frozen=True, slots=True)
class DrawSummary:
    """One fair draw.

    Args:
        owner: From whose pool.
        sealer: Who kept the order sealed.
        invited: How many experts were called.
        accepted: How many of them ever accepted.
        supplements: How many were replaced.
        members: How many are on the list.
        exclusions: ``NONE``: no employer had to recuse. ``CHECKED``: the list was opened and
            every recusal checked. ``SEALED``: the list is committed to, but not opened here.
        adds: Whether it adds to a list that stayed short, from other specialties.
        called_back: What the regulator had found of its invitations when the file was made.
    """

    owner: str
    sealer: str
    invited: int
    accepted: int
    supplements: int
    members: int
    exclusions: str
    adds: bool = False
    called_back: CalledBack = NONE


@dataclass(frozen=True, slots=True)
class Named:
    """A member whose name was opened and hashes into the handle."""

    draw: str
    entry: str
    owner: str
    uid: str
    name: str
    stage: str
    act: str
    opened_ms: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """A dossier that holds.

    Args:
        maker: Center that made it.
        session: The evaluation's id in hex.
        parties: Host, then sub.
        agreement: The agreement's title.
        agreement_id: Its id in hex.
        project_name: As told at the unified start.
        lot_code: As told at the unified start.
        started_ms: The unified start, by the host's clock.
        finished_ms: The end.
        received_ms: When the archive was received.
        draws: The draws that filled the committee.
        void_draws: Draws that were declared void before.
        members: Members of the committee.
        representatives: How many of them represent the tenderee.
        words: How many words were verified.
        other_venues: Whether further sub-venues took part, each with a dossier of its own.
        outside_contributors: Contributors to the randomness besides the two centers.
        drawn: How the sub-venue was drawn; None if somebody picked it.
        checks: What was checked by each of V1 to V15, and what could not be.
        names: Members whose names the owner of the pool opened, after the award or by order.
        outsiders: The outside contributors and the regulator of the agreement.
        redrawn: How many draws were declared void after values had been revealed, and drawn again
            without a regulator's leave: whoever sealed them knew what they would have come to.
        voided: What could be checked of each void draw, and what not.
    """

    maker: str
    session: str
    parties: tuple[Party, Party]
    agreement: str
    agreement_id: str
    project_name: str
    lot_code: str
    started_ms: int
    finished_ms: int
    received_ms: int
    draws: tuple[DrawSummary, ...]
    void_draws: int
    members: int
    representatives: int
    words: int
    other_venues: bool
    outside_contributors: int = 0
    drawn: Drawn | None = None
    checks: tuple[Check, ...] = ()
    names: tuple[Named, ...] = ()
    outsiders: tuple[Outsider, ...] = ()
    redrawn: int = 0
    voided: tuple[VoidDraw, ...] = ()

    @property
    def parts(self) -> tuple["Verdict", ...]:
        """Itself: a joint verdict has several."""
        return (self,)

    @property
    def order_known(self) -> int:
        """How many void draws were given up when their sealer knew what they would come to."""
        return sum(each.order_known for each in self.voided)

    def void_lines(self, lang: str) -> list[list[str]]:
        """Each void draw for people: first what it was, then the warning and what is open."""
        names = {party.center: party.name for party in self.parties}
        return [void.lines(names, lang) for void in self.voided]

    @property
    def label(self) -> tuple[str, str]:
        """What its draws are worth, in Chinese and English."""
        return label(self.outside_contributors, self.redrawn)

    def document(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "holds": True,
            "label": self.label[1],
            "maker": self.maker,
            "session": self.session,
            "parties": [
                {
                    "center": party.center,
                    "fingerprint": fingerprint(party.center),
                    "name": party.name,
                    "role": party.role,
                    "log_size": party.log_size,
                    "cosigned_at_ms": party.cosigned_at_ms,
                }
                for party in self.parties
            ],
            "agreement": {"title": self.agreement, "id": self.agreement_id},
            "project_name": self.project_name,
            "lot_code": self.lot_code,
            "started_ms": self.started_ms,
            "finished_ms": self.finished_ms,
            "received_ms": self.received_ms,
            "draws": [
                {
                    "owner": draw.owner,
                    "sealer": draw.sealer,
                    "invited": draw.invited,
                    "accepted": draw.accepted,
                    "supplements": draw.supplements,
                    "members": draw.members,
                    "exclusions": draw.exclusions,
                    "adds": draw.adds,
                    "called_back": asdict(draw.called_back),
                }
                for draw in self.draws
            ],
            "sub_venue_drawn": None if self.drawn is None else asdict(self.drawn),
            "void_draws": self.void_draws,
            "redrawn": self.redrawn,
            "order_known": self.order_known,
            "voided": [each.document() for each in self.voided],
            "members": self.members,
            "representatives": self.representatives,
            "words": self.words,
            "other_venues": self.other_venues,
            "outside_contributors": self.outside_contributors,
            "outsiders": [each.document() for each in self.outsiders],
            "names": [asdict(name) for name in self.names],
            "checks": [check.document() for check in self.checks],
        }

    def summary(self, lang: str) -> str:
        """A page for people.

        Args:
            lang: ``zh`` for Chinese, anything else for English.
        """
        return "\n".join(self._zh() if lang == "zh" else self._en())

    def _zh(self) -> list[str]:
        names = {party.center: party.name for party in self.parties}
        roles = {"HOST": "主场", "SUB": "副场"}
        lines = [
            f"卷宗属实。结论: {self.label[0]}",
            f"项目: {self.project_name} [{self.lot_code}]",
            f"协议: {self.agreement} ({self.agreement_id[:16]})",
        ]
        for party in self.parties:
            lines += [
                f"{roles[party.role]}: {party.name}",
                f"    指纹: {fingerprint(party.center)}",
                f"    日志{party.log_size}条, 对方{local(party.cosigned_at_ms)}联署",
            ]
        for other in self.outsiders:
            lines += [
                f"{other.title()[0]}: {other.name or '卷宗未附其密钥'}",
                f"    指纹: {fingerprint(other.center)}",
            ]
        lines += [
            f"开始: {local(self.started_ms)}  结束: {local(self.finished_ms)} (北京时间)",
            f"档案接收: {local(self.received_ms)}",
            f"评标委员会: {self.members}人, 其中招标人代表{self.representatives}人",
        ]
        if self.drawn is not None:
            way = {"RANDOM": "随机挑选", "BLIND": "盲选"}[self.drawn.mode]
            lines.append(
                f"副场由抽取产生({way}): 邀请{self.drawn.candidates}家, "
                f"参加{self.drawn.entrants}家, 第{self.drawn.rank}顺位, "
                f"递补{self.drawn.passed_over}家, 第{self.drawn.attempts}次抽取有效"
            )
        for draw in self.draws:
            lines.append(
                f"{'另选专业补抽' if draw.adds else '抽取'}: {names[draw.owner]}专家库, "
                f"由{names[draw.sealer]}封定: "
                f"邀请{draw.invited}人, 接受{draw.accepted}人, 补抽{draw.supplements}人, "
                f"入选{draw.members}人, {EXCLUSIONS_ZH[draw.exclusions]}"
                f"{_checked_zh(draw.called_back)}"
            )
        lines += self._given_up("zh")
        if self.other_venues:
            lines.append("另有其他副场参加, 各有卷宗, 其成员未在本卷宗核对")
        lines.append(f"核对消息{self.words}条, 外部见证方{self.outside_contributors}个")
        for each in self.names:
            act = f"{STAGES_ZH[each.stage]}, {each.act}"
            lines.append(f"身份公开({act}): {each.entry[:8]} {readable(each.name)}")
        lines.append("请将指纹与各方公布的核对。")
        lines += rule_lines(self.checks, "zh")
        return lines

    def _en(self) -> list[str]:
        names = {party.center: party.name for party in self.parties}
        lines = [
            f"The dossier holds: {self.label[1]}.",
            f"Project: {self.project_name} [{self.lot_code}]",
            f"Agreement: {self.agreement} ({self.agreement_id[:16]})",
        ]
        for party in self.parties:
            lines += [
                f"{party.role.capitalize()}: {party.name}",
                f"    fingerprint: {fingerprint(party.center)}",
                f"    log of {party.log_size} entries, cosigned {local(party.cosigned_at_ms)}",
            ]
        for other in self.outsiders:
            lines += [
                f"{other.title()[1].capitalize()}: {other.name or 'its keys are not in the file'}",
                f"    fingerprint: {fingerprint(other.center)}",
            ]
        lines += [
            f"Started: {local(self.started_ms)}  ended: {local(self.finished_ms)} (Beijing time)",
            f"Archive received: {local(self.received_ms)}",
            f"Committee: {self.members} members, {self.representatives} of them representatives",
        ]
        if self.drawn is not None:
            lines.append(
                f"The sub-venue was drawn ({self.drawn.mode}): {self.drawn.candidates} invited, "
                f"{self.drawn.entrants} entered, rank {self.drawn.rank}, "
                f"{self.drawn.passed_over} passed over, attempt {self.drawn.attempts} counts"
            )
        for draw in self.draws:
            lines.append(
                f"{'Supplement' if draw.adds else 'Draw'} from {names[draw.owner]}, "
                f"sealed by {names[draw.sealer]}: "
                f"{draw.invited} invited, {draw.accepted} accepted, {draw.supplements} replaced, "
                f"{draw.members} on the list; {EXCLUSIONS_EN[draw.exclusions]}"
                f"{_checked_en(draw.called_back)}"
            )
        lines += self._given_up("en")
        if self.other_venues:
            lines.append("Further sub-venues took part; their members are in their own dossiers.")
        lines.append(
            f"{self.words} words verified; outside contributors: {self.outside_contributors}"
        )
        for each in self.names:
            act = f"{STAGES_EN[each.stage]}, {each.act}"
            lines.append(f"Name opened ({act}): {each.entry[:8]} {readable(each.name)}")
        lines.append("Compare the fingerprints with the ones that their owners publish.")
        lines += rule_lines(self.checks, "en")
        return lines

    def _given_up(self, lang: str) -> list[str]:
        """Draws that came to nothing: how many, whether that was a choice, and each of them."""
        zh, known, again = lang == "zh", self.order_known, self.redrawn
        lines = []
        if self.void_draws:
            lines.append(
                f"此前作废的抽取: {self.void_draws}次"
                if zh
                else f"Draws declared void before: {self.void_draws}"
            )
        if known:
            lines.append(
                f"警告: 其中{known}次在封定方已知抽取结果之后作废, 可被用来挑选结果"
                if zh
                else f"WARNING: {known} of them were given up after their sealer knew what they "
                "would come to: this can be used to choose among results"
            )
        if again:
            lines.append(
                f"其中{again}次在随机数公开后作废, 未经监管部门准许即重抽: 可被用来挑选结果"
                if zh
                else f"{again} of them after values were revealed, and drawn again without a "
                "regulator's leave: this can be used to choose among results"
            )
        return [*lines, *(line for void in self.void_lines(lang) for line in void)]


def label(outside: int, redrawn: int = 0) -> tuple[str, str]:
    """What draws are worth, in Chinese and English.

    Args:
        outside: How many from outside contributed to each.
        redrawn: See ``Verdict``: an honest contributor does not help where one may draw again.
    """
    return (OUTSIDE_ZH, OUTSIDE_EN) if outside and not redrawn else (TWO_CENTERS_ZH, TWO_CENTERS_EN)


def rule_lines(checks: Sequence[Check], lang: str) -> list[str]:
    """What was checked rule by rule, for people; nothing where nothing is told of it."""
    if not checks:
        return []
    title = "逐条规则核对(V1–V15):" if lang == "zh" else "Rule by rule (V1 to V15):"
    return [title, *(f"  {line}" for check in checks for line in check.lines(lang))]


def readable(text: str) -> str:
    """A text that others chose, without what could make a line look like another one."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)


def _checked_zh(found: CalledBack) -> str:
    if not found.checked:
        return ""
    return (
        f", 监管部门抽查邀请{found.checked}次, 专家说法不符{found.mismatched}次, "
        f"通话回执有误{found.faulty}次"
    )


def _checked_en(found: CalledBack) -> str:
    if not found.checked:
        return ""
    return (
        f"; call-backs: {found.checked} checked, {found.mismatched} mismatched, "
        f"{found.faulty} without a good record"
    )
