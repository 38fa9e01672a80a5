"""What the demonstration has seen; with ``--json`` it becomes the one object on stdout."""

from dataclasses import dataclass, field
from typing import Any, Final

SIGNATURES: Final = 2  # one of each center, over the same bytes
COMMITTEE: Final = 7  # 2 representatives + 2 host experts + 3 sub experts
SUPPLEMENTS: Final = 2  # the expert who declines and the one who does not answer


@dataclass
class Told:
    """What the demonstration has seen so far; becomes the JSON object."""

    agreement: dict[str, Any] = field(default_factory=dict)
    joint_test: dict[str, Any] = field(default_factory=dict)
    bookings: list[dict[str, Any]] = field(default_factory=list)
    committee: dict[str, Any] = field(default_factory=dict)
    draws: list[dict[str, Any]] = field(default_factory=list)
    roster: dict[str, Any] = field(default_factory=dict)
    evaluation: dict[str, Any] = field(default_factory=dict)
    dossier: dict[str, Any] = field(default_factory=dict)
    elapsed_seconds: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether everything came out as it must; the exit code depends on it."""
        experts = self.committee.get("experts_by_center", {})
        checks: tuple[Any, ...] = (
            self.agreement.get("signatures") == SIGNATURES,
            self.joint_test.get("passed"),
            self.bookings and all(leg["state"] == "COMPLETED" for leg in self.bookings),
            self.committee.get("size") == COMMITTEE,
            self.draws and all(draw["verified"] for draw in self.draws),
            sum(draw["supplements"] for draw in self.draws) == SUPPLEMENTS,
            self.roster.get("members") == sum(experts.values()),
            self.evaluation.get("state") == "ARCHIVED",
            self.dossier.get("verified"),
            self.dossier.get("tampered_refused"),
        )
        return all(checks)
