"""What is told of a dossier after all of its steps have passed: findings to a verdict."""

from collections.abc import Mapping
from dataclasses import dataclass

from federation.evidence.called_back import NONE, CalledBack
from federation.evidence.case import Case
from federation.evidence.checkpoint import Checkpoint
from federation.evidence.checks import checks
from federation.evidence.evaluation import Findings
from federation.evidence.supplementing import adds
from federation.evidence.verdict import DrawSummary, Outsider, Party, Verdict
from federation.protocol.conversation import Kind
from federation.protocol.draw import VOID, Open, Reveal


@dataclass(frozen=True, slots=True)
class LogHead:
    """One center's log as the other side cosigned it: the head, and when (unix milliseconds)."""

    head: Checkpoint
    cosigned_at_ms: int


def sum_up(
    case: Case,
    found: Findings,
    checked: Mapping[bytes, CalledBack],
    logs: Mapping[str, LogHead],
    words: int,
) -> Verdict:
    """The verdict on a dossier that holds.

    Args:
        case: Its words.
        found: What they came to.
        checked: What the regulator found of invitations, by draw.
        logs: Both logs, by center.
        words: How many words were verified.
    """
    parties = [
        Party(
            center,
            case.parties[center].name,
            role,
            logs[center].head.size,
            logs[center].cosigned_at_ms,
        )
        for center, role in ((found.host, "HOST"), (found.sub, "SUB"))
    ]
    draws = tuple(
        DrawSummary(
            draw.owner,
            draw.sealer,
            draw.invited,
            draw.accepted,
            draw.supplements,
            len(draw.members),
            _exclusions(case, talk),
            any(adds(case, told) for told, _ in case.find(talk, Open)),
            checked.get(talk, NONE),
        )
        for talk, draw in found.draws.items()
    )
    return Verdict(
        maker=case.dossier.maker,
        session=case.dossier.session.hex(),
        parties=(parties[0], parties[1]),
        agreement=case.terms.title,
        agreement_id=case.agreement.hex(),
        project_name=found.start.project_name,
        lot_code=found.start.lot_code,
        started_ms=found.started_ms,
        finished_ms=found.finished_ms,
        received_ms=found.received_ms,
        draws=draws,
        void_draws=len(found.void),
        members=len(found.start.members),
        representatives=found.representatives,
        words=words,
        other_venues=not found.alone,
        outside_contributors=min((draw.outside_values for draw in found.draws.values()), default=0),
        drawn=found.drawn,
        checks=checks(case, found.draws),
        outsiders=_outsiders(case),
        redrawn=_redrawn(case),
        voided=found.void,
    )


def _redrawn(case: Case) -> int:
    """Void draws in which somebody had revealed, where no regulator must give leave."""
    if case.terms.regulator:
        return 0
    void = [draw for draw in case.of_kind(Kind.DRAW) if case.phases[draw] == VOID]
    return sum(bool(case.find(draw, Reveal)) for draw in void)


def _outsiders(case: Case) -> tuple[Outsider, ...]:
    contributors, regulator = case.terms.outside_contributors, case.terms.regulator
    known = dict.fromkeys([*contributors, *([regulator] if regulator else [])])
    return tuple(
        Outsider(each, case.others.names.get(each, ""), each in contributors, each == regulator)
        for each in known
    )


def _exclusions(case: Case, draw: bytes) -> str:
    if not any(word.exclusion_commitment for _, word in case.find(draw, Open)):
        return "NONE"
    opened = case.dossier.openings.get(draw)
    return "SEALED" if opened is None or opened.excluded is None else "CHECKED"
