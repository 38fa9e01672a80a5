"""Article 37's arithmetic, against published splits and a brute-force count."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain.committee import (
    LAW_MINIMUM,
    MAX_MEMBERS,
    WATER_MINIMUM,
    Committee,
    CommitteeRefused,
    Site,
    check,
    experts_to_add,
    most_representatives,
)


def plan(host: tuple[int, int], *subs: int) -> Committee:
    """Representatives and experts at the host, and each sub's experts."""
    return Committee(
        Site("主场", *host), tuple(Site(f"副场{i}", 0, n) for i, n in enumerate(subs, 1))
    )


@pytest.mark.parametrize(
    "committee",
    [
        plan((0, 3), 1, 1),  # Fangchenggang, three cities
        plan((1, 3), 1),  # Ordos-Hohhot
        plan((2, 0), 5),  # Weifang-Luoyang: no expert at the host
        plan((2, 2), 3),  # Chibi-Hebi
        plan((1, 3), 2, 3),  # Jiyang, Nanyang, Suzhou: two subs in two provinces
        plan((0, 3), 2),  # Pingyin
    ],
)
def test_published_committees_are_lawful(committee: Committee) -> None:
    check(committee)
    assert experts_to_add(committee) == 0


@pytest.mark.parametrize(
    ("committee", "zh", "en"),
    [
        (plan((0, 3), 3), "单数", "must be odd"),
        (plan((0, 1), 2), "5人以上", "at least 5"),
        (plan((2, 1), 2), "三分之二", "two thirds"),
        (plan((0, 5), 0), "副场1没有任何成员", "sub-venue 副场1 has no member"),
        (plan((0, 50), 51), "上限99人", "over 99"),
    ],
)
def test_each_unlawful_committee_is_told_why_in_both_languages(
    committee: Committee, zh: str, en: str
) -> None:
    with pytest.raises(CommitteeRefused) as refused:
        check(committee)
    assert zh in refused.value.zh
    assert en in refused.value.en


def test_everything_wrong_is_said_at_once_with_what_would_do() -> None:
    with pytest.raises(CommitteeRefused) as refused:
        check(plan((2, 1), 1))
    words = refused.value.zh
    assert "单数" in words
    assert "5人以上" in words
    assert "三分之二" in words
    assert "招标投标法第三十七条" in words
    assert "再增加3名专家,共7人" in words


def test_an_industry_may_ask_for_more_but_not_for_less() -> None:
    five = plan((1, 3), 1)
    with pytest.raises(CommitteeRefused, match="行业规定要求7人以上"):
        check(five, minimum=WATER_MINIMUM)
    with pytest.raises(ValueError, match="below the law"):
        check(five, minimum=3)


def test_a_local_cap_on_representatives_comes_on_top_of_the_third() -> None:
    nine = plan((3, 3), 3)
    check(nine)
    check(plan((2, 3), 2), representatives_at_most=2)
    with pytest.raises(CommitteeRefused, match="最多2人") as refused:
        check(nine, representatives_at_most=2)
    assert "再增加" not in refused.value.zh


@pytest.mark.parametrize(("total", "most"), [(5, 1), (7, 2), (9, 3), (11, 3)])
def test_the_greatest_number_of_representatives(total: int, most: int) -> None:
    assert most_representatives(total) == most


@pytest.mark.parametrize(("representatives", "experts"), [(-1, 5), (1, -1), (50, 50)])
def test_impossible_head_counts_are_refused(representatives: int, experts: int) -> None:
    with pytest.raises(CommitteeRefused, match="人数"):
        Site("主场", representatives, experts)


def test_a_center_named_twice_is_refused() -> None:
    with pytest.raises(CommitteeRefused, match="两次"):
        Committee(Site("a", 1, 2), (Site("a", 0, 2),))


@given(
    st.integers(0, 20), st.integers(0, 20), st.integers(1, 20), st.sampled_from([LAW_MINIMUM, 7])
)
def test_the_check_agrees_with_the_law_and_the_advice_is_the_least_that_helps(
    representatives: int, experts: int, sub: int, minimum: int
) -> None:
    def lawful(extra: int) -> bool:
        all_experts = experts + sub + extra
        total = representatives + all_experts
        return total % 2 == 1 and total >= minimum and all_experts * 3 >= total * 2

    committee = plan((representatives, experts), sub)
    needed = next(extra for extra in range(MAX_MEMBERS) if lawful(extra))
    assert experts_to_add(committee, minimum) == needed
    if needed:
        with pytest.raises(CommitteeRefused):
            check(committee, minimum=minimum)
    else:
        check(committee, minimum=minimum)
