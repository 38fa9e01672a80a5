"""The arithmetic of an evaluation committee (招标投标法第三十七条).

Here: counting members over *all* venues of one joint evaluation, and saying what to change
when the count is unlawful. A venue may send no expert at all: in a published evaluation of
2025 the host gave two representatives and the sub five experts. Not here: who the members
are (the lottery decides), and whether they must recuse.

Sums are of integers, compared by cross-multiplication: two thirds has no exact float.
"""

from dataclasses import dataclass
from typing import Final

from node.domain.refusal import Inadmissible

LAW_MINIMUM: Final = 5  # 招标投标法 art. 37: five or more, and odd
WATER_MINIMUM: Final = 7  # water projects, CTS-EBS01-2016 B-022; pass it as ``minimum``
MAX_MEMBERS: Final = 99  # far above any committee ever published; catches a typing error
LAW: Final = "招标投标法第三十七条"
LAW_EN: Final = "art. 37, Bidding Law"


class CommitteeRefused(Inadmissible):
    """The committee as planned is unlawful; the words say what would make it lawful."""


@dataclass(frozen=True, slots=True)
class Site:
    """One center's share of the committee: heads of each kind.

    Args:
        center: What the reader of a refusal knows the center by; not interpreted.
        representatives: The tenderee's representatives who sit there.
        experts: Experts drawn to sit there.

    Raises:
        CommitteeRefused: A negative number, or more than ``MAX_MEMBERS``.
    """

    center: str
    representatives: int
    experts: int

    def __post_init__(self) -> None:
        if min(self.representatives, self.experts) < 0 or self.members > MAX_MEMBERS:
            raise CommitteeRefused(
                f"{self.center}的人数应在0至{MAX_MEMBERS}之间,请更正",
                f"the head count of {self.center} must lie between 0 and {MAX_MEMBERS}",
            )

    @property
    def members(self) -> int:
        """Representatives and experts together."""
        return self.representatives + self.experts


@dataclass(frozen=True, slots=True)
class Committee:
    """The plan of one committee: the host's share and each sub-venue's.

    Raises:
        CommitteeRefused: A center is named twice.
    """

    host: Site
    subs: tuple[Site, ...] = ()

    def __post_init__(self) -> None:
        names = [site.center for site in self.sites]
        if len(set(names)) < len(names):
            raise CommitteeRefused(
                "同一中心在评标委员会方案中出现两次,请合并",
                "one center appears twice in the committee's plan; merge its entries",
            )

    @property
    def sites(self) -> tuple[Site, ...]:
        """The host, then the subs in the order given."""
        return (self.host, *self.subs)

    @property
    def representatives(self) -> int:
        """The tenderee's representatives at all sites."""
        return sum(site.representatives for site in self.sites)

    @property
    def experts(self) -> int:
        """The experts at all sites."""
        return sum(site.experts for site in self.sites)

    @property
    def total(self) -> int:
        """All members at all sites."""
        return self.representatives + self.experts


def experts_to_add(committee: Committee, minimum: int = LAW_MINIMUM) -> int:
    """How many more experts make the committee lawful; 0 if it already is.

    The law's three conditions (odd, at least ``minimum``, ``3 * experts >= 2 * total``) can
    always be met by experts alone, and never need a representative more.
    """
    # 3(n - r) >= 2n  <=>  n >= 3r
    size = max(minimum, 3 * committee.representatives, committee.total)
    return size + (size % 2 == 0) - committee.total


def most_representatives(total: int) -> int:
    """How many of ``total`` members may be representatives: the other third of two thirds."""
    return total // 3


def check(
    committee: Committee,
    *,
    minimum: int = LAW_MINIMUM,
    representatives_at_most: int | None = None,
) -> None:
    """Refuse a committee the law does not allow.

    Args:
        committee: The plan over all venues.
        minimum: The least number of members; an industry may ask for more than the law.
        representatives_at_most: A local cap beside the law's third (Chongqing: 2), or None.

    Raises:
        CommitteeRefused: Names everything that is wrong and the nearest lawful committee.
        ValueError: ``minimum`` is below the law's: the configuration is wrong, not the plan.
    """
    if minimum < LAW_MINIMUM:
        raise ValueError(f"no industry may go below the law's {LAW_MINIMUM}: {minimum}")
    wrong = [
        *_seatless(committee),
        *_numbers(committee, minimum),
        *_cap(committee, representatives_at_most),
    ]
    if not wrong:
        return
    zh, en = (list(words) for words in zip(*wrong, strict=True))
    more = experts_to_add(committee, minimum)
    if more:
        size = committee.total + more
        zh.append(f"例如再增加{more}名专家,共{size}人即符合")
        en.append(f"for example {more} more expert(s), {size} members in all, would do")
    raise CommitteeRefused(";".join(zh), "; ".join(en))


_Words = tuple[str, str]


def _numbers(committee: Committee, minimum: int) -> list[_Words]:
    total, experts = committee.total, committee.experts
    wrong: list[_Words] = []
    if total > MAX_MEMBERS:
        wrong.append(
            (f"成员共{total}人,超过系统上限{MAX_MEMBERS}人", f"{total} members, over {MAX_MEMBERS}")
        )
    if total % 2 == 0:
        wrong.append(
            (
                f"成员共{total}人,{LAW}要求为单数",
                f"{total} members, but the number must be odd ({LAW_EN})",
            )
        )
    if total < minimum:
        rule = (LAW, LAW_EN) if minimum == LAW_MINIMUM else ("行业规定", "rule of the industry")
        wrong.append(
            (
                f"成员共{total}人,{rule[0]}要求{minimum}人以上",
                f"{total} members, but at least {minimum} are needed ({rule[1]})",
            )
        )
    if 3 * experts < 2 * total:
        allowed = most_representatives(total)
        wrong.append(
            (
                f"专家{experts}人不足成员总数{total}人的三分之二({LAW}),招标人代表最多{allowed}人",
                (
                    f"{experts} experts of {total} members are under two thirds ({LAW_EN}); "
                    f"at most {allowed} representatives"
                ),
            )
        )
    return wrong


def _seatless(committee: Committee) -> list[_Words]:
    return [
        (
            f"副场{site.center}没有任何成员,请安排专家或取消该副场",
            f"sub-venue {site.center} has no member; give it experts or leave it out",
        )
        for site in committee.subs
        if site.members == 0
    ]


def _cap(committee: Committee, cap: int | None) -> list[_Words]:
    if cap is None or committee.representatives <= cap:
        return []
    return [
        (
            f"招标人代表{committee.representatives}人,当地规定最多{cap}人,请减少",
            f"{committee.representatives} representatives, but local rules allow {cap}",
        )
    ]
