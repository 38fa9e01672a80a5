"""What the demonstration has seen; with ``--json`` it becomes the one object on stdout."""

from dataclasses import dataclass, field
from typing import Any, Final

SIGNATURES: Final = 2  # one of each center, over the same bytes


@dataclass
class Told:
    """What the demonstration has seen so far; becomes the JSON object.

    Args:
        planned: How many ``centers`` and committee ``members`` there will be, and how many of
            those called will be ``replaced``: who declines and who does not answer.
        chaos: What was done to the nodes on purpose; empty if nothing was.
        oversight: What the regulator gave and found; empty where there is none.
    """

    planned: dict[str, int]
    agreements: list[dict[str, Any]] = field(default_factory=list)
    joint_tests: list[dict[str, Any]] = field(default_factory=list)
    bookings: list[dict[str, Any]] = field(default_factory=list)
    committee: dict[str, Any] = field(default_factory=dict)
    draws: list[dict[str, Any]] = field(default_factory=list)
    roster: dict[str, Any] = field(default_factory=dict)
    evaluation: dict[str, Any] = field(default_factory=dict)
    dossier: dict[str, Any] = field(default_factory=dict)
    chaos: dict[str, Any] = field(default_factory=dict)
    oversight: dict[str, Any] = field(default_factory=dict)
    elapsed_seconds: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether everything came out as it must; the exit code depends on it."""
        experts = self.committee.get("experts_by_center", {})
        checks: tuple[Any, ...] = (
            len(self.agreements) == len(self.joint_tests) == self.planned["centers"] - 1,
            all(each["signatures"] == SIGNATURES for each in self.agreements),
            all(each["passed"] for each in self.joint_tests),
            self.bookings and all(leg["state"] == "COMPLETED" for leg in self.bookings),
            self.committee.get("size") == self.planned["members"],
            self.draws and all(draw["verified"] for draw in self.draws),
            sum(draw["supplements"] for draw in self.draws) == self.planned["replaced"],
            self.roster.get("members") == sum(experts.values()),
            self.evaluation.get("state") == "ARCHIVED",
            self.dossier.get("verified"),
            self.dossier.get("tampered_refused"),
        )
        return all(checks)
