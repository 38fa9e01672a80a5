"""What a verified joint dossier says, for people and programs."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from federation.evidence.checks import Check, together
from federation.evidence.timeline import local
from federation.evidence.verdict import DrawSummary, Outsider, Party, Verdict, label


@dataclass(frozen=True, slots=True)
class JointVerdict:
    """A joint dossier that holds.

    Args:
        parts: What each part says by itself: one of each sub-venue, two or more. They agree on
            host, project, members and chair.
    """

    parts: tuple[Verdict, ...]

    @property
    def parties(self) -> tuple[Party, ...]:
        """The host as the first part has it, then all subs."""
        return (self.parts[0].parties[0], *(part.parties[1] for part in self.parts))

    @property
    def draws(self) -> tuple[DrawSummary, ...]:
        """The draws that filled the committee, of all parts."""
        return tuple(draw for part in self.parts for draw in part.draws)

    @property
    def words(self) -> int:
        """How many words were verified."""
        return sum(part.words for part in self.parts)

    @property
    def outside_contributors(self) -> int:
        """From outside, in every part: the part with the fewest decides."""
        return min(part.outside_contributors for part in self.parts)

    @property
    def label(self) -> tuple[str, str]:
        """What the draws of all parts are worth, in Chinese and English."""
        return label(self.outside_contributors, self.redrawn)

    @property
    def redrawn(self) -> int:
        """Draws that were drawn again without leave, of all parts."""
        return sum(part.redrawn for part in self.parts)

    @property
    def order_known(self) -> int:
        """Draws given up when their sealer knew what they would come to, of all parts."""
        return sum(part.order_known for part in self.parts)

    @property
    def outsiders(self) -> tuple[Outsider, ...]:
        """The outside contributors and regulators of all agreements, each as it is in one."""
        return tuple(dict.fromkeys(each for part in self.parts for each in part.outsiders))

    @property
    def checks(self) -> tuple[Check, ...]:
        """What was checked by each rule, of all parts."""
        return together([part.checks for part in self.parts])

    def document(self) -> dict[str, Any]:
        """The same for programs: what all have in common, and each part."""
        parts = [part.document() for part in self.parts]
        first = parts[0]
        return {
            "holds": True,
            "label": self.label[1],
            "maker": first["maker"],
            "sessions": [part["session"] for part in parts],
            "parties": [first["parties"][0], *(part["parties"][1] for part in parts)],
            "agreements": [part["agreement"] for part in parts],
            "project_name": first["project_name"],
            "lot_code": first["lot_code"],
            "started_ms": min(part["started_ms"] for part in parts),
            "finished_ms": max(part["finished_ms"] for part in parts),
            "received_ms": max(part["received_ms"] for part in parts),
            "draws": [draw for part in parts for draw in part["draws"]],
            "void_draws": sum(part["void_draws"] for part in parts),
            "redrawn": self.redrawn,
            "order_known": self.order_known,
            "voided": [draw for part in parts for draw in part["voided"]],
            "members": first["members"],
            "representatives": first["representatives"],
            "words": self.words,
            "other_venues": False,
            "outside_contributors": self.outside_contributors,
            "outsiders": [each.document() for each in self.outsiders],
            "names": [asdict(name) for part in self.parts for name in part.names],
            "checks": [check.document() for check in self.checks],
            "parts": parts,
        }

    def summary(self, lang: str) -> str:
        """A page for people.

        Args:
            lang: ``zh`` for Chinese, anything else for English.
        """
        chinese = lang == "zh"
        lines = self._zh() if chinese else self._en()
        for at, part in enumerate(self.parts, start=1):
            name = part.parties[1].name
            lines += ["", f"第{at}分卷: {name}" if chinese else f"Part {at}: {name}"]
            alone = replace(part, other_venues=False)  # the others are here
            lines += [f"  {line}" for line in alone.summary(lang).splitlines()]
        return "\n".join(lines)

    def _zh(self) -> list[str]:
        first = self.parts[0]
        return [
            (
                f"合并卷宗属实: {len(self.parts)}个副场, 各分卷单独成立且彼此一致。"
                f"结论: {self.label[0]}"
            ),
            f"项目: {first.project_name} [{first.lot_code}]",
            (
                f"主场: {first.parties[0].name}  "
                f"副场: {'、'.join(part.parties[1].name for part in self.parts)}"
            ),
            f"统一开始: {local(first.started_ms)} (北京时间), 各副场就绪之后",
            (
                f"评标委员会: {first.members}人 = 招标人代表{first.representatives}人 + 各库抽取"
                f"{sum(draw.members for draw in self.draws)}人 ({len(self.draws)}次抽取)"
            ),
            *self._warning("zh"),
            f"核对消息{self.words}条; 主场向各副场出示的是同一份日志",
        ]

    def _en(self) -> list[str]:
        first = self.parts[0]
        return [
            (
                f"The joint dossier holds: {len(self.parts)} sub-venues; each part by itself, and "
                f"all of them together: {self.label[1]}."
            ),
            f"Project: {first.project_name} [{first.lot_code}]",
            (
                f"Host: {first.parties[0].name}; "
                f"subs: {', '.join(part.parties[1].name for part in self.parts)}"
            ),
            f"One start: {local(first.started_ms)} (Beijing time), after every sub was ready",
            (
                f"Committee: {first.members} members = {first.representatives} representatives + "
                f"{sum(draw.members for draw in self.draws)} drawn ({len(self.draws)} draws)"
            ),
            *self._warning("en"),
            f"{self.words} words verified; the host has shown one log to all subs",
        ]

    def _warning(self, lang: str) -> list[str]:
        known = self.order_known
        if not known:
            return []
        if lang == "zh":
            return [f"警告: {known}次抽取在封定方已知结果之后作废, 可被用来挑选结果"]
        told = f"WARNING: {known} draws were given up after their sealer knew what they would come"
        return [f"{told} to: this can be used to choose among results"]
