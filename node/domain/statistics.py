"""Rates of answers and repeated pairs: figures that make a bent register visible.

A center whose experts decline much oftener than others', or where the same two sit together
again and again, may have nothing to hide; people should look. Nothing here names anybody.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Final

ACCEPT: Final = "ACCEPT"
GONE: Final = ("LEAVE", "RECUSED", "ABSENT")
"""Of those who had accepted; see ``federation.protocol.draw.GONE``."""
FINDINGS: Final = ("MATCH", "MISMATCH", "UNREACHED")
"""What experts say who are called back; ``federation.protocol.oversight.Finding``."""
RATES: Final = ("DECLINE", "NO_ANSWER", *GONE)


@dataclass(frozen=True, slots=True)
class Answers:
    """What was reported of invitations of one center and specialty.

    Args:
        center: Whose experts.
        specialty: The stratum.
        invited: How many invitations.
        responses: How many ended so: everybody's last report.
    """

    center: str
    specialty: str
    invited: int
    responses: Mapping[str, int]

    def rate(self, response: str) -> float:
        """The share of invitations that ended so, 0 to 1."""
        return self.responses.get(response, 0) / self.invited if self.invited else 0.0


@dataclass(frozen=True, slots=True)
class Pair:
    """Two experts of our own who sat on lists together more than once.

    Args:
        uids: Their registry numbers; for our own supervisors only.
        times: When each list was made, unix milliseconds.
    """

    uids: tuple[str, str] = field(repr=False)
    times: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CalledBack:
    """What a regulator found of invitations of one center that it checked by chance.

    Args:
        center: Whose experts.
        checked: How many invitations.
        matched: How many experts said what was reported.
        mismatched: How many said otherwise.
        faulty: How many records were not produced, or proved nothing.
    """

    center: str
    checked: int
    matched: int
    mismatched: int
    faulty: int


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When people are told.

    Args:
        decline_percent: More of the invitations declined.
        no_answer_percent: More of them not answered.
        gone_percent: More of them left, recused or absent after a yes.
        at_least: Of fewer invitations nothing is said: it would be chance.
        pair_times: So many lists with the same two.
        pair_days: Within so many days.
    """

    decline_percent: int = 50
    no_answer_percent: int = 50
    gone_percent: int = 30
    at_least: int = 10
    pair_times: int = 2
    pair_days: int = 90


@dataclass(frozen=True, slots=True)
class Alert:
    """A figure above its threshold: ``what`` is a response, or ``GONE``."""

    center: str
    specialty: str
    what: str
    percent: int
    invited: int


def tally(rows: Iterable[tuple[str, str, str | None]]) -> tuple[Answers, ...]:
    """Answers by center and specialty, in this order.

    Args:
        rows: (center, specialty, last response or None) of each invitation.
    """
    invited: Counter[tuple[str, str]] = Counter()
    responses: dict[tuple[str, str], Counter[str]] = {}
    for center, specialty, response in rows:
        place = center, specialty
        invited[place] += 1
        found = responses.setdefault(place, Counter())
        if response is not None:
            found[response] += 1
    return tuple(
        Answers(*place, invited[place], dict(responses[place])) for place in sorted(invited)
    )


def called_back(rows: Iterable[tuple[str, bytes, str]]) -> tuple[CalledBack, ...]:
    """What was found of each center's invitations, by center.

    Args:
        rows: (center, invitation, outcome) of each statement; there may be two of an invitation.
    """
    entries: dict[str, set[bytes]] = {}
    outcomes: dict[str, Counter[str]] = {}
    for center, invitation, outcome in rows:
        entries.setdefault(center, set()).add(invitation)
        outcomes.setdefault(center, Counter())[outcome] += 1
    return tuple(
        CalledBack(
            center,
            checked=len(entries[center]),
            matched=found["MATCH"],
            mismatched=found["MISMATCH"],
            faulty=found.total() - sum(found[name] for name in FINDINGS),
        )
        for center, found in sorted(outcomes.items())
    )


def alerts(found: Iterable[Answers], limits: Thresholds) -> tuple[Alert, ...]:
    """What is above its threshold."""
    above = []
    for each in found:
        if each.invited < limits.at_least:
            continue
        rates = {
            "DECLINE": (each.rate("DECLINE"), limits.decline_percent),
            "NO_ANSWER": (each.rate("NO_ANSWER"), limits.no_answer_percent),
            "GONE": (sum(each.rate(name) for name in GONE), limits.gone_percent),
        }
        above += [
            Alert(each.center, each.specialty, what, round(rate * 100), each.invited)
            for what, (rate, most) in rates.items()
            if rate * 100 > most
        ]
    return tuple(above)


def repeated_pairs(
    lists: Sequence[tuple[int, frozenset[str]]], limits: Thresholds, day_ms: int
) -> tuple[Pair, ...]:
    """Pairs that were on ``pair_times`` lists or more within ``pair_days``, oftenest first.

    Args:
        lists: When each was made, unix milliseconds, and who of ours was on it.
        limits: What is often.
        day_ms: Milliseconds of a day.
    """
    together: dict[tuple[str, str], list[int]] = {}
    for at_ms, uids in sorted(lists, key=lambda each: each[0]):
        for left, right in combinations(sorted(uids), 2):
            together.setdefault((left, right), []).append(at_ms)
    often = [
        Pair(uids, tuple(times))
        for uids, times in together.items()
        if any(
            times[at + limits.pair_times - 1] - times[at] <= limits.pair_days * day_ms
            for at in range(len(times) - limits.pair_times + 1)
        )
    ]
    return tuple(sorted(often, key=lambda pair: (-len(pair.times), pair.uids)))
