"""What must hold of silence, refusal and bundles, as checks that mutants can be tried on.

The waits are written by hand, like the grids.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from federation.ids import ConversationId
from federation.protocol import bundle, conversation
from federation.protocol.booking import Decision
from federation.protocol.bundle import Bundle, BundlePhase, Leg
from federation.protocol.conversation import Phase, Role, Table
from tests.protocol.grids import NOW, Grid, standing

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS


@dataclass(frozen=True, slots=True)
class Silence:
    """Who is waited for, by whose clock, how long, and where silence leads."""

    turn: Role
    authority: Role
    limit_ms: int
    lapses_to: Phase | None


def silences(text: str) -> Mapping[Phase, Silence]:
    """Parse one line a phase: ``phase turn authority limit_ms lapses_to``; "-" for nowhere."""
    found: dict[Phase, Silence] = {}
    for line in text.strip().splitlines():
        phase, turn, authority, limit, after = line.split()
        lapses_to = None if after == "-" else Phase(after)
        found[Phase(phase)] = Silence(Role(turn), Role(authority), int(limit), lapses_to)
    return found


def check_silence(table: Table, wanted: Grid, waits: Mapping[Phase, Silence]) -> None:
    """Assert deadline, authority and lapse in every phase, for both roles, to the millisecond."""
    assert set(table.waits) == set(waits)
    for phase, role, late_ms in itertools.product(wanted.phases, wanted.roles, (-1, 0, 1)):
        before = replace(standing(table, phase, role), deadline_ms=NOW)
        after = conversation.expire(table, before, NOW + late_ms)
        wait = waits.get(phase)
        acts = wait is not None and wait.authority == role and late_ms >= 0
        assert conversation.overdue(table, before, NOW + late_ms) is acts, (phase, role, late_ms)
        if wait is None or not acts:
            assert after is before, f"{role} must not act on silence in {phase}"
        elif wait.lapses_to is None:
            assert after == replace(before, deadline_ms=None)
        else:
            assert after.phase == wait.lapses_to
            limit = waits.get(wait.lapses_to)
            ends = None if limit is None else NOW + late_ms + limit.limit_ms
            assert after.deadline_ms == ends
        timeless = replace(before, deadline_ms=None)
        assert conversation.expire(table, timeless, NOW + late_ms) is timeless


def check_deadlines(table: Table, wanted: Grid, waits: Mapping[Phase, Silence]) -> None:
    """Assert that every legal word starts the clock of the phase it leads to."""
    for trial in wanted.trials():
        after = wanted.expected(trial)
        if after is None:
            continue
        step = conversation.say if trial.said else conversation.hear
        stood = standing(table, trial.phase, trial.role)
        ends = step(table, stood, trial.word, NOW).deadline_ms
        wait = waits.get(after)
        assert ends == (None if wait is None else NOW + wait.limit_ms), str(trial)
        if wait is not None:
            assert (wait.turn, wait.authority) == (
                table.waits[after].turn,
                table.waits[after].authority,
            )


def check_refused(table: Table, wanted: Grid, over: frozenset[str]) -> None:
    """Assert that a signed refusal ends a conversation, unless it is over already."""
    for phase, role in itertools.product(wanted.phases, wanted.roles):
        before = standing(table, phase, role)
        after = conversation.refused(table, before)
        if phase in over:
            assert after is before, f"a refusal must not change {phase}"
        else:
            assert after == replace(before, phase=Phase("REFUSED"), deadline_ms=None)


LEGS: Final = (ConversationId(b"1" * 16), ConversationId(b"2" * 16))
DECIDE_BY: Final = NOW + HOUR_MS
OPEN: Final = Bundle(b"b" * 16, LEGS, BundlePhase.HOLDING, DECIDE_BY)
_LONG: Final = NOW + DAY_MS


def legs(*states: tuple[str, int | None]) -> dict[ConversationId, Leg]:
    """Two legs, each a phase and the end of its promise."""
    pairs = zip(LEGS, states, strict=True)
    return {leg: Leg(Phase(phase), ends, told=False) for leg, (phase, ends) in pairs}


@dataclass(frozen=True, slots=True)
class Case:
    """A bundle's legs at a moment, and what must be decided."""

    name: str
    legs: Mapping[ConversationId, Leg]
    at_ms: int
    decision: Decision | None


def _yes(ends: int | None) -> tuple[str, int | None]:
    return ("PROMISED", ends)


_HELD: Final = ("HELD", None)

CASES: Final = (
    Case("all promised", legs(_yes(_LONG), _yes(_LONG)), NOW, Decision.CONFIRM),
    Case("just before the end", legs(_yes(_LONG), _yes(_LONG)), DECIDE_BY - 1, Decision.CONFIRM),
    Case("at the end", legs(_yes(_LONG), _yes(_LONG)), DECIDE_BY, Decision.ABORT),
    Case(
        "a promise that ends too soon",
        legs(_yes(_LONG), _yes(NOW + MINUTE_MS)),
        NOW,
        Decision.ABORT,
    ),
    Case(
        "a promise just long enough",
        legs(_yes(_LONG), _yes(NOW + MINUTE_MS + 1)),
        NOW,
        Decision.CONFIRM,
    ),
    Case("a promise without an end", legs(_yes(_LONG), _yes(None)), NOW, Decision.ABORT),
    Case("one still held", legs(_yes(_LONG), _HELD), NOW, None),
    Case("one still held, just before the end", legs(_yes(_LONG), _HELD), DECIDE_BY - 1, None),
    Case("one still held at the end", legs(_yes(_LONG), _HELD), DECIDE_BY, Decision.ABORT),
    Case("one not yet asked", legs(_HELD, ("NEW", None)), NOW, None),
    Case("one confirmed is not promised", legs(_yes(_LONG), ("CONFIRMED", None)), NOW, None),
    *(
        Case(f"one {phase}", legs(_yes(_LONG), (phase, None)), NOW, Decision.ABORT)
        for phase in ("DECLINED", "EXPIRED", "RELEASED", "REFUSED")
    ),
)


def check_decisions() -> None:
    """Assert what a bundle decides in every case, and that a decision is never changed."""
    for case in CASES:
        after = bundle.decide(OPEN, case.legs, case.at_ms)
        if case.decision is None:
            assert after is OPEN, case.name
            continue
        assert after.decision is case.decision, case.name
        assert after.phase is BundlePhase.DECIDED, case.name
        assert bool(after.reason) is (case.decision is Decision.ABORT), case.name
        for other in CASES:
            assert bundle.decide(after, other.legs, other.at_ms) is after, case.name


def check_closing() -> None:
    """Assert that a bundle closes only when decided and every leg was told or had refused."""
    settled = replace(OPEN, phase=BundlePhase.DECIDED, decision=Decision.ABORT)
    told = Leg(Phase("RELEASED"), None, told=True)
    untold = Leg(Phase("RELEASED"), None, told=False)
    refused = Leg(Phase("REFUSED"), None, told=False)
    for first, second in itertools.product((told, untold, refused), repeat=2):
        known = dict(zip(LEGS, (first, second), strict=True))
        after = bundle.close(settled, known)
        if untold in (first, second):
            assert after is settled
        else:
            assert after == replace(settled, phase=BundlePhase.CLOSED)
        assert bundle.close(OPEN, known) is OPEN
