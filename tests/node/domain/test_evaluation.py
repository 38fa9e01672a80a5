"""Check-in's opening and the count of votes."""

from hypothesis import given
from hypothesis import strategies as st

from node.domain.evaluation import CHECK_IN_OPENS_MS, Tally, check_in_opens_ms, tally

CODES = st.binary(min_size=1, max_size=1)


def test_check_in_opens_two_hours_before_the_start() -> None:
    assert check_in_opens_ms(10_000_000) == 10_000_000 - 2 * 3_600_000
    assert CHECK_IN_OPENS_MS == 7_200_000


def test_who_has_most_votes_leads() -> None:
    assert tally([b"a", b"b", b"a"]) == Tally((b"a",), votes=2, cast=3)


def test_a_tie_has_several_leaders_in_order() -> None:
    assert tally([b"b", b"a", b"c", b"a", b"b"]) == Tally((b"a", b"b"), votes=2, cast=5)


def test_without_votes_nobody_leads() -> None:
    assert tally([]) == Tally((), votes=0, cast=0)


@given(st.lists(CODES))
def test_leaders_have_as_many_votes_as_nobody_else(ballots: list[bytes]) -> None:
    result = tally(ballots)
    assert result.cast == len(ballots)
    counts = {code: ballots.count(code) for code in ballots}
    assert set(result.leaders) == {code for code in counts if counts[code] == result.votes}
    assert all(count <= result.votes for count in counts.values())


@given(st.lists(CODES), st.randoms())
def test_the_order_of_the_ballots_does_not_matter(ballots: list[bytes], chance: object) -> None:
    shuffled = list(ballots)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert tally(shuffled) == tally(ballots)
