"""Which strata of an expert pool are so small that a lot among them means little.

In a city of 603 experts, 68 of them for services, people could tell beforehand who would sit
(``domain.md`` §3, row 3). Here: the arithmetic. It warns; what is refused is the agreement's
``pool_min_ratio``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

LEAST: Final = 20
"""Candidates below which a stratum is small unless configured otherwise: with five to draw,
whoever guesses a member at random is right one time in four."""


@dataclass(frozen=True, slots=True)
class Small:
    """A stratum that is small.

    Args:
        specialty: The stratum.
        candidates: How many can be drawn.
        needed: How many there should be.
    """

    specialty: str
    candidates: int
    needed: int


def small_strata(
    candidates: Mapping[str, int], wanted: Mapping[str, int], ratio: int, least: int
) -> tuple[Small, ...]:
    """The small ones among the wanted, the smallest first.

    Args:
        candidates: By specialty.
        wanted: How many experts are to be drawn, by specialty.
        ratio: So many candidates for each of them, as the agreement says.
        least: So many in any case; 0 for no such rule.
    """
    found = [
        Small(specialty, candidates.get(specialty, 0), max(least, count * ratio))
        for specialty, count in wanted.items()
    ]
    small = [each for each in found if each.candidates < each.needed]
    return tuple(sorted(small, key=lambda each: (each.candidates, each.specialty)))
