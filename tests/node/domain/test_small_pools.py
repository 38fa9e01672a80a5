"""Which strata are small."""

from hypothesis import given
from hypothesis import strategies as st

from node.domain.small_pools import LEAST, Small, small_strata


def test_a_stratum_is_small_by_the_agreements_ratio_or_by_the_least_number() -> None:
    sizes = {"A08": 30, "B03": 19, "C01": 200}
    found = small_strata(sizes, {"A08": 11, "B03": 1, "C01": 2, "D02": 1}, 3, LEAST)
    assert found == (Small("D02", 0, 20), Small("B03", 19, 20), Small("A08", 30, 33))


@given(
    st.dictionaries(st.sampled_from("ABCDE"), st.integers(0, 60)),
    st.dictionaries(st.sampled_from("ABCDE"), st.integers(0, 5)),
    st.integers(1, 5),
    st.integers(0, 40),
)
def test_exactly_those_with_too_few_are_named(
    sizes: dict[str, int], wanted: dict[str, int], ratio: int, least: int
) -> None:
    found = {each.specialty for each in small_strata(sizes, wanted, ratio, least)}
    assert found == {
        name for name, count in wanted.items() if sizes.get(name, 0) < max(least, count * ratio)
    }
