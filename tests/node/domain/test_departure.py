"""Grounds to recuse, as the law has them."""

from node.domain.departure import GROUNDS, Ground, reason_of


def test_every_ground_of_article_12_is_told_in_both_languages() -> None:
    assert set(GROUNDS) == set(Ground)
    assert all(zh and en for zh, en in GROUNDS.values())


def test_what_is_kept_names_the_ground_and_the_note() -> None:
    assert reason_of(Ground.RELATIVE, " 兄弟 ") == f"RELATIVE {GROUNDS[Ground.RELATIVE][0]} 兄弟"
    assert reason_of(None, "突发疾病") == "突发疾病"
    assert reason_of(None, "") == ""
