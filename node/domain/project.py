"""A project to be evaluated, its lots, and what its agency asks for.

Here: the record and the checks that need no other record. Not here: who may move a project
from one state to the next (``node.services``), and the booking conversation that follows a
``BookingRequest`` (``federation.protocol``).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from federation.ids import CenterId
from node.domain import committee
from node.domain.calendar import Window
from node.domain.codes import LotCode, ProjectCode, RegionCode, Specialty, Uscc
from node.domain.committee import Committee, Site
from node.domain.refusal import Inadmissible
from node.domain.venue import MAX_SEATS, Requirement

MAX_VALUE_FEN: Final = 10**13  # a hundred billion yuan: no project is larger
MAX_NAME_CHARS: Final = 255  # as wide as the name columns of published trading systems
MAX_COMPETENT: Final = 16  # an industry's department and supervision at each level of government
MAX_LOTS: Final = 200  # a project with more is split in practice; bounds one page and one query
MAX_SUBS: Final = 8  # published joint evaluations had up to three sub-venues
MAX_SLOTS: Final = 16  # specialties per site: more than any committee has members


class ProjectState(StrEnum):
    """Where a project stands at its host center."""

    DRAFT = "DRAFT"
    SUBMITTED = "SUBMITTED"
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"


class ProjectKind(StrEnum):
    """工程, 货物 or 服务 (招标投标法实施条例第二条)."""

    WORKS = "works"
    GOODS = "goods"
    SERVICES = "services"

    @property
    def zh(self) -> str:
        """The word the law uses."""
        return {"works": "工程", "goods": "货物", "services": "服务"}[self.value]


class SelectionMode(StrEnum):
    """How sub-venues are found: 自主选择, 随机挑选, or 盲选 (the host does not learn which)."""

    CHOSEN = "CHOSEN"
    RANDOM = "RANDOM"
    BLIND = "BLIND"


@dataclass(frozen=True, slots=True)
class Party:
    """An organisation with a part in the project; its experts must stay away from it.

    Raises:
        Inadmissible: The name is empty or too long.
    """

    name: str
    uscc: Uscc

    def __post_init__(self) -> None:
        _check_name(self.name, "单位名称", "organisation's name")


class Part(StrEnum):
    """What an organisation that experts must stay away from has to do with the project."""

    TENDEREE = "TENDEREE"
    AGENCY = "AGENCY"
    COMPETENT = "COMPETENT"


@dataclass(frozen=True, slots=True)
class Avoided:
    """A unit to avoid (回避单位), and why."""

    part: Part
    party: Party


@dataclass(frozen=True, slots=True)
class Lot:
    """A bid section (标段). Raises Inadmissible if the name is empty or too long."""

    code: LotCode
    name: str

    def __post_init__(self) -> None:
        _check_name(self.name, "标段名称", "lot's name")


@dataclass(frozen=True, slots=True)
class Project:
    """One project, as its agency entered it at the host.

    Args:
        code: The trading system's project code.
        name: The project's name. Confidential towards sub-venues until evaluation starts.
        tenderee: 招标人, who buys.
        agency: 招标代理机构, or None where the tenderee runs the tender itself.
        competent: 项目主管部门 and 行政监督部门: their people may not sit on the committee
            (评标委员会和评标方法暂行规定第十二条(二)). None if they were not entered.
        kind: Works, goods or services.
        region: Where the project is.
        bid_deadline_ms: When bids are due, unix milliseconds.
        evaluation: When evaluation is planned.
        lots: At least one; codes must differ.
        value_fen: What is tendered for (项目金额), in fen; 0 when it was not entered.

    Raises:
        Inadmissible: A bad name, no lots or too many, or a lot code twice; too many competent
            units or one twice; a value out of range; or evaluation would begin before the bid
            deadline.
    """

    code: ProjectCode
    name: str
    tenderee: Party
    agency: Party | None
    kind: ProjectKind
    region: RegionCode
    bid_deadline_ms: int
    evaluation: Window
    lots: tuple[Lot, ...]
    value_fen: int = 0
    competent: tuple[Party, ...] = ()

    def __post_init__(self) -> None:
        _check_name(self.name, "项目名称", "project's name")
        if not 0 <= self.value_fen <= MAX_VALUE_FEN:
            raise Inadmissible(
                "项目金额应在0到一千亿元之间", "the project's value is 0 to a hundred billion yuan"
            )
        if not 1 <= len(self.lots) <= MAX_LOTS:
            raise Inadmissible(
                f"项目应有1至{MAX_LOTS}个标段", f"a project has 1 to {MAX_LOTS} lots"
            )
        if len({lot.code for lot in self.lots}) < len(self.lots):
            raise Inadmissible("标段编号重复,请更正", "a lot code is used twice")
        self._check_competent()
        if self.evaluation.start_ms < self.bid_deadline_ms:
            raise Inadmissible(
                "评标开始时间不得早于投标截止时间(招标投标法第三十四条:开标在截止时间进行)",
                "evaluation cannot begin before the bid deadline, when bids are opened "
                "(art. 34, Bidding Law)",
            )

    @property
    def parties(self) -> tuple[Party, ...]:
        """Who is known to have an interest before bids are opened: the first recusal pass."""
        return tuple(avoided.party for avoided in self.avoided)

    @property
    def avoided(self) -> tuple[Avoided, ...]:
        """The same, each with its part in the project. One unit may have two parts."""
        agency = () if self.agency is None else (Avoided(Part.AGENCY, self.agency),)
        competent = (Avoided(Part.COMPETENT, unit) for unit in self.competent)
        return (Avoided(Part.TENDEREE, self.tenderee), *agency, *competent)

    def _check_competent(self) -> None:
        if len(self.competent) > MAX_COMPETENT:
            raise Inadmissible(
                f"主管部门和监督部门最多{MAX_COMPETENT}个",
                f"at most {MAX_COMPETENT} competent units",
            )
        if len({unit.uscc for unit in self.competent}) < len(self.competent):
            raise Inadmissible(
                "主管部门或监督部门的统一社会信用代码重复,请更正", "a competent unit is named twice"
            )


def check_deadline(project: Project, now_ms: int) -> None:
    """Refuse to take a project whose bid deadline has passed.

    Raises:
        Inadmissible: The deadline is not after ``now_ms``.
    """
    if project.bid_deadline_ms <= now_ms:
        raise Inadmissible(
            "投标截止时间已过,不能提交远程异地评标申请",
            "the bid deadline has passed; remote evaluation can no longer be asked for",
        )


@dataclass(frozen=True, slots=True)
class ExpertSlots:
    """So many experts of one specialty. Raises Inadmissible if ``count`` is out of range."""

    specialty: Specialty
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.count <= committee.MAX_MEMBERS:
            raise Inadmissible(
                f"每个专业的专家人数应在1至{committee.MAX_MEMBERS}之间",
                f"the experts of one specialty number 1 to {committee.MAX_MEMBERS}",
            )


@dataclass(frozen=True, slots=True)
class SubRequirement:
    """What one sub-venue must offer, and the experts to be drawn from its pool.

    Raises:
        Inadmissible: No experts, a specialty twice, or fewer seats than experts.
    """

    venue: Requirement
    slots: tuple[ExpertSlots, ...]

    def __post_init__(self) -> None:
        if not self.slots:
            raise Inadmissible(
                "副场没有专家,请填写专业和人数",
                "the sub-venue has no experts; give specialties and numbers",
            )
        _check_slots(self.slots)
        if self.venue.seats < self.experts:
            raise Inadmissible(
                f"副场席位{self.venue.seats}个,少于专家{self.experts}人",
                f"{self.venue.seats} seats at the sub-venue for {self.experts} experts",
            )

    @property
    def experts(self) -> int:
        """Experts of all specialties."""
        return _heads(self.slots)


@dataclass(frozen=True, slots=True)
class BookingRequest:
    """What the agency asks for: one evaluation at a host and any number of sub-venues.

    Args:
        window: From sign-in to the end.
        host_seats: Seats at the host, 0 if nobody sits there.
        representatives: The tenderee's representatives; they sit at the host.
        host_slots: Experts from the host's pool; may be empty.
        subs: One requirement per sub-venue; none if the project is evaluated at the host alone.
        mode: How sub-venues are found.
        chosen: With ``CHOSEN``, one center per sub, in the order of ``subs``; else empty.

    Raises:
        Inadmissible: A number that does not fit another; the words say which.
    """

    window: Window
    host_seats: int
    representatives: int
    host_slots: tuple[ExpertSlots, ...]
    subs: tuple[SubRequirement, ...]
    mode: SelectionMode
    chosen: tuple[CenterId, ...] = ()

    def __post_init__(self) -> None:
        _check_slots(self.host_slots)
        if len(self.subs) > MAX_SUBS:
            raise Inadmissible(
                f"副场数量应在0至{MAX_SUBS}之间,现为{len(self.subs)}",
                f"there are 0 to {MAX_SUBS} sub-venues, not {len(self.subs)}",
            )
        if not self.subs and self.mode is not SelectionMode.CHOSEN:
            raise Inadmissible(
                "没有副场,无从随机或盲选,请改为自主选择",
                "there is no sub-venue to be drawn at random or blind; choose by name",
            )
        if not 0 <= self.representatives <= committee.MAX_MEMBERS:
            raise Inadmissible(
                f"招标人代表人数应在0至{committee.MAX_MEMBERS}之间",
                f"the representatives number 0 to {committee.MAX_MEMBERS}",
            )
        here = self.representatives + self.host_experts
        if not here <= self.host_seats <= MAX_SEATS:
            raise Inadmissible(
                f"主场席位{self.host_seats}个,应不少于主场成员{here}人且不超过{MAX_SEATS}个",
                f"{self.host_seats} seats at the host, for {here} members; at most {MAX_SEATS}",
            )
        self._check_choice()

    def _check_choice(self) -> None:
        if self.mode is not SelectionMode.CHOSEN:
            if self.chosen:
                raise Inadmissible(
                    "随机或盲选副场时不得指定中心",
                    "random and blind selection leave no center to be named",
                )
        elif len(set(self.chosen)) < len(self.chosen) or len(self.chosen) != len(self.subs):
            raise Inadmissible(
                f"自主选择须为{len(self.subs)}个副场各指定一个不同的中心",
                f"name one center, each another, for each of the {len(self.subs)} sub-venues",
            )

    @property
    def sub_count(self) -> int:
        """How many sub-venues are asked for."""
        return len(self.subs)

    @property
    def host_experts(self) -> int:
        """Experts at the host, of all specialties."""
        return _heads(self.host_slots)

    def committee(self) -> Committee:
        """The committee this request would seat; see ``node.domain.committee.check``."""
        return Committee(
            host=Site("主场", self.representatives, self.host_experts),
            subs=tuple(Site(f"副场{i}", 0, sub.experts) for i, sub in enumerate(self.subs, 1)),
        )


def _heads(slots: tuple[ExpertSlots, ...]) -> int:
    return sum(slot.count for slot in slots)


def _check_slots(slots: tuple[ExpertSlots, ...]) -> None:
    if len(slots) > MAX_SLOTS:
        raise Inadmissible(
            f"每个场地最多{MAX_SLOTS}个专业", f"at most {MAX_SLOTS} specialties per site"
        )
    if len({slot.specialty for slot in slots}) < len(slots):
        raise Inadmissible(
            "同一专业出现两次,请合并人数", "one specialty appears twice; merge the numbers"
        )


def _check_name(text: str, zh: str, en: str) -> None:
    if not 0 < len(text) <= MAX_NAME_CHARS or not text.isprintable() or text != text.strip():
        raise Inadmissible(
            f"{zh}应为1至{MAX_NAME_CHARS}个可见字符,首尾无空格",
            f"the {en} has 1 to {MAX_NAME_CHARS} visible characters, no blanks around them",
        )
