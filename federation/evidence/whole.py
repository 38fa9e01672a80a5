"""A file as it is handed round: a dossier of either kind, and what was opened of it later."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from federation.evidence.case import Decode
from federation.evidence.checks import with_names
from federation.evidence.joint import examine_joint, is_joint
from federation.evidence.joint_verdict import JointVerdict
from federation.evidence.naming import check_openings, split
from federation.evidence.verdict import Named, Verdict
from federation.evidence.verify import Examined, examined


@dataclass(frozen=True, slots=True)
class Whole:
    """A file that holds.

    Args:
        verdict: What is told of it.
        parts: The dossier of each sub-venue; one unless it is a joint one.
    """

    verdict: Verdict | JointVerdict
    parts: tuple[Examined, ...]


def look(file: bytes, decode: Decode) -> Whole:
    """Verify a file: a dossier or a joint one, with all openings that follow it.

    Raises:
        Refuted: At the first thing that is wrong.
        SuiteUnavailable: This machine lacks its suite; says nothing about it.
    """
    base, sections = split(file)
    joint = is_joint(base)
    parts = examine_joint(base, decode)[1] if joint else (examined(base, decode),)
    names = check_openings(base, sections, parts)
    told = tuple(_told(part, names) for part in parts)
    return Whole(JointVerdict(told) if joint else told[0], parts)


def _told(part: Examined, names: Sequence[Named]) -> Verdict:
    """What is told of a part, with the names that were opened of its draws."""
    draws = {draw.hex() for draw in part.findings.draws}
    mine = tuple(name for name in names if name.draw in draws)
    found = part.verdict
    return replace(found, names=mine, checks=with_names(found.checks, len(mine)))
