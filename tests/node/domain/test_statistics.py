"""Rates, alerts and repeated pairs."""

from hypothesis import given
from hypothesis import strategies as st

from federation.protocol.oversight import Finding
from node.domain.statistics import (
    FINDINGS,
    Alert,
    CalledBack,
    Pair,
    Thresholds,
    alerts,
    called_back,
    repeated_pairs,
    tally,
)

DAY = 86_400_000
LIMITS = Thresholds()


def rows(center: str, specialty: str, *responses: str | None) -> list[tuple[str, str, str | None]]:
    return [(center, specialty, response) for response in responses]


def test_answers_are_counted_by_center_and_specialty() -> None:
    found = tally(
        [
            *rows("b", "A08", "ACCEPT", "DECLINE", "NO_ANSWER", None),
            *rows("a", "A08", "LEAVE"),
            *rows("b", "B03", "DECLINE"),
        ]
    )
    assert [(each.center, each.specialty, each.invited) for each in found] == [
        ("a", "A08", 1),
        ("b", "A08", 4),
        ("b", "B03", 1),
    ]
    assert found[1].rate("DECLINE") == 0.25
    assert found[1].rate("LEAVE") == 0
    assert found[0].rate("LEAVE") == 1


def test_a_rate_above_its_threshold_is_told_but_not_of_a_few() -> None:
    many = rows("b", "A08", *["DECLINE"] * 6, *["ACCEPT"] * 4)
    few = rows("b", "B03", *["DECLINE"] * 9)
    half = rows("b", "C01", *["DECLINE"] * 5, *["ACCEPT"] * 5)
    gone = rows("a", "A08", "LEAVE", "RECUSED", "ABSENT", "LEAVE", *["ACCEPT"] * 6)
    found = alerts(tally([*many, *few, *half, *gone]), LIMITS)
    assert found == (Alert("a", "A08", "GONE", 40, 10), Alert("b", "A08", "DECLINE", 60, 10))


def test_a_pair_counts_as_repeated_within_the_days_only() -> None:
    lists = [
        (0, frozenset({"1", "2", "3"})),
        (80 * DAY, frozenset({"2", "1"})),
        (200 * DAY, frozenset({"1", "3"})),
    ]
    assert repeated_pairs(lists, LIMITS, DAY) == (Pair(("1", "2"), (0, 80 * DAY)),)
    assert repeated_pairs(lists, Thresholds(pair_days=300), DAY) == (
        Pair(("1", "2"), (0, 80 * DAY)),
        Pair(("1", "3"), (0, 200 * DAY)),
    )
    assert repeated_pairs(lists, Thresholds(pair_times=3, pair_days=300), DAY) == ()


def test_a_pair_does_not_name_its_people_in_a_log_line() -> None:
    assert "FJ" not in repr(Pair(("FJ-1", "FJ-2"), (0,)))


@given(st.lists(st.tuples(st.integers(0, 50), st.frozensets(st.sampled_from("abcd"))), max_size=6))
def test_pairs_are_found_in_whatever_order_lists_come(
    lists: list[tuple[int, frozenset[str]]],
) -> None:
    one = repeated_pairs([(day * DAY, uids) for day, uids in lists], LIMITS, DAY)
    other = repeated_pairs([(day * DAY, uids) for day, uids in reversed(lists)], LIMITS, DAY)
    assert one == other
    for pair in one:
        assert sum(set(pair.uids) <= uids for _, uids in lists) == len(pair.times)


def test_what_a_regulator_found_is_counted_by_center_and_each_invitation_once() -> None:
    found = called_back(
        [
            ("b", b"1", "MATCH"),
            ("b", b"2", "MISMATCH"),
            ("b", b"3", "NOT_PRODUCED"),
            ("b", b"3", "MATCH"),  # it came late
            ("a", b"4", "UNREACHED"),
            ("a", b"5", "OTHER_CALL"),
        ]
    )
    assert found == (CalledBack("a", 2, 0, 0, 1), CalledBack("b", 3, 2, 1, 1))
    assert called_back([]) == ()


def test_findings_are_those_of_the_protocol() -> None:
    assert set(FINDINGS) == {each.name for each in Finding}
