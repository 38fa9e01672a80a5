"""One joint evaluation by the clock and by the count: check-in, and the chair's election.

Here: when members may check in, and who has won the election. Not here: who may say so
(``node.services.sessions``), and the words between the centers (``federation.protocol``).
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

CHECK_IN_OPENS_MS: Final = 7_200_000  # 2 hours: experts arrive early, badges are not for days
MAX_REPORT_BYTES: Final = 20 * 1024 * 1024  # a signed PDF of some hundred pages; as the API takes


def check_in_opens_ms(start_ms: int) -> int:
    """The first moment a member may check in, unix milliseconds."""
    return start_ms - CHECK_IN_OPENS_MS


@dataclass(frozen=True, slots=True)
class Tally:
    """How an election of the chair stands.

    Args:
        leaders: Who has the most votes, ascending: one has won, several are tied.
        votes: Votes of each of them.
        cast: Votes cast in all.
    """

    leaders: tuple[bytes, ...]
    votes: int
    cast: int


def tally(ballots: Iterable[bytes]) -> Tally:
    """Count the votes. Members' votes weigh the same (评标委员会和评标方法暂行规定 第九条)."""
    counted = Counter(ballots)
    most = max(counted.values(), default=0)
    leaders = tuple(sorted(code for code, votes in counted.items() if votes == most))
    return Tally(leaders, most, counted.total())
